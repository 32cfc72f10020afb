"""Finds leaps: the whole body is elsewhere from one frame to the next, as when a tracker switches to another person.

An exchange of left and right is not a leap, so Neck and the midpoints of both sides are used. There is a leap where
most of these move farther in a frame than their velocities before and after explain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trcaugment.chain.checks.findings import Finding, listed
from trcaugment.chain.signals import BoolArray, by_points, lengths
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
_RIGHT, _LEFT = ([KEYPOINTS.index("Neck"), *(pair[side] for pair in _PARTS)] for side in range(2))


def find_leaps(positions: FloatArray, time_s: FloatArray) -> list[int]:
    """First frame after each leap of the body.

    Args:
        positions: keypoints in m without outliers, (n_frames, 15, 3), NaN where missing.
        time_s: increasing time stamps in s, (n_frames,).
    """
    # A few points at a time, so that an hour of video needs little memory.
    sides = zip(by_points(positions, _RIGHT), by_points(positions, _LEFT), strict=True)
    points = [(right + left) / 2 for (_, right), (_, left) in sides]
    seen_points = np.sum([np.isfinite(some.sum(axis=1)).sum(axis=0) for some in points], axis=0)
    frames = np.flatnonzero(seen_points >= FEWEST_SEEN)
    if len(frames) < 2:
        return []
    step_s, whole = np.diff(time_s[frames]), len(frames) == len(time_s)
    leap_m = np.concatenate([_unexplained(some if whole else some[..., frames], step_s) for some in points])
    limit_m = LEAST_M * np.maximum(1.0, step_s / LEAST_STEP_S)
    leaping = (leap_m > limit_m).sum(axis=0)
    seen = np.isfinite(leap_m).sum(axis=0)
    found = (seen >= FEWEST_SEEN) & (leaping >= SHARE_LEAPING * seen)
    return [int(frame) for frame in frames[1:][_highest(found, leap_m)]] if found.any() else []


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


def _unexplained(points: FloatArray, step_s: FloatArray) -> FloatArray:
    """Distance moved by points in excess of their mean velocity before and after, in m.

    Args:
        points: (n_points, 3, n_frames).
        step_s: (n_frames - 1,).

    Returns:
        (n_points, n_frames - 1).
    """
    step = np.diff(points)
    velocity = step / step_s
    before, after = np.roll(velocity, 1, axis=2), np.roll(velocity, -1, axis=2)
    before[..., 0], after[..., -1] = after[..., 0], before[..., -1]
    before, after = np.where(np.isnan(before), after, before), np.where(np.isnan(after), before, after)
    return lengths(step - step_s * (before + after) / 2)


def _highest(found: BoolArray, leap_m: FloatArray) -> BoolArray:
    """Only the farthest of neighboring leaps, because a leap changes the velocities beside it too, (n_frames - 1,)."""
    far_m = np.where(found, np.nansum(leap_m, axis=0), 0.0)
    padded = np.pad(far_m, 1)
    return found & (far_m >= padded[:-2]) & (far_m > padded[2:])
