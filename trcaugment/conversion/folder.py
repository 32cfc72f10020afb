"""Locks a batch's output folder, and removes half-written files that killed batches left in it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from trcaugment.errors import ConversionError
from trcaugment.formats.files import TEMPORARY_END, why_not_written

LOCK_FILE = ".trcaugment.lock"
CSV_FILE, JSON_FILE, FINDINGS_FILE = "batch_report.csv", "batch_report.json", "batch_findings.csv"
_LONGEST_WRITE_S = 60.0  # an older temporary file was left by a killed process


@contextmanager
def claimed(outputs: Path, folders: Iterable[Path]) -> Iterator[None]:
    """Lock an output folder against other batches, make the folders in it, and remove what killed batches left.

    The operating system releases the lock when the process ends, even if it is killed.

    Raises:
        ConversionError: another batch holds the lock, or the output folder cannot be made.
    """
    with ExitStack() as claim:
        try:
            outputs.mkdir(parents=True, exist_ok=True)
            claim.enter_context(FileLock(outputs / LOCK_FILE, timeout=0))
        except Timeout as error:
            raise ConversionError(
                f"{outputs}: another batch is filling this folder; wait for it, or choose another"
            ) from error
        except OSError as error:
            raise ConversionError(f"{error.filename or outputs} {why_not_written(error)}") from error
        for folder in {outputs, *folders}:
            with suppress(OSError):  # writing there later reports the error
                folder.mkdir(parents=True, exist_ok=True)
                _clear(folder)
        yield


def _clear(folder: Path) -> None:
    for file in folder.glob(f".*{TEMPORARY_END}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _LONGEST_WRITE_S:
                file.unlink()
