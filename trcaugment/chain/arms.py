"""Arms: reads elbows and wrists, and prepares them for a model of the arms beside the rest of the body."""

from __future__ import annotations

from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import ARM_KEYPOINTS, SIDES
from trcaugment.markers import FloatArray

_SHOULDERS, _ELBOWS, _WRISTS = (ARM_KEYPOINTS.both(part) for part in ("Shoulder", "Elbow", "Wrist"))


def fold(keypoints: FloatArray, gone: BoolArray) -> FloatArray:
    """Put elbow and wrist of a missing arm at its shoulder: the model has learnt to take that for a missing arm.

    Args:
        keypoints: positions of `ARM_KEYPOINTS`, (..., 9, 3).
        gone: whether the right and the left arm are missing, (..., 2).
    """
    folded = keypoints.copy()
    for k in range(len(SIDES)):
        for point in (_ELBOWS[k], _WRISTS[k]):
            folded[..., point, :][gone[..., k]] = keypoints[..., _SHOULDERS[k], :][gone[..., k]]
    return folded
