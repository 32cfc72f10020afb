"""Repairs left and right: exchanges keypoints back in the frames in which they were exchanged.

The guard judges single frames, and cannot judge all of them, for example where the knees touch. But where an exchange
begins and ends, all of its keypoints jump to the places of the other side at once. Between two such moments either all
frames are exchanged or none.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from trcaugment.chain.checks.swaps import PARTS, ankles_gain, exchanged_frames
from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray

# Share of the frames between two moments that must look exchanged.
LEAST_SHARE = 0.3


def repair_sides(positions: FloatArray, height_m: float) -> tuple[FloatArray, dict[str, BoolArray]]:
    """Exchange left and right back where they were exchanged.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        height_m: the person's height.

    Returns:
        the repaired keypoints, (n_frames, 15, 3), and which frames were repaired, by part of the body, (n_frames,).
    """
    repaired = positions
    done: dict[str, BoolArray] = {}
    for part in PARTS:
        # Judged again for each part: after the whole body was repaired, the legs may still be exchanged.
        looks = exchanged_frames(repaired, height_m)[part]
        if looks.any():
            if part == "ankles and feet":  # once some are found, the guard's margin is not needed
                looks = ankles_gain(repaired) > 0
            frames = _between_moments(repaired, part, looks)
            repaired = np.where(frames[:, None, None], exchange(repaired, part), repaired)
            done[part] = frames
    return repaired, {part: frames for part, frames in done.items() if frames.any()}


def exchange(positions: FloatArray, part: str) -> FloatArray:
    """Keypoints with left and right of a part of the body exchanged in all frames, (n_frames, 15, 3)."""
    order = np.arange(len(KEYPOINTS))
    for kind in PARTS[part]:
        right, left = KEYPOINTS.both(kind)
        order[[right, left]] = left, right
    return positions[:, order]


def _between_moments(positions: FloatArray, part: str, looks: BoolArray) -> BoolArray:
    """Runs of frames between moments of exchange of which enough frames look exchanged, (n_frames,)."""
    places = [KEYPOINTS.both(kind) for kind in PARTS[part]]
    right, left = (positions[:, [pair[side] for pair in places]] for side in range(2))
    stays, goes = (
        np.nansum(np.linalg.norm(to_right - right[:-1], axis=2) + np.linalg.norm(to_left - left[:-1], axis=2), axis=1)
        for to_right, to_left in ((right[1:], left[1:]), (left[1:], right[1:]))
    )
    moments = np.flatnonzero(goes < stays) + 1
    frames = np.zeros(len(looks), dtype=np.bool_)
    for start, stop in pairwise([0, *moments.tolist(), len(looks)]):
        frames[start:stop] = looks[start:stop].mean() >= LEAST_SHARE
    return frames
