"""Charts of curves over time as SVG that a page holds: their colours follow the page, light or dark.

Matplotlib's SVG has its colours and sizes written in, so that it can be neither dark nor read on a phone, and takes
a tenth of a second a chart; these take a millisecond. Figures for papers are matplotlib's, in `trcaugment.figures`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from trcaugment.chain.signals import find_gaps
from trcaugment.markers import FloatArray

WIDTH, HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 10, 34
_MOST_POINTS = 2 * (WIDTH - _LEFT - _RIGHT)
_TICKS = (1, 2, 2.5, 5, 10)


class Curve(msgspec.Struct, frozen=True):
    """A curve of a chart.

    Attributes:
        label: for the legend.
        style: class of its colour: "first", "second", "third" or "pale".
        values: in the unit of the chart, NaN where missing, (n_frames,).
        low: lower edge of a band around it, (n_frames,); None without a band.
        high: its upper edge.
    """

    label: str
    style: str
    values: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None


class Limit(msgspec.Struct, frozen=True):
    """A horizontal line at a value that should not be passed."""

    label: str
    value: float


class Chart(msgspec.Struct, frozen=True):
    """Curves over one axis.

    Attributes:
        title: what is shown, without the unit.
        unit: of the values.
        x: increasing, (n_frames,).
        curves: at these.
        x_title: what `x` is, with its unit.
        limits: horizontal lines.
        least_span: the vertical axis spans at least this much, so that noise does not fill it.
    """

    title: str
    unit: str
    x: FloatArray
    curves: Sequence[Curve]
    x_title: str = "time (s)"
    limits: Sequence[Limit] = ()
    least_span: float = 0.0


class Drawn(msgspec.Struct, frozen=True):
    """A chart as the template writes it: lengths are in units of the SVG.

    Attributes:
        title: with the unit.
        words: what it shows, for those who do not see it.
        x_title: below the horizontal axis.
        lines: class and path of every curve.
        bands: class and path of every band.
        legend: label and class of every curve.
        x_ticks: place and number.
        y_ticks: place and number.
        limits: place and label.
        frame: left, top, right, bottom of the axes.
        x_range: values at the left and the right edge.
    """

    title: str
    words: str
    x_title: str
    lines: list[tuple[str, str]]
    bands: list[tuple[str, str]]
    legend: list[tuple[str, str]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    limits: list[tuple[float, str]]
    frame: tuple[int, int, int, int] = (_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM)
    x_range: tuple[float, float] = (0.0, 1.0)


def draw(chart: Chart) -> Drawn | None:
    """Lay a chart out; None if no curve has a value."""
    edges = [values for curve in chart.curves for values in (curve.values, curve.low, curve.high) if values is not None]
    seen = np.concatenate([values[np.isfinite(values)] for values in edges]) if edges else np.empty(0)
    if not len(seen):
        return None
    y_range = _span(float(seen.min()), float(seen.max()), chart)
    x_range = float(chart.x[0]), float(chart.x[-1]) if len(chart.x) > 1 else float(chart.x[0]) + 1
    across, upward = _scale(x_range, (_LEFT, WIDTH - _RIGHT)), _scale(y_range, (HEIGHT - _BOTTOM, _TOP))
    bands = [
        (curve.style, _area(across(chart.x), upward(curve.low), upward(curve.high)))
        for curve in chart.curves
        if curve.low is not None and curve.high is not None
    ]
    return Drawn(
        title=f"{chart.title} ({chart.unit})",
        words=_words(chart),
        x_title=chart.x_title,
        lines=[(curve.style, _path(across(chart.x), upward(curve.values))) for curve in chart.curves],
        bands=bands,
        legend=[(curve.label, curve.style) for curve in chart.curves if curve.label],
        x_ticks=[(round(float(across(np.array(at))), 1), f"{at:g}") for at in ticks(*x_range)],
        y_ticks=[(round(float(upward(np.array(at))), 1), f"{at:g}") for at in ticks(*y_range)],
        limits=[(round(float(upward(np.array(each.value))), 1), each.label) for each in chart.limits],
        x_range=x_range,
    )


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round numbers between two others, about n of them."""
    raw = (high - low) / n
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * each for each in _TICKS if power * each >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _span(low: float, high: float, chart: Chart) -> tuple[float, float]:
    """Range of the vertical axis."""
    limits = [each.value for each in chart.limits if each.value < 2 * high]
    low, high = min([low, *limits]), max([high, *limits])
    short = max(chart.least_span - (high - low), 0.0) / 2
    edge = 0.06 * max(high - low + 2 * short, 1e-9)
    return low - short - edge, high + short + edge


def _scale(values: tuple[float, float], places: tuple[int, int]) -> _Scale:
    return _Scale(values[0], (places[1] - places[0]) / (values[1] - values[0]), places[0])


class _Scale(msgspec.Struct, frozen=True):
    """Maps values to places in the SVG."""

    origin: float
    per_value: float
    place: float

    def __call__(self, values: FloatArray) -> FloatArray:
        return np.asarray(self.place + self.per_value * (values - self.origin))


def _path(x: FloatArray, y: FloatArray) -> str:
    """A line with gaps. Of many points, the lowest and the highest of every few are kept, so that no peak is lost."""
    if len(x) > _MOST_POINTS:
        kept = []
        for part in np.array_split(np.arange(len(x)), _MOST_POINTS // 2):
            seen = part[np.isfinite(y[part])]
            gap = part[~np.isfinite(y[part])][:1]
            ends = {int(seen[np.argmin(y[seen])]), int(seen[np.argmax(y[seen])])} if len(seen) else set()
            kept += sorted({*ends, *gap.tolist()})
        x, y = x[kept], y[kept]
    words, pen_up = [], True
    for at, value in zip(x.tolist(), y.tolist(), strict=True):
        if math.isnan(value):
            pen_up = True
            continue
        words.append(f"{'M' if pen_up else 'L'}{at:.1f} {value:.1f}")
        pen_up = False
    return "".join(words)


def _area(x: FloatArray, low: FloatArray, high: FloatArray) -> str:
    """The band between two edges, where both are known."""
    known = np.asarray(np.isfinite(low) & np.isfinite(high))
    every = max(1, len(x) // _MOST_POINTS)
    parts = []
    for start, stop in find_gaps(known):  # runs of known frames: no band goes across a gap
        run = slice(start, stop, every)
        points = [*zip(x[run], low[run], strict=True), *zip(x[run][::-1], high[run][::-1], strict=True)]
        parts.append("M" + "L".join(f"{at:.1f} {value:.1f}" for at, value in points) + "Z")
    return "".join(parts)


def _words(chart: Chart) -> str:
    said = []
    for curve in chart.curves:
        seen = curve.values[np.isfinite(curve.values)]
        if len(seen):
            said.append(f"{curve.label or 'values'} from {seen.min():.3g} to {seen.max():.3g}")
    return f"{chart.title} in {chart.unit} over {chart.x_title}: {'; '.join(said)}"
