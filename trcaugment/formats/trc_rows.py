"""Parses rows of a TRC file into numbers: plain rows in blocks, unusual ones cell by cell."""

from __future__ import annotations

import contextlib
import math
import re
from collections import defaultdict
from itertools import groupby
from typing import NamedTuple

import numpy as np

from trcaugment.errors import TrcError
from trcaugment.formats.decimals import parse_rows
from trcaugment.markers import FARTHEST_M, LATEST_S, SHORTEST_STEP_S, FloatArray

Line = tuple[int, bytes]  # number in the file, text

MISSING_TEXTS = frozenset(["", "nan", "-nan", "+nan", "-nan(ind)", "1.#qnan", "-1.#ind", "na", "n/a", "null", "none"])
DECIMAL_COMMA = "It has a decimal comma: export the file with decimal points."
REPAIR_TIME = "Correct it, or remove the line."
MOST_MISSING = 2_000_000  # samples missing from rows that end early; limits memory for short files with many names
BYTES_AT_ONCE = 250_000  # so that the fast path works in the processor's cache


def decode(line: bytes) -> str:
    """Text of a line in UTF-8, or else Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def float_or_nan(text: str) -> float:
    """The number in a text, or NaN if there is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


class Table(NamedTuple):
    """Rows of frame number, time and three cells per marker.

    Attributes:
        data: the file with plain newlines; line numbers are those of the file.
        start: offset of the first row.
        names: marker names in the order of the columns.
        n_unnamed: number of trajectories without a name after those.
    """

    data: bytes
    start: int
    names: list[str]
    n_unnamed: int = 0

    @property
    def n_columns(self) -> int:
        """Cells that a row should have."""
        return 2 + 3 * (len(self.names) + self.n_unnamed)


