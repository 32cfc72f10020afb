"""Scaling: which trials count, robustness against outliers, and notes on impossible factors."""

import re
from dataclasses import replace

import numpy as np
import pytest
from planted_people import NAMES, draw_factors, grown, move

from trcaugment.body.skeleton import BODY_INDEX, POINT_INDEX
from trcaugment.chain.time_range import WHOLE, TimeRange
from trcaugment.errors import OsimError
from trcaugment.markers import Markers
from trcaugment.osim.factors import Factor, by_body
from trcaugment.osim.ik import usable_frames
from trcaugment.osim.log import opensim_log
from trcaugment.osim.measurements import MEASUREMENTS, Measurement, distance_m
from trcaugment.osim.pipeline import Kit, scale_person
from trcaugment.osim.scaling import _measurable, take_sample
from trcaugment.osim.setups import ScaleSetup, read_scale_setup
from trcaugment.subject import Subject

STANDING = 12  # frames


def stand_as(sizes, seed):
    return move(sizes, "stand", np.random.default_rng(seed), STANDING)[1]


def stand(factors, seed):
    return stand_as(grown(factors), seed)


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
    scaled = scale_person(
        {"other": other}, replace(standing, positions=spoiled), Subject(1.7, 70), Kit(), tmp_path
    ).scaling
    for body in ("pelvis", "torso", "femur_r", "tibia_l", "calcn_r"):
        np.testing.assert_allclose(scaled.by_body[body], factors[BODY_INDEX[body]], rtol=0.01)
    assert all(d.measured_m == pytest.approx(d.scaled_m, rel=0.01) for f in scaled.factors for d in f.distances)
    middle = np.median([factor.value for factor in scaled.factors])
    assert set(scaled.unmeasured) == {
        (f"{name}_{side}", "XYZ", "the median factor")
        for name in ("humerus", "ulna", "radius", "hand")
        for side in "rl"
    }
    assert scaled.by_body["hand_r"] == pytest.approx((middle,) * 3)
    assert scaled.warnings == ()


def test_impossible_factors_and_heights_are_named(opensim, tmp_path):
    factors = np.full((len(BODY_INDEX), 3), 1.0)
    factors[BODY_INDEX["torso"], 2] = 0.6
    factors[BODY_INDEX["tibia_l"]] = 1.15
    scaled = scale_person({"standing": stand(factors, 3)}, None, Subject(1.45, 70), Kit(), tmp_path).scaling
    width, sides, height = scaled.warnings
    assert width.startswith("shoulder width: factor 0.60 lies outside 0.7-1.5")
    assert sides == "shank length: right 1.00 and left 1.15 differ by more than 10 %"
    assert height == "the height is 1.45 m, but the markers are those of a person of about 1.70 m"


def _empty(trial, *names, frames=slice(None)):
    positions = trial.positions.copy()
    positions[frames, [NAMES.index(name) for name in names]] = np.nan
    return replace(trial, positions=positions)


def _without(trial, *names):
    kept = [k for k, name in enumerate(NAMES) if name not in names]
    return replace(trial, names=tuple(NAMES[k] for k in kept), positions=trial.positions[:, kept])


def test_an_empty_column_is_an_absent_marker_and_what_nothing_measured_takes_the_bodys_other_factors(opensim, tmp_path):
    factors = np.full((len(BODY_INDEX), 3), 1.08)
    for body in ("tibia_l", "tibia_r"):
        factors[BODY_INDEX[body]] = 1.03
    gone = "RHJC_study", "LHJC_study", "r_ankle_study", "r_mankle_study"
    trial = stand(factors, 5)
    found = {}
    for kind, each in (("empty", _empty(trial, *gone)), ("absent", _without(trial, *gone))):
        (tmp_path / kind).mkdir()
        found[kind] = scale_person({"standing": each}, None, Subject(1.83, 70), Kit(), tmp_path / kind).scaling
    assert found["empty"].by_body == found["absent"].by_body
    scaled = found["empty"]
    sources = {each.body: (each.axes, each.source) for each in scaled.unmeasured if "hand" not in each.body}
    assert sources["pelvis"] == ("YZ", "its other axes")
    assert sources["tibia_r"] == ("XYZ", "the other side")
    assert scaled.by_body["pelvis"] == pytest.approx((1.08,) * 3, rel=0.01)
    assert scaled.by_body["tibia_r"] == pytest.approx((1.03,) * 3, rel=0.01)
    assert "not measured: its other axes,pelvis:Z,1.0" in (tmp_path / "empty" / "scale_factors.csv").read_text()


