"""Applies functions to the windows of trials, and blends their values on each trial's frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from trcaugment.chain.preparation import PreparedTrial
from trcaugment.chain.signals import resample
from trcaugment.chain.windows import add_windows, cut
from trcaugment.markers import WINDOW_FRAMES, FloatArray
from trcaugment.model.folder import Model
from trcaugment.model.normalization import body_frame, make_features, to_lab

# Windows at once: they stay in the processor's cache, and memory does not grow with the length of a trial.
BLOCK_WINDOWS = 64

# A function of keypoints in m, (n_windows, n_frames, 15, 3), heights in m and masses in kg, (n_windows,); it returns
# values of every frame, (n_windows, n_frames, ...).
Windowed = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]


def through_windows(trials: Sequence[PreparedTrial], model: Model, apply: Windowed) -> list[FloatArray]:
    """Apply a function to windows of keypoints, and blend its values on each trial's frames; NaN in unusable frames."""
    segments = [segment for trial in trials for segment in trial.segments]
    people = [trial.subject for trial in trials for _ in trial.segments]
    blended: list[FloatArray] = []
    for parts in _blocks([len(segment.starts) for segment in segments]):
        windows = [cut(segments[k].keypoints, segments[k].starts[part], WINDOW_FRAMES) for k, part in parts]
        counts = [len(each) for each in windows]
        height_m = np.repeat([people[k].height_m for k, _ in parts], counts)
        mass_kg = np.repeat([people[k].mass_kg for k, _ in parts], counts)
        values = np.split(apply(np.concatenate(windows), height_m, mass_kg), np.cumsum(counts)[:-1])
        for (k, part), own in zip(parts, values, strict=True):
            if part.start == 0:
                blended.append(np.zeros((len(segments[k].grid), *own.shape[2:])))
            add_windows(blended[k], own, segments[k].starts[part], segments[k].weights[part])
    return _on_frames(trials, blended)


def predict_windows(keypoints: FloatArray, height_m: FloatArray, mass_kg: FloatArray, model: Model) -> FloatArray:
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


def _blocks(counts: Sequence[int]) -> Iterator[list[tuple[int, slice]]]:
    """Group windows into blocks of equal size that go through the network together: (segment, its windows) in order.

    Args:
        counts: number of windows of every segment.
    """
    block, room = [], BLOCK_WINDOWS
    for k, count in enumerate(counts):
        first = 0
        while first < count:
            stop = min(first + room, count)
            block.append((k, slice(first, stop)))
            room -= stop - first
            first = stop
            if not room:
                yield block
                block, room = [], BLOCK_WINDOWS
    if block:
        yield block


def _on_frames(trials: Sequence[PreparedTrial], blended: Sequence[FloatArray]) -> list[FloatArray]:
    """Resample the values of all segments, in order, from their grids to each trial's frames."""
    of_trials = []
    segments = iter(blended)
    for trial in trials:
        parts = [resample(next(segments), segment.grid, segment.frames) for segment in trial.segments]
        if len(parts[0]) == trial.markers.n_frames:
            of_trials.append(parts[0])
            continue
        values = np.full((trial.markers.n_frames, *parts[0].shape[1:]), np.nan)
        for segment, part in zip(trial.segments, parts, strict=True):
            values[slice(*segment.span)] = part
        of_trials.append(values)
    return of_trials
