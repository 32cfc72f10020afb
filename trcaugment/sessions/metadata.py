"""The subject of a trial, from the metadata files of OpenCap and Pose2Sim."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from trcaugment.errors import SessionsError, SubjectError
from trcaugment.formats.files import read_file
from trcaugment.sessions.tree import OPENCAP_FILE, POSE2SIM_FILE, Tree, leads_out, parent, upwards
from trcaugment.subject import StatedSubject

_LARGEST_BYTES = 65_536  # metadata are a page of text; a malicious file of this size takes 3 s, of 1 MB minutes
_HEIGHT_KEY, _MASS_KEY = "participant_height", "participant_mass"
_SECTIONS = ("project", "markerAugmentation")  # markerAugmentation in older versions of Pose2Sim
_ROW = "a row to subjects.csv for each (columns path, subject, height_m, mass_kg)"


class Metadata:
    """The metadata files of a tree, each read at most once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
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

    def pose2sim_person(self, project: str, people: set[str]) -> tuple[str, StatedSubject]:
        """Subject name and person of a Pose2Sim project, given by the folder that holds `pose-3d`.

        Args:
            project: the folder.
            people: Pose2Sim's labels ("P1") of all people in the project's files; "" for files without label.

        Raises:
            SessionsError: a configuration cannot be read, or height or mass is missing, out of range, or not assigned
                to one of several people.
        """
        height, height_source = self._nearest(project, _HEIGHT_KEY, people)
        mass, mass_source = self._nearest(project, _MASS_KEY, people)
        height_m = None if _is_auto(height) else _number(height, height_source)
        person = StatedSubject(height_m, _number(mass, mass_source), height_source, mass_source)
        return self._name(self._participant(project)), _checked(person)

    def _nearest(self, project: str, key: str, people: set[str]) -> tuple[object, str]:
        """Value and source of a key, from the nearest configuration that has it."""
        for folder in upwards(project):
            if folder not in self._tree.pose2sim:
                continue
            file = _inside(folder, POSE2SIM_FILE)
            values = self._values(file, _parse_toml)
            if key not in values:
                continue
            source, value = f"{file} ({key})", values[key]
            one = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, list) and len(value) > 1:
                raise SessionsError(f"{source}: {len(value)} values cannot be assigned by their order; add {_ROW}")
            if len(people) > 1 and not _is_auto(one):
                shown = ", ".join(label or "one without label" for label in sorted(people))
                raise SessionsError(f"{source}: one value for the files of several people ({shown}); add {_ROW}")
            return one, source
        nearest = next(folder for folder in upwards(project) if folder in self._tree.pose2sim)
        raise SessionsError(f"{_inside(nearest, POSE2SIM_FILE)}: expected {key} in [project]; write it, or add {_ROW}")

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
