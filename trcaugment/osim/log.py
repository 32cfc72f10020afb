"""Redirects OpenSim's log to a file; failed calls raise OsimError."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from trcaugment.errors import OsimError
from trcaugment.formats.files import why_not_written
from trcaugment.osim.package import load_opensim

T = TypeVar("T")

_OUTPUT = (1, 2)  # the process's standard output and error
_CPP_PLACE = re.compile(r"^std::exception in '.*?': ")
_ERROR_LINE = re.compile(r"^\[(?:error|critical)\]\s*(.*)", re.MULTILINE)


class OpensimLog:
    """The log file that OpenSim writes to."""

    def __init__(self, path: Path) -> None:
        """Log to an existing file.

        Args:
            path: the log file.
        """
        self.path = path

    def checked(self, run: Callable[[], T], what: str) -> T:
        """Call a function of OpenSim and return its result.

        Args:
            run: the call, such as `tool.run` or a model's constructor.
            what: what is being done, for the message: "scaling walk.osim", or the file that is opened.

        Raises:
            OsimError: the call returned False or raised; the message gives OpenSim's reason.
        """
        start = self.path.stat().st_size
        try:
            result = run()
        except RuntimeError as error:  # all exceptions of OpenSim arrive as this
            raise OsimError(f"{what}: OpenSim says: {_one_sentence(str(error))}") from error
        if result is False:
            with self.path.open("rb") as file:
                file.seek(start)
                errors = _ERROR_LINE.findall(file.read().decode(errors="replace"))
            reason = f"OpenSim says: {_one_sentence(errors[-1])}" if errors else "OpenSim failed and gave no reason."
            raise OsimError(f"{what}: {reason}")
        return result


@contextmanager
def opensim_log(path: Path | None = None) -> Iterator[OpensimLog]:
    """Write OpenSim's log to a new file and nothing to the screen.

    OpenSim cannot silence its console alone, so the standard output and error of the whole process, Python's too, are
    redirected to the file. Print or show progress outside this context, or from another process.

    Args:
        path: the log file; without one, a temporary file that is deleted at the end.

    Raises:
        OsimError: opensim is not installed, or the file cannot be written.
    """
    opensim = load_opensim()
    with TemporaryDirectory() as folder:
        log = OpensimLog(path or Path(folder) / "opensim.log")
        try:
            log.path.write_bytes(b"")
        except OSError as error:
            raise OsimError(f"{log.path} {why_not_written(error)}") from error
        with _output_into(log.path):
            level = opensim.Logger.getLevelString()
            opensim.Logger.setLevelString("info")
            try:
                yield log
            finally:
                opensim.Logger.setLevelString(level)


@contextmanager
def _output_into(path: Path) -> Iterator[None]:
    kept = {}
    for number in _OUTPUT:
        with suppress(OSError):  # may be closed, as in a service
            kept[number] = os.dup(number)
    _flush()
    try:
        with path.open("ab") as file:
            for number in kept:
                os.dup2(file.fileno(), number)
        yield
    finally:
        _flush()
        for number, old in kept.items():
            os.dup2(old, number)
            os.close(old)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.flush()


def _one_sentence(text: str) -> str:
    """The first line of a message, without OpenSim's C++ source location, ending in a full stop."""
    line = _CPP_PLACE.sub("", text.strip().splitlines()[0] if text.strip() else "no reason").strip()
    return line if line.endswith(".") else f"{line}."
