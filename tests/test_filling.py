"""Missing keypoints are filled at their most likely place, whatever the orientation, and without steps."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.filling import _MEMORY_S, can_be_filled, carry, fill_missing, most_likely
from trcaugment.marker_sets import KEYPOINTS

TIME_S = np.arange(90) / 60


def missing(*names):
    return np.isin(KEYPOINTS.names, names)


@pytest.fixture(scope="module")
def people():
    """Three seconds of ten people without detector errors: (10, 90, 15, 3) in m, and heights."""
    errors = KeypointErrors(offset=0.0, drift_m=0.0, noise_m=0.0, accident_rate=0.0, misjudged_rate=0.0)
    windows = WindowGenerator(make_library([], 20, 1), Population(), errors).draw(30, torch.Generator().manual_seed(1))
    keypoints = windows.keypoints.double().numpy().reshape(10, 90, 15, 3)  # three windows as one trial, which leaps
    return keypoints, windows.height_m.double().numpy()[::3]


@pytest.mark.parametrize(
    ("names", "most_mm"),
    [
        (("Neck",), 25),
        (("RShoulder",), 45),
        (("RAnkle",), 40),
        (("LHeel",), 40),
        (("RSmallToe", "LSmallToe"), 40),
        (("RHip",), 80),
        (("LHeel", "LSmallToe", "LBigToe"), 90),
    ],
)
def test_most_likely_places_are_near_the_true_ones(people, names, most_mm):
    keypoints, height_m = people
    frames, heights = keypoints.reshape(-1, 15, 3), np.repeat(height_m, 90)
    found = most_likely(frames, missing(*names), heights).positions
    error_mm = 1000 * np.linalg.norm(found - frames[:, missing(*names)], axis=2)
    assert error_mm.mean() < most_mm


@pytest.mark.parametrize("names", [("RBigToe",), ("RHip",), ("Neck", "RShoulder"), ("LHeel", "LSmallToe", "LBigToe")])
def test_most_likely_places_turn_with_the_body_and_ignore_missing_values(people, names):
    keypoints, height_m = people
    frames, heights, gone = keypoints[:, 40], height_m, missing(*names)
    turn = Rotation.random(random_state=3).as_matrix()
    without = frames.copy()
    without[:, gone] = np.nan
    here, there = (most_likely(each, gone, heights) for each in (without, frames @ turn + [3.0, -2.0, 9.0]))
    np.testing.assert_allclose(there.positions, here.positions @ turn + [3.0, -2.0, 9.0], atol=1e-4)
    np.testing.assert_allclose(here.moved(here.difference(frames[:, gone])), frames[:, gone], atol=1e-12)


def test_differences_in_gaps_are_the_mean_of_an_ornstein_uhlenbeck_process():
    rng = np.random.default_rng(2)
    known_s = np.array([0.0, 0.1, 0.5, 1.6])
    time_s = np.array([-0.3, 0.05, 0.2, 0.3, 0.49, 0.6, 1.0, 1.7, 50.0])
    known, usual = rng.normal(size=(4, 3)), rng.normal(size=3)

    def covariance(a, b):
        return np.exp(-np.abs(np.subtract.outer(a, b)) / _MEMORY_S)

    weights = np.linalg.solve(covariance(known_s, known_s), covariance(known_s, time_s)).T
    expected = usual + weights @ (known - usual)
    found = carry(known, known_s, time_s, np.tile(usual, (len(time_s), 1)))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(carry(known[:0], known_s[:0], time_s, np.tile(usual, (9, 1))), np.tile(usual, (9, 1)))


def test_a_gap_has_the_persons_own_offset_and_no_steps(people):
    keypoints, height_m = (each[2] for each in people)
    gone = np.zeros((90, 15), dtype=bool)
    gone[35:55, KEYPOINTS.names.index("RBigToe")] = True
    keypoints = np.concatenate([keypoints[:30]] * 3)[:90] + np.linspace(0, 0.1, 90)[:, None, None]
    own = np.zeros(3)
    for shift in (0.0, 0.05):  # of a detector that sees this toe elsewhere
        moved = keypoints.copy()
        moved[:, KEYPOINTS.names.index("RBigToe"), 1] += shift
        found = fill_missing(np.where(gone[..., None], np.nan, moved), gone, TIME_S, height_m)
        np.testing.assert_array_equal(found[~gone], moved[~gone])
        track = found[:, KEYPOINTS.names.index("RBigToe")]
        away = track - moved[:, KEYPOINTS.names.index("RBigToe")]
        assert np.linalg.norm(away[[35, 54]], axis=1).max() < 0.015  # the first and last frame of the gap
        own = track[45] - own
    np.testing.assert_allclose(own, [0, 0.05, 0], atol=0.005)


def test_other_samples_stay_as_they_are_whatever_is_missing(people):
    keypoints, height_m = (each[0] for each in people)
    rng = np.random.default_rng(4)
    gone = rng.random((90, 15)) < 0.1
    gone[:10] = missing("RSmallToe", "LSmallToe")
    found = fill_missing(np.where(gone[..., None], np.nan, keypoints), gone, TIME_S, height_m)
    filled = can_be_filled(gone)
    assert 80 < filled.sum() < 90
    assert np.isfinite(found[filled]).all()
    np.testing.assert_array_equal(found[~gone], keypoints[~gone])
    nothing = np.zeros_like(gone)
    np.testing.assert_array_equal(fill_missing(keypoints, nothing, TIME_S, height_m), keypoints)


@pytest.mark.parametrize("direction", [(0.0, 0, 0), (0.1, 0, 0), (0.3, 0.7, -0.2)])
def test_keypoints_in_one_point_or_on_one_line_have_likely_places(direction: tuple[float, ...]) -> None:
    positions = np.arange(15.0)[None, :, None] * np.array(direction) + 1.0
    missing = np.arange(15) == KEYPOINTS.index("RSmallToe")
    found = most_likely(np.repeat(positions, 3, axis=0), missing, np.full(3, 1.7))
    assert np.isfinite(found.positions).all()
