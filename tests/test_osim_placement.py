"""Markers that a user's model carries in other places than the person go there, joint centers and fixed ones stay."""

import re
from dataclasses import replace

import numpy as np
import pytest
from planted_people import NAMES, grown, move

from trcaugment.body.skeleton import BODY_INDEX, POINT_INDEX
from trcaugment.osim.model import write_shipped_model
from trcaugment.osim.pipeline import Kit, scale_person, solve
from trcaugment.subject import Subject

N_FRAMES = 10
OUTWARD_M = {"r.ASIS_study": 0.04, "L.ASIS_study": -0.04, "r_sh2_study": 0.03}
BACK_M = 0.02  # all markers of the pelvis but the hip joint centers, which alone say so


@pytest.fixture(scope="module")
def own_model(opensim, tmp_path_factory):
    """The shipped model with the pelvis's markers too far back, wider ASIS, one not to be moved, C7 a little off."""
    path = tmp_path_factory.mktemp("own") / "own.osim"
    write_shipped_model(path)
    model = opensim.Model(str(path))
    for name, shift_m in {**OUTWARD_M, "C7_study": 0.005}.items():
        marker = model.updMarkerSet().get(name)
        x, y, z = (float(v) for v in marker.get_location().to_numpy())
        marker.set_location(opensim.Vec3(x, y, z + shift_m))
    for name in ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study"):
        marker = model.updMarkerSet().get(name)
        x, y, z = (float(v) for v in marker.get_location().to_numpy())
        marker.set_location(opensim.Vec3(x - BACK_M, y, z))
    model.updMarkerSet().get("r_sh2_study").set_fixed(True)
    coordinates = model.updCoordinateSet()
    for i in range(coordinates.getSize()):
        coordinates.get(i).setDefaultClamped(False)
    model.printToXML(str(path))
    return path


@pytest.fixture(scope="module")
def trial():
    factors = np.full((len(BODY_INDEX), 3), 1.05)
    return move(grown(factors), "squat", np.random.default_rng(2), N_FRAMES)[1]


def test_markers_go_where_the_person_has_them_and_are_named(opensim, own_model, trial, tmp_path):
    scaled = scale_person({"squat": trial}, None, Subject(1.785, 70), Kit(model=own_model), tmp_path)
    (said,) = [note for note in scaled.scaling.notes if note.startswith("markers moved on the model: ")]
    moved = {name: float(mm) for name, mm in re.findall(r"(\S+) (\d+) mm", said)}
    assert set(moved) == {f"{side}.{part}_study" for side in "rL" for part in ("ASIS", "PSIS")}
    assert (moved["r.ASIS_study"], moved["L.ASIS_study"]) == pytest.approx((45, 45), abs=2)
    errors = solve("squat", trial, scaled.tasks, tmp_path)
    rms_m = dict(zip(errors.names, errors.marker_rms_m, strict=True))
    assert max(rms_m["r.ASIS_study"], rms_m["L.ASIS_study"]) < 0.004
    assert rms_m["r_sh2_study"] > 0.025
    assert max(rms_m["RHJC_study"], rms_m["LHJC_study"]) < 0.0015


def test_markers_of_the_shipped_model_are_moved_on_request(opensim, tmp_path):
    sizes = grown(np.full((len(BODY_INDEX), 3), 1.05))
    points = sizes.points.clone()
    for name in ("r.ASIS_study", "L.ASIS_study"):
        points[:, POINT_INDEX[name], 2] *= 1.25
    trial = move(replace(sizes, points=points), "squat", np.random.default_rng(2), N_FRAMES)[1]
    far = {}
    for placing in (False, True):
        (folder := tmp_path / str(placing)).mkdir()
        scaled = scale_person({"squat": trial}, None, Subject(1.785, 70), Kit(placing=placing), folder)
        assert any("moved on the model: r.ASIS_study" in note for note in scaled.scaling.notes) == placing
        errors = solve("squat", trial, scaled.tasks, folder)
        far[placing] = dict(zip(errors.names, errors.marker_rms_m, strict=True))["r.ASIS_study"]
    assert far[True] < 0.002 < 0.02 < far[False]


def test_a_model_that_is_scaled_already_stays_as_it_is(opensim, own_model, trial, tmp_path):
    scaled = scale_person({"squat": trial}, None, Subject(1.785, 70), Kit(own_model, is_scaled=True), tmp_path)
    assert scaled.scaling.by_body == {}
    assert scaled.scaling.notes[0] == "not scaled: trcaugment_full_body stays as it is, its mass too"
    one, other = (opensim.Model(str(path)) for path in (own_model, tmp_path / "scaled.osim"))
    assert one.getTotalMass(one.initSystem()) == pytest.approx(other.getTotalMass(other.initSystem()))
    for name in NAMES:
        np.testing.assert_allclose(
            *(m.getMarkerSet().get(name).get_location().to_numpy() for m in (one, other)), atol=1e-9
        )
    own = replace(trial, positions=trial.positions[:3], time_s=trial.time_s[:3])
    assert len(solve("part", own, scaled.tasks, tmp_path).time_s) == 3
