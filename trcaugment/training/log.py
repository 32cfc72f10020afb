"""The log of a run: `metrics.csv` with one row per epoch. A resumed run continues it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from trcaugment.errors import TrainingError
from trcaugment.formats.files import replace_file

METRICS_FILE = "metrics.csv"


class RunLog(Callback):
    """Writes the logged metrics after every epoch, before the checkpoint, so that every checkpoint has its row.

    Add it in every process of a run, because the means over processes are computed here; the first process writes.
    """

    def __init__(self, folder: Path) -> None:
        """Write into `folder`."""
        self.folder = folder
        self.rows: list[dict[str, str]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the rows up to the checkpoint; later ones are dropped, because their epochs are trained again.

        Raises:
            TrainingError: the existing file is no log.
        """
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.rows = _rows_before(self.folder / METRICS_FILE, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the row of this epoch."""
        # In every process: reading `callback_metrics` computes the means over all processes.
        metrics = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        if not trainer.is_global_zero:
            return
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step} | metrics
        self.rows.append({name: str(value) for name, value in row.items()})
        _write(self.folder / METRICS_FILE, self.rows)


def read_log(path: Path) -> list[dict[str, str]]:
    """Read the rows of a `metrics.csv`.

    Raises:
        TrainingError: the file cannot be read, has no column `epoch`, or holds anything but numbers.
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
