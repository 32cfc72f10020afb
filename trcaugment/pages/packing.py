"""Numbers as text in a page: positions as whole steps of a tenth of a millimetre, in two bytes each."""

from __future__ import annotations

import base64

import msgspec
import numpy as np

from trcaugment.markers import FloatArray

FINEST_M = 1e-4  # a tenth of a millimetre: finer than any motion capture
_MOST_STEPS = 32767
_MISSING = -32768


class Packed(msgspec.Struct, frozen=True):
    """Positions in a page.

    Attributes:
        center_m: the point from which positions count, (3,).
        step_m: what one step is, in m; positions are off by half of it at most.
        data: little-endian int16 steps in base64, frame by frame, marker by marker; -32768 where missing.
    """

    center_m: tuple[float, float, float]
    step_m: float
    data: str


def pack(positions: FloatArray) -> Packed:
    """Pack positions.

    Args:
        positions: in m, (n_frames, n_markers, 3), NaN where missing.

    Returns:
        Positions in steps of 0.1 mm; in coarser ones if they are more than 3.27 m from the center of the trial.
    """
    points = positions.reshape(-1, 3)
    points = points[np.isfinite(points).all(axis=1)]
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(3), np.zeros(3))
    center = (low + high) / 2
    step_m = max(FINEST_M, float((high - low).max()) / 2 / _MOST_STEPS)
    known = np.isfinite(positions).all(axis=2, keepdims=True)
    steps = np.where(known, np.rint((positions - center) / step_m), _MISSING).astype("<i2")
    return Packed(
        (float(center[0]), float(center[1]), float(center[2])), step_m, base64.b64encode(steps.tobytes()).decode()
    )


def pack_millimeters(values: FloatArray) -> str:
    """Whole millimetres up to 254, (n_frames, n_markers), as bytes in base64; 255 where unknown."""
    whole = np.where(np.isfinite(values), np.rint(np.clip(values, 0, 254)), 255).astype(np.uint8)
    return base64.b64encode(whole.tobytes()).decode()
