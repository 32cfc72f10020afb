"""Smooths trajectories: a zero-phase Butterworth low-pass filter on every run of samples, never across a long gap."""

from __future__ import annotations

import math

import numpy as np

from trcaugment.chain.signals import fill_gaps, find_segments, has_rate, low_pass, resample
from trcaugment.errors import MarkersError
from trcaugment.markers import FloatArray, usual_step_s

ORDER = 4  # second order forth and back
# Two passes halve the power twice at a single pass's cut-off, which therefore has to lie higher (Winter, Biomechanics
# and Motor Control of Human Movement, 4th ed. 2009, section 3.4.4.2; Robertson and Dowling, J Electromyogr Kinesiol
# 13:569, 2003): by this factor for a filter of second order.
_CORRECTION = (2**0.5 - 1) ** -0.25


def smooth_points(positions: FloatArray, time_s: FloatArray, cut_off_hz: float) -> FloatArray:
    """Remove what moves faster than a cut-off frequency, without delay; half the power is left at the cut-off.

    Each point is filtered on its own. Its short gaps are bridged for the filter and stay gaps; longer ones, and leaps
    in the time stamps, part it, and each part is filtered alone. Uneven time stamps are filtered on even ones. A part
    with a rate below twice the cut-off, in a trial with a higher one, holds nothing to remove and stays as it is.

    Args:
        positions: positions of points, (n_frames, n_points, 3); a sample with any NaN is missing, and stays so.
        time_s: increasing time stamps in s, (n_frames,).
        cut_off_hz: the cut-off in Hz.

    Raises:
        MarkersError: the cut-off is not below half the rate.
    """
    check_cut_off(cut_off_hz, time_s)
    missing = np.isnan(positions).any(axis=2)
    bridged, _ = fill_gaps(positions, time_s)
    there = np.isfinite(bridged).all(axis=2)
    smooth = np.full_like(positions, np.nan)
    for pattern in np.unique(there, axis=1).T:  # most points have the same gaps
        points = np.flatnonzero((there == pattern[:, None]).all(axis=0))
        for first, stop in find_segments(pattern, time_s):
            part = _filter(bridged[first:stop, points], time_s[first:stop], cut_off_hz)
            smooth[first:stop, points] = part
    smooth[missing] = np.nan
    return smooth


def describe(cut_off_hz: float) -> str:
    """The filter in words."""
    return f"zero-phase Butterworth low-pass filter of order {ORDER}, {cut_off_hz:g} Hz"


def check_cut_off(cut_off_hz: float, time_s: FloatArray) -> None:
    """Refuse a cut-off that no filter of a trial can have.

    Raises:
        MarkersError: it is not above 0 and below half the rate.
    """
    highest_hz = 0.5 / usual_step_s(time_s) if len(time_s) > 1 else math.inf
    if not 0 < cut_off_hz < highest_hz:
        raise MarkersError(
            f"expected a cut-off above 0 and below half the rate ({highest_hz:.4g} Hz), found {cut_off_hz:g} Hz"
        )


def _filter(values: FloatArray, time_s: FloatArray, cut_off_hz: float) -> FloatArray:
    """One run of samples without gaps, (n_frames, n_points, 3)."""
    if len(values) < 2:
        return values
    rate_hz = (len(values) - 1) / float(time_s[-1] - time_s[0])
    if cut_off_hz >= rate_hz / 2:  # slower than the trial: samples this far apart show nothing above the cut-off
        return values
    is_even = has_rate(time_s, rate_hz)
    even_s = np.linspace(time_s[0], time_s[-1], len(time_s))
    # The bilinear transform bends frequencies: the correction holds for those before it.
    single = math.atan(_CORRECTION * math.tan(math.pi * cut_off_hz / rate_hz)) / math.pi
    smooth = low_pass(values if is_even else resample(values, time_s, even_s), single, ORDER // 2)
    return smooth if is_even else resample(smooth, even_s, time_s)
