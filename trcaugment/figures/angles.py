"""The figure of `trcaugment osim compare`: curves of both motions, a panel for each coordinate that moves in both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trcaugment.figures.figures import as_file
from trcaugment.osim.compare import DEGREES, Comparison, Difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_COLUMNS = 5
_COLORS = ("#1f4e79", "#e07a1f")
_LEAST_HEIGHT = 5.0  # smallest range of a panel's axis, in degrees or mm


def draw_angles(comparison: Comparison, names: tuple[str, str], kind: str) -> bytes:
    """Draw the coordinates of both motions over time, each panel with its RMSE with and without offset.

    Args:
        comparison: the comparison of two motions.
        names: names of the two motions.
        kind: "png", "pdf" or "svg".
    """
    from matplotlib.figure import Figure

    shown = comparison.shown
    n_rows = math.ceil(len(shown) / _N_COLUMNS)
    figure = Figure(figsize=(3.1 * _N_COLUMNS, 2.1 * n_rows + 0.8), layout="constrained")
    panels = list(figure.subplots(n_rows, _N_COLUMNS, sharex=True, squeeze=False).flat)
    for panel, difference in zip(panels, shown, strict=False):
        _draw(panel, comparison, difference)
    for k, panel in enumerate(panels):
        panel.tick_params(labelsize=7, labelbottom=len(shown) - _N_COLUMNS <= k)  # only the lowest panels show the time
        if k >= len(shown):
            panel.axis("off")
    figure.legend(handles=panels[0].get_lines(), labels=names, loc="outside upper left", ncols=2, frameon=False)
    figure.supxlabel("time (s)", fontsize=9)
    return as_file(figure, kind)


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
    axes.grid(color="#dddddd", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
