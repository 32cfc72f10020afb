"""Signals: finds and fills gaps, resamples to the model's rate and back. Arrays in, arrays out, time first.

Frame positions: the model sees evenly spaced frames, so each frame of a trial gets a position on the model's frame
axis (`model_frames`), and resampling is interpolation between positions. A trial at the model's
rate gets whole numbers, and resampling leaves it unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from trcaugment.chain.splines import cubic_spline, pchip
from trcaugment.markers import MAX_GAP_S, FloatArray

BoolArray = NDArray[np.bool_]
Index = NDArray[np.intp]
Span = tuple[int, int]  # first frame, and the frame after the last

RATE_TOLERANCE = 0.02  # of the rate; 59.94 Hz video is 60 Hz
JITTER_S = 0.002  # rounded time stamps deviate by 1 ms at most, dropped frames by more
_CLOCK_S = 0.001  # time stamps are rounded: 12 frames at 60 Hz may read as 0.1999 s
_CUT_OFF = 25 / 60  # of the model's rate: below its Nyquist frequency, far above human motion
_ORDER = 4
_SAMPLES_AT_ONCE = 12_000  # of points that are looked at together: they stay in the processor's cache


def by_points(positions: FloatArray, points: Sequence[int]) -> Iterator[tuple[Sequence[int], FloatArray]]:
    """Some points at a time with their positions, (n_points, 3, n_frames): all of a short trial, one of a long one.

    Args:
        positions: positions of points, (n_frames, n_points, 3).
        points: indices of those that are wanted.
    """
    n = max(1, _SAMPLES_AT_ONCE // max(1, len(positions)))
    for first in range(0, len(points), n):
        some = points[first : first + n]
        yield some, np.ascontiguousarray(positions[:, some].transpose(1, 2, 0))


def by_known(vectors: FloatArray) -> Iterator[tuple[Index, FloatArray, Index]]:
    """All rows without NaN together, then each of the others alone with its known vectors.

    Args:
        vectors: (n_rows, 3, n).

    Yields:
        Indices of the rows, their known vectors, (n_rows, 3, n_known), and the places of these.
    """
    known = np.isfinite(vectors.sum(axis=1))
    whole = known.all(axis=1)
    if whole.any():
        yield np.flatnonzero(whole), vectors if whole.all() else vectors[whole], np.arange(vectors.shape[2])
    for k in np.flatnonzero(~whole):
        places = np.flatnonzero(known[k])
        yield np.array([k]), vectors[k : k + 1, :, places], places


def lengths(vectors: FloatArray) -> FloatArray:
    """Lengths of vectors, (..., n), from (..., 3, n)."""
    return np.asarray(np.sqrt((vectors**2).sum(axis=-2)))


def medians(values: FloatArray) -> FloatArray:
    """Medians along the last axis of values without NaN, (...), from (..., n): `np.median` with less overhead."""
    middle = values.shape[-1] // 2
    if values.shape[-1] % 2:
        return np.asarray(np.partition(values, middle, axis=-1)[..., middle])
    halves = np.partition(values, (middle - 1, middle), axis=-1)
    return np.asarray((halves[..., middle - 1] + halves[..., middle]) / 2)


def find_gaps(missing: BoolArray) -> list[Span]:
    """Runs of missing frames as (start, stop), stop excluded.

    Args:
        missing: whether each frame is missing, (n_frames,).
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def find_short_gaps(missing: BoolArray, time_s: FloatArray, max_gap_s: float = MAX_GAP_S) -> list[Span]:
    """Runs of missing frames that can be filled, as (start, stop), stop excluded.

    A gap lasts from the valid frame before it to the valid frame after it, less one typical frame: n frames at any
    even rate last n / rate. Those at the start or end of the trial have no such frames.

    Args:
        missing: whether each frame is missing, (n_frames,).
        time_s: increasing time stamps in s, (n_frames,).
        max_gap_s: shortest gap in s that is not filled.
    """
    longest_s = max_gap_s - _CLOCK_S + _typical_step_s(time_s)
    inner = ((start, stop) for start, stop in find_gaps(missing) if start > 0 and stop < len(missing))
    return [(start, stop) for start, stop in inner if time_s[stop] - time_s[start - 1] < longest_s]


