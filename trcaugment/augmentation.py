"""The chain: keypoints of a trial in, anatomical markers out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from trcaugment.errors import MarkersError
from trcaugment.marker_sets import KEYPOINTS, find_keypoints
from trcaugment.markers import FloatArray, Markers
from trcaugment.model import Model
from trcaugment.normalization import body_frame, make_features, to_lab
from trcaugment.signals import (
    BoolArray,
    Span,
    fill_gaps,
    find_gaps,
    find_segments,
    model_frames,
    model_grid,
    resample,
    to_model_grid,
)
from trcaugment.subject import Subject
from trcaugment.windows import blend, cut, window_starts

# From hips to neck is 0.27 to 0.32 of height in real files; a stooped child or a poor detector stays within this.
TRUNK_SHARE = (0.12, 0.6)


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Predicted markers, and what was done to get them.

    Attributes:
        markers: the 35 anatomical markers at the input's time stamps; NaN in frames where a keypoint is missing.
        sources: keypoint -> the input's name that it came from.
        derived: one sentence for each point computed from others.
        filled: short gaps that were filled, keypoint -> spans of frames (first, after last).
        missing: longer gaps that were not, keypoint -> spans of frames; no marker is predicted there.
    """

    markers: Markers
    sources: dict[str, str]
    derived: tuple[str, ...]
    filled: dict[str, list[Span]]
    missing: dict[str, list[Span]]


def augment(markers: Markers, subject: Subject, model: Model) -> Augmentation:
    """Predict the anatomical markers of a trial.

    Args:
        markers: the trial's keypoints, at any rate and under the names of any known pose model.
        subject: the person's height and mass.
        model: from `load_model`.

    Returns:
        The markers at the trial's own time stamps, with an account of derived, filled and missing keypoints.

    Raises:
        MarkerSetError: keypoints that the model needs are not in the file.
        MarkersError: the keypoints are far from the stated height (a wrong unit), or those of some frames are no body,
            because hips, shoulders and neck coincide.
    """
    keypoints = find_keypoints(markers)
    positions, invented = fill_gaps(keypoints.positions, markers.time_s)
    missing = np.asarray(np.isnan(positions).any(axis=2))
    _check_size(positions, subject, markers.unit)
    frames = model_frames(markers.time_s, model.card.rate_hz)
    predicted = np.full((markers.n_frames, len(model.card.outputs), 3), np.nan)
    for start, stop in find_segments(np.asarray(~missing.any(axis=1)), markers.time_s):
        try:
            predicted[start:stop] = _augment_segment(positions[start:stop], frames[start:stop], subject, model)
        except MarkersError as error:
            raise MarkersError(f"frames {start + 1}-{stop}: {error}") from None
    return Augmentation(
        Markers(model.card.outputs, predicted, markers.time_s, markers.unit),
        keypoints.sources,
        keypoints.derived,
        _spans(invented),
        _spans(missing),
    )


def _check_size(positions: FloatArray, subject: Subject, unit: str) -> None:
    """Refuses keypoints in another unit than the file says, or of somebody of another size altogether.

    Raises:
        MarkersError: the median distance from hips to neck is no person's of this height.
    """
    neck, right, left = (positions[:, KEYPOINTS.index(name)] for name in ("Neck", "RHip", "LHip"))
    trunk_m = np.linalg.norm(neck - (right + left) / 2, axis=1)
    seen_m = float(np.median(trunk_m[np.isfinite(trunk_m)])) if np.isfinite(trunk_m).any() else np.nan
    low_m, high_m = (share * subject.height_m for share in TRUNK_SHARE)
    if seen_m < low_m or seen_m > high_m:
        raise MarkersError(
            f"expected {low_m:.2g} to {high_m:.2g} m from hips to neck for a height of {subject.height_m:g} m, found "
            f"{seen_m:.2g} m; is the file's unit really {unit}, and is the height this person's?"
        )


def _augment_segment(positions: FloatArray, frames: FloatArray, subject: Subject, model: Model) -> FloatArray:
    """Markers in m for a run of complete frames: to the model's rate, through the windows and back.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        frames: place of every frame on the model's frame axis, (n_frames,).
        subject: the person.
        model: the model.
    """
    card = model.card
    grid = model_grid(frames)
    starts = window_starts(len(grid), length=card.window_frames, hop=card.hop_frames, first_frame=int(np.rint(grid[0])))
    windows = cut(to_model_grid(positions, frames, grid), starts, card.window_frames)
    blended = blend(_predict_windows(windows, subject, model), starts, len(grid))
    return resample(blended, grid, frames)


def _predict_windows(windows: FloatArray, subject: Subject, model: Model) -> FloatArray:
    """Markers in m in the lab for windows of keypoints in m, (n_windows, n_frames, n_points, 3) both."""
    keypoints = torch.from_numpy(windows)
    person = torch.ones(len(windows), dtype=keypoints.dtype)
    frame = body_frame(keypoints, person * subject.height_m)
    if not torch.isfinite(frame.rotation).all():
        raise MarkersError("expected a body, but hips, shoulders and neck lie on one line or in one point")
    targets = model.predict(make_features(keypoints, frame, person * subject.mass_kg))
    return to_lab(targets.reshape(*windows.shape[:2], -1, 3), frame).numpy()


def _spans(marked: BoolArray) -> dict[str, list[Span]]:
    """Runs of marked frames by keypoint, from (n_frames, 15)."""
    return {name: find_gaps(marked[:, k]) for k, name in enumerate(KEYPOINTS) if marked[:, k].any()}
