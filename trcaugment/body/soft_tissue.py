"""Soft-tissue artifact: markers and keypoints shift on their body segments as joints bend.

A point shifts in proportion to the angle of one joint, starting from its place in standing. The shifts of skin markers
are soft-tissue artifact (review: Leardini et al. 2005, doi 10.1016/j.gaitpost.2004.05.002). Shoulder markers follow the
arms, C7 a rounded back, and detectors see the hip of a bent body in its crease.

Means of the skin markers were chosen with optical recordings of three people of OpenCap's laboratory (squats, sit to
stand, landings; bent beyond 70 degrees; training-data.md). There, the distance from hip joint center to lateral
knee marker shortens by 20-39 mm, and from there to the lateral ankle by 17-28 mm. Two thirds of the first come from the
pelvis markers: the skin over ASIS and PSIS stays behind as the hip bends, so the pelvis that they define tilts back by
5-6 degrees at a right angle, and the regressed hip joint center moves 10 mm forward with it (6-17 mm in the three
people). Spreads between people are our choice, at the thigh too, whose means are zero. So are means and spreads of
keypoints; they bracket OpenCap and HRNet recordings of squats and bending, in which thigh and trunk become 3-5 % of
height shorter than in a rigid body, and the foot longer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from trcaugment.body.skeleton import COORDINATE_INDEX, POINT_INDEX, POINTS, Vec3, other_side
from trcaugment.marker_sets import ANATOMICAL_MARKERS, LANDMARKS, SIDES

_MAX_RIGHT_ANGLES = 1.4  # beyond it, shifts stop growing


class Shift(NamedTuple):
    """The shift of one point with one joint angle.

    Attributes:
        point: marker or keypoint (the right one; the left one mirrors it).
        coordinate: the joint angle.
        mean_m: mean shift per right angle in the axes of the point's body, in m for a height of 1.70 m.
        spread_m: standard deviation between people.
    """

    point: str
    coordinate: str
    mean_m: Vec3
    spread_m: Vec3


_SKIN = (
    Shift("r_knee_study", "knee_angle_r", (-0.014, 0.003, 0.002), (0.006, 0.006, 0.003)),
    Shift("r_mknee_study", "knee_angle_r", (-0.012, 0.003, 0.000), (0.006, 0.006, 0.003)),
    Shift("r_knee_study", "hip_flexion_r", (0.000, 0.008, 0.000), (0.003, 0.006, 0.002)),
    Shift("r_mknee_study", "hip_flexion_r", (0.000, 0.008, 0.000), (0.003, 0.006, 0.002)),
    Shift("r_ankle_study", "knee_angle_r", (0.000, 0.005, 0.000), (0.003, 0.004, 0.002)),
    Shift("r_mankle_study", "knee_angle_r", (0.000, 0.003, 0.000), (0.003, 0.004, 0.002)),
    Shift("r_thigh1_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Shift("r_thigh2_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Shift("r_thigh3_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Shift("r.ASIS_study", "hip_flexion_r", (0.002, 0.006, 0.000), (0.006, 0.005, 0.004)),
    Shift("r.PSIS_study", "hip_flexion_r", (0.004, -0.013, 0.000), (0.006, 0.006, 0.003)),
    Shift("r_shoulder_study", "arm_flex_r", (0.010, 0.010, -0.008), (0.008, 0.008, 0.008)),
    Shift("C7_study", "lumbar_extension", (0.025, 0.012, 0.000), (0.015, 0.012, 0.002)),
)
_KEYPOINTS = (
    Shift("RHip", "hip_flexion_r", (0.035, 0.038, 0.000), (0.026, 0.026, 0.010)),
    Shift("RKnee", "knee_angle_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.006)),
    Shift("RAnkle", "knee_angle_r", (0.000, 0.000, 0.000), (0.007, 0.007, 0.004)),
    Shift("RHeel", "knee_angle_r", (-0.008, 0.000, 0.000), (0.008, 0.006, 0.004)),
    Shift("RBigToe", "knee_angle_r", (0.003, 0.000, 0.000), (0.007, 0.005, 0.004)),
    Shift("RSmallToe", "knee_angle_r", (0.003, 0.000, 0.000), (0.007, 0.005, 0.004)),
    Shift("RShoulder", "arm_flex_r", (0.014, 0.012, -0.008), (0.012, 0.012, 0.010)),
    Shift("RShoulder", "lumbar_extension", (0.000, 0.040, 0.000), (0.020, 0.020, 0.005)),
    Shift("Neck", "lumbar_extension", (0.000, 0.040, 0.000), (0.020, 0.020, 0.002)),
)
# Hip joint centers are regressed from the pelvis markers, so they turn with them. `_HIP_PER_TILT` is how the center
# moves per radian of backward tilt: its place relative to the ASIS, turned backward by a right angle.
_PELVIS_DEPTH_M = 0.195
_HIP_PER_TILT = (0.086, -0.074, 0.0)
DRIVERS = tuple(
    sorted({name for shift in (*_SKIN, *_KEYPOINTS) for name in (shift.coordinate, other_side(shift.coordinate))})
)
_DRIVER_INDEX = [COORDINATE_INDEX[name] for name in DRIVERS]


def draw_skin_shifts(n: int, generator: torch.Generator) -> Tensor:
    """Draw the shifts of n people's markers per right angle of each of `DRIVERS`, (n, n_drivers, n_points, 3) in m."""
    shifts = _draw(_SKIN, n, generator)
    moved = torch.zeros(n, len(DRIVERS), 3)
    for side in SIDES:  # each side carries half of the pelvis frame
        asis, psis = (shifts[:, :, POINT_INDEX[ANATOMICAL_MARKERS.named(part, side)]] for part in ("ASIS", "PSIS"))
        tilt = (asis[..., 1:2] - psis[..., 1:2]) / _PELVIS_DEPTH_M
        moved += 0.5 * (asis * torch.tensor([1.0, 1.0, 0.0]) + tilt * torch.tensor(_HIP_PER_TILT))
    for name in ("RHJC_study", "LHJC_study"):
        shifts[:, :, POINT_INDEX[name]] = moved
    return shifts


