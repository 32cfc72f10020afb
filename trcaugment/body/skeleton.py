"""The skeleton as data: bodies, joints, coordinates, anatomical markers and pose keypoints of a generic adult.

Joint centers, axes, the knee's coupled motion, masses and inertias are those of the full-body model of Rajagopal et al.
2016 (doi 10.1109/TBME.2016.2586891) with the knee of Lai et al. 2017 (Ann Biomed Eng 45:2762), in the polynomial form
of LaiUhlrich2022 (Uhlrich et al. 2022), so that any `.mot` of those models drives this one. Its generic adult is
1.70 m tall and weighs 75 kg. The patella, which carries no marker, is left out. X is forward, Y up, Z to the right.

Only the right side and the midline are written down; the left side is their mirror image in the plane Z = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

from trcaugment.marker_sets import LANDMARKS

Vec3 = tuple[float, float, float]

GENERIC_HEIGHT_M = 1.70
X: Vec3 = (1.0, 0.0, 0.0)
Y: Vec3 = (0.0, 1.0, 0.0)
Z: Vec3 = (0.0, 0.0, 1.0)
IDENTITY = (0.0, 1.0)


class Body(NamedTuple):
    """A rigid segment: mass in kg, mass center in m, moments of inertia about it in kg m²."""

    name: str
    mass_kg: float
    mass_center: Vec3
    inertia: Vec3


class Coordinate(NamedTuple):
    """A degree of freedom with its range, in rad (or m if not `rotational`)."""

    name: str
    low: float
    high: float
    rotational: bool = True


class Axis(NamedTuple):
    """A motion about or along `axis`, a polynomial in a coordinate with `coefficients`, lowest order first."""

    axis: Vec3
    coordinate: str
    coefficients: tuple[float, ...] = IDENTITY


@dataclass(frozen=True)
class Joint:
    """A joint between `parent` and `child`.

    Attributes:
        name: name in the OpenSim models.
        parent: name of the parent body ("ground" for the first).
        child: name of the child body.
        offset: origin of the joint frame in the parent in m, at generic size.
        child_offset: origin of the joint frame in the child in m, at generic size.
        orientation: orientation of the joint frame in both bodies, body-fixed X-Y-Z angles in rad.
        rotations: up to three rotations, applied in this order.
        translations: up to three translations along axes of the joint frame in the parent.
    """

    name: str
    parent: str
    child: str
    offset: Vec3
    child_offset: Vec3 = (0.0, 0.0, 0.0)
    orientation: Vec3 = (0.0, 0.0, 0.0)
    rotations: tuple[Axis, ...] = ()
    translations: tuple[Axis, ...] = ()


class Point(NamedTuple):
    """A marker or keypoint: the body that carries it, and its position there in m, at generic size."""

    name: str
    body: str
    offset: Vec3


def _ball(flexion: str, adduction: str, rotation: str) -> tuple[Axis, ...]:
    return Axis(Z, flexion), Axis(X, adduction), Axis(Y, rotation)


_MIDLINE_BODIES = (
    Body("pelvis", 11.777, (-0.0707, 0.0, 0.0), (0.1028, 0.0871, 0.0579)),
    Body("torso", 26.8266, (-0.03, 0.32, 0.0), (1.4745, 0.7555, 1.4314)),
)
_RIGHT_BODIES = (
    Body("femur_r", 9.3014, (0.0, -0.17, 0.0), (0.1339, 0.0351, 0.1412)),
    Body("tibia_r", 3.7075, (0.0, -0.1867, 0.0), (0.0504, 0.0051, 0.0511)),
    Body("talus_r", 0.1, (0.0, 0.0, 0.0), (0.001, 0.001, 0.001)),
    Body("calcn_r", 1.25, (0.1, 0.03, 0.0), (0.0014, 0.0039, 0.0041)),
    Body("toes_r", 0.2166, (0.0346, 0.006, -0.0175), (0.0001, 0.0002, 0.001)),
    Body("humerus_r", 2.0325, (0.0, -0.164502, 0.0), (0.01195, 0.00412, 0.01341)),
    Body("ulna_r", 0.6075, (0.0, -0.120525, 0.0), (0.00296, 0.00062, 0.00321)),
    Body("radius_r", 0.6075, (0.0, -0.120525, 0.0), (0.00296, 0.00062, 0.00321)),
    Body("hand_r", 0.4575, (0.0, -0.068095, 0.0), (0.00089, 0.00055, 0.00134)),
)

_MIDLINE_JOINTS = (
    Joint(
        "ground_pelvis",
        "ground",
        "pelvis",
        (0.0, 0.0, 0.0),
        rotations=_ball("pelvis_tilt", "pelvis_list", "pelvis_rotation"),
        translations=(Axis(X, "pelvis_tx"), Axis(Y, "pelvis_ty"), Axis(Z, "pelvis_tz")),
    ),
    Joint(
        "back",
        "pelvis",
        "torso",
        (-0.1007, 0.0815, 0.0),
        rotations=_ball("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    ),
)
_RIGHT_JOINTS = (
    Joint(
        "hip_r",
        "pelvis",
        "femur_r",
        (-0.056276, -0.07849, 0.07726),
        rotations=_ball("hip_flexion_r", "hip_adduction_r", "hip_rotation_r"),
    ),
    Joint(
        "walker_knee_r",
        "femur_r",
        "tibia_r",
        (-0.0045, -0.4096, -0.00175),
        child_offset=(-0.00808954, -0.0035348, -0.00148474),
        orientation=(-1.64157, 1.44618, 1.5708),
        # Rolling, sliding and turning that go with knee flexion (Lai 2017, as polynomials of LaiUhlrich2022).
        rotations=(
            Axis(X, "knee_angle_r"),
            Axis(Z, "knee_angle_r", (-1.473e-8, 0.0791000120, -0.0328478104, -0.0252183255, 0.0108320945)),
            Axis(Y, "knee_angle_r", (-4.430e-8, 0.3694993486, -0.1694800514, 0.0251657627)),
        ),
        translations=(
            Axis(X, "knee_angle_r", (-7.7466e-7, 2.64142665e-5, 1.817510975e-3, -1.015149916e-3, 1.59044788e-4)),
            Axis(Y, "knee_angle_r", (-2.51635e-5, 3.936908669e-3, -1.1442375726e-2, 5.079765746e-3, -5.79687805e-4)),
            Axis(Z, "knee_angle_r", (-1.46191e-5, 6.265429606e-3, 6.11649607e-4, -4.453611225e-3, 1.208086889e-3)),
        ),
    ),
    Joint(
        "ankle_r",
        "tibia_r",
        "talus_r",
        (-0.01, -0.4, 0.0),
        orientation=(0.175895, -0.105208, 0.0186622),
        rotations=(Axis(Z, "ankle_angle_r"),),
    ),
    Joint(
        "subtalar_r",
        "talus_r",
        "calcn_r",
        (-0.04877, -0.04195, 0.00792),
        orientation=(-1.76819, 0.906223, 1.8196),
        rotations=(Axis(Z, "subtalar_angle_r"),),
    ),
    Joint(
        "mtp_r",
        "calcn_r",
        "toes_r",
        (0.1788, -0.002, 0.00108),
        orientation=(-math.pi, 0.619901, 0.0),
        rotations=(Axis(Z, "mtp_angle_r"),),
    ),
    Joint(
        "acromial_r",
        "torso",
        "humerus_r",
        (0.003155, 0.3715, 0.17),
        rotations=_ball("arm_flex_r", "arm_add_r", "arm_rot_r"),
    ),
    Joint(
        "elbow_r",
        "humerus_r",
        "ulna_r",
        (0.013144, -0.286273, -0.009595),
        orientation=(-0.0228627, 0.228018, 0.0051689),
        rotations=(Axis(Z, "elbow_flex_r"),),
    ),
    Joint(
        "radioulnar_r",
        "ulna_r",
        "radius_r",
        (-0.006727, -0.013007, 0.026083),
        orientation=(-1.56884, 0.056428, 1.53614),
        rotations=(Axis(Z, "pro_sup_r"),),
    ),
    Joint("radius_hand_r", "radius_r", "hand_r", (-0.008797, -0.235841, 0.01361), orientation=(-1.5708, 0.0, -1.5708)),
)

# Ranges of LaiUhlrich2022, in rad; the pelvis may turn freely, for people who lie and roll.
_MIDLINE_COORDINATES = (
    Coordinate("pelvis_tilt", -math.pi, math.pi),
    Coordinate("pelvis_list", -math.pi, math.pi),
    Coordinate("pelvis_rotation", -math.pi, math.pi),
    Coordinate("pelvis_tx", -50.0, 50.0, rotational=False),
    Coordinate("pelvis_ty", -50.0, 50.0, rotational=False),
    Coordinate("pelvis_tz", -50.0, 50.0, rotational=False),
    Coordinate("lumbar_extension", -1.5708, 1.5708),
    Coordinate("lumbar_bending", -1.5708, 1.5708),
    Coordinate("lumbar_rotation", -1.5708, 1.5708),
)
_RIGHT_COORDINATES = (
    Coordinate("hip_flexion_r", -0.5236, 2.0944),
    Coordinate("hip_adduction_r", -0.8727, 0.5236),
    Coordinate("hip_rotation_r", -0.6981, 0.6981),
    Coordinate("knee_angle_r", 0.0, 2.4435),
    Coordinate("ankle_angle_r", -0.8727, 0.8727),
    Coordinate("subtalar_angle_r", -0.6109, 0.6109),
    Coordinate("mtp_angle_r", -0.7854, 0.5236),
    Coordinate("arm_flex_r", -1.5708, 3.1416),
    Coordinate("arm_add_r", -2.6180, 0.6981),
    Coordinate("arm_rot_r", -1.5708, 1.5708),
    Coordinate("elbow_flex_r", 0.0, 2.6180),
    Coordinate("pro_sup_r", 0.0, 2.09),
)

# Skin markers, marker center and shoe included. OpenCap's generic marker set for LaiUhlrich2022, moved to where 17
# people of eight laboratories have them on average beside model keypoints (training-data.md has the figures), the
# laboratories counted alike: acromion 20 mm back, malleoli 6-9 mm back, the fifth metatarsal 10 mm back, the heel 5 mm
# lower, all against our first places. Bimalleolar breadth agrees with ANSUR II (Gordon et al. 2014) to a centimetre.
# Thigh and shank clusters sit anywhere by convention: OpenCap's places. Pelvis landmarks are drawn in pelvis.py.
_MIDLINE_MARKERS = (Point("C7_study", "torso", (-0.0790, 0.4240, 0.0)),)
_RIGHT_MARKERS = (
    Point("r_shoulder_study", "torso", (-0.0200, 0.4040, 0.1390)),
    Point("r.ASIS_study", "pelvis", (0.0220, 0.0070, 0.1250)),
    Point("r.PSIS_study", "pelvis", (-0.1600, 0.0290, 0.0480)),
    Point("r_knee_study", "femur_r", (0.0060, -0.4040, 0.0590)),
    Point("r_mknee_study", "femur_r", (0.0080, -0.4050, -0.0590)),
    Point("r_ankle_study", "tibia_r", (-0.0290, -0.3880, 0.0450)),
    Point("r_mankle_study", "tibia_r", (-0.0080, -0.3720, -0.0380)),
    Point("r_calc_study", "calcn_r", (-0.0250, 0.0190, -0.0100)),
    Point("r_toe_study", "calcn_r", (0.1780, 0.0210, 0.0140)),
    Point("r_5meta_study", "calcn_r", (0.1300, 0.0010, 0.0650)),
    Point("r_thigh1_study", "femur_r", (0.090, -0.150, 0.070)),
    Point("r_thigh2_study", "femur_r", (0.055, -0.250, 0.085)),
    Point("r_thigh3_study", "femur_r", (-0.020, -0.140, 0.100)),
    Point("r_sh1_study", "tibia_r", (0.000, -0.115, 0.070)),
    Point("r_sh2_study", "tibia_r", (0.026, -0.230, 0.080)),
    Point("r_sh3_study", "tibia_r", (-0.050, -0.220, 0.080)),
    Point("RHJC_study", "pelvis", (-0.056276, -0.07849, 0.07726)),
)

# Epicondyles and styloid processes, for the arms' own models: midpoints of OpenCap's generic places, breadths of bone
# of the Phantom (Ross & Wilson 1974: humerus 64.8 mm, wrist 52.1 mm at 1.70 m) and two marker radii, at the wrist less
# because markers sit on its back (a lab subject of 1.68 m has 68-80 and 50-52 mm between marker centers).
_RIGHT_ARM_MARKERS = (
    Point("r_lelbow_study", "humerus_r", (0.0160, -0.2810, 0.0330)),
    Point("r_melbow_study", "humerus_r", (0.0040, -0.2860, -0.0440)),
    Point("r_lwrist_study", "radius_r", (-0.0020, -0.2250, 0.0425)),
    Point("r_mwrist_study", "radius_r", (-0.0200, -0.2250, -0.0145)),
)

# Where pose detectors see their keypoints: OpenCap's generic places for OpenPose, moved half the way to where its
# HRNet keypoints lie in a scaled model (OpenCap session, MIT licence); detector.py moves them on, per person. The knee
# stays at its joint center: 5 mm in front of and above it, a thigh grew by 11 mm as it bent; real ones shorten.
_MIDLINE_KEYPOINTS = (Point("Neck", "torso", (0.0, 0.3680, 0.0)), Point("midHip", "pelvis", (-0.0200, -0.0740, 0.0)))
_RIGHT_KEYPOINTS = (
    Point("RShoulder", "torso", (0.0000, 0.3680, 0.1660)),
    Point("RHip", "pelvis", (-0.0200, -0.0740, 0.0930)),
    Point("RKnee", "tibia_r", (-0.0080, -0.0035, 0.0020)),
    Point("RAnkle", "tibia_r", (-0.0120, -0.3800, 0.0050)),
    Point("RHeel", "calcn_r", (0.0100, 0.0100, -0.0190)),
    Point("RSmallToe", "calcn_r", (0.1910, 0.0000, 0.0390)),
    Point("RBigToe", "calcn_r", (0.2200, 0.0010, -0.0110)),
    Point("RElbow", "humerus_r", (0.0180, -0.2850, -0.0080)),
    Point("RWrist", "hand_r", (0.0, 0.0, 0.0)),
)


def other_side(name: str) -> str:
    """Name of the same body, joint or coordinate on the other side; its own in the middle."""
    return name[:-2] + {"_r": "_l", "_l": "_r"}.get(name[-2:], name[-2:])


def _flip(vector: Vec3) -> Vec3:
    """Mirror image of a place in the plane Z = 0."""
    return vector[0], vector[1], -vector[2]


def _flip_turn(vector: Vec3) -> Vec3:
    """Mirror image of an axis of rotation, or of small angles."""
    return -vector[0], -vector[1], vector[2]


def _left_joint(joint: Joint) -> Joint:
    return replace(
        joint,
        name=other_side(joint.name),
        parent=other_side(joint.parent),
        child=other_side(joint.child),
        offset=_flip(joint.offset),
        child_offset=_flip(joint.child_offset),
        orientation=_flip_turn(joint.orientation),
        rotations=tuple(Axis(_flip_turn(a.axis), other_side(a.coordinate), a.coefficients) for a in joint.rotations),
        translations=tuple(Axis(_flip(a.axis), other_side(a.coordinate), a.coefficients) for a in joint.translations),
    )


def _both_sides(midline: tuple[Point, ...], right: tuple[Point, ...]) -> tuple[Point, ...]:
    pairs = ((p, Point(LANDMARKS[p.name].partner, other_side(p.body), _flip(p.offset))) for p in right)
    return midline + tuple(point for pair in pairs for point in pair)


BODIES: tuple[Body, ...] = (
    *_MIDLINE_BODIES,
    *_RIGHT_BODIES,
    *(Body(other_side(b.name), b.mass_kg, _flip(b.mass_center), b.inertia) for b in _RIGHT_BODIES),
)
JOINTS: tuple[Joint, ...] = (*_MIDLINE_JOINTS, *_RIGHT_JOINTS, *(_left_joint(j) for j in _RIGHT_JOINTS))
COORDINATES: tuple[Coordinate, ...] = (
    *_MIDLINE_COORDINATES,
    *_RIGHT_COORDINATES,
    *(c._replace(name=other_side(c.name)) for c in _RIGHT_COORDINATES),
)
MARKERS: tuple[Point, ...] = _both_sides(_MIDLINE_MARKERS, _RIGHT_MARKERS)
KEYPOINTS: tuple[Point, ...] = _both_sides(_MIDLINE_KEYPOINTS, _RIGHT_KEYPOINTS)
ARM_MARKERS: tuple[Point, ...] = _both_sides((), _RIGHT_ARM_MARKERS)
POINTS: tuple[Point, ...] = (*MARKERS, *KEYPOINTS, *ARM_MARKERS)

BODY_INDEX = {body.name: k for k, body in enumerate(BODIES)}
JOINT_INDEX = {joint.name: k for k, joint in enumerate(JOINTS)}
COORDINATE_INDEX = {coordinate.name: k for k, coordinate in enumerate(COORDINATES)}
POINT_INDEX = {point.name: k for k, point in enumerate(POINTS)}
