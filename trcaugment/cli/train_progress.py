"""What `trcaugment train` shows: one line per finished epoch, and on a terminal a bar for the one at work."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainProgress(Callback):
    """A status line until training begins, then epochs; everything is cleared away at the end of the `with` block."""

    def __init__(self, console: Console) -> None:
        """Progress that is shown on this console."""
        self.console = console
        self.status = console.status("Making motions and fitting the linear path")
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("")

    def __enter__(self) -> TrainProgress:
        self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.status.stop()
        if self.console.is_terminal:  # elsewhere it would leave an empty line
            self.bar.stop()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The linear path is fitted."""
        self.status.stop()
        if self.console.is_terminal:
            self.bar.start()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """An empty bar."""
        self.bar.reset(self.task, total=trainer.num_training_batches, description=_epoch(trainer))

    def on_train_batch_end(self, *_: Any) -> None:
        """A step further."""
        self.bar.advance(self.task)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The epoch's line."""
        self.console.print(f"{_epoch(trainer)}: mean marker error {trainer.callback_metrics['val_mpme_mm']:.2f} mm")


def _epoch(trainer: Trainer) -> str:
    return f"Epoch {trainer.current_epoch + 1} of {trainer.max_epochs}"
