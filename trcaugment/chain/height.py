"""Estimates body height from the lengths of trunk, thighs and shanks, with a 95 % interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trcaugment.chain.signals import by_known, medians
from trcaugment.errors import MarkersError
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray
from trcaugment.subject import HEIGHT_RANGE_M

# Segment -> the two points at its ends; "hips" is the midpoint of the hips.
SEGMENTS = {
    "right thigh": ("RHip", "RKnee"),
    "left thigh": ("LHip", "LKnee"),
    "right shank": ("RKnee", "RAnkle"),
    "left shank": ("LKnee", "LAnkle"),
    "right foot": ("RHeel", "RBigToe"),
    "left foot": ("LHeel", "LBigToe"),
    "pelvis": ("RHip", "LHip"),
    "shoulders": ("RShoulder", "LShoulder"),
    "trunk": ("hips", "Neck"),
}

# Height is a product of powers of three lengths. The exponents add up to one, so that height scales with body size.
# Fitted to generated people: python benchmarks/guards.py --limits
_EXPONENTS = {"trunk": 0.26, "thigh": 0.36, "shank": 0.38}
_FACTOR = 4.00
_MEASURED = [name for name in SEGMENTS if name.split()[-1] in _EXPONENTS]
# Half width of the 95 % interval among generated people, as a share of height: python benchmarks/guards.py
_ERROR_SHARE = 0.06
# Bent thighs and rounded backs look too short to detectors, so an upper quantile of blocks of frames is near the truth.
_BLOCK_FRAMES = 15
_QUANTILE = 0.75


@dataclass(frozen=True)
class HeightEstimate:
    """Height estimated from keypoints.

    Attributes:
        height_m: the estimate in m.
        error_m: half width of its 95 % interval in m.
    """

    height_m: float
    error_m: float


def segment_lengths(positions: FloatArray) -> FloatArray:
    """Lengths of body segments, in the order of `SEGMENTS`.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.

    Returns:
        lengths in m, (n_frames, 9), NaN where an end is missing.
    """
    hips = positions[:, KEYPOINTS.both("Hip")].mean(axis=1)
    points = {name: positions[:, k] for k, name in enumerate(KEYPOINTS)} | {"hips": hips}
    return np.stack([np.linalg.norm(points[end] - points[start], axis=1) for start, end in SEGMENTS.values()], axis=1)


def estimate_height(positions: FloatArray) -> HeightEstimate:
    """Estimate body height from the lengths of trunk, thighs and shanks, whatever the posture and orientation.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.

    Raises:
        MarkersError: trunk, thighs or shanks are never complete, or the estimate is outside `HEIGHT_RANGE_M`.
    """
    return height_of(segment_lengths(positions))


def height_of(lengths: FloatArray) -> HeightEstimate:
    """`estimate_height` from the lengths of `segment_lengths`, (n_frames, 9); raises the same."""
    seen = usual_lengths_m(lengths)
    unseen = [kind for kind, length_m in seen.items() if not np.isfinite(length_m)]
    if unseen:
        raise MarkersError(
            f"expected frames with both ends of trunk, thigh and shank to estimate height from, found none of the "
            f"{' and '.join(unseen)}; state the height"
        )
    height_m = _FACTOR * math.prod(seen[kind] ** exponent for kind, exponent in _EXPONENTS.items())
    low_m, high_m = HEIGHT_RANGE_M
    if not low_m <= height_m <= high_m:
        raise MarkersError(
            f"expected keypoints of a person of {low_m:g} to {high_m:g} m, found lengths of one of {height_m:.3g} m; "
            "is the file's unit right?"
        )
    return HeightEstimate(height_m, _ERROR_SHARE * height_m)


def usual_lengths_m(lengths: FloatArray) -> dict[str, float]:
    """Typical lengths in m of trunk, thigh and shank: mean of the sides present; NaN if there is none.

    Args:
        lengths: from `segment_lengths`, (n_frames, 9).
    """
    usual = {}
    long_m = dict(zip(_MEASURED, _long(lengths[:, [list(SEGMENTS).index(name) for name in _MEASURED]]), strict=True))
    for kind in _EXPONENTS:
        sides = [float(long_m[name]) for name in _MEASURED if name.endswith(kind) and np.isfinite(long_m[name])]
        usual[kind] = sum(sides) / len(sides) if sides else math.nan
    return usual


def _long(lengths: FloatArray) -> FloatArray:
    """Upper quantile of medians of blocks of frames: robust against noise and short disturbances.

    Args:
        lengths: (n_frames, k), NaN where an end is missing.

    Returns:
        (k,), NaN for a length that is never known.
    """
    long_m = np.full(lengths.shape[1], np.nan)
    for columns, known, places in by_known(lengths.T[:, None]):
        if len(places):
            n_blocks = max(len(places) // _BLOCK_FRAMES, 1)
            blocks = known[:, 0, : n_blocks * _BLOCK_FRAMES].reshape(len(columns), n_blocks, -1)
            long_m[columns] = np.quantile(medians(blocks), _QUANTILE, axis=1)
    return long_m
