"""The layout of separate `.npy` files: `feature_i.npy` (30, 65), `responses_i.npy` (30, 129) and `infoData.npy`.

Positions lie relative to midHip in every frame, divided by height; the last two columns of a feature file are height in
m and mass in kg. Columns of points that are not in our marker sets may hold anything.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trcaugment.body.windows import Windows
from trcaugment.datasets.dataset import Dataset, RawWindows, listed
from trcaugment.datasets.plausibility import sift
from trcaugment.datasets.published_columns import (
    INFO_FILE,
    NPY_KEYPOINTS,
    NPY_MARKERS,
    activities_of,
    columns_of,
    read_info,
    read_split,
    subject_names,
)
from trcaugment.datasets.unpickling import load_npy
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import KEYPOINTS, MarkerSet
from trcaugment.markers import WINDOW_FRAMES

LAYOUT = "windows in .npy files (marker-augmentation)"
_N_FEATURES, _N_RESPONSES = 3 * len(NPY_KEYPOINTS) + 2, 3 * len(NPY_MARKERS)
_KEYPOINT_COLUMNS = columns_of(KEYPOINTS, NPY_KEYPOINTS)
_Floats = NDArray[np.float32]


def is_npy_layout(path: Path) -> bool:
    """Whether the folder has files of this layout; it may be damaged."""
    return path.is_dir() and any(True for _ in path.glob("feature_*.npy"))


@np.errstate(over="ignore", invalid="ignore")  # values too large for 32 bits become infinite and are left out
def read_npy_layout(folder: Path, marker_set: MarkerSet) -> Dataset:
    """Read a folder of this layout.

    Raises:
        DatasetError: a file is missing, damaged, carries code or has another shape, or the windows are refused by
            `sift`.
    """
    if not (folder / INFO_FILE).is_file():
        raise DatasetError(f"{folder}: expected {INFO_FILE}, which says whose the windows are, found none")
    info = read_info(folder / INFO_FILE)
    ids = [_file_number(folder, value) for value in info.get("indexes", range(len(info["subjects"])))]
    if not ids:
        raise DatasetError(f"{folder / INFO_FILE}: expected windows, found none")
    _check_files(folder, ids)
    marker_columns = columns_of(marker_set, NPY_MARKERS)
    keypoints, markers = (
        np.empty((len(ids), WINDOW_FRAMES, len(k)), np.float32) for k in (_KEYPOINT_COLUMNS, marker_columns)
    )
    person = np.empty((len(ids), 2), np.float32)
    for row, k in enumerate(ids):
        features = _table(folder / f"feature_{k}.npy", _N_FEATURES)
        keypoints[row], person[row] = features[:, _KEYPOINT_COLUMNS], _constant(folder / f"feature_{k}.npy", features)
        markers[row] = _table(folder / f"responses_{k}.npy", _N_RESPONSES)[:, marker_columns]
    size = person[:, :1, None]
    height_m, mass_kg = torch.from_numpy(person).unbind(dim=1)
    windows = Windows(_points(keypoints * size), _points(markers * size), height_m, mass_kg, marker_set)
    places = tuple(f"feature_{k}.npy" for k in ids)
    window_set, left_out = sift(folder, RawWindows(windows, subject_names(info), activities_of(info), places))
    unlisted = _unlisted(folder, ids)
    if unlisted:
        left_out = (*left_out, f"{len(unlisted)} feature files that {INFO_FILE} does not name: {listed(unlisted)}")
    return Dataset(folder, LAYOUT, window_set, read_split(folder, info), left_out, _scale_note(info))


def _file_number(folder: Path, value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise DatasetError(f"{folder / INFO_FILE}: expected numbers of files as 'indexes', found {value!r}")
    return value


def _check_files(folder: Path, ids: list[int]) -> None:
    if len(set(ids)) != len(ids):
        raise DatasetError(f"{folder / INFO_FILE}: expected every number in 'indexes' once")
    present = {path.name for path in folder.iterdir()}
    expected = (f"{kind}_{k}.npy" for k in ids for kind in ("feature", "responses"))
    missing = [name for name in expected if name not in present]
    if missing:
        raise DatasetError(f"{folder}: expected the files that {INFO_FILE} names, did not find {listed(missing)}")


def _unlisted(folder: Path, ids: list[int]) -> list[str]:
    known = {f"feature_{k}.npy" for k in ids}
    return sorted(path.name for path in folder.glob("feature_*.npy") if path.name not in known)


def _table(path: Path, n_columns: int) -> NDArray[np.float64]:
    values = load_npy(path)
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise DatasetError(f"{path}: expected an array of numbers, found {getattr(values, 'dtype', type(values))}")
    if values.shape != (WINDOW_FRAMES, n_columns):
        raise DatasetError(f"{path}: expected shape {(WINDOW_FRAMES, n_columns)}, found {values.shape}")
    return values


def _constant(path: Path, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Height in m and mass in kg, which must be the same in all frames."""
    person = features[:, -2:]
    if np.ptp(person, axis=0).max() > 1e-3:
        raise DatasetError(f"{path}: expected height and mass in the last two columns, found values that change")
    return np.asarray(person[0])


