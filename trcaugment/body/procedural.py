"""Motions of every activity: from the statistical model, from cycles, key poses and at random; feet on the ground."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from trcaugment.body.cycles import CYCLES
from trcaugment.body.floor import keep_apart, plant_feet
from trcaugment.body.key_poses import KEY_POSES, SOLE_ON_FLOOR, Key, Pose, Rng
from trcaugment.body.motion_model import motion_models
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.markers import RATE_HZ, FloatArray

# Relative frequency of each activity: higher for what people record often and what varies most.
ACTIVITIES: dict[str, float] = {
    "walk": 4.0,
    "run": 2.0,
    "sit_to_stand": 2.0,
    "squat": 2.0,
    "lunge": 1.5,
    "side_lunge": 1.0,
    "hurdle_step": 1.0,
    "leg_raise": 1.0,
    "stand": 1.5,
    "jump": 1.0,
    "bend": 1.0,
    "reach": 1.0,
    "leg_swing": 1.0,
    "calf_raise": 0.5,
    "stairs": 1.0,
    "pedal": 0.5,
    "kneel": 0.5,
    "lie": 1.0,
    "random": 1.0,
}
_BOTH_FEET_STAY = ("sit_to_stand", "squat", "stand", "bend", "reach", "calf_raise")
_ARM = ("arm_flex", "arm_add", "arm_rot", "elbow_flex")


def make_motion(activity: str, rng: Rng) -> FloatArray:
    """Generate one trial of 1 to 15 s of a new person.

    Args:
        activity: one of `ACTIVITIES`.
        rng: source of all randomness.

    Returns:
        Values of all coordinates in rad or m at 60 Hz, feet on the ground, (n_frames, n_coordinates).
    """
    motion = _of_model(activity, rng) if activity in motion_models() else np.deg2rad(_procedural(activity, rng))
    return plant_feet(keep_apart(motion) if activity in _BOTH_FEET_STAY else motion)


def _procedural(activity: str, rng: Rng) -> FloatArray:
    """A motion in degrees, pelvis at the origin, (n_frames, n_coordinates)."""
    if activity in CYCLES:
        motion = CYCLES[activity](rng)
    elif activity == "random":
        motion = _random_motion(rng)
    else:
        motion = _through(KEY_POSES[activity](rng), rng)
    return motion + _tremble(len(motion), rng)


def _of_model(activity: str, rng: Rng) -> FloatArray:
    """A motion of the statistical model, clipped to the joints' ranges; random still arms where the model has none."""
    model = motion_models()[activity]
    motion = model.draw(rng, rng.uniform(4, 8))
    if "arm_flex_r" not in model.coordinates:
        held = np.deg2rad([rng.uniform(0, 100), rng.uniform(-50, 0), rng.uniform(-60, 30), rng.uniform(5, 130)])
        for side in "rl":
            motion[:, [COORDINATE_INDEX[f"{name}_{side}"] for name in _ARM]] = held * rng.normal(1, 0.1, 4)
    low, high = (np.array([getattr(c, end) for c in COORDINATES]) for end in ("low", "high"))
    low[3:6], high[3:6] = -np.inf, np.inf
    return np.clip(motion, low - 0.1, high + 0.1)


def _through(keys: list[Key], rng: Rng) -> FloatArray:
    """Motion through key poses, with small differences between the sides.

    It is linear in the poses, so a foot that is flat in two poses stays flat between them.
    """
    asymmetry = rng.normal(0, 2.0, len(COORDINATES))
    asymmetry[:6] = 0.0
    pitch = rng.normal(-3, 4) + rng.normal(0, 1.5, 2)
    poses = np.array([_pose_vector(pose, asymmetry, pitch) for _, pose in keys])
    time_s = np.cumsum([duration for duration, _ in keys])
    frames = np.arange(time_s[0], time_s[-1], 1 / RATE_HZ)
    motion = np.column_stack([np.interp(frames, time_s, column) for column in poses.T])
    # Smoothed so that limbs start and stop gradually.
    return np.asarray(gaussian_filter1d(motion, rng.uniform(3.5, 7.0), axis=0, mode="nearest"))


def _pose_vector(pose: Pose, asymmetry: FloatArray, pitch: FloatArray) -> FloatArray:
    """All coordinates of a pose in degrees, (n_coordinates); `pitch` (right, left) is added to feet on the floor."""
    vector = np.zeros(len(COORDINATES))
    for name, angle_deg in pose.items():
        for full in (name, f"{name}_r", f"{name}_l"):
            if full in COORDINATE_INDEX:
                vector[COORDINATE_INDEX[full]] = angle_deg
    # An angle given for one side overrides that given for both.
    for name, angle_deg in pose.items():
        if name in COORDINATE_INDEX:
            vector[COORDINATE_INDEX[name]] = angle_deg
    vector += asymmetry
    for side, own in zip("rl", pitch, strict=True):
        wanted = pose.get(f"{SOLE_ON_FLOOR}_{side}", pose.get(SOLE_ON_FLOOR))
        if wanted is not None:
            knee, ankle = (vector[COORDINATE_INDEX[f"{name}_{side}"]] for name in ("knee_angle", "ankle_angle"))
            hip = knee - ankle - vector[COORDINATE_INDEX["pelvis_tilt"]] + wanted + own
            vector[COORDINATE_INDEX[f"hip_flexion_{side}"]] = hip
    return vector


def _random_motion(rng: Rng) -> FloatArray:
    """Smooth random movements of all joints within their ranges, in degrees."""
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
    """Small slow random changes in degrees, so that no two repetitions are alike."""
    slow = gaussian_filter1d(rng.standard_normal((n_frames, len(COORDINATES))), 20.0, axis=0, mode="nearest")
    slow *= rng.uniform(0.3, 1.5) / max(float(slow.std()), 1e-9)
    slow[:, 3:6] = 0.0
    return np.asarray(slow)
