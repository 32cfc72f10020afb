"""The subject of a trial, from the metadata files of OpenCap and Pose2Sim."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from trcaugment.errors import SessionsError, SubjectError
from trcaugment.formats.files import read_file
from trcaugment.sessions.tree import OPENCAP_FILE, POSE2SIM_FILE, Tree, leads_out, parent, upwards
from trcaugment.sessions.variants import Variant, pose2sim_order
from trcaugment.subject import StatedSubject

_LARGEST_BYTES = 65_536  # metadata are a page of text; a malicious file of this size takes 3 s, of 1 MB minutes
_FILES_SHOWN = 4
_HEIGHT_KEY, _MASS_KEY = "participant_height", "participant_mass"
_SECTIONS = ("project", "markerAugmentation")  # markerAugmentation in older versions of Pose2Sim


class Metadata:
    """The metadata files of a tree, each read at most once.

    Args:
        tree: the folder of trials.
        table: name of the table of subjects, for advice in messages.
    """

    def __init__(self, tree: Tree, table: str) -> None:
        self._tree = tree
        self._row = f"a row to {table} for each (columns path, subject, height_m, mass_kg)"
        self._read: dict[str, dict[str, Any] | SessionsError] = {}

    def opencap_person(self, session: str) -> tuple[str, StatedSubject]:
        """Subject name and person of an OpenCap session, given by its folder.

        Raises:
            SessionsError: the metadata cannot be read, or height or mass is missing or out of range.
        """
        source = _inside(session, OPENCAP_FILE)
        values = self._values(source, _parse_yaml)
        missing = [key for key in ("height_m", "mass_kg") if key not in values]
        if missing:
            raise SessionsError(f"{source}: expected height_m and mass_kg, found no {' and no '.join(missing)}")
        height_m, mass_kg = (_number(values[key], f"{source}: {key}") for key in ("height_m", "mass_kg"))
        return self._name(session), _checked(StatedSubject(height_m, mass_kg, source, source))

    def pose2sim_person(self, project: str, own: Variant, all_files: Sequence[Variant]) -> tuple[str, StatedSubject]:
        """Subject name and person of a trial in a Pose2Sim project, given by the folder that holds `pose-3d`.

        A list of heights or masses belongs to the files in natural order, as Pose2Sim assigns it; every file is then a
        person of its own.

        Args:
            project: the folder.
            own: the trial's file.
            all_files: the files of the project that are converted.

        Raises:
            SessionsError: a configuration cannot be read, or height or mass is missing, out of range, or not assigned
                to one of several people.
        """
        shared = _Shared(own.name, [each.name for each in pose2sim_order(all_files)], self._row)
        (height, height_source), (mass, mass_source) = (self._nearest(project, key) for key in (_HEIGHT_KEY, _MASS_KEY))
        people = sorted({each.person for each in all_files})
        alone = any(isinstance(value, list) and len(value) > 1 for value in (height, mass))
        several = alone or len(people) > 1
        height, height_source = shared.value(height, height_source, people if several else [])
        mass, mass_source = shared.value(mass, mass_source, people if several else [])
        height_m = None if _is_auto(height) else _number(height, height_source)
        person = StatedSubject(height_m, _number(mass, mass_source), height_source, mass_source)
        name = _inside(project, own.trial.rpartition("/")[2]) if alone else self._name(self._participant(project))
        return name, _checked(person)

    def _nearest(self, project: str, key: str) -> tuple[object, str]:
        """Value and source of a key, from the nearest configuration that has it."""
        folders = [folder for folder in upwards(project) if folder in self._tree.pose2sim]
        for folder in folders:
            file = _inside(folder, POSE2SIM_FILE)
            values = self._values(file, _parse_toml)
            if key in values:
                return values[key], f"{file} ({key})"
        nearest = _inside(folders[0], POSE2SIM_FILE)
        raise SessionsError(f"{nearest}: expected {key} in [project]; write it, or add {self._row}")

    def _participant(self, project: str) -> str:
        """The participant's folder: above the trial's in a hierarchy of session, participant and trial, else itself."""
        above = parent(project)
        levels = [folder for folder in upwards(above) if folder in self._tree.pose2sim] if project else []
        return above if above in levels and len(levels) > 1 else project

    def _name(self, folder: str) -> str:
        return folder or self._tree.root.resolve().name or "subject"

    def _values(self, file: str, parse: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
        if file not in self._read:
            self._read[file] = self._parsed(file, parse)
        values = self._read[file]
        if isinstance(values, SessionsError):
            raise SessionsError(str(values))
        return values

    def _parsed(self, file: str, parse: Callable[[bytes], dict[str, Any]]) -> dict[str, Any] | SessionsError:
        path = self._tree.root / file
        if leads_out(path, self._tree.root):
            return SessionsError(f"{file}: a link to a file outside the folder of trials is not followed")
        try:
            return parse(_content(path))
        except OSError as error:
            return SessionsError(f"{file}: cannot be read ({error.strerror})")
        except RecursionError:
            return SessionsError(f"{file}: expected a page of metadata, found values nested too deeply")
        except (yaml.YAMLError, ValueError) as error:  # ValueError: TOML, and numbers of thousands of digits
            return SessionsError(f"{file}: cannot be read ({_one_line(error)})")


@dataclass(frozen=True)
class _Shared:
    """A file, the files of its folder in the order in which Pose2Sim shares out a list, and what else can be done."""

    own: str
    order: list[str]
    advice: str

    def value(self, value: object, source: str, people: Sequence[str]) -> tuple[object, str]:
        """The file's own part of a value, and its source.

        Args:
            value: one for all files, or a list.
            source: where it comes from.
            people: labels of the people to whom the files belong, if they are several.

        Raises:
            SessionsError: it does not say what this file's is.
        """
        if not isinstance(value, list) or len(value) < 2:
            one = value[0] if isinstance(value, list) and value else value
            if people and not _is_auto(one):
                shown = ", ".join(label or "one without label" for label in people)
                raise SessionsError(f"{source}: one value for the files of several people ({shown}); add {self.advice}")
            return one, source
        files = [name.rpartition("/")[2] for name in self.order]
        shown = ", ".join(files[:_FILES_SHOWN]) + (", ..." if len(files) > _FILES_SHOWN else "")
        if self.own not in self.order:
            raise SessionsError(f"{source}: Pose2Sim takes this list for other files ({shown}); add {self.advice}")
        if len(value) != len(files):
            raise SessionsError(
                f"{source}: expected a value for each file in their order ({shown}), found {len(value)} for "
                f"{len(files)}; add {self.advice}"
            )
        k = self.order.index(self.own)
        return value[k], f"{source.removesuffix(')')}, value {k + 1} of {len(value)} in order of the files)"


def _inside(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file


def _content(path: Path) -> bytes:
    """Read a file; raises OSError, or ValueError if it is too large."""
    if path.stat().st_size > _LARGEST_BYTES:
        raise ValueError(f"expected a page of metadata, found {path.stat().st_size} bytes")
    return read_file(path)


def _parse_yaml(content: bytes) -> dict[str, Any]:
    """Plain values at the top level. No objects are constructed, so tags and references have no effect.

    CSafeLoader would be faster, but deeply nested lists make it crash Python (PyYAML 6.0.3).
    """
    node = yaml.compose(content, Loader=yaml.SafeLoader)
    if not isinstance(node, yaml.MappingNode):
        raise ValueError("expected lines such as height_m: 1.78")
    values: dict[str, Any] = {}
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in values:
                raise ValueError(f"{key.value} is there twice")
            values[key.value] = value.value if isinstance(value, yaml.ScalarNode) else []
    return values


def _parse_toml(content: bytes) -> dict[str, Any]:
    """Height and mass from the section in which this version of Pose2Sim keeps them."""
    configuration = tomllib.loads(content.decode("utf-8-sig"))
    values: dict[str, Any] = {}
    for section in _SECTIONS:
        table = configuration.get(section)
        if isinstance(table, dict):
            values = {key: table[key] for key in (_HEIGHT_KEY, _MASS_KEY) if key in table} | values
    return values


def _is_auto(value: object) -> bool:
    return isinstance(value, str) and value.strip().lower() == "auto"


def _number(value: object, place: str) -> float:
    """Convert a number or its text to float; booleans are refused."""
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(str(value))  # via text, which turns an integer of 400 digits into infinity
    except ValueError:
        pass
    raise SessionsError(f"{place}: expected a number, found {repr(value)[:40] if value != '' else 'nothing'}")


def _checked(person: StatedSubject) -> StatedSubject:
    """Check height and mass separately, so that the error names the source of the wrong one."""
    for known, source in ((replace(person, height_m=None), person.mass_source), (person, person.height_source)):
        try:
            known.check()
        except SubjectError as error:
            raise SessionsError(f"{source}: {error}") from error
    return person


def _one_line(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem}, line {error.problem_mark.line + 1}"
    return " ".join(str(error).split())[:200]
