"""The skeleton as an OpenSim model without muscles, written through the OpenSim API.

The only module of `trcaugment.body` that needs opensim.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import opensim

from trcaugment.body.kinematics import BodySizes
from trcaugment.body.skeleton import BODIES, BODY_INDEX, COORDINATES, JOINTS, POINTS, Axis, Coordinate, Joint


def build_model(sizes: BodySizes, name: str = "trcaugment") -> Any:
    """An `opensim.Model` of the first of the bodies, with all markers and keypoints.

    Masses follow the subject's mass in the proportions of Rajagopal 2016, inertias mass times length squared.
    """
    model = opensim.Model()
    model.setName(name)
    frames = {"ground": model.getGround()}
    for k, body in enumerate(BODIES):
        scale = [float(s) for s in sizes.scale[0, k]]
        share = float(sizes.mass_kg[0]) / sum(b.mass_kg for b in BODIES)
        center = opensim.Vec3(*(c * s for c, s in zip(body.mass_center, scale, strict=True)))
        inertia = opensim.Inertia(*(i * share * scale[1] ** 2 for i in body.inertia))
        frames[body.name] = opensim.Body(body.name, body.mass_kg * share, center, inertia)
        model.addBody(frames[body.name])
    for k, joint in enumerate(JOINTS):
        model.addJoint(_joint(joint, k, sizes, frames))
    for k, point in enumerate(POINTS):
        place = opensim.Vec3(*(float(v) for v in sizes.points[0, k]))
        model.addMarker(opensim.Marker(point.name, frames[point.body], place))
    model.finalizeConnections()
    # Only now: a CustomJoint makes its coordinates anew, with ranges of its own, when it joins a model.
    for coordinate in COORDINATES:
        _limit(model.updCoordinateSet().get(coordinate.name), coordinate)
    return model


def write_model(path: Path, sizes: BodySizes) -> None:
    """Write the first of the bodies as an `.osim` file."""
    build_model(sizes, path.stem).printToXML(str(path))


def _joint(joint: Joint, index: int, sizes: BodySizes, frames: dict[str, Any]) -> Any:
    parent_offset = opensim.Vec3(*(float(v) for v in sizes.joint_offsets[0, index]))
    child_scale = sizes.scale[0, BODY_INDEX[joint.child]]
    child_offset = opensim.Vec3(*(c * float(s) for c, s in zip(joint.child_offset, child_scale, strict=True)))
    turn = opensim.Vec3(*joint.orientation)
    ends = (frames[joint.parent], parent_offset, turn, frames[joint.child], child_offset, turn)
    if not joint.rotations:
        return opensim.WeldJoint(joint.name, *ends)
    length = float(sizes.scale[0, BODY_INDEX[joint.parent], 1]) if joint.parent in BODY_INDEX else 1.0
    return opensim.CustomJoint(joint.name, *ends, _spatial_transform(joint, length))


def _spatial_transform(joint: Joint, length: float) -> Any:
    transform = opensim.SpatialTransform()
    axes: list[tuple[Any, Axis, float]] = [
        (transform.updTransformAxis(k), axis, 1.0) for k, axis in enumerate(joint.rotations)
    ]
    axes += [(transform.updTransformAxis(3 + k), axis, length) for k, axis in enumerate(joint.translations)]
    for place, axis, factor in axes:
        names = opensim.ArrayStr()
        names.append(axis.coordinate)
        place.setCoordinateNames(names)
        place.setAxis(opensim.Vec3(*axis.axis))
        place.set_function(_function([c * factor for c in axis.coefficients]))
    _fill_free_axes(transform, joint)
    return transform


def _function(coefficients: list[float]) -> Any:
    """The polynomial, lowest order first; a straight line as such, or OpenSim would take degrees of it for radians."""
    if len(coefficients) == 2:
        return opensim.LinearFunction(coefficients[1], coefficients[0])
    vector = opensim.Vector(len(coefficients), 0.0)
    for k, value in enumerate(reversed(coefficients)):
        vector.set(k, value)
    return opensim.PolynomialFunction(vector)


def _fill_free_axes(transform: Any, joint: Joint) -> None:
    """Gives unused rotation axes directions that are independent of the used ones, as CustomJoint demands."""
    used = [axis.axis for axis in joint.rotations]
    spare = [axis for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)) if _free(axis, used)]
    for k in range(len(used), 3):
        transform.updTransformAxis(k).setAxis(opensim.Vec3(*spare.pop(0)))
        transform.updTransformAxis(k).set_function(opensim.Constant(0.0))


def _free(axis: tuple[float, float, float], used: list[tuple[float, float, float]]) -> bool:
    return all(math.isclose(sum(a * b for a, b in zip(axis, other, strict=True)), 0.0) for other in used)


def _limit(made: Any, coordinate: Coordinate) -> None:
    made.setRangeMin(coordinate.low)
    made.setRangeMax(coordinate.high)
    made.setDefaultClamped(False)
