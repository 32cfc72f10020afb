"""The figure of an experiment: validation error of every run over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trcaugment.figures.figures import by_epoch, prepare_epochs
from trcaugment.training.experiments import Result, run_folder
from trcaugment.training.log import METRICS_FILE, read_log
from trcaugment.training.run_folder import LOG

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_experiment(folder: Path, results: Sequence[Result], titles: dict[str, str]) -> Figure:
    """Draw the validation RMSE over the epochs: a line per run, a colour per recipe.

    Args:
        folder: the experiment's folder.
        results: finished runs.
        titles: title of each recipe, by its name.

    Raises:
        TrainingError: the log of a run cannot be read.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    colors = dict(zip(titles, colormaps["turbo"](np.linspace(0.03, 0.97, len(titles))), strict=True))
    labelled: set[str] = set()
    for result in results:
        rows = read_log(run_folder(folder, result.name, result.seed) / LOG / METRICS_FILE)
        epochs, errors = by_epoch(rows, "val_rmse_mm")
        label = titles[result.name] if result.name not in labelled else None
        labelled.add(result.name)
        axes.plot(epochs, errors, color=colors[result.name], lw=1.1, marker=".", ms=3, label=label)
    prepare_epochs(axes)
    axes.set_xlabel("Epoch")
    axes.set_ylabel("RMSE on validation subjects (mm)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("Validation error of every run", fontsize=11)
    return figure
