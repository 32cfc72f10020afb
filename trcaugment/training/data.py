"""Training batches of features and targets, each from its own seed, so that every run of a recipe repeats them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.model.normalization import body_frame, make_features, to_body
from trcaugment.training.missing import lose_keypoints
from trcaugment.training.prefetch import Prefetched
from trcaugment.training.recipe import Recipe

# Every batch of a recipe has its own seed. Training counts up from 0; the linear path and validation have other ranges.
_SEEDS_PER_RECIPE = 10**9
_VALIDATION_SEEDS = 9 * 10**8
_LINEAR_PATH_SEEDS = 8 * 10**8
_LINEAR_PATH_BATCHES = 100
_LINEAR_PATH_EVERY = 5  # frames; neighbouring ones are nearly equal


class WindowSource(Protocol):
    """A source of windows: the generator, a data set, or a mixture of several sources."""

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows; the same state of the random generator gives the same windows."""


@dataclass(frozen=True)
class MixedWindows:
    """Draws windows from several sources, chosen at random by weight.

    Attributes:
        sources: the sources.
        weights: relative frequency of each source, above 0, (n_sources,).
    """

    sources: tuple[WindowSource, ...]
    weights: tuple[float, ...]

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows, grouped by source."""
        which = torch.multinomial(torch.tensor(self.weights), n, replacement=True, generator=generator)
        counts = torch.bincount(which, minlength=len(self.sources)).tolist()
        drawn = zip(self.sources, counts, strict=True)
        return Windows.join([source.draw(count, generator) for source, count in drawn if count])


class Batch(NamedTuple):
    """Windows as input and target of the network.

    Attributes:
        features: keypoint coordinates in multiples of height, height in m and mass in kg,
            (n_windows, n_frames, n_features).
        targets: marker coordinates in multiples of height, (n_windows, n_frames, n_targets).
        height_m: the subjects' heights in m, (n_windows,).
    """

    features: Tensor
    targets: Tensor
    height_m: Tensor


def make_batch(windows: Windows) -> Batch:
    """Features and targets in the body frame of the (noisy) keypoints, as in prediction."""
    keypoints = windows.keypoints.numpy()
    frame = body_frame(keypoints, windows.height_m.numpy())
    features = torch.from_numpy(make_features(keypoints, frame, windows.mass_kg.numpy()))
    targets = torch.from_numpy(to_body(windows.markers.numpy(), frame))
    return Batch(features, targets.flatten(start_dim=2), windows.height_m)


class DrawnBatches:
    """Batches that are made on access, each from its own seed."""

    def __init__(self, source: WindowSource, batch_windows: int, seeds: range, missing_rate: float = 0.0) -> None:
        """Describe the batches without making any.

        Args:
            source: where windows come from.
            batch_windows: windows per batch.
            seeds: one seed per batch, used for nothing else.
            missing_rate: share of windows in which keypoints are missing.
        """
        self.source = source
        self.missing_rate = missing_rate
        self.batch_windows = batch_windows
        self.seeds = seeds

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> Batch:
        random = torch.Generator().manual_seed(self.seeds[index])
        windows = self.source.draw(self.batch_windows, random)
        return make_batch(lose_keypoints(windows, self.missing_rate, random))


class DrawnData(LightningDataModule):
    """New training windows in every epoch, and the same validation windows after every epoch."""

    def __init__(self, source: WindowSource, recipe: Recipe, validation: WindowSource | None = None) -> None:
        """Describe the data of a run.

        Args:
            source: where training windows come from.
            recipe: gives the seed, the batch sizes and the rate of missing keypoints.
            validation: where validation windows come from. The default is `source`, which must then generate new
                people for every batch.
        """
        super().__init__()
        self.source = source
        self.validation = validation or source
        self.optimization = recipe.optimization
        self.missing_rate = recipe.keypoint_errors.missing_rate
        self.first_seed = recipe.seed * _SEEDS_PER_RECIPE

    def train_dataloader(self) -> Prefetched[Batch]:
        """The batches of the current epoch."""
        assert self.trainer is not None
        n = self.optimization.batches_per_epoch
        return self._loader(self.source, self.first_seed + self.trainer.current_epoch * n, n)

    def val_dataloader(self) -> Prefetched[Batch]:
        """The validation batches."""
        n = max(1, self.optimization.validation_windows // self.optimization.batch_windows)
        return self._loader(self.validation, self.first_seed + _VALIDATION_SEEDS, n)

    def on_before_batch_transfer(self, batch: tuple[Tensor, ...], dataloader_idx: int) -> tuple[Tensor, ...]:
        """This process's share of a batch. Shares have equal sizes, so the mean over processes is that of the batch."""
        assert self.trainer is not None
        return tuple(part[self.trainer.global_rank :: self.trainer.world_size] for part in batch)

    def linear_path_samples(self) -> tuple[Tensor, Tensor]:
        """Features (n_samples, n_features) and targets (n_samples, n_targets) to fit the linear path to."""
        loader = self._loader(self.source, self.first_seed + _LINEAR_PATH_SEEDS, _LINEAR_PATH_BATCHES)
        pairs = [
            (features[:, ::_LINEAR_PATH_EVERY].flatten(0, 1), targets[:, ::_LINEAR_PATH_EVERY].flatten(0, 1))
            for features, targets, _ in loader
        ]
        return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])

    def _loader(self, source: WindowSource, first_seed: int, n_batches: int) -> Prefetched[Batch]:
        seeds = range(first_seed, first_seed + n_batches)
        return Prefetched(DrawnBatches(source, self.optimization.batch_windows, seeds, self.missing_rate))