def draw_keypoint_shifts(n: int, generator: torch.Generator) -> Tensor:
    """Draw the shifts of keypoints as for markers; sizes are those of a detector in the field."""
    return _draw(_KEYPOINTS, n, generator)


def _draw(shifts: tuple[Shift, ...], n: int, generator: torch.Generator) -> Tensor:
    drawn = torch.zeros(n, len(DRIVERS), len(POINTS), 3)
    for shift in shifts:
        mean, spread = torch.tensor(shift.mean_m), torch.tensor(shift.spread_m)
        person = torch.randn(n, 3, generator=generator)
        for point, sign in {shift.point: 1.0, LANDMARKS[shift.point].partner: -1.0}.items():
            own = torch.randn(n, 3, generator=generator)
            # The two sides of a person are similar.
            per_angle = (mean + spread * (0.9 * person + 0.45 * own)) * torch.tensor([1.0, 1.0, sign])
            coordinate = shift.coordinate if sign > 0 else other_side(shift.coordinate)
            drawn[:, DRIVERS.index(coordinate), POINT_INDEX[point]] = per_angle
    return drawn


def point_shifts(shifts: Tensor, coordinates: Tensor, points: list[int]) -> Tensor:
    """Shifts of points in every frame.

    Args:
        shifts: shifts per right angle of every driver, (n, n_drivers, n_points, 3) in m.
        coordinates: values of all coordinates in rad or m, (n, n_frames, n_coordinates).
        points: indices into `skeleton.POINTS` of the points wanted.

    Returns:
        Shifts in the axes of the points' bodies, (n, n_frames, len(points), 3) in m.
    """
    right_angles = (coordinates[..., _DRIVER_INDEX] / (math.pi / 2)).clamp(-_MAX_RIGHT_ANGLES, _MAX_RIGHT_ANGLES)
    return torch.einsum("ntd,ndpk->ntpk", right_angles, shifts[:, :, points])
