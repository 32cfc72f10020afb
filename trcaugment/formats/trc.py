"""The TRC format: `read_trc` forgives what other programs write, `write_trc` writes what all of them read."""

from __future__ import annotations

import codecs
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trcaugment.errors import MarkersError, TrcError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.formats.trc_rows import Line, cells_of, decode, float_or_nan, read_rows
from trcaugment.markers import FloatArray, Markers

PathLike = str | os.PathLike[str]

PER_METER = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
DECIMALS = {"m": 7, "cm": 5, "mm": 4}  # 0.1 µm in each
UNIT_NAMES = {unit: unit for unit in PER_METER} | {
    prefix + spelling: unit
    for prefix, unit in (("", "m"), ("centi", "cm"), ("milli", "mm"))
    for spelling in ("meter", "meters", "metre", "metres")
}
KEYS = [
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
]
LABELS = re.compile(rb"\s*[XYZ]\d*\s", re.IGNORECASE)


class _Header(NamedTuple):
    """Line 3; NaN where a number could not be read."""

    unit: str
    rate_hz: float
    n_frames: float
    n_markers: float


def read_trc(path: PathLike) -> Markers:
    """Read a TRC file, in m whatever its unit.

    Missing are: cells that are blank or say nan, the end of a row that is too short, a marker of which one coordinate
    is missing, a marker at exactly (0, 0, 0), and one farther than 1000 km away. Whatever was repaired or looks odd
    stands in `notes`, `unit` is that of the file.

    Args:
        path: the file; mm, cm or m, any line endings, UTF-8, UTF-16 or Latin-1.

    Returns:
        Markers with positions in m, (n_frames, n_markers, 3).

    Raises:
        TrcError: the file cannot be read or understood; the message names file, line, and what to do.
    """
    return parse_trc(read_trc_bytes(path), path)


def read_trc_bytes(path: PathLike) -> bytes:
    """Content of a TRC file as it is, for `parse_trc`.

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
    """What `read_trc` makes of a file's content; the path is for messages.

    Raises:
        TrcError: as `read_trc` does.
    """
    try:
        return _parse(_plain_text(data))
    except (TrcError, MarkersError) as error:
        raise TrcError(f"{path}: {error}") from error


def write_trc(path: PathLike, markers: Markers, *, unit: str = "m") -> None:
    """Write a TRC file that OpenSim and other programs read; a file that is there is replaced whole or left alone.

    Positions are good to 1e-6 m, time stamps are exact, missing samples say nan. A marker that is at exactly
    (0, 0, 0) moves by 0.1 µm, because there it would mean missing. A marker's name is kept, spaces included.

    Args:
        path: the file to write; its folder must exist.
        markers: at least one marker.
        unit: length unit of the file: "m", "cm" or "mm".

    Raises:
        TrcError: the markers do not fit a TRC, or the file cannot be written.
    """
    try:
        replace_file(path, format_trc(path, markers, unit=unit))
    except OSError as error:
        raise TrcError(f"{path}: {why_not_written(error)}") from error
    except ValueError as error:  # a path with a NUL character
        raise TrcError(f"{str(path)!r}: cannot be written: {error}. Choose another name.") from error


def format_trc(path: PathLike, markers: Markers, *, unit: str = "m") -> bytes:
    """What `write_trc` writes into the file.

    Raises:
        TrcError: the markers do not fit a TRC.
    """
    try:
        return _format(markers, unit, Path(path).name).encode(errors="replace")
    except TrcError as error:
        raise TrcError(f"{path}: {error}") from error


# Reading


def _plain_text(data: bytes) -> bytes:
    """The file as ASCII, UTF-8 or Latin-1 with plain newlines."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", errors="replace").encode(errors="replace")
    if b"\0" in data:
        raise TrcError("expected text, found a binary file. If it is a C3D or TRB file, export it as TRC.")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.removeprefix(codecs.BOM_UTF8)


