"""Write a data set completely or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trcaugment.datasets.cutting import make_pairs
from trcaugment.datasets.npy_layout import write_npy_layout
from trcaugment.datasets.paired import Pair, write_pairs
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError, TrcError
from trcaugment.formats.files import why_not_written
from trcaugment.formats.outputs import check_new_folder


def write_dataset(folder: Path, window_set: WindowSet, layout: str, trials: list[Pair] | None = None) -> None:
    """Write windows as separate `.npy` files, or trials as paired TRCs.

    Args:
        folder: a new or empty folder.
        window_set: the windows.
        layout: "npy" or "trc".
        trials: the trials that the windows were cut from, for "trc"; without them each window becomes a trial.

    Raises:
        OutputError: the folder is not empty or cannot be made.
        DatasetError: it cannot be written.
    """
    with _new_folder(folder) as hidden:
        if layout == "npy":
            write_npy_layout(hidden, window_set)
        else:
            write_pairs(hidden, make_pairs(window_set) if trials is None else trials)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder; its content moves to `folder` at the end, or is deleted after an error."""
    check_new_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # An existing empty folder is filled, not replaced: it may be a mount point or the working folder.
        place = folder if folder.exists() else folder.parent
        hidden = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=place))
    except OSError as error:
        raise DatasetError(f"{folder}: {why_not_written(error)}") from error
    try:
        yield hidden
        hidden.chmod(0o755)  # a temporary folder is readable by its owner only
        if place == folder:
            for path in list(hidden.iterdir()):
                path.rename(folder / path.name)
        else:
            hidden.rename(folder)
    except (OSError, TrcError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__  # a TrcError's message names the hidden folder
        reason = why_not_written(cause) if isinstance(cause, OSError) else str(error)
        raise DatasetError(f"{folder}: {reason}") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
