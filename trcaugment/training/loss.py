"""The training loss and its terms."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from trcaugment.evaluation.metrics import axis_error, distance_error, mpme, position_error
from trcaugment.marker_sets import MarkerSet
from trcaugment.model.card import N_AXES
from trcaugment.model.network import Prediction
from trcaugment.training.recipe import Loss


def as_points(coordinates: Tensor) -> Tensor:
    """Reshape (n_windows, n_frames, 3 n_points) to (n_windows, n_frames, n_points, 3)."""
    return coordinates.reshape(*coordinates.shape[:2], -1, N_AXES)


def training_loss(chosen: Loss, markers: MarkerSet, features: Tensor, targets: Tensor, predicted: Prediction) -> Tensor:
    """Loss of one batch in multiples of height; a mean squared error in their squares.

    Args:
        chosen: terms and weights of the loss.
        markers: the predicted marker set, for its rigid pairs and segment axes.
        features: (n_windows, n_frames, n_features).
        targets: (n_windows, n_frames, n_targets).
        predicted: output of `MarkerNetwork.run`.
    """
    points, true = as_points(predicted.markers), as_points(targets)
    loss = mse_loss(points, true) if chosen.kind == "mse" else mpme(points, true)
    if chosen.rigid_weight and markers.rigid_pairs:
        loss = loss + chosen.rigid_weight * distance_error(points, true, markers.rigid_pairs)
    if chosen.axis_weight and markers.axes:
        loss = loss + chosen.axis_weight * axis_error(points, true, markers.axes)
    if chosen.attention_distance_weight:
        keypoints = as_points(features[..., : N_AXES * predicted.attention.shape[-1]])
        distance = attention_distance(predicted.attention, keypoints, true, position_error(points, true))
        loss = loss + chosen.attention_distance_weight * distance
    if predicted.log_spread is not None:
        loss = loss + spread_loss(predicted.log_spread, predicted.markers, targets)
    return loss


def spread_loss(log_spread: Tensor, predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood of the errors under Laplace distributions; only the spread gets gradients.

    Args:
        log_spread: logarithm of the scale of every coordinate's distribution, (n_windows, n_frames, n_targets).
        predicted: (n_windows, n_frames, n_targets).
        targets: (n_windows, n_frames, n_targets).
    """
    error = (predicted - targets).detach().abs()
    return (log_spread + error * torch.exp(-log_spread)).mean() + math.log(2)


def attention_distance(weights: Tensor, keypoints: Tensor, markers: Tensor, error: Tensor) -> Tensor:
    """Mean distance from keypoints to markers, weighted by the keypoints' attention and the markers' present errors.

    It is small if the network attends to keypoints near the markers that are still wrong. The attention has one weight
    per keypoint for all markers, therefore the mean over markers. Only the attention weights get gradients.

    Args:
        weights: attention weights, which sum to 1 in every frame, (n_windows, n_frames, n_keypoints).
        keypoints: keypoint positions, (n_windows, n_frames, n_keypoints, 3).
        markers: true marker positions, (n_windows, n_frames, n_markers, 3).
        error: position error of every marker, (n_windows, n_frames, n_markers).

    Returns:
        Mean over windows and frames, in the unit of the positions.
    """
    share = error.detach() / error.detach().sum(dim=-1, keepdim=True).clamp(min=torch.finfo(error.dtype).tiny)
    away = torch.cdist(keypoints, markers) @ share.unsqueeze(-1)
    distance: Tensor = (weights.unsqueeze(-2) @ away).mean()
    return distance
