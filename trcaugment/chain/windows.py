"""Windows: cuts a segment of complete frames into overlapping pieces, and blends them back by weighted overlap-add."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trcaugment.markers import FloatArray

IntArray = NDArray[np.int64]


def window_starts(n_frames: int, *, length: int, hop: int, first_frame: int = 0) -> IntArray:
    """Start frames of the windows of one segment, counted from the segment's first frame.

    Windows start at the trial's frames 0, hop, 2 hop, ... wherever they fit, so that a gap elsewhere in the trial moves
    no window here. One more starts with the segment, and one ends with it. A segment shorter than a window gets one
    window that starts before the segment and has it in the middle.

    Args:
        n_frames: frames in the segment, at least 1.
        length: frames in a window.
        hop: frames from one window to the next, 1 to `length`.
        first_frame: the segment's first frame, counted in the trial.

    Returns:
        increasing start frames, (n_windows,).

    Raises:
        ValueError: there are no frames, or the hop would leave frames uncovered.
    """
    if n_frames < 1 or not 1 <= hop <= length:
        raise ValueError(f"expected n_frames >= 1 and 1 <= hop <= length, found {n_frames}, hop {hop}, length {length}")
    last = n_frames - length
    if last < 0:
        return np.array([last // 2], dtype=np.int64)
    anchored = np.arange(-first_frame % hop, last + 1, hop, dtype=np.int64)
    return np.union1d(anchored, [0, last])


def cut(values: FloatArray, starts: IntArray, length: int) -> FloatArray:
    """Copy windows out of a segment; beyond its ends the values are reflected (as by `np.pad` with mode "reflect").

    Args:
        values: any values per frame, (n_frames, ...).
        starts: start frames, (n_windows,), from `window_starts`.
        length: frames in a window.

    Returns:
        windows, (n_windows, length, ...).
    """
    last = len(values) - 1
    frames = starts[:, None] + np.arange(length)
    # Reflections about frame 0 and the last frame repeat every 2 * last frames; a single frame repeats itself.
    reflected: IntArray = last - np.abs(frames % max(2 * last, 1) - last)
    return np.asarray(values[reflected])


def add_windows(joined: FloatArray, windows: FloatArray, starts: IntArray, weights: FloatArray) -> None:
    """Add weighted windows to a segment, in place, so that long segments can be blended block by block.

    Args:
        joined: the segment so far, (n_frames, ...); changed.
        windows: values per window and frame, (n_windows, length, ...).
        starts: start frames of these windows, (n_windows,).
        weights: the same windows' part of `blend_weights`, (n_windows, length).
    """
    # Window after window: each frame adds its windows in their order wherever a block ends, and the sum has the same
    # bits.
    weights = weights.reshape(*weights.shape, *[1] * (windows.ndim - 2))
    for start, window, weight in zip(starts.tolist(), windows, weights, strict=True):
        inside = slice(max(-start, 0), len(joined) - start)
        joined[max(start, 0) : start + len(window)] += weight[inside] * window[inside]


def blend_weights(starts: IntArray, length: int, n_frames: int) -> FloatArray:
    """Weight of each window in each of its frames; the weights of one frame sum to one.

    Args:
        starts: start frames, all different, (n_windows,).
        length: frames in a window.
        n_frames: frames in the segment.

    Returns:
        weights from 0 to 1, (n_windows, length); 0 where a window reaches beyond the segment.

    Raises:
        ValueError: a frame lies in no window, or two windows start at the same frame.
    """
    if len(np.unique(starts)) != len(starts):
        raise ValueError("expected all windows to start at different frames")
    frames = starts[:, None] + np.arange(length)
    inside = _inside(frames, n_frames)
    weights = np.where(inside, _taper(length), 0.0)
    total = np.bincount(frames[inside], weights[inside], minlength=n_frames)
    if (total == 0).any():
        raise ValueError(f"frame {int(np.argmin(total))} of {n_frames} lies in no window")
    return weights / np.where(inside, total[np.clip(frames, 0, n_frames - 1)], 1.0)


def _taper(length: int) -> FloatArray:
    """A Hann window sampled between its zeros: largest in the center, above zero everywhere, (length,)."""
    return np.asarray(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2, dtype=np.float64)


def _inside(frames: IntArray, n_frames: int) -> NDArray[np.bool_]:
    return (frames >= 0) & (frames < n_frames)
