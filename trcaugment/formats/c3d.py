"""The C3D format, by the package ezc3d: the points of a trial, in and out. Analog channels and events are not read."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trcaugment.errors import C3dError, MarkersError
from trcaugment.formats.units import PER_METER, UNIT_NAMES
from trcaugment.markers import FARTHEST_M, FloatArray, Markers

# Groups of computed values that C3D keeps among its points: they are no positions.
_NO_POSITIONS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS", "REACTIONS")
_MOST_FRAMES = 65_535  # ezc3d 1.7.2 writes no more, and says nothing
_LONGEST_LABEL = 255  # bytes
# C3D counts frames; what a trial's first time stamp is beside that, we keep in a parameter of our own.
_OWN_GROUP, _START = "TRCAUGMENT", "START_S"
_LONGEST_S, _LONGEST_S_PER_BYTE = 30.0, 1e-6  # for reading
_UNEVEN = 0.1  # of a step: time stamps that are rounded to ms at 100 Hz pass
_SMALLEST_M = 1e-7
BoolArray = NDArray[np.bool_]
_Group = Mapping[str, Sequence[Any]]
_Parameters = Mapping[str, _Group]


def parse_c3d(data: bytes, path: str | Path) -> Markers:
    """Read the content of a C3D file; positions are converted to m, and time counts from the file's frame 1.

    Read as missing: points with a negative residual, with NaN, at exactly (0, 0, 0), or farther than 1000 km away.

    Args:
        data: the content.
        path: for messages.

    Raises:
        C3dError: the package ezc3d is missing, or the content cannot be understood.
    """
    try:
        return _markers(_read(data), data)
    except (C3dError, MarkersError) as error:
        raise C3dError(f"{path}: {error}") from error


def format_c3d(path: str | Path, markers: Markers, *, unit: str = "m") -> bytes:
    """The bytes of a C3D file: points with labels, unit and rate; missing samples have a negative residual.

    C3D keeps positions in single precision, 1 part in 16 million. A sample at exactly (0, 0, 0) is moved by 0.1 µm,
    because it would read as missing.

    Args:
        path: for messages.
        markers: at least one marker, at a constant rate.
        unit: length unit of the file: "m", "cm" or "mm".

    Raises:
        C3dError: ezc3d is missing, or the markers do not fit a C3D file.
    """
    try:
        _check(markers)
        rate_hz, first = _clock(markers)
        point = {"RATE": [rate_hz], "UNITS": [unit], "LABELS": list(markers.names)}
        start = {_START: [repr(float(markers.time_s[0]))]}
        about = {"parameters": {"POINT": point, _OWN_GROUP: start}, "first": first}
        given = io.BytesIO()
        points, residuals = _points(markers, unit)
        np.savez(given, points=points, residuals=residuals, about=json.dumps(about))
        return _ezc3d("write", given.getvalue())
    except C3dError as error:
        raise C3dError(f"{path}: {error}") from error


def _ezc3d(what: str, data: bytes) -> bytes:
    """Have a process of its own read or write: `c3d_child.py`.

    Raises:
        C3dError: ezc3d is missing, or fails.
    """
    if find_spec("ezc3d") is None:
        raise C3dError("C3D files need the package ezc3d: pip install 'trcaugment[c3d]'")
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.c3d", Path(folder) / "target.c3d"  # ezc3d wants that end
        source.write_bytes(data)
        # -P: modules beside the script stand in nobody's way.
        command = [sys.executable, "-P", str(Path(__file__).with_name("c3d_child.py")), what, str(source), str(target)]
        limit_s = _LONGEST_S + len(data) * _LONGEST_S_PER_BYTE
        try:
            done = subprocess.run(command, capture_output=True, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise C3dError(f"expected a sound C3D file, found one on which ezc3d hangs ({limit_s:.0f} s)") from error
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            why = lines[-1][:200] if lines and done.returncode > 0 else "ezc3d crashed"
            raise C3dError(f"expected a C3D file, found something else or a damaged one ({why})")
        return target.read_bytes()


# Reading


class _Content(NamedTuple):
    """What ezc3d reads: points and residuals as it has them, parameters by group and key, first frame from 0."""

    points: FloatArray
    residuals: FloatArray
    parameters: _Parameters
    first: int


def _read(data: bytes) -> _Content:
    with np.load(io.BytesIO(_ezc3d("read", data))) as read:
        about = json.loads(str(read["about"]))
        return _Content(read["points"], read["residuals"], about["parameters"], about["first"])


def _markers(content: _Content, data: bytes) -> Markers:
    notes: list[str] = []
    group = content.parameters.get("POINT", {})
    points = np.asarray(content.points, dtype=np.float64)[:3]  # (3, n_points, n_frames)
    n_frames = points.shape[2]
    if not n_frames or not points.shape[1]:
        raise C3dError(f"expected points, found {points.shape[1]} in {n_frames} frames")
    unit = _unit(group)
    names = _labels(group, points.shape[1], notes)
    computed = {name for kind in _NO_POSITIONS for name in _texts(group, kind)}
    kept = [k for k, name in enumerate(names) if name not in computed]
    if len(kept) < len(names):
        notes.append(f"{len(names) - len(kept)} of {len(names)} points are angles, forces or the like: left out.")
    positions = np.moveaxis(points, (0, 1, 2), (2, 1, 0))[:, kept] / PER_METER[unit]
    _drop_missing(positions, content.residuals[0].T[:, kept])
    stated = _stated_frames(data, content.parameters)
    if stated is not None and stated != n_frames:
        notes.append(f"The header says {stated} frames, the file has {n_frames}.")
    time_s = _time_s(content, n_frames)
    return Markers(tuple(names[k] for k in kept), positions, time_s, unit, tuple(notes))


def _unit(group: _Group) -> str:
    found = _texts(group, "UNITS")[:1]
    unit = UNIT_NAMES.get(found[0].casefold()) if found else None
    if unit is None:
        raise C3dError(
            f"expected POINT:UNITS m, cm or mm, found {found[0][:40]!r}" if found else "POINT:UNITS is missing"
        )
    return unit


def _labels(group: _Group, n_points: int, notes: list[str]) -> list[str]:
    """Names of all points, each once."""
    found = [name for key in ("LABELS", *(f"LABELS{k}" for k in range(2, 100))) for name in _texts(group, key)]
    names = [*found, *[""] * n_points][:n_points]
    names = [name or f"unnamed_{k}" for k, name in enumerate(names, 1)]
    twice = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    for k, name in enumerate(names):
        seen[name] += 1
        names[k] = f"{name}#{seen[name]}" if name in twice else name
    if twice:
        notes.append(f"Labels that occur more than once are numbered: {', '.join(sorted(twice)[:5])}.")
    return names


def _texts(group: _Group, key: str) -> list[str]:
    return [str(text).strip("\0 ") for text in group.get(key, ())]


def _drop_missing(positions: FloatArray, residuals: FloatArray) -> None:
    """Set missing samples to NaN, in place."""
    with np.errstate(invalid="ignore"):
        lost = (residuals < 0) | (positions == 0).all(axis=2) | ~(np.abs(positions) <= FARTHEST_M).all(axis=2)
    positions[lost] = np.nan


def _stated_frames(data: bytes, parameters: _Parameters) -> int | None:
    """How many frames the file says it has; ezc3d repairs its own copy. None if that is not known."""
    trial = parameters.get("TRIAL", {})
    ends = [trial[key] for key in ("ACTUAL_START_FIELD", "ACTUAL_END_FIELD") if key in trial]
    if [len(end) for end in ends] == [2, 2]:  # low and high 16 bits
        first, last = (int(low) % 65_536 + 65_536 * int(high) for low, high in ends)
        return last - first + 1
    start = 512 * (data[0] - 1)
    if data[start + 3 : start + 4] != b"\x54":  # only Intel's byte order
        return None
    first, last = struct.unpack("<HH", data[6:10])
    return int(last - first + 1)


def _time_s(content: _Content, n_frames: int) -> FloatArray:
    rates = content.parameters["POINT"].get("RATE", ())
    if len(rates) != 1 or not isinstance(rates[0], float) or not 0 < rates[0] < 1e5:
        raise C3dError(f"expected a rate in Hz under POINT:RATE, found {str(list(rates))[:40]}")
    own = _texts(content.parameters.get(_OWN_GROUP, {}), _START)
    try:
        start_s = float(own[0])
    except (IndexError, ValueError):
        start_s = content.first / rates[0]
    return np.asarray(start_s + np.arange(n_frames) / rates[0])


# Writing


def _check(markers: Markers) -> None:
    if not markers.names:
        raise C3dError("expected at least one marker, found none")
    if markers.n_frames > _MOST_FRAMES:
        raise C3dError(f"expected at most {_MOST_FRAMES} frames, found {markers.n_frames}; write a TRC file instead")
    for name in markers.names:
        if not name or name != name.strip() or "\0" in name or len(name.encode()) > _LONGEST_LABEL:
            raise C3dError(
                f"expected marker names of 1 to {_LONGEST_LABEL} bytes, without blanks at their ends, "
                f"found {name[:40]!r}"
            )


def _clock(markers: Markers) -> tuple[float, int]:
    """Rate in Hz, and number of the first frame, counted from 0.

    Raises:
        C3dError: the time stamps are uneven.
    """
    time_s = markers.time_s
    if markers.n_frames == 1:
        return 1.0, 0
    step_s = (time_s[-1] - time_s[0]) / (markers.n_frames - 1)
    off = np.abs(time_s - time_s[0] - step_s * np.arange(markers.n_frames))
    if off.max() > _UNEVEN * step_s:
        k = int(off.argmax())
        raise C3dError(
            f"expected even time stamps, which C3D does not keep, found frame {k + 1} at {time_s[k]:.6g} s where "
            f"{time_s[0] + step_s * k:.6g} s is due; write a TRC file instead"
        )
    first = round(time_s[0] / step_s)
    return float(1 / step_s), first if 0 <= first <= _MOST_FRAMES - markers.n_frames else 0


def _points(markers: Markers, unit: str) -> tuple[FloatArray, FloatArray]:
    """As C3D has them: points, (4, n_points, n_frames), zero where missing, and residuals, (1, n_points, n_frames)."""
    lost: BoolArray = np.asarray(np.isnan(markers.positions).any(axis=2))
    positions = np.where(lost[:, :, None], 0, markers.positions)
    at_origin = (np.abs(positions) < 0.6 * _SMALLEST_M).all(axis=2) & ~lost
    positions[at_origin, 0] = _SMALLEST_M
    points = np.ones((4, len(markers.names), markers.n_frames))
    points[:3] = np.moveaxis(positions * PER_METER[unit], (0, 1, 2), (2, 1, 0))
    return points, np.where(lost.T, -1.0, 0.0)[None]
