"""Errors of markers on the outline of a standing body: a circle's radius is the marker's error at the body's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.skeleton import BODIES, COORDINATES, GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ERROR_COLOR = "#d1495b"
_BONES = (
    *((f"{s}Hip", f"{s}Knee") for s in "RL"),
    *((f"{s}Knee", f"{s}Ankle") for s in "RL"),
    *((f"{s}Ankle", f"{s}Heel") for s in "RL"),
    *((f"{s}Heel", f"{s}BigToe") for s in "RL"),
    *((f"{s}Shoulder", f"{s}Hip") for s in "RL"),
    *((("RHip", "LHip"), ("RShoulder", "LShoulder"))),
)
# Views by their titles: horizontal and vertical axis of each view, in (forward, up, right).
_FROM_THE_RIGHT = "from the right"
VIEWS = {"from the front": ((0, 0, -1), (0, 1, 0)), _FROM_THE_RIGHT: ((1, 0, 0), (0, 1, 0))}


def draw_outline(errors_mm: Mapping[str, float], title: str) -> Figure:
    """Draw the mean error of every marker on a body, from the front and from the right.

    Args:
        errors_mm: marker -> its mean error in mm, NaN where it is not known; names as in `LANDMARKS`.
        title: of the figure.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    for axes, view in zip(figure.subplots(1, len(VIEWS)), VIEWS, strict=True):
        draw_body(axes, view, errors_mm)
    seen = [error_mm for error_mm in errors_mm.values() if np.isfinite(error_mm)]
    size = f"circles: mean error at the body's scale; {min(seen):.0f} to {max(seen):.0f} mm" if seen else "no errors"
    figure.suptitle(title, fontsize=11)
    figure.supxlabel(size, fontsize=9)
    return figure


def draw_body(axes: Axes, title: str, errors_mm: Mapping[str, float]) -> None:
    """Draw one view of a body, with the errors as circles.

    Args:
        axes: where to draw.
        title: one of `VIEWS`.
        errors_mm: marker -> its mean error in mm.
    """
    from matplotlib.patches import Circle

    view = np.array(VIEWS[title])
    places = {name: place @ view.T for name, place in _standing(errors_mm).items()}
    for first, second in _BONES:
        axes.plot(*np.array([places[first], places[second]]).T, color="#9db4d6", lw=1.5, zorder=1)
    for marker, error_mm in errors_mm.items():
        hidden = title == _FROM_THE_RIGHT and LANDMARKS[marker].side == "left"  # hidden by the right side
        if np.isfinite(error_mm) and not hidden:
            axes.add_patch(Circle(places[marker], error_mm / 1000, color=_ERROR_COLOR, alpha=0.55, lw=0, zorder=2))
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=10, color="#555555")
    axes.axis("off")


def _standing(markers: Mapping[str, float]) -> dict[str, FloatArray]:
    """Positions in m of joints and markers of the standing generic body, by name, (3,)."""
    names = [*dict.fromkeys(end for bone in _BONES for end in bone), *markers]
    one = torch.ones(1, dtype=torch.float64)
    sizes = BodySizes.from_scale(torch.ones(1, len(BODIES), 3, dtype=torch.float64), one * GENERIC_HEIGHT_M, one * 75.0)
    still = torch.zeros(1, 1, len(COORDINATES), dtype=torch.float64)
    points = forward_kinematics(sizes, still, [POINT_INDEX[name] for name in names])[0, 0].numpy()
    return dict(zip(names, points, strict=True))
