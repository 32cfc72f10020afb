"""A common prefix or suffix of a person's marker names: `Patient01:RHip`, `Subject36_RHip`, `RHip_filtered`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from trcaugment.errors import MarkerSetError
from trcaugment.marker_sets import LANDMARKS, name_key
from trcaugment.markers import Markers

_KNOWN = {name_key(alias) for mark in LANDMARKS.values() for alias in mark.aliases}
# Fewer known names than this may share a prefix by chance, as vRHip and vLHip do.
_FEWEST = 5
_LONGEST_NAME = 80


class Affix(NamedTuple):
    """A prefix or a suffix of known names; one of the two is empty."""

    prefix: str
    suffix: str

    def __str__(self) -> str:
        return f"begin with '{self.prefix}'" if self.prefix else f"end in '{self.suffix}'"

    @property
    def pattern(self) -> str:
        """As `--names` takes it: `*=P1_*`."""
        return f"*={self.prefix}*{self.suffix}"

    def fits(self, name: str) -> bool:
        """Whether a name has this prefix or suffix, and is longer."""
        longer = len(name) > len(self.prefix) + len(self.suffix)
        return longer and name.startswith(self.prefix) and name.endswith(self.suffix)

    def remove(self, name: str) -> str:
        """A name that fits, without the prefix or suffix."""
        return name[len(self.prefix) : len(name) - len(self.suffix)]


def find_affix(names: Sequence[str]) -> Affix | None:
    """The prefix or suffix of known names in a file; None if the file has known names without one, or hardly any.

    Raises:
        MarkerSetError: the known names occur with several prefixes or suffixes: the file holds several people.
    """
    keys_by_affix: dict[Affix, set[str]] = defaultdict(set)
    n_plain = 0
    for name in names:
        if name_key(name) in _KNOWN:
            n_plain += 1
        else:
            for affix, key in _splits(name):
                keys_by_affix[affix].add(key)
    if n_plain >= _FEWEST or not keys_by_affix:
        return None
    most = max(map(len, keys_by_affix.values()))
    if most < max(_FEWEST, n_plain + 1):
        return None
    people = [affix for affix, keys in keys_by_affix.items() if len(keys) >= max(_FEWEST, most / 2)]
    if len(people) > 1:
        shown = ", ".join(f"those that {affix}" for affix in people[:4]) + (", ..." if len(people) > 4 else "")
        raise MarkerSetError(
            f"expected one person, found the same names {len(people)} times ({shown}): which one? "
            f"Choose with --names '{people[0].pattern}'"
        )
    return people[0]


def _known_names(names: Sequence[str]) -> tuple[list[str], dict[Affix, set[str]]]:
    """Known names that stand there as they are, and those with something before or after them."""
    plain: list[str] = []
    found: dict[Affix, set[str]] = defaultdict(set)
    for name in names:
        key = name_key(name)
        if key in _KNOWN:
            plain.append(key)
        else:
            for affix, known in _splits(name):
                found[affix].add(known)
    return plain, found


def _splits(name: str) -> Iterator[tuple[Affix, str]]:
    """The affix and key of the longest known name at the end of a name, and of the longest at its beginning."""
    if len(name) > _LONGEST_NAME:
        return
    for k in range(1, len(name)):
        key = name_key(name[k:])
        if name[k].isalnum() and key in _KNOWN:
            yield Affix(name[:k], ""), key
            break
    for k in range(len(name) - 1, 0, -1):
        key = name_key(name[:k])
        if name[k - 1].isalnum() and key in _KNOWN:
            yield Affix("", name[k:]), key
            break


def without_affix(markers: Markers, affix: Affix) -> Markers:
    """Markers renamed without the affix, with a note; markers that lack it keep their names.

    A marker that already has such a shortened name is left out.
    """
    names = {name: affix.remove(name) if affix.fits(name) else name for name in markers.names}
    renamed = {new for old, new in names.items() if new != old}
    kept = [k for k, (old, new) in enumerate(names.items()) if new != old or new not in renamed]
    note = f"Names {affix}: read without it."
    return replace(
        markers,
        names=tuple(list(names.values())[k] for k in kept),
        positions=markers.positions[:, kept],
        notes=(*markers.notes, note),
    )


def with_known_names(markers: Markers) -> Markers:
    """Markers without the common prefix or suffix of their names, with a note; unchanged if there is none.

    Raises:
        MarkerSetError: the file holds several people.
    """
    affix = find_affix(markers.names)
    if affix is not None:
        return without_affix(markers, affix)
    plain, found = _known_names(markers.names)
    again = next((each for each, keys in found.items() if len(keys.intersection(plain)) >= _FEWEST), None)
    if again is None:
        return markers
    note = (
        f"The same names are there again, those that {again}, and are not used: another person? "
        f"Choose with --names '{again.pattern}'."
    )
    return replace(markers, notes=(*markers.notes, note))
