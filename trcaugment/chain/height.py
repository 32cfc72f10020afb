"""Estimates body height from the lengths of trunk, thighs and shanks, with a 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
# Half width of the 95 % interval among generated people, as a share of height: python benchmarks/guards.py
_ERROR_SHARE = 0.055
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
    lengths = segment_lengths(positions)
    seen = {kind: usual_length_m(kind, lengths) for kind in _EXPONENTS}
    unseen = [kind for kind, length_m in seen.items() if not np.isfinite(length_m)]
    if unseen:
        raise MarkersError(
            f"expected frames with both ends of trunk, thigh and shank to estimate height from, found none of the "
            f"{' and '.join(unseen)}; state the height"
        )
    height_m = _FACTOR * float(np.prod([seen[kind] ** exponent for kind, exponent in _EXPONENTS.items()]))
    low_m, high_m = HEIGHT_RANGE_M
    if not low_m <= height_m <= high_m:
        raise MarkersError(
            f"expected keypoints of a person of {low_m:g} to {high_m:g} m, found lengths of one of {height_m:.3g} m; "
            "is the file's unit right?"
        )
    return HeightEstimate(height_m, _ERROR_SHARE * height_m)


def usual_length_m(kind: str, lengths: FloatArray) -> float:
    """Typical length in m of a kind of segment: mean of the sides present; NaN if there is none.

    Args:
        kind: last word of the segment's name in `SEGMENTS`.
        lengths: from `segment_lengths`, (n_frames, 9).
    """
    sides = [_long(lengths[:, k]) for k, name in enumerate(SEGMENTS) if name.endswith(kind)]
    seen = [length_m for length_m in sides if np.isfinite(length_m)]
    return float(np.mean(seen)) if seen else float("nan")


def _long(length_m: FloatArray) -> float:
    """Upper quantile of medians of blocks of frames, from (n_frames,): robust against noise and short disturbances."""
    finite = length_m[np.isfinite(length_m)]
    if not len(finite):
        return float("nan")
    n_blocks = max(len(finite) // _BLOCK_FRAMES, 1)
    kept = finite[: n_blocks * _BLOCK_FRAMES].reshape(n_blocks, -1)
    return float(np.quantile(np.median(kept, axis=1), _QUANTILE))
