"""Selects a part of a trial: the frames between two times."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trcaugment.chain.signals import Span
from trcaugment.errors import MarkersError
from trcaugment.markers import SHORTEST_STEP_S, Markers

_ROUNDING_S = SHORTEST_STEP_S / 2  # files round their time stamps


@dataclass(frozen=True)
class TimeRange:
    """A range of time stamps, both ends included.

    Attributes:
        from_s: first time in s; None for the beginning of the trial.
        to_s: last time in s; None for its end.

    Raises:
        MarkersError: the end is before the beginning, or one is NaN, or no time can be in the range.
    """

    from_s: float | None = None
    to_s: float | None = None

    def __post_init__(self) -> None:
        first, last = self._limits
        if not first <= last or first == np.inf or last == -np.inf:  # NaN compares as false
            raise MarkersError(f"expected a time range that begins before it ends, found {first:g} to {last:g} s.")

    @property
    def _limits(self) -> tuple[float, float]:
        first = -np.inf if self.from_s is None else self.from_s
        return first, np.inf if self.to_s is None else self.to_s

    def span(self, markers: Markers) -> Span:
        """The range's first frame in a trial, and the frame after its last.

        Raises:
            MarkersError: no frame is in the range; the message has the trial's own range.
        """
        first, last = self._limits
        start = int(np.searchsorted(markers.time_s, first - _ROUNDING_S))
        stop = int(np.searchsorted(markers.time_s, last + _ROUNDING_S, side="right"))
        if start >= stop:
            begin, end = (f"{markers.time_s[k]:.6g} s" for k in (0, -1))
            wanted = [f"{word} {time_s:g} s" for word, time_s in (("from", first), ("to", last)) if np.isfinite(time_s)]
            raise MarkersError(
                f"expected frames {' '.join(wanted)}, found none: the time stamps go from {begin} to {end}; choose a "
                "range within them"
            )
        return start, stop


WHOLE = TimeRange()


def cut_time(markers: Markers, wanted: TimeRange) -> Markers:
    """Select the frames of a trial in a time range; they keep their time stamps.

    Raises:
        MarkersError: there are none.
    """
    start, stop = wanted.span(markers)
    return replace(markers, positions=markers.positions[start:stop], time_s=markers.time_s[start:stop])
