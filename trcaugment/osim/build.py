"""The skeleton as an OpenSim model without muscles, written through the OpenSim API.

The only module of `trcaugment.body` that needs opensim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import opensim

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.shapes import SHAPES, Shape
from trcaugment.body.skeleton import (
    BODIES,
    BODY_INDEX,
    COORDINATES,
    IDENTITY,
    JOINTS,
    POINT_INDEX,
    POINTS,
    Axis,
    Coordinate,
    Joint,
    Point,
    Z,
)

_ALL_POINTS = list(range(len(POINTS)))
_OPACITY = 0.5  # markers inside a segment, such as the hip joint centers, shine through


def build_model(sizes: BodySizes, name: str = "trcaugment", points: Sequence[Point] = POINTS) -> Any:
    """An `opensim.Model` of the first of the bodies, with markers at the points, here all markers and keypoints.

    Masses follow the subject's mass in the proportions of Rajagopal 2016, inertias mass times length squared. The
    default posture is standing with the lowest point at the floor.
    """
    model = opensim.Model()
    model.setName(name)
    model.set_credits("Segments, joints and masses after Rajagopal et al. 2016, knee after Lai et al. 2017.")
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
    for point in points:
        place = opensim.Vec3(*(float(v) for v in sizes.points[0, POINT_INDEX[point.name]]))
        model.addMarker(opensim.Marker(point.name, frames[point.body], place))
    for k, shape in enumerate(SHAPES):
        _show(frames[shape.body], shape, f"shape_{k}", [float(s) for s in sizes.scale[0, BODY_INDEX[shape.body]]])
    model.finalizeConnections()
    # Only now: a CustomJoint makes its coordinates anew, with ranges of its own, when it joins a model.
    for coordinate in COORDINATES:
        _limit(model.updCoordinateSet().get(coordinate.name), coordinate)
    standing = forward_kinematics(sizes, sizes.points.new_zeros(len(sizes.scale), 1, len(COORDINATES)), _ALL_POINTS)
    model.updCoordinateSet().get("pelvis_ty").setDefaultValue(-float(standing[0, 0, :, 1].min()))
    return model


def _show(body: Any, shape: Shape, name: str, scale: list[float]) -> None:
    """Gives the body a shape, which grows with the segment."""
    center = opensim.Vec3(*(c * s for c, s in zip(shape.center, scale, strict=True)))
    half_size = [h * s for h, s in zip(shape.half_size, scale, strict=True)]
    made = opensim.Brick(opensim.Vec3(*half_size)) if shape.kind == "brick" else opensim.Ellipsoid(*half_size)
    made.setOpacity(_OPACITY)
    frame = opensim.PhysicalOffsetFrame(name, body, opensim.Transform(center))
    frame.attachGeometry(made)
    body.addComponent(frame)


def _joint(joint: Joint, index: int, sizes: BodySizes, frames: dict[str, Any]) -> Any:
    parent_offset = opensim.Vec3(*(float(v) for v in sizes.joint_offsets[0, index]))
    child_scale = sizes.scale[0, BODY_INDEX[joint.child]]
    child_offset = opensim.Vec3(*(c * float(s) for c, s in zip(joint.child_offset, child_scale, strict=True)))
    turn = opensim.Vec3(*joint.orientation)
    ends = (frames[joint.parent], parent_offset, turn, frames[joint.child], child_offset, turn)
    if not joint.rotations:
        return opensim.WeldJoint(joint.name, *ends)
    if [(axis.axis, axis.coefficients) for axis in joint.rotations] == [(Z, IDENTITY)]:
        # Inverse kinematics is faster with it than with a CustomJoint of the same motion.
        pin = opensim.PinJoint(joint.name, *ends)
        pin.updCoordinate().setName(joint.rotations[0].coordinate)
        return pin
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
    return transform


def _function(coefficients: list[float]) -> Any:
    """The polynomial, lowest order first; a straight line as such, or OpenSim would take degrees of it for radians."""
    if len(coefficients) == 2:
        return opensim.LinearFunction(coefficients[1], coefficients[0])
    vector = opensim.Vector(len(coefficients), 0.0)
    for k, value in enumerate(reversed(coefficients)):
        vector.set(k, value)
    return opensim.PolynomialFunction(vector)


def _limit(made: Any, coordinate: Coordinate) -> None:
    made.setRangeMin(coordinate.low)
    made.setRangeMax(coordinate.high)
    made.setDefaultClamped(not coordinate.name.startswith("pelvis"))  # people lie, roll and turn as often as they like
