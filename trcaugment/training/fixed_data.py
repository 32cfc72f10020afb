"""Training on a fixed set of windows: every epoch has all of them, in a new order."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from trcaugment.training.data import Batch

_LINEAR_PATH_WINDOWS = 20_000
_LINEAR_PATH_EVERY = 5  # frames; neighbouring ones are nearly equal


class FixedData(LightningDataModule):
    """Training and validation windows of an experiment, the same for all networks."""

    def __init__(self, training: Batch, validation: Batch, batch_windows: int, seed: int) -> None:
        """Share out windows into batches of `batch_windows`; `seed` determines the order of the training windows."""
        super().__init__()
        self.training = training
        self.validation = validation
        self.batch_windows = batch_windows
        self.seed = seed

    def train_dataloader(self) -> FixedBatches:
        """The batches of the current epoch; the remainder that fills no whole batch is left out of this epoch."""
        assert self.trainer is not None
        random = torch.Generator().manual_seed(self.seed * 10**6 + self.trainer.current_epoch)
        order = torch.randperm(len(self.training.height_m), generator=random)
        whole = max(1, len(order) // self.batch_windows) * self.batch_windows
        return FixedBatches(self.training, order[:whole], self.batch_windows)

    def val_dataloader(self) -> FixedBatches:
        """The validation batches."""
        return FixedBatches(self.validation, torch.arange(len(self.validation.height_m)), self.batch_windows)

    def linear_path_samples(self) -> tuple[Tensor, Tensor]:
        """Features (n_samples, n_features) and targets (n_samples, n_targets) to fit the linear path to."""
        chosen = (self.training.features, self.training.targets)
        features, targets = (values[:_LINEAR_PATH_WINDOWS, ::_LINEAR_PATH_EVERY].flatten(0, 1) for values in chosen)
        return features, targets


class FixedBatches:
    """A set of windows divided into batches."""

    def __init__(self, windows: Batch, order: Tensor, batch_windows: int) -> None:
        """Divide the windows with the indices `order` (n,), in that order, into batches of `batch_windows`."""
        self.windows = windows
        self.parts = torch.split(order, batch_windows)

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[Batch]:
        for part in self.parts:
            yield Batch(*(values[part] for values in self.windows))
