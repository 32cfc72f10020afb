"""People of laboratories, whose optical markers are the truth for predicted ones; used by other benchmarks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from trcaugment import Augmentation, Markers, Model, Subject, augment, read_trc
from trcaugment.chain.segment_frames import segment_axes
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import FloatArray

MOST_FRAMES = 200  # of a trial
MOVES_M = 0.02  # root mean square of markers about their mean place beside the body's middle; standing people have 4 mm
# Folders of one laboratory have names that begin alike, but for these.
LABORATORY = {"subject3": "opencap", "subject4": "opencap", "subject5": "opencap"}


def laboratory_of(person: str) -> str:
    """Where a person was recorded."""
    return LABORATORY.get(person, person.rstrip("0123456789"))


@dataclass(frozen=True, eq=False)
class LabTrial:
    """A trial: what was predicted, and the errors.

    Attributes:
        name: of its files.
        result: the prediction.
        error_m: true minus predicted along the axes of segments, (n_frames, n_markers, 3), NaN where unknown.
    """

    name: str
    result: Augmentation
    error_m: FloatArray

    @property
    def moving_m(self) -> FloatArray:
        """What the model says of the moving part, (n_frames, n_markers, 3)."""
        assert self.result.spread is not None
        return self.result.spread.moving_m


@dataclass(frozen=True, eq=False)
class LabPerson:
    """A person with trials."""

    name: str
    height_m: float
    trials: tuple[LabTrial, ...]

    @property
    def laboratory(self) -> str:
        """Where the person was recorded."""
        return laboratory_of(self.name)

    @property
    def constant_m(self) -> FloatArray:
        """Mean error in all trials, (n_markers, 3)."""
        return mean_seen(np.concatenate([trial.error_m for trial in self.trials]))

    @property
    def moves(self) -> bool:
        """Whether the trials show more than a person who stands still."""
        made = np.concatenate([trial.result.markers.positions for trial in self.trials])
        beside = made - np.nanmean(made, axis=1, keepdims=True)
        return bool(np.sqrt(np.nanmean((beside - np.nanmean(beside, axis=0)) ** 2)) > MOVES_M)

    @property
    def moving_ratios(self) -> FloatArray:
        """Errors about the person's mean over their stated deviations, (n_frames, n_markers, 3)."""
        mean_m = self.constant_m
        ratios = [(trial.error_m - mean_m) / trial.moving_m for trial in self.trials]
        return np.concatenate(ratios)


def shares_within(ratios: Sequence[FloatArray], scale: float = 1.0) -> FloatArray:
    """How many errors are within one and two deviations along each axis, (3, 2): the mean over people.

    Args:
        ratios: of each person errors over deviations, (n_samples, n_markers, 3), NaN where unknown.
        scale: of the deviations.
    """
    shares = np.array(
        [
            [[np.mean(np.abs(axis[np.isfinite(axis)]) < n * scale) for n in (1, 2)] for axis in np.moveaxis(each, 2, 0)]
            for each in ratios
        ]
    )
    return np.asarray(shares.mean(axis=0))


def mean_seen(values: FloatArray) -> FloatArray:
    """Mean over the first axis without NaN; NaN where there is nothing."""
    seen = np.isfinite(values)
    total, n = np.where(seen, values, 0).sum(axis=0), seen.sum(axis=0)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


Disturb = Callable[[FloatArray, np.random.Generator], FloatArray]


def white(deviation_m: float) -> Disturb:
    """Adds white noise along every axis."""
    return lambda positions, rng: positions + deviation_m * rng.standard_normal(positions.shape)


def lab_people(
    folder: Path, model: Model, *, disturb: Disturb | None = None, uncertainty: bool = False
) -> list[LabPerson]:
    """Everybody in a folder of people, predicted by a model; nobody if there is no such folder.

    Args:
        folder: holds a folder a person, as docs/accuracy.md describes.
        model: from `load_model`.
        disturb: what is done to the keypoints of every trial, (n_frames, n_keypoints, 3) in m; nothing by default.
        uncertainty: whether to ask for it.
    """
    people = []
    for about in sorted(folder.glob("*/subject.json")):
        known = json.loads(about.read_text(encoding="utf-8"))
        subject = Subject(known["height_m"], known["mass_kg"])
        files = [about.with_name(f"{name}_keypoints.trc") for name in known["trials"]]
        trials = tuple(_trials(files, subject, model, disturb, uncertainty))
        if trials:
            people.append(LabPerson(about.parent.name, subject.height_m, trials))
    return people


def _trials(
    files: Sequence[Path], subject: Subject, model: Model, disturb: Disturb | None, uncertainty: bool
) -> Iterator[LabTrial]:
    for k, file in enumerate(files):
        name = file.name.removesuffix("_keypoints.trc")
        both = [file, file.with_name(f"{name}_optical.trc")]
        if not all(each.exists() for each in both):
            continue
        keypoints, optical = (_first_frames(read_trc(each)) for each in both)
        if disturb:
            disturbed = disturb(keypoints.positions.copy(), np.random.default_rng(k))
            keypoints = replace(keypoints, positions=disturbed)
        result = augment(keypoints, subject, model, uncertainty=uncertainty)
        yield LabTrial(name, result, _errors(result.markers, optical))


def _first_frames(trial: Markers) -> Markers:
    return replace(trial, positions=trial.positions[:MOST_FRAMES], time_s=trial.time_s[:MOST_FRAMES])


def _errors(predicted: Markers, optical: Markers) -> FloatArray:
    true = np.full(predicted.positions.shape, np.nan)
    for name in set(predicted.names) & set(optical.names):
        true[:, predicted.names.index(name)] = optical.positions[:, optical.names.index(name)]
    return segment_errors(predicted.positions, true)


def segment_errors(
    predicted: FloatArray, true: FloatArray, names: Sequence[str] = ANATOMICAL_MARKERS.names
) -> FloatArray:
    """True minus predicted positions along the axes of the predicted segments, (..., n_names, 3), NaN where one is."""
    axes = segment_axes(predicted, names)
    return np.einsum("...ij,...j->...i", axes, true - predicted)
