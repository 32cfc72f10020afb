"""Columns of published data sets, and subjects, activities and split of their windows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.datasets.dataset import Split
from trcaugment.datasets.unpickling import load_npy
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, KEYPOINTS, OTHER_KEYPOINTS, SIDES

_WRISTS = tuple(OTHER_KEYPOINTS.named(part, side) for part in ("Elbow", "Wrist") for side in SIDES)
_LANDMARKS = tuple(mark.name for mark in ANATOMICAL_MARKERS.landmarks if mark.kind == "bony landmark")
_CLUSTERS_AND_HIPS = tuple(name for name in ANATOMICAL_MARKERS if name not in _LANDMARKS)
# Columns of the `.npy` layout: 21 keypoints (with arms, and small toes of a second pose model) and 43 markers.
NPY_KEYPOINTS = (*KEYPOINTS, *_WRISTS, "RSmallToe_mmpose", "LSmallToe_mmpose")
NPY_MARKERS = (*_LANDMARKS, *ARM_MARKERS, *_CLUSTERS_AND_HIPS)
# Columns of the HDF5 layout: 20 keypoints with midHip and 43 markers, or 16 and 35 without arms.
HDF5_KEYPOINTS = (*KEYPOINTS.names[:5], "midHip", *KEYPOINTS.names[5:], *_WRISTS)
_KNEE_AND_ANKLE = ("knee", "mknee", "ankle", "mankle")
_HDF5_LEGS = (
    *(ANATOMICAL_MARKERS.named(part, "right") for part in (*_KNEE_AND_ANKLE, "toe", "5meta", "calc")),
    *(ANATOMICAL_MARKERS.named(part, "left") for part in (*_KNEE_AND_ANKLE, "toe", "calc", "5meta")),  # other order
)
_HDF5_ARMS = tuple(mark.name for side in SIDES for mark in ARM_MARKERS.landmarks if mark.side == side)
_HDF5_TRUNK = ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study")
HDF5_MARKERS = (
    *_HDF5_TRUNK,
    *_HDF5_LEGS,
    *("r_shoulder_study", "L_shoulder_study", "C7_study"),
    *_HDF5_ARMS,
    *_CLUSTERS_AND_HIPS,
)
HDF5_MARKERS_WITHOUT_ARMS = tuple(name for name in HDF5_MARKERS if name not in _HDF5_ARMS)

INFO_FILE = "infoData.npy"
SPLIT_FILES = ("subjectSplit.npy", "subjectSplit_curated.npy")


def columns_of(wanted: Collection[str], names: Sequence[str]) -> list[int]:
    """Indices of the x, y and z columns of the wanted points in a table with the named points.

    Raises:
        DatasetError: the table has no columns of a point.
    """
    lost = [name for name in wanted if name not in names]
    if lost:
        raise DatasetError(f"this layout of data sets has no columns of {', '.join(lost)}; use pairs of TRC files")
    return [3 * names.index(name) + axis for name in wanted for axis in range(3)]


def read_info(path: Path) -> dict[str, list[Any]]:
    """Read the lists of an `infoData.npy`, each with one value per window.

    Raises:
        DatasetError: the file is damaged or holds no dict, or a required list is missing or has another length.
    """
    info = load_npy(path)
    if not isinstance(info, Mapping):
        raise DatasetError(f"{path}: expected a dict of lists, found {type(info).__name__}")
    lists = {str(name): _values(path, values) for name, values in info.items()}
    for needed in ("datasets", "subjects"):
        if needed not in lists:
            raise DatasetError(f"{path}: expected a list '{needed}', found {', '.join(sorted(lists)) or 'nothing'}")
    n = len(lists["subjects"])
    for name in ("datasets", "indexes", "activities", "names", "trials"):
        if name in lists and len(lists[name]) != n:
            raise DatasetError(f"{path}: expected {n} '{name}' as there are 'subjects', found {len(lists[name])}")
    return lists


def _values(path: Path, values: Any) -> list[Any]:
    """Convert an array, list or single value to a flat list of numbers or strings."""
    try:
        flat: list[Any] = np.asarray(values).ravel().tolist()
    except ValueError as error:
        raise DatasetError(f"{path}: expected lists of numbers or strings ({error})") from error
    if not all(isinstance(value, int | float | str) for value in flat):
        raise DatasetError(f"{path}: expected lists of numbers or strings, found {_kinds(flat)}")
    return flat


def _kinds(values: Sequence[Any]) -> str:
    """Names of the values' types."""
    return ", ".join(sorted({type(value).__name__ for value in values}))


def subject_names(info: Mapping[str, list[Any]]) -> tuple[str, ...]:
    """Subject of every window. Synthetically scaled copies of a subject are the same subject."""
    if "names" in info:
        return tuple(str(name) for name in info["names"])
    return tuple(subject_name(*of) for of in zip(info["datasets"], info["subjects"], strict=True))


def subject_name(dataset: object, subject: object) -> str:
    """`dataset0-subject3` from the numbers 0 and 3, or from "dataset0" and 3."""
    number, whose = (str(value).removesuffix(".0") for value in (dataset, subject))
    return f"{number if number.startswith('dataset') else f'dataset{number}'}-subject{whose}"


def activities_of(info: Mapping[str, list[Any]]) -> tuple[str, ...]:
    """Activity in every window: the list `activities`, or the trial's name without number; "" if unknown."""
    names = info.get("activities", info.get("trials", [""] * len(info["subjects"])))
    return tuple(activity(value) if isinstance(value, str) else "" for value in names)


def activity(trial: str) -> str:
    """The activity in a trial's name: "walk" from `walk_02`."""
    return re.sub(r"[\s_.-]*\d+$", "", trial) or trial


def read_split(folder: Path, info: Mapping[str, list[Any]]) -> Split | None:
    """Read the split in the folder or up to two folders above it; None if there is none.

    Raises:
        DatasetError: the file is damaged, or a subject is in two parts.
    """
    places = (above / name for above in (folder, *folder.resolve().parents[:2]) for name in SPLIT_FILES)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None
    content = load_npy(path)
    if not isinstance(content, Mapping) or not all(isinstance(parts, Mapping) for parts in content.values()):
        raise DatasetError(f"{path}: expected a dict of dicts such as {{'dataset0': {{'training_0': [0, 1], ...}}}}")
    renamed = dict(zip(_numbered(info), subject_names(info), strict=True))
    parts: dict[str, list[str]] = {"training": [], "validation": [], "test": []}
    for dataset, by_part in content.items():
        for part in parts:
            for key in (part, f"{part}_0"):
                names = [subject_name(dataset, value) for value in _values(path, by_part.get(key, []))]
                parts[part] += [renamed[name] for name in names if name in renamed]
    everybody = [name for names in parts.values() for name in names]
    twice = sorted({name for name in everybody if everybody.count(name) > 1})
    if twice:
        raise DatasetError(f"{path}: expected every subject in one part, found {', '.join(twice)} in several")
    return Split(*(tuple(names) for names in parts.values())) if everybody else None


def _numbered(info: Mapping[str, list[Any]]) -> list[str]:
    return [subject_name(*of) for of in zip(info["datasets"], info["subjects"], strict=True)]
