"""What figures have in common."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def as_file(figure: Figure, kind: str = "png", dpi: int = 130) -> bytes:
    """Content of a picture file, "png", "pdf" or "svg"."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=dpi)
    return file.getvalue()


def prepare_epochs(axes: Axes) -> None:
    """Whole epochs across, and values upward that fall by orders of magnitude."""
    from matplotlib.ticker import MaxNLocator

    axes.set_yscale("log")
    for axis in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis("{x:g}")  # no powers of ten
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True, which="both", alpha=0.3)


def by_epoch(rows: list[dict[str, str]], name: str) -> tuple[list[int], list[float]]:
    """Epochs counted from 1, and the values of a column of the log."""
    # Logs of other versions have more than one row per epoch, each with some of the values.
    told = [(int(row["epoch"]) + 1, float(row[name])) for row in rows if row.get(name)]
    return [epoch for epoch, _ in told], [value for _, value in told]
