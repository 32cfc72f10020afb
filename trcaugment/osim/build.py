"""Builds an OpenSim model without muscles from the skeleton in `trcaugment.body`."""

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
_OPACITY = 0.5  # so that markers inside a segment, such as the hip joint centers, are visible


def build_model(sizes: BodySizes, name: str = "trcaugment", points: Sequence[Point] = POINTS) -> Any:
    """Build an `opensim.Model` of the first person in `sizes`, with markers at `points`.

    Segment masses are shares of body mass as in Rajagopal 2016; inertias scale with mass times length squared. The
    default posture is standing, with the lowest point on the floor.
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
    # At the end, because a CustomJoint replaces its coordinates, with default ranges, when it is added to a model.
    for coordinate in COORDINATES:
        _limit(model.updCoordinateSet().get(coordinate.name), coordinate)
    standing = forward_kinematics(sizes, sizes.points.new_zeros(len(sizes.scale), 1, len(COORDINATES)), _ALL_POINTS)
    model.updCoordinateSet().get("pelvis_ty").setDefaultValue(-float(standing[0, 0, :, 1].min()))
    return model


def _show(body: Any, shape: Shape, name: str, scale: list[float]) -> None:
    """Attach a shape to a body, scaled with the segment."""
    center = opensim.Vec3(*(c * s for c, s in zip(shape.center, scale, strict=True)))
    half_size = [h * s for h, s in zip(shape.half_size, scale, strict=True)]
    geometry = opensim.Brick(opensim.Vec3(*half_size)) if shape.kind == "brick" else opensim.Ellipsoid(*half_size)
    geometry.setOpacity(_OPACITY)
    frame = opensim.PhysicalOffsetFrame(name, body, opensim.Transform(center))
    frame.attachGeometry(geometry)
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
        # Inverse kinematics is faster with a PinJoint than with a CustomJoint of the same motion.
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
    """The polynomial with the given coefficients, lowest order first; a line as LinearFunction.

    A line as PolynomialFunction would make OpenSim take degrees for radians.
    """
    if len(coefficients) == 2:
        return opensim.LinearFunction(coefficients[1], coefficients[0])
    vector = opensim.Vector(len(coefficients), 0.0)
    for k, value in enumerate(reversed(coefficients)):
        vector.set(k, value)
    return opensim.PolynomialFunction(vector)


def _limit(target: Any, coordinate: Coordinate) -> None:
    target.setRangeMin(coordinate.low)
    target.setRangeMax(coordinate.high)
    target.setDefaultClamped(not coordinate.name.startswith("pelvis"))  # people may turn and roll without limit
