"""Procedural motions: splines through key poses, with random depths, durations and asymmetries.

Angles are in degrees here and nowhere else. Gait and running curves are rounded from Winter 2009 (Biomechanics and
Motor Control of Human Movement) and Novacheck 1998 (doi 10.1016/S0966-6362(97)00038-6); the other key poses are common
ranges of motion. Signs are those of the skeleton: flexion forward and dorsiflexion positive, trunk flexion and forward
pelvic tilt negative.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.motions import RATE_HZ
from trcaugment.body.skeleton import BODIES, COORDINATE_INDEX, COORDINATES, GENERIC_HEIGHT_M, POINT_INDEX

Rng = np.random.Generator
Array = NDArray[np.float64]
# Angles in degrees by coordinate; a name without side stands for both sides.
Pose = dict[str, float]
# Seconds from the key pose before, and the pose.
Key = tuple[float, Pose]

_PHASES = np.arange(0.0, 1.0, 0.1)
_WALK = {
    "hip_flexion": (30, 25, 15, 5, -5, -12, -4, 12, 26, 32),
    "hip_adduction": (0, 5, 5, 3, 2, -1, -5, -4, -2, -1),
    "hip_rotation": (2, 2, 0, -2, -3, -3, 0, 3, 3, 2),
    "knee_angle": (5, 15, 15, 8, 5, 10, 38, 60, 52, 20),
    "ankle_angle": (0, -5, 2, 7, 10, 8, -14, -8, 1, 2),
    "mtp_angle": (0, 0, 0, 0, 8, 22, 10, 0, 0, 0),
}
_RUN = {
    "hip_flexion": (36, 30, 15, -2, -10, 5, 30, 50, 54, 45),
    "hip_adduction": (3, 8, 7, 3, -2, -5, -5, -3, 0, 2),
    "hip_rotation": (0, 3, 3, 0, -3, -3, 0, 2, 2, 0),
    "knee_angle": (18, 40, 40, 22, 18, 50, 90, 102, 68, 26),
    "ankle_angle": (6, 18, 22, 2, -22, -14, -4, 2, 5, 6),
    "mtp_angle": (0, 0, 5, 25, 10, 0, 0, 0, 0, 0),
}
_STAIRS = {
    "hip_flexion": (62, 50, 35, 18, 8, 5, 20, 48, 66, 66),
    "hip_adduction": (0, 4, 4, 2, 0, -2, -4, -3, -1, 0),
    "hip_rotation": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    "knee_angle": (65, 50, 32, 15, 8, 15, 55, 90, 92, 75),
    "ankle_angle": (12, 16, 14, 8, 2, -15, -8, 8, 12, 12),
    "mtp_angle": (0, 0, 0, 0, 8, 20, 5, 0, 0, 0),
}
_PEDAL = {
    "hip_flexion": (72, 62, 48, 36, 29, 27, 35, 50, 65, 74),
    "hip_adduction": (0,) * 10,
    "hip_rotation": (0,) * 10,
    "knee_angle": (105, 88, 65, 45, 33, 32, 50, 78, 100, 110),
    "ankle_angle": (10, 8, 4, -2, -6, -8, -4, 2, 8, 10),
    "mtp_angle": (0,) * 10,
}


def _cyclic(curves: dict[str, tuple[float, ...]], period_s: float, trunk: Pose, rng: Rng) -> Array:
    """Steps of both legs half a period apart, with a swinging pelvis, trunk and arms, (n_frames, n_coordinates)."""
    n_frames = int(rng.uniform(5, 9) * RATE_HZ)
    phase = np.arange(n_frames) / RATE_HZ / period_s
    motion = np.zeros((n_frames, len(COORDINATES)))
    amplitude = rng.uniform(0.75, 1.25)
    for side, lag in (("r", 0.0), ("l", 0.5 + rng.normal(0, 0.015))):
        for name, values in curves.items():
            curve = np.array([*values, values[0]], float)
            curve = curve.mean() + amplitude * rng.normal(1, 0.08) * (curve - curve.mean()) + rng.normal(0, 2.0)
            spline = CubicSpline([*_PHASES, 1.0], np.r_[curve[:-1], curve[0]], bc_type="periodic")
            motion[:, COORDINATE_INDEX[f"{name}_{side}"]] = spline((phase + lag) % 1.0)
        swing = np.sin(2 * np.pi * (phase + lag - 0.3))
        motion[:, COORDINATE_INDEX[f"arm_flex_{side}"]] = trunk.get("arm_swing", 15.0) * swing
        motion[:, COORDINATE_INDEX[f"arm_add_{side}"]] = -8
        motion[:, COORDINATE_INDEX[f"elbow_flex_{side}"]] = trunk.get("elbow", 20.0) + 8 * swing
    turn = trunk.get("turn", 5.0) * rng.uniform(0.6, 1.4)
    motion[:, COORDINATE_INDEX["pelvis_tilt"]] = trunk.get("tilt", -5.0) + 1.5 * np.sin(4 * np.pi * phase)
    motion[:, COORDINATE_INDEX["pelvis_list"]] = trunk.get("list", 4.0) * np.sin(2 * np.pi * (phase - 0.05))
    motion[:, COORDINATE_INDEX["pelvis_rotation"]] = turn * np.cos(2 * np.pi * phase)
    motion[:, COORDINATE_INDEX["lumbar_rotation"]] = -1.6 * turn * np.cos(2 * np.pi * phase)
    motion[:, COORDINATE_INDEX["lumbar_bending"]] = -trunk.get("list", 4.0) * np.sin(2 * np.pi * (phase - 0.05))
    motion[:, COORDINATE_INDEX["lumbar_extension"]] = trunk.get("lumbar", -8.0) + rng.normal(0, 4)
    return motion


def _walk(rng: Rng) -> Array:
    return _cyclic(_WALK, rng.uniform(0.9, 1.5), {}, rng)


def _run(rng: Rng) -> Array:
    return _cyclic(_RUN, rng.uniform(0.6, 0.8), {"tilt": -12, "turn": 9, "arm_swing": 35, "elbow": 90}, rng)


def _stairs(rng: Rng) -> Array:
    return _cyclic(_STAIRS, rng.uniform(1.0, 1.6), {"tilt": -10, "lumbar": -12}, rng)


def _pedal(rng: Rng) -> Array:
    lean = rng.uniform(-50, -10)
    return _cyclic(_PEDAL, rng.uniform(0.6, 1.2), {"tilt": 0.5 * lean, "lumbar": 0.5 * lean, "turn": 1, "list": 1}, rng)


_STAND: Pose = {"arm_add": -8.0, "elbow_flex": 15.0, "pelvis_tilt": -3.0, "hip_flexion": 3.0, "knee_angle": 2.0}


def _squat(rng: Rng) -> list[Key]:
    knee = rng.uniform(50, 130)
    lean = rng.uniform(15, 55)
    low: Pose = {
        "knee_angle": knee,
        "hip_flexion": knee * rng.uniform(0.75, 1.0),
        "ankle_angle": knee * rng.uniform(0.15, 0.3),
        "pelvis_tilt": -lean * rng.uniform(0.4, 0.8),
        "lumbar_extension": -lean * rng.uniform(0.2, 0.6),
        "hip_adduction": rng.uniform(-25, 0),
        "hip_rotation": rng.uniform(-20, 5),
        "arm_flex": rng.uniform(0, 90),
    }
    return [(0.5, _STAND), (rng.uniform(0.5, 1.5), low), (rng.uniform(0.1, 0.8), low), (rng.uniform(0.5, 1.3), _STAND)]


def _sit_to_stand(rng: Rng) -> list[Key]:
    knee = rng.uniform(75, 105)
    sit: Pose = {
        "knee_angle": knee,
        "hip_flexion": rng.uniform(65, 95),
        "ankle_angle": rng.uniform(-5, 20),
        "pelvis_tilt": rng.uniform(0, 20),
        "lumbar_extension": rng.uniform(-30, 0),
        "hip_adduction": rng.uniform(-12, 3),
        "arm_flex": rng.uniform(0, 40),
        "elbow_flex": rng.uniform(20, 100),
    }
    lean = sit | {
        "pelvis_tilt": rng.uniform(-45, -10),
        "hip_flexion": rng.uniform(95, 118),
        "lumbar_extension": rng.uniform(-40, -10),
        "ankle_angle": rng.uniform(5, 25),
    }
    rise = rng.uniform(0.5, 1.2)
    return [
        (rng.uniform(0.3, 1.0), sit),
        (rng.uniform(0.4, 0.9), lean),
        (rise, _STAND),
        (rng.uniform(0.2, 1.0), _STAND),
        (rise, lean),
        (rng.uniform(0.4, 0.9), sit),
    ]


def _jump(rng: Rng) -> list[Key]:
    depth = rng.uniform(50, 105)
    crouch: Pose = {
        "knee_angle": depth,
        "hip_flexion": depth * rng.uniform(0.7, 1.0),
        "ankle_angle": depth * 0.28,
        "pelvis_tilt": -depth * rng.uniform(0.1, 0.35),
        "lumbar_extension": rng.uniform(-25, 0),
        "arm_flex": rng.uniform(-50, 10),
    }
    flight: Pose = {"knee_angle": rng.uniform(5, 35), "hip_flexion": rng.uniform(0, 25), "ankle_angle": -30}
    flight |= {"arm_flex": rng.uniform(0, 120)}
    touch: Pose = flight | {"knee_angle": rng.uniform(12, 30), "hip_flexion": rng.uniform(10, 35), "ankle_angle": -15}
    land = crouch | {"knee_angle": rng.uniform(45, 100), "hip_flexion": rng.uniform(35, 95)}
    return [
        (0.3, _STAND),
        (rng.uniform(0.35, 0.7), crouch),
        (rng.uniform(0.22, 0.32), flight),
        (rng.uniform(0.15, 0.4), touch),
        (rng.uniform(0.12, 0.3), land),
        (rng.uniform(0.4, 0.9), _STAND),
    ]


def _lunge(rng: Rng) -> list[Key]:
    front, back = ("r", "l") if rng.random() < 0.5 else ("l", "r")
    low: Pose = {
        f"hip_flexion_{front}": rng.uniform(50, 105),
        f"knee_angle_{front}": rng.uniform(60, 115),
        f"ankle_angle_{front}": rng.uniform(-5, 25),
        f"hip_flexion_{back}": rng.uniform(-25, 10),
        f"knee_angle_{back}": rng.uniform(40, 110),
        f"ankle_angle_{back}": rng.uniform(0, 30),
        f"mtp_angle_{back}": rng.uniform(0, 30),
        "hip_adduction": rng.uniform(-15, 5),
        "pelvis_tilt": rng.uniform(-25, 0),
        "lumbar_extension": rng.uniform(-15, 5),
    }
    return [(0.4, _STAND), (rng.uniform(0.5, 1.2), low), (0.2, low), (rng.uniform(0.5, 1.2), _STAND)]


def _bend(rng: Rng) -> list[Key]:
    tilt = rng.uniform(-80, -20)
    low: Pose = {
        "pelvis_tilt": tilt,
        "hip_flexion": -tilt * rng.uniform(0.7, 1.2),
        "knee_angle": rng.uniform(0, 40),
        "ankle_angle": rng.uniform(-10, 10),
        "lumbar_extension": rng.uniform(-60, -10),
        "lumbar_bending": rng.normal(0, 12),
        "lumbar_rotation": rng.normal(0, 15),
        "arm_flex": rng.uniform(20, 110),
    }
    return [(0.4, _STAND), (rng.uniform(0.8, 2.0), low), (rng.uniform(0.1, 0.8), low), (rng.uniform(0.8, 2.0), _STAND)]


def _leg_raise(rng: Rng) -> list[Key]:
    side = "r" if rng.random() < 0.5 else "l"
    up: Pose = _STAND | {
        f"hip_flexion_{side}": rng.uniform(-25, 100),
        f"hip_adduction_{side}": rng.uniform(-40, 10),
        f"hip_rotation_{side}": rng.uniform(-30, 30),
        f"knee_angle_{side}": rng.uniform(0, 110),
        f"ankle_angle_{side}": rng.uniform(-40, 20),
        "lumbar_bending": rng.normal(0, 8),
        "pelvis_list": rng.normal(0, 5),
    }
    return [(0.3, _STAND), (rng.uniform(0.4, 1.2), up), (rng.uniform(0.0, 0.5) + 0.1, up), (rng.uniform(0.4, 1.2), _STAND)]


def _calf_raise(rng: Rng) -> list[Key]:
    up = _STAND | {"ankle_angle": rng.uniform(-45, -20), "mtp_angle": rng.uniform(10, 35)}
    pause = rng.uniform(0.1, 0.6)
    return [(pause, _STAND), (rng.uniform(0.2, 0.7), up), (pause, up), (rng.uniform(0.2, 0.7), _STAND)]


def _lie(rng: Rng) -> list[Key]:
    """Lying on the back, face or side, knees drawn up and stretched, rolling from one to the other."""
    keys = []
    for _ in range(6):
        pose: Pose = {
            "pelvis_tilt": rng.choice([90.0, -90.0]) + rng.normal(0, 8),
            "pelvis_list": rng.normal(0, 10),
            "pelvis_rotation": rng.choice([0.0, 90.0, -90.0]) + rng.normal(0, 10),
            "lumbar_extension": rng.uniform(-25, 10),
            "lumbar_rotation": rng.normal(0, 15),
            "arm_flex": rng.uniform(-20, 90),
            "arm_add": rng.uniform(-60, 0),
        }
        for side in ("r", "l"):
            drawn_up = rng.random() < 0.5
            pose[f"hip_flexion_{side}"] = rng.uniform(30, 100) if drawn_up else rng.uniform(-5, 15)
            pose[f"knee_angle_{side}"] = rng.uniform(40, 120) if drawn_up else rng.uniform(0, 15)
            pose[f"ankle_angle_{side}"] = rng.uniform(-45, 10)
            pose[f"hip_rotation_{side}"] = rng.uniform(-35, 15)
        keys.append((rng.uniform(0.8, 2.5), pose))
    # Rolling turns about the long axis only: the tilt of the first pose is kept.
    tilt = keys[0][1]["pelvis_tilt"]
    return [(duration, pose | {"pelvis_tilt": tilt + rng.normal(0, 6)}) for duration, pose in keys]


def _kneel(rng: Rng) -> list[Key]:
    low: Pose = {
        "knee_angle": rng.uniform(90, 138),
        "hip_flexion": rng.uniform(0, 100),
        "ankle_angle": rng.uniform(-48, 10),
        "pelvis_tilt": rng.uniform(-70, 0),
        "lumbar_extension": rng.uniform(-20, 10),
        "arm_flex": rng.uniform(0, 90),
    }
    other = low | {"hip_flexion": rng.uniform(0, 100), "lumbar_rotation": rng.normal(0, 15)}
    return [(0.3, _STAND), (rng.uniform(1.0, 2.0), low), (rng.uniform(0.5, 1.5), other), (rng.uniform(1.0, 2.0), _STAND)]


def _reach(rng: Rng) -> list[Key]:
    keys: list[Key] = [(0.3, _STAND)]
    for _ in range(4):
        pose = _STAND | {
            "lumbar_rotation": rng.normal(0, 22),
            "lumbar_bending": rng.normal(0, 14),
            "lumbar_extension": rng.uniform(-35, 15),
            "pelvis_rotation": rng.normal(0, 15),
            "knee_angle": rng.uniform(0, 35),
            "hip_flexion": rng.uniform(0, 35),
            "hip_adduction": rng.uniform(-20, 5),
            "arm_flex_r": rng.uniform(-20, 160),
            "arm_flex_l": rng.uniform(-20, 160),
        }
        keys.append((rng.uniform(0.4, 1.5), pose))
    return keys


def _stand_still(rng: Rng) -> list[Key]:
    pose = _STAND | {
        "knee_angle": rng.uniform(-3, 12),
        "hip_flexion": rng.uniform(-8, 12),
        "hip_adduction": rng.uniform(-12, 3),
        "hip_rotation": rng.uniform(-20, 5),
        "pelvis_tilt": rng.uniform(-12, 6),
        "lumbar_extension": rng.uniform(-12, 8),
        "arm_add": rng.uniform(-90, -5),
    }
    return [(0.5, pose), (2.5, pose), (2.5, pose)]


KEY_POSES: dict[str, Callable[[Rng], list[Key]]] = {
    "squat": _squat,
    "sit_to_stand": _sit_to_stand,
    "jump": _jump,
    "lunge": _lunge,
    "bend": _bend,
    "leg_raise": _leg_raise,
    "calf_raise": _calf_raise,
    "lie": _lie,
    "kneel": _kneel,
    "reach": _reach,
    "stand": _stand_still,
}
CYCLES: dict[str, Callable[[Rng], Array]] = {"walk": _walk, "run": _run, "stairs": _stairs, "pedal": _pedal}
ACTIVITIES = (*CYCLES, *KEY_POSES, "random")


def make_motion(activity: str, rng: Rng) -> Array:
    """One procedural trial of 3 to 12 s.

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


