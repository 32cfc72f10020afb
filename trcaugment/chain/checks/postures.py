"""Guards of posture and speed: joint angles and speeds that the model was not trained on.

Limits are near the extremes that generated trials hold for 0.1 s (speeds: three frames), some widened for recordings
of real people: `python benchmarks/guards.py --limits`. Trials of the activity `random` are left out, because people do
not move like that.
"""

from __future__ import annotations

import numpy as np

from trcaugment.chain.checks.findings import Finding, frames_in, lasting, listed, spans_of
from trcaugment.chain.signals import BoolArray, by_points, lengths
from trcaugment.marker_sets import KEYPOINTS, SIDES
from trcaugment.markers import FloatArray

# Joint angle -> lowest and highest in degrees.
ANGLE_LIMITS_DEG = {
    "hip flexion": (-70.0, 155.0),
    "hip abduction": (-45.0, 65.0),
    "knee flexion": (-30.0, 155.0),
    "twist of shoulders against hips": (-80.0, 80.0),
    "tilt of hips against trunk": (-40.0, 40.0),
    "tilt of shoulders against trunk": (-30.0, 30.0),
}
# Kind of keypoint -> highest speed relative to the midpoint of the hips, in heights per second.
SPEED_LIMITS = {"Neck": 2.4, "Shoulder": 2.4, "Knee": 5.0, "Ankle": 8.0, "Heel": 10, "SmallToe": 10, "BigToe": 10}
# Speeds are taken over this many frames and must last as many. At 60 Hz, 20 mm of noise then add 0.6 heights/s; from
# frame to frame they would add 1.7. A fixed frame count: over a fixed time, sped-up cyclic motion returns to its start
# and looks slow.
SPEED_FRAMES = 3
ODD_POSTURE_S = 0.1


def watch_posture(positions: FloatArray, time_s: FloatArray) -> list[Finding]:
    """Find joint angles beyond those that the model was trained on, for 0.1 s or more.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
    """
    n_least = frames_in(ODD_POSTURE_S, time_s)
    parts: list[str] = []
    odd_frames = np.zeros(len(positions), dtype=np.bool_)
    for name, angle_deg in joint_angles_deg(positions).items():
        low, high = ANGLE_LIMITS_DEG[name.removeprefix("right ").removeprefix("left ")]
        odd = lasting((angle_deg < low) | (angle_deg > high), n_least)
        if odd.any():
            worst = angle_deg[odd][np.argmax(np.abs(angle_deg[odd] - (low + high) / 2))]
            parts.append(f"{name} {worst:.0f}° ({low:g}° to {high:g}°)")
            odd_frames |= odd
    if not parts:
        return []
    return [
        Finding(
            "posture",
            f"expected postures that the model was trained on, found {listed(parts)}; look at the keypoints there",
            spans_of(odd_frames, time_s),
        )
    ]


def watch_speed(positions: FloatArray, time_s: FloatArray, height_m: float) -> list[Finding]:
    """Find keypoints that move faster, relative to the hips, than any that the model was trained on.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
        height_m: the person's height.
    """
    if len(positions) <= SPEED_FRAMES:
        return []
    speed = speeds(positions, time_s) / height_m
    limits = np.array([SPEED_LIMITS.get(mark.part, np.inf) for mark in KEYPOINTS.landmarks])
    fast = lasting(speed > limits, SPEED_FRAMES)
    if not fast.any():
        return []
    worst = np.max(speed, axis=0, where=fast, initial=0.0)
    names, order = KEYPOINTS.names, np.argsort(limits - worst)
    parts = [f"{names[k]} {worst[k]:.1f} ({limits[k]:g})" for k in order if worst[k] > 0]
    odd: BoolArray = np.zeros(len(positions), dtype=np.bool_)
    odd[SPEED_FRAMES // 2 : SPEED_FRAMES // 2 + len(speed)] = fast.any(axis=1)
    return [
        Finding(
            "speed",
            "expected keypoints no faster, relative to the hips, than in training, found in heights per second "
            f"{listed(parts)}; look at the keypoints there",
            spans_of(odd, time_s),
        )
    ]


def speeds(positions: FloatArray, time_s: FloatArray) -> FloatArray:
    """Mean speed over three frames, relative to the midpoint of the hips, in m/s, (n_frames - 3, 15)."""
    (_, hips), *_ = by_points(positions[:, KEYPOINTS.both("Hip")].mean(axis=1, keepdims=True), [0])
    moved_s = time_s[SPEED_FRAMES:] - time_s[:-SPEED_FRAMES]
    relative = (place - hips for _, place in by_points(positions, range(positions.shape[1])))
    return np.concatenate([lengths(at[..., SPEED_FRAMES:] - at[..., :-SPEED_FRAMES]) / moved_s for at in relative]).T


def joint_angles_deg(positions: FloatArray) -> dict[str, FloatArray]:
    """Approximate joint angles by name in degrees, each (n_frames,), NaN where keypoints are missing.

    Computed from the lines between keypoints in trunk axes: up from hips to neck, sideways from the left to the right
    hip. All are zero in upright standing.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
    """
    place = {name: positions[:, k] for k, name in enumerate(KEYPOINTS)}
    hips = place["RHip"] - place["LHip"]
    shoulders = place["RShoulder"] - place["LShoulder"]
    up = unit(place["Neck"] - (place["RHip"] + place["LHip"]) / 2)
    right = unit(hips - dot(hips, up)[:, None] * up)
    front = np.cross(up, right)
    angles = {
        "twist of shoulders against hips": np.arctan2(dot(shoulders, front), dot(shoulders, right)),
        "tilt of hips against trunk": np.arcsin(dot(unit(hips), up)),
        "tilt of shoulders against trunk": np.arcsin(dot(unit(shoulders), up)),
    }
    for side, outward in zip(SIDES, (right, -right), strict=True):
        hip, knee, ankle = (place[KEYPOINTS.named(part, side)] for part in ("Hip", "Knee", "Ankle"))
        thigh = unit(knee - hip)
        shank = ankle - knee
        angles[f"{side} hip flexion"] = np.arctan2(dot(thigh, front), -dot(thigh, up))
        angles[f"{side} hip abduction"] = np.arcsin(dot(thigh, outward))
        # Knee flexion is about the line through the hips, so that its sign tells forward from backward.
        angles[f"{side} knee flexion"] = np.arctan2(-dot(np.cross(thigh, shank), unit(hips)), dot(thigh, shank))
    return {name: np.degrees(angle) for name, angle in angles.items()}


def unit(vectors: FloatArray) -> FloatArray:
    """Unit vectors, (n_frames, 3); NaN where a vector has no length."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0))


def dot(first: FloatArray, second: FloatArray) -> FloatArray:
    """Dot products of vectors (n_frames, 3), frame by frame: (n_frames,)."""
    return np.asarray(np.einsum("nk,nk->n", first, second))
