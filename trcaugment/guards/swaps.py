"""Guard of sides: left and right exchanged, in some frames or for a whole trial.

Every frame is judged on its own, so it does not matter how long an exchange lasts. Limits lie about the extremes of
generated trials (of every activity but `random`) and far from exchanged ones: python benchmarks/guards.py --limits
"""

from __future__ import annotations

import numpy as np

from trcaugment.guards.findings import Finding, spans_of
from trcaugment.guards.postures import dot, unit
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray

# Sine of the angle between shank and foot, about the line from left to right hip: 0.95 in standing, -0.95 exchanged.
LEAST_FORWARD = -0.3
# From the left to the right knee along the line from left to right hip: 0.12 heights in standing, -0.12 exchanged.
LEAST_KNEES_APART = -0.06
# From the left to the right shoulder along that line, in heights.
LEAST_SHOULDERS_APART = -0.06
_WHAT_TO_DO = "exchange the names of the two sides there, or look whether the file's axes are a mirror image"


def watch_sides(positions: FloatArray, time_s: FloatArray, height_m: float) -> list[Finding]:
    """Frames in which left and right of the legs, hips, shoulders or of everything are exchanged.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
        height_m: the person's height.
    """
    forward, knees, shoulders = sides(positions)
    backward, crossed = forward < LEAST_FORWARD, knees < LEAST_KNEES_APART * height_m
    turned = shoulders < LEAST_SHOULDERS_APART * height_m
    # Everything is seen from the hips: where these are exchanged, all else seems to be.
    exchanged = {
        "everything": backward & ~crossed & ~turned,
        "legs": crossed & ~backward,
        "shoulders": turned & ~crossed & ~backward,
        "hips": backward & (crossed | turned),
    }
    told = [f"{what} ({frames.sum()} of {len(positions)} frames)" for what, frames in exchanged.items() if frames.any()]
    if not told:
        return []
    odd = np.any(list(exchanged.values()), axis=0)
    sentence = (
        "expected toes before the shanks and right knee and shoulder on the right, found left and right exchanged: "
        f"{', '.join(told)}; {_WHAT_TO_DO}"
    )
    return [Finding("swap", sentence, [] if odd.all() else spans_of(odd, time_s))]


def sides(positions: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What tells left from right, seen from the hips, each (n_frames,), NaN where keypoints are missing.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).

    Returns:
        How far feet point to the front of the shanks (-1 to 1, mean of both sides), and how far the right knee and the
        right shoulder are to the right of the left ones, in m.
    """
    place = {name: positions[:, k] for k, name in enumerate(KEYPOINTS)}
    right = unit(place["RHip"] - place["LHip"])
    turns = []
    for side in "RL":
        shank = unit(place[side + "Ankle"] - place[side + "Knee"])
        foot = unit(place[side + "BigToe"] - place[side + "Heel"])
        turns.append(np.cross(shank, foot))
    return (
        np.mean([dot(turn, right) for turn in turns], axis=0),
        dot(place["RKnee"] - place["LKnee"], right),
        dot(place["RShoulder"] - place["LShoulder"], right),
    )
