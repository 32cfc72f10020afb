"""Frames as lines of JSON: keypoints in, markers out, and an error for each line that cannot be used.

In, in s and m: `{"time": 1.25, "keypoints": {"Neck": [0.1, 1.4, 0.0], "RHip": null, ...}}`, missing keypoints left out
or null; `{"end": true}` at the end of a trial. Out: `{"time": 0.25, "markers": {"C7_study": [...], ...}}`, null for
markers that cannot be predicted; and `{"error": "..."}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from trcaugment.errors import TrcAugmentError
from trcaugment.live.stream import Stream
from trcaugment.markers import Markers

MAX_LINE_BYTES = 1_000_000
_DECIMALS = 6  # micrometers
Open = Callable[[Sequence[str]], Stream]


class _Frame(msgspec.Struct, forbid_unknown_fields=True):
    time: float | None = None
    keypoints: dict[str, tuple[float, float, float] | None] = {}
    end: bool = False


class LineSession:
    """One client's trial after the other. Nothing that a client sends raises: it gets an error in reply."""

    def __init__(self, open_stream: Open) -> None:
        """A session whose trials `open_stream` starts, given the names of a first frame."""
        self._open = open_stream
        self._stream: Stream | None = None
        self._names: tuple[str, ...] = ()

    def take(self, line: bytes) -> list[bytes]:
        """The replies to one line, without line ends."""
        try:
            frame = msgspec.json.decode(line, type=_Frame)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return [_error(f"expected a frame as a line of JSON, found something else ({error})")]
        if frame.end:
            return self.finish()
        if frame.time is None:
            return [_error("expected a time in s, found none")]
        try:
            return self._push(frame.time, frame)
        except TrcAugmentError as error:
            return [_error(str(error))]

    def finish(self) -> list[bytes]:
        """The last frames of the trial; the next line starts another one."""
        stream, self._stream = self._stream, None
        given = None if stream is None else stream.finish()
        return [] if given is None else as_lines(given)

    def _push(self, time_s: float, frame: _Frame) -> list[bytes]:
        if self._stream is None:
            self._stream, self._names = self._open(tuple(frame.keypoints)), tuple(frame.keypoints)
        seen = [frame.keypoints.get(name) or (np.nan,) * 3 for name in self._names]
        given = self._stream.push(time_s, np.array(seen, dtype=np.float64))
        new = [name for name in frame.keypoints if name not in self._names]
        replies = [] if given is None else as_lines(given)
        if new:
            replies.append(
                _error(f"expected the keypoints of the trial's first frame, found also {', '.join(new)}: not used")
            )
        return replies


def as_lines(markers: Markers) -> list[bytes]:
    """Frames of markers as lines of JSON, without line ends."""
    rounded = np.round(markers.positions, _DECIMALS)
    return [
        msgspec.json.encode(
            {
                "time": float(time_s),
                "markers": {
                    name: None if np.isnan(place).any() else place.tolist()
                    for name, place in zip(markers.names, places, strict=True)
                },
            }
        )
        for time_s, places in zip(markers.time_s, rounded, strict=True)
    ]


def _error(message: str) -> bytes:
    return msgspec.json.encode({"error": message})
