"""Scaling and inverse kinematics with OpenSim in a pool: one scaled model per person, then IK of every trial."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from trcaugment.chain.smoothing import describe, smooth_points
from trcaugment.chain.time_range import WHOLE, TimeRange, cut_time
from trcaugment.chain.vertical import stand_up
from trcaugment.conversion.angle_uncertainty import ANGLE_UNCERTAINTY, AngleSpread, angle_spreads, angle_spreads_csv
from trcaugment.conversion.calibrated import calibrated_trial
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.sidecar import Sidecar, read_sidecar, sha256_of
from trcaugment.errors import MarkersError, OsimError, TrcAugmentError
from trcaugment.figures.figures import as_file
from trcaugment.figures.ik_errors import draw_ik_errors
from trcaugment.formats.files import read_file, replace_file, why_not_written
from trcaugment.formats.name_map import AS_THEY_ARE, NameMap
from trcaugment.formats.trials import read_trial
from trcaugment.formats.units import check_unit
from trcaugment.markers import MAX_GAP_S, Markers
from trcaugment.osim.factors import Scaling
from trcaugment.osim.ik import MarkerErrors
from trcaugment.osim.pipeline import FIGURE_END, Kit, Scaled, scale_person, solve
from trcaugment.osim.tasks import Tasks
from trcaugment.subject import Subject

# OpenSim has one log per process, and a Dask worker may run several threads.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Person:
    """A person: trials that share a scaled model.

    Attributes:
        folder: where the model and the angles are written.
        subject: height and mass.
        trials: name of a trial's files -> its marker file.
        static: static trial whose marker distances scale the model; None to use those of the trials.
        kit: the user's own OpenSim files, where given.
        names: the trials' names of the model's markers.
        time_range: the part of every trial that scales the model and is solved; the static trial stays whole.
        max_gap_s: frames without enough markers for less than this, in s, are interpolated; longer gaps part a trial.
        lowpass_hz: cut-off of the zero-phase filter that the trials' markers go through first; None for none.
        calibration: of the person, for trials that were predicted without it; None without one.
        neutral: name of the standing trial to which angles are also given; None without one.
    """

    folder: Path
    subject: Subject
    trials: Mapping[str, Path]
    static: Path | None = None
    kit: Kit = field(default_factory=Kit)
    names: NameMap = AS_THEY_ARE
    time_range: TimeRange = WHOLE
    max_gap_s: float = MAX_GAP_S
    lowpass_hz: float | None = None
    calibration: Path | None = None
    neutral: str | None = None


@dataclass(frozen=True)
class ScaledPerson:
    """A person's model was scaled.

    Attributes:
        person: the person.
        scaling: scale factors and mass.
        notes: trial name -> what was repaired or looked odd while reading it.
        spreads: trial name -> coordinate -> how far the angle may be off, for trials of which that is known.
    """

    person: Person
    scaling: Scaling
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spreads: dict[str, dict[str, AngleSpread]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SolvedTrial:
    """A trial was solved, or failed.

    Attributes:
        person: the person.
        name: name of the trial.
        errors: distances of the model's markers from the trial's; None if it failed.
        failure: why it failed.
    """

    person: Person
    name: str
    errors: MarkerErrors | None = None
    failure: TrcAugmentError | None = None


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Result of a scaling task: the model, the trials as read, and those that cannot be solved."""

    scaled: Scaled | None
    trials: dict[str, Markers]
    failures: dict[str, TrcAugmentError]
    spreads: dict[str, dict[str, AngleSpread]] = field(default_factory=dict)


def common_subject(sidecars: Sequence[Sidecar]) -> Subject:
    """Height and mass of one person from all of the trials: the median, because heights may be estimated per trial."""
    return Subject(median(each.subject.height_m for each in sidecars), sidecars[0].subject.mass_kg)


def scale_and_solve(people: Iterable[Person], pool: Pool, n_workers: int) -> Iterator[ScaledPerson | SolvedTrial]:
    """Scale every person's model, then solve the trials; a failure or a killed process affects no other trial.

    Every file is read once. Only a few people are in work at a time, so memory does not grow with their number.

    Args:
        people: with different folders, which exist.
        pool: runs tasks in other processes, because OpenSim might crash.
        n_workers: number of tasks that the pool runs at once.

    Yields:
        A `ScaledPerson` for each person, then a `SolvedTrial` for each trial, as they are done. If scaling fails, all
        of the person's trials fail.
    """
    waiting = iter(people)
    running: dict[Future[Any], tuple[Person, str | None]] = {}  # name None: the scaling task
    while True:
        n_at_work = len({person.folder for person, _ in running.values()})
        for person in islice(waiting, max(0, n_workers + 1 - n_at_work)):
            running[pool.submit(_scale, person)] = person, None
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            person, name = running.pop(future)
            error = future.exception()
            if error is not None:
                yield from _failed(person, dict.fromkeys([name] if name else person.trials, _explained(error)))
            elif name is not None:
                yield SolvedTrial(person, name, future.result())
            else:
                result: _Scaled = future.result()
                yield from _failed(person, result.failures)
                if result.scaled is not None:
                    notes = {each: trial.notes for each, trial in result.trials.items() if trial.notes}
                    yield ScaledPerson(person, result.scaled.scaling, notes, result.spreads)
                    for each, trial in result.trials.items():
                        task = pool.submit(_solve, each, trial, person, result.scaled.tasks)
                        running[task] = person, each


