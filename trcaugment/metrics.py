"""Errors of predicted positions: pure functions on tensors, in the unit of the positions.

Names as in the field, since two of them are easily mixed up: `coordinate_rmse` is smaller than a root mean squared
distance by the square root of 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


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


def distance_error(predicted: Tensor, true: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
    """Mean absolute error of the distances between pairs of points: how well rigid bodies keep their size."""
    first, second = (list(side) for side in zip(*pairs, strict=True))
    distances = [(points[..., first, :] - points[..., second, :]).norm(dim=-1) for points in (predicted, true)]
    error: Tensor = (distances[0] - distances[1]).abs().mean()
    return error
