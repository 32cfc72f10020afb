"""Key poses and timing of movements for which we have no recordings of enough people that may be shipped.

Angles are in degrees, with the signs of Rajagopal 2016 (positive: hip flexion, knee flexion, dorsiflexion, lumbar
extension, pelvis tilted backward). Ranges are common ranges of motion. For feet on the
floor, a pose gives the pitch of the foot (0: the sole is flat), and hip flexion follows from pelvis, knee and ankle.
Pelvis, lumbar spine and hips share a movement in the proportions of the motion model.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rng = np.random.Generator
# Coordinate -> angle in degrees; a name without a side means both sides. `foot_pitch` sets the hip flexion.
Pose = dict[str, float]
# Seconds since the key pose before, and the pose.
Key = tuple[float, Pose]

SOLE_ON_FLOOR = "foot_pitch"


def standing(rng: Rng) -> Pose:
    """Draw a person's upright stance (SD between people: 6 degrees of pelvic tilt, 8 of lumbar extension)."""
    tilt = rng.normal(-3, 6)
    return {
        "pelvis_tilt": tilt,
        "lumbar_extension": -5 - 0.5 * (tilt + 3) + rng.normal(0, 7),
        "knee_angle": max(rng.normal(3, 5), -3),
        "ankle_angle": rng.normal(0, 3),
        "hip_adduction": rng.normal(-5, 4),
        "hip_rotation": rng.normal(-8, 8),
        "arm_add": rng.uniform(-25, -5),
        "elbow_flex": rng.uniform(5, 30),
        SOLE_ON_FLOOR: 0.0,
    }


def _bent(stand: Pose, knee: float, tilt: float, rng: Rng) -> Pose:
    """Knees bent over feet that stay in place: thighs rotate inward and move apart as knees bend.

    Ankle angle, hip rotation and adduction depend on the knee, lumbar extension on tilt and knee; slopes are of squats.
    """
    ankle = stand["ankle_angle"] + 0.25 * knee + rng.normal(0, 0.06) * knee
    return stand | {
        "pelvis_tilt": max(tilt, knee - ankle - 115.0),
        "lumbar_extension": stand["lumbar_extension"] - 0.5 * (tilt + 15) - 0.2 * knee + rng.normal(0, 9),
        "knee_angle": knee,
        "ankle_angle": ankle,
        "hip_rotation": stand["hip_rotation"] + rng.normal(0.17, 0.07) * knee,
        "hip_adduction": stand["hip_adduction"] - rng.normal(0.08, 0.05) * knee,
    }


def _jump(rng: Rng) -> list[Key]:
    stand = standing(rng)
    depth = rng.uniform(50, 105)
    crouch = _bent(stand, depth, rng.normal(-0.2, 0.08) * depth, rng) | {"arm_flex": rng.uniform(-50, 10)}
    air: Pose = {name: angle for name, angle in stand.items() if name != SOLE_ON_FLOOR}
    flight = air | {"knee_angle": rng.uniform(5, 35), "hip_flexion": rng.uniform(0, 25), "ankle_angle": -30}
    flight |= {"arm_flex": rng.uniform(0, 120)}
    touch = flight | {"knee_angle": rng.uniform(12, 30), "hip_flexion": rng.uniform(10, 35), "ankle_angle": -15}
    landing = rng.uniform(45, 100)
    land = _bent(stand, landing, rng.normal(-0.2, 0.1) * landing, rng)
    return [
        (0.3, stand),
        (rng.uniform(0.35, 0.7), crouch),
        (rng.uniform(0.22, 0.32), flight),
        (rng.uniform(0.15, 0.4), touch),
        (rng.uniform(0.12, 0.3), land),
        (rng.uniform(0.4, 0.9), stand),
    ]


def _bend(rng: Rng) -> list[Key]:
    """Reaching down with straight or bent knees; the back leads on the way down and straightens early on the way up.

    One man's stoop lifts (M. Millard, MIT): half of the lumbar flexion in the first tenth of the hip's way; half way
    up, two thirds of what it was half way down.
    """
    stand = standing(rng)
    knee = rng.uniform(0, 70)
    low = _bent(stand, knee, rng.uniform(-75, -20), rng)
    tilt = low["pelvis_tilt"]
    low["lumbar_extension"] = stand["lumbar_extension"] + 0.42 * tilt + rng.normal(0, 10)
    low |= {"lumbar_bending": rng.normal(0, 10), "lumbar_rotation": rng.normal(0, 12), "arm_flex": rng.uniform(20, 110)}
    early, halfway = (_between(stand, low, share) for share in (0.15, 0.5))
    for pose, share in ((early, 0.5), (halfway, 0.55)):
        pose["lumbar_extension"] = _between(stand, low, share)["lumbar_extension"]
    down, up = rng.uniform(0.8, 2.0, 2)
    return [
        (0.4, stand),
        (0.25 * down, early),
        (0.75 * down, low),
        (rng.uniform(0.1, 0.8), low),
        (0.5 * up, halfway),
        (0.5 * up, stand),
    ]


