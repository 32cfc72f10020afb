"""Cyclic procedural motions: both legs follow one curve half a period apart.

Angles are in degrees. The curves are rounded from Winter 2009 (Biomechanics and Motor Control of Human Movement) and
Novacheck 1998 (doi 10.1016/S0966-6362(97)00038-6); stairs and pedalling are common ranges of motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from trcaugment.body.key_poses import Rng
from trcaugment.body.motions import RATE_HZ
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.markers import FloatArray

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


def _cyclic(curves: Mapping[str, Sequence[float]], period_s: float, trunk: dict[str, float], rng: Rng) -> FloatArray:
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


def _walk(rng: Rng) -> FloatArray:
    return _cyclic(_WALK, rng.uniform(0.9, 1.5), {}, rng)


def _run(rng: Rng) -> FloatArray:
    return _cyclic(_RUN, rng.uniform(0.6, 0.8), {"tilt": -12, "turn": 9, "arm_swing": 35, "elbow": 90}, rng)


def _stairs(rng: Rng) -> FloatArray:
    return _cyclic(_STAIRS, rng.uniform(1.0, 1.6), {"tilt": -10, "lumbar": -12}, rng)


def _pedal(rng: Rng) -> FloatArray:
    lean = rng.uniform(-50, -10)
    return _cyclic(_PEDAL, rng.uniform(0.6, 1.2), {"tilt": 0.5 * lean, "lumbar": 0.5 * lean, "turn": 1, "list": 1}, rng)


CYCLES: dict[str, Callable[[Rng], FloatArray]] = {"walk": _walk, "run": _run, "stairs": _stairs, "pedal": _pedal}
