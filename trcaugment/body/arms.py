"""Arms of generated people: their lengths and widths, and postures and movements of both arms.

Only windows with the keypoints of the arms use this; the windows of other models are drawn as if it did not exist.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from trcaugment.body.kinematics import BodySizes
from trcaugment.body.skeleton import BODY_INDEX, COORDINATE_INDEX, COORDINATES, JOINTS, POINT_INDEX, POINTS
from trcaugment.marker_sets import ARM_MARKERS, SIDES

# Standard deviations between people of one height, relative to the mean, of the Phantom (Ross & Wilson 1974, "A
# stratagem for proportional growth assessment": acromiale-radiale 32.53 (1.77) cm, radiale-stylion 24.57 (1.37),
# biepicondylar humerus 6.48 (0.35), wrist 5.21 (0.28)). Of the lengths' 5.4 and 5.6 %, `population.py` draws 3.5.
_LENGTH_SPREAD = {("humerus",): 0.041, ("ulna", "radius", "hand"): 0.043}
_WIDTH_SPREAD = {"elbow": 0.054, "wrist": 0.054}

_ARM = ("arm_flex", "arm_add", "arm_rot", "elbow_flex", "pro_sup")


class _Pose(NamedTuple):
    """A posture of one arm.

    Attributes:
        weight: relative frequency.
        mean_deg: mean of `_ARM` in degrees.
        spread_deg: their standard deviations.
    """

    weight: float
    mean_deg: tuple[float, float, float, float, float]
    spread_deg: tuple[float, float, float, float, float]


# Our choice. Forearms of people who stand at ease are pronated beyond the middle (90 degrees here).
_POSES = {
    "hanging": _Pose(4.0, (0, -10, 0, 18, 100), (10, 7, 15, 10, 22)),
    "elbow bent": _Pose(2.0, (12, -10, 10, 85, 95), (15, 8, 22, 20, 22)),
    "reaching": _Pose(2.5, (80, -8, 0, 25, 95), (22, 16, 25, 20, 25)),
    "raised": _Pose(2.0, (150, -12, 0, 20, 85), (20, 12, 30, 18, 25)),
    "out to the side": _Pose(1.5, (0, -80, 0, 15, 95), (14, 18, 35, 14, 25)),
    "hand on hip": _Pose(1.5, (-12, -42, 45, 100, 100), (10, 9, 14, 12, 15)),
    "crossed": _Pose(1.5, (25, 0, 55, 98, 90), (9, 7, 12, 12, 18)),
    "hand at head": _Pose(1.0, (95, -50, -10, 125, 85), (20, 20, 20, 12, 22)),
    "behind the back": _Pose(0.5, (-32, -15, 60, 65, 95), (9, 9, 14, 18, 18)),
    "anywhere": _Pose(2.0, (50, -40, 5, 60, 90), (60, 40, 40, 40, 30)),
}
_POSED = 0.65  # share of windows whose arms take these postures; the others keep the motion's own arms
_ALIKE = 0.6  # share in which both arms take the same one
_STAYS = 0.45  # share of arms that stay in a posture


def vary_arms(sizes: BodySizes, placement_m: float, generator: torch.Generator) -> BodySizes:
    """People whose arms vary in length and in width at elbow and wrist as real ones do.

    Args:
        sizes: n people.
        placement_m: standard deviation of the placement of arm markers along every axis, in m.
        generator: source of all randomness.
    """
    n = len(sizes.scale)

    def factor(spread: float) -> Tensor:
        return 1 + spread * torch.randn(n, 1, 1, generator=generator).clamp(-2.5, 2.5)

    scale, offsets, points = sizes.scale.clone(), sizes.joint_offsets.clone(), sizes.points.clone()
    for names, spread in _LENGTH_SPREAD.items():
        bodies, longer = [f"{name}_{side}" for name in names for side in "rl"], factor(spread)
        scale[:, [BODY_INDEX[name] for name in bodies]] *= longer
        offsets[:, [k for k, joint in enumerate(JOINTS) if joint.parent in bodies]] *= longer
        points[:, [k for k, point in enumerate(POINTS) if point.body in bodies]] *= longer
    for joint, spread in _WIDTH_SPREAD.items():
        wider = factor(spread)
        for side in SIDES:
            pair = [POINT_INDEX[ARM_MARKERS.named(f"{end}{joint}", side)] for end in "lm"]
            middle = points[:, pair].mean(dim=1, keepdim=True)
            points[:, pair] = middle + wider * (points[:, pair] - middle)
    on_arms = [POINT_INDEX[name] for name in ARM_MARKERS]
    points[:, on_arms] += placement_m * torch.randn(n, len(on_arms), 3, generator=generator)
    return replace(sizes, scale=scale, joint_offsets=offsets, points=points)


def move_arms(coordinates: Tensor, generator: torch.Generator) -> Tensor:
    """Windows in most of which both arms take other postures, or move from one to another; all forearms turn.

    Args:
        coordinates: values of all coordinates in rad or m, (n, n_frames, n_coordinates).
        generator: source of all randomness.
    """
    n, n_frames, _ = coordinates.shape
    moved = coordinates.clone()
    posed = torch.rand(n, 1, 1, generator=generator) < _POSED
    alike = torch.rand(n, generator=generator) < _ALIKE
    shared = _choose(n, generator), _choose(n, generator)
    for side in "rl":
        first, last = (_postures(torch.where(alike, both, _choose(n, generator)), generator) for both in shared)
        path = _between(first, last, n_frames, generator) + _wave(n, n_frames, generator)
        index = [COORDINATE_INDEX[f"{name}_{side}"] for name in _ARM]
        # Recorded and generated motions say nothing of the forearm's own turn: it is drawn for all.
        kept = torch.cat([coordinates[..., index[:-1]], path[..., -1:]], dim=-1)
        low, high = (coordinates.new_tensor([getattr(COORDINATES[k], end) for k in index]) for end in ("low", "high"))
        moved[..., index] = torch.where(posed, path, kept).clamp(low - 0.1, high + 0.1)
    return moved


def _choose(n: int, generator: torch.Generator) -> Tensor:
    """Indices of postures, (n,)."""
    weight = torch.tensor([pose.weight for pose in _POSES.values()])
    return torch.multinomial(weight, n, replacement=True, generator=generator)


def _postures(kinds: Tensor, generator: torch.Generator) -> Tensor:
    """Angles of postures in rad, (n, 1, 5)."""
    mean, spread = (
        torch.deg2rad(torch.tensor([getattr(pose, name) for pose in _POSES.values()], dtype=torch.float32))
        for name in ("mean_deg", "spread_deg")
    )
    drawn: Tensor = mean[kinds] + spread[kinds] * torch.randn(len(kinds), len(_ARM), generator=generator)
    return drawn[:, None]


def _between(first: Tensor, second: Tensor, n_frames: int, generator: torch.Generator) -> Tensor:
    """From one posture to another in 0.25 to 1.2 s, of which the window may show a part, (n, n_frames, 5)."""
    n = len(first)
    length = 15 + 57 * torch.rand(n, 1, generator=generator)
    start = -length + (n_frames + length) * torch.rand(n, 1, generator=generator)
    stays = torch.rand(n, 1, generator=generator) < _STAYS
    share = ((torch.arange(n_frames) - start) / length).clamp(0, 1) * ~stays
    # Minimum-jerk movement (Flash & Hogan 1985, J Neurosci 5:1688).
    share = share**3 * (10 - 15 * share + 6 * share**2)
    return first + share[..., None] * (second - first)


def _wave(n: int, n_frames: int, generator: torch.Generator) -> Tensor:
    """Small swinging of up to 2 Hz on top of a posture, in rad, (n, n_frames, 5)."""
    size = math.radians(12) * torch.rand(n, 1, 1, generator=generator) ** 2
    size = size * torch.randn(n, 1, len(_ARM), generator=generator)
    phase = 2 * math.pi * torch.rand(n, 1, len(_ARM), generator=generator)
    turns = (0.3 + 1.7 * torch.rand(n, 1, 1, generator=generator)) * torch.arange(n_frames)[:, None] / 60
    return size * torch.sin(2 * math.pi * turns + phase)
