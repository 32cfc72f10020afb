"""Joint angles and marker errors of inverse kinematics, for a trial's report."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trcaugment.conversion.angle_uncertainty import ANGLE_UNCERTAINTY
from trcaugment.errors import MotionError
from trcaugment.formats.files import decode_text, read_file
from trcaugment.markers import FloatArray
from trcaugment.osim.compare import DEGREES, Motion, read_motion, unit_of
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M
from trcaugment.pages.charts import Chart, Curve, Limit
from trcaugment.pages.gait import N_POINTS, Cycle, over_cycles
from trcaugment.pages.measures import over_markers

_STILL_DEG = 0.5  # an angle that changes less says nothing
_LEAST_SPAN_DEG = 5.0
_ERROR_HEAD = ["time_s", "rms_mm", "max_mm", "mark"]
_SIDES = (("_r", "right", "first"), ("_l", "left", "second"))


class Spread(NamedTuple):
    """Standard deviations of both parts of an angle's error, and the smallest change that is more than chance, in °."""

    constant: float
    moving: float
    smallest_change: float


_SPREAD_HEAD = ["trial", "coordinate", *(f"{each}_deg" for each in Spread._fields)]


@dataclass(frozen=True, eq=False)
class Solved:
    """What inverse kinematics found.

    Attributes:
        motion: joint angles; of several parts joined, with a NaN between them.
        files: the motion files.
        error_names: markers that were followed, (n_markers,); empty if there is no table of errors.
        error_time_s: (n_error_frames,).
        errors_mm: distances of the model's markers from the trial's, (n_error_frames, n_markers).
        spreads: coordinate -> how far it may be off; empty if that is not known.
    """

    motion: Motion
    files: tuple[Path, ...]
    error_names: tuple[str, ...]
    error_time_s: FloatArray
    errors_mm: FloatArray
    spreads: Mapping[str, Spread] = field(default_factory=dict)

    @property
    def rms_mm(self) -> float:
        """Root mean square over frames and markers; NaN without a table."""
        seen = self.errors_mm[np.isfinite(self.errors_mm)]
        return float(np.sqrt(np.mean(seen**2))) if len(seen) else float("nan")

    @property
    def max_mm(self) -> float:
        """The largest distance; NaN without a table."""
        seen = self.errors_mm[np.isfinite(self.errors_mm)]
        return float(seen.max()) if len(seen) else float("nan")


def find_motion(beside: Path) -> Path | None:
    """The motion that `predict --ik` writes beside a marker file; that of the first part, if gaps part the trial."""
    names = (f"{beside.stem}.mot", f"{beside.stem}_part1.mot")
    return next((path for path in map(beside.with_name, names) if path.is_file()), None)


def read_solved(motion: Path) -> Solved:
    """Read a motion with all its parts, and the table of marker errors beside it.

    Raises:
        MotionError: a file cannot be read.
    """
    name = motion.stem.removesuffix("_part1")
    files = (motion,) if name == motion.stem else tuple(_parts(motion.with_name(name)))
    names, time_s, errors_mm = _read_errors(motion.with_name(f"{name}_errors.csv"))
    spreads = _read_spreads(motion.with_name(ANGLE_UNCERTAINTY), name)
    return Solved(_joined([read_motion(each) for each in files]), files, names, time_s, errors_mm, spreads)


def _parts(trial: Path) -> Iterator[Path]:
    part = 1
    while (path := trial.with_name(f"{trial.name}_part{part}.mot")).is_file():
        yield path
        part += 1


def _joined(parts: Sequence[Motion]) -> Motion:
    """Parts one after the other, with a NaN between them, so that no curve goes across a gap."""
    if len(parts) == 1:
        return parts[0]
    names = [name for name in parts[0].values if all(name in part.values for part in parts)]
    times, values = [], {name: [np.empty(0)] for name in names}
    for part in parts:
        times += [part.time_s, part.time_s[-1:] + 1e-3]
        for name in names:
            values[name] += [part.values[name], np.array([np.nan])]
    return Motion(np.concatenate(times), {name: np.concatenate(each) for name, each in values.items()})


