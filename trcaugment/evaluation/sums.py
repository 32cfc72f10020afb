"""Sums of errors of every trial or window, from which the measures of any group can be computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trcaugment.chain.signals import BoolArray
from trcaugment.evaluation.metrics import acceleration, pair_distances, position_error
from trcaugment.marker_sets import MarkerSet
from trcaugment.markers import FloatArray

MPME, RMSE, RIGID, JITTER = "mpme_mm", "coordinate_rmse_mm", "rigid_sd_mm", "rms_acceleration_m_s2"
NOT_PREDICTED = "not_predicted"
Measures = dict[str, tuple[FloatArray, FloatArray]]  # by name: values, and number of samples behind each


class Sums(NamedTuple):
    """Sums over the frames of one or several pieces (trials or windows); one row per piece or group.

    A sample is one marker in one frame. It is compared if both truth and prediction have it.

    Attributes:
        n_true: number of samples in the truth, (n_rows, n_markers).
        n: number of compared samples, (n_rows, n_markers).
        distance: sum of position errors in m, (n_rows, n_markers).
        square: sum of squared position errors in m², (n_rows, n_markers).
        n_accelerations: number of compared samples whose neighbours in time are compared too, (n_rows, n_markers).
        square_acceleration: sum of squared accelerations of the prediction in m²/s⁴, (n_rows, n_markers).
        n_pairs: number of frames with both markers of a rigid pair, (n_rows, n_pairs).
        square_deviation: sum of squared deviations of a rigid pair's predicted distance from its mean over the piece
            in m², (n_rows, n_pairs).
    """

    n_true: FloatArray
    n: FloatArray
    distance: FloatArray
    square: FloatArray
    n_accelerations: FloatArray
    square_acceleration: FloatArray
    n_pairs: FloatArray
    square_deviation: FloatArray

    def weigh(self, weights: FloatArray) -> Sums:
        """Weighted sums over the rows, one for each row of `weights`, (n_sums, n_rows)."""
        return Sums(*(weights @ values for values in self))

    def group(self, index: NDArray[np.intp], n_groups: int) -> Sums:
        """Sums over the rows with the same `index`, (n_rows,), from 0 to n_groups - 1."""
        grouped = Sums(*(np.zeros((n_groups, values.shape[1])) for values in self))
        for total, values in zip(grouped, self, strict=True):
            np.add.at(total, index, values)
        return grouped

    def take(self, rows: BoolArray) -> Sums:
        """The rows selected by a mask, (n_rows,)."""
        return Sums(*(values[rows] for values in self))


def join(parts: Sequence[Sums]) -> Sums:
    """The rows of all parts, one after the other."""
    return Sums(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def sum_errors(
    predicted: Tensor, true: Tensor, marker_set: MarkerSet, step_s: float, even: BoolArray | None = None
) -> Sums:
    """Sum the errors of each piece.

    Args:
        predicted: predicted positions in m, NaN where missing, (n_pieces, n_frames, n_markers, 3).
        true: true positions in m, NaN where missing, of the same shape.
        marker_set: marker set of both.
        step_s: time step in s.
        even: mask of the inner frames whose two neighbours are `step_s` away, (n_frames - 2,); None if all are.
    """
    n_true = true.isfinite().all(dim=-1)
    seen = torch.where((predicted - true).isfinite().all(dim=-1, keepdim=True), predicted, torch.nan)
    error = position_error(seen, true)
    size = acceleration(seen, step_s)
    if even is not None:
        size = torch.where(torch.from_numpy(even)[:, None], size, torch.nan)
    distances = pair_distances(seen, marker_set.rigid_pairs)
    deviation = distances - distances.nanmean(dim=1, keepdim=True)
    n_pairs = _count(deviation)
    return Sums(
        _count(torch.where(n_true, 1.0, torch.nan)),
        *(_count(error), _total(error), _total(error.square())),
        *(_count(size), _total(size.square())),
        np.where(n_pairs > 1, n_pairs, 0.0),  # one frame has no variance
        _total(deviation.square()),
    )


def measure(sums: Sums, *, by_marker: bool = False) -> Measures:
    """Compute every measure of each row. All markers, and all rigid pairs, have equal weight.

    Args:
        sums: sums from `sum_errors`, or sums over several of their rows.
        by_marker: whether to measure every marker on its own; rigid pairs are then left out.

    Returns:
        Values (NaN without samples) and numbers of samples by measure, (n_rows,), or (n_rows, n_markers) by marker.
    """
    shaped = Sums(*(values[..., None] for values in sums)) if by_marker else sums
    compared = shaped.n.sum(axis=-1)
    pairs, truth = shaped.n_pairs.sum(axis=-1), shaped.n_true.sum(axis=-1)
    measures = {
        MPME: (1e3 * _mean(shaped.distance, shaped.n), compared),
        RMSE: (1e3 * np.sqrt(_mean(shaped.square, 3 * shaped.n)), compared),
        JITTER: (
            np.sqrt(_mean(shaped.square_acceleration, shaped.n_accelerations)),
            shaped.n_accelerations.sum(axis=-1),
        ),
        RIGID: (1e3 * np.sqrt(_mean(shaped.square_deviation, shaped.n_pairs)), pairs),
        NOT_PREDICTED: (truth - compared, truth),
    }
    if by_marker:
        del measures[RIGID]
    return measures


def _count(values: Tensor) -> FloatArray:
    """Numbers that are not NaN over the frames, (n_pieces, n_columns) from (n_pieces, n_frames, n_columns)."""
    return values.isfinite().sum(dim=1).double().numpy()


def _total(values: Tensor) -> FloatArray:
    return values.double().nansum(dim=1).numpy()


def _mean(total: FloatArray, n: FloatArray) -> FloatArray:
    """Mean over the last axis of total / n, where there is any n; NaN where there is none at all."""
    known = n > 0
    ratio = np.divide(total, n, out=np.zeros_like(total), where=known)
    n_known = known.sum(axis=-1)
    return np.where(n_known > 0, ratio.sum(axis=-1) / np.maximum(n_known, 1), np.nan)
