"""Errors of predicted positions: pure functions on tensors, in the unit of the positions.

Two errors are called RMSE in the field: `coordinate_rmse` averages over axes too, and is smaller than the root mean
squared distance by a factor of √3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

Axis = tuple[tuple[int, ...], tuple[int, ...]]
_SHORTEST_AXIS = 1e-6  # in the unit of the positions; shorter axes have no direction


def position_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Euclidean distance of every point in every frame, (..., n_points) from (..., n_points, 3)."""
    distance: Tensor = (predicted - true).norm(dim=-1)
    return distance


def mpme(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean per-marker error: mean of the position error over all frames and markers."""
    return position_error(predicted, true).mean()


def coordinate_rmse(predicted: Tensor, true: Tensor) -> Tensor:
    """Root of the mean squared difference over all frames, markers and axes."""
    return (predicted - true).square().mean().sqrt()


def pair_distances(points: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Distances between pairs of points in every frame, (..., n_pairs) from (..., n_points, 3)."""
    first, second = ([pair[k] for pair in pairs] for k in range(2))
    distance: Tensor = (points[..., first, :] - points[..., second, :]).norm(dim=-1)
    return distance


def distance_error(predicted: Tensor, true: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Mean absolute error of the distances between pairs of points, such as markers on one rigid segment."""
    return (pair_distances(predicted, pairs) - pair_distances(true, pairs)).abs().mean()


def axis_error(predicted: Tensor, true: Tensor, axes: Sequence[Axis]) -> Tensor:
    """Mean error of the directions of axes: the distance between unit vectors, for small errors the angle in rad.

    Args:
        predicted: positions, (..., n_points, 3).
        true: positions, (..., n_points, 3).
        axes: indices of points; each axis goes from the mean of the first points to the mean of the second ones.
    """
    return position_error(_directions(predicted, axes), _directions(true, axes)).mean()


def _directions(points: Tensor, axes: Sequence[Axis]) -> Tensor:
    """Unit vectors along axes, (..., n_axes, 3)."""
    ends = [[points[..., list(end), :].mean(dim=-2) for end in axis] for axis in axes]
    return normalize(torch.stack([last - first for first, last in ends], dim=-2), dim=-1, eps=_SHORTEST_AXIS)


def acceleration(points: Tensor, step_s: float) -> Tensor:
    """Magnitude of every point's acceleration, from the second difference of frames that are `step_s` apart.

    Args:
        points: positions, (..., n_frames, n_points, 3).
        step_s: time from one frame to the next in s.

    Returns:
        Acceleration in the unit of the positions per s², (..., n_frames - 2, n_points).
    """
    before, here, after = points[..., :-2, :, :], points[..., 1:-1, :, :], points[..., 2:, :, :]
    size: Tensor = (after - 2 * here + before).norm(dim=-1) / step_s**2
    return size
