"""Copies of a scaled model and its motions in the folders of OpenCap or Pose2Sim; they replace no file of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trcaugment.conversion.sidecar import sha256_of
from trcaugment.errors import OsimError
from trcaugment.formats.files import read_file, replace_file, why_not_written
from trcaugment.formats.outputs import in_the_way


@dataclass
class Copies:
    """The copies of one person's files.

    Attributes:
        folder: the person's, with the originals.
        overwrite: whether files of others are replaced.
        earlier: copies of an earlier run: path from the folder -> SHA-256.
        made: the same for this run.
    """

    folder: Path
    overwrite: bool = False
    earlier: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def check(self, places: Iterable[Path]) -> None:
        """Check that no file of others lies where a copy is to lie.

        Raises:
            OsimError: one does, and `overwrite` is not set.
        """
        for place in places:
            if not self.overwrite and os.path.lexists(place) and not self._is_ours(place):
                raise OsimError(in_the_way(place, "it was not made here, or was changed since"))

    def is_intact(self) -> bool:
        """Whether all copies of the earlier run are as they were made."""
        return all(self._is_ours(self.folder / name) for name in self.earlier)

    def put(self, files: Mapping[Path, Path], record: Callable[[], None]) -> None:
        """Make copies.

        Args:
            files: place -> original.
            record: writes down `recorded`; called before a copy is made, so that a killed run knows it again.

        Raises:
            OsimError: a file of others lies there, or a file cannot be read or written.
        """
        self.check(files)
        for place, original in files.items():
            try:
                data = read_file(original)
                self.made[self._name(place)] = sha256_of(data)
                record()
                place.parent.mkdir(parents=True, exist_ok=True)
                replace_file(place, data)
            except OSError as error:
                raise OsimError(f"{place} {why_not_written(error)}") from error

    def recorded(self) -> dict[str, str]:
        """Copies that may be there: those of the earlier run and of this one."""
        return self.earlier | self.made

    def clear(self) -> None:
        """Remove copies of the earlier run that this one has not made, unless they were changed."""
        for name in self.earlier.keys() - self.made.keys():
            if self._is_ours(self.folder / name):
                (self.folder / name).unlink()

    def _name(self, place: Path) -> str:
        return os.path.relpath(place, self.folder)

    def _is_ours(self, place: Path) -> bool:
        known = {copies[self._name(place)] for copies in (self.earlier, self.made) if self._name(place) in copies}
        try:
            return bool(known) and sha256_of(read_file(place)) in known
        except OSError:
            return False