def read_rows(table: Table, per_meter: float, notes: list[str]) -> tuple[FloatArray, FloatArray]:
    """Parse the rows: time stamps in s, (n_frames,), and positions in m, (n_frames, n_markers, 3), NaN where missing.

    Args:
        table: the rows.
        per_meter: number of the file's units in a meter.
        notes: notes are added here.

    Raises:
        TrcError: a row has another number of cells, a cell is not a number, or time does not increase.
    """
    data, start, names = table.data, table.start, table.names
    lines: list[int] = []
    times = []
    # Blocks are parsed into one array: joining them in the end would take twice the memory.
    n_most = min(data.count(b"\n", start) + 1, (MOST_MISSING + len(data)) // max(1, len(names)) + 1)
    coordinates = np.empty((n_most, table.n_columns - 2))
    odd: dict[str, list[int]] = defaultdict(list)
    number = data.count(b"\n", 0, start) + 1
    while start < len(data):
        end = data.find(b"\n", start + BYTES_AT_ONCE) + 1 or len(data)
        block = data[start:end]
        plain = parse_rows(block, table.n_columns) if block.endswith(b"\n") else None
        if plain is None:
            rows = [(number + k, row) for k, row in enumerate(block.split(b"\n")) if row and not row.isspace()]
            if (len(lines) + len(rows)) * len(names) > MOST_MISSING + len(data):
                raise TrcError(f"expected data for {len(names)} markers, found hardly any. Remove names without data.")
            if rows and not block.endswith(b"\n"):
                rows[-1] = _uncut(*rows[-1], table.n_columns, odd)
            lines += [line for line, _ in rows]
            numbers = _numbers(rows, table, odd)
            plain = numbers[:, 0], numbers[:, 1:]
            number += block.count(b"\n")
        else:
            lines += range(number, number + len(plain[0]))
            number += len(plain[0])
        times.append(plain[0])
        coordinates[len(lines) - len(plain[0]) : len(lines)] = plain[1]
        start = end
    for what, where in odd.items():
        notes.append(f"{_count(len(where), 'row')} (first: line {where[0]}) {what}.")
    time_s = np.concatenate(times)
    _check_times(time_s, lines)
    positions = coordinates[: len(lines)].reshape(len(lines), -1, 3)[:, : len(names)]
    positions /= per_meter
    _drop_samples(positions, lines, tuple(names), notes)
    return time_s, positions


def _uncut(number: int, row: bytes, n_columns: int, odd: dict[str, list[int]]) -> Line:
    """The file's last row, without its last cell if the file breaks off in it: 0.1 may have been 0.17."""
    cells = row.split(b"\t")
    if not cells[-1].strip() or len(cells) == 1 or (len(cells) >= n_columns and not _is_shorter(cells)):
        return number, row
    odd["breaks off: its last cell was ignored"].append(number)
    kept = cells[:-1] if len(cells) < n_columns else [*cells[:-3], b"", b"", b""]
    return number, b"\t".join(kept[: 2 + (len(kept) - 2) // 3 * 3])


def _is_shorter(cells: list[bytes]) -> bool:
    """Whether the last cell has fewer decimals than the other coordinates, which all have the same number."""
    n_decimals = [len(cell.strip().partition(b".")[2]) for cell in cells[2:] if cell.strip()]
    return len(n_decimals) > 2 and len(set(n_decimals[:-1])) == 1 and n_decimals[-1] < n_decimals[0]


def _numbers(rows: list[Line], table: Table, odd: dict[str, list[int]]) -> FloatArray:
    """Time and coordinates, (n_rows, n_columns - 1); `odd` collects line numbers by what was odd about them."""
    n_numbers = table.n_columns - 1
    return np.array([_row(number, row, table, odd) for number, row in rows]).reshape(len(rows), n_numbers)


def _check_times(time_s: FloatArray, lines: list[int]) -> None:
    known = np.abs(time_s) <= LATEST_S
    if not known.all():
        k = int(np.argmin(known))
        raise TrcError(f"line {lines[k]}: expected a time in s in column 2, found {time_s[k]}. {REPAIR_TIME}")
    backward = np.flatnonzero(np.diff(time_s) < SHORTEST_STEP_S)
    if backward.size:
        k = int(backward[0])
        raise TrcError(
            f"line {lines[k + 1]}: expected a time after {time_s[k]} s (line {lines[k]}), found {time_s[k + 1]} s: "
            f"time must increase by {SHORTEST_STEP_S:g} s or more. {REPAIR_TIME}"
        )


def _row(number: int, row: bytes, table: Table, odd: dict[str, list[int]]) -> list[float]:
    """Time and coordinates of a row, n_columns - 1 numbers."""
    n_columns = table.n_columns
    plain = row.removesuffix(b"\t").split(b"\t")
    if len(plain) == n_columns and b" " not in row and b"_" not in row:  # float() accepts 1_000
        with contextlib.suppress(ValueError):
            return [_time(decode(plain[1]), number), *(float(cell) for cell in plain[2:])]
    cells = _cells(number, row, n_columns, odd)
    found = [_coordinate(cell, number, column, table.names) for column, cell in enumerate(cells[2:], 2)]
    return [_time(cells[1], number), *found, *[math.nan] * (n_columns - 2 - len(found))]


def _time(cell: str, number: int) -> float:
    time_s = float_or_nan(cell)
    if math.isnan(time_s):
        advice = DECIMAL_COMMA if _has_decimal_comma(cell) else REPAIR_TIME
        raise TrcError(f"line {number}: expected a time in s in column 2, found {cell[:40]!r}. {advice}")
    return time_s


def _cells(number: int, row: bytes, n_columns: int, odd: dict[str, list[int]]) -> list[str]:
    """The cells of a row that is not plain: frame number, time and three for each marker that it has.

    Raises:
        TrcError: the row has too many cells, or only a part of a marker, so the cells cannot be assigned.
    """
    cells = re.split(r" *\t *| +", decode(row).strip(" "))
    length = max((k for k, cell in enumerate(cells, 1) if cell.strip()), default=0)
    if length == n_columns or length < 2:
        return [*cells[:length], "", ""][: max(length, 2)]
    if b"\t" in row:
        if length < n_columns and length % 3 == 2:
            if len(cells) < n_columns:
                odd["ended early: the markers at the end are missing there"].append(number)
            return cells[:length]
        without = _without_stray(cells)
        if len(without) == n_columns:
            odd["had a stray tab: read without it"].append(number)
            return without
    blank = "" if b"\t" in row else " Blank cells cannot be seen between spaces: export the file with tabs."
    comma = f" {DECIMAL_COMMA}" if any(map(_has_decimal_comma, cells)) else ""
    raise TrcError(
        f"line {number}: expected {n_columns} cells (frame, time and 3 for each marker), found {length}: a cell was "
        f"lost or is too many, and which cannot be known. Correct the line, or remove it.{blank}{comma}"
    )


def _without_stray(cells: list[str]) -> list[str]:
    """The cells without stray tabs: a missing marker is three blank cells, and any beyond a multiple of 3 are stray.

    OpenSim's MarkerData reads them the same way.
    """
    kept: list[str] = []
    for is_blank, run in groupby(cells, key=lambda cell: not cell.strip()):
        some = list(run)
        kept += some[: len(some) // 3 * 3] if is_blank else some
    return kept


def _has_decimal_comma(text: str) -> bool:
    return re.fullmatch(r"\s*[-+]?\d+,\d+\s*", text) is not None


def _coordinate(cell: str, number: int, column: int, names: list[str]) -> float:
    if cell.strip().lower() in MISSING_TEXTS:
        return math.nan
    value = math.nan if "_" in cell else float_or_nan(cell)
    if math.isnan(value):
        marker, axis = divmod(column - 2, 3)
        name = names[marker][:40] if marker < len(names) else "a marker without name"
        advice = DECIMAL_COMMA if _has_decimal_comma(cell) else "Leave the cell blank if the sample is missing."
        raise TrcError(
            f"line {number}: expected a number for {name} {'xyz'[axis]} (column {column + 1}), "
            f"found {cell[:40]!r}. {advice}"
        )
    return value


def _drop_samples(positions: FloatArray, lines: list[int], names: tuple[str, ...], notes: list[str]) -> None:
    """Set samples that cannot be positions to NaN, in place; adds notes."""
    x, y, z = np.moveaxis(positions, 2, 0)
    absent = [np.isnan(axis) for axis in (x, y, z)]
    far = [np.abs(axis) > FARTHEST_M for axis in (x, y, z)]
    reasons = {
        "with one or two coordinates missing": np.any(absent, axis=0) & ~np.all(absent, axis=0),
        "farther than 1000 km away": np.any(far, axis=0),
        "at exactly (0, 0, 0)": (x == 0) & (y == 0) & (z == 0),
    }
    for reason, samples in reasons.items():
        if samples.any():
            frame, marker = np.unravel_index(np.argmax(samples), samples.shape)
            notes.append(
                f"{_count(samples.sum(), 'sample')} {reason} read as missing "
                f"(first: {names[marker][:40]}, line {lines[frame]})."
            )
            positions[samples] = np.nan


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
