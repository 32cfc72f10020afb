"""OpenSim's motion files (`.mot`, `.sto`): a header, then a table of columns over time."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trcaugment.errors import MotionError
from trcaugment.markers import FloatArray

_LARGEST = 1e12  # more is infinite, or no measurement


class MotionTable(NamedTuple):
    """Content of a motion file.

    Attributes:
        labels: names of the columns, "time" first.
        values: as in the file, (n_frames, n_labels).
        in_degrees: whether angles are in degrees (else radians); None if the header does not say.
        notes: what was repaired, one sentence each.
    """

    labels: list[str]
    values: FloatArray
    in_degrees: bool | None
    notes: tuple[str, ...]

    def with_unit(self, path: Path) -> MotionTable:
        """The table itself, if the header states the unit of angles.

        Raises:
            MotionError: the header does not state it.
        """
        if self.in_degrees is None:
            raise MotionError(f"{path}: expected a header line inDegrees=yes or inDegrees=no, found none; write it")
        return self


def read_table(path: Path) -> MotionTable:
    """Read a `.mot` or `.sto` file of OpenSim or SIMM. A row with the same time stamp as the one before is left out.

    Raises:
        MotionError: not a motion file, a row has a wrong number of cells, or a cell is not a number.
    """
    if path.exists() and not path.is_file():
        raise MotionError(f"{path}: expected a motion file, found a folder, pipe or device")  # may never end
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise MotionError(f"{path}: cannot be read ({error.strerror})") from error
    stripped = [line.strip().lower() for line in lines]
    if "endheader" not in stripped:
        raise MotionError(f"{path}: expected a line 'endheader' as in OpenSim motion files, found none")
    head = stripped.index("endheader") + 1
    while head < len(lines) and not stripped[head]:
        head += 1
    labels = lines[head].split() if head < len(lines) else []
    if len(labels) < 2 or labels[0].lower() != "time":
        found = " ".join(labels[:5])[:80] or "nothing"
        raise MotionError(f"{path}: expected a column 'time' and others in line {head + 1}, found {found}")
    numbers = [head + 2 + k for k, line in enumerate(stripped[head + 1 :]) if line]
    values = _values(path, lines, numbers, len(labels))
    kept = np.ones(len(values), dtype=bool)
    kept[1:] = np.diff(values[:, 0]) != 0
    notes = []
    if not kept.all():
        left_out = [number for number, keep in zip(numbers, kept.tolist(), strict=True) if not keep]
        rows = f"{len(left_out)} rows have" if len(left_out) > 1 else "1 row has"
        notes.append(f"{rows} the time stamp of the row before (first: line {left_out[0]}): left out.")
    return MotionTable(labels, values[kept], _in_degrees(path, stripped[: head - 1]), tuple(notes))


def with_rows(file: bytes, values: FloatArray) -> bytes:
    """A motion file of OpenSim with other rows below its own header and labels.

    Args:
        file: with a line `nRows=N`, which will say how many rows there are now.
        values: (n_rows, n_labels).
    """
    lines = file.decode().splitlines()
    head = lines.index("endheader") + 2
    header = [f"nRows={len(values)}" if line.startswith("nRows=") else line for line in lines[:head]]
    rows = ["\t".join(f"{value:16.8f}" for value in row) for row in values.tolist()]
    return "\n".join([*header, *rows, ""]).encode()


def without_columns(file: bytes, labels: Collection[str]) -> bytes:
    """A motion file of OpenSim without some columns.

    Args:
        file: with a line `nColumns=N`, which will say how many columns there are now.
        labels: of the columns that go; those that are not there do not matter.
    """
    lines = file.decode().splitlines()
    head = lines.index("endheader") + 1
    kept = [k for k, label in enumerate(lines[head].split("\t")) if label not in labels]
    header = [f"nColumns={len(kept)}" if line.startswith("nColumns=") else line for line in lines[:head]]
    rows = (line.split("\t") for line in lines[head:] if line)
    return "\n".join([*header, *("\t".join(row[k] for k in kept) for row in rows), ""]).encode()


def _values(path: Path, lines: list[str], numbers: list[int], n_labels: int) -> FloatArray:
    """Rows as numbers, (n_rows, n_labels)."""
    rows = []
    for number in numbers:
        cells = lines[number - 1].split()
        if len(cells) != n_labels:
            raise MotionError(f"{path}, line {number}: expected one value per label ({n_labels}), found {len(cells)}")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError as error:
            comma = "; export it with decimal points" if "," in lines[number - 1] else ""
            found = next(cell for cell in cells if not _is_number(cell))
            raise MotionError(
                f"{path}, line {number}: expected numbers in {n_labels} columns, found {found[:40]!r}{comma}"
            ) from error
    if not rows:
        raise MotionError(f"{path}: expected rows below the labels 'time', ..., found none")
    values = np.array(rows, dtype=np.float64)
    odd = np.abs(values) > _LARGEST  # not where a sample is missing: NaN
    odd[:, 0] |= np.isnan(values[:, 0])
    if odd.any():
        row, column = np.argwhere(odd)[0].tolist()
        what = "a number" if column else "a time in s"
        raise MotionError(
            f"{path}, line {numbers[row]}: expected {what} in column {column + 1}, found {values[row, column]:g}; "
            "correct it, or remove the line"
        )
    return values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _in_degrees(path: Path, header: list[str]) -> bool | None:
    # OpenSim's own files also explain inDegrees in a sentence.
    stated = [line.replace(" ", "") for line in header]
    units = {line.removeprefix("indegrees=") for line in stated if line.startswith("indegrees=")}
    if not units:
        return None
    if units not in ({"yes"}, {"no"}):
        raise MotionError(
            f"{path}: expected one header line inDegrees=yes or inDegrees=no, found {', '.join(sorted(units))[:40]}"
        )
    return units == {"yes"}
