"""Sums of errors: what is kept of every trial or window, so that any group of people can be measured from it."""

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
Measures = dict[str, tuple[FloatArray, FloatArray]]  # name -> values and how many samples each is made of


class Sums(NamedTuple):
    """Sums over the frames of each piece (a trial or window), or of several pieces; every row is one of them.

    A sample is one marker in one frame. It is compared where both the truth and the prediction have it.

    Attributes:
        n_true: samples that the truth has, (n_rows, n_markers).
        n: samples compared, (n_rows, n_markers).
        distance: position errors in m, (n_rows, n_markers).
        square: squared position errors in m², (n_rows, n_markers).
        n_accelerations: samples compared together with those before and after, (n_rows, n_markers).
        square_acceleration: squared acceleration of the prediction in m²/s⁴, (n_rows, n_markers).
        n_pairs: frames with both markers of a rigid pair, (n_rows, n_pairs).
        square_deviation: squared deviation of a predicted distance from its mean over the piece in m², of rigid pairs,
            (n_rows, n_pairs).
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
        """Weighted sums over the rows, one for each row of weights, (n_sums, n_rows)."""
        return Sums(*(weights @ values for values in self))

    def group(self, index: NDArray[np.intp], n_groups: int) -> Sums:
        """Sums over the rows with the same index, (n_rows,)."""
        grouped = Sums(*(np.zeros((n_groups, values.shape[1])) for values in self))
        for total, values in zip(grouped, self, strict=True):
            np.add.at(total, index, values)
        return grouped

    def take(self, rows: BoolArray) -> Sums:
        """Only some rows."""
        return Sums(*(values[rows] for values in self))


def join(parts: Sequence[Sums]) -> Sums:
    """The rows of all parts, one after the other."""
    return Sums(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def sum_errors(
    predicted: Tensor, true: Tensor, marker_set: MarkerSet, step_s: float, even: BoolArray | None = None
) -> Sums:
    """Sums of each piece.

    Args:
        predicted: markers in m, NaN where none, (n_pieces, n_frames, n_markers, 3).
        true: the same, NaN where unknown.
        marker_set: which markers these are.
        step_s: time from frame to frame in s.
        even: whether every frame but the first and last stands `step_s` from both its neighbours; None where all do.
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
        np.where(n_pairs > 1, n_pairs, 0.0),  # a single frame keeps every distance
        _total(deviation.square()),
    )


def measure(sums: Sums, *, by_marker: bool = False) -> Measures:
    """Every measure of each row of sums; markers count alike, however often each is seen, and so do rigid pairs.

    Args:
        sums: from `sum_errors`, or sums of these.
        by_marker: measure every marker on its own; rigid pairs are left out.

    Returns:
        (n_rows,) values and samples, or (n_rows, n_markers) by marker. A value is NaN where there is no sample.
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