def fill_gaps(positions: FloatArray, time_s: FloatArray, max_gap_s: float = MAX_GAP_S) -> tuple[FloatArray, BoolArray]:
    """Fill short gaps of each point by PCHIP through its own valid samples; nothing else changes.

    Gaps that last `max_gap_s` or more (see `find_short_gaps`), and those at the start or end of the trial, stay.

    Args:
        positions: positions of points, (n_frames, n_points, 3); a sample with any NaN is missing.
        time_s: increasing time stamps in s, (n_frames,).
        max_gap_s: shortest gap in s that is not filled.

    Returns:
        a copy of the positions with short gaps filled, and which samples were filled, (n_frames, n_points).
    """
    filled = positions.copy()
    is_filled = np.zeros(positions.shape[:2], dtype=np.bool_)
    valid = np.asarray(np.isfinite(positions).all(axis=2))
    for point in np.flatnonzero(~valid.all(axis=0)):
        seen, new = valid[:, point], is_filled[:, point]
        for start, stop in find_short_gaps(~seen, time_s, max_gap_s):
            new[start:stop] = True
        if new.any():
            filled[new, point] = pchip(time_s[seen], positions[seen, point], time_s[new])
    return filled, is_filled


def find_segments(
    complete: BoolArray, time_s: FloatArray, max_gap_s: float = MAX_GAP_S, *, leaps: Sequence[int] = ()
) -> list[Span]:
    """Runs of complete frames as (start, stop), stop excluded; split where time stamps or the body leap.

    Args:
        complete: whether each frame has all its points, (n_frames,).
        time_s: increasing time stamps in s, (n_frames,).
        max_gap_s: a leap in the time stamps this long, measured as in `fill_gaps`, splits a segment.
        leaps: first frames after leaps of the body, increasing.
    """
    longest_s = max_gap_s - _CLOCK_S + _typical_step_s(time_s)
    splits = np.union1d(np.flatnonzero(np.diff(time_s) >= longest_s) + 1, np.asarray(leaps, dtype=np.int64))
    segments = []
    for start, stop in find_gaps(complete):
        first, last = np.searchsorted(splits, [start + 1, stop])
        segments += list(pairwise([start, *splits[first:last].tolist(), stop]))
    return segments


def has_rate(time_s: FloatArray, rate_hz: float) -> bool:
    """Whether the time stamps are evenly spaced at a rate: within 2 % of it and 2 ms of a straight line.

    Args:
        time_s: increasing time stamps in s, (n_frames,); a single frame has every rate.
        rate_hz: the rate asked for in Hz.
    """
    if len(time_s) < 2:
        return True
    frame = np.arange(len(time_s)) - (len(time_s) - 1) / 2
    since = time_s - time_s.mean()
    step_s = float(frame @ since / (frame @ frame))
    even = bool(np.abs(since - step_s * frame).max() <= JITTER_S)
    return even and abs(1 / step_s - rate_hz) <= RATE_TOLERANCE * rate_hz


def model_frames(time_s: FloatArray, rate_hz: float) -> FloatArray:
    """Position of each frame of a trial on the model's frame axis, (n_frames,).

    Args:
        time_s: increasing time stamps in s, (n_frames,).
        rate_hz: the model's rate in Hz.

    Returns:
        0, 1, 2, ... for a trial that has this rate already, else the time since the first frame times the rate.
    """
    if has_rate(time_s, rate_hz):
        return np.arange(len(time_s), dtype=np.float64)
    return np.asarray((time_s - time_s[0]) * rate_hz, dtype=np.float64)