def _spline(keys: list[Key], rng: Rng) -> Array:
    """Smooth motion through key poses; both sides a little different."""
    time_s = np.cumsum([duration for duration, _ in keys])
    asymmetry = rng.normal(0, 3.0, len(COORDINATES))
    gain = rng.normal(1, 0.06, len(COORDINATES))
    poses = np.array([_pose_vector(pose) for _, pose in keys]) * gain + asymmetry
    poses[:, :6] -= asymmetry[:6]
    frames = np.arange(time_s[0], time_s[-1], 1 / RATE_HZ)
    motion: Array = PchipInterpolator(time_s, poses)(frames)
    # Limbs start and stop smoothly: the corners of the spline's speed are rounded.
    return gaussian_filter1d(motion, rng.uniform(1.5, 5.0), axis=0, mode="nearest")


def _pose_vector(pose: Pose) -> Array:
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


def _random_motion(rng: Rng) -> Array:
    """Smooth random movements of all joints inside their ranges."""
    n_frames = int(rng.uniform(4, 8) * RATE_HZ)
    smooth_frames = rng.uniform(10, 40)
    motion = gaussian_filter1d(rng.standard_normal((n_frames, len(COORDINATES))), smooth_frames, axis=0, mode="wrap")
    motion /= motion.std(axis=0)
    low = np.rad2deg([c.low if c.rotational else 0.0 for c in COORDINATES])
    high = np.rad2deg([c.high if c.rotational else 0.0 for c in COORDINATES])
    usual = np.zeros(len(COORDINATES))
    middle = 0.55 * usual + 0.45 * (low + high) / 2
    spread = 0.22 * (high - low)
    motion = np.clip(middle + spread * motion, low, high)
    motion[:, :3] *= 0.3
    return motion


def _tremble(n_frames: int, rng: Rng) -> Array:
    """Small slow changes that no two repetitions share, in degrees."""
    slow = gaussian_filter1d(rng.standard_normal((n_frames, len(COORDINATES))), 20.0, axis=0, mode="nearest")
    slow *= rng.uniform(0.3, 2.0) / max(float(slow.std()), 1e-9)
    slow[:, 3:6] = 0.0
    return slow


_GROUND_POINTS = [POINT_INDEX[side + part] for side in "RL" for part in ("Heel", "SmallToe", "BigToe")]


def plant_feet(motion: Array) -> Array:
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