def _between(first: Pose, second: Pose, share: float) -> Pose:
    return {name: (1 - share) * first.get(name, 0.0) + share * angle for name, angle in second.items()}


def _leg_swing(rng: Rng) -> list[Key]:
    """One leg swung to the front, back or side; pelvis and spine follow (slopes of leg raises)."""
    side, sign = ("r", 1.0) if rng.random() < 0.5 else ("l", -1.0)
    stand = standing(rng)
    stance = "l" if side == "r" else "r"
    keys: list[Key] = [(0.3, stand)]
    for _ in range(2):
        hip, adduction = rng.uniform(-25, 50), rng.uniform(-42, 12)
        raised = 0.12 * max(hip, 0.0) - 0.25 * min(adduction, 0.0)
        up = {name: angle for name, angle in stand.items() if name != SOLE_ON_FLOOR} | {
            f"{SOLE_ON_FLOOR}_{stance}": 0.0,
            "pelvis_tilt": stand["pelvis_tilt"] + rng.normal(0.28, 0.08) * hip,
            "lumbar_extension": stand["lumbar_extension"] - rng.normal(0.4, 0.1) * hip,
            "pelvis_list": -sign * raised + rng.normal(0, 2),
            "lumbar_bending": sign * raised + rng.normal(0, 4),
            f"hip_flexion_{side}": hip,
            f"hip_adduction_{side}": adduction,
            f"hip_rotation_{side}": rng.uniform(-25, 25),
            f"knee_angle_{side}": rng.uniform(0, 40),
            f"ankle_angle_{side}": rng.uniform(-30, 15),
        }
        keys += [(rng.uniform(0.4, 1.2), up), (rng.uniform(0.1, 0.6), up), (rng.uniform(0.4, 1.2), stand)]
    return keys


def _calf_raise(rng: Rng) -> list[Key]:
    stand = standing(rng)
    rise = rng.uniform(20, 45)
    up = stand | {"ankle_angle": -rise, "mtp_angle": rng.uniform(10, 35), SOLE_ON_FLOOR: -rise}
    pause = rng.uniform(0.1, 0.6)
    return [(pause, stand), (rng.uniform(0.2, 0.7), up), (pause, up), (rng.uniform(0.2, 0.7), stand)]


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
    """Kneeling on both knees, or on one with the other foot in front; a shank on the floor is horizontal."""
    stand = standing(rng)
    keys: list[Key] = [(0.3, stand)]
    half = rng.random() < 0.4
    for _ in range(2):
        tilt = rng.uniform(-40, 5)
        low = _bent(stand, rng.uniform(90, 138), tilt, rng)
        low |= {"pelvis_tilt": max(tilt, low["knee_angle"] - 205.0), "ankle_angle": rng.uniform(-48, 10)}
        low |= {"arm_flex": rng.uniform(0, 90), "lumbar_rotation": rng.normal(0, 12)}
        low[SOLE_ON_FLOOR] = low["ankle_angle"] - 90.0
        if half:
            low |= {"knee_angle_r": rng.uniform(75, 105), "ankle_angle_r": rng.uniform(-5, 15)}
            low[f"{SOLE_ON_FLOOR}_r"] = 0.0
        keys.append((rng.uniform(0.8, 2.0), low))
    return [*keys, (rng.uniform(1.0, 2.0), stand)]


def _reach(rng: Rng) -> list[Key]:
    stand = standing(rng)
    keys: list[Key] = [(0.3, stand)]
    for _ in range(4):
        lean = rng.uniform(-5, 60)
        pose = _bent(stand, stand["knee_angle"] + rng.uniform(0, 35), stand["pelvis_tilt"] - 0.5 * lean, rng) | {
            "lumbar_rotation": rng.normal(0, 22),
            "lumbar_bending": rng.normal(0, 14),
            "lumbar_extension": stand["lumbar_extension"] - 0.4 * lean + rng.normal(0, 9),
            "pelvis_rotation": rng.normal(0, 12),
            "arm_flex_r": rng.uniform(-20, 160),
            "arm_flex_l": rng.uniform(-20, 160),
        }
        keys.append((rng.uniform(0.4, 1.5), pose))
    return keys


def _stand_still(rng: Rng) -> list[Key]:
    pose = standing(rng) | {"arm_add": rng.uniform(-90, -5)}
    sway = {name: rng.normal(0, 1.0) for name in ("pelvis_tilt", "lumbar_extension", "ankle_angle", "knee_angle")}
    other = pose | {name: pose[name] + change for name, change in sway.items()}
    return [(0.5, pose), (2.5, other), (2.5, pose)]


KEY_POSES: dict[str, Callable[[Rng], list[Key]]] = {
    "jump": _jump,
    "bend": _bend,
    "leg_swing": _leg_swing,
    "calf_raise": _calf_raise,
    "lie": _lie,
    "kneel": _kneel,
    "reach": _reach,
    "stand": _stand_still,
}