def test_one_side_is_enough_where_the_person_is_wider_than_the_model(opensim, tmp_path):
    """The ASIS of the person lie 20 % farther apart than the factors say, the PSIS nearer: no distance may show it."""
    gone = "r.ASIS_study", "RHJC_study"
    factors = np.full((len(BODY_INDEX), 3), 1.0)
    factors[BODY_INDEX["pelvis"]] = 1.1, 0.95, 1.04
    factors[BODY_INDEX["torso"]] = 1.08, 1.05, 1.11
    sizes = grown(factors)
    points = sizes.points.clone()
    for part, wider in (("ASIS", 1.2), ("PSIS", 0.8)):
        points[:, [POINT_INDEX[f"{side}.{part}_study"] for side in "rL"], 2] *= wider
    trial = _without(stand_as(replace(sizes, points=points), 4), *gone, "L_shoulder_study")
    scaled = scale_person({"standing": trial}, None, Subject(1.72, 70), Kit(), tmp_path).scaling
    for body in ("pelvis", "torso", "femur_r", "femur_l"):
        assert scaled.by_body[body] == pytest.approx(factors[BODY_INDEX[body]], rel=0.005), body
    assert "mirrored for the distances that scale: r.ASIS_study from L.ASIS_study, RHJC_study from LHJC_study" in (
        scaled.notes
    )
    # One shoulder tells no depth, which takes the mean of the torso's height and width.
    assert [(each.axes, each.source) for each in scaled.unmeasured if each.body == "torso"] == [("X", "its other axes")]


def test_distances_whose_markers_are_never_there_together_are_not_measured():
    trial = stand(np.ones((len(BODY_INDEX), 3)), 6)
    trial = _empty(trial, "RHJC_study", frames=slice(0, 6))
    trial = _empty(trial, "LHJC_study", frames=slice(6, None))
    width = next(m for m in MEASUREMENTS if m.name == "hip width")
    assert _measurable(width, trial).pairs == ()
    thigh = next(m for m in MEASUREMENTS if m.name == "thigh length_r")
    assert _measurable(thigh, trial) == thigh


def test_a_frame_that_only_a_trial_with_few_markers_can_use_is_not_in_the_sample(rng):
    names = tuple("abcdefgh")
    time_s = np.arange(5) / 60
    few = rng.normal(size=(5, 4, 3))
    few[2, 0] = np.nan  # three of four markers: enough for this trial, too few beside eight
    trials = {"all": Markers(names, rng.normal(size=(5, 8, 3)), time_s), "few": Markers(names[:4], few, time_s)}
    sample, trial_of = take_sample(trials, names)
    assert usable_frames(sample.positions).all()
    assert (trial_of.count("all"), trial_of.count("few")) == (5, 4)


def test_manual_factors_and_measurements_count_in_the_order_of_the_set_up():
    shank = Measurement("shank", (), (("tibia_r", "Y"),))
    found = [Factor(shank, 0.9, ())]
    given = {"tibia_r": (1.1, 1.2, 1.3), "femur_r": (1.2, 1.2, 1.2)}
    bodies = ("femur_r", "femur_l", "tibia_r", "torso")
    last, unmeasured = by_body(found, bodies, ScaleSetup((), given))
    assert last["tibia_r"] == (1.1, 1.2, 1.3)
    assert last["femur_l"] == (1.2, 1.2, 1.2)
    assert last["torso"] == (0.9, 0.9, 0.9)
    assert [each.body for each in unmeasured] == ["femur_l", "torso"]
    first, _ = by_body(found, bodies, ScaleSetup((), given, manual_first=True))
    assert first["tibia_r"] == (1.1, 0.9, 1.3)


