"""Windows as batches of features and targets; batch k is the same in every run of a recipe."""

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

# Seeds of one recipe: training counts up from the first, validation and the linear path have ranges of their own.
_SEEDS_PER_RECIPE = 10**9
_VALIDATION_SEEDS = 9 * 10**8
_LINEAR_PATH_SEEDS = 8 * 10**8
_LINEAR_PATH_BATCHES = 100
_LINEAR_PATH_EVERY = 5  # neighbouring frames are nearly equal


class WindowSource(Protocol):
    """Whatever windows come from: the generator, a data set, several of them mixed."""

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows; the same state of the random generator gives the same ones."""


@dataclass(frozen=True)
class MixedWindows:
    """Draws from several sources by weight.

    Attributes:
        sources: the sources.
        weights: how often a window comes from each, above 0, (n_sources,).
    """

    sources: tuple[WindowSource, ...]
    weights: tuple[float, ...]

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows, source after source."""
        which = torch.multinomial(torch.tensor(self.weights), n, replacement=True, generator=generator)
        counts = torch.bincount(which, minlength=len(self.sources)).tolist()
        drawn = zip(self.sources, counts, strict=True)
        return Windows.join([source.draw(count, generator) for source, count in drawn if count])


class Batch(NamedTuple):
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


class DrawnBatches:
    """Batches that are made when asked for, each from its own seed."""

    def __init__(self, source: WindowSource, batch_windows: int, seeds: range, missing_rate: float = 0.0) -> None:
        """Where windows come from; windows in a batch; one seed per batch, never used for anything else.

        The last is the share of windows in which keypoints are missing.
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
    """New draws of training windows in every epoch, the same validation windows always."""

    def __init__(self, source: WindowSource, recipe: Recipe, validation: WindowSource | None = None) -> None:
        """Args: where windows come from; the recipe with seed and batch sizes.

        Where validation windows come from is the third; without it they come from the same source, which must be one
        of ever new people.
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
        """This process's share of a batch; all shares are alike, so the mean of their means is that of the batch."""
        assert self.trainer is not None
        return tuple(part[self.trainer.global_rank :: self.trainer.world_size] for part in batch)

    def linear_path_samples(self) -> tuple[Tensor, Tensor]:
        """Features and targets to fit the linear path on, (n_samples, n_features) and (n_samples, n_targets)."""
        loader = self._loader(self.source, self.first_seed + _LINEAR_PATH_SEEDS, _LINEAR_PATH_BATCHES)
        pairs = [
            (features[:, ::_LINEAR_PATH_EVERY].flatten(0, 1), targets[:, ::_LINEAR_PATH_EVERY].flatten(0, 1))
            for features, targets, _ in loader
        ]
        return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])

    def _loader(self, source: WindowSource, first_seed: int, n_batches: int) -> Prefetched[Batch]:
        seeds = range(first_seed, first_seed + n_batches)
        return Prefetched(DrawnBatches(source, self.optimization.batch_windows, seeds, self.missing_rate))
