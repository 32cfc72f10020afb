"""A model in motion as BVH: a segment for each body, which turns about the center of its joint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.errors import MotionError, OsimError
from trcaugment.formats.bvh import Segment, format_bvh
from trcaugment.formats.mot import read_table
from trcaugment.markers import FloatArray
from trcaugment.osim.log import opensim_log
from trcaugment.osim.model import open_model
from trcaugment.osim.posing import body_of, members, moved
from trcaugment.osim.scale_tool import SCALED


@dataclass(frozen=True)
class Made:
    """Content of a BVH file, with the numbers of its segments and frames."""

    data: bytes
    n_segments: int
    n_frames: int


def model_beside(motion: Path) -> Path | None:
    """The model of a motion: of its name, as in Pose2Sim's folder, or the scaled one of its folder."""
    found = (motion.with_suffix(".osim"), motion.with_name(SCALED))
    return next((file for file in found if file.is_file()), None)


def make_bvh(model_file: Path, motion_file: Path) -> Made:
    """A motion as BVH.

    Args:
        model_file: a model, scaled to the person.
        motion_file: its coordinates over time.

    Raises:
        OsimError: opensim is not installed, the model cannot be opened, or the motion has none of its coordinates.
        MotionError: the motion cannot be read, its time stamps are uneven, a value is missing, or the model has
            not one root.
    """
    table = read_table(motion_file).with_unit(motion_file)
    time_s = table.values[:, 0]
    with opensim_log() as log:
        model = open_model(model_file, None, log)
        joints = _in_order(members(model.getJointSet()))
        states = moved(model, table, f"{motion_file}: expected coordinates of {model_file.name}")
        centers = np.empty((len(time_s), len(joints), 3))
        rotations = np.empty((len(time_s), len(joints), 3, 3))
        for frame, state in enumerate(states):
            for k, joint in enumerate(joints):
                centers[frame, k] = joint.getChildFrame().getPositionInGround(state).to_numpy()
                rotations[frame, k] = _matrix(joint.getChildFrame().findBaseFrame().getTransformInGround(state).R())
        names = [body_of(joint.getChildFrame()) for joint in joints]
        above = [body_of(joint.getParentFrame()) for joint in joints]
        ends = [_end(model, joint) for joint in joints]
    parents = [names.index(parent) if parent in names else None for parent in above]
    segments = [Segment(name, parents[k], centers[:, k], rotations[:, k], ends[k]) for k, name in enumerate(names)]
    try:
        return Made(format_bvh(segments, time_s), len(segments), len(time_s))
    except MotionError as error:
        raise MotionError(error.about(motion_file)) from error


def _in_order(joints: list[Any]) -> list[Any]:
    """Joints from the ground outwards.

    Raises:
        OsimError: some are not connected with the ground.
    """
    known, ordered, waiting = {"ground"}, [], joints
    while waiting:
        ready = [joint for joint in waiting if body_of(joint.getParentFrame()) in known]
        if not ready:
            raise OsimError(f"expected joints from the ground to every body, found none to {waiting[0].getName()}")
        ordered += ready
        known |= {body_of(joint.getChildFrame()) for joint in ready}
        waiting = [joint for joint in waiting if joint not in ready]
    return ordered


def _end(model: Any, joint: Any) -> FloatArray:
    """The body's center of mass, from the center of its joint, in the body's axes."""
    body = model.getBodySet().get(body_of(joint.getChildFrame()))
    return np.asarray(body.getMassCenter().to_numpy() - joint.getChildFrame().findTransformInBaseFrame().p().to_numpy())


def _matrix(rotation: Any) -> FloatArray:
    return np.array([[rotation.get(i, j) for j in range(3)] for i in range(3)])
