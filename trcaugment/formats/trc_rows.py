"""Rows of a TRC file to numbers: plain rows by the block, odd ones cell by cell."""

from __future__ import annotations

import contextlib
import math
import re
from collections import defaultdict

import numpy as np

from trcaugment.errors import TrcError
from trcaugment.formats.decimals import parse_rows
from trcaugment.markers import FARTHEST_M, LATEST_S, SHORTEST_STEP_S, FloatArray

Line = tuple[int, bytes]  # number in the file, text

MISSING_TEXTS = frozenset(["", "nan", "-nan", "+nan", "-nan(ind)", "1.#qnan", "-1.#ind", "na", "n/a", "null", "none"])
REPAIR_TIME = "Correct it, or remove the line."
MOST_MISSING = 2_000_000  # samples that rows may leave out by ending early: more would cost more than the file holds
BYTES_AT_ONCE = 250_000  # keeps the work of the fast path inside the processor's cache


def decode(line: bytes) -> str:
    """Text of a line in UTF-8, or else Latin-1."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def float_or_nan(text: str) -> float:
    """The number, or NaN if it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def cells_of(row: bytes) -> list[str]:
    """Cells of a row, up to the last that is not blank; tabs or runs of spaces stand between them."""
    cells = re.split(r" *\t *| +", decode(row).strip(" "))
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def read_rows(
    data: bytes, start: int, names: tuple[str, ...], per_meter: float, notes: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Time stamps in s, (n_frames,), and positions in m, (n_frames, n_markers, 3), NaN where missing.

    Args:
        data: the file, with plain newlines.
        start: where the first row begins.
        names: marker names in the order of the columns.
        per_meter: how many of the file's units make a meter.
        notes: what was odd is added here.

    Raises:
        TrcError: a cell is not a number, or time does not increase.
    """
    lines: list[int] = []
    times, coordinates = [], []
    odd: dict[str, list[int]] = defaultdict(list)
    number = data.count(b"\n", 0, start) + 1
    while start < len(data):
        end = data.find(b"\n", start + BYTES_AT_ONCE) + 1 or len(data)
        block = data[start:end]
        plain = parse_rows(block, 2 + 3 * len(names))
        if plain is None:
            rows = [(number + k, row) for k, row in enumerate(block.split(b"\n")) if row and not row.isspace()]
            if (len(lines) + len(rows)) * len(names) > MOST_MISSING + len(data):
                raise TrcError(f"expected data for {len(names)} markers, found hardly any. Remove names without data.")
            if rows and not block.endswith(b"\n"):
                rows[-1] = _uncut(*rows[-1], 2 + 3 * len(names), odd)
            lines += [line for line, _ in rows]
            plain = np.array([_time(*row) for row in rows]), _coordinates(rows, names, odd)
            number += block.count(b"\n")
        else:
            lines += range(number, number + len(plain[0]))
            number += len(plain[0])
        times.append(plain[0])
        coordinates.append(plain[1])
        start = end
    for what, numbers in odd.items():
        notes.append(f"{_count(len(numbers), 'row')} (first: line {numbers[0]}) {what}.")
    time_s = np.concatenate(times)
    _check_times(time_s, lines)
    positions = np.concatenate(coordinates).reshape(len(lines), len(names), 3)
    positions /= per_meter
    _drop_samples(positions, lines, names, notes)
    return time_s, positions


def _uncut(number: int, row: bytes, n_columns: int, odd: dict[str, list[int]]) -> Line:
    """The file's last row without its last cell if the file breaks off there: 0.1 may have been 0.17."""
    if not row.strip() or row.count(b"\t") + 1 >= n_columns or row.endswith(b"\t") or b"\t" not in row:
        return number, row
    odd["breaks off: its last cell was ignored"].append(number)
    return number, row.rpartition(b"\t")[0]


def _time(number: int, row: bytes) -> float:
    cells = cells_of(row) if b" " in row else decode(row).split("\t", 2)
    text = cells[1].strip() if len(cells) > 1 else ""
    time_s = float_or_nan(text)
    if math.isnan(time_s):
        raise TrcError(f"line {number}: expected a time in s in column 2, found {text[:40]!r}. {REPAIR_TIME}")
    return time_s


def _coordinates(rows: list[Line], names: tuple[str, ...], odd: dict[str, list[int]]) -> FloatArray:
    """Cells after the time, (n_rows, 3 * n_markers); `odd` collects line numbers by what was odd about them."""
    return np.array([_row(number, row, names, odd) for number, row in rows]).reshape(len(rows), 3 * len(names))


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


def _row(number: int, row: bytes, names: tuple[str, ...], odd: dict[str, list[int]]) -> list[float]:
    n_columns = 2 + 3 * len(names)
    plain = row.removesuffix(b"\t").split(b"\t")
    if len(plain) == n_columns and b" " not in row and b"_" not in row:  # float() takes 1_000
        with contextlib.suppress(ValueError):
            return [float(cell) for cell in plain[2:]]
    cells = cells_of(row)
    if len(cells) == n_columns + 1 and not cells[2]:
        odd["had a blank column after the time: read without it"].append(number)
        del cells[2]
    if len(cells) > n_columns:
        odd["had more cells than there are names for: the rest was ignored"].append(number)
    elif max(row.count(b"\t") + 1, len(cells)) < n_columns:
        odd["ended early: the markers at the end are missing there"].append(number)
    found = [_coordinate(cell, number, column, names) for column, cell in enumerate(cells[2:n_columns], 2)]
    return found + [math.nan] * (n_columns - 2 - len(found))


def _coordinate(cell: str, number: int, column: int, names: tuple[str, ...]) -> float:
    if cell.strip().lower() in MISSING_TEXTS:
        return math.nan
    value = math.nan if "_" in cell else float_or_nan(cell)
    if math.isnan(value):
        marker, axis = divmod(column - 2, 3)
        raise TrcError(
            f"line {number}: expected a number for {names[marker][:40]} {'xyz'[axis]} (column {column + 1}), "
            f"found {cell[:40]!r}. Write it with a decimal point, or leave the cell blank if the sample is missing."
        )
    return value


def _drop_samples(positions: FloatArray, lines: list[int], names: tuple[str, ...], notes: list[str]) -> None:
    """Set samples that are no positions to NaN, in place, and note them."""
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
