"""Marker placement: markers of a scaled model that lie elsewhere on the person are moved there.

A factor sizes all of a segment: a pelvis scaled to the hip joint centers carries its ASIS markers with it, 30 % too far
out on many people. So practice moves markers after scaling. OpenSim's marker placer does it in one standing posture;
here it is the mean over frames of all trials, each in the posture that inverse kinematics finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from trcaugment.formats.mot import read_table
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.ik import run_ik, write_ik_trial
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim
from trcaugment.osim.scale_tool import SCALED
from trcaugment.osim.tasks import Tasks

_WORTH_M = 0.01  # predicted markers themselves are no better than that
_FARTHEST_M = 0.06  # beyond this the marker is another one, or the model another person's
_MOST_ROUNDS = 3  # postures improve as markers move
_TRUST = 10  # joint centers' weights while markers are placed: they stay, so the others go where the joints are
_JOINT_CENTERS = frozenset(
    name for mark in LANDMARKS.values() if mark.kind == "joint center" for name in mark.aliases
)  # where the model has its joint


class Moved(NamedTuple):
    """A marker that was moved on the model, and how far in m."""

    marker: str
    distance_m: float


def place_markers(sample: Markers, tasks: Tasks, folder: Path, log: OpensimLog) -> tuple[Moved, ...]:
    """Move markers of the folder's `scaled.osim` to where the sample has them on average.

    Those that are followed count, if they are off by more than 10 mm; each by 60 mm at most. Joint centers stay, for
    they mark the model's joints, and so do markers that the model calls fixed.

    Args:
        sample: frames of the person.
        tasks: what inverse kinematics follows.
        folder: holds the model.
        log: OpenSim's log.

    Raises:
        OsimError: OpenSim failed.
    """
    opensim = load_opensim()
    path = folder / SCALED
    model = log.checked(lambda: opensim.Model(str(path)), SCALED)
    movable = [
        name
        for name in tasks.followed
        if name in sample.names and name not in _JOINT_CENTERS and not _marker(model, name).get_fixed()
    ]
    start = {name: _marker(model, name).get_location().to_numpy().copy() for name in movable}
    weights = {name: weight * (_TRUST if name in _JOINT_CENTERS else 1) for name, weight in tasks.weights.items()}
    tasks = replace(tasks, weights=weights)
    for _ in range(_MOST_ROUNDS):
        offsets = _offsets(model, movable, _solve(sample, tasks, folder, log), sample)
        off = [name for name in movable if np.linalg.norm(offsets[name]) > _WORTH_M]
        for name in off:
            marker = _marker(model, name)
            shift = marker.get_location().to_numpy() + offsets[name] - start[name]
            shift *= min(1.0, _FARTHEST_M / float(np.linalg.norm(shift)))
            marker.set_location(opensim.Vec3(*(float(v) for v in start[name] + shift)))
        if not off:
            break
        log.checked(partial(model.printToXML, str(path)), SCALED)
        model = log.checked(lambda: opensim.Model(str(path)), SCALED)
    shifts = {name: _marker(model, name).get_location().to_numpy() - start[name] for name in movable}
    return tuple(Moved(name, float(np.linalg.norm(shift))) for name, shift in shifts.items() if shift.any())


def _marker(model: Any, name: str) -> Any:
    return model.updMarkerSet().get(name)


def _solve(sample: Markers, tasks: Tasks, folder: Path, log: OpensimLog) -> tuple[Sequence[str], FloatArray]:
    """Coordinates in the postures of the sample: labels, and values in the units of OpenSim's API, time first."""
    with TemporaryDirectory() as name:
        work = Path(name)
        (work / SCALED).write_bytes((folder / SCALED).read_bytes())
        run_ik(write_ik_trial(work, "postures", sample, tasks, log), log)
        labels, table, *_ = read_table(work / "postures.mot")
    return labels, table


def _offsets(
    model: Any, movable: Sequence[str], solved: tuple[Sequence[str], FloatArray], sample: Markers
) -> dict[str, FloatArray]:
    """How far markers are from their places on the model, mean over frames, in m in the frames of bodies, (3,)."""
    opensim = load_opensim()
    labels, table = solved
    state = model.initSystem()
    ground = model.getGround()
    coordinates = model.getCoordinateSet()
    rotational = [coordinates.get(name).getMotionType() == opensim.Coordinate.Rotational for name in labels[1:]]
    values = np.where(rotational, np.deg2rad(table[:, 1:]), table[:, 1:])
    frames = np.searchsorted(sample.time_s, table[:, 0] - 1e-4)
    found: dict[str, list[FloatArray]] = {name: [] for name in movable}
    for row, frame in zip(values, frames, strict=True):
        for name, value in zip(labels[1:], row, strict=True):
            coordinates.get(name).setValue(state, float(value), False)
        model.realizePosition(state)
        for name in movable:
            place = sample.positions[frame, sample.names.index(name)]
            if np.isfinite(place).all():
                marker = _marker(model, name)
                station = opensim.Vec3(*(float(v) for v in place))
                own = ground.findStationLocationInAnotherFrame(state, station, marker.getParentFrame())
                found[name].append(own.to_numpy() - marker.get_location().to_numpy())
    return {name: np.mean(offsets, axis=0) if offsets else np.zeros(3) for name, offsets in found.items()}
