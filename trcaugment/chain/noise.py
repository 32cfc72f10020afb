"""Noise: estimates the white noise of keypoints, and smooths those that have much of it.

Files of real detectors are mostly filtered (below 2 mm of white noise in HRNet and OpenCap recordings); those that are
not carry more noise into the markers than a filter leaves. `smoothing_hz` says how much is smoothed.
"""

from __future__ import annotations

import math

import numpy as np

from trcaugment.chain.signals import by_known, by_points, medians
from trcaugment.markers import RATE_HZ, SMALL_NOISE_M, FloatArray, smoothing_hz

_ORDER = 5  # of the differences: motion hardly shows in them, even at 15 Hz
_NORMAL_MAD = 0.6745  # median absolute deviation of a normal distribution, in standard deviations
_WHOLLY_M = 0.003  # from this noise on a point is wholly smoothed, so that a little more noise changes little


def white_noise(positions: FloatArray, rate_hz: float) -> FloatArray:
    """Standard deviation of the white noise of each point along an axis, as at 60 Hz.

    White noise of standard deviation s gives fifth differences of standard deviation s sqrt(C(10, 5)). Their median
    size is that of the quiet frames, so fast motion and spikes count little. At other rates the same noise is spread
    over more or fewer frequencies, of which the model's frames keep those below 30 Hz.

    Args:
        positions: positions in m, NaN where missing, (n_frames, n_points, 3).
        rate_hz: rate of the trial in Hz.

    Returns:
        standard deviations in m, (n_points,); 0 where fewer than half a second of frames tell.
    """
    noise_m = np.zeros(positions.shape[1])
    for points, place in by_points(positions, range(positions.shape[1])) if len(positions) > _ORDER else ():
        for rows, differences, known in by_known(np.abs(np.diff(place, n=_ORDER))):
            if len(known) >= max(0.5 * rate_hz, 1):
                usual_m = medians(differences).mean(axis=1)
                noise_m[points[0] + rows] = usual_m / (_NORMAL_MAD * math.sqrt(math.comb(2 * _ORDER, _ORDER)))
    return noise_m * math.sqrt(RATE_HZ / rate_hz)


def smooth(positions: FloatArray, noise_m: FloatArray) -> FloatArray:
    """Smooth the points of one segment that have more than `SMALL_NOISE_M` of noise; the others stay as they are.

    Least squares with a penalty on second differences (Whittaker 1923; discussed in Eilers 2003,
    doi 10.1021/ac034173t). Away from the ends it has no delay and the gain of a Butterworth filter of order 2 that runs
    forth and back, 1 / (1 + (f / f_c)^4); at the ends, unlike a filter, it needs no frames beyond.

    Args:
        positions: positions without NaN in m at the model's frames, (n_frames, n_points, 3).
        noise_m: white noise of each point in m, from `white_noise`, (n_points,).

    Returns:
        positions, (n_frames, n_points, 3).
    """
    noisy = np.flatnonzero(noise_m > SMALL_NOISE_M)
    if not len(noisy) or len(positions) < 3:
        return positions
    from scipy.linalg import solveh_banded  # slow to import

    smoothed = positions.copy()
    shares = np.minimum((noise_m[noisy] - SMALL_NOISE_M) / (_WHOLLY_M - SMALL_NOISE_M), 1.0)
    penalties = (2 * np.sin(np.pi * smoothing_hz(noise_m[noisy]) / RATE_HZ)) ** -4
    for point, share, penalty in zip(noisy, shares, penalties, strict=True):
        without = solveh_banded(_bands(len(positions), penalty), positions[:, point])
        smoothed[:, point] += share * (without - positions[:, point])
    return smoothed


def _bands(n: int, penalty: np.float64) -> FloatArray:
    """Upper bands of I + penalty D'D, where D takes second differences of n values, as `solveh_banded` wants them."""
    second = np.array([1.0, -2.0, 1.0])
    bands = np.zeros((3, n))
    for row in range(3):
        for column in range(row, 3):
            bands[2 - (column - row), column : n - 2 + column] += penalty * second[row] * second[column]
    bands[2] += 1.0
    return bands
