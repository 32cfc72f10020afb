"""`trcaugment evaluate --angles`: scores of known differences, and planted people from keypoints to tables."""

import csv
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from planted_people import STILL, grown

import trcaugment.evaluation.baselines as baselines
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import BODIES, COORDINATES, KEYPOINTS, MARKERS, POINT_INDEX
from trcaugment.cli import main
from trcaugment.datasets.paired import Pair, write_pairs
from trcaugment.errors import OsimError
from trcaugment.evaluation.angles import ANGLE_RMSE, OFFSET_FREE, ComparedTrial, score_angles
from trcaugment.formats.trc import write_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import Markers
from trcaugment.osim.compare import Difference, Motion, join_motions
from trcaugment.osim.model import SHIPPED_MARKERS
from trcaugment.osim.pipeline import Kit, scale_person
from trcaugment.subject import Subject


def difference(coordinate, rmse, offset_free=1.0, *, unit="deg", moves=True):
    return Difference(coordinate, unit, 10, rmse, 0.0, offset_free, 0.9, moves)


def trial(subject, **rmse):
    angles = [difference(name, each) for name, each in rmse.items()]
    return ComparedTrial(subject, (*angles, difference("pelvis_tx", 99, unit="mm"), difference("arm", 99, moves=False)))


def test_trials_of_a_person_are_averaged_then_people_and_coordinates_alike():
    trials = [trial("anna", knee=1, hip=5), trial("anna", knee=3, hip=7), trial("ben", knee=8), trial("cleo", knee=2)]
    found = {(each.group_kind, each.group): each for each in score_angles({"m": trials}) if each.metric == ANGLE_RMSE}
    by_coordinate = {group: each.value for (kind, group), each in found.items() if kind == "coordinate"}
    assert by_coordinate == {"knee": pytest.approx((2 + 8 + 2) / 3), "hip": 6}
    by_subject = {group: each.value for (kind, group), each in found.items() if kind == "subject"}
    assert by_subject == {"anna": 4, "ben": 8, "cleo": 2}
    whole = found["overall", "all"]
    assert whole.value == pytest.approx((4 + 8 + 2) / 3)
    assert whole.n == 60
    rng = np.random.default_rng(0)
    drawn = rng.choice([4.0, 8.0, 2.0], (100_000, 3)).mean(axis=1)
    np.testing.assert_allclose((whole.low, whole.high), np.percentile(drawn, (2.5, 97.5)), atol=0.1)
    assert found["coordinate", "hip"].low is None  # one person's


def test_parts_of_a_trial_become_one_motion_with_a_gap():
    parts = [
        Motion(np.array([0.0, 0.1]), {"knee": np.array([1.0, 2.0])}),
        Motion(np.array([0.5]), {"knee": np.array([7.0])}),
    ]
    joined = join_motions(parts)
    np.testing.assert_allclose(joined.time_s, [0, 0.1, 0.3, 0.5])
    np.testing.assert_allclose(joined.values["knee"], [1, 2, np.nan, 7])


