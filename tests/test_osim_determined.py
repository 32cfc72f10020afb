"""Coordinates that markers leave open: by the model's own Jacobian, not by counting."""

import numpy as np
import pytest
from planted_people import NAMES

from trcaugment.osim.determined import _jacobian, idle_markers, undetermined
from trcaugment.osim.model import write_shipped_model
from trcaugment.osim.tasks import make_tasks

LEG = ["hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_angle_r", "ankle_angle_r", "subtalar_angle_r"]
LEG_PARTS = ("knee", "ankle", "toe", "thigh", "_sh1", "_sh2", "_sh3", "calc", "5meta")


@pytest.fixture(scope="module")
def model(opensim, tmp_path_factory):
    path = tmp_path_factory.mktemp("determined") / "model.osim"
    write_shipped_model(path)
    opened = opensim.Model(str(path))
    opened.initSystem()
    return opened


def shown_by(model, *right_leg):
    """All markers but those of the right leg, of which just the named ones are there."""
    names = {name for name in NAMES if not (name.startswith("r_") and any(part in name for part in LEG_PARTS))}
    return make_tasks(model, names | set(right_leg), None).shown_by


@pytest.mark.parametrize(
    ("right_leg", "left_open"),
    [
        (("r_knee_study", "r_ankle_study", "r_calc_study", "r_toe_study"), []),
        (("r_knee_study", "r_ankle_study", "r_calc_study"), ["subtalar_angle_r"]),
        (("r_knee_study", "r_calc_study"), LEG[4:]),
        (("r_calc_study", "r_5meta_study"), LEG),
        (("r_knee_study",), LEG[:3]),
        ((), []),
    ],
)
def test_what_a_legs_markers_leave_open(model, right_leg, left_open):
    shown = shown_by(model, *right_leg)
    assert list(undetermined(model, shown)) == left_open


def test_a_foot_alone_is_idle_and_a_heel_that_shows_the_knee_is_not(model):
    foot = shown_by(model, "r_calc_study", "r_5meta_study")
    assert idle_markers(model, foot, LEG) == ("r_5meta_study", "r_calc_study")
    heel = shown_by(model, "r_knee_study", "r_ankle_study", "r_calc_study")
    assert idle_markers(model, heel, ["subtalar_angle_r"]) == ()


def test_the_jacobian_is_that_of_small_movements(opensim, model):
    (column,) = _jacobian(model, ["RHJC_study", "r.ASIS_study"], ["pelvis_ty"]).T
    np.testing.assert_allclose(column, [0, 1, 0, 0, 1, 0], atol=1e-9)
