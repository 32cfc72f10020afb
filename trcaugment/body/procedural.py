"""Procedural motions of every activity: cycles, splines through key poses, and random movement, feet on the ground."""

from __future__ import annotations

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from trcaugment.body.cycles import CYCLES
from trcaugment.body.key_poses import KEY_POSES, Key, Pose, Rng
from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.motions import RATE_HZ
from trcaugment.body.skeleton import BODIES, COORDINATE_INDEX, COORDINATES, GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.marker_sets import KEYPOINTS, SIDES
from trcaugment.markers import FloatArray

ACTIVITIES = (*CYCLES, *KEY_POSES, "random")


def make_motion(activity: str, rng: Rng) -> FloatArray:
    """One procedural trial of 1 to 15 s.

    Args:
        activity: one of `ACTIVITIES`.
        rng: source of all randomness.

    Returns:
        Values of all coordinates in rad or m at 60 Hz, feet on the ground, (n_frames, n_coordinates).
    """
    if activity in CYCLES:
        motion = CYCLES[activity](rng)
    elif activity == "random":
        motion = _random_motion(rng)
    else:
        motion = _spline(KEY_POSES[activity](rng), rng)
    motion += _tremble(len(motion), rng)
    return plant_feet(np.deg2rad(motion))


def _spline(keys: list[Key], rng: Rng) -> FloatArray:
    """Smooth motion through key poses; both sides a little different."""
    time_s = np.cumsum([duration for duration, _ in keys])
    asymmetry = rng.normal(0, 3.0, len(COORDINATES))
    gain = rng.normal(1, 0.06, len(COORDINATES))
    poses = np.array([_pose_vector(pose) for _, pose in keys]) * gain + asymmetry
    poses[:, :6] -= asymmetry[:6]
    frames = np.arange(time_s[0], time_s[-1], 1 / RATE_HZ)
    motion: FloatArray = PchipInterpolator(time_s, poses)(frames)
    # Limbs start and stop smoothly: the corners of the spline's speed are rounded.
    return np.asarray(gaussian_filter1d(motion, rng.uniform(1.5, 5.0), axis=0, mode="nearest"))


def _pose_vector(pose: Pose) -> FloatArray:
    vector = np.zeros(len(COORDINATES))
    for name, angle_deg in pose.items():
        for full in (name, f"{name}_r", f"{name}_l"):
            if full in COORDINATE_INDEX:
                vector[COORDINATE_INDEX[full]] = angle_deg
    # One side named on its own wins over both sides named together.
    for name, angle_deg in pose.items():
        if name in COORDINATE_INDEX:
            vector[COORDINATE_INDEX[name]] = angle_deg
    return vector


def _random_motion(rng: Rng) -> FloatArray:
    """Smooth random movements of all joints inside their ranges."""
    n_frames = int(rng.uniform(4, 8) * RATE_HZ)
    smooth_frames = rng.uniform(10, 40)
    motion = gaussian_filter1d(rng.standard_normal((n_frames, len(COORDINATES))), smooth_frames, axis=0, mode="wrap")
    motion /= motion.std(axis=0)
    low = np.rad2deg([c.low if c.rotational else 0.0 for c in COORDINATES])
    high = np.rad2deg([c.high if c.rotational else 0.0 for c in COORDINATES])
    middle = 0.45 * (low + high) / 2
    spread = 0.22 * (high - low)
    motion = np.clip(middle + spread * motion, low, high)
    motion[:, :3] *= 0.3
    return np.asarray(motion)


def _tremble(n_frames: int, rng: Rng) -> FloatArray:
    """Small slow changes that no two repetitions share, in degrees."""
    slow = gaussian_filter1d(rng.standard_normal((n_frames, len(COORDINATES))), 20.0, axis=0, mode="nearest")
    slow *= rng.uniform(0.3, 2.0) / max(float(slow.std()), 1e-9)
    slow[:, 3:6] = 0.0
    return np.asarray(slow)


_GROUND_POINTS = [POINT_INDEX[KEYPOINTS.named(part, side)] for side in SIDES for part in ("Heel", "SmallToe", "BigToe")]


def plant_feet(motion: FloatArray) -> FloatArray:
    """Moves the pelvis so that the lowest foot point stands on the ground (Y = 0) and does not slide."""
    one = torch.ones(1, dtype=torch.float64)
    scale = torch.ones(1, len(BODIES), 3, dtype=torch.float64)
    sizes = BodySizes.from_scale(scale, one * GENERIC_HEIGHT_M, one * 75.0)
    planted = motion.copy()
    planted[:, 3:6] = 0.0
    feet = forward_kinematics(sizes, torch.from_numpy(planted)[None], _GROUND_POINTS)[0].numpy()
    lowest = feet[..., 1].argmin(axis=1)
    speed = np.diff(feet, axis=0)[np.arange(len(feet) - 1), lowest[1:]]
    planted[1:, [3, 5]] = -np.cumsum(speed[:, [0, 2]], axis=0)
    planted[:, 4] = -feet[..., 1].min(axis=1)
    planted[:, 3:6] = gaussian_filter1d(planted[:, 3:6], 2.0, axis=0, mode="nearest")
    return planted
