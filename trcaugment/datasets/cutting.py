"""Cut trials into windows: keypoints and true markers at common times, 60 Hz, where both are complete."""

from __future__ import annotations

import numpy as np
import torch

from trcaugment.body.windows import Windows
from trcaugment.chain.checks import check_rate, check_size
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.chain.signals import BoolArray, fill_gaps, find_gaps, find_segments, model_frames, to_model_grid
from trcaugment.chain.windows import IntArray, cut
from trcaugment.datasets.dataset import RawWindows, listed
from trcaugment.datasets.paired import Pair
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError, MarkersError, MarkerSetError
from trcaugment.marker_sets import KEYPOINTS, MarkerSet
from trcaugment.markers import RATE_HZ, WINDOW_FRAMES, FloatArray, Markers
from trcaugment.subject import Subject

_ROUNDING = 1e-6  # of a frame


def cut_pairs(pairs: list[Pair], marker_set: MarkerSet) -> tuple[RawWindows, tuple[str, ...]]:
    """Cut trials into successive windows of 30 frames without missing samples.

    Args:
        pairs: the trials.
        marker_set: markers of the windows.

    Returns:
        The windows, and sentences on trials that gave none and on time that is in no window.

    Raises:
        DatasetError: no trial gave a window.
    """
    parts: list[RawWindows] = []
    refused: dict[str, list[str]] = {}
    unused_s = 0.0
    for pair in pairs:
        try:
            part, n_unused = _cut_pair(pair, marker_set)
        except (MarkerSetError, MarkersError) as error:
            refused.setdefault(str(error), []).append(pair.name)
            continue
        parts.append(part)
        unused_s += n_unused / RATE_HZ
    sentences = [f"{listed(names)}: {reason}" for reason, names in refused.items()]
    if not parts:
        raise DatasetError(f"no trial is usable:\n{chr(10).join(sentences)}")
    if unused_s > WINDOW_FRAMES / RATE_HZ * len(parts):  # more than the remainders at the ends of trials
        sentences.append(f"{unused_s:.1f} s in frames with missing samples, or in runs shorter than a window")
    return RawWindows.join(parts), tuple(sentences)


def _cut_pair(pair: Pair, marker_set: MarkerSet) -> tuple[RawWindows, int]:
    """Windows of one trial, and the number of frames that are in none.

    Raises:
        MarkerSetError, MarkersError: keypoints or markers are missing, their size does not fit the person's height, or
            no window is complete.
    """
    keypoint_input = find_keypoints(pair.keypoints, complete=True)
    check_rate(pair.keypoints)
    check_rate(pair.markers)
    check_size(keypoint_input.positions, pair.subject, pair.keypoints.unit)
    lost = [name for name in marker_set if name not in pair.markers.names]
    if lost:
        raise MarkersError(f"expected all {len(marker_set)} markers, did not find {', '.join(lost)}")
    truth = pair.markers.select(marker_set)
    frames = model_frames(pair.keypoints.time_s, RATE_HZ)
    grid = np.arange(np.floor(frames[-1] + _ROUNDING) + 1)
    # Truth frames on the same axis of frame numbers, from the keypoints' time stamps.
    time_s, clock_s = pair.markers.time_s, pair.keypoints.time_s
    inside = (time_s >= clock_s[0]) & (time_s <= clock_s[-1])
    if inside.sum() < 2:
        raise MarkersError("keypoints and markers share no time; do both files count from the same start?")
    truth_frames = np.interp(time_s[inside], clock_s, frames)
    keypoints = _on_grid(keypoint_input.positions, clock_s, frames, grid)
    markers = _on_grid(truth[inside], time_s[inside], truth_frames, grid)
    complete = np.asarray(np.isfinite(keypoints).all(axis=(1, 2)) & np.isfinite(markers).all(axis=(1, 2)))
    starts = _starts(complete)
    if not len(starts):
        raise MarkersError(f"no {WINDOW_FRAMES} frames in a row (at {RATE_HZ:g} Hz) with all keypoints and markers")
    one = torch.ones(len(starts))
    seen, true = (
        torch.from_numpy(cut(each, starts, WINDOW_FRAMES).astype(np.float32)) for each in (keypoints, markers)
    )
    windows = Windows(seen, true, one * pair.subject.height_m, one * pair.subject.mass_kg, marker_set)
    places = tuple(f"{pair.name} at {clock_s[0] + start / RATE_HZ:.2f} s" for start in starts)
    n = len(starts)
    return RawWindows(windows, (pair.subject_name,) * n, (pair.activity,) * n, places), len(grid) - n * WINDOW_FRAMES


def _on_grid(positions: FloatArray, time_s: FloatArray, frames: FloatArray, grid: FloatArray) -> FloatArray:
    """Interpolate positions to whole frames. Short gaps are filled; longer ones become NaN.

    Args:
        positions: positions in m, (n_frames, n_points, 3).
        time_s: time stamps in s, (n_frames,).
        frames: frame number of every time stamp at 60 Hz, not rounded, (n_frames,).
        grid: the wanted frame numbers, (n_grid,).
    """
    filled, _ = fill_gaps(positions, time_s)
    sampled = np.full((len(grid), *positions.shape[1:]), np.nan)
    usable: BoolArray = np.asarray(np.isfinite(filled).all(axis=(1, 2)))
    for start, stop in find_segments(usable, time_s):
        segment = frames[start:stop]
        wanted = (grid >= segment[0] - _ROUNDING) & (grid <= segment[-1] + _ROUNDING)
        if wanted.any() and stop - start > 1:
            sampled[wanted] = to_model_grid(filled[start:stop], segment, grid[wanted].clip(segment[0], segment[-1]))
    return sampled


def _starts(complete: BoolArray) -> IntArray:
    """First frames of successive windows in all runs of complete frames."""
    runs = find_gaps(complete)
    return np.array(
        [k for first, end in runs for k in range(first, end - WINDOW_FRAMES + 1, WINDOW_FRAMES)], dtype=np.int64
    )


def make_pairs(window_set: WindowSet) -> list[Pair]:
    """Turn every window into a trial of half a second, named with its subject as folder."""
    pairs, time_s = [], np.arange(WINDOW_FRAMES) / RATE_HZ
    width = len(str(len(window_set)))
    windows = window_set.windows
    for k, (name, what) in enumerate(zip(window_set.subjects, window_set.activities, strict=True)):
        subject = Subject(float(windows.height_m[k]), float(windows.mass_kg[k]))
        keypoints = Markers(KEYPOINTS.names, windows.keypoints[k].double().numpy(), time_s)
        markers = Markers(windows.marker_set.names, windows.markers[k].double().numpy(), time_s)
        pairs.append(Pair(f"{name}/{what or 'window'}_{k + 1:0{width}d}", name, subject, keypoints, markers))
    return pairs
