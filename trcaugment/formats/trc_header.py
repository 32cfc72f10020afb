"""The header of a TRC file: four or five lines, also as other programs write them or with lines lost."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from trcaugment.errors import TrcError
from trcaugment.formats.trc_rows import Line, decode, float_or_nan
from trcaugment.formats.units import UNIT_NAMES

KEYS = [
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
]
_AXES = re.compile(rb"\s*[XYZ]\d*\s", re.IGNORECASE)
_LABELS = re.compile(r"frame", re.IGNORECASE)
_SEPARATED = re.compile(rb"\s*pathfiletype\s*([,;])", re.IGNORECASE)
# Headings of a third column with time stamps, as NOKOV and other programs write.
_STAMP = re.compile(r"(time|clock)[\s_]*(stamps?|code)?\s*(\(\w+\)|\[\w+\])?", re.IGNORECASE)


class Header(NamedTuple):
    """The values in line 3; NaN where a number could not be read."""

    unit: str
    rate_hz: float
    n_frames: float
    n_markers: float


class Labels(NamedTuple):
    """Names after Frame# and Time.

    Attributes:
        line: number of the line.
        names: names in order.
        columns: column index of each name, from 0; the column after the time is 2.
    """

    line: int
    names: list[str]
    columns: list[int]

    @property
    def follow_each_other(self) -> bool:
        """Whether the names are evenly spaced, one or three columns apart, so that none is missing between them."""
        return set(self._steps) in (set(), {1}, {3})

    @property
    def begin_with_stamp(self) -> bool:
        """Whether the first name has a single column while all others have three."""
        steps = self._steps
        return len(steps) > 1 and steps[0] == 1 and set(steps[1:]) == {3}

    @property
    def may_begin_with_stamp(self) -> bool:
        """Whether the first name reads like a time stamp."""
        return len(self.names) > 1 and _STAMP.fullmatch(self.names[0]) is not None

    @property
    def _steps(self) -> list[int]:
        return [after - before for before, after in zip(self.columns, self.columns[1:], strict=False)]


def with_tabs(data: bytes, notes: list[str]) -> bytes:
    """The file with tabs in place of commas or semicolons, if it is separated by these; adds a note."""
    found = _SEPARATED.match(data)
    if found is None or b"\t" in data:
        return data
    separator = found[1]
    notes.append(f"Cells are separated by '{separator.decode()}', not by tabs.")
    return data.replace(b'"', b"").replace(separator, b"\t")


def split_file(data: bytes) -> tuple[list[Line], int]:
    """The lines of the header (four, or five with the X1 Y1 Z1 labels) and the offset of the first row of data.

    Raises:
        TrcError: the file does not begin as a TRC file does, ends in the header, or a header line is missing.
    """
    head: list[Line] = []
    start = number = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        line, number = data[start:end], number + 1
        if line.strip():  # skips blank lines
            if not head and line.split()[0].lower() != b"pathfiletype":
                first_lost = line.split()[0].lower() == b"datarate"
                meaning = "The first line of a TRC file was lost" if first_lost else "This is not a TRC file"
                found = decode(line).strip()[:40]
                raise TrcError(f"line {number}: expected PathFileType, found {found!r}. {meaning}.")
            if len(head) == 5 or (len(head) == 4 and not _AXES.match(line)):
                _check_order(head)
                return head, start
            head.append((number, line))
        start = end
    if not head:
        raise TrcError("expected a TRC file, found an empty one. Export it again.")
    _check_order(head)
    raise TrcError(f"line {head[-1][0]}: expected a header and rows of data, found the end. Copy or export it again.")


def _check_order(head: list[Line]) -> None:
    """Refuse headers in which a line is missing, because the next line would be read in its place."""
    texts = [decode(line).strip() for _, line in head]
    names = next((k for k, text in enumerate(texts) if k and _LABELS.match(text)), None)
    if names in (1, 2):
        lost = "the names of the values (DataRate, ...)" if "DataRate" not in texts[1] else "the values (rate, unit)"
        raise TrcError(
            f"line {head[names][0]}: expected {lost}, found the marker names: a line above was lost. "
            "Export the file again, or copy that line from another trial of the session."
        )
    if names is None and len(head) > 3 and _AXES.match(head[3][1]):
        raise TrcError(
            f"line {head[3][0]}: expected Frame#, Time and marker names, found the labels X1, Y1, ...: "
            "the line with the names was lost. Export the file again."
        )


def read_header(key_line: Line, value_line: Line) -> Header:
    """Read lines 2 and 3.

    Raises:
        TrcError: the unit is missing or unknown.
    """
    keys, values = ([cell.strip() for cell in decode(line).rstrip().split("\t")] for _, line in (key_line, value_line))
    if len(keys) != len(values) or not {"NumMarkers", "Units"} <= set(keys):
        # By position, as OpenSim reads them; the columns that matter come first.
        keys, values = KEYS, decode(value_line[1]).split()
    found = dict(zip(keys, values, strict=False))
    unit = UNIT_NAMES.get(found.get("Units", "").lower())
    if unit is None:
        raise TrcError(
            f"line {value_line[0]}: expected m, cm or mm under Units, found {found.get('Units', '')[:40]!r}. "
            "Write the unit of the coordinates there."
        )
    numbers = (float_or_nan(found.get(key, "")) for key in ("DataRate", "NumFrames", "NumMarkers"))
    return Header(unit, *numbers)


def read_labels(line: Line, header: Header) -> Labels:
    """Marker names and their columns, from the cells after Frame# and Time.

    Raises:
        TrcError: there are none, or Time stands first.
    """
    number, text = line[0], decode(line[1]).strip()
    if re.match(r"time\s", text, re.IGNORECASE):
        raise TrcError(
            f"line {number}: expected Frame#, Time and marker names, found Time first: the column of frame numbers is "
            "missing. Add it."
        )
    first = re.match(r"(?:frame\s*#?|\S+)\s+\S+", text, re.IGNORECASE)
    cells = [cell.strip() for cell in text[first.end() :].split("\t")] if first else []
    names = [cell for cell in cells if cell]
    columns = [1 + k for k, cell in enumerate(cells) if cell]
    if len(names) == 1 and len(names[0].split()) == header.n_markers:
        names = names[0].split()  # tabs were replaced by spaces
        columns = list(range(2, 2 + len(names)))
    if not names:
        raise TrcError(f"line {number}: expected Frame#, Time and marker names, found {text[:40]!r}. Add the names.")
    return Labels(number, names, columns)


def different(names: list[str], line: int, notes: list[str]) -> list[str]:
    """The names, with #1, #2, ... after those that occur more than once; adds notes.

    Raises:
        TrcError: another marker already has such a name.
    """
    twice = {name for name, count in Counter(names).items() if count > 1}
    if not twice:
        return names
    seen: Counter[str] = Counter()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name}#{seen[name]}" if name in twice else name)
    if len(set(numbered)) < len(numbered):
        raise TrcError(
            f"line {line}: the marker {min(twice)[:40]} is there more than once. Rename all but one of them."
        )
    for name in [name for name in dict.fromkeys(names) if name in twice][:5]:
        notes.append(f"Line {line} has the name {name[:40]} {seen[name]} times: read as {name[:40]}#1, {name[:40]}#2.")
    if len(twice) > 5:
        notes.append(f"The same goes for {len(twice) - 5} other names.")
    return numbered


def check_characters(names: list[str] | tuple[str, ...], where: str) -> None:
    """Refuse names that a TRC file cannot hold.

    Raises:
        TrcError: a name is empty, begins or ends with a blank, or has a tab or line break.
    """
    for name in names:
        if not name or name != name.strip() or re.search(r"[\x00-\x1f\ud800-\udfff]", name):
            raise TrcError(
                f"{where}expected marker names without tabs, line breaks or blanks at their ends, "
                f"found {name[:40]!r}. Rename it."
            )
