"""White noise of keypoints: measured against planted noise, smoothed as a Butterworth filter would."""

import dataclasses

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt
from short_trials import walk

from trcaugment.chain.augmentation import augment
from trcaugment.chain.noise import smooth, white_noise
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, SMALL_NOISE_M, smoothing_hz
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject


def motion(n, rate_hz, n_points=3):
    """Walking-like motion of a few points: 1 Hz and 2 Hz, with a speed that does not vanish at the ends."""
    time_s = np.arange(n)[:, None, None] / rate_hz
    axis = np.arange(3 * n_points).reshape(1, n_points, 3)
    return 0.3 * np.sin(2 * np.pi * time_s + axis) + 0.05 * np.sin(4 * np.pi * time_s + 2 * axis) + 1.2 * time_s


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("planted_m", [0.001, 0.005, 0.020])
def test_planted_noise_is_found_whatever_the_rate(rate_hz, planted_m):
    n = round(12 * rate_hz)
    seen = motion(n, rate_hz) + planted_m * np.random.default_rng(1).standard_normal((n, 3, 3))
    found = white_noise(seen, rate_hz) / np.sqrt(RATE_HZ / rate_hz)
    np.testing.assert_allclose(found, planted_m, rtol=0.1)


def test_motion_is_not_taken_for_noise():
    for rate_hz in (30.0, 60.0):
        assert white_noise(motion(200, rate_hz), rate_hz).max() < 0.5 * SMALL_NOISE_M


def test_spikes_and_missing_samples_hardly_change_what_is_found():
    seen = motion(600, 60.0) + 0.005 * np.random.default_rng(2).standard_normal((600, 3, 3))
    seen[::40, 0] += 0.4
    seen[100:200, 1] = np.nan
    seen[20:, 2] = np.nan
    found = white_noise(seen, 60.0)
    np.testing.assert_allclose(found[:2], 0.005, rtol=0.25)
    assert found[2] == 0.0  # too short to tell


@pytest.mark.parametrize("n", [1, 4, 12])
def test_short_trials_have_no_noise_to_speak_of(n):
    seen = np.random.default_rng(0).standard_normal((n, 3, 3))
    noise_m = white_noise(seen, 60.0)
    np.testing.assert_array_equal(noise_m, 0.0)
    np.testing.assert_array_equal(smooth(seen, noise_m), seen)


def test_smoothing_is_a_butterworth_filter_without_delay_away_from_the_ends():
    noise_m = np.array([0.004, 0.0015, 0.015])
    seen = motion(900, 60.0) + noise_m[:, None] * np.random.default_rng(3).standard_normal((900, 3, 3))
    smoothed = smooth(seen, noise_m)
    np.testing.assert_array_equal(smoothed[:, 1], seen[:, 1])
    for point in (0, 2):
        low_pass = butter(2, smoothing_hz(noise_m[point]) / (RATE_HZ / 2), output="sos")
        oracle = sosfiltfilt(low_pass, seen[:, point], axis=0)
        inside = slice(60, -60)
        away = smoothed[inside, point] - oracle[inside]
        assert away.std() < 0.08 * noise_m[point]  # the bilinear transform bends the filter's upper end


def test_smoothing_brings_noisy_motion_nearer_to_the_truth_up_to_its_ends():
    true = motion(300, 60.0)
    seen = true + 0.010 * np.random.default_rng(4).standard_normal(true.shape)
    smoothed = smooth(seen, white_noise(seen, 60.0))
    off = np.sqrt(np.square(smoothed - true).mean(axis=(1, 2)))
    assert off[30:-30].mean() < 0.0055
    assert max(off[0], off[-1]) < 0.012


def test_smoothed_keypoints_are_reported_and_cost_less_than_their_noise():
    short = walk()
    subject, model = Subject(1.584, 58.32), load_model()
    noise_m = 0.012 * np.random.default_rng(5).standard_normal(short.positions.shape)
    shaky = dataclasses.replace(short, positions=short.positions + noise_m)
    clean, noisy = augment(short, subject, model), augment(shaky, subject, model)
    assert not clean.smoothed
    assert noisy.smoothed.keys() == set(KEYPOINTS)
    np.testing.assert_allclose(list(noisy.smoothed.values()), 0.012, rtol=0.35)
    away = np.linalg.norm(noisy.markers.positions - clean.markers.positions, axis=2)
    assert np.nanmean(away) < 0.010
