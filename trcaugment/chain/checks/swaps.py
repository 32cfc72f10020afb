"""Guard of sides: left and right exchanged, in some frames or for a whole trial.

Every frame is judged on its own, so an exchange of any duration is found. Limits are near the extremes of generated
trials (except activity `random`), and far from exchanged ones: `python benchmarks/guards.py --limits`.
"""

from __future__ import annotations

import numpy as np

from trcaugment.chain.checks.findings import Finding, medians_of, spans_of
from trcaugment.chain.checks.postures import dot, unit
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS, SIDES
from trcaugment.markers import FloatArray

# Sine of the angle from shank to foot about the line from left to right hip: 0.95 in standing, -0.95 if exchanged.
LEAST_FORWARD = -0.3
# From the left to the right knee along the line from left to right hip, in heights: 0.12 in standing, -0.12 if
# exchanged.
LEAST_KNEES_APART = -0.06
# From the left to the right shoulder along that line, in heights.
LEAST_SHOULDERS_APART = -0.06
# Limit of `ankles_gain`: how much better, as a share of length, the shanks fit if the ankles are exchanged.
MOST_GAINED = 0.08
# Part of the body -> the keypoints of it that an exchange concerns.
_FEET = ("Ankle", "Heel", "SmallToe", "BigToe")
PARTS: dict[str, tuple[str, ...]] = {
    "everything": ("Shoulder", "Hip", "Knee", *_FEET),
    "legs": ("Knee", *_FEET),
    "shoulders": ("Shoulder",),
    "hips": ("Hip",),
    "ankles and feet": _FEET,
}
_WHAT_TO_DO = "exchange the names of the two sides there, or check whether the file's axes are a mirror image"


def watch_sides(positions: FloatArray, time_s: FloatArray, height_m: float) -> list[Finding]:
    """Find frames in which left and right of the legs, hips, shoulders or the whole body are exchanged.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
        height_m: the person's height.
    """
    exchanged = exchanged_frames(positions, height_m)
    parts = [
        f"{what} ({frames.sum()} of {len(positions)} frames)" for what, frames in exchanged.items() if frames.any()
    ]
    if not parts:
        return []
    odd = np.any(list(exchanged.values()), axis=0)
    message = (
        "expected toes before the shanks and right knee and shoulder on the right, found left and right exchanged: "
        f"{', '.join(parts)}; {_WHAT_TO_DO}"
    )
    return [Finding("swap", message, [] if odd.all() else spans_of(odd, time_s))]


def exchanged_frames(positions: FloatArray, height_m: float) -> dict[str, BoolArray]:
    """Frames in which left and right of a part of the body are exchanged, by its name in `PARTS`, each (n_frames,).

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        height_m: the person's height.
    """
    # Keypoints on top of each other have no direction, and are not judged.
    with np.errstate(invalid="ignore", divide="ignore"):
        forward, knees, shoulders = sides(positions)
        ankles = ankles_gain(positions) > MOST_GAINED
    backward, crossed = forward < LEAST_FORWARD, knees < LEAST_KNEES_APART * height_m
    turned = shoulders < LEAST_SHOULDERS_APART * height_m
    # Sides are relative to the hips: if only the hips are exchanged, everything else appears exchanged.
    return {
        "everything": backward & ~crossed & ~turned,
        "legs": crossed & ~backward,
        "shoulders": turned & ~crossed & ~backward,
        "hips": backward & (crossed | turned),
        "ankles and feet": ankles & ~crossed & ~backward,
    }


def sides(positions: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Measures of left and right relative to the hips, each (n_frames,), NaN where keypoints are missing.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).

    Returns:
        How far the feet point forward of the shanks (-1 to 1, mean of both sides), and how far the right knee and the
        right shoulder are to the right of the left ones, in m.
    """
    place = {name: positions[:, k] for k, name in enumerate(KEYPOINTS)}
    right = unit(place["RHip"] - place["LHip"])
    turns = []
    for side in SIDES:
        knee, ankle, heel, toe = (place[KEYPOINTS.named(part, side)] for part in ("Knee", "Ankle", "Heel", "BigToe"))
        shank = unit(ankle - knee)
        foot = unit(toe - heel)
        turns.append(np.cross(shank, foot))
    return (
        np.mean([dot(turn, right) for turn in turns], axis=0),
        dot(place["RKnee"] - place["LKnee"], right),
        dot(place["RShoulder"] - place["LShoulder"], right),
    )


def ankles_gain(positions: FloatArray) -> FloatArray:
    """How much better both shank lengths would fit with the ankles exchanged, as a share of length, (n_frames,).

    Lengths are compared with the trial's median, so an exchange throughout a trial does not show.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
    """
    knees, ankles = (positions[:, KEYPOINTS.both(joint)] for joint in ("Knee", "Ankle"))
    own, other = (np.linalg.norm(knees - ends, axis=2) for ends in (ankles, ankles[:, ::-1]))
    usual_m = medians_of(own)
    own_off, other_off = (np.abs(np.log(lengths / usual_m)) for lengths in (own, other))
    return np.asarray(np.minimum(*own_off.T) - np.maximum(*other_off.T))
