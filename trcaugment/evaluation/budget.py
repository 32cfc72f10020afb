"""The error budget: the error's part that all people share, the part that is constant per person, and the rest.

Errors are true minus predicted positions in the frame of the segment that the marker is on (`segment_frames.py`, by the
predicted markers), along forward, up and outward; on the midline outward means right.

- The bias that all people share is a wrong mean position of the marker, which a better generator corrects.
- The constant part per person comes from anatomy and palpation; the person's own static trial can show it.
- The moving part changes within a trial and therefore affects joint angles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
import torch
from torch import Tensor

from trcaugment.chain.segment_frames import segment_axes
from trcaugment.evaluation.scores import Score
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import FloatArray

BUDGET, ALL_MARKERS = "budget", "all"
BIASES = ("bias_forward_mm", "bias_up_mm", "bias_outward_mm")
COMMON, CONSTANT, MOVING = "common_bias_mm", "constant_per_person_mm", "moving_mm"
_CONFIDENCE = 0.95


class SegmentSums(NamedTuple):
    """Sums of errors in segment frames over the frames of each piece (a trial or window), one row per piece.

    Attributes:
        n: number of compared samples, (n_pieces, 35).
        error: sum of errors along forward, up and outward in m, (n_pieces, 35, 3).
        square: sum of squared errors in m², (n_pieces, 35).
    """

    n: FloatArray
    error: FloatArray
    square: FloatArray


def sum_segment_errors(predicted: Tensor, true: Tensor) -> SegmentSums:
    """Sum the errors of each piece; positions in m, NaN where missing, (n_pieces, n_frames, 35, 3)."""
    axes = torch.from_numpy(segment_axes(predicted.numpy(), ANATOMICAL_MARKERS.names)).to(predicted)
    error = torch.einsum("...ij,...j->...i", axes, true - predicted)
    seen = error.isfinite().all(dim=-1)
    error = torch.where(seen[..., None], error, 0.0)
    total, square = error.sum(dim=1), error.square().sum(dim=(1, 3))
    return SegmentSums(*(each.double().numpy() for each in (seen.sum(dim=1), total, square)))


def error_budget(model: str, sums: Sequence[SegmentSums], subjects: Sequence[str]) -> list[Score]:
    """Error budget of every marker with samples, both sides together, and the mean over these markers.

    Args:
        model: name of the model.
        sums: sums from `sum_segment_errors`.
        subjects: subject of each piece, (n_pieces,).

    Returns:
        Scores of the group kind `BUDGET` in mm. Their groups are markers without side, and n is the number of people:
        the common bias along each axis (mean over people of their mean errors, with a t interval over people), its
        length, the mean over people of the length of their mean error (the constant part), and the root mean square
        error about each trial's mean (the moving part).
    """
    constant, moving = by_person(sums, subjects)
    rows: list[Score] = []
    sizes: list[list[float]] = []
    for part in dict.fromkeys(mark.part for mark in ANATOMICAL_MARKERS.landmarks):
        columns = [k for k, mark in enumerate(ANATOMICAL_MARKERS.landmarks) if mark.part == part]
        seen = np.isfinite(constant[:, columns, 0]).any(axis=1)
        if seen.any():
            values = list(_of_part(constant[seen][:, columns], moving[seen][:, columns]))
            rows += [Score(model, BUDGET, part, *row, int(seen.sum())) for row in values]
            sizes.append([value for metric, value, _, _ in values if metric not in BIASES])
    for metric, size in zip((COMMON, CONSTANT, MOVING), np.mean(sizes, axis=0) if sizes else (), strict=False):
        rows.append(Score(model, BUDGET, ALL_MARKERS, metric, float(size), None, None, len(set(subjects))))
    return rows


def by_person(parts: Sequence[SegmentSums], subjects: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Every person's mean error (n_people, 35, 3) and RMS error about each trial's mean (n_people, 35) in mm.

    Args:
        parts: sums from `sum_segment_errors`.
        subjects: subject of each piece, (n_pieces,). People are sorted by name; markers without samples are NaN.
    """
    sums = SegmentSums(*(np.concatenate(values) for values in zip(*parts, strict=True)))
    names, person = np.unique(subjects, return_inverse=True)
    n, error, within = (np.zeros((len(names), *each.shape[1:])) for each in sums)
    spread = sums.square - (sums.error**2).sum(axis=2) / np.maximum(sums.n, 1)
    for total, values in ((n, sums.n), (error, sums.error), (within, np.maximum(spread, 0))):
        np.add.at(total, person, values)
    count = np.where(n > 0, n, np.nan)
    return 1e3 * error / count[..., None], 1e3 * np.sqrt(within / count)


def _of_part(constant: FloatArray, moving: FloatArray) -> Iterator[tuple[str, float, float | None, float | None]]:
    """Metrics of one marker with value and interval, from (n_people, n_sides, 3) and (n_people, n_sides) in mm."""
    people = np.nanmean(constant, axis=1)
    common, n_people = people.mean(axis=0), len(people)
    if n_people > 1:
        error = people.std(axis=0, ddof=1) / np.sqrt(n_people)
        half = scipy.stats.t.ppf((1 + _CONFIDENCE) / 2, n_people - 1) * error
    for k, metric in enumerate(BIASES):
        ends = (float(common[k] - half[k]), float(common[k] + half[k])) if n_people > 1 else (None, None)
        yield metric, float(common[k]), *ends
    yield COMMON, float(np.linalg.norm(common)), None, None
    yield CONSTANT, float(np.nanmean(np.linalg.norm(constant, axis=2))), None, None
    yield MOVING, float(np.nanmean(moving)), None, None