def model_grid(positions: FloatArray) -> FloatArray:
    """The model's frames for one segment: whole numbers, except the first and last, which are the segment's ends.

    Moving the outer two by at most half a frame avoids extrapolation in both directions. The inner ones do not depend
    on gaps elsewhere in the trial. A segment shorter than half a frame gets one frame.

    Args:
        positions: the segment's part of `model_frames`, (n_frames,).

    Returns:
        increasing positions, (n_model_frames,). Rounded, the first is the segment's first frame in the trial.
    """
    grid = np.arange(round(positions[0]), round(positions[-1]) + 1, dtype=np.float64)
    grid[-1] = positions[-1]
    grid[0] = positions[0]
    return grid


def to_model_grid(values: FloatArray, positions: FloatArray, grid: FloatArray) -> FloatArray:
    """Resample one segment to the model's frames, without aliasing.

    Input faster than the model is first low-pass filtered forth and back (no delay; Butterworth, order 4, 25 Hz for
    a model at 60 Hz) on evenly spaced frames.

    Args:
        values: values without NaN, (n_frames, ...).
        positions: positions of the frames from `model_frames`, (n_frames,).
        grid: the model's frames from `model_grid`, (n_model_frames,).

    Returns:
        values at the model's frames, (n_model_frames, ...).
    """
    n_frames = len(values)
    span = float(positions[-1] - positions[0])
    if n_frames == 1 or (n_frames - 1) <= (1 + RATE_TOLERANCE) * span:
        return resample(values, positions, grid)
    # Frames per model frame: how many times faster than the model this segment was recorded.
    rate = (n_frames - 1) / span
    even = np.linspace(positions[0], positions[-1], n_frames)
    return resample(low_pass(resample(values, positions, even), _CUT_OFF / rate, _ORDER), even, grid)


def low_pass(values: FloatArray, cut_off: float, order: int) -> FloatArray:
    """Filter evenly spaced frames forth and back with a Butterworth low-pass.

    A filter that runs forth and back multiplies the spectrum by its squared gain, for a digital Butterworth filter of
    order n 1 / (1 + (tan(pi f / rate) / tan(pi f_c / rate))^2n) (Oppenheim & Schafer, Discrete-Time Signal Processing,
    3rd ed., section 7.3). Beyond its ends the signal goes on as its point reflection.

    Args:
        values: (n_frames, ...), two frames or more.
        cut_off: of a single pass, in cycles per frame, below 1/2.
        order: of a single pass.
    """
    n_frames = len(values)
    share = np.linspace(0, 1, n_frames).reshape(-1, *[1] * (values.ndim - 1))
    line = values[:1] + share * (values[-1:] - values[:1])
    # From the line between its ends, the signal and its point reflection are one period of an odd function.
    away = values - line
    period = np.concatenate([away, -away[-2:0:-1]])
    frequency = np.fft.rfftfreq(len(period))
    with np.errstate(over="ignore"):  # at half the rate the tangent is infinite, and the gain zero
        gain = 1 / (1 + (np.tan(np.pi * frequency) / np.tan(np.pi * cut_off)) ** (2 * order))
    spectrum = np.fft.rfft(period, axis=0) * gain.reshape(-1, *[1] * (values.ndim - 1))
    return line + np.fft.irfft(spectrum, len(period), axis=0)[:n_frames]


def resample(values: FloatArray, positions: FloatArray, new_positions: FloatArray) -> FloatArray:
    """Values at new positions by a cubic spline; unchanged if the positions are the same.

    Why a spline: from 60 Hz to 240 Hz it flattens the peaks of 3 Hz motion of 0.3 m by 0.01 mm, PCHIP by 2.7 mm and
    Akima by 0.9 mm.

    Args:
        values: values without NaN, (n_frames, ...).
        positions: increasing positions or times of the frames, (n_frames,).
        new_positions: positions or times within the same range, (n_new,).

    Returns:
        values at the new positions, (n_new, ...).
    """
    if np.array_equal(positions, new_positions):
        return values
    if len(values) == 1:
        return np.repeat(values, len(new_positions), axis=0)
    return cubic_spline(positions, values, new_positions)


def _typical_step_s(time_s: FloatArray) -> float:
    """Median time step in s; 0 for a single frame."""
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 0.0
