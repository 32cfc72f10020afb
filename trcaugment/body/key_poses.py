"""Procedural motions as key poses: which angles a person passes through, and when.

Angles are in degrees. Signs are those of the skeleton: flexion forward and dorsiflexion positive, trunk flexion and
forward pelvic tilt negative. The ranges are common ranges of motion, wide on purpose.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
# Angles in degrees by coordinate; a name without side stands for both sides.
Pose = dict[str, float]
# Seconds from the key pose before, and the pose.
Key = tuple[float, Pose]

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
        "hip_flexion": rng.uniform(60, 100),
        "ankle_angle": rng.uniform(-5, 20),
        "pelvis_tilt": rng.uniform(-10, 25),
        "lumbar_extension": rng.uniform(-30, 0),
        "hip_adduction": rng.uniform(-18, 3),
        "arm_flex": rng.uniform(0, 80),
        "elbow_flex": rng.uniform(20, 130),
    }
    lean = sit | {
        "pelvis_tilt": rng.uniform(-45, -10),
        "hip_flexion": rng.uniform(95, 118),
        "lumbar_extension": rng.uniform(-40, -10),
        "ankle_angle": rng.uniform(5, 25),
    }
    rise = rng.uniform(0.4, 1.8)
    return [
        (rng.uniform(0.3, 1.5), sit),
        (rng.uniform(0.3, 1.2), lean),
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
    return [
        (0.3, _STAND),
        (rng.uniform(0.4, 1.2), up),
        (rng.uniform(0.0, 0.5) + 0.1, up),
        (rng.uniform(0.4, 1.2), _STAND),
    ]


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
    return [
        (0.3, _STAND),
        (rng.uniform(1.0, 2.0), low),
        (rng.uniform(0.5, 1.5), other),
        (rng.uniform(1.0, 2.0), _STAND),
    ]


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
