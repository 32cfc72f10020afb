"""Ranges of frames, as sidecars hold them, for the screen: which names share them, and which all of them have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from trcaugment.marker_sets import ANATOMICAL_MARKERS

if TYPE_CHECKING:
    from trcaugment.conversion.sidecar import FrameRange


def by_ranges(gaps: dict[str, tuple[FrameRange, ...]]) -> Iterator[tuple[list[str], tuple[FrameRange, ...]]]:
    """Names that share their frames, and these."""
    for ranges in filter(None, dict.fromkeys(gaps.values())):
        yield [name for name, own in gaps.items() if own == ranges], ranges


def common(gaps: dict[str, tuple[FrameRange, ...]], names: Collection[str]) -> tuple[FrameRange, ...]:
    """The frames that are in the gaps of all names."""
    if not gaps.keys() >= set(names):
        return ()
    absent: Counter[int] = Counter(frame for own in gaps.values() for frame in _each(own))
    return _ranges(frame for frame, count in absent.items() if count == len(gaps))


def others(ranges: Sequence[FrameRange], without: Sequence[FrameRange]) -> tuple[FrameRange, ...]:
    """Frames of the first ranges that are not in the second."""
    return _ranges(set(_each(ranges)).difference(_each(without)))


def _each(ranges: Sequence[FrameRange]) -> Iterator[int]:
    return chain.from_iterable(range(first, last + 1) for first, last in ranges)


def _ranges(frames: Iterable[int]) -> tuple[FrameRange, ...]:
    """Runs of frames."""
    runs: list[FrameRange] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return tuple(runs)


def listed(names: Sequence[str]) -> str:
    """The names, or that these are all markers."""
    return f"all {len(names)} markers" if set(names) >= set(ANATOMICAL_MARKERS) else ", ".join(names)
