"""Joint angles of a batch: of each person a folder with the scaled model and the motions, kept while it is current."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

import msgspec

from trcaugment.conversion.copies import Copies
from trcaugment.conversion.ik import ScaledPerson, SolvedTrial, scale_and_solve
from trcaugment.conversion.people import PlannedPerson
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.report import Angles
from trcaugment.conversion.sidecar import this_tool
from trcaugment.errors import OsimError
from trcaugment.formats.files import TEMPORARY_END, as_json, read_file, replace_file, why_not_written
from trcaugment.formats.outputs import in_the_way
from trcaugment.osim.pipeline import SCALING_FILES, trial_files
from trcaugment.sessions.layouts import IK_RECORD

_TEMPORARY_FOLDER = re.compile(r"\.[a-z0-9_]{8}")  # as tempfile names them


class _State(msgspec.Struct):
    """Content of a folder's `ik.json`.

    Attributes:
        tool: name and version of the program that made the folder.
        markers: trial name -> SHA-256 of its marker file.
        angles: trial name -> result; empty until every trial is solved.
        how: what was chosen.
        copies: files that were copied elsewhere: path from the folder -> SHA-256.
    """

    tool: str
    markers: dict[str, str]
    angles: dict[str, Angles] = {}
    how: dict[str, str] = {}
    copies: dict[str, str] = {}


def find_angles(
    people: Iterable[PlannedPerson], overwrite: bool, pool: Pool, n_workers: int
) -> Iterator[tuple[Path, Angles]]:
    """Scale and solve in a pool; yields each marker file with its result, as trials are done.

    A folder that this version made from the same marker files is kept, and nothing is solved again.
    """
    at_work: dict[Path, _AtWork] = {}
    for planned in people:
        person = planned.person
        try:
            earlier = _begin(planned, overwrite)
        except OsimError as error:
            yield from ((path, Angles(angles="failed", angles_reason=str(error))) for path in person.trials.values())
            continue
        if isinstance(earlier, _AtWork):
            at_work[person.folder] = earlier
        else:
            yield from ((path, earlier[name]) for name, path in person.trials.items())
    for done in scale_and_solve([each.planned.person for each in at_work.values()], pool, n_workers):
        mine = at_work[done.person.folder]
        if isinstance(done, ScaledPerson):
            mine.scaled(done)
        else:
            yield done.person.trials[done.name], mine.solved(done)


@dataclass
class _AtWork:
    """A person whose trials are being solved.

    Attributes:
        planned: the person.
        copies: of the results.
        notes: on scaling.
        angles: results by trial; of failed ones too.
    """

    planned: PlannedPerson
    copies: Copies
    notes: tuple[str, ...] = ()
    angles: dict[str, Angles] = field(default_factory=dict)

    def scaled(self, done: ScaledPerson) -> None:
        """Take note of a scaled model."""
        self.notes = (*done.scaling.notes, *done.scaling.warnings)

    def solved(self, done: SolvedTrial) -> Angles:
        """Copy a trial's motions and, with the first, the model; record what was done, and return the result."""
        angles = _angles(done, self.notes)
        files = {**self.planned.models(), **self.planned.motions(done.name, angles.ik_parts or 1)}
        if done.errors is not None:
            try:
                self.copies.put(files, self.record)
            except OsimError as error:
                angles = msgspec.structs.replace(angles, angles="failed", angles_reason=str(error))
        self.angles[done.name] = angles
        if self.angles.keys() == self.planned.sha256.keys():
            self.record()
        return angles

    def record(self) -> None:
        """Write `ik.json`."""
        person, angles = self.planned.person, {}
        if self.angles.keys() == self.planned.sha256.keys() and not any(
            each.angles == "failed" for each in self.angles.values()
        ):
            self.copies.clear()
            angles = self.angles
        state = _State(this_tool(), self.planned.sha256, angles, self.planned.how, self.copies.recorded())
        replace_file(person.folder / IK_RECORD, as_json(state))


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


def _begin(planned: PlannedPerson, overwrite: bool) -> dict[str, Angles] | _AtWork:
    """The results of an earlier run if they are complete and current; else the folder is made ready.

    Raises:
        OsimError: the folder holds files that this program did not make, a copy would replace one, or it cannot be
            written.
    """
    folder = planned.person.folder
    try:
        state = _read_state(folder, overwrite)
        copies = Copies(folder, overwrite, {} if state is None else state.copies)
        if (
            state is not None
            and (state.tool, state.markers, state.how) == (this_tool(), planned.sha256, planned.how)
            and state.angles.keys() == planned.sha256.keys()
            and all((folder / file).is_file() for file in _files(state))
            and copies.is_intact()
        ):
            return {name: msgspec.structs.replace(each, angles="kept") for name, each in state.angles.items()}
        copies.check(planned.models())
        for name in planned.person.trials:
            copies.check(planned.motions(name))
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / IK_RECORD, as_json(_State(this_tool(), {}, copies=copies.recorded())))
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error
    return _AtWork(planned, copies)


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
        return msgspec.json.decode(read_file(folder / IK_RECORD), type=_State)
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
