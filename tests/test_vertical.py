"""The vertical: all six axes are found in standing and moving people, none in lying ones, and turns are no mirrors."""

import numpy as np
import pytest
from acting import ADULT, act, noisy, trial

from trcaugment import augment
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.vertical import AXES, find_up, turn_to_y_up
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import Markers
from trcaugment.model.folder import load_model


@pytest.fixture(scope="module")
def model():
    return load_model(device="cpu")


def turned_from_y_up(positions, axis):
    """The same positions in a file in which this axis points up."""
    to_y_up = turn_to_y_up(Markers(("a", "b", "c"), np.eye(3)[None], [0.0]), axis).positions[0].T
    assert np.isclose(np.linalg.det(to_y_up), 1)
    return positions @ to_y_up


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("activity", ["walk", "squat", "stand", "jump"])
def test_the_axis_that_points_up_is_found(axis, activity):
    positions = noisy(turned_from_y_up(act(activity), axis), 0.015)
    up = find_up(KEYPOINTS.names, positions)
    assert up.axis == axis and up.confidence > 0.5


@pytest.mark.parametrize("axis", AXES)
def test_who_lies_is_not_stood_up(axis):
    lying = act("stand") @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    toes = [KEYPOINTS.index(f"{side}{toe}") for side in "RL" for toe in ("BigToe", "SmallToe")]
    lying[:, toes] -= [0.12, 0, 0]  # feet hang
    up = find_up(KEYPOINTS.names, turned_from_y_up(lying, axis))
    assert up.axis is None and up.confidence == 0 and "lying" in up.reason


def test_the_axis_is_found_from_anatomical_markers_too(model):
    markers = augment(trial(act("walk")), ADULT, model).markers
    for axis in AXES:
        assert find_up(markers.names, turned_from_y_up(markers.positions, axis)).axis == axis


def test_without_feet_or_a_body_along_an_axis_it_cannot_be_known():
    walk = act("walk")
    assert find_up(KEYPOINTS.names[:7], walk[:, :7]).axis is None
    assert find_up(KEYPOINTS.names, np.full_like(walk, np.nan)).axis is None
    tilted = walk @ np.linalg.qr(np.array([[1.0, 1, 1], [0, 1, -1], [2, -1, -1]]).T)[0]
    assert find_up(KEYPOINTS.names, tilted).axis is None


def test_turning_gives_what_the_turned_file_gives(model):
    walk = act("walk")
    z_up = trial(turned_from_y_up(walk, "z"))
    plain, as_it_is, auto, stated = (
        augment(markers, ADULT, model, Preparation(up=up))
        for markers, up in ((trial(walk), None), (z_up, None), (z_up, "auto"), (z_up, "z"))
    )
    assert not plain.findings and not auto.findings and not stated.findings
    assert [finding.guard for finding in as_it_is.findings] == ["vertical"]
    assert (plain.up, as_it_is.up, auto.up, stated.up) == (None, None, "z", "z")
    assert np.allclose(auto.markers.positions, plain.markers.positions, atol=1e-5)
    assert np.array_equal(stated.markers.positions, auto.markers.positions)
    assert np.allclose(turned_from_y_up(auto.markers.positions, "z"), as_it_is.markers.positions, atol=1e-9)


def test_a_wrong_statement_and_an_unknown_vertical_are_found(model):
    wrong = augment(trial(act("walk")), ADULT, model, Preparation(up="z"))
    assert wrong.up == "z" and "found y" in wrong.findings[0].message
    tiptoe = act("stand")
    tiptoe[:, [KEYPOINTS.index("RHeel"), KEYPOINTS.index("LHeel")]] += [0, 0.1, 0]
    unknown = augment(trial(tiptoe), ADULT, model, Preparation(up="auto"))
    assert unknown.up is None and "cannot be known" in unknown.findings[-1].message
