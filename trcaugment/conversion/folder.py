"""The output folder of a batch: one batch at a time, and nothing half-written left in it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from trcaugment.errors import ConversionError
from trcaugment.formats.files import TEMPORARY_END, why_not_written

LOCK_FILE = ".trcaugment.lock"
CSV_FILE, JSON_FILE = "batch_report.csv", "batch_report.json"
_LONGEST_WRITE_S = 60.0  # a temporary file older than that was left by a process that was killed


@contextmanager
def claimed(outputs: Path, folders: Iterable[Path]) -> Iterator[None]:
    """Keep other batches out of an output folder, make the folders in it, and clear what killed batches left there.

    The system itself gives the claim up when the process ends, however it ends.

    Raises:
        ConversionError: another batch is at work there, or the output folder cannot be made.
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
            with suppress(OSError):  # writing there will fail with the reason
                folder.mkdir(parents=True, exist_ok=True)
                _clear(folder)
        yield


def _clear(folder: Path) -> None:
    for file in folder.glob(f".*{TEMPORARY_END}"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _LONGEST_WRITE_S:
                file.unlink()
