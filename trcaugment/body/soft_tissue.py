"""How markers and keypoints slide over the bones as joints bend.

Skin moves over bones (lateral knee and pelvis markers by a centimetre and more; Leardini et al. 2005, doi
10.1016/j.gaitpost.2004.05.002), shoulders follow the arms, a rounded back is no rigid trunk, and detectors see the
hip of a bent body in its crease. A place moves in proportion to the angle of one joint, from where it is in standing.

Sizes of the skin's: on people who bend beyond 70 degrees the optical distance from hip joint center to lateral knee
marker shortens by 20-39 mm and from there to the lateral ankle by 17-28 mm. Two thirds of the first is the pelvis
markers' doing: the skin over ASIS and PSIS stays behind as the hip bends, the pelvis that they show tilts back by 5-6
degrees in a right angle, and the regressed joint center moves 10 mm forward with it (6-17 mm on three people of
OpenCap's laboratory). Skin at the thigh moves by 20-30 mm in such movements, at the epicondyles and malleoli by 10-20
(Peters et al. 2010, doi 10.1016/j.gaitpost.2009.09.004; Camomilla et al. 2017, J Biomech 62:1-4). Means and spreads
of keypoints are ours; they bracket OpenCap and HRNet recordings of squats and bending, in which thigh and trunk
become 3-5 % of height shorter than in a rigid body, the foot longer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from trcaugment.body.skeleton import COORDINATE_INDEX, POINT_INDEX, POINTS, Vec3, other_side
from trcaugment.marker_sets import ANATOMICAL_MARKERS, LANDMARKS, SIDES

_MOST = 1.4  # right angles; nothing slides on for ever


class Slide(NamedTuple):
    """One place that moves with one joint.

    Attributes:
        point: marker or keypoint (the right one; the left one mirrors it).
        coordinate: angle that moves it.
        mean_m: how far it moves in its body per right angle, of all people, in m at 1.70 m.
        spread_m: standard deviation between people.
    """

    point: str
    coordinate: str
    mean_m: Vec3
    spread_m: Vec3


_SKIN = (
    Slide("r_knee_study", "knee_angle_r", (-0.014, 0.003, 0.002), (0.006, 0.006, 0.003)),
    Slide("r_mknee_study", "knee_angle_r", (-0.012, 0.003, 0.000), (0.006, 0.006, 0.003)),
    Slide("r_knee_study", "hip_flexion_r", (0.000, 0.008, 0.000), (0.003, 0.006, 0.002)),
    Slide("r_mknee_study", "hip_flexion_r", (0.000, 0.008, 0.000), (0.003, 0.006, 0.002)),
    Slide("r_ankle_study", "knee_angle_r", (0.000, 0.005, 0.000), (0.003, 0.004, 0.002)),
    Slide("r_mankle_study", "knee_angle_r", (0.000, 0.003, 0.000), (0.003, 0.004, 0.002)),
    Slide("r_thigh1_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Slide("r_thigh2_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Slide("r_thigh3_study", "hip_flexion_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.008)),
    Slide("r.ASIS_study", "hip_flexion_r", (0.002, 0.006, 0.000), (0.006, 0.005, 0.004)),
    Slide("r.PSIS_study", "hip_flexion_r", (0.004, -0.013, 0.000), (0.006, 0.006, 0.003)),
    Slide("r_shoulder_study", "arm_flex_r", (0.010, 0.010, -0.008), (0.008, 0.008, 0.008)),
    Slide("C7_study", "lumbar_extension", (0.025, 0.012, 0.000), (0.015, 0.012, 0.002)),
)
_SEEN = (
    Slide("RHip", "hip_flexion_r", (0.035, 0.038, 0.000), (0.026, 0.026, 0.010)),
    Slide("RKnee", "knee_angle_r", (0.000, 0.000, 0.000), (0.010, 0.010, 0.006)),
    Slide("RAnkle", "knee_angle_r", (0.000, 0.000, 0.000), (0.007, 0.007, 0.004)),
    Slide("RHeel", "knee_angle_r", (-0.008, 0.000, 0.000), (0.008, 0.006, 0.004)),
    Slide("RBigToe", "knee_angle_r", (0.003, 0.000, 0.000), (0.007, 0.005, 0.004)),
    Slide("RSmallToe", "knee_angle_r", (0.003, 0.000, 0.000), (0.007, 0.005, 0.004)),
    Slide("RShoulder", "arm_flex_r", (0.014, 0.012, -0.008), (0.012, 0.012, 0.010)),
    Slide("RShoulder", "lumbar_extension", (0.000, 0.040, 0.000), (0.020, 0.020, 0.005)),
    Slide("Neck", "lumbar_extension", (0.000, 0.040, 0.000), (0.020, 0.020, 0.002)),
)
# Hip joint centers are regressed from the pelvis markers, so they turn with them: their place from the ASIS, turned a
# right angle backwards about the axis through both sides.
_PELVIS_DEPTH_M = 0.195
_TURNED = (0.086, -0.074, 0.0)
DRIVERS = tuple(
    sorted({name for slide in (*_SKIN, *_SEEN) for name in (slide.coordinate, other_side(slide.coordinate))})
)
_DRIVER_INDEX = [COORDINATE_INDEX[name] for name in DRIVERS]


def draw_skin_slides(n: int, generator: torch.Generator) -> Tensor:
    """How far the markers of n people slide per right angle of each driver, (n, n_drivers, n_points, 3) in m."""
    slides = _draw(_SKIN, n, generator)
    moved = torch.zeros(n, len(DRIVERS), 3)
    for side in SIDES:  # each side carries half of the pelvis frame
        asis, psis = (slides[:, :, POINT_INDEX[ANATOMICAL_MARKERS.named(part, side)]] for part in ("ASIS", "PSIS"))
        tilt = (asis[..., 1:2] - psis[..., 1:2]) / _PELVIS_DEPTH_M
        moved += 0.5 * (asis * torch.tensor([1.0, 1.0, 0.0]) + tilt * torch.tensor(_TURNED))
    for name in ("RHJC_study", "LHJC_study"):
        slides[:, :, POINT_INDEX[name]] = moved
    return slides


def draw_seen_slides(n: int, generator: torch.Generator) -> Tensor:
    """The same of the keypoints, as a detector in the field sees them."""
    return _draw(_SEEN, n, generator)


def _draw(slides: tuple[Slide, ...], n: int, generator: torch.Generator) -> Tensor:
    drawn = torch.zeros(n, len(DRIVERS), len(POINTS), 3)
    for slide in slides:
        mean, spread = torch.tensor(slide.mean_m), torch.tensor(slide.spread_m)
        person = torch.randn(n, 3, generator=generator)
        for point, sign in {slide.point: 1.0, LANDMARKS[slide.point].partner: -1.0}.items():
            own = torch.randn(n, 3, generator=generator)
            # Both sides of a person are much alike.
            per_angle = (mean + spread * (0.9 * person + 0.45 * own)) * torch.tensor([1.0, 1.0, sign])
            coordinate = slide.coordinate if sign > 0 else other_side(slide.coordinate)
            drawn[:, DRIVERS.index(coordinate), POINT_INDEX[point]] = per_angle
    return drawn


def slid(slides: Tensor, coordinates: Tensor, points: list[int]) -> Tensor:
    """How far points have slid in every frame.

    Args:
        slides: per right angle of every driver, (n, n_drivers, n_points, 3) in m.
        coordinates: values of all coordinates in rad or m, (n, n_frames, n_coordinates).
        points: indices into `skeleton.POINTS` of the points wanted.

    Returns:
        In the points' bodies, (n, n_frames, len(points), 3) in m.
    """
    right_angles = (coordinates[..., _DRIVER_INDEX] / (math.pi / 2)).clamp(-_MOST, _MOST)
    return torch.einsum("ntd,ndpk->ntpk", right_angles, slides[:, :, points])
