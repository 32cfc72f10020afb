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
    """The log that OpenSim writes at present."""

    def __init__(self, path: Path) -> None:
        """Args: the file that the log goes into."""
        self.path = path

    def checked(self, run: Callable[[], T], what: str) -> T:
        """What `run` returns, unless it is False.

        Args:
            run: a call of OpenSim, such as `tool.run` or a model's constructor.
            what: what is being done, for the message: "scaling walk.osim", or simply the file that is opened.

        Raises:
            OsimError: it returned False or raised; the message has the reason in one sentence.
        """
        start = self.path.stat().st_size
        try:
            result = run()
        except RuntimeError as error:  # what every exception of OpenSim becomes in Python
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
    """Everything that OpenSim says goes into a file, made anew, and nothing onto the screen.

    OpenSim can silence its console only together with its files, so the process's own standard output and error go
    into the file meanwhile, Python's too: print, or show progress, outside or from another process.

    Args:
        path: the file; without one the log is thrown away in the end.

    Raises:
        OsimError: there is no opensim, or the file cannot be written.
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
        with suppress(OSError):  # a service may have closed it
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
    """The first line, without the place in C++ that it came from, and with a full stop."""
    line = _CPP_PLACE.sub("", text.strip().splitlines()[0] if text.strip() else "no reason").strip()
    return line if line.endswith(".") else f"{line}."
