"""Training windows lose keypoints as files do, and get the places that prediction would give them."""

import msgspec
import numpy as np
import pytest
import torch

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.filling import fill_missing
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.training.data import DrawnBatches, DrawnData, make_batch
from trcaugment.training.missing import lose_keypoints
from trcaugment.training.recipe import Recipe

TIME_S = np.arange(30) / 60


@pytest.fixture(scope="module")
def generator():
    return WindowGenerator(make_library([], 10, 1), Population(), KeypointErrors())


@pytest.fixture(scope="module")
def windows(generator):
    return generator.draw(300, torch.Generator().manual_seed(5))


def changed(before, after):
    return (before.keypoints != after.keypoints).any(dim=-1).numpy()


def test_the_chosen_share_of_windows_loses_known_groups_and_nothing_else(windows):
    lost = lose_keypoints(windows, 0.4, torch.Generator().manual_seed(1))
    missing = changed(windows, lost)
    assert 0.3 < missing.any(axis=(1, 2)).mean() < 0.5
    groups = {tuple(np.compress(points, KEYPOINTS.names)) for points in missing.any(axis=1) if points.any()}
    assert ("RSmallToe", "LSmallToe") in groups
    assert all(len(group) <= 6 for group in groups)
    assert torch.isfinite(lost.keypoints).all()
    assert lost.keypoints.dtype == windows.keypoints.dtype
    assert lost.markers is windows.markers
    whole = missing.any(axis=2).sum(axis=1)
    assert {0, 30} < set(whole.tolist())  # gaps within a window as well


def test_windows_without_any_seen_sample_are_filled_as_a_file_without_that_keypoint(windows):
    lost = lose_keypoints(windows, 1.0, torch.Generator().manual_seed(2))
    missing = changed(windows, lost)
    equal = []
    for k in np.flatnonzero(missing.any(axis=2).all(axis=1))[:60]:
        expected = fill_missing(windows.keypoints[k].double().numpy(), missing[k], TIME_S, float(windows.height_m[k]))
        equal.append(np.abs(lost.keypoints[k].numpy() - expected).max() < 1e-4)
    assert 0.4 < np.mean(equal) < 1  # the others know their person's own keypoints from the rest of the trial


def test_gaps_within_a_window_are_filled_as_those_of_a_trial_but_for_the_usual_place(windows):
    lost = lose_keypoints(windows, 1.0, torch.Generator().manual_seed(3))
    missing = changed(windows, lost)
    inside = [k for k in range(300) if 0 < missing[k].any(axis=1).sum() < 12]
    assert len(inside) > 10
    worst_m = []
    for k in inside:
        expected = fill_missing(windows.keypoints[k].double().numpy(), missing[k], TIME_S, float(windows.height_m[k]))
        worst_m.append(np.abs(lost.keypoints[k].numpy() - expected).max())
    assert np.median(worst_m) < 0.015


def test_without_missing_keypoints_batches_are_what_they_were(generator):
    batch = DrawnBatches(generator, 4, range(10, 12))[1]
    same = make_batch(generator.draw(4, torch.Generator().manual_seed(11)))
    assert all(torch.equal(a, b) for a, b in zip(batch, same, strict=True))
    other = DrawnBatches(generator, 4, range(10, 12), missing_rate=1.0)[1]
    assert not torch.equal(other.features, same.features)
    again = DrawnBatches(generator, 4, range(11, 12), missing_rate=1.0)[0]
    assert torch.equal(other.features, again.features)


def test_the_recipe_says_how_many_windows_lose_keypoints(generator):
    recipe = Recipe(name="x", keypoint_errors=KeypointErrors(missing_rate=0.7))
    assert DrawnData(generator, recipe).missing_rate == 0.7
    assert (
        msgspec.convert({"name": "x", "keypoint_errors": {"missing_rate": 0}}, Recipe).keypoint_errors.missing_rate == 0
    )
