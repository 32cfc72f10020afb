"""The log of a run: one row per epoch in metrics.csv. A resumed run goes on in it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from trcaugment.errors import TrainingError
from trcaugment.formats.files import replace_file

METRICS_FILE = "metrics.csv"


class RunLog(Callback):
    """Writes what the module logs, after every epoch and before its checkpoint, so that no checkpoint lacks its row.

    It belongs into every process of a run; the first one writes.
    """

    def __init__(self, folder: Path) -> None:
        """Args: folder of the log."""
        self.folder = folder
        self.rows: list[dict[str, str]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep what was logged up to the checkpoint and drop what will come again.

        Raises:
            TrainingError: there is a log, but no log of epochs.
        """
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.rows = _rows_before(self.folder / METRICS_FILE, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The epoch's row."""
        # In every process, as the means over all processes are formed here.
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        if not trainer.is_global_zero:
            return
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step} | metrics
        self.rows.append({name: str(value) for name, value in row.items()})
        _write(self.folder / METRICS_FILE, self.rows)


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a `metrics.csv`.

    Raises:
        TrainingError: it cannot be read, is no log of epochs, or has something else than numbers.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            rows = list(table)
        if "epoch" not in (table.fieldnames or ()):
            raise ValueError("no epochs")
        for row in rows:
            int(row["epoch"])
            _ = [float(value) for value in row.values() if value]
    except (OSError, csv.Error, TypeError, ValueError) as error:
        raise TrainingError(f"{path}: expected a log with one row per epoch; move it away to begin another") from error
    return rows


def _rows_before(path: Path, epoch: int) -> list[dict[str, str]]:
    if not path.exists():
        return []
    return [row for row in read_log(path) if int(row["epoch"]) < epoch]


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode())
