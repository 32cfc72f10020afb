"""Joint angles of predicted and of true markers: the same scaling and inverse kinematics for each, then their errors.

Each kind of markers scales a model of its own, as a user without the truth would. Predicted markers that the truth
lacks are left out, so that nothing differs but their places. The keypoints alone, without augmentation, go the same
way with markers at keypoints on the shipped model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from trcaugment.chain.keypoints import find_keypoints
from trcaugment.conversion.ik import Person, SolvedTrial, scale_and_solve
from trcaugment.conversion.pools import Pool
from trcaugment.datasets.dataset import listed
from trcaugment.datasets.paired import Pair
from trcaugment.errors import OsimError, TrcAugmentError
from trcaugment.evaluation.angles import ComparedTrial, score_angles, unknown_angles
from trcaugment.evaluation.predicted import Predictor, predicted_markers
from trcaugment.evaluation.scores import Score
from trcaugment.formats.trc import write_trc
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import Markers
from trcaugment.osim.compare import Motion, compare, join_motions, read_motion
from trcaugment.osim.parts import Part
from trcaugment.osim.pipeline import Kit

KEYPOINTS_ALONE = "keypoints alone"
_TRUE = "true markers"
_Source = Callable[[Pair], Markers]


@dataclass(frozen=True)
class AngleErrors:
    """Errors of joint angles.

    Attributes:
        scores: of all models, other programs and the keypoints alone, in degrees.
        failed: reason for every trial that could not be solved for all of them, by the trial's name.
        notes: further sentences for the user.
    """

    scores: list[Score]
    failed: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Work:
    """What is to be solved: people (one for each subject and kind of markers), the kind and the trials of each."""

    people: list[Person] = field(default_factory=list)
    kind: dict[Path, str] = field(default_factory=dict)
    trials: dict[Path, dict[str, Pair]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def evaluate_angles(
    trials: Sequence[Pair],
    predictors: Mapping[str, Predictor],
    pool: Pool,
    n_workers: int,
    step: Callable[[], object] = lambda: None,
) -> AngleErrors:
    """Compare the joint angles of predicted markers, and of keypoints alone, with those of the true markers.

    A trial that cannot be solved for one kind of markers is left out for all.

    Args:
        trials: the trials.
        predictors: models and other programs' files by name.
        pool: where OpenSim runs.
        n_workers: of the pool.
        step: called for every trial and kind of markers that is done, `n_solved` times in all.
    """
    unknown = unknown_angles(trials)
    known = [trial for trial in trials if trial.subject_name not in unknown]
    with TemporaryDirectory() as name:
        work = _write(known, predictors, Path(name))
        motions: dict[str, dict[str, Motion]] = {trial.name: {} for trial in known}
        for done in scale_and_solve(work.people, pool, n_workers):
            if isinstance(done, SolvedTrial):
                trial, kind = work.trials[done.person.folder][done.name].name, work.kind[done.person.folder]
                if done.errors is None:
                    work.failed[trial] = f"joint angles of {kind}: {done.failure}"
                else:
                    motions[trial][kind] = _read(done.person.folder, done.errors.parts)
                step()
    compared = _compare(known, motions, (*predictors, KEYPOINTS_ALONE), work.failed)
    return AngleErrors(score_angles(compared), work.failed, (*_on_unknown(unknown), *_on_coordinates(compared)))


def n_solved(trials: Sequence[Pair], predictors: Mapping[str, Predictor]) -> int:
    """How often inverse kinematics solves a trial: for the truth, every predictor and the keypoints alone."""
    unknown = unknown_angles(trials)
    return (2 + len(predictors)) * sum(trial.subject_name not in unknown for trial in trials)


def _write(trials: Sequence[Pair], predictors: Mapping[str, Predictor], folder: Path) -> _Work:
    """Write the markers of every kind, a folder for each subject and kind."""
    sources: dict[str, _Source] = {_TRUE: attrgetter("markers")}
    sources |= {name: partial(_as_seen, predictor) for name, predictor in predictors.items()}
    sources[KEYPOINTS_ALONE] = _keypoints
    work = _Work()
    for subject in dict.fromkeys(trial.subject_name for trial in trials):
        own = {trial.name.replace("/", "_"): trial for trial in trials if trial.subject_name == subject}
        for kind, source in sources.items():
            place = folder / str(len(work.people))
            place.mkdir()
            paths = {}
            for name, trial in own.items():
                try:
                    write_trc(place / f"{name}.trc", source(trial))
                    paths[name] = place / f"{name}.trc"
                except TrcAugmentError as error:
                    work.failed[trial.name] = f"{kind}: {error}"
            subject_of = next(iter(own.values())).subject
            work.people.append(Person(place, subject_of, paths, kit=Kit(of_keypoints=kind == KEYPOINTS_ALONE)))
            work.kind[place], work.trials[place] = kind, own
    return work


def _as_seen(predictor: Predictor, trial: Pair) -> Markers:
    """The predicted markers that the truth has."""
    markers = predicted_markers(trial, predictor)
    there = np.isfinite(trial.markers.positions).all(axis=2).any(axis=0)
    seen = np.array(trial.markers.names)[there].tolist()
    names = tuple(name for name in markers.names if name in seen)
    return replace(markers, names=names, positions=markers.select(names))


def _keypoints(trial: Pair) -> Markers:
    found = find_keypoints(trial.keypoints)
    return Markers(KEYPOINTS.names, found.positions, trial.keypoints.time_s)


def _read(folder: Path, parts: Sequence[Part]) -> Motion:
    return join_motions([read_motion(folder / f"{part.name}.mot") for part in parts])


def _compare(
    trials: Sequence[Pair],
    motions: Mapping[str, Mapping[str, Motion]],
    kinds: Sequence[str],
    failed: dict[str, str],
) -> dict[str, list[ComparedTrial]]:
    """Every kind's trials beside the truth; those that failed for one kind are left out."""
    compared: dict[str, list[ComparedTrial]] = {kind: [] for kind in kinds}
    for trial in (each for each in trials if each.name not in failed):
        own = motions[trial.name]
        try:
            found = {kind: compare(own[_TRUE], own[kind]) for kind in kinds}
        except OsimError as error:
            failed[trial.name] = str(error)
            continue
        for kind, each in found.items():
            compared[kind].append(ComparedTrial(trial.subject_name, each.differences))
    return compared


def _on_unknown(unknown: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for subject, markers in unknown.items():
        yield f"no joint angles of {subject}: without {listed(markers)} the true ones are not known"


def _on_coordinates(compared: Mapping[str, Sequence[ComparedTrial]]) -> Iterator[str]:
    """Notes on kinds whose mean is over fewer coordinates than that of others."""
    shown = {
        kind: dict.fromkeys(each.coordinate for trial in trials for each in trial.angles)
        for kind, trials in compared.items()
    }
    everything = dict.fromkeys(chain.from_iterable(shown.values()))
    for kind, own in shown.items():
        lacking = [name for name in everything if name not in own]
        if lacking:
            yield f"{kind} measures no {', '.join(lacking)}: its mean joint-angle error is without"
