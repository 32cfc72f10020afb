"""Brings unusual rows of a TRC file into the usual layout: leading tabs, time stamp columns, columns without a name."""

from __future__ import annotations

import re

import numpy as np

from trcaugment.errors import TrcError
from trcaugment.formats.trc_header import Header, Labels
from trcaugment.formats.trc_rows import Table, decode, float_or_nan

_LEADING_TAB = re.compile(rb"^\t", re.MULTILINE)
_THIRD_CELL = re.compile(rb"^([^\t\n]*\t[^\t\n]*\t)[^\t\n]*(?:\t|$)", re.MULTILINE)


def make_plain(data: bytes, start: int, header: Header, labels: Labels, notes: list[str]) -> Table:
    """Bring the rows into the usual layout; adds a note on whatever was unusual.

    Args:
        data: the file, with plain newlines.
        start: offset of the first row.
        header: values of the header.
        labels: marker names and their columns.
        notes: notes are added here.

    Raises:
        TrcError: it cannot be known which columns belong to which marker.
    """
    names = labels.names
    if not labels.begin_with_stamp and len(names) == header.n_markers and _is_plain(data, start, len(names)):
        return Table(data, start, names)
    lines = [row for row in data[start:].split(b"\n") if row and not row.isspace()]
    rows = [row.split(b"\t" if b"\t" in row else None) for row in lines]
    if not rows:
        return Table(data, start, names)
    n_least = len(names) - (labels.begin_with_stamp or labels.may_begin_with_stamp)
    if max(map(len, rows)) > 2 + 3 * n_least and _begin_with_tab(rows):
        notes.append("Rows begin with a tab: read without it.")
        data = data[:start] + _LEADING_TAB.sub(b"", data[start:])
        rows = [row[1:] for row in rows]
    if labels.begin_with_stamp or (labels.may_begin_with_stamp and _have_another_cell(rows)):
        notes.append(f"Column 3 ({names[0][:40]}) is no marker: left out.")
        data = data[:start] + _THIRD_CELL.sub(rb"\1", data[start:])
        rows, names = [row[:2] + row[3:] for row in rows], names[1:]
    return Table(data, start, *_settle_count(names, rows, header, labels, notes))


def _is_plain(data: bytes, start: int, n_names: int) -> bool:
    """Whether the first row has the usual layout; `read_rows` then checks the others against it."""
    row = data[start : data.find(b"\n", start) + 1 or len(data)].rstrip(b"\n").removesuffix(b"\t")
    return row.count(b"\t") == 1 + 3 * n_names and not row.startswith((b"\t", b" ")) and not row.endswith(b"\t")


def _begin_with_tab(rows: list[list[bytes]]) -> bool:
    """Whether rows start with a stray tab: blank, frame number, time. A blank alone may be a frame number left out."""
    if not all(len(row) > 2 and not row[0].strip() for row in rows):
        return False
    numbers = np.array([[float_or_nan(decode(cell)) for cell in row[1:3]] for row in rows])
    increase = (np.diff(numbers, axis=0) > 0).all()
    return bool(np.isfinite(numbers).all() and increase and (numbers[:, 0] % 1 == 0).all())


def _have_another_cell(rows: list[list[bytes]]) -> bool:
    """Whether most rows have one cell more than 2 + 3 n_markers."""
    lengths = np.array([_length(row) for row in rows])
    return bool((lengths % 3 == 0).mean() > 0.5)


def _length(row: list[bytes]) -> int:
    """Number of cells up to the last that is not blank."""
    n = len(row)
    while n and not row[n - 1].strip():
        n -= 1
    return n


def _settle_count(
    names: list[str], rows: list[list[bytes]], header: Header, labels: Labels, notes: list[str]
) -> tuple[list[str], int]:
    """The names that have columns, and the number of trajectories without a name after them."""
    n_names, n_markers = len(names), header.n_markers
    whole = [n for n in map(_length, rows) if n % 3 == 2]  # `read_rows` refuses others, or removes a stray tab
    longest = max(whole, default=0)
    n_more = (longest - 2) // 3 - n_names
    if n_more > 0:
        counted = n_names + n_more <= n_markers
        if not counted and sum(n > 2 + 3 * n_names for n in whole) < len(rows) / 2:
            return names, 0  # only some rows are too long; `read_rows` refuses them
        if not labels.follow_each_other and not labels.begin_with_stamp:
            raise TrcError(
                f"line {labels.line}: expected {max(n_markers, n_names + n_more):g} marker names, found {n_names}, and "
                "the rows have data for more. Which columns are whose cannot be known: add the names that are missing."
            )
        n_unnamed = int(n_markers) - n_names if counted else n_more
        plural = "ies" if n_unnamed > 1 else "y"
        notes.append(f"{n_unnamed} trajector{plural} without a name after {names[-1][:40]}: left out.")
        return names, n_unnamed
    if n_names != n_markers:
        notes.append(f"The header says {n_markers:g} markers, line {labels.line} has {n_names} names.")
    if 1 <= n_markers < n_names and longest <= 2 + 3 * n_markers:
        ignored = names[int(n_markers) :]
        shown = ", ".join(name[:40] for name in ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        notes.append(f"No columns of data for {shown}: left out.")
        return names[: int(n_markers)], 0
    return names, 0
