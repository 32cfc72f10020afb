"""The TRC format: `read_trc` copes with what other programs write; `write_trc` writes what all of them can read."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trcaugment.errors import MarkersError, TrcError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.formats.trc_header import (
    KEYS,
    Header,
    check_characters,
    different,
    read_header,
    read_labels,
    split_file,
    with_tabs,
)
from trcaugment.formats.trc_layout import make_plain
from trcaugment.formats.trc_rows import read_rows
from trcaugment.formats.trc_writing import format_rows
from trcaugment.formats.units import DECIMALS, PER_METER
from trcaugment.markers import FloatArray, Markers, usual_step_s

PathLike = str | os.PathLike[str]

_NUMBERS_AT_ONCE = 6_000  # that are formatted, so that the work stays in the processor's cache


def read_trc(path: PathLike) -> Markers:
    """Read a TRC file; positions are converted to m.

    Read as missing: blank cells and nan, the end of a row that is too short, a sample of which one coordinate is
    missing, a sample at exactly (0, 0, 0), and one farther than 1000 km away. `notes` lists what was repaired or looks
    odd; `unit` is the file's.

    Args:
        path: the file; mm, cm or m, any line endings, UTF-8, UTF-16 or Latin-1.

    Returns:
        Markers with positions in m, (n_frames, n_markers, 3).

    Raises:
        TrcError: the file cannot be read or understood; the message names file, line, and what to do.

    Example:
        >>> from trcaugment import read_trc
        >>> walk = read_trc("examples/walk.trc")
        >>> walk.positions.shape, walk.unit, walk.names[:3]
        ((600, 20, 3), 'm', ('Neck', 'midHip', 'RShoulder'))
    """
    return parse_trc(read_trc_bytes(path), path)


def read_trc_bytes(path: PathLike) -> bytes:
    """Read the bytes of a TRC file, for `parse_trc`.

    Raises:
        TrcError: the file cannot be read.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise TrcError(f"{path}: expected a TRC file, found a folder. Name the file inside it.")
        if not file.exists():
            raise TrcError(f"{path}: there is no such file. Check folder and spelling.")
        if not file.is_file():
            raise TrcError(f"{path}: expected a TRC file, found a pipe or a device. Copy its content into a file.")
        return file.read_bytes()
    except OSError as error:
        raise TrcError(f"{path}: cannot be read: {error.strerror or error}. Check that you may read it.") from error


def parse_trc(data: bytes, path: PathLike) -> Markers:
    """Read the content of a TRC file as `read_trc` does; the path is for messages only.

    Raises:
        TrcError: as `read_trc` does.
    """
    try:
        return _parse(_plain_text(data))
    except (TrcError, MarkersError) as error:
        raise TrcError(f"{path}: {error}") from error


def write_trc(path: PathLike, markers: Markers, *, unit: str = "m") -> None:
    """Write a TRC file that OpenSim and other programs read; an existing file is replaced whole or left alone.

    Positions are rounded to 1e-6 m or finer, time stamps are exact, missing samples are written as nan. A sample at
    exactly (0, 0, 0) is moved by 0.1 µm, because it would read as missing. Marker names keep their spaces.

    Args:
        path: the file to write; its folder must exist.
        markers: at least one marker.
        unit: length unit of the file: "m", "cm" or "mm".

    Raises:
        TrcError: the markers do not fit a TRC, or the file cannot be written.

    Example:
        >>> from trcaugment import read_trc, write_trc
        >>> write_trc("walk_mm.trc", read_trc("examples/walk.trc"), unit="mm")
        >>> read_trc("walk_mm.trc").unit
        'mm'
    """
    try:
        replace_file(path, format_trc(path, markers, unit=unit))
    except OSError as error:
        raise TrcError(f"{path}: {why_not_written(error)}") from error
    except ValueError as error:  # a path with a NUL character
        raise TrcError(f"{str(path)!r}: cannot be written: {error}. Choose another name.") from error


