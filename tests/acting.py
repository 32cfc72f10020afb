"""Motions of the average adult as keypoints: what several tests plant faults in."""

import numpy as np
import torch

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import Markers
from trcaugment.subject import Subject

N_FRAMES = 240
TIME_S = np.arange(N_FRAMES) / 60
ADULT = Subject(GENERIC_HEIGHT_M, 70)


def act(activity):
    """True keypoints of a procedural motion in m, (240, 15, 3)."""
    motion = make_motion(activity, np.random.default_rng(3))
    motion = np.pad(motion, ((0, max(N_FRAMES - len(motion), 0)), (0, 0)), mode="reflect")[:N_FRAMES]
    points = [POINT_INDEX[name] for name in KEYPOINTS]
    return forward_kinematics(average_adult(), torch.from_numpy(motion)[None], points)[0].double().numpy()


def noisy(positions, noise_m):
    return positions + noise_m * np.random.default_rng(4).standard_normal(positions.shape)


def trial(positions, time_s=TIME_S):
    return Markers(KEYPOINTS.names, positions, time_s)
