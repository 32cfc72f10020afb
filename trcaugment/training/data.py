"""Generated windows as batches of features and targets; batch k is the same in every run of a recipe."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from trcaugment.body.windows import WindowGenerator, Windows
from trcaugment.normalization import body_frame, make_features, to_body


@dataclass(frozen=True)
class Batch:
    """Windows ready for the network.

    Attributes:
        features: (n_windows, n_frames, n_features).
        targets: marker coordinates in multiples of height, (n_windows, n_frames, n_targets).
        height_m: (n_windows,).
    """

    features: Tensor
    targets: Tensor
    height_m: Tensor


def make_batch(windows: Windows) -> Batch:
    """Features and targets in the body frame that the noisy keypoints give, as they will when the model is used."""
    frame = body_frame(windows.keypoints, windows.height_m)
    features = make_features(windows.keypoints, frame, windows.mass_kg)
    return Batch(features, to_body(windows.markers, frame).flatten(start_dim=2), windows.height_m)


class GeneratedBatches(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Batches that are made when asked for, each from its own seed."""

    def __init__(self, generator: WindowGenerator, batch_windows: int, seeds: range) -> None:
        """Args: the generator; windows in a batch; one seed per batch, never used for anything else."""
        self.generator = generator
        self.batch_windows = batch_windows
        self.seeds = seeds

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        random = torch.Generator().manual_seed(self.seeds[index])
        batch = make_batch(self.generator.draw(self.batch_windows, random))
        return batch.features, batch.targets, batch.height_m
