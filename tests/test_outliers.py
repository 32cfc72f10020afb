"""Outliers and leaps: planted ones are found and do no harm, noise and fast motion are left alone."""

import numpy as np
import pytest
from acting import ADULT, TIME_S, act, noisy, trial

from trcaugment import augment
from trcaugment.chain.leaps import find_leaps
from trcaugment.chain.outliers import find_outliers
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.signals import resample
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.folder import load_model


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def walk():
    return act("walk")


@pytest.mark.parametrize("activity", ["walk", "run", "squat", "jump"])
@pytest.mark.parametrize("noise_m", [0.0, 0.015])
def test_motion_and_noise_are_no_outliers(activity, noise_m):
    positions = noisy(act(activity), noise_m)
    assert not find_outliers(positions, TIME_S).any()
    assert find_leaps(positions, TIME_S) == []


@pytest.mark.parametrize("rate_hz", [25, 30, 60, 120, 500])
@pytest.mark.parametrize("noise_m", [0.0, 0.015])
@pytest.mark.parametrize("frame", [0, 1, 60, -2, -1])
def test_a_spike_is_found_in_every_keypoint_and_nothing_else_is(walk, rate_hz, noise_m, frame):
    time_s = np.arange(0, TIME_S[-1], 1 / rate_hz)
    positions = noisy(resample(walk, TIME_S, time_s), noise_m)
    planted = np.zeros(positions.shape[:2], dtype=bool)
    planted[frame] = True
    size_m = 0.3 if frame == 60 and rate_hz >= 60 else 0.6  # at the ends, and where steps are long, less is known
    spiked = positions + planted[:, :, None] * size_m * np.array([0.6, 0.8, 0])
    assert np.array_equal(find_outliers(spiked, time_s), planted)


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_two_frames_in_a_row_are_found_as_one(walk, n_frames):
    spiked = noisy(walk, 0.005)
    spiked[100 : 100 + n_frames, KEYPOINTS.index("LHeel")] += [0, 0.4, 0]
    assert np.argwhere(find_outliers(spiked, TIME_S)).tolist() == [
        [frame, KEYPOINTS.index("LHeel")] for frame in range(100, 100 + n_frames)
    ]


def test_what_does_not_come_back_is_no_outlier(walk):
    stepped = walk.copy()
    stepped[100:, KEYPOINTS.index("RKnee")] += [0.3, 0, 0]
    assert not find_outliers(stepped, TIME_S).any()


def test_outliers_beside_gaps_are_found_and_missing_samples_are_none(walk):
    spiked = walk.copy()
    spiked[100:110, 5] = np.nan
    spiked[110, 5] += [0, 0.6, 0]
    spiked[:, 7] = np.nan
    assert np.argwhere(find_outliers(spiked, TIME_S)).tolist() == [[110, 5]]


@pytest.mark.parametrize("n_frames", [1, 2, 5, 6])
def test_short_trials_have_no_path_to_leave(walk, n_frames):
    assert not find_outliers(walk[:n_frames], TIME_S[:n_frames]).any()
    assert find_leaps(walk[:n_frames], TIME_S[:n_frames]) == []


@pytest.mark.parametrize("name", KEYPOINTS)
def test_a_spike_of_03_m_moves_no_marker_by_10_mm(walk, model, name):
    spiked = walk.copy()
    spiked[77, KEYPOINTS.index(name)] += [0.1, 0.2, 0.2]
    clean, repaired = (augment(trial(positions[:150], TIME_S[:150]), ADULT, model) for positions in (walk, spiked))
    assert repaired.outliers == repaired.filled == {name: [(77, 78)]}
    assert [(finding.guard, finding.frames) for finding in repaired.findings] == [("outliers", [(77, 78)])]
    moved_m = np.linalg.norm(repaired.markers.positions - clean.markers.positions, axis=2)
    assert moved_m.max() < 0.010


def test_kept_outliers_are_found_and_left(walk, model):
    spiked = walk.copy()
    spiked[77, KEYPOINTS.index("RKnee")] += [0, 0.3, 0]
    kept = augment(trial(spiked), ADULT, model, Preparation(keep_outliers=True))
    assert kept.outliers == {"RKnee": [(77, 78)]} and not kept.filled
    assert "left as they are" in kept.findings[-1].message


@pytest.mark.parametrize("rate_hz", [15, 30, 60, 500])
@pytest.mark.parametrize("noise_m", [0.0, 0.015])
def test_a_leap_is_found_where_it_is(walk, rate_hz, noise_m):
    time_s = np.arange(0, TIME_S[-1], 1 / rate_hz)
    leapt = noisy(resample(walk, TIME_S, time_s), noise_m)
    frame = len(time_s) // 2
    leapt[frame:] += [0.5, 0, 0.3]
    assert find_leaps(leapt, time_s) == [frame]


def test_one_leg_or_exchanged_sides_do_not_leap(walk):
    changed = walk.copy()
    changed[100:140] = walk[100:140][:, KEYPOINTS.mirror_order]
    assert find_leaps(changed, TIME_S) == []
    changed = walk.copy()
    right_leg = [KEYPOINTS.index(f"R{part}") for part in ("Knee", "Ankle", "Heel", "SmallToe", "BigToe")]
    changed[100:, right_leg] += [0.5, 0, 0]
    assert find_leaps(changed, TIME_S) == []


def test_no_window_and_no_filled_gap_reaches_across_a_leap(walk, model):
    leapt = walk.copy()
    leapt[120:] += [2.0, 0, 0]
    leapt[117:120, 5] = np.nan
    both = augment(trial(leapt), ADULT, model)
    assert [(each.guard, each.frames) for each in both.findings] == [("leap", [(120, 121)])]
    assert both.missing == {"RKnee": [(117, 120)]} and not both.filled
    apart = augment(trial(leapt[:120], TIME_S[:120]), ADULT, model)
    assert np.array_equal(both.markers.positions[:120], apart.markers.positions, equal_nan=True)
    after = augment(trial(leapt[120:], TIME_S[120:]), ADULT, model)
    assert np.allclose(both.markers.positions[120:], after.markers.positions, atol=1e-6)