def _parse(data: bytes) -> Markers:
    head, start = _split(data)
    notes: list[str] = []
    header = _header(*head[1:3])
    names = _names(head[3], header, data, start, notes)
    time_s, positions = read_rows(data, start, names, PER_METER[header.unit], notes)
    if header.n_frames != len(time_s):
        notes.append(f"The header says {header.n_frames:g} frames, the file has {len(time_s)}.")
    notes += _odd_times(header, time_s)
    return Markers(names, positions, time_s, header.unit, tuple(notes))


def _odd_times(header: _Header, time_s: FloatArray) -> Iterator[str]:
    """Sentences on leaps between time stamps, and on another rate than the header's."""
    steps_s = np.diff(time_s)
    if not steps_s.size:
        return
    usual_s = float(np.median(steps_s))
    leaps = np.flatnonzero(steps_s > 1.5 * usual_s + 0.001)
    if leaps.size:
        k = int(leaps[0])
        others = f", and {leaps.size - 1} times more" if leaps.size > 1 else ""
        yield f"Time leaps by {steps_s[k]:.3g} s after frame {k + 1}{others}: frames were left out."
    # Without the leaps, and a mean rather than the median: rounded time stamps still have the right mean.
    rate_hz = 1 / float(steps_s[steps_s <= 1.5 * usual_s + 0.001].mean())
    if not abs(header.rate_hz - rate_hz) < 0.01 * rate_hz:
        yield f"The header says {header.rate_hz:g} Hz, the time stamps say {rate_hz:.4g} Hz: these count."


def _split(data: bytes) -> tuple[list[Line], int]:
    """The header, four lines or five with the X1 Y1 Z1 labels, and where the first row of data begins."""
    head: list[Line] = []
    start = number = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        line, number = data[start:end], number + 1
        if line.strip():  # blank lines may stand anywhere
            if not head and line.split()[0].lower() != b"pathfiletype":
                raise TrcError(
                    f"line {number}: expected PathFileType, found {decode(line)[:40]!r}. This is not a TRC file."
                )
            if len(head) == 5 or (len(head) == 4 and not LABELS.match(line)):
                return head, start
            head.append((number, line))
        start = end
    if not head:
        raise TrcError("expected a TRC file, found an empty one. Export it again.")
    raise TrcError(f"line {head[-1][0]}: expected a header and rows of data, found the end. Copy or export it again.")


def _header(key_line: Line, value_line: Line) -> _Header:
    keys, values = ([cell.strip() for cell in decode(line).rstrip().split("\t")] for _, line in (key_line, value_line))
    if len(keys) != len(values) or not {"NumMarkers", "Units"} <= set(keys):
        # As OpenSim does it: by order. The columns that count stand first.
        keys, values = KEYS, decode(value_line[1]).split()
    found = dict(zip(keys, values, strict=False))
    unit = UNIT_NAMES.get(found.get("Units", "").lower())
    if unit is None:
        raise TrcError(
            f"line {value_line[0]}: expected m, cm or mm under Units, found {found.get('Units', '')[:40]!r}. "
            "Write the unit of the coordinates there."
        )
    numbers = (float_or_nan(found.get(key, "")) for key in ("DataRate", "NumFrames", "NumMarkers"))
    return _Header(unit, *numbers)


def _names(line: Line, header: _Header, data: bytes, start: int, notes: list[str]) -> tuple[str, ...]:
    """Names from the cells after Frame# and Time, wherever these stand; checked against the header's count."""
    number, text = line[0], decode(line[1]).strip()
    labels = re.match(r"(?:frame\s*#?|\S+)\s+\S+", text, re.IGNORECASE)
    rest = text[labels.end() :].strip() if labels else ""
    names = [cell.strip() for cell in rest.split("\t") if cell.strip()]
    if "\t" not in rest and len(rest.split()) == header.n_markers:
        names = rest.split()  # tabs were replaced by spaces
    if not names:
        raise TrcError(f"line {number}: expected Frame#, Time and marker names, found {text[:40]!r}. Add the names.")
    if len(names) != header.n_markers:
        n_columns = max(len(cells_of(row)) for row in data[start:].split(b"\n"))
        names = _settle_count(number, names, header.n_markers, n_columns, notes)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        name = twice[0][:40]
        raise TrcError(f"line {number}: the marker {name} is there more than once. Rename all but one of them.")
    _check_characters(names, f"line {number}: ")
    return tuple(names)


