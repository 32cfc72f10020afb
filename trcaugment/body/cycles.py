"""Cyclic procedural motions: both legs follow one curve, half a period apart.

Curves are in degrees: common ranges of motion of stairs and pedaling with an upright pelvis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from trcaugment.body.key_poses import Rng
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.markers import RATE_HZ, FloatArray

_PHASES = np.arange(0.0, 1.0, 0.1)
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
    tilt = trunk.get("tilt", -5.0) + rng.normal(0, 5)
    nod = 1.5 * np.sin(4 * np.pi * phase)
    for side in "rl":  # the thigh's orientation in space does not depend on pelvic tilt
        motion[:, COORDINATE_INDEX[f"hip_flexion_{side}"]] -= tilt - trunk.get("upright", 0.0)
    turn = trunk.get("turn", 5.0) * rng.uniform(0.6, 1.4)
    motion[:, COORDINATE_INDEX["pelvis_tilt"]] = tilt + nod
    motion[:, COORDINATE_INDEX["pelvis_list"]] = trunk.get("list", 4.0) * np.sin(2 * np.pi * (phase - 0.05))
    motion[:, COORDINATE_INDEX["pelvis_rotation"]] = turn * np.cos(2 * np.pi * phase)
    motion[:, COORDINATE_INDEX["lumbar_rotation"]] = -1.6 * turn * np.cos(2 * np.pi * phase)
    motion[:, COORDINATE_INDEX["lumbar_bending"]] = -trunk.get("list", 4.0) * np.sin(2 * np.pi * (phase - 0.05))
    # The trunk stays still while the pelvis nods, and a pelvis tilted forward goes with a straighter back.
    lumbar = trunk.get("lumbar", -8.0) - 0.5 * (tilt - trunk.get("tilt", -5.0)) + rng.normal(0, 6)
    motion[:, COORDINATE_INDEX["lumbar_extension"]] = lumbar - 0.7 * nod
    return motion


def _stairs(rng: Rng) -> FloatArray:
    return _cyclic(_STAIRS, rng.uniform(1.0, 1.6), {"tilt": -10, "upright": -10, "lumbar": -12}, rng)


def _pedal(rng: Rng) -> FloatArray:
    lean = rng.uniform(-60, -10)
    return _cyclic(_PEDAL, rng.uniform(0.6, 1.2), {"tilt": 0.5 * lean, "lumbar": 0.5 * lean, "turn": 1, "list": 1}, rng)


CYCLES: dict[str, Callable[[Rng], FloatArray]] = {"stairs": _stairs, "pedal": _pedal}
