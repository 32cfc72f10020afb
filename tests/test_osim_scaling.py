"""Scaling: which trials count, robustness against outliers, and notes on impossible factors."""

from dataclasses import replace

import numpy as np
import pytest
from planted_people import NAMES, draw_factors, grown, move

from trcaugment.body.skeleton import BODY_INDEX
from trcaugment.errors import OsimError
from trcaugment.osim.measurements import MEASUREMENTS, distance_m
from trcaugment.osim.pipeline import Kit, scale_person
from trcaugment.subject import Subject

STANDING = 12  # frames


def stand(factors, seed):
    return move(grown(factors), "stand", np.random.default_rng(seed), STANDING)[1]


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_distances_are_between_means_of_markers():
    positions = np.array([[[0, 0, 0], [2, 0, 0], [1, 3, 4]], [[0, 0, 0], [np.nan, 0, 0], [1, 3, 4]]], float)
    found = distance_m(positions, ("a", "b", "c"), (("a", "b"), ("c",)))
    np.testing.assert_array_equal(found, [5.0, np.nan])


def test_measurements_make_do_with_fewer_markers():
    shank = next(m for m in MEASUREMENTS if m.name == "shank length_r")
    assert shank.among({"r_knee_study", "r_ankle_study", "r_mankle_study"}).pairs == (
        (("r_knee_study",), ("r_ankle_study", "r_mankle_study")),
    )
    assert shank.among({"r_knee_study", "r_mknee_study"}).pairs == ()


def test_a_static_trial_counts_instead_of_the_others_and_outliers_do_not(opensim, tmp_path, rng):
    factors = draw_factors(rng)
    standing = stand(factors, 1)
    spoiled = standing.positions.copy()
    spoiled[::4] += rng.normal(0, 0.1, spoiled[::4].shape)  # every fourth frame is no body at all
    other = stand(draw_factors(rng), 2)
    scaled = scale_person([other], replace(standing, positions=spoiled), Subject(1.7, 70), Kit(), tmp_path).scaling
    for body in ("pelvis", "torso", "femur_r", "tibia_l", "calcn_r"):
        np.testing.assert_allclose(scaled.by_body[body], factors[BODY_INDEX[body]], rtol=0.01)
    assert all(d.measured_m == pytest.approx(d.scaled_m, rel=0.01) for f in scaled.factors for d in f.distances)
    middle = np.median([factor.value for factor in scaled.factors])
    assert set(scaled.unmeasured) == {
        f"{name}_{side}" for name in ("humerus", "ulna", "radius", "hand") for side in "rl"
    }
    assert scaled.by_body["hand_r"] == pytest.approx((middle,) * 3)
    assert scaled.warnings == ()


def test_impossible_factors_and_heights_are_named(opensim, tmp_path):
    factors = np.full((len(BODY_INDEX), 3), 1.0)
    factors[BODY_INDEX["torso"], 2] = 0.6
    factors[BODY_INDEX["tibia_l"]] = 1.15
    scaled = scale_person([stand(factors, 3)], None, Subject(1.45, 70), Kit(), tmp_path).scaling
    width, sides, height = scaled.warnings
    assert width.startswith("shoulder width: factor 0.60 lies outside 0.7-1.5")
    assert sides == "shank length: right 1.00 and left 1.15 differ by more than 10 %"
    assert height == "the height is 1.45 m, but the markers are those of a person of about 1.70 m"


def test_without_any_distance_nothing_is_scaled(opensim, tmp_path, rng):
    trial = stand(draw_factors(rng), 4)
    few = [NAMES.index(name) for name in NAMES if "thigh" in name]
    clusters = replace(trial, names=tuple(NAMES[k] for k in few), positions=trial.positions[:, few])
    with pytest.raises(OsimError, match=r"no measurement is possible for scaling: .* they share L_thigh1_study"):
        scale_person([clusters], None, Subject(1.7, 70), Kit(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scaling.log"]
