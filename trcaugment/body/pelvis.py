"""Places pelvis markers and hip joint centers: landmarks are drawn, joint centers regressed from them.

Sources: Harrington et al. 2007 (doi 10.1016/j.jbiomech.2006.02.003) for the joint centers; Mantovani et al. 2016
(Gait & Posture 44:48-54) for skin over the ASIS (9.7 mm) and PSIS (19.6 mm) and for what remains of Harrington's
regression (12.3 ± 5.9 mm in space, their mean error in it). A marker's radius is 7 mm. Depth (137-258 mm), breadth
and posterior width (70-127 mm) of the pelvis are those of nine adults of seven laboratories (mean ± SD without the
heaviest: 182 ± 24, 252 ± 18, 102 ± 21 mm), and of eight children of another (194-236 mm wide at 1.33-1.60 m, about in
proportion to height).
"""

from __future__ import annotations

import torch
from torch import Tensor

from trcaugment.body.draws import Draw
from trcaugment.body.kinematics import BodySizes
from trcaugment.body.skeleton import GENERIC_HEIGHT_M, JOINT_INDEX, POINT_INDEX

_RADIUS_M, _SKIN_FRONT_M, _SKIN_BACK_M = 0.007, 0.0097, 0.0196
_RESIDUAL_M = 0.006  # standard deviation along each axis
_FULL_GROWN_M = 1.60  # below this height, pelvic width is proportional to height


def place_pelvis(draw: Draw, sizes: BodySizes, fat: Tensor) -> BodySizes:
    """Place pelvis landmarks and hip joint centers of n people; they do not follow the segments' scale factors.

    `fat`, the body mass index above the usual one in kg/m², (n,), moves the markers outward and forward. Joint centers
    follow the bones beneath.
    """
    points, joint_offsets = sizes.points.clone(), sizes.joint_offsets.clone()
    size = (sizes.height_m / GENERIC_HEIGHT_M).sqrt() * (sizes.height_m / _FULL_GROWN_M).clamp(max=1).sqrt()
    half_breadth = 0.125 * size + draw.normal(0.0, 0.009)
    forward, up = draw.normal(0.022, 0.008), draw.normal(0.007, 0.009)
    back, back_up = draw.normal(-0.169, 0.018) * size, draw.normal(0.031, 0.010)
    back_half = draw.normal(0.049, 0.0095) * size
    asis = torch.stack([forward + 0.0009 * fat, up, half_breadth + 0.0008 * fat], dim=1)
    psis = torch.stack([back - 0.0003 * fat, back_up, back_half], dim=1)
    front = torch.stack([forward, up, half_breadth], dim=1)
    hip = _hip_joint_center(draw, front, torch.stack([back, back_up, back_half], dim=1))
    # Detectors see the hips lateral of the joint centers: 17 mm in OpenCap's marker set, 22 mm in its HRNet session.
    seen = points[:, POINT_INDEX["RHip"]].clone()
    seen[:, 2] = hip[:, 2] + 0.019 * size
    for side, names in ((1.0, ("r.ASIS", "r.PSIS", "RHJC", "RHip")), (-1.0, ("L.ASIS", "L.PSIS", "LHJC", "LHip"))):
        mirror = torch.tensor([1.0, 1.0, side]).to(asis)
        for name, place in zip(names, (asis, psis, hip, seen), strict=True):
            points[:, POINT_INDEX[name if name.endswith("Hip") else f"{name}_study"]] = place * mirror
        joint_offsets[:, JOINT_INDEX["hip_r" if side > 0 else "hip_l"]] = hip * mirror
    return BodySizes(sizes.scale, joint_offsets, points, sizes.shifts, sizes.height_m, sizes.mass_kg)


def _hip_joint_center(draw: Draw, asis: Tensor, psis: Tensor) -> Tensor:
    """Hip joint centers by Harrington's regression in the plane of the pelvis markers, (n, 3) in m.

    Takes ASIS and PSIS of the right side of lean people, (n, 3) in m. From the midpoint of the ASIS: 0.24 of pelvic
    depth + 9.9 mm back, 0.30 of pelvic width + 10.9 mm down, 0.28 of depth + 0.16 of width + 7.9 mm out, all between
    bones.
    """
    flat = torch.tensor([1.0, 1.0, 0.0]).to(asis)
    ahead = (asis - psis) * flat
    depth = ahead.norm(dim=-1)
    ahead = ahead / depth[:, None]
    above = torch.stack([-ahead[:, 1], ahead[:, 0], torch.zeros_like(depth)], dim=1)
    depth, width = depth - 2 * _RADIUS_M - _SKIN_FRONT_M - _SKIN_BACK_M, 2 * asis[:, 2]
    behind = 0.24 * depth + 0.0099 + _SKIN_FRONT_M + _RADIUS_M + draw.normal(0.0, _RESIDUAL_M)
    below = 0.30 * width + 0.0109 + _RADIUS_M + draw.normal(0.0, _RESIDUAL_M)
    out = 0.28 * depth + 0.16 * width + 0.0079 + draw.normal(0.0, _RESIDUAL_M)
    hip: Tensor = asis * flat - behind[:, None] * ahead - below[:, None] * above
    hip[:, 2] = out
    return hip
