"""Arms: elbows and wrists, prepared for the model of the arms beside the rest of the body.

The markers of an arm are predicted where its shoulder, elbow and wrist are seen. Elsewhere they are NaN, and the other
arm is predicted as if this one were not there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trcaugment.chain.keypoints import ELBOWS_AND_WRISTS, find_arms
from trcaugment.chain.noise import smooth, white_noise
from trcaugment.chain.outliers import find_outliers
from trcaugment.chain.signals import BoolArray, fill_gaps, to_model_grid
from trcaugment.marker_sets import ARM_KEYPOINTS, ARM_MARKERS, KEYPOINTS, SIDES, TRUNK
from trcaugment.markers import FloatArray

if TYPE_CHECKING:
    from trcaugment.chain.preparation import PreparedTrial, Segment

_SHOULDERS, _ELBOWS, _WRISTS = (ARM_KEYPOINTS.both(part) for part in ("Shoulder", "Elbow", "Wrist"))
_OF_SIDE = [[k for k, mark in enumerate(ELBOWS_AND_WRISTS.landmarks) if mark.side == side] for side in SIDES]
_MARKERS_OF_SIDE = np.array([[mark.side == side for mark in ARM_MARKERS.landmarks] for side in SIDES])


@dataclass(frozen=True, eq=False)
class PreparedArms:
    """Elbows and wrists of a trial, ready for the model of the arms.

    Attributes:
        sources: keypoint -> name of the input marker that it was read from.
        derived: one sentence for each arm that is not in the file.
        outliers: whether each sample is an outlier, (n_frames, 4) in the order of `ELBOWS_AND_WRISTS`.
        filled: whether each sample was filled in a short gap, (n_frames, 4).
        missing: whether each sample was in a longer gap, (n_frames, 4).
        lost: whether each arm marker cannot be predicted, (n_frames, 8).
        noise_m: white noise of each keypoint, above which it is smoothed, (4,).
        segments: the trial's segments, with the keypoints of `ARM_KEYPOINTS`.
    """

    sources: dict[str, str]
    derived: tuple[str, ...]
    outliers: BoolArray
    filled: BoolArray
    missing: BoolArray
    lost: BoolArray
    noise_m: FloatArray
    segments: tuple[Segment, ...]


def prepare_arms(trial: PreparedTrial) -> PreparedArms:
    """Find elbows and wrists in a trial that is prepared, fill their short gaps, and join them to its segments.

    Raises:
        MarkerSetError: the file has neither arm whole, or several markers fit one keypoint.
    """
    found, how, time_s = find_arms(trial.markers), trial.how, trial.markers.time_s
    outliers = find_outliers(found.positions, time_s, ELBOWS_AND_WRISTS)
    trusted = found.positions if how.keep_outliers else np.where(outliers[:, :, None], np.nan, found.positions)
    positions, filled = trusted.copy(), np.zeros(outliers.shape, dtype=np.bool_)
    for segment in trial.segments:  # apart, because another person may follow
        frames = slice(*segment.span)
        positions[frames], filled[frames] = fill_gaps(trusted[frames], time_s[frames], how.max_gap_s)
    missing = np.asarray(np.isnan(positions).any(axis=2))
    shoulders = trial.missing[:, KEYPOINTS.both("Shoulder")]
    gone = np.stack([missing[:, points].any(axis=1) for points in _OF_SIDE], axis=1) | shoulders
    noise_m = white_noise(trusted, trial.markers.rate_hz)
    return PreparedArms(
        found.sources,
        found.derived,
        outliers,
        filled,
        missing,
        (gone @ _MARKERS_OF_SIDE) | trial.lost.all(axis=1, keepdims=True),
        noise_m,
        tuple(_with_arms(segment, positions, gone, noise_m) for segment in trial.segments),
    )


def _with_arms(segment: Segment, positions: FloatArray, gone: BoolArray, noise_m: FloatArray) -> Segment:
    """A segment with trunk and arms, from elbows and wrists of the trial, (n_frames, 4, 3), and missing arms."""
    frames = slice(*segment.span)
    on_grid = np.stack([np.interp(segment.grid, segment.frames, each) > 0 for each in gone[frames].T], axis=1)
    whole = np.stack([_without_gaps(points) for points in positions[frames].transpose(1, 0, 2)], axis=1)
    arms = smooth(to_model_grid(whole, segment.frames, segment.grid), noise_m)
    keypoints = np.concatenate([segment.keypoints[:, : len(TRUNK)], arms], axis=1)
    return replace(segment, keypoints=fold(keypoints, on_grid))


def _without_gaps(points: FloatArray) -> FloatArray:
    """Any numbers in place of NaN, continuous so that resampling does not ring, (n_frames, 3)."""
    seen = np.isfinite(points).all(axis=1)
    if not seen.any():
        return np.zeros_like(points)
    frame = np.arange(len(points))
    return np.stack([np.interp(frame, frame[seen], each[seen]) for each in points.T], axis=1)


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
