"""Joint angles of a batch: for each subject in each output folder one scaled model, in a folder beside the markers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import as_completed
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from trcaugment.batch.plan import PlannedTrial
from trcaugment.batch.pools import Pool
from trcaugment.batch.report import FAILED
from trcaugment.errors import OsimError, TrcAugmentError
from trcaugment.files import as_json, read_file, replace_file, why_not_written
from trcaugment.osim.ik import MarkerErrors
from trcaugment.osim.pipeline import FIGURE_END, SCALING_FILES, Kit, scale_person, solve_trials, trial_files
from trcaugment.provenance import Sidecar, this_tool
from trcaugment.report.ik_errors import draw_ik_errors
from trcaugment.subject import Subject
from trcaugment.trc import read_trc

STATE_FILE = "ik.json"


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


def find_angles(everybody: list[Person], overwrite: bool, pool: Pool, n_workers: int) -> Iterator[tuple[Path, str]]:
    """Scale and solve in a pool, a subject at a time; yields every marker file and what became of it."""
    # A few subjects with many trials: then each has several processes.
    jobs = max(1, n_workers // max(1, len(everybody)))
    running = {pool.submit(_solve, person, overwrite, jobs): person for person in everybody}
    for future in as_completed(running):
        error = future.exception()
        if error is None:
            yield from future.result().items()
        else:
            yield from dict.fromkeys(running[future].outputs, f"{FAILED}: {error}").items()


def _person(folder: Path, outputs: list[Path], sidecars: list[Sidecar]) -> Person:
    """The middle one of heights that were estimated, trial by trial; stated ones are the same."""
    subject = Subject(median(each.subject.height_m for each in sidecars), sidecars[0].subject.mass_kg)
    digests = {path.name: each.output.sha256 for path, each in zip(outputs, sidecars, strict=True)}
    return Person(folder, subject, outputs, digests)


def _solve(person: Person, overwrite: bool, jobs: int) -> dict[Path, str]:
    """What became of every trial of a person; a folder that was made from the same files is kept."""
    done = _State(this_tool(), person.sha256)
    try:
        if _made_before(person, overwrite) == done:
            return dict.fromkeys(person.outputs, "kept")
        person.folder.mkdir(exist_ok=True)
        replace_file(person.folder / STATE_FILE, as_json(_State(this_tool(), {})))
        told = _scale_and_solve(person, jobs)
        if not any(text.startswith(FAILED) for text in told.values()):
            replace_file(person.folder / STATE_FILE, as_json(done))
        return told
    except TrcAugmentError as error:
        return dict.fromkeys(person.outputs, f"{FAILED}: {error}")
    except OSError as error:
        return dict.fromkeys(person.outputs, f"{FAILED}: {person.folder} {why_not_written(error)}")


def _made_before(person: Person, overwrite: bool) -> _State | None:
    """What the folder was made from, if all of it is there.

    Raises:
        OsimError: somebody else's files are in the folder.
    """
    try:
        state = msgspec.json.decode(read_file(person.folder / STATE_FILE), type=_State)
    except (OSError, msgspec.DecodeError) as error:
        if not overwrite and person.folder.exists() and any(person.folder.iterdir()):
            raise OsimError(f"{person.folder} is in the way: move it, or add --overwrite") from error
        return None
    files = [*SCALING_FILES, *(file for path in person.outputs for file in trial_files(path.stem))]
    return state if all((person.folder / file).is_file() for file in files) else None


def _scale_and_solve(person: Person, jobs: int) -> dict[Path, str]:
    """Raises TrcAugmentError if there is no scaled model."""
    paths = {path.stem: path for path in person.outputs}
    scaled = scale_person([read_trc(path) for path in person.outputs], None, person.subject, Kit(), person.folder)
    told = {}
    for name, errors in solve_trials(paths, scaled.tasks, person.folder, jobs):
        if isinstance(errors, MarkerErrors):
            replace_file(person.folder / f"{name}{FIGURE_END}", draw_ik_errors(errors, name))
            told[paths[name]] = f"marker RMS {1000 * errors.rms_m:.1f} mm"
        else:
            told[paths[name]] = f"{FAILED}: {errors}"
    return told
