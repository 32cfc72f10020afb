"""Joint angles of a batch: one scaled model per subject, in a folder beside the marker files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from shutil import rmtree

import msgspec

from trcaugment.conversion.ik import Person, ScaledPerson, SolvedTrial, common_subject, scale_and_solve
from trcaugment.conversion.plan import PlannedTrial
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.report import Angles
from trcaugment.conversion.sidecar import Sidecar, this_tool
from trcaugment.errors import OsimError
from trcaugment.formats.files import TEMPORARY_END, as_json, read_file, replace_file, why_not_written
from trcaugment.formats.outputs import in_the_way
from trcaugment.markers import MAX_GAP_S
from trcaugment.osim.pipeline import SCALING_FILES, Kit, trial_files

STATE_FILE = "ik.json"
_TEMPORARY_FOLDER = re.compile(r"\.[a-z0-9_]{8}")  # as tempfile names them


@dataclass(frozen=True)
class HowToSolve:
    """What a batch may choose for inverse kinematics.

    Attributes:
        static: name of the trial that scales everybody who has it, without .trc; None for the usual choice.
        kit: OpenSim files of the user.
        max_gap_s: as in `Person`.
    """

    static: str | None = None
    kit: Kit = field(default_factory=Kit)
    max_gap_s: float = MAX_GAP_S

    def as_made(self) -> dict[str, str]:
        """The same for the record: the trial's name, checksums of the files, and the longest gap."""
        files = {name: path for name, path in vars(self.kit).items() if isinstance(path, Path)}
        chosen = {} if self.static is None else {"static": self.static}
        chosen |= {} if self.max_gap_s == MAX_GAP_S else {"max_gap_s": f"{self.max_gap_s:g}"}
        return chosen | {name: hashlib.sha256(read_file(path)).hexdigest() for name, path in files.items()}


@dataclass(frozen=True)
class PlannedPerson:
    """A person to scale, the SHA-256 of each marker file (trial name -> checksum), and what was chosen."""

    person: Person
    sha256: dict[str, str]
    how: dict[str, str] = field(default_factory=dict)


class _State(msgspec.Struct):
    """Content of a folder's `ik.json`.

    Attributes:
        tool: name and version of the program that made the folder.
        markers: trial name -> SHA-256 of its marker file.
        angles: trial name -> result; empty until every trial is solved.
    """

    tool: str
    markers: dict[str, str]
    angles: dict[str, Angles] = {}
    how: dict[str, str] = {}


def plan_people(
    trials: Iterable[PlannedTrial], sidecars: Mapping[Path, Sidecar], how: HowToSolve
) -> list[PlannedPerson]:
    """Group the converted trials by subject; of trials in several folders, the person's lies in the nearest common one.

    Raises:
        OSError: a file of the user cannot be read.
    """
    groups: dict[str, list[Path]] = {}
    for trial in trials:
        if trial.conversion.target in sidecars:
            groups.setdefault(trial.subject_name, []).append(trial.conversion.target)
    made = how.as_made()
    planned = []
    for subject_name, targets in groups.items():
        home = Path(os.path.commonpath([target.parent for target in targets]))
        outputs = _named(targets, home)
        subject = common_subject([sidecars[path] for path in targets])
        static = next((target for target in targets if target.stem == how.static), None)
        folder = home / f"ik_{subject_name.replace('/', '_')}"
        person = Person(folder, subject, outputs, static, how.kit, max_gap_s=how.max_gap_s)
        sha256 = {name: sidecars[path].output.sha256 for name, path in outputs.items()}
        planned.append(PlannedPerson(person, sha256, made))
    return planned


def _named(targets: Iterable[Path], home: Path) -> dict[str, Path]:
    """Names of the trials' files: with the folders below the common one, so that trials of several days stay apart."""
    named: dict[str, Path] = {}
    for target in sorted(targets):
        plain = name = "_".join(target.relative_to(home).with_suffix("").parts)
        for k in count(2):  # a/b_c.trc and a_b/c.trc
            if name not in named:
                break
            name = f"{plain}_{k}"
        named[name] = target
    return named