def format_trc(path: PathLike, markers: Markers, *, unit: str = "m") -> Iterator[bytes]:
    """The bytes that `write_trc` writes, in parts, so that memory does not grow with the length of a trial.

    Raises:
        TrcError: the markers do not fit a TRC.
    """
    try:
        yield _head(markers, unit, Path(path).name).encode(errors="replace")
    except TrcError as error:
        raise TrcError(f"{path}: {error}") from error
    n_frames = max(1, _NUMBERS_AT_ONCE // markers.positions[0].size)
    for first in range(0, markers.n_frames, n_frames):
        block = slice(first, first + n_frames)
        values = _values(markers.positions[block], unit)
        yield format_rows(first + 1, markers.time_s[block], values.reshape(len(values), -1), DECIMALS[unit])


# Reading


def _plain_text(data: bytes) -> bytes:
    """The file's text in UTF-8 or Latin-1, without byte order mark, with `\\n` as line ends."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", errors="replace").encode(errors="replace")
    if b"\0" in data:
        raise TrcError(
            "expected text, found a binary file. End the name of a C3D file in .c3d, and export a TRB file as TRC."
        )
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.removeprefix(codecs.BOM_UTF8)


def _parse(data: bytes) -> Markers:
    notes: list[str] = []
    data = with_tabs(data, notes)
    head, start = split_file(data)
    header = read_header(head[1], head[2])
    labels = read_labels(head[3], header)
    check_characters(labels.names, f"line {labels.line}: ")
    table = make_plain(data, start, header, labels, notes)
    table = table._replace(names=different(table.names, labels.line, notes))
    time_s, positions = read_rows(table, PER_METER[header.unit], notes)
    _check_clock(header, time_s)
    if header.n_frames != len(time_s):
        notes.append(f"The header says {header.n_frames:g} frames, the file has {len(time_s)}.")
    notes += _odd_times(header, time_s)
    return Markers(tuple(table.names), positions, time_s, header.unit, tuple(notes))


def _check_clock(header: Header, time_s: FloatArray) -> None:
    """Refuse time stamps that are not in seconds, or are frame numbers.

    Raises:
        TrcError: the header's rate is a thousand or a million times that of the time stamps, or they count frames;
            without a rate in the header, they are 3 or more apart, or exactly 1.
    """
    steps_s = np.diff(time_s)
    if not steps_s.size:
        return
    step_s = float(np.median(steps_s))
    ratio = header.rate_hz * step_s
    rate_known = 0 < header.rate_hz < np.inf
    meaning = ""
    if (steps_s % 1 == 0).all() and step_s == 1 and (header.rate_hz > 2 or not rate_known):
        meaning = "frame numbers"
    elif abs(ratio - 1e3) < 50 or (not rate_known and step_s >= 3):
        meaning = "in ms"
    elif abs(ratio - 1e6) < 5e4:
        meaning = "in µs"
    if meaning:
        divisor = {"in ms": "1000", "in µs": "1000000"}.get(meaning, "the data rate")
        raise TrcError(
            f"expected time in s, found {step_s:.6g} from row to row"
            + (f" at {header.rate_hz:g} Hz" if rate_known else "")
            + f": the time column is {meaning}. Divide it by {divisor}, or export the file again."
        )


def _odd_times(header: Header, time_s: FloatArray) -> Iterator[str]:
    """Notes on leaps in the time stamps, and on a rate that differs from the header's."""
    steps_s = np.diff(time_s)
    if not steps_s.size:
        return
    usual_s = float(np.median(steps_s))
    leaps = np.flatnonzero(steps_s > 1.5 * usual_s + 0.001)
    if leaps.size:
        k = int(leaps[0])
        others = f", and {leaps.size - 1} times more" if leaps.size > 1 else ""
        yield f"Time leaps by {steps_s[k]:.3g} s after frame {k + 1}{others}: frames were left out."
    # The mean, which rounding of the time stamps does not bias as it does the median; leaps are left out.
    rate_hz = 1 / float(steps_s[steps_s <= 1.5 * usual_s + 0.001].mean())
    if not abs(header.rate_hz - rate_hz) < 0.01 * rate_hz:
        yield f"The header says {header.rate_hz:g} Hz, the time stamps say {rate_hz:.4g} Hz: these count."


# Writing


def _head(markers: Markers, unit: str, file_name: str) -> str:
    """The lines before the rows."""
    if unit not in PER_METER:
        raise TrcError(f"expected unit m, cm or mm, found {unit!r}. Choose one of the three.")
    if not markers.names:
        raise TrcError("expected at least one marker, found none. A TRC without markers cannot be read again.")
    check_characters(markers.names, "")
    title = re.sub(r"[\x00-\x20]+", "_", file_name)
    rate = f"{_rate_hz(markers.time_s):.8g}"
    n = len(markers.names)
    return "\n".join(
        [
            f"PathFileType\t4\t(X/Y/Z)\t{title}",
            "\t".join(KEYS),
            f"{rate}\t{rate}\t{markers.n_frames}\t{n}\t{unit}\t{rate}\t1\t{markers.n_frames}",
            "\t".join(["Frame#", "Time", "\t\t\t".join(markers.names), "", ""]),
            "\t\t" + "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, n + 1)),
            "\n",
        ]
    )


def _values(positions: FloatArray, unit: str) -> FloatArray:
    """Positions in the file's unit, (n_frames, n_markers, 3); no valid sample is written as (0, 0, 0)."""
    values = positions * PER_METER[unit]
    missing = np.isnan(values)
    if missing.any():
        values[missing.any(axis=2)] = np.nan
    smallest = 10.0 ** -DECIMALS[unit]
    small = np.abs(values) < 0.6 * smallest
    if small.any():
        values[small.all(axis=2), 0] = smallest  # would be written as three zeros
    return values


def _rate_hz(time_s: FloatArray) -> float:
    """Data rate in Hz; 1 where there is none, because OpenSim needs a number."""
    return 1 / usual_step_s(time_s) if len(time_s) > 1 else 1.0
