"""The low-pass filter against what a Butterworth filter must do, and around gaps."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.signal import butter, sosfiltfilt

from trcaugment.chain.smoothing import smooth_points
from trcaugment.cli import main
from trcaugment.errors import MarkersError
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.osim.model import write_shipped_model

WALK = Path(__file__).parents[1] / "examples" / "walk.trc"
RATE_HZ = 100
TIME_S = np.arange(400) / RATE_HZ


def wave(hz, time_s=TIME_S):
    return np.repeat(np.sin(2 * np.pi * hz * time_s)[:, None, None], 3, axis=2)


@pytest.mark.parametrize("cut_off_hz", [3, 6, 12, 30])
def test_half_the_power_is_left_at_the_cut_off_without_delay(cut_off_hz):
    given = wave(cut_off_hz)
    smooth = smooth_points(given, TIME_S, cut_off_hz)
    middle = slice(100, 300)
    np.testing.assert_allclose(smooth[middle], given[middle] / np.sqrt(2), atol=0.01)


def test_slow_movement_stays_and_fast_noise_goes():
    np.testing.assert_allclose(smooth_points(wave(0.5), TIME_S, 6), wave(0.5), atol=0.01)
    assert np.abs(smooth_points(wave(25), TIME_S, 6)[100:300]).max() < 0.01


def test_it_is_scipys_filter_with_the_corrected_cut_off():
    noise = np.random.default_rng(0).standard_normal((400, 2, 3)).cumsum(axis=0)
    tangent = np.tan(np.pi * 6 / RATE_HZ) / (np.sqrt(2) - 1) ** 0.25
    sections = butter(2, np.arctan(tangent) * RATE_HZ / np.pi, fs=RATE_HZ, output="sos")
    expected = sosfiltfilt(sections, noise, axis=0, padlen=50)
    np.testing.assert_allclose(smooth_points(noise, TIME_S, 6), expected, atol=1e-6)


def test_short_gaps_are_bridged_and_stay_and_long_ones_part_the_filter():
    rng = np.random.default_rng(1)
    whole = rng.standard_normal((400, 3, 3)).cumsum(axis=0)
    given = whole.copy()
    given[100:105, 1] = np.nan  # 0.05 s
    given[200:260, 2] = np.nan
    smooth = smooth_points(given, TIME_S, 6)
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(given))
    np.testing.assert_array_equal(smooth[:, 0], smooth_points(whole[:, :1], TIME_S, 6)[:, 0])
    np.testing.assert_allclose(smooth[:60, 1], smooth_points(whole[:, 1:2], TIME_S, 6)[:60, 0], atol=0.05)
    for part in (slice(0, 200), slice(260, 400)):
        np.testing.assert_allclose(smooth[part, 2], smooth_points(whole[part, 2:], TIME_S[part], 6)[:, 0], atol=1e-12)


def test_a_leap_in_time_parts_the_filter_and_uneven_time_stamps_do_not_matter():
    rng = np.random.default_rng(2)
    given = rng.standard_normal((400, 1, 3)).cumsum(axis=0)
    leaping_s = TIME_S + 5 * (np.arange(400) >= 150)
    before = smooth_points(given[:150], TIME_S[:150], 6)
    np.testing.assert_allclose(smooth_points(given, leaping_s, 6)[:150], before, atol=1e-12)
    uneven_s = TIME_S + rng.uniform(-0.004, 0.004, 400)
    np.testing.assert_allclose(smooth_points(wave(1, uneven_s), uneven_s, 6), wave(1, uneven_s), atol=0.01)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_few_frames_come_back_finite(n_frames):
    given = np.arange(3.0 * n_frames).reshape(n_frames, 1, 3)
    np.testing.assert_allclose(smooth_points(given, TIME_S[:n_frames], 6), given, atol=1e-6)  # a straight line


@pytest.mark.parametrize("cut_off_hz", [50, 80, 0, -1, np.nan])
def test_a_cut_off_beyond_half_the_rate_is_refused(cut_off_hz):
    with pytest.raises(MarkersError, match=r"below half the rate \(50 Hz\)"):
        smooth_points(wave(1), TIME_S, cut_off_hz)


def test_predict_smooths_its_markers_and_the_sidecar_says_so(tmp_path):
    words = ["predict", str(WALK), "--height", "1.584", "--mass", "58.32"]
    for name, more in (("rough", []), ("smooth", ["--lowpass", "6"])):
        done = CliRunner().invoke(main, [*words, "-o", str(tmp_path / f"{name}.trc"), *more])
        assert done.exit_code == 0, done.output
    assert "markers smoothed: zero-phase Butterworth low-pass filter of order 4, 6 Hz" in done.output
    assert json.loads((tmp_path / "smooth.json").read_text())["preparation"]["lowpass_hz"] == 6
    assert json.loads((tmp_path / "rough.json").read_text())["preparation"]["lowpass_hz"] is None
    rough, smooth = (read_trc(tmp_path / f"{name}.trc") for name in ("rough", "smooth"))
    np.testing.assert_allclose(smooth.positions, smooth_points(rough.positions, rough.time_s, 6), atol=1e-6)
    assert np.nanmax(np.abs(smooth.positions - rough.positions)) > 1e-3


def test_a_trial_too_slow_for_the_cut_off_fails_with_the_reason(tmp_path):
    words = ["predict", str(WALK), "--height", "1.584", "--mass", "58.32", "-o", str(tmp_path / "out.trc")]
    done = CliRunner().invoke(main, [*words, "--lowpass", "31"])
    assert done.exit_code == 1
    assert "expected a cut-off above 0 and below half the rate (30 Hz), found 31 Hz" in done.output
    assert not (tmp_path / "out.trc").exists()


def test_inverse_kinematics_follows_smoothed_markers_and_says_so(opensim, tmp_path):
    whole = read_trc(WALK.with_name("walk_markers.trc"))
    trial = replace(whole, positions=whole.positions[:12], time_s=whole.time_s[:12])
    write_trc(tmp_path / "walk.trc", trial)
    write_shipped_model(tmp_path / "body.osim")
    words = ["osim", "ik", tmp_path / "walk.trc", "--height", 1.584, "--mass", 58.32, "-o", tmp_path / "o", "--jobs", 1]
    words += ["--model", tmp_path / "body.osim", "--no-scaling", "--lowpass", 5, "--json", tmp_path / "o.json"]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0, done.output
    assert "markers smoothed first: zero-phase Butterworth low-pass filter of order 4, 5 Hz" in done.output
    assert json.loads((tmp_path / "o.json").read_text())["lowpass_hz"] == 5
    followed = read_trc(tmp_path / "o" / "walk_ik.trc")
    expected = replace(trial, positions=smooth_points(trial.positions, trial.time_s, 5)).select(followed.names)
    np.testing.assert_allclose(followed.positions, expected, atol=1e-6)


def test_standard_input_is_refused_by_inverse_kinematics(tmp_path):
    done = CliRunner().invoke(main, ["osim", "ik", "-", "--height", "1.6", "--mass", "58", "-o", str(tmp_path)])
    assert done.exit_code == 2
    assert "standard input (-) has no name" in done.output
