"""What lies in a data set: its windows as they were found and as they are used, and its own split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trcaugment.body.windows import Windows
from trcaugment.datasets.window_set import WindowSet

_SHOWN = 3


@dataclass(frozen=True)
class Split:
    """Whose windows are for what, by name of the subject.

    Attributes:
        training: to learn from.
        validation: to choose the best epoch with.
        test: to measure the error with in the end.
    """

    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def by_subject(self) -> dict[str, str]:
        """Subject -> "training", "validation" or "test"."""
        return {name: part for part, names in asdict(self).items() for name in names}


@dataclass(frozen=True)
class Found:
    """Windows as a file has them: samples may be missing, and anything may be wrong.

    Attributes:
        windows: the windows.
        subjects: name of every window's subject, (n_windows,).
        activities: what is done in every window, "" where unknown, (n_windows,).
        places: where every window stands, for messages, (n_windows,).
    """

    windows: Windows
    subjects: tuple[str, ...]
    activities: tuple[str, ...]
    places: tuple[str, ...]

    @classmethod
    def join(cls, parts: Sequence[Found]) -> Found:
        """All windows of the parts, one part after the other."""
        names = ("subjects", "activities", "places")
        return cls(
            Windows.join([part.windows for part in parts]),
            *(tuple(value for part in parts for value in getattr(part, name)) for name in names),
        )


@dataclass(frozen=True)
class Dataset:
    """A data set that was read.

    Attributes:
        path: where it lies.
        layout: its layout, in words.
        window_set: its usable windows.
        split: its own split, where it has one.
        left_out: what was left out and why, one sentence each; nothing where all is well.
        notes: what else there is to know, one sentence each.
        missing_markers: anatomical markers that some trial lacks.
    """

    path: Path
    layout: str
    window_set: WindowSet
    split: Split | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing_markers: tuple[str, ...] = ()


def listed(names: Iterable[str]) -> str:
    """The first few names, and how many more."""
    all_names = list(names)
    more = f" and {len(all_names) - _SHOWN} more" if len(all_names) > _SHOWN else ""
    return ", ".join(all_names[:_SHOWN]) + more
