"""Scores: every measure of every group, with a bootstrap interval over subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trcaugment.evaluation.sums import NOT_PREDICTED, Measures, Sums, join, measure
from trcaugment.markers import FloatArray

N_RESAMPLES = 2000
INTERVAL_PERCENT = (2.5, 97.5)
_SEED = 20_261_123  # fixed, so that the same people are resampled for every model
_WEIGHTS_AT_ONCE = 4_000_000
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Score:
    """One measure of one model in one group.

    Attributes:
        model: name of the model.
        group_kind: "overall", "marker", "activity", "part" (of a data set's own split), "subject", "budget" or
            "coordinate" (of a model of the body).
        group: name of the marker, activity, part, subject or coordinate; "all" overall.
        metric: name of the measure with its unit, such as "mpme_mm".
        value: value of the measure.
        low: lower end of the 95 % interval; None if there is only one subject.
        high: upper end of the interval.
        n: number of samples (one marker, rigid pair or coordinate in one frame) behind the value.
    """

    model: str
    group_kind: str
    group: str
    metric: str
    value: float
    low: float | None
    high: float | None
    n: int


def score(
    model: str, markers: Sequence[str], sums: Sums, subjects: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> list[Score]:
    """Score all pieces together, and by marker, by label and by subject.

    Args:
        model: name of the model.
        markers: names of the markers, (n_markers,).
        sums: sums of errors, one row per piece (trial or window).
        subjects: subject of each piece, (n_pieces,).
        labels: groups of the pieces by kind of group, such as "activity"; "" for an unknown group, (n_pieces,).
    """
    names, person = np.unique(subjects, return_inverse=True)
    people = sums.group(person, len(names))
    resampled = _resample(people)
    scores = list(_score_group(model, ("overall", "all"), people, resampled))
    scores += _score_markers(model, markers, people, resampled)
    for kind, groups in labels.items():
        named = np.array([group or UNKNOWN for group in groups])
        for group in np.unique(named) if any(groups) else ():
            rows = named == group
            in_group, index = np.unique(person[rows], return_inverse=True)
            members = sums.take(rows).group(index, len(in_group))
            scores += _score_group(model, (kind, str(group)), members, _resample(members))
    each = measure(people)
    for k, name in enumerate(names):
        alone = {metric: (value[[k]], n[[k]]) for metric, (value, n) in each.items()}
        scores += _rows(model, ("subject", str(name)), alone, None)
    return scores


def _score_group(model: str, group: tuple[str, str], people: Sums, resampled: Sums | None) -> Iterator[Score]:
    """Scores of one group; `people` and `resampled` have one row per person and per draw."""
    yield from _rows(model, group, measure(_whole(people)), None if resampled is None else measure(resampled))


def _score_markers(model: str, markers: Sequence[str], people: Sums, resampled: Sums | None) -> Iterator[Score]:
    """Scores of every marker that the truth has in any frame."""
    whole = measure(_whole(people), by_marker=True)
    drawn = None if resampled is None else measure(resampled, by_marker=True)
    for k, marker in enumerate(markers):
        if whole[NOT_PREDICTED][1][0, k]:
            yield from _rows(model, ("marker", marker), _column(whole, k), None if drawn is None else _column(drawn, k))


def _column(measures: Measures, k: int) -> Measures:
    return {name: (value[:, k], n[:, k]) for name, (value, n) in measures.items()}


def _rows(model: str, group: tuple[str, str], whole: Measures, resampled: Measures | None) -> Iterator[Score]:
    for metric, (value, n) in whole.items():
        low = high = None
        if resampled is not None and metric != NOT_PREDICTED:
            drawn = resampled[metric][0]
            known = drawn[np.isfinite(drawn)]
            if known.size:
                low, high = (float(end) for end in np.percentile(known, INTERVAL_PERCENT))
        yield Score(model, *group, metric, float(value[0]), low, high, int(n[0]))


def _whole(people: Sums) -> Sums:
    """Sums over all people, in one row."""
    return people.weigh(np.ones((1, len(people.n))))


def _resample(people: Sums) -> Sums | None:
    """Bootstrap over people: sums of as many people drawn with replacement, one row per draw; None for one person.

    Frames and trials of one person are not independent, so people are resampled.
    """
    n_people = len(people.n)
    return None if n_people < 2 else join([people.weigh(weights) for weights in draw_people(n_people)])


def draw_people(n_people: int) -> Iterator[FloatArray]:
    """How often each person is drawn, in blocks of draws, (n_draws, n_people); the same draws each time."""
    rng = np.random.default_rng(_SEED)
    block = max(1, _WEIGHTS_AT_ONCE // n_people)
    for first in range(0, N_RESAMPLES, block):
        n_draws = min(block, N_RESAMPLES - first)
        yield rng.multinomial(n_people, np.full(n_people, 1 / n_people), n_draws).astype(np.float64)
