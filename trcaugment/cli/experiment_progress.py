"""What `trcaugment experiment` shows while it works: which run it is at, and its latest error."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.status import Status

from trcaugment.training.recipe import Recipe


class ExperimentStatus(Callback):
    """Keeps a status line up to date."""

    def __init__(self, status: Status) -> None:
        """Progress that is shown in this line."""
        self.status = status
        self.run = ""

    def begin(self, recipe: Recipe, seed: int) -> Sequence[Callback]:
        """A run begins; what shall watch it."""
        self.run = f"{recipe.name}, seed {seed}"
        return [self]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One epoch more."""
        error = f"validation RMSE {trainer.callback_metrics['val_rmse_mm']:.2f} mm"
        self.status.update(f"{self.run}: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, {error}")
