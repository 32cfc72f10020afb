"""The network: bidirectional LSTM with spatial attention, after the report (section 4.3), beside a linear path."""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from torch import Tensor, nn

N_AXES = 3
_RIDGE = 1e-3  # of the standardized features' variance
_SMALLEST_DEVIATION = 1e-4  # of height, or m or kg: a feature that never varies must not blow up


Count = Annotated[int, msgspec.Meta(ge=1)]


class NetworkSizes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the network; they travel with the weights.

    Attributes:
        n_keypoints: keypoints in, three features each.
        n_person_features: features after the keypoints that describe the person (height, mass).
        n_markers: markers out, three targets each.
        hidden: LSTM units per direction.
        n_layers: bidirectional LSTM layers after the attention.
    """

    n_keypoints: Count = 15
    n_person_features: Annotated[int, msgspec.Meta(ge=0)] = 2
    n_markers: Count = 35
    hidden: Count = 96
    n_layers: Count = 2

    @property
    def n_features(self) -> int:
        """Number of input features."""
        return N_AXES * self.n_keypoints + self.n_person_features

    @property
    def n_targets(self) -> int:
        """Number of output coordinates."""
        return N_AXES * self.n_markers


class MarkerNetwork(nn.Module):
    """Keypoint features in, marker coordinates out, both in the body frame and in multiples of height.

    A first Bi-LSTM reads the window and scores the keypoints in every frame, s = tanh(W h + b); their softmax are the
    attention weights, which multiply the keypoints; further Bi-LSTM layers read the weighted keypoints. A linear map of
    every frame's features, fitted by least squares before training, runs beside, and the LSTM learns what it leaves.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, sizes: NetworkSizes) -> None:
        """A network that predicts zeros until its statistics and linear path are fitted (`fit_linear_path`)."""
        super().__init__()
        self.sizes = sizes
        self.register_buffer("mean", torch.zeros(sizes.n_features))
        self.register_buffer("deviation", torch.ones(sizes.n_features))
        self.reader = nn.LSTM(sizes.n_features, sizes.hidden, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * sizes.hidden, sizes.n_keypoints)
        self.lstm = nn.LSTM(
            sizes.n_features, sizes.hidden, num_layers=sizes.n_layers, batch_first=True, bidirectional=True
        )
        self.output = nn.Linear(2 * sizes.hidden, sizes.n_targets)
        self.linear_path = nn.Linear(sizes.n_features, sizes.n_targets)
        # Training starts from the linear path alone.
        for layer in (self.output, self.linear_path):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def fit_linear_path(self, features: Tensor, targets: Tensor) -> None:
        """Set the features' mean and deviation, and the linear path by least squares.

        Ridge regression, because the two hips are nearly exact opposites after centering.

        Args:
            features: (n_samples, n_features).
            targets: (n_samples, n_targets).
        """
        features, targets = features.double(), targets.double()
        mean, deviation = features.mean(dim=0), features.std(dim=0).clamp(min=_SMALLEST_DEVIATION)
        standardized = (features - mean) / deviation
        middle = targets.mean(dim=0)
        ridge = _RIDGE * len(features) * torch.eye(features.shape[1], dtype=torch.float64)
        weight = torch.linalg.solve(standardized.T @ standardized + ridge, standardized.T @ (targets - middle))
        with torch.no_grad():
            self.mean.copy_(mean)
            self.deviation.copy_(deviation)
            self.linear_path.weight.copy_(weight.T)
            self.linear_path.bias.copy_(middle)

    def attention(self, features: Tensor) -> Tensor:
        """Weights of the keypoints, summing to one in every frame, (n_windows, n_frames, n_keypoints)."""
        return self._attend(self._standardize(features))

    def forward(self, features: Tensor) -> Tensor:
        """Predict marker coordinates from features.

        Args:
            features: keypoint coordinates, height and mass, (n_windows, n_frames, n_features).

        Returns:
            Marker coordinates, x, y, z after each other, (n_windows, n_frames, n_targets).
        """
        standardized = self._standardize(features)
        # Times their number, so that even attention leaves the keypoints as they are.
        weights = self._attend(standardized) * self.sizes.n_keypoints
        per_feature = weights.repeat_interleave(N_AXES, dim=-1)
        n_coordinates = per_feature.shape[-1]
        weighted = torch.cat(
            [standardized[..., :n_coordinates] * per_feature, standardized[..., n_coordinates:]], dim=-1
        )
        hidden, _ = self.lstm(weighted)
        predicted: Tensor = self.output(hidden) + self.linear_path(standardized)
        return predicted

    def _standardize(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.deviation

    def _attend(self, standardized: Tensor) -> Tensor:
        hidden, _ = self.reader(standardized)
        return torch.softmax(torch.tanh(self.score(hidden)), dim=-1)
