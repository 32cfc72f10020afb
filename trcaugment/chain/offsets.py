"""Learns how far a person's marker is, constantly, from where a model predicts it, from trials that show both.

Offsets are shrunk towards none by how little was seen: the mean offset d of a marker along each axis becomes
d * a / (a + b / n + c * T / t), where a is the variance of constant offsets between people, b that of an offset between
trials of one person, n the number of trials, c the variance within a trial, T the time over which it changes, and t the
time that was seen (the posterior mean of a normal mean with a normal prior). Its change with the bend of the knee is
learnt in the same way from the frames of each trial, about the trial's means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from trcaugment.chain.calibration import FARTHEST_MM, MarkerOffset
from trcaugment.chain.checks.findings import medians_of
from trcaugment.chain.segment_frames import SEGMENTS
from trcaugment.errors import CalibrationError
from trcaugment.markers import FloatArray

_CHANGES_S = 0.5
_FRAMES_ENOUGH = 300  # to see that two markers are exchanged


class SeenMarker(NamedTuple):
    """One marker in one trial.

    Attributes:
        error_m: true minus predicted along forward, up and outward, (n_frames, 3).
        bend_deg: of `knee_bends`, (n_frames,).
        rate_hz: frames per second.
    """

    error_m: FloatArray
    bend_deg: FloatArray
    rate_hz: float

    @property
    def seen_s(self) -> float:
        """Time in which it was seen."""
        return len(self.error_m) / self.rate_hz


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of errors along each axis.

    Attributes:
        people_mm: of constant offsets, between people.
        trials_mm: of a trial's offset about that of its person.
        within_mm: of frames about their trial.
        per_degree_mm: of the change with the bend of the knee, between people.
    """

    people_mm: float
    trials_mm: float
    within_mm: float
    per_degree_mm: float = 0.0


# Of 17 lab people's errors (python benchmarks/calibration.py).
USUAL = {
    "trunk": Deviations(13.9, 8.1, 7.0),
    "pelvis": Deviations(15.8, 2.9, 4.0),
    "leg": Deviations(8.5, 2.7, 2.4, 0.14),
}


def kind_of(part: str) -> str:
    """Key of `USUAL` for a part of the body. Shoulders, neck and arms move as the arms are held."""
    if part in SEGMENTS["pelvis"]:
        return "pelvis"
    return "leg" if any(part in SEGMENTS[each] for each in ("thigh", "shank", "foot")) else "trunk"


def learn_offset(part: str, trials: Sequence[SeenMarker], usual: Mapping[str, Deviations] = USUAL) -> MarkerOffset:
    """What is learnt of a marker from some trials.

    Args:
        part: the part of the body that it marks.
        trials: where it was seen.
        usual: by kind of part.

    Raises:
        CalibrationError: it is too far from where it was predicted.
    """
    deviations = usual[kind_of(part)]
    slope = _slope(trials, deviations)
    middle = float(np.mean([each.bend_deg.mean() for each in trials]))
    straightened = [each.error_m - np.outer(each.bend_deg - middle, slope) for each in trials]
    mean_mm = 1000 * np.mean([np.median(each, axis=0) for each in straightened], axis=0)
    if np.linalg.norm(mean_mm) > FARTHEST_MM:
        raise CalibrationError(
            f"expected within {FARTHEST_MM:g} mm of the predicted place, found {np.linalg.norm(mean_mm):.0f} mm away: "
            "another marker, the other side, or other axes"
        )
    seen_s = sum(each.seen_s for each in trials)
    people = deviations.people_mm**2
    within = deviations.within_mm**2 * _CHANGES_S / max(seen_s, _CHANGES_S)
    error = deviations.trials_mm**2 / len(trials) + within
    share = people / (people + error)
    return MarkerOffset(
        offset_mm=_rounded(share * mean_mm, 2),
        per_degree_mm=_rounded(1000 * slope, 4),
        bend_deg=_rounded([min(t.bend_deg.min() for t in trials), middle, max(t.bend_deg.max() for t in trials)], 1),
        share=round(share, 3),
        n_trials=len(trials),
        seen_s=round(seen_s, 3),
        remaining_mm=round(float(np.sqrt(share * error)), 2),
    )


def _slope(trials: Sequence[SeenMarker], deviations: Deviations) -> FloatArray:
    """Change of the offset in m for each degree that the knee bends, (3,)."""
    if deviations.per_degree_mm == 0:
        return np.zeros(3)
    shared, own = np.zeros(3), 0.0
    for each in trials:
        beside = each.bend_deg - each.bend_deg.mean()
        weight = 1 / (_CHANGES_S * each.rate_hz)  # neighbouring frames tell the same
        shared += weight * beside @ each.error_m
        own += weight * float(beside @ beside)
    return np.asarray(shared / (own + (deviations.within_mm / deviations.per_degree_mm) ** 2))


def _rounded(values: FloatArray | Sequence[float], digits: int) -> tuple[float, float, float]:
    first, second, third = (round(float(each), digits) for each in values)
    return first, second, third


def exchanged(names: Sequence[str], predicted: FloatArray, true: FloatArray) -> list[tuple[str, str]]:
    """Pairs of markers whose true places would be less than half as far from the predicted ones the other way round.

    Args:
        names: of the markers.
        predicted: their predicted places in m, (n_frames, n_names, 3).
        true: their measured places in m, NaN in gaps, (n_frames, n_names, 3).
    """
    every = max(1, len(true) // _FRAMES_ENOUGH)
    here, there = predicted[::every], true[::every]
    away_m = np.array([medians_of(np.linalg.norm(there - here[:, [k]], axis=2)) for k in range(len(names))])
    return [
        (names[j], names[k])
        for j, k in combinations(range(len(names)), 2)
        if away_m[j, k] + away_m[k, j] < (away_m[j, j] + away_m[k, k]) / 2  # never of NaN, a marker not seen
    ]
