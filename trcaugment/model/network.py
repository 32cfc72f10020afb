"""The networks of the report: LSTM or Bi-LSTM, spatial and temporal attention; beside them a linear path of ours."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trcaugment.model.card import N_AXES, N_PERSON_FEATURES, NetworkSizes

_RIDGE = 1e-3  # of the standardized features' variance
_SMALLEST_DEVIATION = 1e-4  # of height, or m or kg: a feature that never varies must not blow up
_HEADS = 4  # of self-attention, or as many as the hidden states can be shared among


class Prediction(NamedTuple):
    """What the network says of windows.

    Attributes:
        markers: marker coordinates, (n_windows, n_frames, n_targets).
        attention: weights of the keypoints, (n_windows, n_frames, n_keypoints).
        log_spread: logarithm of the scale of every coordinate's Laplace distribution, (n_windows, n_frames, n_targets);
            None if the network has no spread.
    """

    markers: Tensor
    attention: Tensor
    log_spread: Tensor | None


class MarkerNetwork(nn.Module):
    """Keypoint features in, marker coordinates out, both in the body frame and in multiples of height.

    A first LSTM reads the window and scores the keypoints in every frame, s = tanh(W h + b); their softmax are the
    attention weights, which multiply the keypoints; further LSTM layers read the weighted keypoints; temporal attention
    may follow. A linear map of every frame's features, fitted by least squares before training, runs beside, and the
    LSTM learns what it leaves. `NetworkSizes` says which of these parts there are.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, sizes: NetworkSizes, n_keypoints: int, n_markers: int) -> None:
        """A network to be started by `fit_linear_path`; until then, one with a linear path predicts zeros.

        Args:
            sizes: its sizes and parts.
            n_keypoints: keypoints in, three features each, before height and mass.
            n_markers: markers out, three targets each.
        """
        super().__init__()
        self.sizes = sizes
        self.n_keypoints = n_keypoints
        n_features, n_targets = N_AXES * n_keypoints + N_PERSON_FEATURES, N_AXES * n_markers
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("deviation", torch.ones(n_features))
        self.reader = _lstm(sizes, n_features, 1) if sizes.spatial_attention else None
        self.score = nn.Linear(sizes.n_states, n_keypoints) if sizes.spatial_attention else None
        self.lstm = _lstm(sizes, n_features, sizes.n_layers)
        self.temporal = _TEMPORAL_ATTENTION[sizes.temporal_attention](sizes.n_states)
        self.output = nn.Linear(sizes.n_states, n_targets)
        self.spread = nn.Linear(sizes.n_states, n_targets) if sizes.spread else None
        self.linear_path = nn.Linear(n_features, n_targets) if sizes.linear_path else None
        if self.linear_path is not None:  # training starts from it alone
            for layer in (self.output, self.linear_path):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def fit_linear_path(self, features: Tensor, targets: Tensor) -> None:
        """Set the features' mean and deviation, and the linear path by least squares.

        Ridge regression, because the two hips are nearly exact opposites after centering. A network without that path
        will start from the targets' mean.

        Args:
            features: (n_samples, n_features).
            targets: (n_samples, n_targets).
        """
        features, targets = features.double(), targets.double()
        mean, deviation = features.mean(dim=0), features.std(dim=0).clamp(min=_SMALLEST_DEVIATION)
        standardized = (features - mean) / deviation
        middle = targets.mean(dim=0)
        with torch.no_grad():
            self.mean.copy_(mean)
            self.deviation.copy_(deviation)
            (self.linear_path or self.output).bias.copy_(middle)
        if self.linear_path is None:
            return
        ridge = _RIDGE * len(features) * torch.eye(features.shape[1], dtype=torch.float64)
        weight = torch.linalg.solve(standardized.T @ standardized + ridge, standardized.T @ (targets - middle))
        with torch.no_grad():
            self.linear_path.weight.copy_(weight.T)

    def attention(self, features: Tensor) -> Tensor:
        """Weights of the keypoints, summing to one in every frame, (n_windows, n_frames, n_keypoints).

        Even ones where the network has no spatial attention.
        """
        return self._weigh(self._standardize(features))

    def forward(self, features: Tensor) -> Tensor:
        """Predict marker coordinates from features.

        Args:
            features: keypoint coordinates, height and mass, (n_windows, n_frames, n_features).

        Returns:
            Marker coordinates, x, y, z after each other, (n_windows, n_frames, n_targets).
        """
        return self.run(features).markers

    def run(self, features: Tensor) -> Prediction:
        """Markers, attention and spread in one pass, from features as in `forward`."""
        standardized = self._standardize(features)
        weights = self._weigh(standardized)
        # Times their number, so that even attention leaves the keypoints as they are.
        per_feature = (weights * self.n_keypoints).repeat_interleave(N_AXES, dim=-1)
        coordinates, person = standardized.tensor_split([per_feature.shape[-1]], dim=-1)
        hidden = self.temporal(self.lstm(torch.cat([coordinates * per_feature, person], dim=-1))[0])
        # Half precision would round positions to millimetres.
        with torch.autocast(features.device.type, enabled=False):
            hidden = hidden.to(self.output.weight.dtype)
            predicted: Tensor = self.output(hidden)
            if self.linear_path is not None:
                predicted = predicted + self.linear_path(standardized)
            # Detached: how sure the network is must not change what it predicts.
            log_spread = None if self.spread is None else self.spread(hidden.detach())
        return Prediction(predicted, weights, log_spread)

    def _standardize(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation

    def _weigh(self, standardized: Tensor) -> Tensor:
        if self.reader is None or self.score is None:
            return standardized.new_full((*standardized.shape[:2], self.n_keypoints), 1 / self.n_keypoints)
        hidden, _ = self.reader(standardized)
        return torch.softmax(torch.tanh(self.score(hidden)), dim=-1, dtype=standardized.dtype)


def _lstm(sizes: NetworkSizes, n_features: int, n_layers: int) -> nn.LSTM:
    return nn.LSTM(n_features, sizes.hidden, n_layers, batch_first=True, bidirectional=sizes.bidirectional)


class FrameAttention(nn.Module):
    """Weighs the frames of a window: a softmax over their scores multiplies the hidden states (Song et al., 2018).

    Times the number of frames, so that even attention leaves the states as they are.
    """

    def __init__(self, n_states: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_states, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Weighted hidden states, (n_windows, n_frames, n_states) from the same."""
        weights = torch.softmax(torch.tanh(self.score(hidden)), dim=1)
        weighted: Tensor = hidden * weights * hidden.shape[1]
        return weighted


class SelfAttention(nn.Module):
    """Every frame adds to its hidden states what it finds in the others' (scaled dot products, several heads)."""

    def __init__(self, n_states: int) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(n_states, math.gcd(n_states, _HEADS), batch_first=True)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states and what was found, (n_windows, n_frames, n_states) from the same."""
        found: Tensor = self.heads(hidden, hidden, hidden, need_weights=False)[0]
        return hidden + found


def _no_attention(_: int) -> nn.Identity:
    return nn.Identity()


_TEMPORAL_ATTENTION = {"none": _no_attention, "frames": FrameAttention, "self": SelfAttention}
