"""The networks of the CS230 report (docs/explanation/method.md): LSTM or Bi-LSTM with spatial and temporal attention.

The linear path is an addition of this package.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from trcaugment.model.card import N_AXES, N_HEADS, N_PERSON_FEATURES, NetworkSizes

_RIDGE = 1e-3  # ridge penalty, relative to the variance of the standardized features
_SMALLEST_DEVIATION = 1e-4  # in multiples of height, m or kg; avoids division by zero for a constant feature


class Prediction(NamedTuple):
    """Output of the network for a batch of windows.

    Attributes:
        markers: marker coordinates, (n_windows, n_frames, n_targets).
        attention: weights of the keypoints, which sum to 1 in every frame, (n_windows, n_frames, n_keypoints).
        log_spread: logarithm of the scale of every coordinate's Laplace distribution, (n_windows, n_frames, n_targets);
            None if `NetworkSizes.spread` is off.
    """

    markers: Tensor
    attention: Tensor
    log_spread: Tensor | None


class MarkerNetwork(nn.Module):
    """Maps keypoint features to marker coordinates, both in the body frame and in multiples of height.

    A first LSTM reads the window and scores the keypoints in every frame, s = tanh(W h + b). The softmax of the scores
    are the attention weights, which multiply the keypoints. Further LSTM layers read the weighted keypoints; temporal
    attention may follow. A linear map of every frame's features, fitted by ridge regression before training, is added
    to the output, so that the LSTM learns its residuals. `NetworkSizes` switches these parts on and off.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, sizes: NetworkSizes, n_keypoints: int, n_markers: int) -> None:
        """Make an untrained network. Call `fit_linear_path` next: until then, one with a linear path predicts zeros.

        Args:
            sizes: sizes and parts of the network.
            n_keypoints: number of input keypoints (three features each, followed by height and mass).
            n_markers: number of predicted markers (three targets each).
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
        if self.linear_path is not None:  # so that training starts from the linear path alone
            for layer in (self.output, self.linear_path):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)

    def fit_linear_path(self, features: Tensor, targets: Tensor) -> None:
        """Set the features' mean and standard deviation, and fit the linear path by ridge regression.

        A plain least-squares fit would be ill-conditioned, because the two hips are nearly exact opposites after
        centering. A network without a linear path gets the targets' mean as the bias of its output layer.

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
        """Attention weights of the keypoints, which sum to 1 in every frame, (n_windows, n_frames, n_keypoints).

        All weights are equal if the network has no spatial attention.
        """
        return self._weigh(self._standardize(features))

    def forward(self, features: Tensor) -> Tensor:
        """Predict marker coordinates from features.

        Args:
            features: keypoint coordinates, height and mass, (n_windows, n_frames, n_features).

        Returns:
            Marker coordinates x, y, z of one marker after the other, (n_windows, n_frames, n_targets).
        """
        return self.run(features).markers

    def run(self, features: Tensor) -> Prediction:
        """Markers, attention weights and spread from one pass; features as for `forward`."""
        standardized = self._standardize(features)
        weights = self._weigh(standardized)
        # Times the number of keypoints, so that equal weights leave the keypoints unchanged.
        per_feature = (weights * self.n_keypoints).repeat_interleave(N_AXES, dim=-1)
        coordinates, person = standardized.tensor_split([per_feature.shape[-1]], dim=-1)
        hidden = self.temporal(self.lstm(torch.cat([coordinates * per_feature, person], dim=-1))[0])
        # In 32 bits: half precision would round positions to millimetres.
        with torch.autocast(features.device.type, enabled=False):
            hidden = hidden.to(self.output.weight.dtype)
            predicted: Tensor = self.output(hidden)
            if self.linear_path is not None:
                predicted = predicted + self.linear_path(standardized)
            # Detached, so that training the spread does not change the predicted markers.
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
    """Weights the frames of a window: a softmax over their scores multiplies the hidden states (Song et al., 2018).

    The weights are multiplied by the number of frames, so that equal weights leave the states unchanged.
    """

    def __init__(self, n_states: int) -> None:
        super().__init__()
        self.score = nn.Linear(n_states, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Weighted hidden states, (n_windows, n_frames, n_states), from hidden states of the same shape."""
        weights = torch.softmax(torch.tanh(self.score(hidden)), dim=1)
        weighted: Tensor = hidden * weights * hidden.shape[1]
        return weighted


class SelfAttention(nn.Module):
    """Multi-head self-attention over the frames of a window, added to the hidden states."""

    def __init__(self, n_states: int) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(n_states, math.gcd(n_states, N_HEADS), batch_first=True)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states plus attention, (n_windows, n_frames, n_states), from hidden states of the same shape."""
        attended: Tensor = self.heads(hidden, hidden, hidden, need_weights=False)[0]
        return hidden + attended


def _no_attention(_: int) -> nn.Identity:
    return nn.Identity()


_TEMPORAL_ATTENTION = {"none": _no_attention, "frames": FrameAttention, "self": SelfAttention}