def _failed(person: Person, failures: Mapping[str, TrcAugmentError]) -> Iterator[SolvedTrial]:
    return (SolvedTrial(person, name, failure=failure) for name, failure in failures.items())


def _explained(error: BaseException) -> TrcAugmentError:
    if isinstance(error, TrcAugmentError):
        return error
    if isinstance(error, BrokenProcessPool):
        return OsimError("the process that worked on it died: OpenSim crashed, or memory ran out")
    return OsimError(
        f"OpenSim crashed, or something unforeseen happened ({type(error).__name__}: {error}); please report it with "
        "this file"
    )


def _scale(person: Person) -> _Scaled:
    """Read a person's trials, and scale the model to those that can be read."""
    trials: dict[str, Markers] = {}
    failures: dict[str, TrcAugmentError] = {}
    turned: list[str] = []
    for name, path in person.trials.items():
        try:
            read = calibrated_trial(path, _read(path, person.names), person.calibration, person.subject)
            smooth = _smooth(read, person.lowpass_hz)
            trials[name], done = _upright(path, cut_time(smooth, person.time_range))
            turned += [f"{name}: {done}"] if done else []
        except TrcAugmentError as error:
            failures[name] = error
    scaled = None
    if trials:
        try:
            static = None if person.static is None else stand_up(_read(person.static, person.names))[0]
            with _ONE_AT_A_TIME:
                scaled = scale_person(trials, static, person.subject, person.kit, person.folder)
            filtered = [] if person.lowpass_hz is None else [f"markers smoothed first: {describe(person.lowpass_hz)}"]
            warnings, notes = (*turned, *scaled.scaling.warnings), (*filtered, *scaled.scaling.notes)
            scaling = replace(scaled.scaling, warnings=warnings, notes=notes)
            scaled = replace(scaled, scaling=scaling)
        except TrcAugmentError as error:
            failures |= dict.fromkeys(trials, error)
    if scaled is None:
        return _Scaled(None, {}, failures)
    return _Scaled(scaled, trials, failures, _write_spreads(person, trials))


def _write_spreads(person: Person, names: Collection[str]) -> dict[str, dict[str, AngleSpread]]:
    """How far the angles of trials may be off, which the folder gets as a table.

    Nothing is known with the user's own model, of calibrated markers, or where markers were moved on the model.

    Raises:
        OsimError: the folder cannot be written.
    """
    as_measured = person.kit.model is None and person.calibration is None and not person.kit.placing
    found = {name: angle_spreads(person.trials[name]) for name in names} if as_measured else {}
    known = {name: spreads for name, spreads in found.items() if spreads}
    path = person.folder / ANGLE_UNCERTAINTY
    try:
        if known:
            replace_file(path, angle_spreads_csv(known))
        else:
            path.unlink(missing_ok=True)  # of an earlier run
    except OSError as error:
        raise OsimError(f"{person.folder} {why_not_written(error)}") from error
    return known


def _upright(path: Path, trial: Markers) -> tuple[Markers, str]:
    """A trial with Y up, and a note if it was turned. Y is up in an output of `predict` whose keypoints showed so.

    Predicted feet of a person who lies look as if they stood on a wall: the keypoints know better.
    """
    sidecar = read_sidecar(path)
    ours = sidecar is not None and sidecar.output.sha256 == sha256_of(read_file(path))
    if sidecar is not None and ours and all(each.guard != "vertical" for each in sidecar.findings):
        return trial, ""
    return stand_up(trial)


def _read(path: Path, names: NameMap) -> Markers:
    """A trial whose positions are in the unit that it states.

    Raises:
        TrcAugmentError: it cannot be read, or its positions are in another unit.
    """
    trial = names.apply(read_trial(path))
    try:
        check_unit(trial)
    except MarkersError as error:
        raise MarkersError(error.about(path)) from error
    return trial


def _smooth(trial: Markers, lowpass_hz: float | None) -> Markers:
    """The whole trial filtered, as its ends are the filter's weak places.

    Raises:
        MarkersError: the cut-off is not below half the rate.
    """
    if lowpass_hz is None:
        return trial
    return replace(trial, positions=smooth_points(trial.positions, trial.time_s, lowpass_hz))


def _solve(name: str, trial: Markers, person: Person, tasks: Tasks) -> MarkerErrors:
    """Solve a trial, and write a figure of its marker errors.

    Raises:
        TrcAugmentError: it could not be solved, or the folder cannot be written.
    """
    folder = person.folder
    with _ONE_AT_A_TIME:
        errors = solve(name, trial, tasks, folder, max_gap_s=person.max_gap_s, others=person.trials.keys() - {name})
    try:
        replace_file(folder / f"{name}{FIGURE_END}", as_file(draw_ik_errors(errors, name)))
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error
    return errors
