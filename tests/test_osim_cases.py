"""`osim ik` on inputs that failed once: ../shared/cases/ik_*, which are no part of the repository."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from trcaugment.conversion.ik import Person, ScaledPerson, SolvedTrial, scale_and_solve
from trcaugment.errors import TrcAugmentError
from trcaugment.formats.mot import read_table
from trcaugment.osim.pipeline import Kit
from trcaugment.subject import Subject

pytestmark = pytest.mark.slow
SAME_AS_PLAIN = ["ik_leading_tab", "ik_frame_float", "ik_trailing_blank"]


@pytest.fixture(scope="module")
def cases(opensim, shared_data):
    return shared_data.parent / "cases"


class Outcome:
    """What the work of `osim ik` made of one file."""

    def __init__(self, trial: Path, folder: Path, kit: Kit | None = None) -> None:
        folder.mkdir()
        person = Person(folder, Subject(1.584, 58.32), {trial.stem: trial}, kit=kit or Kit())
        with ThreadPoolExecutor(1) as pool:
            done = list(scale_and_solve([person], pool, 1))
        self.scaling = next((each.scaling for each in done if isinstance(each, ScaledPerson)), None)
        (solved,) = [each for each in done if isinstance(each, SolvedTrial)]
        self.errors, self.failure = solved.errors, solved.failure
        if solved.errors is not None:
            self.labels, self.values, *_ = read_table(folder / f"{trial.stem}.mot")


@pytest.fixture(scope="module")
def plain(cases, tmp_path_factory):
    return Outcome(cases / "ik_plain.trc", tmp_path_factory.mktemp("cases") / "plain")


def test_the_plain_case_is_solved(plain):
    assert len(plain.values) == 60
    assert plain.errors.rms_m < 0.006 and not plain.errors.over_limits
    assert plain.scaling.warnings == () and plain.errors.notes == ()


@pytest.mark.parametrize("name", SAME_AS_PLAIN)
def test_odd_writing_changes_no_angle(cases, plain, tmp_path, name):
    odd = Outcome(cases / f"{name}.trc", tmp_path / "out")
    assert odd.labels == plain.labels
    np.testing.assert_allclose(odd.values, plain.values, atol=0.01)
    for body, factors in plain.scaling.by_body.items():
        assert odd.scaling.by_body[body] == pytest.approx(factors, abs=1e-4)


def test_an_empty_column_is_an_absent_marker(cases, tmp_path):
    absent, empty = (Outcome(cases / f"ik_{kind}.trc", tmp_path / kind) for kind in ("absent_column", "nan_column"))
    np.testing.assert_allclose(empty.values, absent.values, atol=1e-6)
    assert empty.scaling.by_body == absent.scaling.by_body
    assert empty.errors.rms_m < 0.006


def test_a_hip_joint_center_less_is_mirrored_and_named(cases, plain, tmp_path):
    found = Outcome(cases / "ik_nan_hjc.trc", tmp_path / "out")
    assert "mirrored for the distances that scale: RHJC_study from LHJC_study" in found.scaling.notes
    for body, factors in plain.scaling.by_body.items():
        assert found.scaling.by_body[body] == pytest.approx(factors, rel=0.003)
    assert found.errors.rms_m < 0.006


def test_positions_in_another_unit_are_refused_with_the_unit(cases, tmp_path):
    found = Outcome(cases / "ik_header_mm_values_m.trc", tmp_path / "out")
    assert isinstance(found.failure, TrcAugmentError)
    assert "the header says mm, the positions are in m. Write m under Units" in str(found.failure)
    assert not list((tmp_path / "out").glob("*.mot"))


def test_manual_factors_of_a_set_up_count(cases, tmp_path):
    kit = Kit(scale_setup=cases / "setups" / "manual_scale.xml")
    found = Outcome(cases / "ik_plain.trc", tmp_path / "out", kit)
    assert found.scaling.manual == ("femur_r", "femur_l")
    assert found.scaling.by_body["femur_l"] == (1.2, 1.2, 1.2)
    assert [each.measurement.name for each in found.scaling.factors] == ["shank_r"]


def test_the_time_range_of_a_set_up_counts_and_six_markers_leave_angles_open(cases, tmp_path):
    kit = Kit(ik_setup=cases / "setups" / "ik_time_range.xml")
    found = Outcome(cases / "ik_plain.trc", tmp_path / "out", kit)
    assert (found.values[0, 0], found.values[-1, 0]) == pytest.approx((0.2, 0.5), abs=0.001)
    assert found.errors.n_outside + len(found.values) == 60
    assert "ik_time_range.xml: not read: its marker file (the trials count)" in found.scaling.notes
    # Hip, knee and ankle of either leg: they show neither the pelvis's tilt nor the thighs' rotation.
    assert not {"pelvis_tilt", "hip_flexion_r", "hip_rotation_l"} & set(found.labels)
    assert "knee_angle_r" in found.labels
    assert any(note.startswith("not determined by") and "pelvis_tilt" in note for note in found.errors.notes)
