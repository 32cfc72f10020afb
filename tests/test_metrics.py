"""Errors with a planted size, and the algebra between them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trcaugment.evaluation.metrics import (
    acceleration,
    axis_error,
    coordinate_rmse,
    distance_error,
    mpme,
    pair_distances,
    position_error,
)
from trcaugment.marker_sets import ANATOMICAL_MARKERS


def points(n_frames=20, n_points=6, seed=0):
    return torch.randn(n_frames, n_points, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_constant_offset_is_the_error_everywhere():
    true = points()
    predicted = true + torch.tensor([0.003, 0.004, 0.0])
    torch.testing.assert_close(position_error(predicted, true), torch.full((20, 6), 0.005, dtype=torch.float64))
    assert float(mpme(predicted, true)) == pytest.approx(0.005)
    assert float(coordinate_rmse(predicted, true)) == pytest.approx(0.005 / math.sqrt(3))


def test_a_perfect_prediction_has_no_error():
    true = points()
    assert float(mpme(true, true)) == float(coordinate_rmse(true, true)) == 0
    assert float(distance_error(true, true, [(0, 1), (2, 5)])) == 0


@given(st.integers(0, 1000), st.floats(1e-4, 1.0))
def test_rmse_over_coordinates_is_smaller_than_that_over_distances_by_the_root_of_three(seed, size):
    true = points(seed=seed)
    predicted = true + size * points(seed=seed + 5000)
    over_distances = position_error(predicted, true).square().mean().sqrt()
    assert float(coordinate_rmse(predicted, true)) * math.sqrt(3) == pytest.approx(float(over_distances))
    assert float(mpme(predicted, true)) <= float(over_distances)


def test_distances_are_those_of_numpy_and_keep_when_a_body_moves():
    true, pairs = points(), [(0, 1), (1, 5), (2, 3)]
    expected = [np.linalg.norm(true[:, a].numpy() - true[:, b].numpy(), axis=1) for a, b in pairs]
    np.testing.assert_allclose(pair_distances(true, pairs).numpy(), np.array(expected).T)
    turned = true @ torch.from_numpy(Rotation.random(rng=1).as_matrix()) + 3.0
    assert float(distance_error(turned, true, pairs)) == pytest.approx(0, abs=1e-12)
    assert float(distance_error(1.1 * true, true, pairs)) == pytest.approx(float(np.mean(expected)) * 0.1)


def test_acceleration_of_a_parabola_is_exact_and_of_a_circle_is_centripetal():
    time_s = torch.arange(50, dtype=torch.float64) / 60
    fall = torch.stack([2 * time_s, 5 - 9.81 / 2 * time_s**2, 0 * time_s], dim=-1)[:, None]
    assert acceleration(fall, 1 / 60).shape == (48, 1)
    np.testing.assert_allclose(acceleration(fall, 1 / 60), 9.81, rtol=1e-9)
    circle = 0.5 * torch.stack([torch.cos(4 * time_s), torch.sin(4 * time_s), 0 * time_s], dim=-1)[:, None]
    np.testing.assert_allclose(acceleration(circle, 1 / 60), 0.5 * 16, rtol=1e-3)


def test_rigid_pairs_lie_within_one_side_or_the_pelvis():
    pairs = ANATOMICAL_MARKERS.rigid_pairs
    assert len(set(pairs)) == len(pairs) == 61
    pelvis = {"r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study", "RHJC_study", "LHJC_study"}
    for first, second in ((ANATOMICAL_MARKERS.names[a], ANATOMICAL_MARKERS.names[b]) for a, b in pairs):
        assert {first, second} <= pelvis or first[0] == second[0]


def test_axis_error_is_the_angle_by_which_an_axis_turned():
    points = torch.tensor([[0.0, 0, 0], [0.2, 0, 0], [0.1, 0.4, 0]])  # from the middle of two to the third
    turned = points.clone()
    turned[2] = torch.tensor([0.1, 0.4 * math.cos(0.05), 0.4 * math.sin(0.05)])
    assert float(axis_error(turned, points, [((0, 1), (2,))])) == pytest.approx(0.05, rel=1e-3)
    assert float(axis_error(3 * points, points, [((0, 1), (2,)), ((0,), (1,))])) == pytest.approx(0, abs=1e-6)


def test_an_axis_between_points_in_one_place_has_no_direction_and_no_nan():
    points = torch.zeros(2, 3, requires_grad=True)
    error = axis_error(points, torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]), [((0,), (1,))])
    error.backward()
    assert error.item() == pytest.approx(1.0)
    assert torch.isfinite(points.grad).all()
