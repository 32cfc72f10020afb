"""Shapes that show the segments: ellipsoids and bricks of about an adult's size, so that no mesh files are needed."""

from __future__ import annotations

from typing import Literal, NamedTuple

from trcaugment.body.skeleton import Vec3, other_side


class Shape(NamedTuple):
    """A shape in the axes of its segment: center and half extents in m, at generic size."""

    kind: Literal["ellipsoid", "brick"]
    body: str
    center: Vec3
    half_size: Vec3


_MIDLINE = (
    Shape("ellipsoid", "pelvis", (-0.070, -0.010, 0.0), (0.095, 0.090, 0.120)),
    Shape("ellipsoid", "torso", (-0.015, 0.200, 0.0), (0.105, 0.210, 0.140)),  # chest and belly
    Shape("ellipsoid", "torso", (-0.015, 0.365, 0.0), (0.050, 0.045, 0.165)),  # shoulders
    Shape("ellipsoid", "torso", (-0.020, 0.450, 0.0), (0.050, 0.070, 0.050)),  # neck
    Shape("ellipsoid", "torso", (0.010, 0.592, 0.0), (0.100, 0.122, 0.072)),  # head
)
_RIGHT = (
    Shape("ellipsoid", "femur_r", (0.000, -0.200, 0.000), (0.070, 0.225, 0.065)),
    Shape("ellipsoid", "tibia_r", (-0.010, -0.190, 0.000), (0.050, 0.215, 0.045)),
    Shape("ellipsoid", "talus_r", (-0.010, -0.010, 0.005), (0.035, 0.028, 0.028)),
    Shape("brick", "calcn_r", (0.080, 0.026, 0.005), (0.102, 0.026, 0.038)),
    Shape("brick", "toes_r", (0.032, 0.016, 0.000), (0.034, 0.014, 0.042)),
    Shape("ellipsoid", "humerus_r", (0.006, -0.143, -0.004), (0.043, 0.165, 0.043)),
    Shape("ellipsoid", "ulna_r", (-0.008, -0.122, 0.012), (0.027, 0.135, 0.022)),
    Shape("ellipsoid", "radius_r", (-0.002, -0.112, 0.012), (0.027, 0.130, 0.022)),
    Shape("ellipsoid", "hand_r", (0.000, -0.085, 0.000), (0.018, 0.095, 0.042)),
)
SHAPES = (
    *_MIDLINE,
    *_RIGHT,
    *(s._replace(body=other_side(s.body), center=(s.center[0], s.center[1], -s.center[2])) for s in _RIGHT),
)
