"""What `trcaugment experiment` shows while it works: which run it is at, and its latest error."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console

from trcaugment.training.recipe import Recipe


class ExperimentStatus(Callback):
    """A status line, on a terminal only; gone at the end of the `with` block."""

    def __init__(self, console: Console) -> None:
        """Args: where to show it."""
        self.status = console.status("Making the windows")
        self.run = ""

    def __enter__(self) -> ExperimentStatus:
        self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.status.stop()

    def begin(self, recipe: Recipe, seed: int) -> Sequence[Callback]:
        """A run begins; what shall watch it."""
        self.run = f"{recipe.name}, seed {seed}"
        return [self]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """One epoch more."""
        error = f"validation RMSE {trainer.callback_metrics['val_rmse_mm']:.2f} mm"
        self.status.update(f"{self.run}: epoch {trainer.current_epoch + 1} of {trainer.max_epochs}, {error}")
