"""The figure of `trcaugment evaluate`: the mean error of every marker, as bars and on a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.skeleton import BODIES, COORDINATES, GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.evaluation.baselines import LINEAR_MAP, MEAN_OFFSETS
from trcaugment.evaluation.run import Evaluation
from trcaugment.evaluation.scores import Score
from trcaugment.evaluation.sums import MPME
from trcaugment.figures.figures import as_file
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = ("#2b5fa8", "#e9a23b", "#2a9d8f", "#7b4fa3")
_BASELINE_COLORS = {MEAN_OFFSETS: "#b8bec9", LINEAR_MAP: "#8a94a6"}
_ERROR_COLOR = "#d1495b"
_BONES = (
    *((f"{s}Hip", f"{s}Knee") for s in "RL"),
    *((f"{s}Knee", f"{s}Ankle") for s in "RL"),
    *((f"{s}Ankle", f"{s}Heel") for s in "RL"),
    *((f"{s}Heel", f"{s}BigToe") for s in "RL"),
    *((f"{s}Shoulder", f"{s}Hip") for s in "RL"),
    *((("RHip", "LHip"), ("RShoulder", "LShoulder"))),
)
# Horizontal and vertical axis of each view, in (forward, up, right).
_FROM_THE_RIGHT = "from the right"
_VIEWS = {"from the front": ((0, 0, -1), (0, 1, 0)), _FROM_THE_RIGHT: ((1, 0, 0), (0, 1, 0))}


def draw_errors(evaluation: Evaluation, kind: str) -> bytes:
    """Draw the MPME of every marker and model as bars, and of the first model as circles on a standing body.

    Args:
        evaluation: an evaluation with scores.
        kind: "png", "pdf" or "svg".
    """
    from matplotlib.figure import Figure

    scores = {
        (each.model, each.group): each
        for each in evaluation.scores
        if (each.group_kind, each.metric) == ("marker", MPME)
    }
    markers = list(dict.fromkeys(group for _, group in scores))
    figure = Figure(figsize=(14, 5.6), layout="constrained")
    bars, *bodies = figure.subplots(1, 1 + len(_VIEWS), width_ratios=[5, *[1] * len(_VIEWS)])
    _draw_bars(bars, evaluation.models, markers, scores)
    errors_mm = {marker: scores[evaluation.models[0], marker].value for marker in markers}
    for axes, title in zip(bodies, _VIEWS, strict=True):
        _draw_body(axes, title, errors_mm)
    figure.supxlabel(
        f"bodies: {evaluation.models[0]}, a circle's radius is the marker's mean error at the body's scale",
        fontsize=9,
        x=1.0,
        ha="right",
    )
    return as_file(figure, kind)


def _draw_bars(axes: Axes, models: tuple[str, ...], markers: list[str], scores: dict[tuple[str, str], Score]) -> None:
    width = 0.8 / len(models)
    for k, model in enumerate(models):
        chosen = [scores[model, marker] for marker in markers]
        x = np.arange(len(markers)) - 0.4 + width * (k + 0.5)
        height = np.array([score.value for score in chosen])
        ends = np.array([(s.value if s.low is None else s.low, s.value if s.high is None else s.high) for s in chosen])
        # With few subjects the value may lie outside its interval.
        spread = np.maximum(0, np.stack([height - ends[:, 0], ends[:, 1] - height]))
        color = _BASELINE_COLORS.get(model, _COLORS[k % len(_COLORS)])
        axes.bar(
            x, height, width, label=model, color=color, yerr=spread if spread.any() else None, error_kw={"lw": 0.7}
        )
    axes.set_xticks(np.arange(len(markers)), [name.removesuffix("_study") for name in markers], rotation=60, ha="right")
    axes.set_xlim(-0.6, len(markers) - 0.4)
    axes.set_ylabel("mean per-marker error (mm)")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=min(3, len(models)), loc="upper left", bbox_to_anchor=(0, 1.12))


def _draw_body(axes: Axes, title: str, errors_mm: dict[str, float]) -> None:
    from matplotlib.patches import Circle

    view = np.array(_VIEWS[title])
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


def _standing(markers: dict[str, float]) -> dict[str, FloatArray]:
    """Positions in m of joints and markers of the standing generic body, by name, (3,)."""
    names = [*dict.fromkeys(end for bone in _BONES for end in bone), *markers]
    one = torch.ones(1, dtype=torch.float64)
    sizes = BodySizes.from_scale(torch.ones(1, len(BODIES), 3, dtype=torch.float64), one * GENERIC_HEIGHT_M, one * 75.0)
    still = torch.zeros(1, 1, len(COORDINATES), dtype=torch.float64)
    points = forward_kinematics(sizes, still, [POINT_INDEX[name] for name in names])[0, 0].numpy()
    return dict(zip(names, points, strict=True))
