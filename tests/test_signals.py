from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from trcaugment.chain.signals import (
    fill_gaps,
    find_gaps,
    find_segments,
    has_rate,
    model_frames,
    model_grid,
    resample,
    to_model_grid,
)

RATES = [30, 50, 60, 100, 120, 240]


def motion(time_s):
    """Two points whose coordinates are sums of sines up to 6 Hz, (n_frames, 2, 3) in m."""
    t = time_s[:, None]
    hz, amplitude = np.array([0.5, 1.0, 2.0, 3.0, 4.5, 6.0]), np.array([0.3, 0.3, 0.1, 0.05, 0.02, 0.01])
    phase = np.arange(36).reshape(6, 6)
    return sum(
        a * np.sin(2 * np.pi * f * t + phase[i]) for i, (f, a) in enumerate(zip(hz, amplitude, strict=True))
    ).reshape(-1, 2, 3)


def stamps(rate_hz, duration_s=4.0, jitter_s=0.0, start_s=2.0):
    n = int(duration_s * rate_hz) + 1
    shift = np.random.default_rng(n).uniform(-jitter_s, jitter_s, n)
    return start_s + np.arange(n) / rate_hz + shift


def there_and_back(values, time_s, rate_hz=60.0):
    frames = model_frames(time_s, rate_hz)
    grid = model_grid(frames)
    return resample(to_model_grid(values, frames, grid), grid, frames)


# --- gaps


@given(st.lists(st.booleans(), max_size=60))
def test_gaps_are_the_runs_of_missing_frames(missing):
    gaps = find_gaps(np.array(missing, dtype=bool))
    inside = [frame for start, stop in gaps for frame in range(start, stop)]
    assert inside == [frame for frame, lost in enumerate(missing) if lost]
    assert all(stop < start for (_, stop), (start, _) in pairwise(gaps))
    assert all(start < stop for start, stop in gaps)


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_gap_is_filled_when_it_lasts_less_than_a_fifth_of_a_second_at_any_rate(rate_hz):
    time_s = np.round(stamps(rate_hz), 4)
    limit = round(0.2 * rate_hz)  # so many frames last exactly 0.2 s
    for n_missing, expected in [(1, True), (limit - 1, True), (limit, False), (rate_hz, False)]:
        positions = motion(time_s)
        positions[40 : 40 + n_missing, 1] = np.nan
        filled, is_filled = fill_gaps(positions, time_s)
        assert np.isfinite(filled).all() == expected
        assert is_filled.sum() == n_missing * expected


def test_filled_samples_are_those_of_scipy_and_nothing_else_changes():
    time_s = stamps(60)
    truth = motion(time_s)
    positions = truth.copy()
    positions[50:55, 0] = np.nan
    positions[100, 1, 2] = np.nan  # one lost coordinate is a lost sample
    positions[120:180, 1] = np.nan
    filled, is_filled = fill_gaps(positions, time_s)
    seen = np.isfinite(positions[:, 0]).all(axis=1)
    expected = PchipInterpolator(time_s[seen], truth[seen, 0])(time_s[50:55])
    np.testing.assert_allclose(filled[50:55, 0], expected, atol=1e-14)
    np.testing.assert_allclose(filled[50:55, 0], truth[50:55, 0], atol=0.02)
    np.testing.assert_array_equal(np.argwhere(is_filled), [[50, 0], [51, 0], [52, 0], [53, 0], [54, 0], [100, 1]])
    np.testing.assert_array_equal(filled[~is_filled], positions[~is_filled])
    assert np.isnan(filled[120:180, 1]).all()
    assert np.isnan(positions[50, 0]).all()  # the input stays


def test_a_far_gap_does_not_change_the_filling_of_another():
    time_s = stamps(60)
    one, two = motion(time_s), motion(time_s)
    one[50:55, 0] = two[50:55, 0] = np.nan
    two[60:63, 0] = two[200:, 0] = np.nan
    np.testing.assert_allclose(fill_gaps(one, time_s)[0][50:55], fill_gaps(two, time_s)[0][50:55], rtol=0, atol=1e-15)


def test_the_ends_are_never_filled():
    time_s = stamps(60)
    positions = motion(time_s)
    positions[:2, 0] = positions[-1:, 1] = np.nan
    filled, is_filled = fill_gaps(positions, time_s)
    np.testing.assert_array_equal(filled, positions)
    assert not is_filled.any()


@pytest.mark.parametrize("n_frames", [1, 2, 5])
def test_points_without_any_sample_stay_missing(n_frames):
    positions = np.full((n_frames, 2, 3), np.nan)
    filled, is_filled = fill_gaps(positions, np.arange(n_frames) / 60)
    assert np.isnan(filled).all()
    assert not is_filled.any()


def test_a_missing_frame_within_a_leap_of_the_clock_is_not_filled():
    time_s = np.concatenate([np.arange(30) / 60, 1.5 + np.arange(30) / 60])
    positions = motion(time_s)
    positions[29, 0] = np.nan
    assert not fill_gaps(positions, time_s)[1].any()


