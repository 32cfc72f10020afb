"""Helpers that several figures share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def as_file(figure: Figure, kind: str = "png", dpi: int = 130) -> bytes:
    """Render a figure; `kind` is "png", "pdf" or "svg"."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=dpi)
    return file.getvalue()


def prepare_epochs(axes: Axes) -> None:
    """Format axes for training curves: whole epochs, and a logarithmic scale of values."""
    from matplotlib.ticker import MaxNLocator

    axes.set_yscale("log")
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis("{x:g}")  # 0.5 instead of a power of ten
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True, which="both", alpha=0.3)


def by_epoch(rows: list[dict[str, str]], name: str) -> tuple[list[int], list[float]]:
    """Epochs, counted from 1, and the values of one column of the log."""
    # Logs of older versions have several rows per epoch, each with some of the values.
    pairs = [(int(row["epoch"]) + 1, float(row[name])) for row in rows if row.get(name)]
    return [epoch for epoch, _ in pairs], [value for _, value in pairs]
