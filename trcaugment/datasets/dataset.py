"""Data sets: windows as a file holds them, the usable ones, and the split by subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trcaugment.body.windows import Windows
from trcaugment.datasets.window_set import WindowSet

_SHOWN = 3


@dataclass(frozen=True)
class Split:
    """Subjects for training, validation and test, by name.

    Attributes:
        training: subjects to train on.
        validation: subjects to choose the best epoch with.
        test: subjects for the final measurement, not used in training.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def by_subject(self) -> dict[str, str]:
        """The part ("training", "validation" or "test") of every subject, by name."""
        return {name: part for part, names in asdict(self).items() for name in names}


@dataclass(frozen=True)
class RawWindows:
    """Windows as a file holds them, not yet checked: samples may be missing or wrong.

    Attributes:
        windows: the windows.
        subjects: name of every window's subject, (n_windows,).
        activities: activity in every window, "" if unknown, (n_windows,).
        places: file and row or time of every window, for messages, (n_windows,).
    """

    windows: Windows
    subjects: tuple[str, ...]
    activities: tuple[str, ...]
    places: tuple[str, ...]

    @classmethod
    def join(cls, parts: Sequence[RawWindows]) -> RawWindows:
        """Concatenate windows."""
        names = ("subjects", "activities", "places")
        return cls(
            Windows.join([part.windows for part in parts]),
            *(tuple(value for part in parts for value in getattr(part, name)) for name in names),
        )


@dataclass(frozen=True)
class Dataset:
    """A data set after reading and checking.

    Attributes:
        path: its file or folder.
        layout: name of its layout.
        window_set: its usable windows.
        split: its own split, or None.
        left_out: sentences on what was left out and why.
        notes: further sentences for the user.
        missing_markers: anatomical markers that at least one trial lacks.
    """

    path: Path
    layout: str
    window_set: WindowSet
    split: Split | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing_markers: tuple[str, ...] = ()


def listed(names: Iterable[str]) -> str:
    """The first three names, and the number of further ones."""
    all_names = list(names)
    more = f" and {len(all_names) - _SHOWN} more" if len(all_names) > _SHOWN else ""
    return ", ".join(all_names[:_SHOWN]) + more