def _settle_count(number: int, names: list[str], n_markers: float, n_columns: int, notes: list[str]) -> list[str]:
    """Names that count where NumMarkers differs: those with columns of data; refused where that cannot be known."""
    if len(names) < n_markers and n_columns > 2 + 3 * len(names):
        raise TrcError(
            f"line {number}: expected {n_markers:g} marker names (NumMarkers), found {len(names)}, and the rows "
            "have data for more. Which columns are whose cannot be known: add the names that are not there."
        )
    notes.append(f"The header says {n_markers:g} markers, line {number} has {len(names)} names.")
    if 1 <= n_markers < len(names) and n_columns <= 2 + 3 * n_markers:
        ignored = names[int(n_markers) :]
        shown = ", ".join(name[:40] for name in ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        notes.append(f"No columns of data for {shown}: left out.")
        return names[: int(n_markers)]
    return names


# Writing


def _format(markers: Markers, unit: str, file_name: str) -> str:
    """The whole text of the file."""
    if unit not in PER_METER:
        raise TrcError(f"expected unit m, cm or mm, found {unit!r}. Choose one of the three.")
    if not markers.names:
        raise TrcError("expected at least one marker, found none. A TRC without markers cannot be read again.")
    _check_characters(markers.names, "")
    values = _values(markers, unit).reshape(markers.n_frames, -1).tolist()
    title = re.sub(r"[\x00-\x20]+", "_", file_name)
    rate = f"{_rate_hz(markers.time_s):.8g}"
    n = len(markers.names)
    row = "%d\t%r" + f"\t%.{DECIMALS[unit]}f" * (3 * n)
    return "\n".join(
        [
            f"PathFileType\t4\t(X/Y/Z)\t{title}",
            "\t".join(KEYS),
            f"{rate}\t{rate}\t{markers.n_frames}\t{n}\t{unit}\t{rate}\t1\t{markers.n_frames}",
            "\t".join(["Frame#", "Time", "\t\t\t".join(markers.names), "", ""]),
            "\t\t" + "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, n + 1)),
            "",
            *(row % (k, t, *v) for k, (t, v) in enumerate(zip(markers.time_s.tolist(), values, strict=True), 1)),
            "",
        ]
    )


def _values(markers: Markers, unit: str) -> FloatArray:
    """Positions in the file's unit, (n_frames, n_markers, 3), such that `read_trc` finds missing what is missing."""
    values = markers.positions * PER_METER[unit]
    values[np.isnan(values).any(axis=2)] = np.nan
    smallest = 10.0 ** -DECIMALS[unit]
    at_origin = (np.abs(values) < 0.6 * smallest).all(axis=2)  # would be written as three zeros
    values[at_origin, 0] = smallest
    return values


# Both


def _check_characters(names: list[str] | tuple[str, ...], where: str) -> None:
    for name in names:
        if not name or name != name.strip() or re.search(r"[\x00-\x1f\ud800-\udfff]", name):
            raise TrcError(
                f"{where}expected marker names without tabs, line breaks or blanks at their ends, "
                f"found {name[:40]!r}. Rename it."
            )


def _rate_hz(time_s: FloatArray) -> float:
    """Data rate in Hz from the median step; 1 where there is none, because OpenSim needs a number."""
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    return 1 / max(step_s, 1e-9)
