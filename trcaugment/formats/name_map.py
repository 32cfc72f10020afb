"""`--names`: maps the marker names of a file to ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from trcaugment.errors import MarkersError
from trcaugment.formats.affixes import Affix, with_known_names, without_affix
from trcaugment.formats.files import decode_text, read_file
from trcaugment.markers import Markers

_HEADING = ["ours", "theirs"]


@dataclass(frozen=True)
class NameMap:
    """A map from our marker names to those of a file.

    Attributes:
        theirs: our name -> the file's.
        affix: prefix or suffix of the file's names, from `*=P1_*`; None to look for one.
    """

    theirs: dict[str, str]
    affix: Affix | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The values of `--names` that give this map."""
        pairs = [f"{ours}={theirs}" for ours, theirs in self.theirs.items()]
        return (*pairs, self.affix.pattern) if self.affix is not None else tuple(pairs)

    def apply(self, markers: Markers) -> Markers:
        """Rename markers to ours, with notes; other markers that already have such a name are left out.

        Without an affix in the map, a common one is looked for and removed.

        Raises:
            MarkersError: none of the names is in the file.
            MarkerSetError: there are several people in the file.
        """
        there = {theirs: ours for ours, theirs in self.theirs.items() if theirs in markers.names}
        if self.theirs and not there:
            raise MarkersError(f"expected the markers that --names lists, {_found_instead(self.theirs, markers)}")
        taken = {ours for theirs, ours in there.items() if theirs != ours}
        kept = [k for k, name in enumerate(markers.names) if name in there or name not in taken]
        notes = [f"{ours} is {theirs}, as --names says." for theirs, ours in there.items()]
        notes += [
            f"No marker {name[:40]} of --names is in the file." for name in self.theirs.values() if name not in there
        ]
        renamed = replace(
            markers,
            names=tuple(there.get(markers.names[k], markers.names[k]) for k in kept),
            positions=markers.positions[:, kept] if len(kept) < len(markers.names) else markers.positions,
            notes=(*markers.notes, *notes),
        )
        if self.affix is None:
            return with_known_names(renamed)
        if not any(map(self.affix.fits, markers.names)):
            raise MarkersError(
                f"expected names that {self.affix}, as --names says, found {', '.join(markers.names[:5])}"
            )
        return without_affix(renamed, self.affix)


AS_THEY_ARE = NameMap({})


def _found_instead(theirs: dict[str, str], markers: Markers) -> str:
    wanted = next(iter(theirs.values()))
    near = get_close_matches(wanted, markers.names, n=1)
    return f"found no {wanted[:40]}" + (f"; nearest is {near[0]}" if near else "")


def read_name_map(values: Sequence[str], ours: Collection[str] | None = None) -> NameMap:
    """Read a map from OURS=THEIRS, `*=PREFIX*` or `*=*SUFFIX`, or CSV files with two columns (ours, theirs).

    Args:
        values: as given on the command line, any number.
        ours: the names accepted as OURS; None for any.

    Raises:
        MarkersError: a value has none of these forms, a file cannot be read, a name is not ours or is given twice.
    """
    names: dict[str, str] = {}
    affix = None
    for value in values:
        is_file = value.casefold().endswith(".csv") and "=" not in Path(value).name
        for where, own, other in _read_file(Path(value)) if is_file else [_split(value)]:
            if own == "*":
                if affix is not None or other.count("*") != 1 or other == "*":
                    raise MarkersError(f"{where}: expected *=PREFIX* or *=*SUFFIX once, found '*={other[:40]}'")
                affix = Affix(*other.split("*"))
                continue
            if ours is not None and own not in ours:
                near = get_close_matches(own, ours, n=1, cutoff=0.7)
                hint = f"nearest is {near[0]}" if near else f"there are {', '.join(ours)}"
                raise MarkersError(f"{where}: expected one of our markers, found '{own[:40]}'; {hint}")
            if own in names or other in names.values():
                raise MarkersError(f"{where}: {own if own in names else other} is named twice; keep one of them")
            names[own] = other
    return NameMap(names, affix)


def _split(value: str) -> tuple[str, str, str]:
    ours, _, theirs = (part.strip() for part in value.partition("="))
    if not ours or not theirs:
        raise MarkersError(f"expected names as OURS=THEIRS or the path of a .csv file, found '{value[:80]}'")
    return value[:80], ours, theirs


def _read_file(path: Path) -> Iterator[tuple[str, str, str]]:
    """Place (file and line), our name and theirs of each row of a CSV file; a heading and blank lines are skipped."""
    try:
        text = decode_text(read_file(path))
    except OSError as error:
        raise MarkersError(f"{path}: expected a CSV file of names, cannot read it ({error.strerror})") from error
    if "\0" in text:
        raise MarkersError(f"{path}: expected a CSV file of names, found a binary file")
    delimiter = max(",;\t", key=text.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    is_empty = True
    try:
        for row in reader:
            where, cells = f"{path}, line {reader.line_num}", [cell.strip() for cell in row]
            if not any(cells) or [cell.casefold() for cell in cells] == _HEADING:
                continue
            if len(cells) != 2 or not all(cells):
                found = str(row)[:80]
                raise MarkersError(f"{where}: expected two names with a comma (ours, theirs), found {found}")
            is_empty = False
            yield where, cells[0], cells[1]
    except csv.Error as error:
        raise MarkersError(f"{path}: expected rows of a CSV file ({error})") from error
    if is_empty:
        raise MarkersError(f"{path}: expected rows of two names (ours, theirs), found none")
