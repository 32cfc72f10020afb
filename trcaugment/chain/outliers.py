"""Finds outliers: samples of one keypoint that leap away from its path by decimeters for a frame or two, and back.

A run of samples is compared with the straight line from the sample before it to the sample after it. (This is Hampel's
filter with a line in place of the median, because a median lags behind fast feet.) The run is an outlier if all of it
is farther from the line than motion and noise explain, and if the path without it is smooth. A step that does not come
back is not an outlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trcaugment.chain.checks.findings import Finding, listed, spans_of
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS, MarkerSet
from trcaugment.markers import FloatArray

# Smallest distance of an outlier from the line, in m: detectors and inverse kinematics err by as much for a frame.
LEAST_M = 0.16
# Longest outlier: in frames, or in s if the rate is high.
LONGEST_FRAMES = 2
LONGEST_S = 0.05
# Smallest ratio to the usual distance at that time; white noise reaches 3.6 in a million samples.
TIMES_USUAL = 5.0
# At the ends, motion is extrapolated from one side, which doubles the effect of noise.
END_TIMES_USUAL = 8.0
USUAL_S = 0.5
# How far human motion leaves the line between neighboring samples at 30 Hz, in m, and how that grows with the time
# step: 1.3 times the extremes of sprints, jumps and generated trials at 10 to 60 Hz (python benchmarks/guards.py).
MOTION_M = {"Neck": 0.08, "Shoulder": 0.08, "Hip": 0.08, "Knee": 0.12, "Ankle": 0.17}
FEET_M = 0.20
MOTION_STEP_S = 1 / 30
MOTION_POWER = 1.4
_FEWEST = 6  # samples of a keypoint that is checked
_FEWEST_IN_BLOCK = 8
_NO_TIME_S = 1e-9

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Path:
    """Valid samples of a keypoint.

    Attributes:
        positions: positions in m, (3, n).
        time_s: time stamps in s, (n,).
        step_s: median time step in s.
        motion_m: how far motion at 30 Hz leaves the line between neighboring samples, in m.
        line_m: distance of each sample from the line between its neighbors in m, (n,).
        usual_m: usual such distance around each sample in m, (n,).
    """

    positions: FloatArray
    time_s: FloatArray
    step_s: float
    motion_m: float
    line_m: FloatArray
    usual_m: FloatArray

    @property
    def longest(self) -> int:
        """The most samples in an outlier."""
        return max(LONGEST_FRAMES, round(LONGEST_S / self.step_s))


def find_outliers(positions: FloatArray, time_s: FloatArray, keypoints: MarkerSet = KEYPOINTS) -> BoolArray:
    """Find the samples that are outliers.

    Args:
        positions: keypoints in m, (n_frames, n_keypoints, 3), NaN where missing.
        time_s: increasing time stamps in s, (n_frames,).
        keypoints: what they are called.

    Returns:
        Whether each sample is an outlier, (n_frames, n_keypoints); missing samples are not.
    """
    found = np.zeros(positions.shape[:2], dtype=np.bool_)
    if len(time_s) < _FEWEST:
        return found
    step_s = float(np.median(np.diff(time_s)))
    for k, mark in enumerate(keypoints.landmarks):
        place = np.ascontiguousarray(positions[:, k].T)
        frames = np.flatnonzero(np.isfinite(place.sum(axis=0)))
        motion_m = MOTION_M.get(mark.part, FEET_M)
        if len(frames) < _FEWEST:
            continue
        path = _path(place if len(frames) == len(time_s) else place[:, frames], time_s[frames], step_s, motion_m)
        wrong = _inside(path)
        if wrong.any():
            found[frames[wrong], k] = True
            frames = frames[~wrong]
            if len(frames) < _FEWEST:
                continue
            path = _path(place[:, frames], time_s[frames], step_s, motion_m)
        found[frames[_at_ends(path)], k] = True
    return found


def watch_outliers(outliers: BoolArray, time_s: FloatArray, *, kept: bool) -> list[Finding]:
    """A finding on outliers, if there are any.

    Args:
        outliers: from `find_outliers`, (n_frames, 15).
        time_s: time stamps in s, (n_frames,).
        kept: whether they were left as they are.
    """
    if not outliers.any():
        return []
    n_frames = outliers.sum(axis=0)
    parts = [
        f"{KEYPOINTS.names[k]} ({n_frames[k]} of {len(outliers)} frames)"
        for k in np.argsort(-n_frames, kind="stable")
        if n_frames[k]
    ]
    done = "they were left as they are" if kept else "they were treated as gaps"
    message = f"expected keypoints on smooth paths, found some that leap away and back: {listed(parts)}; {done}"
    return [Finding("outliers", message, spans_of(np.asarray(outliers.any(axis=1)), time_s))]


def _path(positions: FloatArray, time_s: FloatArray, step_s: float, motion_m: float) -> _Path:
    line_m = _from_line(positions, time_s)
    return _Path(positions, time_s, step_s, motion_m, line_m, _usual(line_m, step_s))


def _inside(path: _Path) -> BoolArray:
    """Outliers with samples on both sides, (n,)."""
    place, time_s = path.positions, path.time_s
    n = len(time_s)
    wrong = np.zeros(n, dtype=np.bool_)
    noise_m = np.maximum(TIMES_USUAL * path.usual_m, LEAST_M)
    # Candidates follow a sample that leaves its line: beside an outlier, it does so by half as much.
    firsts = 1 + np.flatnonzero(path.line_m[:-1] > noise_m[:-1] / 3)
    if not len(firsts):
        return wrong
    for length in range(1, path.longest + 1):
        a = firsts[firsts + length < n]
        span_s = time_s[a + length] - time_s[a - 1]
        limit_m = np.maximum(noise_m[a], length * _motion(path.motion_m, span_s / (length + 1)))
        away_m = np.full(len(a), np.inf)
        for step in range(length):
            share = (time_s[a + step] - time_s[a - 1]) / span_s
            line = (1 - share) * place[:, a - 1] + share * place[:, a + length]
            away_m = np.minimum(away_m, _norm(place[:, a + step] - line))
        far = away_m > limit_m
        a, away_m = a[far], away_m[far]
        a = a[away_m > _unsteady(path, a, length)]
        for step in range(length):
            wrong[a + step] = True
    return wrong


def _unsteady(path: _Path, a: Index, length: int) -> FloatArray:
    """How unsteady the path is without samples a to a + length - 1, in m: large if they belong to a step."""
    place, time_s, last = path.positions, path.time_s, len(path.time_s) - 1
    before, after = np.maximum(a - 2, 0), np.minimum(a + length + 1, last)
    earlier = (place[:, a - 1] - place[:, before]) / np.maximum(time_s[a - 1] - time_s[before], _NO_TIME_S)
    later = (place[:, after] - place[:, a + length]) / np.maximum(time_s[after] - time_s[a + length], _NO_TIME_S)
    # Next to the first and the last sample only one velocity is known.
    velocity = np.where(a == 1, later, np.where(a + length == last, earlier, (earlier + later) / 2))
    step = place[:, a + length] - place[:, a - 1]
    return _norm(step - velocity * (time_s[a + length] - time_s[a - 1]))


def _at_ends(path: _Path) -> BoolArray:
    """Outliers at both ends of the trial and beside gaps, by extrapolating the motion in a straight line, (n,)."""
    wrong = np.zeros(len(path.time_s), dtype=np.bool_)
    breaks = np.flatnonzero(np.diff(path.time_s) > 2.5 * path.step_s) + 1
    longest = path.longest
    for start, stop in pairwise([0, *breaks.tolist(), len(wrong)]):
        for order in (np.arange(start, stop), np.arange(start, stop)[::-1]):
            for length in range(min(longest, len(order) - _FEWEST), 0, -1):
                if _end_is_wrong(path, order, length):
                    wrong[order[:length]] = True
                    break
    return wrong


def _end_is_wrong(path: _Path, order: Index, length: int) -> bool:
    """Whether the first samples in an order are all far from where the next two samples lead."""
    inner, next_, ends = order[length], order[length + 1], order[:length]
    speed = (path.positions[:, next_] - path.positions[:, inner]) / (path.time_s[next_] - path.time_s[inner])
    led = path.positions[:, inner, None] + speed[:, None] * (path.time_s[ends] - path.time_s[inner])
    motion_m = 2 * length * float(_motion(path.motion_m, np.array(path.step_s)))
    limit_m = max(LEAST_M, END_TIMES_USUAL * float(path.usual_m[inner]), motion_m)
    return bool(_norm(path.positions[:, ends] - led).min() > limit_m)


def _from_line(positions: FloatArray, time_s: FloatArray) -> FloatArray:
    """Distance of every sample from the line between its neighbors in m, (n,); the outer two repeat the next ones."""
    share = (time_s[1:-1] - time_s[:-2]) / (time_s[2:] - time_s[:-2])
    away_m = _norm(positions[:, 1:-1] - positions[:, :-2] - share * (positions[:, 2:] - positions[:, :-2]))
    return np.pad(away_m, 1, mode="edge")


def _usual(away_m: FloatArray, step_s: float) -> FloatArray:
    """Usual distance around each sample, (n,): largest median of its half-second block and of the blocks beside it."""
    n = len(away_m)
    n_block = min(max(_FEWEST_IN_BLOCK, round(USUAL_S / step_s)), n)
    n_blocks = n // n_block
    medians = np.median(away_m[: n_blocks * n_block].reshape(n_blocks, n_block), axis=1)
    padded = np.pad(medians, 1, mode="edge")
    usual_m = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    block = np.minimum(np.arange(n) // n_block, n_blocks - 1)
    return np.asarray(usual_m[block])


def _motion(motion_m: float, step_s: FloatArray) -> FloatArray:
    return np.asarray(motion_m * (step_s / MOTION_STEP_S) ** MOTION_POWER)


def _norm(vectors: FloatArray) -> FloatArray:
    """Lengths of vectors, from (3, n)."""
    return np.asarray(np.sqrt((vectors**2).sum(axis=0)))
