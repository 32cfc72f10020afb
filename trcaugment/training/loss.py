"""What training makes small."""

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
    """(n_windows, n_frames, 3 n_points) as (n_windows, n_frames, n_points, 3)."""
    return coordinates.reshape(*coordinates.shape[:2], -1, N_AXES)


def training_loss(chosen: Loss, markers: MarkerSet, features: Tensor, targets: Tensor, predicted: Prediction) -> Tensor:
    """Loss of one batch, in multiples of height (the mean squared error in their squares).

    Args:
        chosen: which terms, and how much of each.
        markers: what is predicted, for its rigid pairs and axes.
        features: (n_windows, n_frames, n_features).
        targets: (n_windows, n_frames, n_targets).
        predicted: from `MarkerNetwork.run`.
    """
    found, true = as_points(predicted.markers), as_points(targets)
    loss = mse_loss(found, true) if chosen.kind == "mse" else mpme(found, true)
    if chosen.rigid_weight and markers.rigid_pairs:
        loss = loss + chosen.rigid_weight * distance_error(found, true, markers.rigid_pairs)
    if chosen.axis_weight and markers.axes:
        loss = loss + chosen.axis_weight * axis_error(found, true, markers.axes)
    if chosen.attention_distance_weight:
        keypoints = as_points(features[..., : N_AXES * predicted.attention.shape[-1]])
        astray = attention_distance(predicted.attention, keypoints, true, position_error(found, true))
        loss = loss + chosen.attention_distance_weight * astray
    if predicted.log_spread is not None:
        loss = loss + spread_loss(predicted.log_spread, predicted.markers, targets)
    return loss


def spread_loss(log_spread: Tensor, predicted: Tensor, targets: Tensor) -> Tensor:
    """Negative logarithm of the likelihood of the errors, Laplace distributed; the errors are taken as they are.

    Args:
        log_spread: logarithm of the scale of every coordinate, (n_windows, n_frames, n_targets).
        predicted: (n_windows, n_frames, n_targets).
        targets: (n_windows, n_frames, n_targets).
    """
    error = (predicted - targets).detach().abs()
    return (log_spread + error * torch.exp(-log_spread)).mean() + math.log(2)


def attention_distance(weights: Tensor, keypoints: Tensor, markers: Tensor, error: Tensor) -> Tensor:
    """How far from the markers that are still wrong the network looks.

    One weight per keypoint serves all markers, so the distance from every marker to the keypoints, by their weights, is
    averaged over the markers of a frame by their present error (which is taken as it is: only the weights can learn).

    Args:
        weights: attention, summing to one in every frame, (n_windows, n_frames, n_keypoints).
        keypoints: (n_windows, n_frames, n_keypoints, 3).
        markers: true places, (n_windows, n_frames, n_markers, 3).
        error: position error of every marker, (n_windows, n_frames, n_markers).

    Returns:
        Mean over frames, in the unit of keypoints and markers.
    """
    share = error.detach() / error.detach().sum(dim=-1, keepdim=True).clamp(min=torch.finfo(error.dtype).tiny)
    away = torch.cdist(keypoints, markers) @ share.unsqueeze(-1)
    distance: Tensor = (weights.unsqueeze(-2) @ away).mean()
    return distance
