"""A folder of OpenSim motions: `.mot` files, the `.osim` model that carries keypoints and markers, and `subjects.csv`.

Each motion is applied to the model in its own folder or, if there is none, in the nearest folder above it, up to the
data set's folder. A folder may hold one model. Coordinates are set as they are, without the model's constraints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.chain.keypoints import find_keypoints, input_keypoints
from trcaugment.datasets.paired import Pair
from trcaugment.errors import DatasetError
from trcaugment.formats.mot import read_table
from trcaugment.formats.subjects_csv import SUBJECTS_FILE, find_subject, read_subjects
from trcaugment.marker_sets import MarkerSet
from trcaugment.markers import RATE_HZ, FloatArray, Markers
from trcaugment.osim.package import load_opensim

LAYOUT = "OpenSim motions"
_ROTATIONAL = 1  # OpenSim's Coordinate::MotionType


def is_motion_folder(path: Path) -> bool:
    """Whether the folder or a subfolder has `.mot` files."""
    return path.is_dir() and any(True for _ in path.rglob("*.mot"))


def read_motions(folder: Path, marker_set: MarkerSet) -> list[Pair]:
    """Read every motion as a trial at 60 Hz: the positions of the model's keypoints and markers.

    Raises:
        OsimError: opensim is not installed.
        DatasetError: a model or motion is missing, damaged or lacks markers.
        SubjectsError: `subjects.csv` is missing, or has no row for a motion.
        MotionError: a motion cannot be read.
        MarkerSetError: a model lacks keypoints.
    """
    rows = read_subjects(folder / SUBJECTS_FILE)
    files = sorted(folder.rglob("*.mot"))
    if not files:
        raise DatasetError(f"{folder}: expected .mot files, found none")
    models: dict[Path, _Model] = {}
    pairs = []
    for file in files:
        path = _model_of(file, folder)
        if path not in models:
            models[path] = _Model(path, marker_set)
        person, subject = find_subject(rows, folder, file)
        points = models[path].move(file)
        markers = Markers(marker_set.names, points.select(marker_set), points.time_s)
        name = file.with_suffix("").relative_to(folder).as_posix()
        pairs.append(Pair(name, person, subject, input_keypoints(points), markers))
    return pairs


def _model_of(file: Path, top: Path) -> Path:
    for folder in file.parents:
        models = sorted(folder.glob("*.osim"))
        if len(models) > 1:
            raise DatasetError(f"{folder}: expected one .osim model, found {', '.join(path.name for path in models)}")
        if models and not models[0].is_file():
            raise DatasetError(f"{models[0]}: expected an .osim file, found something else of this name")
        if models:
            return models[0]
        if folder == top:
            break
    raise DatasetError(f"{file}: expected an .osim model in its folder or above it in {top}, found none")


class _Model:
    """An OpenSim model whose coordinates can be set frame by frame."""

    def __init__(self, path: Path, marker_set: MarkerSet) -> None:
        opensim = load_opensim()
        opensim.Logger.setLevelString("Off")
        self.path = path
        try:
            self.model: Any = opensim.Model(str(path))
            coordinates = self.model.getCoordinateSet()
            for k in range(coordinates.getSize()):
                coordinates.get(k).set_locked(False)
            self.state: Any = self.model.initSystem()
        except RuntimeError as error:
            raise DatasetError(f"{path}: no model that OpenSim can use ({_first_line(error)})") from error
        self.coordinates = {coordinates.get(k).getName(): coordinates.get(k) for k in range(coordinates.getSize())}
        markers = self.model.getMarkerSet()
        self.markers = {markers.get(k).getName(): markers.get(k) for k in range(markers.getSize())}
        missing = [name for name in marker_set if name not in self.markers]
        if missing:
            raise DatasetError(f"{path}: expected the {len(marker_set)} markers, without {', '.join(missing)}")
        self._check_keypoints()

    def _check_keypoints(self) -> None:
        """Raise a MarkerSetError that lists missing keypoints, before any motion is run."""
        any_positions = np.zeros((1, len(self.markers), 3))
        find_keypoints(Markers(tuple(self.markers), any_positions, np.zeros(1)), complete=True)

    def move(self, file: Path) -> Markers:
        """Positions of all markers of the model during a motion, at 60 Hz."""
        time_s, values = self._read(file)
        positions = np.empty((len(time_s), len(self.markers), 3))
        for frame in range(len(time_s)):
            for name, coordinate in self.coordinates.items():
                if name in values:
                    coordinate.setValue(self.state, float(values[name][frame]), False)
            self.model.realizePosition(self.state)
            for k, marker in enumerate(self.markers.values()):
                place = marker.getLocationInGround(self.state)
                positions[frame, k] = place[0], place[1], place[2]
        return Markers(tuple(self.markers), positions, time_s)

    def _read(self, file: Path) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Time stamps at 60 Hz, and the values of the model's coordinates at them in rad or m."""
        labels, table, in_degrees, _ = read_table(file).with_unit(file)
        names = [_coordinate(label) for label in labels]
        known = [name for name in self.coordinates if name in names]
        if not known:
            raise DatasetError(f"{file}: expected coordinates of {self.path.name}, found {', '.join(names[1:6])}")
        table_s = table[:, 0]
        if len(table_s) < 2 or not (np.diff(table_s) > 0).all() or not np.isfinite(table).all():
            raise DatasetError(f"{file}: expected at least two frames, increasing time and no missing values")
        time_s = np.arange(table_s[0], table_s[-1], 1 / RATE_HZ)
        values = {}
        for name in known:
            degrees = in_degrees and self.coordinates[name].getMotionType() == _ROTATIONAL
            column = table[:, names.index(name)]
            values[name] = np.interp(time_s, table_s, np.deg2rad(column) if degrees else column)
        return time_s, values


def _coordinate(label: str) -> str:
    """Name of the coordinate from a column label, also from `/jointset/hip_r/hip_flexion_r/value`."""
    return label.removesuffix("/value").rsplit("/", 1)[-1]


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
