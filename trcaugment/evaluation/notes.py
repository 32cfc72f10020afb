"""What the user should know of an evaluation beside its figures, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trcaugment.datasets.paired import Pair
from trcaugment.evaluation.sums import MPME, Sums, join, measure
from trcaugment.evaluation.truth import time_difference
from trcaugment.marker_sets import MarkerSet

_FEW_PEOPLE = 10
_FAR_MM = 100  # farther off than any model in any posture


def on_truth(trials: Sequence[Pair], marker_set: MarkerSet) -> Iterator[str]:
    """On markers that no truth has, and on gaps in the others."""
    known = {name for trial in trials for name in trial.markers.names}
    if trials and len(known) < len(marker_set):
        yield f"the truth has {len(known)} of {len(marker_set)} markers"
    n_samples = sum(trial.markers.n_frames * len(trial.markers.names) for trial in trials)
    n_gaps = sum(int(np.isnan(trial.markers.positions).any(axis=2).sum()) for trial in trials)
    if n_gaps:
        yield f"in {n_gaps} of {n_samples} samples of these markers the truth has a gap; they were left out"


def on_clocks(trials: Sequence[Pair]) -> Iterator[str]:
    """On trials whose input and truth have other time stamps."""
    found = [(trial.name, time_difference(trial.keypoints, trial.markers)) for trial in trials]
    differ = [f"{name}: {difference}" for name, difference in found if difference]
    if differ:
        yield (
            f"in {len(differ)} of {len(trials)} trials input and truth have other time stamps ({differ[0]}); "
            "predictions were interpolated to the truth's, which is right only if both clocks started together"
        )


def on_distance(trials: Sequence[str], sums: Sequence[Sequence[Sums]]) -> Iterator[str]:
    """On trials in which no model comes near the truth.

    Args:
        trials: names of the trials, (n_trials,).
        sums: of each model, one for each trial.
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
    """On intervals that are not there or too narrow."""
    if n_people == 1:
        yield "one subject: how much the errors of others would differ is not known, so there are no intervals"
    elif 1 < n_people < _FEW_PEOPLE:
        yield f"95 % intervals from {n_people} subjects are rather too narrow"
