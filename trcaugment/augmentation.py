"""The chain: keypoints of a trial in, anatomical markers out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trcaugment.errors import MarkersError, ModelError
from trcaugment.guards import check_rate, check_size, outside_population, without_body
from trcaugment.marker_sets import KEYPOINTS, Keypoints, find_keypoints
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
from trcaugment.windows import add_windows, blend_weights, cut, window_starts

# Windows in memory at once, so that an hour of video needs no more than a minute does.
_BLOCK_WINDOWS = 1024


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Predicted markers, and what was done to get them.

    Attributes:
        markers: the 35 anatomical markers at the input's time stamps; NaN in frames where a keypoint is missing.
        sources: keypoint -> the input's name that it came from.
        derived: one sentence for each point computed from others.
        filled: short gaps that were filled, keypoint -> spans of frames (first, after last).
        missing: longer gaps that were not, keypoint -> spans of frames; no marker is predicted there.
        odd: spans of frames whose keypoints are no body of this height; no marker is predicted there either.
        notes: what else the user should know, one sentence each.
    """

    markers: Markers
    sources: dict[str, str]
    derived: tuple[str, ...]
    filled: dict[str, list[Span]]
    missing: dict[str, list[Span]]
    odd: list[Span]
    notes: tuple[str, ...]


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
        MarkersError: the trial is slower than 10 Hz, its keypoints are far from the stated height (a wrong unit), or
            no frame has all keypoints.
    """
    trial = _prepare(markers, subject)
    predicted = _through_windows(
        trial, model, lambda windows: predict_windows(*_batch(windows, subject), model).numpy()
    )
    return Augmentation(
        Markers(model.card.outputs, predicted, markers.time_s, markers.unit),
        trial.keypoints.sources,
        trial.keypoints.derived,
        _spans(trial.invented),
        _spans(trial.missing),
        find_gaps(trial.odd),
        tuple(outside_population(subject, model.card)),
    )


def attend(markers: Markers, subject: Subject, model: Model) -> FloatArray:
    """How much the model looks at every keypoint in every frame of a trial; windows are blended as predictions are.

    Args:
        markers: as for `augment`.
        subject: the person's height and mass.
        model: one with spatial attention.

    Returns:
        Attention weights, summing to one in every frame, NaN where nothing is predicted, (n_frames, 15).

    Raises:
        MarkerSetError: as `augment` does.
        MarkersError: as `augment` does.
        ModelError: the model has no spatial attention.
    """
    if not model.card.sizes.spatial_attention:
        raise ModelError(f"expected a model with spatial attention, found none in {model.card.name}; choose another")
    return _through_windows(
        _prepare(markers, subject),
        model,
        lambda windows: _attend_windows(*_batch(windows, subject), model).numpy(),
    )


@dataclass(frozen=True, eq=False)
class _Trial:
    """A trial's keypoints, and where they can be used.

    Attributes:
        keypoints: as found.
        time_s: (n_frames,).
        positions: keypoints in m, short gaps filled, (n_frames, 15, 3).
        invented: filled samples, (n_frames, 15).
        missing: samples of longer gaps, (n_frames, 15).
        odd: frames whose keypoints are no body, (n_frames,).
        usable: frames to predict, at least one, (n_frames,).
    """

    keypoints: Keypoints
    time_s: FloatArray
    positions: FloatArray
    invented: BoolArray
    missing: BoolArray
    odd: BoolArray
    usable: BoolArray


def _prepare(markers: Markers, subject: Subject) -> _Trial:
    keypoints = find_keypoints(markers)
    check_rate(markers)
    check_size(keypoints.positions, subject, markers.unit)
    positions, invented = fill_gaps(keypoints.positions, markers.time_s)
    missing = np.asarray(np.isnan(positions).any(axis=2))
    odd = without_body(positions, subject)
    usable = np.asarray(~missing.any(axis=1) & ~odd)
    if not usable.any():
        raise MarkersError(_nothing_to_predict(missing))
    return _Trial(keypoints, markers.time_s, positions, invented, missing, odd, usable)


def _nothing_to_predict(missing: BoolArray) -> str:
    """Why no frame can be predicted, from (n_frames, 15)."""
    shares = {name: share for name, share in zip(KEYPOINTS, missing.mean(axis=0), strict=True) if share > 0}
    worst = sorted(shares, key=lambda name: -shares[name])
    listed = ", ".join(f"{name} ({100 * shares[name]:.0f} %)" for name in worst)
    return f"expected frames with all {len(KEYPOINTS)} keypoints, found none; missing in frames: {listed or 'none'}"


def _through_windows(trial: _Trial, model: Model, apply: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """What a function makes of windows of keypoints, blended back on the trial's frames; NaN in unusable ones.

    Args:
        trial: the keypoints.
        model: says how long windows are and how they overlap.
        apply: from keypoints in m to values of every frame, (n_windows, n_frames, n_points, 3) to (n_windows, n_frames,
            ...).
    """
    frames = model_frames(trial.time_s, model.card.rate_hz)
    segments = find_segments(trial.usable, trial.time_s)
    parts = [_segment(trial.positions[a:b], frames[a:b], model, apply) for a, b in segments]
    values = np.full((len(frames), *parts[0].shape[1:]), np.nan)
    for (start, stop), part in zip(segments, parts, strict=True):
        values[start:stop] = part
    return values


def _segment(
    positions: FloatArray, frames: FloatArray, model: Model, apply: Callable[[FloatArray], FloatArray]
) -> FloatArray:
    """The same for a run of usable frames: to the model's rate, through the windows and back.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        frames: place of every frame on the model's frame axis, (n_frames,).
        model: the model.
        apply: as above.
    """
    card = model.card
    grid = model_grid(frames)
    starts = window_starts(len(grid), length=card.window_frames, hop=card.hop_frames, first_frame=int(np.rint(grid[0])))
    keypoints = to_model_grid(positions, frames, grid)
    weights = blend_weights(starts, card.window_frames, len(grid))
    blended = np.zeros(0)
    for first in range(0, len(starts), _BLOCK_WINDOWS):
        block = slice(first, first + _BLOCK_WINDOWS)
        windows = apply(cut(keypoints, starts[block], card.window_frames))
        if not first:
            blended = np.zeros((len(grid), *windows.shape[2:]))
        add_windows(blended, windows, starts[block], weights[block])
    return resample(blended, grid, frames)


def predict_windows(keypoints: Tensor, height_m: Tensor, mass_kg: Tensor, model: Model) -> Tensor:
    """Markers of windows, each on its own.

    Args:
        keypoints: in m in the lab, (n_windows, n_frames, 15, 3).
        height_m: (n_windows,).
        mass_kg: (n_windows,).
        model: from `load_model`.

    Returns:
        The model's markers in m in the lab, (n_windows, n_frames, n_markers, 3).
    """
    frame = body_frame(keypoints, height_m)
    targets = model.predict(make_features(keypoints, frame, mass_kg))
    return to_lab(targets.reshape(*targets.shape[:2], -1, 3), frame)


def _attend_windows(keypoints: Tensor, height_m: Tensor, mass_kg: Tensor, model: Model) -> Tensor:
    """Attention weights of windows, (n_windows, n_frames, 15)."""
    return model.attention(make_features(keypoints, body_frame(keypoints, height_m), mass_kg))


def _batch(windows: FloatArray, subject: Subject) -> tuple[Tensor, Tensor, Tensor]:
    """Keypoints, height and mass of the windows of one person."""
    keypoints = torch.from_numpy(windows)
    person = torch.ones(len(windows), dtype=keypoints.dtype)
    return keypoints, person * subject.height_m, person * subject.mass_kg


def _spans(marked: BoolArray) -> dict[str, list[Span]]:
    """Runs of marked frames by keypoint, from (n_frames, 15)."""
    return {name: find_gaps(marked[:, k]) for k, name in enumerate(KEYPOINTS) if marked[:, k].any()}
