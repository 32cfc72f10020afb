"""The figure of `trcaugment evaluate`: the mean error of every marker, as bars and on a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trcaugment.errors import TrcAugmentError
from trcaugment.evaluation.baselines import LINEAR_MAP, MEAN_OFFSETS
from trcaugment.evaluation.run import Evaluation
from trcaugment.evaluation.scores import Score
from trcaugment.evaluation.sums import MPME
from trcaugment.figures.outline import VIEWS, draw_body

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = ("#2b5fa8", "#e9a23b", "#2a9d8f", "#7b4fa3")
_BASELINE_COLORS = {MEAN_OFFSETS: "#b8bec9", LINEAR_MAP: "#8a94a6"}


def draw_errors(evaluation: Evaluation) -> Figure:
    """Draw the MPME of every marker and model as bars, and of the first model as circles on a standing body.

    Args:
        evaluation: an evaluation with scores.
    """
    from matplotlib.figure import Figure

    scores = {
        (each.model, each.group): each
        for each in evaluation.scores
        if (each.group_kind, each.metric) == ("marker", MPME)
    }
    markers = list(dict.fromkeys(group for _, group in scores))
    figure = Figure(figsize=(14, 5.6), layout="constrained")
    bars, *bodies = figure.subplots(1, 1 + len(VIEWS), width_ratios=[5, *[1] * len(VIEWS)])
    _draw_bars(bars, evaluation.models, markers, scores)
    errors_mm = {marker: scores[evaluation.models[0], marker].value for marker in markers}
    for axes, title in zip(bodies, VIEWS, strict=True):
        draw_body(axes, title, errors_mm)
    figure.suptitle("Mean marker error", fontsize=11)
    figure.supxlabel(
        f"bodies: {evaluation.models[0]}, a circle's radius is the marker's mean error at the body's scale",
        fontsize=9,
        x=1.0,
        ha="right",
    )
    return figure


def draw_activities(evaluation: Evaluation) -> Figure:
    """Draw the MPME of every model by activity, with intervals over subjects.

    Args:
        evaluation: an evaluation with scores.

    Raises:
        TrcAugmentError: no activity is known.
    """
    from matplotlib.figure import Figure

    scores = {
        (each.model, each.group): each
        for each in evaluation.scores
        if (each.group_kind, each.metric) == ("activity", MPME)
    }
    activities = list(dict.fromkeys(group for _, group in scores))
    if not activities:
        raise TrcAugmentError("expected trials with activities, found none; state them in subjects.csv")
    figure = Figure(figsize=(max(5.0, 1.2 * len(activities) + 2), 4.6), layout="constrained")
    axes = figure.subplots()
    _draw_bars(axes, evaluation.models, activities, scores)
    figure.suptitle("Mean marker error by activity (95 % intervals over subjects)", fontsize=11)
    return figure


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
