"""Joint-angle errors: predicted beside true markers after the same scaling and inverse kinematics, people alike.

A trial has an RMSE for every coordinate; a person's is the mean over trials, and those of all people are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trcaugment.datasets.paired import Pair
from trcaugment.evaluation.scores import INTERVAL_PERCENT, Score, draw_people
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import FloatArray
from trcaugment.osim.compare import DEGREES, Difference

ANGLE_RMSE, OFFSET_FREE = "angle_rmse_deg", "angle_offset_free_rmse_deg"
COORDINATE = "coordinate"
_NEEDED = tuple(
    ANATOMICAL_MARKERS.names[k] for part in ("ASIS", "PSIS", "knee", "ankle") for k in ANATOMICAL_MARKERS.both(part)
)


@dataclass(frozen=True)
class ComparedTrial:
    """A trial's predicted motion beside the true one.

    Attributes:
        subject_name: name of the subject.
        differences: predicted minus true, by coordinate.
    """

    subject_name: str
    differences: tuple[Difference, ...]

    @property
    def angles(self) -> tuple[Difference, ...]:
        """Of the angles that move in both motions: what rests in one, nothing measured there."""
        return tuple(each for each in self.differences if each.unit == DEGREES and each.moves)


def unknown_angles(trials: Sequence[Pair]) -> dict[str, tuple[str, ...]]:
    """Subjects whose true markers determine no pelvis or leg: subject -> what they lack."""
    seen: dict[str, set[str]] = {}
    for trial in trials:
        there = np.isfinite(trial.markers.positions).all(axis=2).any(axis=0)
        seen.setdefault(trial.subject_name, set()).update(np.array(trial.markers.names)[there].tolist())
    lacking = {name: tuple(marker for marker in _NEEDED if marker not in markers) for name, markers in seen.items()}
    return {name: markers for name, markers in lacking.items() if markers}


def score_angles(compared: Mapping[str, Sequence[ComparedTrial]]) -> list[Score]:
    """RMSE and offset-free RMSE in degrees: overall, by coordinate and by subject.

    The overall error is the mean over people of each person's mean over coordinates. Intervals are from the bootstrap
    over people that the other scores use.

    Args:
        compared: name of a model -> its trials.
    """
    return [row for model, trials in compared.items() if trials for row in _of_model(model, trials)]


def _of_model(model: str, trials: Sequence[ComparedTrial]) -> Iterator[Score]:
    people = sorted({trial.subject_name for trial in trials})
    coordinates = list(dict.fromkeys(each.coordinate for trial in trials for each in trial.angles))
    n = np.zeros((len(people), len(coordinates)))
    for trial in trials:
        for each in trial.angles:
            n[people.index(trial.subject_name), coordinates.index(each.coordinate)] += each.n_frames
    for metric, field in ((ANGLE_RMSE, "rmse"), (OFFSET_FREE, "offset_free_rmse")):
        errors = _by_person(trials, people, coordinates, field)
        whole = np.nanmean(errors, axis=1, keepdims=True) if errors.size else np.full((len(people), 1), np.nan)
        yield _mean(model, ("overall", "all"), metric, whole, n.sum())
        for k, name in enumerate(coordinates):
            yield _mean(model, (COORDINATE, name), metric, errors[:, [k]], n[:, k].sum())
        for row, name in enumerate(people):
            yield Score(model, "subject", name, metric, float(whole[row, 0]), None, None, int(n[row].sum()))


def _by_person(
    trials: Sequence[ComparedTrial], people: Sequence[str], coordinates: Sequence[str], field: str
) -> FloatArray:
    """Mean error over each person's trials, NaN where none measures the coordinate, (n_people, n_coordinates)."""
    total, count = (np.zeros((len(people), len(coordinates))) for _ in range(2))
    for trial in trials:
        for each in trial.angles:
            place = people.index(trial.subject_name), coordinates.index(each.coordinate)
            total[place] += getattr(each, field)
            count[place] += 1
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _mean(model: str, group: tuple[str, str], metric: str, errors: FloatArray, n: float) -> Score:
    """Mean over the people who have a value, (n_people, 1), with its interval."""
    known = errors[np.isfinite(errors[:, 0]), 0]
    low = high = None
    if len(known) > 1:
        drawn = np.concatenate([weights @ known for weights in draw_people(len(known))]) / len(known)
        low, high = (float(end) for end in np.percentile(drawn, INTERVAL_PERCENT))
    value = float(known.mean()) if len(known) else float("nan")
    return Score(model, *group, metric, value, low, high, int(n))