def _points(coordinates: _Floats) -> torch.Tensor:
    return torch.from_numpy(coordinates.reshape(*coordinates.shape[:2], -1, 3))


def _scale_note(info: dict[str, list[Any]]) -> tuple[str, ...]:
    """A note if the data set has scaled copies of its subjects."""
    factors = sorted({factor for factor in info.get("scale_factors", []) if isinstance(factor, int | float)})
    if len(factors) < 2:
        return ()
    return (f"every subject at {len(factors)} synthetic sizes ({', '.join(f'{f:g}' for f in factors)}), kept together",)


def write_npy_layout(folder: Path, window_set: WindowSet) -> None:
    """Write windows into a folder in this layout; columns of other points, such as the arms, are NaN.

    Args:
        folder: an existing folder.
        window_set: the windows.
    """
    windows = window_set.windows
    height_m = windows.height_m[:, None, None, None]
    right, left = windows.keypoints[:, :, KEYPOINTS.both("Hip")].unbind(dim=2)
    mid_hip = ((right + left) / 2)[:, :, None]
    keypoints, markers = (
        ((points - mid_hip) / height_m).flatten(start_dim=2).numpy() for points in (windows.keypoints, windows.markers)
    )
    marker_columns = columns_of(windows.marker_set, NPY_MARKERS)
    for k in range(len(window_set)):
        features = np.full((WINDOW_FRAMES, _N_FEATURES), np.nan, np.float32)
        features[:, _KEYPOINT_COLUMNS] = keypoints[k]
        features[:, -2:] = float(windows.height_m[k]), float(windows.mass_kg[k])
        responses = np.full((WINDOW_FRAMES, _N_RESPONSES), np.nan, np.float32)
        responses[:, marker_columns] = markers[k]
        _save(folder / f"feature_{k}.npy", features)
        _save(folder / f"responses_{k}.npy", responses)
    n = len(window_set)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(window_set.subjects))}
    info = {
        "indexes": np.arange(n),
        "datasets": np.zeros(n, dtype=np.int64),
        "subjects": np.array([numbers[name] for name in window_set.subjects]),
        "scale_factors": np.ones(n),
        "trials": np.arange(n),
        "subtrials": np.zeros(n, dtype=np.int64),
        # Additions to the published layout, to keep the names.
        "names": np.array(window_set.subjects, dtype=np.str_),
        "activities": np.array(window_set.activities, dtype=np.str_),
    }
    _save(folder / INFO_FILE, np.array(info, dtype=object))


def _save(path: Path, values: NDArray[Any]) -> None:
    # Via memory, because NumPy does not report a full disk when it writes into files.
    content = io.BytesIO()
    np.save(content, values)
    path.write_bytes(content.getvalue())
