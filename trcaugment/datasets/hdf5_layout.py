"""The HDF5 layout of marker-enhancer: `time_sequences.h5`, windows of 60 frames in raw metres, and `infoData.npy`.

A window of 60 frames becomes two of 30. Needs h5py, the extra `hdf5`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trcaugment.body.windows import Windows
from trcaugment.datasets.dataset import Dataset, RawWindows, Split
from trcaugment.datasets.plausibility import sift
from trcaugment.datasets.published_columns import (
    HDF5_KEYPOINTS,
    HDF5_MARKERS,
    HDF5_MARKERS_WITHOUT_ARMS,
    INFO_FILE,
    activities_of,
    columns_of,
    read_info,
    read_split,
    subject_names,
)
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import KEYPOINTS, MarkerSet
from trcaugment.markers import WINDOW_FRAMES

LAYOUT = "windows in HDF5 (marker-enhancer)"
_PER_WINDOW = 2
_BLOCK_WINDOWS = 1024  # read in blocks, because most columns are not kept
# Names of the points by number of columns; height and mass are the last two columns of the features.
_FEATURES = {3 * n + 2: HDF5_KEYPOINTS[:n] for n in (20, 16)}
_LABELS = {3 * len(names): names for names in (HDF5_MARKERS, HDF5_MARKERS_WITHOUT_ARMS)}


def is_hdf5_layout(path: Path) -> bool:
    """Whether the path is an HDF5 file, or a folder with `.h5` files."""
    return path.suffix in (".h5", ".hdf5") if path.is_file() else bool(_files(path))


def read_hdf5_layout(path: Path, marker_set: MarkerSet) -> Dataset:
    """Read a file of this layout, or all such files in a folder and its subfolders.

    Raises:
        DatasetError: h5py is not installed, a file is missing, damaged or of another shape, or the windows are refused
            by `sift`.
    """
    files = [path] if path.is_file() else _files(path)
    read = [_read(file, marker_set) for file in files]
    window_set, left_out = sift(path, RawWindows.join([raw for raw, _ in read]))
    splits = [split for _, split in read if split]
    joined = Split(*(tuple(n for s in splits for n in getattr(s, part)) for part in ("training", "validation", "test")))
    return Dataset(path, LAYOUT, window_set, joined if splits else None, left_out)


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.h5"))


def _read(path: Path, marker_set: MarkerSet) -> tuple[RawWindows, Split | None]:
    info = read_info(path.parent / INFO_FILE)
    n = len(info["subjects"])
    with _tables(path) as (features, labels):
        feature_names, label_names = (
            _names(path, "features", features, _FEATURES),
            _names(path, "labels", labels, _LABELS),
        )
        if len(features) != n or len(labels) != n:
            raise DatasetError(
                f"{path}: expected {n} windows as in {INFO_FILE}, found features of {len(features)} and labels of "
                f"{len(labels)}"
            )
        columns = columns_of(KEYPOINTS, feature_names), columns_of(marker_set, label_names)
        parts = []
        for first in range(0, n, _BLOCK_WINDOWS):
            block = slice(first, first + _BLOCK_WINDOWS)
            parts.append(_windows(np.asarray(features[block]), np.asarray(labels[block]), columns, marker_set))
    if not parts:
        raise DatasetError(f"{path}: expected windows, found none")
    halves = [(k, half) for k in range(n) for half in range(_PER_WINDOW)]
    subjects, activities = subject_names(info), activities_of(info)
    raw = RawWindows(
        Windows.join(parts),
        tuple(subjects[k] for k, _ in halves),
        tuple(activities[k] for k, _ in halves),
        tuple(f"row {k} of {path.parent.name}/{path.name}" for k, _ in halves),
    )
    return raw, read_split(path.parent, info)


@contextmanager
def _tables(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a file and yield its tables of features and labels."""
    try:
        import h5py
    except ImportError as error:
        raise DatasetError(f"{path}: reading HDF5 needs h5py; install it with: pip install trcaugment[hdf5]") from error
    if not path.is_file():
        raise DatasetError(f"{path}: expected an HDF5 file, found something else of this name")
    try:
        with h5py.File(path, "r") as file:
            tables = [file.get(f"data/{name}") for name in ("features", "labels")]
            if not all(isinstance(table, h5py.Dataset) for table in tables):
                raise DatasetError(f"{path}: expected tables data/features and data/labels, found {_contents(file)}")
            yield tables[0], tables[1]
    except (OSError, RuntimeError) as error:
        raise DatasetError(f"{path}: damaged, or no HDF5 file ({error})") from error


def _contents(file: Any) -> str:
    names: list[str] = []
    file.visit(names.append)
    return ", ".join(names[:5]) or "nothing"


def _names(path: Path, what: str, table: Any, known: dict[int, tuple[str, ...]]) -> tuple[str, ...]:
    n_frames = _PER_WINDOW * WINDOW_FRAMES
    if table.ndim != 3 or table.shape[1] != n_frames or table.shape[2] not in known or table.dtype.kind != "f":
        widths = " or ".join(str(width) for width in known)
        raise DatasetError(
            f"{path}: expected {what} as numbers of shape (windows, {n_frames}, {widths}), found {table.dtype} of "
            f"shape {table.shape}"
        )
    return known[table.shape[2]]


@np.errstate(over="ignore", invalid="ignore")  # values too large for 32 bits become infinite and are left out
def _windows(
    features: NDArray[Any], labels: NDArray[Any], columns: tuple[list[int], list[int]], marker_set: MarkerSet
) -> Windows:
    keypoints, markers = (
        torch.from_numpy(values[:, :, chosen].astype(np.float32)).reshape(-1, WINDOW_FRAMES, len(chosen) // 3, 3)
        for values, chosen in zip((features, labels), columns, strict=True)
    )
    person = torch.from_numpy(features[:, :, -2:].astype(np.float32)).reshape(-1, WINDOW_FRAMES, 2)
    # If height or mass changes within a window, the columns hold something else; NaN makes `sift` leave it out.
    constant = (person.amax(dim=1) - person.amin(dim=1)).amax(dim=1, keepdim=True) < 1e-3
    height_m, mass_kg = torch.where(constant, person[:, 0], torch.nan).unbind(dim=1)
    return Windows(keypoints, markers, height_m, mass_kg, marker_set)
