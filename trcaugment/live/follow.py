"""Follows a TRC file that another program is still writing."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from trcaugment.errors import MarkersError, TrcError
from trcaugment.formats.trc import parse_trc
from trcaugment.live.lines import Open
from trcaugment.live.stream import Stream
from trcaugment.markers import Markers

_LOOK_S = 0.02  # time between looks at the file
_HEAD_LINES = 5


@contextmanager
def ending_on_ctrl_c() -> Iterator[Callable[[], bool]]:
    """Lets Ctrl-C end a trial between two frames: within one it would leave the stream with half a frame.

    A second Ctrl-C ends the program as usual.

    Yields:
        What says whether Ctrl-C was pressed.
    """
    pressed = threading.Event()

    def press(*_: object) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    if threading.current_thread() is not threading.main_thread():  # Ctrl-C goes to the main thread
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def follow(
    path: Path, patience_s: float, open_stream: Open, refuse: Callable[[str], None], is_over: Callable[[], bool]
) -> Iterator[Markers]:
    """The markers of a growing file as they become known, in the file's unit.

    Args:
        path: as for `follow_trc`.
        patience_s: as for `follow_trc`.
        open_stream: starts the stream, given the names.
        refuse: called with a sentence for every frame that is left out.
        is_over: asked before every frame whether the trial is over, as by `ending_on_ctrl_c`.

    Raises:
        TrcError: as `follow_trc` does.
        MarkerSetError: keypoints that the model needs are not in the file.
    """
    stream, unit = None, "m"
    for new in follow_trc(path, patience_s, is_over):
        stream, unit = stream or open_stream(new.names), new.unit
        yield from (replace(each, unit=unit) for each in _pushed(stream, new, refuse, is_over))
    last = None if stream is None else stream.finish()
    if last is not None:
        yield replace(last, unit=unit)


def _pushed(
    stream: Stream, new: Markers, refuse: Callable[[str], None], is_over: Callable[[], bool]
) -> Iterator[Markers]:
    for time_s, places in zip(new.time_s, new.positions, strict=True):
        if is_over():
            return
        try:
            given = stream.push(float(time_s), places)
        except MarkersError as error:
            refuse(f"left out: {error}")
            continue
        if given is not None:
            yield given


def follow_trc(path: Path, patience_s: float, is_over: Callable[[], bool] = lambda: False) -> Iterator[Markers]:
    """The frames of a growing file, some at a time, until it has not grown for a while.

    Only complete lines count. The header says units and names; its number of frames is not believed.

    Args:
        path: the file; it may still be missing.
        patience_s: end after this time in s without a new line.
        is_over: as for `follow`.

    Raises:
        TrcError: it is no TRC file, cannot be read, or became shorter.
    """
    head, rest, read = b"", b"", 0
    since = time.monotonic()
    while not is_over():
        looked, new = time.monotonic(), _read_from(path, read)
        if not new:
            if looked - since >= patience_s:
                break
            time.sleep(_LOOK_S)
            continue
        since, read = time.monotonic(), read + len(new)
        rest += new
        lines, end, unfinished = rest.rpartition(b"\n")
        if not end or (not head and lines.count(b"\n") < _HEAD_LINES):
            continue
        if not head:
            *first, lines = lines.split(b"\n", _HEAD_LINES)
            head = b"\n".join(first) + b"\n"
        rest = unfinished
        if lines.strip():
            yield parse_trc(head + lines + b"\n", path)
    if not head:
        raise TrcError(f"{path}: expected a TRC file that grows, found {'no header' if read else 'nothing'}")


def _read_from(path: Path, position: int) -> bytes:
    """The bytes from a position on; none while the file is missing."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < position:
                raise TrcError(f"{path}: expected a file that grows, found it shorter than before")
            file.seek(position)
            return file.read(size - position)  # all there is of a file; a device might never end
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise TrcError(f"{path}: cannot be read ({error.strerror})") from error
