"""Guard of frozen keypoints: samples repeated while the rest of the body moves."""

from __future__ import annotations

import numpy as np

from trcaugment.chain.checks.findings import Finding, frames_in, lasting, listed, spans_of
from trcaugment.chain.signals import BoolArray, Span, by_points, find_gaps
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray

# Step in m, per axis, up to which a keypoint counts as still. Files have five decimals of a metre, and even filtered
# keypoints of a standing person move more: benchmarks/guards.py
STILL_M = 2e-5
LEAST_S = 0.2
# While a keypoint is still, the median movement of all keypoints must be larger than this for it to be a finding.
MOVING_M = 0.01
# If this many keypoints are still together, the video froze.
MOST_AT_ONCE = 12
# In a file rounded more coarsely than this, slow keypoints repeat samples without being frozen.
COARSE_M = 1.5e-4
_NO_STEP_M = 1e-9  # rounding of floating-point numbers


def watch_still(positions: FloatArray, time_s: FloatArray) -> list[Finding]:
    """Find keypoints that stay in place for 0.2 s or more while others move, or nearly all of them together.

    Args:
        positions: keypoints in m, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
    """
    if len(positions) < 2:
        return []
    coarse, is_still = True, []
    for _, place in by_points(positions, range(positions.shape[1])):
        step_m = np.abs(np.diff(place))
        coarse &= bool(step_m.min(where=step_m > _NO_STEP_M, initial=np.inf) > COARSE_M)
        is_still.append(step_m.max(axis=1) <= STILL_M)
    still = lasting(np.concatenate(is_still).T, frames_in(LEAST_S, time_s))
    if not still.any():
        return []
    odd: BoolArray = np.zeros(positions.shape[:2], dtype=np.bool_)
    for k in np.flatnonzero(still.any(axis=0)):
        for span in find_gaps(still[:, k]):
            if _should_move(positions, still, span, coarse):
                odd[span[0] : span[1] + 1, k] = True
    if not odd.any():
        return []
    n_odd = odd.sum(axis=0)
    parts = [
        f"{KEYPOINTS.names[k]} ({n_odd[k]} of {len(positions)} frames)"
        for k in np.argsort(-n_odd, kind="stable")
        if n_odd[k]
    ]
    return [
        Finding(
            "frozen",
            f"expected keypoints that move, found some that stand still: {listed(parts)}; the "
            "detector or the file repeats samples there",
            spans_of(np.asarray(odd.any(axis=1)), time_s),
        )
    ]


def _should_move(positions: FloatArray, still: BoolArray, span: Span, coarse: bool) -> bool:
    """Whether stillness in a span of steps is a finding: most other keypoints move, or the video froze."""
    start, stop = span
    if still[start:stop].all(axis=0).sum() >= MOST_AT_ONCE:
        return True
    if coarse:
        return False
    others = positions[start : stop + 1]
    moved_m = np.linalg.norm(others.max(axis=0) - others.min(axis=0), axis=1)
    return bool(np.median(np.where(np.isnan(moved_m), 0.0, moved_m)) > MOVING_M)
