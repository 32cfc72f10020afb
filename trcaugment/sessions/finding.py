"""Find the trials in a folder of OpenCap sessions, Pose2Sim projects and plain folders with a `subjects.csv`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from trcaugment.errors import SessionsError
from trcaugment.formats.files import read_file
from trcaugment.formats.subjects_csv import SUBJECTS_FILE, SubjectRow, first_fitting, read_subjects
from trcaugment.formats.trials import TRC_END, is_c3d
from trcaugment.sessions.layouts import IK_RECORD
from trcaugment.sessions.metadata import Metadata
from trcaugment.sessions.tree import OPENCAP_FILE, LeftOut, Tree, leads_out, parent, upwards, walk
from trcaugment.sessions.variants import OPENCAP_FOLDER, POSE2SIM_FOLDER, Variant, choose
from trcaugment.subject import StatedSubject


@dataclass(frozen=True)
class FoundTrial:
    """A trial that can be converted.

    Attributes:
        source: its TRC file.
        name: the file's path relative to the folder of trials, with `/`.
        subject_name: name of the subject, from the table or the folder; the same for all trials of a session.
        person: height and mass with their sources, which are paths relative to the folder of trials.
    """

    source: Path
    name: str
    subject_name: str
    person: StatedSubject


def find_trials(root: Path, subjects: Path | None, outputs: Path | None) -> list[FoundTrial | LeftOut]:
    """List all TRC and C3D files below a folder by name: trials, and files left out with the reason. Reads none.

    Args:
        root: the folder of trials.
        subjects: a table of subjects used instead of the folder's `subjects.csv`, with paths relative to `root`.
        outputs: the output folder; files in it are not trials. None if outputs lie among the trials: they are known by
            their sidecars, and folders of inverse kinematics by their record.

    Raises:
        SessionsError: `root` is no folder, holds no TRC file, or is inside `outputs`.
        SubjectsError: the table of subjects is damaged.
    """
    tree = walk(root, outputs)
    table = subjects or root / SUBJECTS_FILE
    rows = read_subjects(table) if subjects or os.path.lexists(table) else []
    solved = {parent(name) for name in tree.json_names if name.endswith(f"/{IK_RECORD}") and _record(tree, name)}
    names = [name for name in tree.trial_names if parent(name) not in solved]
    own = {name for name in names if _is_output(tree, name)}
    chosen, others = choose([name for name in names if name not in own])
    others |= dict.fromkeys(own, "an output of trcaugment, whose sidecar lies beside it")
    finder = _Finder(tree, table, rows, chosen)
    items: list[FoundTrial | LeftOut] = [finder.find(variant) for variant in chosen]
    items += [LeftOut(root / name, name, reason, failed=False) for name, reason in others.items()]
    items += [*tree.left_out, *finder.unused_rows()]
    return sorted(items, key=lambda item: item.name)


class _Made(msgspec.Struct):
    output: str = ""


class _Record(msgspec.Struct):
    """What identifies a sidecar or record of this program; conversion/ has all keys, but needs torch."""

    tool: str
    made: _Made = msgspec.field(default_factory=_Made)


def _record(tree: Tree, name: str) -> _Record | None:
    """The content of a JSON file that this program wrote; None if there is none such."""
    if name not in tree.json_names or leads_out(tree.root / name, tree.root):
        return None
    try:
        record = msgspec.json.decode(read_file(tree.root / name), type=_Record)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    return record if record.tool.startswith("trcaugment ") else None


def _is_output(tree: Tree, name: str) -> bool:
    """Whether the sidecar beside a file is its own; `walk.json` may be that of `walk.c3d` beside `walk.trc`."""
    record = _record(tree, name[: -len(TRC_END)] + ".json")  # .c3d is as long
    return record is not None and is_c3d(Path(record.made.output)) == is_c3d(Path(name))


class _OutsideError(Exception):
    """A file that is in a session or project but is not one of its trials."""


class _Finder:
    def __init__(self, tree: Tree, table: Path, rows: list[SubjectRow], variants: list[Variant]) -> None:
        self.tree, self.table, self.rows = tree, table, rows
        self.metadata = Metadata(tree, table.name)
        self.used: set[int] = set()
        self.beside: dict[str, list[Variant]] = {}  # by folder
        for variant in variants:
            self.beside.setdefault(parent(variant.name), []).append(variant)

    def find(self, variant: Variant) -> FoundTrial | LeftOut:
        """The trial with its subject, or the reason why it is left out."""
        source = self.tree.root / variant.name
        try:
            return FoundTrial(source, variant.name, *self._person(variant))
        except SessionsError as error:
            return LeftOut(source, variant.name, str(error), failed=True)
        except _OutsideError as error:
            return LeftOut(source, variant.name, str(error), failed=False)

    def unused_rows(self) -> list[LeftOut]:
        """Rows of the table that no trial uses, often because of a misspelt pattern."""
        reason = "line {}: no trial takes its subject from this row; is the path right ({})?"
        unused = (row for row in self.rows if row.line not in self.used)
        return [
            LeftOut(self.table, self.table.name, reason.format(row.line, row.pattern), failed=False) for row in unused
        ]

    def _person(self, variant: Variant) -> tuple[str, StatedSubject]:
        """Name and person of a trial. A row of the table takes precedence over metadata."""
        name = variant.name
        session = self._session(name)
        row = first_fitting(self.rows, name)
        if row is not None:
            self.used.add(row.line)
            source = f"{self.table.name}, line {row.line}"
            return row.name, StatedSubject(row.height_m, row.mass_kg, source, source)
        if session is not None:
            return self.metadata.opencap_person(session)
        folder = parent(name)
        if not any(above in self.tree.pose2sim for above in upwards(folder)):
            if is_c3d(Path(name)):  # folders of laboratories are full of them
                raise _OutsideError(f"a C3D of nobody known; if it holds keypoints, add a row to {self.table.name}")
            raise SessionsError(
                f"height and mass are not known; add a row that fits {name} to {self.table.name} "
                "(columns path, subject, height_m, mass_kg)"
            )
        if folder.rpartition("/")[2] != POSE2SIM_FOLDER:
            raise _OutsideError(
                f"Pose2Sim keeps its trials in {POSE2SIM_FOLDER}; to convert it, add a row to {self.table.name}"
            )
        return self.metadata.pose2sim_person(parent(folder), variant, self.beside[folder])

    def _session(self, name: str) -> str | None:
        """The OpenCap session that has this file as a trial, or None. The nearest metadata file decides."""
        for folder in upwards(parent(name)):
            if folder in self.tree.opencap:
                if name[len(folder) :].lstrip("/").startswith(f"{OPENCAP_FOLDER}/"):
                    return folder
                if folder not in self.tree.pose2sim:
                    raise _OutsideError(f"not in {OPENCAP_FOLDER}, where OpenCap keeps the trials of {OPENCAP_FILE}")
            if folder in self.tree.pose2sim:
                return None
        return None
