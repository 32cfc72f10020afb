"""People of known sizes, and the markers that they carry as they move by known angles."""

from dataclasses import replace

import numpy as np
import torch

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import BODIES, BODY_INDEX, COORDINATES, JOINTS, MARKERS, POINT_INDEX, POINTS
from trcaugment.markers import Markers

NAMES = tuple(point.name for point in MARKERS)
STILL = ("arm_", "elbow", "pro_sup", "mtp")  # what no marker shows
LIMBS = (("femur",), ("tibia",), ("talus", "calcn", "toes"))


def grown(factors):
    """The average adult with every segment scaled, joints and markers too."""
    adult = average_adult()
    size = torch.from_numpy(factors)[None]
    with_ground = torch.cat([size, torch.ones_like(size[:, :1])], dim=1)
    parents = [BODY_INDEX.get(joint.parent, -1) for joint in JOINTS]
    carriers = [BODY_INDEX[point.body] for point in POINTS]
    return replace(
        adult,
        scale=adult.scale * size,
        joint_offsets=adult.joint_offsets * with_ground[:, parents],
        points=adult.points * size[:, carriers],
        shifts=adult.shifts * 0,
    )


def draw_factors(rng):
    """Pelvis and trunk of any proportions, limbs of any length, 3 % apart at most, (n_bodies, 3)."""
    factors = np.ones((len(BODIES), 3))
    for name in ("pelvis", "torso"):
        factors[BODY_INDEX[name]] = rng.uniform(0.88, 1.15, 3)
    for names in LIMBS:
        size = rng.uniform(0.88, 1.15)
        for side in "rl":
            own = size * rng.uniform(0.985, 1.015)
            for name in names:
                factors[BODY_INDEX[f"{name}_{side}"]] = own
    return factors


def move(sizes, activity, rng, n_frames):
    """A motion, and the markers of a person who moves so."""
    motion = make_motion(activity, rng)[:n_frames]
    for k, coordinate in enumerate(COORDINATES):
        if coordinate.name.startswith(STILL):
            motion[:, k] = 0.0
    points = [POINT_INDEX[name] for name in NAMES]
    positions = forward_kinematics(sizes, torch.from_numpy(motion)[None], points)[0].numpy()
    return motion, Markers(NAMES, positions, np.arange(len(motion)) / 60)
