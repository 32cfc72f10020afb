"""Scale factors of a model's bodies: measured, given by hand, or taken over where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from trcaugment.body.skeleton import other_side
from trcaugment.formats.files import as_csv
from trcaugment.markers import FloatArray
from trcaugment.osim.measurements import Measurement, Place
from trcaugment.osim.setups import Factors, ScaleSetup

_AXES = "XYZ"
_POSSIBLE = (0.7, 1.5)
_MOST_ASYMMETRY = 0.1

Source = Literal["its other axes", "the other side", "the median factor", "no factor at all: 1"]


class Distance(NamedTuple):
    """A distance behind a factor, in m: medians over the frames that have it; means if the measurements alone count.

    Attributes:
        first: one end, a marker or the mean of several.
        second: the other end.
        measured_m: between the markers of the trials.
        scaled_m: of the scaled model in the same postures; in its default posture if the measurements alone count.
        unscaled_m: of the unscaled model in its default posture.
        n_frames: number of frames.
    """

    first: Place
    second: Place
    measured_m: float
    scaled_m: float
    unscaled_m: float
    n_frames: int


@dataclass(frozen=True)
class Factor:
    """A scale factor, the measurement that it comes from, and the distances behind it."""

    measurement: Measurement
    value: float
    distances: tuple[Distance, ...]


class Unmeasured(NamedTuple):
    """Axes of a body that nothing measured.

    Attributes:
        body: its name.
        axes: such as "XZ".
        source: where their factor was taken from.
    """

    body: str
    axes: str
    source: Source


@dataclass(frozen=True)
class Scaling:
    """How a model was scaled.

    Attributes:
        factors: what was measured.
        by_body: factors along X, Y and Z of every body.
        manual: bodies whose factors, or some of them, were given.
        unmeasured: what was neither measured nor given.
        warnings: what is odd, one sentence each.
        notes: what was used and what was not, one sentence each.
    """

    factors: tuple[Factor, ...]
    by_body: dict[str, Factors]
    manual: tuple[str, ...]
    unmeasured: tuple[Unmeasured, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def by_body(
    factors: Sequence[Factor], bodies: Sequence[str], setup: ScaleSetup
) -> tuple[dict[str, Factors], tuple[Unmeasured, ...]]:
    """Factors along X, Y and Z of every body, and what was neither measured nor given.

    Such an axis takes the mean of the body's other axes; a body without any, the factors of the same body on the other
    side; failing that, the median of all that was measured.
    """
    measured: dict[str, FloatArray] = {body: np.full(3, np.nan) for body in bodies}
    if setup.manual_first:
        _give(measured, setup.manual)
    for factor in factors:
        for body, axes in factor.measurement.sizes:
            if body in measured:
                measured[body][[axis in axes for axis in _AXES]] = factor.value
    if not setup.manual_first:
        _give(measured, setup.manual)
    middle = float(np.median([factor.value for factor in factors])) if factors else 1.0
    whole: dict[str, Factors] = {}
    unmeasured = []
    for body, own in measured.items():
        open_axes = np.isnan(own)
        stand_in, source = _stand_in(own, measured.get(other_side(body)), middle, bool(factors))
        x, y, z = (float(value) for value in np.where(open_axes, stand_in, own))
        whole[body] = x, y, z
        if open_axes.any():
            axes = "".join(axis for axis, missing in zip(_AXES, open_axes, strict=True) if missing)
            unmeasured.append(Unmeasured(body, axes, source))
    return whole, tuple(unmeasured)


def _give(measured: dict[str, FloatArray], manual: Mapping[str, Factors]) -> None:
    measured.update({body: np.array(factors) for body, factors in manual.items() if body in measured})


def _stand_in(
    own: FloatArray, other: FloatArray | None, middle: float, any_measured: bool
) -> tuple[FloatArray, Source]:
    """Factors for the axes of a body that nothing measured, (3,), and where they are from."""
    if np.isfinite(own).any():
        return np.full(3, np.nanmean(own)), "its other axes"
    if other is not None and np.isfinite(other).any():
        return np.where(np.isnan(other), np.nanmean(other), other), "the other side"
    return np.full(3, middle), "the median factor" if any_measured else "no factor at all: 1"


def odd_factors(factors: Sequence[Factor]) -> list[str]:
    """Sentences about factors that no person has."""
    low, high = _POSSIBLE
    messages = [
        f"{f.measurement.name}: factor {f.value:.2f} lies outside {low:g}-{high:g}; check height, units and markers"
        for f in factors
        if not low <= f.value <= high
    ]
    by_name = {f.measurement.name: f.value for f in factors}
    for name, right in by_name.items():
        left = by_name.get(other_side(name)) if name.endswith("_r") else None
        if left is not None and abs(right / left - 1) > _MOST_ASYMMETRY:
            messages.append(
                f"{name.removesuffix('_r')}: right {right:.2f} and left {left:.2f} differ by more than 10 %"
            )
    return messages


def factors_csv(scaling: Scaling) -> bytes:
    """One row per distance, then one per body whose factors were given or taken over from elsewhere."""
    heads = ("measurement", "bodies", "factor", "from", "to", "measured_mm", "scaled_model_mm", "unscaled_model_mm")
    rows: list[tuple[object, ...]] = [(*heads, "frames")]
    for factor in scaling.factors:
        bodies = " ".join(f"{body}:{axes}" for body, axes in factor.measurement.sizes)
        for d in factor.distances:
            lengths = (f"{1000 * m:.1f}" for m in (d.measured_m, d.scaled_m, d.unscaled_m))
            ends = (" ".join(d.first), " ".join(d.second))
            rows.append((factor.measurement.name, bodies, f"{factor.value:.4f}", *ends, *lengths, d.n_frames))
    taken = [(each.body, each.axes, f"not measured: {each.source}") for each in scaling.unmeasured]
    for body, axes, source in (*((body, _AXES, "given") for body in scaling.manual), *taken):
        for axis in axes:
            value = scaling.by_body[body][_AXES.index(axis)]
            rows.append((source, f"{body}:{axis}", f"{value:.4f}", *[""] * 6))
    return as_csv(rows)
