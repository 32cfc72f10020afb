"""Write a data set: all of it or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trcaugment.datasets.cutting import make_pairs
from trcaugment.datasets.npy_layout import write_npy_layout
from trcaugment.datasets.paired import Pair, write_pairs
from trcaugment.datasets.reading import load_trials
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError
from trcaugment.files import why_not_written

LAYOUTS = ("npy", "trc")


def write_windows(folder: Path, window_set: WindowSet, layout: str) -> None:
    """Write windows as separate `.npy` files, or as a pair of TRCs each.

    Args:
        folder: a new or empty folder.
        window_set: the windows.
        layout: one of `LAYOUTS`.

    Raises:
        DatasetError: the folder holds something or cannot be written.
    """
    with _new_folder(folder) as made:
        if layout == "npy":
            write_npy_layout(made, window_set)
        else:
            write_pairs(made, make_pairs(window_set))


def write_trials(folder: Path, pairs: list[Pair], layout: str) -> WindowSet:
    """Write trials as pairs of TRCs, or the windows cut from them as separate `.npy` files.

    Returns:
        The windows that are in the trials.

    Raises:
        DatasetError: there are none, the folder holds something or cannot be written.
    """
    window_set = load_trials(folder, "trials", pairs).window_set
    with _new_folder(folder) as made:
        if layout == "npy":
            write_npy_layout(made, window_set)
        else:
            write_pairs(made, pairs)
    return window_set


def check_new(folder: Path) -> None:
    """Make sure that a data set may be made there.

    Raises:
        DatasetError: the folder holds something, or is none.
    """
    try:
        in_use = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise DatasetError(f"{folder}: {why_not_written(error)}") from error
    if in_use:
        raise DatasetError(f"{folder}: expected a new or empty folder, found one in use; choose another")


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside, which gets its name when it is complete and is gone after an error."""
    check_new(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise DatasetError(f"{folder}: {why_not_written(error)}") from error
    try:
        yield made
        made.chmod(0o755)  # a temporary folder is its maker's alone
        if folder.exists():
            folder.rmdir()
        made.rename(folder)
    except OSError as error:
        raise DatasetError(f"{folder}: {why_not_written(error)}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
