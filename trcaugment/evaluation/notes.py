"""Notes on an evaluation: sentences on gaps, time stamps, large errors and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from trcaugment.datasets.paired import Pair
from trcaugment.evaluation.sums import MPME, Sums, join, measure
from trcaugment.evaluation.truth import time_difference
from trcaugment.marker_sets import MarkerSet

_FEW_PEOPLE = 10
_FAR_MM = 100  # no model is that wrong in any posture; the input must be


def on_truth(trials: Sequence[Pair], marker_set: MarkerSet) -> Iterator[str]:
    """Notes on markers that no true file has, and on gaps in the others."""
    known = {name for trial in trials for name in trial.markers.names}
    if trials and len(known) < len(marker_set):
        yield f"the truth has {len(known)} of {len(marker_set)} markers"
    n_samples = sum(trial.markers.n_frames * len(trial.markers.names) for trial in trials)
    n_gaps = sum(int(np.isnan(trial.markers.positions).any(axis=2).sum()) for trial in trials)
    if n_gaps:
        yield f"in {n_gaps} of {n_samples} samples of these markers the truth has a gap; they were left out"


def on_clocks(trials: Sequence[Pair]) -> Iterator[str]:
    """Note on trials in which input and truth have different time stamps."""
    differences = [(trial.name, time_difference(trial.keypoints, trial.markers)) for trial in trials]
    differ = [f"{name}: {difference}" for name, difference in differences if difference]
    if differ:
        yield (
            f"in {len(differ)} of {len(trials)} trials input and truth have different time stamps ({differ[0]}); "
            "predictions were interpolated to the truth's, which is right only if both clocks started together"
        )


def on_exchanged(found: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[str]:
    """Note on true markers that seem to have each other's name, by trial."""
    wrong = [f"{trial}: {first} and {second}" for trial, pairs in found.items() for first, second in pairs]
    if wrong:
        more = f", and {len(wrong) - 1} pairs more" if len(wrong) > 1 else ""
        yield f"true markers lie in each other's place, as if their names were exchanged ({wrong[0]}{more})"


def on_distance(trials: Sequence[str], sums: Sequence[Sequence[Sums]]) -> Iterator[str]:
    """Note on trials in which all models are more than 100 mm from the truth.

    Args:
        trials: names of the trials, (n_trials,).
        sums: for each model the sums of each trial.
    """
    if not trials:
        return
    nearest_mm = np.min([measure(join(parts))[MPME][0] for parts in sums], axis=0)
    far = np.flatnonzero(nearest_mm > _FAR_MM)
    if far.size:
        first = f"{trials[far[0]]}: {nearest_mm[far[0]]:.0f} mm at best"
        yield (
            f"in {far.size} of {len(trials)} trials all models are far off ({first}); do input and truth have the same "
            "origin, axes, unit and clock?"
        )


def on_intervals(n_people: int) -> Iterator[str]:
    """Note on intervals that are missing or too narrow."""
    if n_people == 1:
        yield "there is one subject only, so there are no intervals over subjects"
    elif 1 < n_people < _FEW_PEOPLE:
        yield f"95 % intervals from only {n_people} subjects are too narrow"
