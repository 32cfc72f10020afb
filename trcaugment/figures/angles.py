"""The figure of `trcaugment osim compare`: curves of both motions, a panel for each coordinate that moves in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from trcaugment.osim.compare import DEGREES, Comparison, Difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_N_COLUMNS = 5
_COLORS = ("#1f4e79", "#e07a1f")
_LEAST_HEIGHT = 5.0  # smallest range of a panel's axis, in degrees or mm


def draw_angles(comparison: Comparison, names: tuple[str, str]) -> Figure:
    """Draw the coordinates of both motions over time, each panel with its RMSE with and without offset.

    Args:
        comparison: the comparison of two motions.
        names: names of the two motions.
    """
    from matplotlib.figure import Figure

    shown = list(comparison.shown)
    n_rows = max(1, math.ceil(len(shown) / _N_COLUMNS))
    figure = Figure(figsize=(3.1 * _N_COLUMNS, 2.3 * n_rows + 0.8), layout="constrained")
    grid = figure.add_gridspec(n_rows)
    panels = []
    for row, chosen in enumerate(_in_rows(shown, n_rows)):  # rows of as many panels as needed: none stays empty
        cells = grid[row].subgridspec(1, len(chosen))
        for column, difference in enumerate(chosen):
            panels.append(figure.add_subplot(cells[column]))
            _draw(panels[-1], comparison, difference)
    figure.legend(handles=panels[0].get_lines(), labels=names, loc="outside upper left", ncols=2, frameon=False)
    figure.supxlabel("time (s)", fontsize=9)
    return figure


def _in_rows(shown: Sequence[Difference], n_rows: int) -> list[Sequence[Difference]]:
    """Divide panels among rows evenly, the longer rows first."""
    n_each, n_longer = divmod(len(shown), n_rows)
    starts = [k * n_each + min(k, n_longer) for k in range(n_rows + 1)]
    return [shown[first:last] for first, last in pairwise(starts)]


def _draw(axes: Axes, comparison: Comparison, difference: Difference) -> None:
    curves = comparison.curves[difference.coordinate]
    for curve, color, width in zip(curves, _COLORS, (1.8, 1.1), strict=True):
        axes.plot(comparison.time_s, curve, color=color, lw=width)
    unit = "°" if difference.unit == DEGREES else " mm"
    label = f"RMSE {difference.rmse:.1f}{unit}, offset-free {difference.offset_free_rmse:.1f}{unit}"
    axes.set_title(f"{difference.coordinate} ({unit.strip()})", fontsize=9, loc="left", pad=14)
    axes.text(0, 1.03, label, transform=axes.transAxes, fontsize=7, color="#666666")
    low, high = axes.get_ylim()
    short = max(0, _LEAST_HEIGHT - (high - low)) / 2
    axes.set_ylim(low - short, high + short)  # otherwise noise of nearly constant coordinates fills the panel
    axes.tick_params(labelsize=7)
    axes.grid(color="#dddddd", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
