"""Training curves: loss and validation errors over the epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lightning.pytorch import Callback, LightningModule, Trainer

from trcaugment.figures.figures import as_file, by_epoch, prepare_epochs
from trcaugment.formats.files import replace_file
from trcaugment.training.log import METRICS_FILE, read_log
from trcaugment.training.run_folder import LOG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = {
    "Loss": {"train_loss": "training"},
    "Validation error (mm)": {"val_mpme_mm": "MPME", "val_rmse_mm": "coordinate RMSE"},
}
_COLORS = ("#1f4e79", "#c8553d")


def draw_curves(log: Path) -> Figure:
    """Draw the loss and the validation errors of a run over its epochs.

    Args:
        log: the run's `metrics.csv`.

    Raises:
        TrainingError: the log cannot be read.
    """
    from matplotlib.figure import Figure

    rows = read_log(log)
    figure = Figure(figsize=(7, 6), layout="constrained")
    panels = figure.subplots(len(_PANELS), sharex=True)
    for axes, (title, columns) in zip(panels, _PANELS.items(), strict=True):
        _draw(axes, title, {label: by_epoch(rows, name) for name, label in columns.items()})
    panels[-1].set_xlabel("Epoch")
    figure.suptitle("Training", fontsize=11)
    return figure


class TrainingCurves(Callback):
    """Redraws `curves.png` in the run's folder after every epoch."""

    def __init__(self, folder: Path) -> None:
        """Draw into the folder of a run."""
        self.folder = folder

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw after the log has got the row of this epoch."""
        figure = draw_curves(self.folder / LOG / METRICS_FILE)
        replace_file(self.folder / "curves.png", as_file(figure, dpi=120))


def _draw(axes: Axes, title: str, curves: dict[str, tuple[list[int], list[float]]]) -> None:
    for (label, (epochs, values)), color in zip(curves.items(), _COLORS, strict=False):
        if values:
            legend = f"{label}: {values[-1]:#.3g}, lowest {min(values):#.3g}"
            axes.plot(epochs, values, color=color, label=legend, marker="o", markersize=2.5, linewidth=1.2)
    prepare_epochs(axes)
    axes.set_ylabel(title)
    axes.legend(loc="best")