def _read_errors(path: Path) -> tuple[tuple[str, ...], FloatArray, FloatArray]:
    """Names, times and distances in mm of a table of marker errors; nothing if there is none."""
    if not path.is_file():
        return (), np.empty(0), np.empty((0, 0))
    try:
        head, *rows = csv.reader(io.StringIO(decode_text(read_file(path))))
        if head[:4] != _ERROR_HEAD or any(len(row) != len(head) for row in rows):
            raise ValueError(f"found columns {', '.join(head)[:60]}")
        table = np.array([[float(cell or "nan") for cell in (row[0], *row[4:])] for row in rows])
        table = table.reshape(len(rows), len(head) - 3)
    except (OSError, ValueError) as error:
        raise MotionError(f"{path}: expected the table of marker errors that osim ik writes ({error})") from error
    return tuple(head[4:]), table[:, 0], table[:, 1:]


def _read_spreads(path: Path, trial: str) -> dict[str, Spread]:
    """How far a trial's angles may be off, from the table beside its motion; nothing if there is none."""
    if not path.is_file():
        return {}
    try:
        head, *rows = csv.reader(io.StringIO(decode_text(read_file(path))))
        if head != _SPREAD_HEAD:
            raise ValueError(f"found columns {', '.join(head)[:60]}")
        return {row[1]: Spread(*map(float, row[2:5])) for row in rows if row[0] == trial}
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise MotionError(f"{path}: expected the table of angles that osim ik writes ({error})") from error


def error_charts(solved: Solved) -> Iterator[Chart]:
    """Marker errors over time, with the usual limits."""
    if not len(solved.error_time_s):
        return
    known = np.isfinite(solved.errors_mm)
    squares = np.where(known, solved.errors_mm, 0.0) ** 2
    rms = np.sqrt(squares.sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan))
    _, most = over_markers(solved.errors_mm)
    limits = (Limit("limit of the RMS", 1000 * RMS_LIMIT_M), Limit("limit of the largest", 1000 * MAX_LIMIT_M))
    curves = (Curve("RMS of all markers", "first", rms), Curve("largest of a marker", "second", most))
    yield Chart("distance of the model's markers", "mm", solved.error_time_s, curves, limits=limits)


def marker_errors(solved: Solved) -> list[tuple[str, float, float]]:
    """Name, RMS and largest error in mm of every marker, worst first."""
    rows = []
    for name, own in zip(solved.error_names, solved.errors_mm.T, strict=True):
        seen = own[np.isfinite(own)]
        if len(seen):
            rows.append((name, float(np.sqrt(np.mean(seen**2))), float(seen.max())))
    return sorted(rows, key=lambda row: -row[1])


def angle_charts(solved: Solved) -> Iterator[Chart]:
    """Angles that move over time, both sides in one chart, with bands of one SD of the moving part where known."""
    motion = solved.motion
    for title, sides in _groups(motion):
        curves = [_curve(motion.values[name], label, style, solved.spreads.get(name)) for name, label, style in sides]
        yield Chart(title, "°", motion.time_s, curves, least_span=_LEAST_SPAN_DEG)


def _curve(values: FloatArray, label: str, style: str, spread: Spread | None) -> Curve:
    if spread is None:
        return Curve(label, style, values)
    return Curve(label, style, values, values - spread.moving, values + spread.moving)


def cycle_charts(motion: Motion, cycles: dict[str, list[Cycle]]) -> Iterator[Chart]:
    """Angles over the gait cycle: mean and standard deviation of each side's cycles."""
    percent = np.linspace(0, 100, N_POINTS)
    for title, sides in _groups(motion):
        curves = []
        for name, label, style in sides:
            rows = over_cycles(motion.values[name], motion.time_s, cycles[label or "right"])
            if len(rows):
                mean, deviation = rows.mean(axis=0), rows.std(axis=0)
                words = f"{label or 'right cycles'}, {len(rows)} cycle{'s' if len(rows) > 1 else ''}"
                curves.append(Curve(words, style, mean, mean - deviation, mean + deviation))
        if curves:
            yield Chart(title, "°", percent, curves, "gait cycle (%)", least_span=_LEAST_SPAN_DEG)


def _groups(motion: Motion) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Angles that move, without their side: title, then name, side and style of each."""
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for name, values in motion.values.items():
        seen = values[np.isfinite(values)]
        if unit_of(name) != DEGREES or not len(seen) or np.ptp(seen) < _STILL_DEG:
            continue
        side = next((each for each in _SIDES if name.endswith(each[0])), ("", "", "first"))
        title = name.removesuffix(side[0]).replace("_", " ")
        groups.setdefault(title, []).append((name, side[1], side[2]))
    yield from groups.items()