def scale_xml(order="measurements manualScale", time_range="-1 -1", more=""):
    return f"""<OpenSimDocument Version="40000"><ScaleTool name="own"><ModelScaler>
<scaling_order> {order}</scaling_order><MeasurementSet><objects><Measurement name="hips"><apply>true</apply>
<MarkerPairSet><objects><MarkerPair><markers> RHJC_study LHJC_study</markers></MarkerPair></objects></MarkerPairSet>
<BodyScaleSet><objects><BodyScale name="pelvis"><axes> Z</axes></BodyScale></objects></BodyScaleSet></Measurement>
</objects></MeasurementSet><ScaleSet><objects><Scale><scales> 1.2 1.1 1</scales><segment>femur_r</segment>
<apply>true</apply></Scale><Scale><scales> 2 2 2</scales><segment>femur_l</segment><apply>false</apply></Scale>
</objects></ScaleSet><time_range> {time_range}</time_range></ModelScaler>{more}</ScaleTool></OpenSimDocument>"""


def test_a_scale_set_up_is_read_as_opensim_does_and_the_rest_is_named(opensim, tmp_path):
    path = tmp_path / "scale.xml"

    def read(text):
        path.write_text(text)
        with opensim_log() as log:
            return read_scale_setup(path, log)

    setup = read(scale_xml(time_range="0.2 0.5"))
    assert [m.name for m in setup.measurements] == ["hips"]
    assert (setup.manual, setup.manual_first) == ({"femur_r": (1.2, 1.1, 1.0)}, False)
    assert (setup.time_range, setup.notes) == (TimeRange(0.2, 0.5), ())
    assert read(scale_xml("manualScale measurements")).manual_first
    placer = "<MarkerPlacer><apply>true</apply></MarkerPlacer>"
    only = read(scale_xml("measurements", more=placer))
    assert (only.manual, only.time_range) == ({}, WHOLE)
    assert only.notes[0] == "scale.xml: manual factors of femur_r are not in its scaling_order and do not count"
    assert only.notes[1] == "scale.xml: not read: its MarkerPlacer (markers are placed by all trials)"
    with pytest.raises(OsimError, match=r"measurements to apply, or manual factors in its scaling_order, found none"):
        read(scale_xml("nothing"))


def test_trials_of_different_sizes_are_named_with_their_distances(opensim, tmp_path):
    small, large = np.full((len(BODY_INDEX), 3), 1.0), np.full((len(BODY_INDEX), 3), 1.0)
    large[BODY_INDEX["tibia_r"]] = 1.1
    trials = {"squat": stand(small, 7), "neutralized": stand(large, 8)}
    (said,) = [
        each
        for each in scale_person(trials, None, Subject(1.7, 70), Kit(), tmp_path).scaling.warnings
        if "disag" in each
    ]
    assert re.fullmatch(
        r"shank length_r: trials disagree by \d+ %: (\d+) mm in squat, (\d+) mm in neutralized \(in one posture\)", said
    )
    first, second = (int(each) for each in re.findall(r"(\d+) mm in", said))
    assert second / first == pytest.approx(1.1, abs=0.02)


def test_without_any_distance_nothing_is_scaled(opensim, tmp_path, rng):
    trial = stand(draw_factors(rng), 4)
    few = [NAMES.index(name) for name in NAMES if "thigh" in name]
    clusters = replace(trial, names=tuple(NAMES[k] for k in few), positions=trial.positions[:, few])
    with pytest.raises(OsimError, match=r"no measurement is possible for scaling: .* they share L_thigh1_study"):
        scale_person({"clusters": clusters}, None, Subject(1.7, 70), Kit(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scaling.log"]