@pytest.fixture(scope="module", autouse=True)
def quick_baselines():
    """Baselines from fewer windows than in earnest, which would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_N_MOTIONS", 17)
        patch.setattr(baselines, "_N_WINDOWS", 128)
        yield


def planted_pair(name, subject_name, size, n_frames=8):
    """A person with all segments of one size, who squats; keypoints and markers sit on the same bones."""
    sizes = grown(np.full((len(BODIES), 3), size))
    motion = make_motion("squat", np.random.default_rng(4))[20 : 20 + 6 * n_frames : 6]
    for k, coordinate in enumerate(COORDINATES):
        if coordinate.name.startswith(STILL):
            motion[:, k] = 0.0
    keypoints, markers = (
        Markers(
            tuple(point.name for point in points),
            forward_kinematics(sizes, torch.from_numpy(motion)[None], [POINT_INDEX[p.name] for p in points])[0].numpy(),
            np.arange(n_frames) / 10,
        )
        for points in (KEYPOINTS, MARKERS)
    )
    return Pair(name, subject_name, Subject(1.7 * size, 65), keypoints, markers)


def shifted(markers):
    """Knee markers 20 mm ahead of where they are: knees seem less straight."""
    knees = [k for k, name in enumerate(markers.names) if "knee" in name]
    positions = markers.positions.copy()
    positions[:, knees, 0] += 0.02
    return replace(markers, positions=positions)


@pytest.fixture(scope="module")
def angles(opensim, tmp_path_factory):
    """Rows of the CSV for a planted person and one with few markers, and what the command said."""
    folder = tmp_path_factory.mktemp("people")
    whole, blind = planted_pair("anna/squat", "anna", 1.05), planted_pair("cleo/squat", "cleo", 1.0)
    few = tuple(name for name in ANATOMICAL_MARKERS if "PSIS" not in name)
    blind = replace(blind, markers=replace(blind.markers, names=few, positions=blind.markers.select(few)))
    write_pairs(folder / "data", [whole, blind])
    for kind, change in (("same", lambda markers: markers), ("shifted", shifted)):
        for pair in (whole, blind):
            place = folder / kind / pair.name
            place.parent.mkdir(parents=True)
            write_trc(place.with_name(f"{place.name}_{kind}.trc"), change(pair.markers))
    others = [f"--predicted={kind}={folder / kind}" for kind in ("same", "shifted")]
    words = ["evaluate", folder / "data", *others, "--angles", "--jobs", 1, "--csv", folder / "scores.csv"]
    done = CliRunner().invoke(main, list(map(str, words)))
    assert done.exit_code == 0, done.output
    with (folder / "scores.csv").open() as file:
        return list(csv.DictReader(file)), done.output


def value(rows, model, metric, kind="overall", group="all"):
    (row,) = [r for r in rows if (r["model"], r["metric"], r["group_kind"], r["group"]) == (model, metric, kind, group)]
    return float(row["value"])


@pytest.mark.slow
def test_the_true_markers_themselves_have_no_error_and_shifted_knees_show(angles):
    rows, _ = angles
    assert value(rows, "same", "mpme_mm") < 1e-3
    assert value(rows, "same", ANGLE_RMSE) < 1e-3
    assert value(rows, "shifted", "mpme_mm") == pytest.approx(20 * 4 / 35, abs=0.01)
    knee = value(rows, "shifted", ANGLE_RMSE, "coordinate", "knee_angle_r")
    assert knee > 2 > value(rows, "shifted", OFFSET_FREE, "coordinate", "knee_angle_r")


@pytest.mark.slow
def test_keypoints_alone_on_the_shipped_model_recover_planted_knees(angles):
    rows, _ = angles
    for name in ("knee_angle_r", "knee_angle_l"):  # two hips in a line show no pelvic tilt, nor what hangs on it
        assert value(rows, "keypoints alone", ANGLE_RMSE, "coordinate", name) < 3
    assert not [row for row in rows if row["group"] in ("elbow_flex_r", "mtp_angle_r", "pelvis_tx")]


@pytest.mark.slow
def test_tables_have_every_column_and_the_person_without_known_angles_is_named(angles):
    rows, said = angles
    columns = said[said.index("RMSE (deg) by coordinate") :].splitlines()[0]
    assert columns.split("coordinate")[1].split() == ["bilstm-attention-v3", "same", "shifted", "keypoints", "alone"]
    assert {row["group"] for row in rows if row["metric"] == ANGLE_RMSE and row["group_kind"] == "subject"} == {"anna"}
    assert "no joint angles of cleo: without r.PSIS_study, L.PSIS_study the true ones are not known" in said


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--predicted", "peer"], "expected NAME=TRC or NAME=FOLDER, found 'peer'"),
        (["--predicted", "peer=nowhere"], "there is no nowhere"),
        (["--predicted", "truth=."], "the name truth is taken"),
        (["--predicted", "a=.", "--predicted", "a=."], "a is there twice"),
        (["--angles"], "are for whole trials"),
    ],
)
def test_wrong_usage_is_named(tmp_path, words, reason):
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path), *words])
    assert done.exit_code == 2
    assert reason in done.output


def test_without_opensim_the_reason_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opensim", None)
    write_pairs(tmp_path, [planted_pair("a", "anna", 1.0)])
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path), "--angles"])
    assert done.exit_code == 2
    assert "opensim" in done.output


def test_a_trial_without_the_other_programs_file_is_named(tmp_path):
    write_pairs(tmp_path / "data", [planted_pair("a", "anna", 1.0)])
    (tmp_path / "peer").mkdir()
    done = CliRunner().invoke(main, ["evaluate", str(tmp_path / "data"), "--predicted", f"peer={tmp_path / 'peer'}"])
    assert done.exit_code == 1
    assert "expected one file a.trc or a_....trc, found none" in done.output


def test_scaling_starts_from_all_markers_of_the_shipped_model_or_from_keypoints(opensim, tmp_path):
    lonely = Markers(("x",), np.full((2, 1, 3), 0.5), np.array([0.0, 0.1]))
    for kit, points in ((Kit(), SHIPPED_MARKERS), (Kit(of_keypoints=True), KEYPOINTS)):
        with pytest.raises(OsimError, match="found 0: none") as found:  # and what the model has instead
            scale_person({"t": lonely}, None, Subject(1.7, 65), kit, tmp_path)
        assert f"The model has {', '.join(point.name for point in points)};" in str(found.value)
