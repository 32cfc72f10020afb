"""Guard of segment lengths: impossible for the height, different on both sides, jumping, or drifting within the trial.

Limits are near the extremes of generated trials, which have a detector's offsets, soft-tissue shifts, drift and noise,
widened where recordings of real people go farther: `python benchmarks/guards.py --limits`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trcaugment.chain.checks.findings import Finding, frames_in, lasting, listed, medians_of, spans_of
from trcaugment.chain.height import SEGMENTS
from trcaugment.chain.signals import BoolArray
from trcaugment.markers import FloatArray

LASTING_S = 0.1
# Trials shorter than this are not checked for drift.
DRIFT_S = 1.0


class Limits(NamedTuple):
    """Limits of a segment's length.

    Attributes:
        share: lowest and highest median of a trial, as a share of height.
        sides: highest ratio of the longer to the shorter side.
        jump: lowest and highest length in some frames, as a ratio to the trial's median.
        drift: highest ratio of the last third of a trial to its first third, or the reverse.
    """

    share: tuple[float, float]
    sides: float
    jump: tuple[float, float]
    drift: float


LIMITS = {
    "thigh": Limits((0.150, 0.290), 1.28, (0.60, 1.50), 1.35),
    "shank": Limits((0.185, 0.285), 1.14, (0.75, 1.25), 1.08),
    "foot": Limits((0.085, 0.180), 1.30, (0.10, 1.50), 1.90),
    "pelvis": Limits((0.085, 0.195), 1.00, (0.65, 1.35), 1.18),
    "shoulders": Limits((0.120, 0.280), 1.00, (0.65, 1.35), 1.20),
    "trunk": Limits((0.190, 0.355), 1.00, (0.55, 1.50), 1.45),
}
_KINDS = [name.split()[-1] for name in SEGMENTS]
_PAIRS = [(k, k + 1) for k, name in enumerate(SEGMENTS) if name.startswith("right")]


def watch_segments(lengths: FloatArray, time_s: FloatArray, height_m: float) -> list[Finding]:
    """Find segments whose lengths do not fit the height, differ between sides, jump or drift.

    Args:
        lengths: from `segment_lengths`, (n_frames, 9), NaN where an end is missing.
        time_s: time stamps in s, (n_frames,).
        height_m: the person's height.
    """
    names = list(SEGMENTS)
    median_m = medians_of(lengths)
    always = [*_impossible(median_m / height_m, names), *_uneven(median_m, names), *_drifting(lengths, time_s, names)]
    ratio = lengths / median_m
    low, high = (np.array([LIMITS[kind].jump[end] for kind in _KINDS]) for end in range(2))
    jumps: BoolArray = lasting((ratio < low) | (ratio > high), frames_in(LASTING_S, time_s))
    jumping = [_jumped(names[k], ratio[jumps[:, k], k]) for k in np.flatnonzero(jumps.any(axis=0))]
    if not always and not jumping:
        return []
    return [
        Finding(
            "segments",
            f"expected lengths that a body has and keeps, found {listed([*always, *jumping])}; look at the keypoints "
            "at their ends",
            [] if always else spans_of(np.asarray(jumps.any(axis=1)), time_s),
        )
    ]


def _impossible(share: FloatArray, names: list[str]) -> list[str]:
    parts = []
    for name, kind, value in zip(names, _KINDS, share, strict=True):
        low, high = LIMITS[kind].share
        if value < low or value > high:
            parts.append(f"{name} {value:.3f} of height ({low:g} to {high:g})")
    return parts


def _uneven(median_m: FloatArray, names: list[str]) -> list[str]:
    parts = []
    for right, left in _PAIRS:
        ratio = median_m[right] / median_m[left]
        longest = LIMITS[_KINDS[right]].sides
        if ratio > longest or ratio < 1 / longest:
            parts.append(f"{names[right]} {ratio:.2f} times the left ({1 / longest:.2f} to {longest:g})")
    return parts


def _drifting(lengths: FloatArray, time_s: FloatArray, names: list[str]) -> list[str]:
    if time_s[-1] - time_s[0] < DRIFT_S:
        return []
    n_third = len(lengths) // 3
    ratios = medians_of(lengths[-n_third:]) / medians_of(lengths[:n_third])  # a length may be zero
    parts = []
    for name, kind, ratio in zip(names, _KINDS, ratios, strict=True):
        most = LIMITS[kind].drift
        if ratio > most or ratio < 1 / most:
            parts.append(f"{name} {ratio:.2f} times as long at the end as at the start ({1 / most:.2f} to {most:g})")
    return parts


def _jumped(name: str, ratio: FloatArray) -> str:
    farthest = ratio[np.argmax(np.abs(np.log(ratio)))]
    return f"{name} {farthest:.2f} times its usual length"
