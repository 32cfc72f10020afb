"""Joint angles of a batch: for each subject in each output folder one scaled model, in a folder beside the markers."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from statistics import median
from typing import Any

import msgspec

from trcaugment.conversion.plan import PlannedTrial
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.report import FAILED
from trcaugment.conversion.sidecar import Sidecar, this_tool
from trcaugment.errors import OsimError, TrcAugmentError
from trcaugment.figures.ik_errors import draw_ik_errors
from trcaugment.formats.files import TEMPORARY_END, as_json, read_file, replace_file, why_not_written
from trcaugment.formats.trc import read_trc
from trcaugment.osim.ik import Tasks
from trcaugment.osim.pipeline import FIGURE_END, SCALING_FILES, Kit, scale_person, solve, trial_files
from trcaugment.subject import Subject

STATE_FILE = "ik.json"
_WORKSHOP = re.compile(r"\.[a-z0-9_]{8}")  # as tempfile names folders
_ONE_AT_A_TIME = threading.Lock()  # OpenSim has one log per process, and a Dask worker may have several threads


@dataclass(frozen=True)
class Person:
    """Trials that share a scaled model.

    Attributes:
        folder: where the model and the angles go.
        subject: height and mass.
        outputs: the marker files.
        sha256: their checksums, by name.
    """

    folder: Path
    subject: Subject
    outputs: list[Path]
    sha256: dict[str, str]


class _State(msgspec.Struct):
    """What a folder of angles was made from: checksums of the marker files; none until all is done."""

    tool: str
    markers: dict[str, str]


def people(trials: Iterable[PlannedTrial], sidecars: Mapping[Path, Sidecar]) -> list[Person]:
    """Who is there to be scaled: the subjects of every output folder, with the trials that were converted."""
    groups: dict[Path, list[Path]] = {}
    for trial in trials:
        target = trial.conversion.target
        if target in sidecars:
            folder = target.parent / f"ik_{trial.subject_name.replace('/', '_')}"
            groups.setdefault(folder, []).append(target)
    return [_person(folder, outputs, [sidecars[each] for each in outputs]) for folder, outputs in groups.items()]


def find_angles(everybody: Iterable[Person], overwrite: bool, pool: Pool) -> Iterator[tuple[Path, str]]:
    """Scale and solve in a pool; yields every marker file and what became of it.

    A folder that was made from the same files is kept.
    """
    running: dict[Future[Any], tuple[Person, Path | None]] = {}  # with no file: the scaling
    unsolved: dict[Path, int] = {}
    for person in everybody:
        try:
            if _is_done(person, overwrite):
                yield from dict.fromkeys(person.outputs, "kept").items()
                continue
        except OsimError as error:
            yield from dict.fromkeys(person.outputs, f"{FAILED}: {error}").items()
            continue
        running[pool.submit(_scale, person)] = person, None
        unsolved[person.folder] = len(person.outputs)
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            person, path = running.pop(future)
            failure = future.exception()
            if failure is not None:
                yield from dict.fromkeys([path] if path else person.outputs, f"{FAILED}: {_reason(failure)}").items()
            elif path is None:
                for each in person.outputs:
                    running[pool.submit(_solve, each, person.folder, future.result())] = person, each
            else:
                unsolved[person.folder] -= 1
                if not unsolved[person.folder]:
                    replace_file(person.folder / STATE_FILE, as_json(_State(this_tool(), person.sha256)))
                yield path, future.result()


def _reason(error: BaseException) -> str:
    if isinstance(error, TrcAugmentError):
        return str(error)
    return f"OpenSim crashed, or something unforeseen happened ({type(error).__name__}: {error})"


def _person(folder: Path, outputs: list[Path], sidecars: list[Sidecar]) -> Person:
    """The middle one of heights that were estimated, trial by trial; stated ones are the same."""
    subject = Subject(median(each.subject.height_m for each in sidecars), sidecars[0].subject.mass_kg)
    digests = {path.name: each.output.sha256 for path, each in zip(outputs, sidecars, strict=True)}
    return Person(folder, subject, outputs, digests)


def _is_done(person: Person, overwrite: bool) -> bool:
    """Whether all is there already; if not, the folder is ready to be filled.

    Raises:
        OsimError: somebody else's files are in the folder, or it cannot be written.
    """
    folder = person.folder
    try:
        if _made_before(person, overwrite) == _State(this_tool(), person.sha256):
            return True
        folder.mkdir(exist_ok=True)
        replace_file(folder / STATE_FILE, as_json(_State(this_tool(), {})))
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error
    return False


def _scale(person: Person) -> Tasks:
    """Make a subject's scaled model, and say what to follow.

    Raises:
        TrcAugmentError: there is none.
    """
    with _ONE_AT_A_TIME:
        trials = [read_trc(path) for path in person.outputs]
        return scale_person(trials, None, person.subject, Kit(), person.folder).tasks


def _solve(path: Path, folder: Path, tasks: Tasks) -> str:
    """What became of a trial.

    Raises:
        TrcAugmentError: it could not be solved.
    """
    with _ONE_AT_A_TIME:
        errors = solve(path.stem, read_trc(path), tasks, folder)
    try:
        replace_file(folder / f"{path.stem}{FIGURE_END}", draw_ik_errors(errors, path.stem))
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error
    return f"marker RMS {1000 * errors.rms_m:.1f} mm"


def _made_before(person: Person, overwrite: bool) -> _State | None:
    """What the folder was made from, if all of it is there.

    Raises:
        OsimError: somebody else's files are in the folder.
    """
    _clear(person.folder)
    try:
        state = msgspec.json.decode(read_file(person.folder / STATE_FILE), type=_State)
    except (OSError, msgspec.DecodeError) as error:
        if not overwrite and person.folder.exists() and any(person.folder.iterdir()):
            raise OsimError(f"{person.folder} is in the way: move it, or add --overwrite") from error
        return None
    files = [*SCALING_FILES, *(file for path in person.outputs for file in trial_files(path.stem))]
    return state if all((person.folder / file).is_file() for file in files) else None


def _clear(folder: Path) -> None:
    """Removes what killed batches left: OpenSim's hidden workshops, and files that are not whole."""
    for left in folder.glob(".*"):
        if left.is_dir() and _WORKSHOP.fullmatch(left.name):
            rmtree(left, ignore_errors=True)
        elif left.name.endswith(TEMPORARY_END):
            left.unlink(missing_ok=True)
