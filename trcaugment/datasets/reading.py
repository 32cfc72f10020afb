"""Read a local data set of any layout, recognised by its files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trcaugment.datasets import hdf5_layout, npy_layout, opensim_motions, paired
from trcaugment.datasets.cutting import cut_pairs
from trcaugment.datasets.dataset import Dataset
from trcaugment.datasets.paired import Pair
from trcaugment.datasets.plausibility import sift
from trcaugment.errors import DatasetError, TrcAugmentError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, MarkerSet

_TRIALS = "NAME_keypoints.trc and NAME_markers.trc, or .mot files with an .osim model"


def load_dataset(path: Path, marker_set: MarkerSet = ANATOMICAL_MARKERS) -> Dataset:
    """Read and check a data set of any layout.

    Args:
        path: its file or folder.
        marker_set: markers of its windows.

    Raises:
        DatasetError: it is missing, of no known layout, damaged, mislabelled, in another unit, or carries code.
    """
    with _errors_with(path):
        if not path.exists():
            raise DatasetError(f"{path}: there is no such file or folder")
        if npy_layout.is_npy_layout(path):
            return npy_layout.read_npy_layout(path, marker_set)
        if hdf5_layout.is_hdf5_layout(path):
            return hdf5_layout.read_hdf5_layout(path, marker_set)
        if path.is_file():
            raise DatasetError(f"{path}: no known data set, but a file; name the folder that it lies in")
        if not (paired.is_paired(path) or opensim_motions.is_motion_folder(path)):
            raise DatasetError(
                f"{path}: no known data set; expected feature_0.npy, ..., or time_sequences.h5, or {_TRIALS}"
            )
        return load_trials(path, *read_trials(path, marker_set), marker_set)


def read_trials(path: Path, marker_set: MarkerSet = ANATOMICAL_MARKERS) -> tuple[str, list[Pair]]:
    """Read the trials of a folder of paired TRCs or OpenSim motions; returns the layout's name and the trials.

    Raises:
        DatasetError: the folder has neither layout or cannot be read, or a model lacks keypoints.
    """
    with _errors_with(path):
        if paired.is_paired(path):
            return paired.LAYOUT, paired.read_pairs(path)
        if opensim_motions.is_motion_folder(path):
            return opensim_motions.LAYOUT, opensim_motions.read_motions(path, marker_set)
        raise DatasetError(f"{path}: no trials; expected {_TRIALS}")


@contextmanager
def _errors_with(path: Path) -> Iterator[None]:
    """Turn all errors into a DatasetError that names the data set."""
    try:
        yield
    except TrcAugmentError as error:
        raise DatasetError(error.about(path)) from error
    except OSError as error:  # such as a subfolder without permission or a name that is too long
        raise DatasetError(f"{error.filename or path}: cannot be read ({error.strerror})") from error


def load_trials(path: Path, layout: str, pairs: list[Pair], marker_set: MarkerSet = ANATOMICAL_MARKERS) -> Dataset:
    """Cut trials into windows and check them.

    Raises:
        DatasetError: no window is usable, or the data are refused by `sift`.
    """
    raw, unused = cut_pairs(pairs, marker_set)
    window_set, left_out = sift(path, raw)
    missing = tuple(name for name in marker_set if any(name not in pair.markers.names for pair in pairs))
    return Dataset(path, layout, window_set, left_out=(*unused, *left_out), missing_markers=missing)
