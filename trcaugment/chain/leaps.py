"""Finds leaps: the whole body is elsewhere from one frame to the next, as when a tracker switches to another person.

An exchange of left and right is not a leap, so Neck and the midpoints of both sides are used. There is a leap where
most of these move farther in a frame than their velocities before and after explain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trcaugment.chain.checks.findings import Finding, listed
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray

# Smallest leap in m that is distinguished from motion and noise: 1.3 times the extremes of sprints, jumps and generated
# trials at 10 to 60 Hz. It grows with time steps above 1/30 s (python benchmarks/guards.py).
LEAST_M = 0.15
LEAST_STEP_S = 1 / 30
# Share of the points seen (at most eight, at least four) that must leap.
SHARE_LEAPING = 0.75
FEWEST_SEEN = 4
_PARTS = [
    KEYPOINTS.both(part) for part in dict.fromkeys(mark.part for mark in KEYPOINTS.landmarks if mark.side == "right")
]
_POINTS = [[KEYPOINTS.index("Neck")] * 2, *_PARTS]


def find_leaps(positions: FloatArray, time_s: FloatArray) -> list[int]:
    """First frame after each leap of the body.

    Args:
        positions: keypoints in m without outliers, (n_frames, 15, 3), NaN where missing.
        time_s: increasing time stamps in s, (n_frames,).
    """
    # Point by point, so that an hour of video needs little memory.
    points = [positions[:, pair].mean(axis=1) for pair in _POINTS]
    seen_points = np.sum([np.isfinite(point).all(axis=1) for point in points], axis=0)
    frames = np.flatnonzero(seen_points >= FEWEST_SEEN)
    if len(frames) < 2:
        return []
    step_s = np.diff(time_s[frames])
    leap_m = np.stack([_unexplained(point[frames], step_s) for point in points], axis=1)
    limit_m = LEAST_M * np.maximum(1.0, step_s / LEAST_STEP_S)
    leaping = (leap_m > limit_m[:, None]).sum(axis=1)
    seen = np.isfinite(leap_m).sum(axis=1)
    found = (seen >= FEWEST_SEEN) & (leaping >= SHARE_LEAPING * seen)
    return [int(frame) for frame in frames[1:][_highest(found, leap_m)]]


def watch_leaps(leaps: Sequence[int]) -> list[Finding]:
    """A finding on the leaps of `find_leaps`, if there are any."""
    if not leaps:
        return []
    where = listed([f"{frame} and {frame + 1}" for frame in leaps])
    message = (
        "expected a body that moves continuously, found it elsewhere from one frame to the next (between frames "
        f"{where}): another person, or a lost track? The parts before and after were treated as separate trials"
    )
    return [Finding("leap", message, [(frame, frame + 1) for frame in leaps])]


def _unexplained(point: FloatArray, step_s: FloatArray) -> FloatArray:
    """Distance moved by a point in excess of its mean velocity before and after, in m, (n_frames - 1,)."""
    step = np.diff(point, axis=0)
    velocity = step / step_s[:, None]
    before, after = np.roll(velocity, 1, axis=0), np.roll(velocity, -1, axis=0)
    before[0], after[-1] = after[0], before[-1]
    before, after = np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)
    return np.asarray(np.linalg.norm(step - step_s[:, None] * (before + after) / 2, axis=1))


def _highest(found: BoolArray, leap_m: FloatArray) -> BoolArray:
    """Only the farthest of neighboring leaps, because a leap changes the velocities beside it too, (n_frames - 1,)."""
    far_m = np.where(found, np.nansum(leap_m, axis=1), 0.0)
    padded = np.pad(far_m, 1)
    return found & (far_m >= padded[:-2]) & (far_m > padded[2:])