def test_segments_end_at_missing_frames_and_at_leaps_of_the_clock():
    time_s = np.arange(100) / 60
    time_s[70:] += 0.5
    complete = np.ones(100, dtype=bool)
    complete[[0, 40, 41]] = False
    assert find_segments(complete, time_s) == [(1, 40), (42, 70), (70, 100)]
    time_s[70:] -= 0.4  # six rows never written: a gap to be bridged
    assert find_segments(complete, time_s) == [(1, 40), (42, 100)]
    assert find_segments(np.array([True]), np.array([0.0])) == [(0, 1)]


# --- rates


def test_which_time_stamps_have_the_models_rate():
    assert has_rate(stamps(60), 60)
    assert has_rate(stamps(59.94), 60)
    assert has_rate(np.round(stamps(60), 3), 60)
    assert has_rate(np.array([3.0]), 60)
    assert not has_rate(stamps(58), 60)
    assert not has_rate(stamps(60, jitter_s=0.004), 60)
    assert not has_rate(np.delete(stamps(60), 100), 60)
    assert not any(has_rate(stamps(rate_hz), 60) for rate_hz in RATES if rate_hz != 60)


def test_a_trial_at_the_models_rate_passes_unchanged():
    time_s = np.round(stamps(59.94), 3)
    values = motion(time_s)
    frames = model_frames(time_s, 60)[17:90]
    grid = model_grid(frames)
    np.testing.assert_array_equal(grid, np.arange(17, 90))
    np.testing.assert_array_equal(to_model_grid(values[17:90], frames, grid), values[17:90])


@given(st.sampled_from(RATES), st.integers(1, 90), st.integers(0, 60), st.floats(0, 0.002), st.floats(-1e4, 1e4))
def test_a_segments_grid_covers_just_the_segment_and_is_anchored_to_the_trial(
    rate_hz, n_frames, first, jitter_s, start_s
):
    time_s = stamps(rate_hz, 5 + 1 / rate_hz, jitter_s, start_s)
    frames = model_frames(time_s, 60)[first : first + n_frames]
    grid = model_grid(frames)
    assert grid[0] == frames[0]
    assert len(grid) == 1 or grid[-1] == frames[-1]
    assert (np.diff(grid) > 0).all()
    np.testing.assert_array_equal(grid[1:-1], np.rint(grid[0]) + np.arange(1, len(grid) - 1))


@pytest.mark.parametrize("jitter_s", [0.0, 0.003])
@pytest.mark.parametrize("rate_hz", RATES)
def test_motion_arrives_on_the_models_grid_and_returns(rate_hz, jitter_s):
    time_s = stamps(rate_hz, jitter_s=jitter_s * min(1, 60 / rate_hz))
    frames = model_frames(time_s, 60)
    grid = model_grid(frames)
    values = motion(time_s)
    allowed_m = 0.002 if rate_hz == 30 else 0.001  # 6 Hz is near the most that 30 Hz can hold
    at_grid = to_model_grid(values, frames, grid)
    if not has_rate(time_s, 60):
        assert np.abs(at_grid - motion(time_s[0] + grid / 60)).max() < allowed_m
    assert np.abs(resample(at_grid, grid, frames) - values).max() < allowed_m


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_large_and_fast_motion_loses_less_than_a_millimetre(rate_hz):
    for phase in np.linspace(0, 6, 5):
        time_s = stamps(rate_hz)
        values = 0.3 * np.sin(2 * np.pi * 3 * time_s + phase)
        assert np.abs(there_and_back(values, time_s) - values).max() < 0.001


@pytest.mark.parametrize("rate_hz", [100, 120, 240])
def test_what_is_too_fast_for_the_model_is_not_mirrored_into_its_range(rate_hz):
    time_s = stamps(rate_hz)
    frames = model_frames(time_s, 60)
    hum = np.sin(2 * np.pi * 45 * time_s)  # without a filter this would appear at 15 Hz
    inner = to_model_grid(hum, frames, model_grid(frames))[20:-20]
    assert np.abs(inner).max() < 0.02


@given(st.sampled_from(RATES), st.integers(1, 12))
def test_short_segments_pass_and_keep_their_ends(rate_hz, n_frames):
    time_s = np.arange(n_frames) / rate_hz
    values = motion(time_s)
    returned = there_and_back(values, time_s)
    assert returned.shape == values.shape
    assert np.abs(returned - values).max() < 0.06
    np.testing.assert_allclose(there_and_back(np.ones((n_frames, 2)), time_s), 1, atol=1e-9)


def test_a_straight_line_stays_straight():
    for rate_hz in RATES:
        time_s = stamps(rate_hz, 1.0)
        np.testing.assert_allclose(there_and_back(time_s, time_s), time_s, rtol=0, atol=1e-6)


def test_a_segment_is_resampled_the_same_far_from_another_segments_end():
    time_s = stamps(100)
    frames = model_frames(time_s, 60)
    values = motion(time_s)
    whole = to_model_grid(values, frames, model_grid(frames))
    tail = slice(123, None)
    grid = model_grid(frames[tail])
    part = to_model_grid(values[tail], frames[tail], grid)
    assert np.abs(part[30:] - whole[int(np.rint(grid[0])) + 30 :]).max() < 1e-6
