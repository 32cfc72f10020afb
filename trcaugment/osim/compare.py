"""Compares two motions of one trial, coordinate by coordinate, in offset and in shape. Needs no opensim."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from trcaugment.errors import MotionError, OsimError
from trcaugment.formats.mot import read_table
from trcaugment.markers import FloatArray

DEGREES, MILLIMETERS = "deg", "mm"
_TURN = 360.0
_STILL = 0.01  # degrees or mm: a coordinate with a smaller SD does not move
_CLOCK_S = 1e-4  # files round their time stamps


@dataclass(frozen=True)
class Motion:
    """Coordinates over time.

    Attributes:
        time_s: increasing time stamps in s, (n_frames,).
        values: coordinate -> values, (n_frames,), NaN where missing; angles in degrees, translations in mm.
        notes: what was repaired or assumed, one sentence each.
    """

    time_s: FloatArray
    values: dict[str, FloatArray]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Difference:
    """How the second motion differs from the first in one coordinate; NaN where it cannot be computed.

    Attributes:
        coordinate: name of the coordinate.
        unit: "deg" or "mm", of the errors.
        n_frames: number of frames in both motions.
        rmse: root of the mean squared difference.
        offset: mean difference, second minus first.
        offset_free_rmse: root of the mean squared difference after subtracting the offset.
        correlation: Pearson's correlation of the two curves; NaN if one of them does not move.
        moves: whether the coordinate changes in both motions; what rests in one, nothing measured there.
    """

    coordinate: str
    unit: str
    n_frames: int
    rmse: float
    offset: float
    offset_free_rmse: float
    correlation: float
    moves: bool


@dataclass(frozen=True)
class Comparison:
    """Comparison of two motions.

    Attributes:
        time_s: the first motion's time stamps within the time of the second, (n_frames,).
        differences: one for every coordinate in both, in the first one's order.
        curves: coordinate -> both motions' values at these times, (2, n_frames); whole turns are added to the second's
            angles to bring them nearest to the first's.
        only_in_first: coordinates that are only in the first.
        only_in_second: coordinates that are only in the second.
    """

    time_s: FloatArray
    differences: tuple[Difference, ...]
    curves: dict[str, FloatArray]
    only_in_first: tuple[str, ...]
    only_in_second: tuple[str, ...]

    @property
    def shown(self) -> tuple[Difference, ...]:
        """Differences of the coordinates that move in both motions; of all if none does."""
        return tuple(each for each in self.differences if each.moves) or self.differences

    def mean(self, unit: str = DEGREES) -> tuple[int, float, float]:
        """Number of coordinates of a unit that move in both motions, mean RMSE, mean offset-free RMSE."""
        chosen = [d for d in self.differences if d.unit == unit and d.moves and d.n_frames]
        errors = np.array([(d.rmse, d.offset_free_rmse) for d in chosen]).reshape(-1, 2)
        rmse, offset_free = errors.mean(axis=0).tolist() if chosen else (np.nan, np.nan)
        return len(chosen), rmse, offset_free


def unit_of(coordinate: str) -> str:
    """Unit of a coordinate: mm if its name ends in tx, ty or tz, as OpenSim models name translations, else degrees."""
    return MILLIMETERS if coordinate.endswith(("_tx", "_ty", "_tz")) else DEGREES


def read_motion(path: Path) -> Motion:
    """Read a `.mot` or `.sto` file of coordinates, as IK writes it; also states (`/jointset/hip_r/.../value`).

    Raises:
        MotionError: not a motion file, time does not increase, or a coordinate occurs twice.
    """
    labels, table, in_degrees, notes = read_table(path)
    if in_degrees is None:
        in_degrees = True  # as SIMM writes them
        notes = (*notes, "The header has no inDegrees: angles are taken for degrees.")
    time_s = table[:, 0]
    if not (np.diff(time_s) > 0).all():
        k = int(np.argmin(np.diff(time_s) > 0))
        raise MotionError(f"{path}: expected increasing time stamps, found {time_s[k + 1]:g} s after {time_s[k]:g} s")
    values = {}
    for label, column in zip(labels[1:], table.T[1:], strict=True):
        name = label.removesuffix("/value").rsplit("/", 1)[-1]
        if label.startswith("/") and not label.endswith("/value"):
            continue  # speeds and activations
        if name in values:
            raise MotionError(f"{path}: the coordinate {name[:40]} is there more than once")
        column = column * 1000 if unit_of(name) == MILLIMETERS else column if in_degrees else np.rad2deg(column)
        values[name] = np.asarray(column, dtype=np.float64)
    return Motion(time_s, values, notes)


def join_motions(parts: Sequence[Motion]) -> Motion:
    """The motion of a trial that gaps part: its parts one after the other, with a frame of NaN in every gap.

    Coordinates that a part lacks are left out.
    """
    time_s = [parts[0].time_s]
    shared = [name for name in parts[0].values if all(name in part.values for part in parts)]
    values = {name: [parts[0].values[name]] for name in shared}
    for before, part in pairwise(parts):
        time_s += [np.array([(before.time_s[-1] + part.time_s[0]) / 2]), part.time_s]
        for name, columns in values.items():
            columns += [np.array([np.nan]), part.values[name]]
    joined = {name: np.concatenate(columns) for name, columns in values.items()}
    return Motion(np.concatenate(time_s), joined, tuple(note for part in parts for note in part.notes))


def compare(first: Motion, second: Motion) -> Comparison:
    """Compare two motions over their common time, at the first one's time stamps.

    Angles are compared on the circle: 359 and -1 degrees are the same.

    Raises:
        OsimError: they have no time or no coordinates in common.
    """
    names = [name for name in first.values if name in second.values]
    if not names:
        raise OsimError(f"no coordinate is in both motions: {_some(first.values)} and {_some(second.values)}")
    start, end = second.time_s[0] - _CLOCK_S, second.time_s[-1] + _CLOCK_S
    common = (first.time_s >= start) & (first.time_s <= end)
    if common.sum() < 2:
        spans = [f"{motion.time_s[0]:g} to {motion.time_s[-1]:g} s" for motion in (first, second)]
        raise OsimError(f"expected motions with at least two frames in common, found {spans[0]} and {spans[1]}")
    time_s = first.time_s[common]
    curves, differences = {}, []
    for name in names:
        other = _resample(second.values[name], second.time_s, time_s, unit_of(name))
        curves[name] = _side_by_side(first.values[name][common], other, unit_of(name))
        differences.append(_difference(name, curves[name]))
    lacking = [tuple(k for k in one.values if k not in two.values) for one, two in ((first, second), (second, first))]
    return Comparison(time_s, tuple(differences), curves, *lacking)


def _resample(values: FloatArray, time_s: FloatArray, new_time_s: FloatArray, unit: str) -> FloatArray:
    """Values at new times by linear interpolation; NaN where a neighboring sample is missing."""
    valid = np.isfinite(values)
    if not valid.any():
        return np.full(len(new_time_s), np.nan)
    seen = np.unwrap(values[valid], period=_TURN) if unit == DEGREES else values[valid]
    interpolated = np.interp(new_time_s, time_s[valid], seen)
    known = np.interp(new_time_s, time_s, valid.astype(np.float64)) > 1 - 1e-6
    return np.where(known, interpolated, np.nan)


def _side_by_side(first: FloatArray, second: FloatArray, unit: str) -> FloatArray:
    """Both curves, (2, n_frames), NaN where either is missing; angles unwrapped, the second nearest to the first."""
    curves = np.stack([first, second])
    valid = np.isfinite(curves).all(axis=0)
    curves[:, ~valid] = np.nan
    if unit == MILLIMETERS or not valid.any():
        return curves
    one, two = curves[:, valid]
    one = np.unwrap(one, period=_TURN)
    turns = np.exp(1j * np.deg2rad(two - one)).mean()
    offset = np.rad2deg(np.angle(turns))
    # Differences are wrapped about their mean, because they would jump if that is near half a turn.
    curves[:, valid] = one, one + offset + _wrapped(two - one - offset)
    return curves


def _wrapped(degrees: FloatArray) -> FloatArray:
    """The same angles between -180 and 180 degrees."""
    return np.asarray((degrees + _TURN / 2) % _TURN - _TURN / 2)


def _difference(name: str, curves: FloatArray) -> Difference:
    first, second = curves[:, np.isfinite(curves).all(axis=0)]
    unit, n_frames = unit_of(name), len(first)
    if not n_frames:
        return Difference(name, unit, 0, np.nan, np.nan, np.nan, np.nan, False)
    apart = second - first
    shortest = _wrapped(apart) if unit == DEGREES else apart
    rmse, offset, spread = float(np.sqrt(np.mean(shortest**2))), float(apart.mean()), float(apart.std())
    still = [bool(curve.std() < _STILL) for curve in (first, second)]
    correlation = np.nan if any(still) else float(np.corrcoef(first, second)[0, 1])
    return Difference(name, unit, n_frames, rmse, offset, spread, correlation, not any(still))


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(name[:40] for name in listed[:4]) + (", ..." if len(listed) > 4 else "") if listed else "none"