def find_angles(
    people: Iterable[PlannedPerson], overwrite: bool, pool: Pool, n_workers: int
) -> Iterator[tuple[Path, Angles]]:
    """Scale and solve in a pool; yields each marker file with its result, as trials are done.

    A folder that this version made from the same marker files is kept, and nothing is solved again.
    """
    waiting: dict[Path, PlannedPerson] = {}
    for planned in people:
        person = planned.person
        try:
            kept = _earlier_angles(planned, overwrite)
        except OsimError as error:
            yield from ((path, Angles(angles="failed", angles_reason=str(error))) for path in person.trials.values())
            continue
        if kept:
            yield from ((path, kept[name]) for name, path in person.trials.items())
        else:
            waiting[person.folder] = planned
    solved: dict[Path, dict[str, Angles]] = {folder: {} for folder in waiting}
    notes: dict[Path, tuple[str, ...]] = {}
    for done in scale_and_solve([each.person for each in waiting.values()], pool, n_workers):
        if isinstance(done, ScaledPerson):
            notes[done.person.folder] = (*done.scaling.notes, *done.scaling.warnings)
            continue
        person, angles = done.person, _angles(done, notes.get(done.person.folder, ()))
        if done.errors is not None:
            solved[person.folder][done.name] = angles
            if len(solved[person.folder]) == len(person.trials):
                made = waiting[person.folder]
                state = _State(this_tool(), made.sha256, solved[person.folder], made.how)
                replace_file(person.folder / STATE_FILE, as_json(state))
        yield person.trials[done.name], angles


def _angles(done: SolvedTrial, notes: tuple[str, ...]) -> Angles:
    if done.errors is None:
        return Angles(angles="failed", scaling_notes=notes, angles_reason=str(done.failure))
    return Angles(
        angles="solved",
        ik_marker_rms_m=round(done.errors.rms_m, 5),
        ik_marker_max_m=round(done.errors.max_m, 5),
        ik_over_limits=done.errors.over_limits or None,
        ik_parts=len(done.errors.parts),
        ik_notes=done.errors.notes,
        scaling_notes=notes,
    )


def _earlier_angles(planned: PlannedPerson, overwrite: bool) -> dict[str, Angles] | None:
    """The results of an earlier run if they are complete and current; else None, and the folder is made ready.

    Raises:
        OsimError: the folder holds files that this program did not make, or it cannot be written.
    """
    person = planned.person
    folder = person.folder
    try:
        state = _read_state(folder, overwrite)
        if (
            state is not None
            and (state.tool, state.markers, state.how) == (this_tool(), planned.sha256, planned.how)
            and state.angles.keys() == planned.sha256.keys()
            and all((folder / file).is_file() for file in _files(state))
        ):
            return {name: msgspec.structs.replace(each, angles="kept") for name, each in state.angles.items()}
        folder.mkdir(exist_ok=True)
        replace_file(folder / STATE_FILE, as_json(_State(this_tool(), {})))
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error
    return None


def _files(state: _State) -> list[str]:
    """Names of all files of a finished run."""
    parts = {name: angles.ik_parts or 1 for name, angles in state.angles.items()}
    return [*SCALING_FILES, *(file for name, n_parts in parts.items() for file in trial_files(name, n_parts))]


def _read_state(folder: Path, overwrite: bool) -> _State | None:
    """The folder's `ik.json`; None if there is none.

    Raises:
        OsimError: the folder holds files that this program did not make, and `overwrite` is not set.
    """
    _clear(folder)
    try:
        return msgspec.json.decode(read_file(folder / STATE_FILE), type=_State)
    except (OSError, msgspec.DecodeError) as error:
        if not overwrite and folder.exists() and any(folder.iterdir()):
            raise OsimError(in_the_way(folder, "it holds files that were not made here")) from error
        return None


def _clear(folder: Path) -> None:
    """Remove what killed batches left: hidden temporary folders of OpenSim runs, and half-written files."""
    for left in folder.glob(".*"):
        if left.is_dir() and _TEMPORARY_FOLDER.fullmatch(left.name):
            rmtree(left, ignore_errors=True)
        elif left.name.endswith(TEMPORARY_END):
            left.unlink(missing_ok=True)
