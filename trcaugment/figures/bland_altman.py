"""Bland-Altman plot: how far two ways of measuring agree (Bland and Altman 1986, Lancet 327, 307-310)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trcaugment.errors import TrcAugmentError
from trcaugment.markers import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NORMAL_95 = 1.96  # half of the 95 % of a normal distribution, in standard deviations


class Agreement(NamedTuple):
    """Bias of the second way, and limits within which 95 % of differences are expected, in the unit of the values."""

    bias: float
    low: float
    high: float


def agreement(first: FloatArray, second: FloatArray) -> Agreement:
    """Bias and limits of agreement of pairs of values, (n,), of which those with a missing one are left out.

    The pairs must be independent: one value a person, or a trial. Frames of a trial are not; they would make the limits
    look narrower.

    Raises:
        TrcAugmentError: there are fewer than two pairs.
    """
    apart = (second - first)[np.isfinite(first) & np.isfinite(second)]
    if len(apart) < 2:
        raise TrcAugmentError(f"expected two pairs of values or more, found {len(apart)}")
    bias, spread = float(apart.mean()), _NORMAL_95 * float(apart.std(ddof=1))
    return Agreement(bias, bias - spread, bias + spread)


def draw_bland_altman(
    first: FloatArray, second: FloatArray, *, title: str, unit: str, names: Sequence[str] = ("first", "second")
) -> Figure:
    """Draw the difference of pairs over their mean, with bias and limits of agreement.

    Args:
        first: values of the first way, such as optical motion capture, (n,).
        second: of the second, (n,).
        title: what was measured, such as "peak knee flexion".
        unit: of the values.
        names: of the two ways.

    Raises:
        TrcAugmentError: there are fewer than two pairs.
    """
    from matplotlib.figure import Figure

    found = agreement(first, second)
    figure = Figure(figsize=(6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.scatter((first + second) / 2, second - first, s=18, color="#1f66c1", alpha=0.8)
    words = (f"bias {found.bias:.1f}", f"limit {found.low:.1f}", f"limit {found.high:.1f}")
    for value, label, style in zip(found, words, ("-", "--", "--"), strict=True):
        axes.axhline(value, color="#b5520b", lw=1.2, ls=style)
        axes.annotate(label, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=8)
    axes.set_xlabel(f"mean of {names[0]} and {names[1]} ({unit})")
    axes.set_ylabel(f"{names[1]} - {names[0]} ({unit})")
    axes.set_title(f"{title}: 95 % limits of agreement", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
