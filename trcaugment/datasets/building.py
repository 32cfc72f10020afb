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
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError, TrcError
from trcaugment.formats.files import why_not_written
from trcaugment.formats.outputs import check_new_folder


def write_dataset(folder: Path, window_set: WindowSet, layout: str, trials: list[Pair] | None = None) -> None:
    """Write windows as separate `.npy` files, or trials as pairs of TRCs.

    Args:
        folder: a new or empty folder.
        window_set: the windows.
        layout: "npy" or "trc".
        trials: the whole trials that the windows are from; without them each window is a trial of its own.

    Raises:
        OutputError: the folder holds something or cannot be made.
        DatasetError: it cannot be written.
    """
    with _new_folder(folder) as made:
        if layout == "npy":
            write_npy_layout(made, window_set)
        else:
            write_pairs(made, make_pairs(window_set) if trials is None else trials)


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder whose content is in its place when it is complete; gone after an error."""
    check_new_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # An empty folder stays: it may be the working folder, a disk's, or in one that others own.
        place = folder if folder.exists() else folder.parent
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=place))
    except OSError as error:
        raise DatasetError(f"{folder}: {why_not_written(error)}") from error
    try:
        yield made
        made.chmod(0o755)  # a temporary folder is its maker's alone
        if place == folder:
            for path in list(made.iterdir()):
                path.rename(folder / path.name)
        else:
            made.rename(folder)
    except (OSError, TrcError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__  # the error of a TRC names the hidden folder
        reason = why_not_written(cause) if isinstance(cause, OSError) else str(error)
        raise DatasetError(f"{folder}: {reason}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
