"""Where the joints and markers of a model are in every frame of a motion, for pages that show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.errors import MarkersError, MotionError, OsimError
from trcaugment.formats.mot import MotionTable, read_table
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.log import opensim_log
from trcaugment.osim.model import open_model
from trcaugment.osim.package import load_opensim


def pose(model_file: Path, motion_file: Path) -> tuple[Markers, list[tuple[int, int]]]:
    """Pose a model as a motion says.

    Args:
        model_file: a model, scaled to the person.
        motion_file: its coordinates over time.

    Returns:
        Centers of the joints under the names of their child bodies, then the model's markers under their names and a
        prime, in m in the ground; and pairs of indices of joints that a body connects.

    Raises:
        OsimError: opensim is not installed, the model cannot be opened, or the motion has none of its coordinates.
        MotionError: the motion cannot be read, its time goes back, or a body is beyond all measure.
    """
    table = read_table(motion_file).with_unit(motion_file)
    with opensim_log() as log:
        model = open_model(model_file, None, log)
        joints = members(model.getJointSet())
        markers = members(model.getMarkerSet())
        names = [body_of(each.getChildFrame()) for each in joints]
        states = moved(model, table, f"{motion_file}: expected coordinates of {model_file.name}")
        places = np.empty((len(table.values), len(joints) + len(markers), 3))
        for own, state in zip(places, states, strict=True):
            for k, joint in enumerate(joints):
                own[k] = joint.getChildFrame().getPositionInGround(state).to_numpy()
            for k, marker in enumerate(markers, len(joints)):
                own[k] = marker.getLocationInGround(state).to_numpy()
        parents = [body_of(each.getParentFrame()) for each in joints]
        marker_names = [f"{each.getName()}′" for each in markers]
    bones = [(names.index(parent), k) for k, parent in enumerate(parents) if parent in names]
    try:
        return Markers((*names, *marker_names), places, table.values[:, 0]), bones
    except MarkersError as error:
        raise MotionError(f"{motion_file}: {error}") from error


def moved(model: Any, table: MotionTable, expected: str) -> Iterator[Any]:
    """The model's state in each frame of a motion.

    Args:
        model: an initialized `opensim.Model`.
        table: its coordinates over time.
        expected: for the message if there are none: which file was to have which.

    Raises:
        OsimError: the motion has none of the model's coordinates.
    """
    values = _coordinates(model, table.labels, table.values, in_degrees=bool(table.in_degrees))
    if not values:
        raise OsimError(f"{expected}, found none of them")
    return _states(model, values, len(table.values))


def _states(model: Any, values: list[tuple[Any, FloatArray]], n_frames: int) -> Iterator[Any]:
    state = model.initSystem()
    for frame in range(n_frames):
        for coordinate, column in values:
            coordinate.setValue(state, float(column[frame]), False)
        model.realizePosition(state)
        yield state


def members(listed: Any) -> list[Any]:
    """The members of a set of OpenSim's."""
    return [listed.get(k) for k in range(listed.getSize())]


def body_of(frame: Any) -> str:
    """Name of the body that a frame is fixed to."""
    return str(frame.findBaseFrame().getName())


def _coordinates(model: Any, labels: list[str], table: FloatArray, *, in_degrees: bool) -> list[tuple[Any, FloatArray]]:
    """The model's coordinates that the motion has, with their values in rad or m, (n_frames,)."""
    rotational = load_opensim().Coordinate.Rotational
    columns = {
        label.removesuffix("/value").rsplit("/", 1)[-1]: column for label, column in zip(labels, table.T, strict=True)
    }
    found = []
    for coordinate in members(model.getCoordinateSet()):
        column = columns.get(coordinate.getName())
        if column is not None and not coordinate.getLocked(model.getWorkingState()):
            in_rad = in_degrees and coordinate.getMotionType() == rotational
            found.append((coordinate, np.deg2rad(column) if in_rad else column))
    return found
