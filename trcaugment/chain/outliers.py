"""Finds outliers: samples of one keypoint that leap away from its path by decimeters for a frame or two, and back.

A run of samples is compared with the straight line from the sample before it to the sample after it. (This is Hampel's
filter with a line in place of the median, because a median lags behind fast feet.) The run is an outlier if all of it
is farther from the line than motion and noise explain, and if the path without it is smooth. A step that does not come
back is not an outlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from trcaugment.chain.checks.findings import Finding, listed, spans_of
from trcaugment.chain.signals import BoolArray, Index, by_known, by_points, lengths, medians
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


@dataclass(frozen=True, eq=False)
class _Paths:
    """Valid samples of keypoints that have them at the same times.

    Attributes:
        positions: positions in m, (n_keypoints, 3, n).
        time_s: time stamps in s, (n,).
        step_s: median time step in s.
        motion_m: how far motion at 30 Hz leaves the line between neighboring samples, in m, (n_keypoints,).
    """

    positions: FloatArray
    time_s: FloatArray
    step_s: float
    motion_m: FloatArray

    @property
    def longest(self) -> int:
        """The most samples in an outlier."""
        return max(LONGEST_FRAMES, round(LONGEST_S / self.step_s))

    @cached_property
    def line_m(self) -> FloatArray:
        """Distance of each sample from the line between its neighbors in m, (n_keypoints, n).

        The outer two repeat the next ones.
        """
        place, time_s = self.positions, self.time_s
        share = (time_s[1:-1] - time_s[:-2]) / (time_s[2:] - time_s[:-2])
        away_m = lengths(place[..., 1:-1] - place[..., :-2] - share * (place[..., 2:] - place[..., :-2]))
        return np.concatenate([away_m[:, :1], away_m, away_m[:, -1:]], axis=1)

    @cached_property
    def usual_m(self) -> FloatArray:
        """Usual such distance around each sample, (n_keypoints, n).

        The largest median of its half-second block and of the blocks beside it.
        """
        n = len(self.time_s)
        n_block = min(max(_FEWEST_IN_BLOCK, round(USUAL_S / self.step_s)), n)
        n_blocks = n // n_block
        of_blocks = medians(self.line_m[:, : n_blocks * n_block].reshape(-1, n_blocks, n_block))
        usual_m = of_blocks.copy()
        np.maximum(usual_m[:, 1:], of_blocks[:, :-1], out=usual_m[:, 1:])
        np.maximum(usual_m[:, :-1], of_blocks[:, 1:], out=usual_m[:, :-1])
        return np.asarray(usual_m[:, np.minimum(np.arange(n) // n_block, n_blocks - 1)])

    def only(self, rows: Index | slice, kept: BoolArray | slice = slice(None)) -> _Paths:
        """Some of the keypoints, without some of the samples."""
        return _Paths(self.positions[rows][..., kept], self.time_s[kept], self.step_s, self.motion_m[rows])


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
    step_s = float(medians(np.diff(time_s)))
    motion_m = np.array([MOTION_M.get(mark.part, FEET_M) for mark in keypoints.landmarks])
    for points, place in by_points(positions, range(len(keypoints))):
        for rows, own, frames in by_known(place):
            if len(frames) >= _FEWEST:
                which = points[0] + rows
                found[np.ix_(frames, which)] = _outliers(_Paths(own, time_s[frames], step_s, motion_m[which])).T
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


def _outliers(paths: _Paths) -> BoolArray:
    """All outliers, (n_keypoints, n): first those inside, and without them those at the ends."""
    wrong = _inside(paths)
    spoilt = wrong.any(axis=1)
    if not spoilt.all():
        wrong[~spoilt] = _at_ends(paths.only(np.flatnonzero(~spoilt)) if spoilt.any() else paths)
    for k in np.flatnonzero(spoilt):
        kept = np.flatnonzero(~wrong[k])
        if len(kept) >= _FEWEST:
            wrong[k, kept] = _at_ends(paths.only(slice(k, k + 1), ~wrong[k]))[0]
    return wrong


def _inside(paths: _Paths) -> BoolArray:
    """Outliers with samples on both sides, (n_keypoints, n)."""
    time_s, wrong = paths.time_s, np.zeros(paths.line_m.shape, dtype=np.bool_)
    # Candidates follow a sample that leaves its line: beside an outlier, it does so by half as much.
    if not (paths.line_m > LEAST_M / 3).any():
        return wrong
    place = paths.positions.transpose(1, 0, 2)
    noise_m = np.maximum(TIMES_USUAL * paths.usual_m, LEAST_M)
    rows, before = np.nonzero(paths.line_m[:, :-1] > noise_m[:, :-1] / 3)
    for length in range(1, paths.longest + 1):
        there = before + 1 + length < len(time_s)
        k, a = rows[there], before[there] + 1
        span_s = time_s[a + length] - time_s[a - 1]
        limit_m = np.maximum(noise_m[k, a], length * _motion(paths.motion_m[k], span_s / (length + 1)))
        away_m = np.full(len(a), np.inf)
        for step in range(length):
            share = (time_s[a + step] - time_s[a - 1]) / span_s
            line = (1 - share) * place[:, k, a - 1] + share * place[:, k, a + length]
            away_m = np.minimum(away_m, lengths(place[:, k, a + step] - line))
        far = away_m > limit_m
        k, a, away_m = k[far], a[far], away_m[far]
        steady = away_m > _unsteady(paths, (k, a), length)
        for step in range(length):
            wrong[k[steady], a[steady] + step] = True
    return wrong


def _unsteady(paths: _Paths, firsts: tuple[Index, Index], length: int) -> FloatArray:
    """How unsteady paths are without samples a to a + length - 1, in m: large if they belong to a step.

    Args:
        paths: the paths.
        firsts: keypoint k and sample a of each case.
        length: samples that are left out.
    """
    (k, a), place, time_s = firsts, paths.positions.transpose(1, 0, 2), paths.time_s
    last = len(time_s) - 1
    before, after = np.maximum(a - 2, 0), np.minimum(a + length + 1, last)
    earlier = (place[:, k, a - 1] - place[:, k, before]) / np.maximum(time_s[a - 1] - time_s[before], _NO_TIME_S)
    later = (place[:, k, after] - place[:, k, a + length]) / np.maximum(time_s[after] - time_s[a + length], _NO_TIME_S)
    # Next to the first and the last sample only one velocity is known.
    velocity = np.where(a == 1, later, np.where(a + length == last, earlier, (earlier + later) / 2))
    step = place[:, k, a + length] - place[:, k, a - 1]
    return lengths(step - velocity * (time_s[a + length] - time_s[a - 1]))


def _at_ends(paths: _Paths) -> BoolArray:
    """Outliers at both ends of the trial and beside gaps, by extrapolating the motion in a straight line.

    Returns:
        Whether each sample is one, (n_keypoints, n).
    """
    wrong = np.zeros(paths.line_m.shape, dtype=np.bool_)
    breaks = np.flatnonzero(np.diff(paths.time_s) > 2.5 * paths.step_s) + 1
    for start, stop in pairwise([0, *breaks.tolist(), len(paths.time_s)]):
        order = np.arange(start, stop)
        for length in range(1, 1 + min(paths.longest, len(order) - _FEWEST)):
            for ends in (order[: length + 2], order[::-1][: length + 2]):
                wrong[:, ends[:length]] |= _end_is_wrong(paths, ends)[:, None]
    return wrong


def _end_is_wrong(paths: _Paths, ends: Index) -> BoolArray:
    """Whether all samples but the last two in an order are far from where these two lead, (n_keypoints,)."""
    place, time_s, length = paths.positions[:, :, ends], paths.time_s[ends], len(ends) - 2
    inner, next_ = place[:, :, length], place[:, :, length + 1]
    speed = (next_ - inner) / (time_s[length + 1] - time_s[length])
    led = inner[:, :, None] + speed[:, :, None] * (time_s[:length] - time_s[length])
    away_m = lengths(place[:, :, :length] - led).min(axis=1)
    far = away_m > np.maximum(LEAST_M, 2 * length * _motion(paths.motion_m, np.array(paths.step_s)))
    if far.any():
        far &= away_m > END_TIMES_USUAL * paths.usual_m[:, ends[length]]
    return np.asarray(far)


def _motion(motion_m: FloatArray, step_s: FloatArray) -> FloatArray:
    return np.asarray(motion_m * (step_s / MOTION_STEP_S) ** MOTION_POWER)
