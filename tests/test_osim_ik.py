"""`trcaugment osim ik` on planted truth: markers of a person of known sizes, moving by known angles."""

import contextlib
import csv
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import poisoned
import pytest
import torch
from click.testing import CliRunner
from planted_people import LIMBS, NAMES, STILL, draw_factors, grown, move

import trcaugment.conversion.ik
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import ARM_MARKERS, BODY_INDEX, COORDINATE_INDEX, COORDINATES, POINT_INDEX
from trcaugment.cli import main
from trcaugment.formats.mot import read_table
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import Markers
from trcaugment.model.uncertainty import ANGLES
from trcaugment.osim.ik import usable_frames

EXAMPLES = Path(__file__).parents[1] / "examples"
MASS_KG = 58.3


def run(*args):
    return CliRunner().invoke(main, ["osim", "ik", "--height", "1.7", "--mass", str(MASS_KG), *map(str, args)])


def angles_deg(path):
    labels, table, in_degrees, _ = read_table(path)
    assert in_degrees
    return {label: table[:, k] for k, label in enumerate(labels)}


def angle_errors_deg(path, motion):
    """RMSE of every rotational coordinate."""
    found = angles_deg(path)
    truth = {c.name: np.rad2deg(motion[:, COORDINATE_INDEX[c.name]]) for c in COORDINATES if c.rotational}
    return {name: np.sqrt(np.mean((found[name] - values) ** 2)) for name, values in truth.items()}


def written_factors(opensim, folder):
    """Body -> factors along X, Y and Z, as the scaling set-up has them."""
    tool = opensim.ScaleTool(str(folder / "scale_setup.xml"))
    scales = tool.getModelScaler().getScaleSet()
    each = [scales.get(i) for i in range(scales.getSize())]
    return {scale.getSegmentName(): scale.getScaleFactors().to_numpy().copy() for scale in each}


def measured_factors(folder):
    with (folder / "scale_factors.csv").open() as file:
        return {row["measurement"]: float(row["factor"]) for row in csv.DictReader(file) if row["frames"]}


@pytest.fixture(scope="module")
def planted(opensim, tmp_path_factory):
    """One run of three trials of a planted person, of which one cannot be solved."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(3)
    factors = draw_factors(rng)
    sizes = grown(factors)
    squat, squat_markers = move(sizes, "squat", rng, 70)
    walk, walk_markers = move(sizes, "walk", rng, 50)
    positions = walk_markers.positions.copy()
    positions[10:15] = np.nan  # nobody in the picture
    positions[20:40, NAMES.index("r.ASIS_study")] = np.nan
    positions[:, NAMES.index("L_sh2_study")] = np.nan
    write_trc(folder / "squat.trc", squat_markers)
    write_trc(folder / "walk.trc", replace(walk_markers, positions=positions), unit="mm")
    write_trc(folder / "lonely.trc", replace(squat_markers, names=("here",), positions=squat_markers.positions[:, :1]))
    trials = [folder / f"{name}.trc" for name in ("squat", "lonely", "walk")]
    (folder / "cwd").mkdir()
    with contextlib.chdir(folder / "cwd"):
        done = run(*trials, "-o", folder / "out", "--jobs", "2")
    return folder, factors, squat, walk, done


def test_planted_sizes_come_back_within_one_percent(opensim, planted):
    folder, factors, *_ = planted
    found = written_factors(opensim, folder / "out")
    measured = ["pelvis", "torso", *(f"{name}_{side}" for names in LIMBS for name in names for side in "rl")]
    for name in measured:
        np.testing.assert_allclose(found[name], factors[BODY_INDEX[name]], rtol=0.01)


def test_planted_angles_come_back_within_half_a_degree(planted):
    folder, _, squat, walk, _ = planted
    assert max(angle_errors_deg(folder / "out" / "squat.mot", squat).values()) < 0.5
    seen = np.r_[0:10, 15:50]  # frames without markers are interpolated, one marker less does no harm
    found = angles_deg(folder / "out" / "walk.mot")
    np.testing.assert_allclose(found["time"], np.arange(50) / 60, atol=1e-6)
    truth = {c.name: np.rad2deg(walk[:, COORDINATE_INDEX[c.name]]) for c in COORDINATES if c.rotational}
    for name, values in truth.items():
        assert np.sqrt(np.mean((found[name] - values)[seen] ** 2)) < 0.5


def test_the_scaled_model_has_the_persons_mass_and_its_arms_rest(opensim, planted):
    folder, *_ = planted
    model = opensim.Model(str(folder / "out" / "scaled.osim"))
    assert model.getTotalMass(model.initSystem()) == pytest.approx(MASS_KG, abs=1e-6)
    found = angles_deg(folder / "out" / "squat.mot")
    unseen = [name for name in found if name.startswith(STILL)]
    assert len(unseen) == 12
    assert all((found[name] == 0).all() for name in unseen)


def test_one_failing_trial_stops_no_other_and_is_named(planted):
    folder, *_, done = planted
    assert done.exit_code == 1
    assert "lonely.trc" in done.stderr
    assert "squat.trc" not in done.stderr
    assert "squat.mot" in done.stdout and "walk.mot" in done.stdout
    assert not (folder / "out" / "lonely.mot").exists()
    assert "walk.mot: 50 frames, marker RMS" in done.output
    assert "interpolated, too few markers: 5 frames (0.17-0.23 s)" in done.output


def test_a_killed_worker_costs_its_own_trial_and_no_name_is_too_odd(planted, tmp_path, monkeypatch):
    folder, _, squat, *_ = planted
    monkeypatch.setattr(trcaugment.conversion.ik, "_solve", poisoned.solve)
    markers = read_trc(folder / "squat.trc")
    piece = replace(markers, positions=markers.positions[:5], time_s=markers.time_s[:5])
    names = ["trial.1.2", "killed", "a b", "é#%[1]", "-lead", "x&y.trc"]
    place = tmp_path / "-Lab 2.1 #%[ü]"
    place.mkdir()
    for name in names:
        write_trc(place / f"{name}.trc", piece)
    monkeypatch.chdir(place)
    done = run("-o", "out.b #1", "--jobs", "2", "--", *(f"{name}.trc" for name in names))
    assert done.exit_code == 1
    (failed,) = [line for line in done.stderr.splitlines() if "failed" in line]
    assert "killed.trc: the process that worked on it died" in failed
    names.remove("killed")
    for name in names:
        assert max(angle_errors_deg(place / "out.b #1" / f"{name}.mot", squat[:5]).values()) < 0.5
    ends = {"_errors.csv", "_errors.png", "_ik_marker_errors.sto", "_ik_model_marker_locations.sto", "_ik.log"}
    written = {path.name for path in (place / "out.b #1").iterdir()}
    assert {name + end for name in names for end in ends} <= written
    assert not [name for name in written if name.startswith(".") or "trial_1_2" in name]


def test_errors_per_marker_and_frame_are_those_of_opensims_own_report(planted):
    folder, *_ = planted
    with (folder / "out" / "walk_errors.csv").open() as file:
        every = list(csv.DictReader(file))
    rows = [row for row in every if row["mark"] != "interpolated"]
    assert [k for k, row in enumerate(every) if row not in rows] == [10, 11, 12, 13, 14]
    assert all(row["rms_mm"] == row["C7_study"] == "" for row in every if row not in rows)
    labels, table, *_ = read_table(folder / "out" / "walk_ik_marker_errors.sto")
    np.testing.assert_allclose(
        [float(r["rms_mm"]) for r in rows], 1000 * table[:, labels.index("marker_error_RMS")], atol=0.02
    )
    np.testing.assert_allclose(
        [float(r["max_mm"]) for r in rows], 1000 * table[:, labels.index("marker_error_max")], atol=0.02
    )
    assert every[20]["r.ASIS_study"] == "" and "L_sh2_study" not in rows[0]
    assert (folder / "out" / "walk_errors.png").read_bytes().startswith(b"\x89PNG")


def test_set_ups_have_relative_paths_and_rerun_from_elsewhere(opensim, planted, tmp_path, monkeypatch):
    folder, *_ = planted
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("unscaled.osim", "scale_setup.xml", "squat_ik.trc", "squat_ik_setup.xml"):
        text = (folder / "out" / name).read_text()
        assert str(folder) not in text
        (moved / name).write_text(text)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert opensim.ScaleTool(str(moved / "scale_setup.xml")).run()
    tool = opensim.InverseKinematicsTool(str(moved / "squat_ik_setup.xml"))
    model = opensim.Model(str(moved / tool.get_model_file()))
    tool.setModel(model)
    assert tool.run()
    again, first = (read_table(place / "squat.mot")[1] for place in (moved, folder / "out"))
    np.testing.assert_allclose(again, first, atol=1e-6)


def test_nothing_is_left_in_the_working_folder_and_the_logs_are_kept(planted):
    folder, *_ = planted
    out = folder / "out"
    assert [path.name for path in (folder / "cwd").iterdir()] == []
    assert "InverseKinematicsTool completed" in (out / "squat_ik.log").read_text()
    assert "Scaling generic model" in (out / "scaling.log").read_text()
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_usage_errors_come_before_any_work(planted, tmp_path):
    folder, *_ = planted
    squat = folder / "squat.trc"
    (tmp_path / "squat.trc").write_bytes(squat.read_bytes())
    there = run(squat, "-o", folder / "out")
    assert there.exit_code == 2 and "exists; add --overwrite" in there.stderr
    twice = run(squat, tmp_path / "squat.trc", "-o", tmp_path / "out")
    assert twice.exit_code == 2 and "would both become squat.mot" in twice.stderr
    assert not (tmp_path / "out").exists()
    unscaled = run(squat, "--no-scaling", "-o", tmp_path / "out")
    assert unscaled.exit_code == 2 and "--no-scaling needs your own --model" in unscaled.stderr
    model = folder / "out" / "scaled.osim"
    placed = run(squat, "--model", model, "--place-markers", "-o", tmp_path / "out")
    assert placed.exit_code == 2 and "--place-markers is for the shipped model" in placed.stderr
    static = run(squat, "--model", model, "--no-scaling", "--static", squat, "-o", tmp_path / "out")
    assert static.exit_code == 2 and "--no-scaling and --static do not go together" in static.stderr
    own = run(squat, "--model", model, "-o", folder / "out", "--overwrite")
    assert own.exit_code == 2 and f"the output {model} is an input" in own.stderr


def test_nothing_is_said_of_how_far_angles_from_optical_markers_are_off(planted):
    folder = planted[0]
    assert not list(folder.rglob("angle_uncertainty.csv"))


def test_markers_that_no_model_knows_fail_with_both_lists(planted, tmp_path):
    folder, *_ = planted
    done = run(folder / "lonely.trc", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert re.search(r"expected markers .* found 0: none\. The model has .*RHJC_study", done.stderr)
    assert (tmp_path / "out" / "scaling.log").exists()


def test_own_models_with_their_own_set_ups(opensim, planted, tmp_path):
    """A model without markers, a marker set, one measurement, weights of their own."""
    folder, factors, *_ = planted
    model = opensim.Model(str(folder / "out" / "unscaled.osim"))
    model.getMarkerSet().printToXML(str(tmp_path / "markers.xml"))
    model.updMarkerSet().clearAndDestroy()
    model.printToXML(str(tmp_path / "own.osim"))
    (tmp_path / "scale.xml").write_text(OWN_SCALING)
    tool = opensim.InverseKinematicsTool(str(folder / "out" / "squat_ik_setup.xml"), False)
    tasks = tool.get_IKTaskSet()
    for i in range(tasks.getSize()):
        tasks.get(i).setApply(not tasks.get(i).getName().startswith("L_thigh"))
    tool.printToXML(str(tmp_path / "ik.xml"))
    kit = {"--model": "own.osim", "--marker-set": "markers.xml", "--scale-setup": "scale.xml", "--ik-setup": "ik.xml"}
    options = [part for option, name in kit.items() for part in (option, tmp_path / name)]
    done = run(folder / "squat.trc", *options, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    by_name = written_factors(opensim, tmp_path / "out")
    own = factors[BODY_INDEX["pelvis"], 2]
    np.testing.assert_allclose(by_name["pelvis"], own, rtol=0.01)  # Z measured, X and Y its median
    assert read_trc(tmp_path / "out" / "squat_ik.trc").names == tuple(n for n in NAMES if not n.startswith("L_thigh"))


def test_predict_goes_on_to_angles(opensim, tmp_path):
    keypoints = read_trc(EXAMPLES / "walk.trc")
    piece = replace(keypoints, positions=keypoints.positions[:40], time_s=keypoints.time_s[:40])
    source, out = tmp_path / "walk #1.b.trc", tmp_path / "out.1"
    write_trc(source, piece)
    options = ["--height", "1.584", "--mass", "58.32", "--ik", "-o", str(out)]
    done = CliRunner().invoke(main, ["predict", str(source), *options])
    assert done.exit_code == 0, done.stderr
    found = angles_deg(out / "walk #1.b.mot")
    np.testing.assert_allclose(found["time"], piece.time_s, atol=1e-6)
    assert 30 < max(found["knee_angle_r"].max(), found["knee_angle_l"].max()) < 90
    assert read_trc(out / "walk #1.b.trc").names == ANATOMICAL_MARKERS.names
    uncertain = {
        row["coordinate"]: row for row in csv.DictReader((out / "angle_uncertainty.csv").read_text().splitlines())
    }
    assert uncertain.keys() == set(ANGLES) <= found.keys()
    assert float(uncertain["knee_angle_r"]["constant_deg"]) > 1
    assert "smallest change" in done.stdout
    again = CliRunner().invoke(main, ["predict", str(source), *options])
    assert again.exit_code == 2


OWN_SCALING = """<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40000"><ScaleTool name="own"><ModelScaler><MeasurementSet><objects>
<Measurement name="hips"><apply>true</apply>
<MarkerPairSet><objects><MarkerPair><markers> RHJC_study LHJC_study</markers></MarkerPair></objects></MarkerPairSet>
<BodyScaleSet><objects><BodyScale name="pelvis"><axes> Z</axes></BodyScale></objects></BodyScaleSet>
</Measurement></objects></MeasurementSet></ModelScaler></ScaleTool></OpenSimDocument>
"""


def test_a_part_of_a_trial_is_solved_with_its_own_time_stamps(planted, tmp_path):
    folder, _, squat, *_ = planted
    done = run(folder / "squat.trc", "-o", tmp_path / "out", "--from", "0.5", "--to", "0.6")
    assert done.exit_code == 0, done.output
    np.testing.assert_allclose(angles_deg(tmp_path / "out" / "squat.mot")["time"], np.arange(30, 37) / 60, atol=1e-6)
    assert max(angle_errors_deg(tmp_path / "out" / "squat.mot", squat[30:37]).values()) < 0.5
    assert read_trc(tmp_path / "out" / "squat_ik.trc").n_frames == 7
    none = run(folder / "squat.trc", "-o", tmp_path / "none", "--from", "5")
    assert none.exit_code == 1
    assert "squat.trc: expected frames from 5 s, found none: the time stamps go from 0 s to 1.15 s" in none.stderr


def test_json_has_the_errors_in_numbers_and_tables_fit_eighty_columns(planted, tmp_path, monkeypatch):
    folder, *_ = planted
    monkeypatch.setenv("COLUMNS", "80")
    done = run(folder / "squat.trc", "-o", tmp_path / "out", "--to", "0.1", "--json", "-")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (trial,) = told["trials"]
    assert (trial["result"], trial["n_frames"]) == ("solved", 7)
    assert 0 <= trial["ik_marker_rms_m"] <= trial["ik_marker_max_m"] < 0.01
    assert all(factor > 0 for factor in told["factors"].values())
    assert told["time_range"] == {"from_s": None, "to_s": 0.1}
    tables = [line for line in done.stderr.splitlines() if "study" in line and "mot" not in line]
    assert len(tables) > 30
    assert max(map(len, tables)) <= 80
    quiet = run(folder / "squat.trc", "-o", tmp_path / "quiet", "--to", "0.1", "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_without_opensim_nothing_is_begun(planted, tmp_path, monkeypatch):
    folder, *_ = planted
    monkeypatch.setitem(sys.modules, "opensim", None)
    done = run(folder / "squat.trc", folder / "walk.trc", "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr.count("pip install opensim") == 1
    assert not (tmp_path / "out").exists()


PULL = """<IKCoordinateTask name="lumbar_extension"><apply>true</apply><weight>0.1</weight>
<value_type>default_value</value_type></IKCoordinateTask>"""


def test_the_time_range_of_a_set_up_counts_and_its_files_and_pulls_are_named(planted, tmp_path):
    folder, _, squat, *_ = planted
    setup = folder / "out" / "squat_ik_setup.xml"
    text = setup.read_text()
    start, end = text.index("<time_range>"), text.index("</time_range>")
    text = text[:start] + "<time_range>0.2 0.5" + text[end:]
    (tmp_path / "ik.xml").write_text(text.replace("<objects>", f"<objects>{PULL}", 1))
    options = ["--ik-setup", tmp_path / "ik.xml", "--static", folder / "squat.trc", "-o", tmp_path / "out"]
    done = run(folder / "squat.trc", *options)
    assert done.exit_code == 0, done.stderr
    found = angles_deg(tmp_path / "out" / "squat.mot")
    np.testing.assert_allclose(found["time"], np.arange(12, 31) / 60, atol=1e-6)
    assert f"19 frames ({len(squat) - 19} outside the set-up's time range)" in done.stdout
    said = " ".join(done.stdout.split())
    assert "ik.xml: not read: its model (--model counts), its marker file (the trials count)" in said
    trunk = "C7_study, r_shoulder_study, L_shoulder_study"
    assert (
        f"its task pulls lumbar_extension against the markers: 30 degrees weigh as much as 43 mm in each of {trunk}"
        in said
    )
    truth = np.rad2deg(squat[12:31, COORDINATE_INDEX["lumbar_extension"]])
    assert np.abs(truth).min() > 5
    assert (np.abs(found["lumbar_extension"]) < np.abs(truth)).all()  # it does pull, but the sizes are not its
    planted_sizes, sizes = (measured_factors(place) for place in (folder / "out", tmp_path / "out"))
    assert sizes == pytest.approx(planted_sizes, rel=0.01)


def test_without_scaling_the_model_stays_and_the_angles_come_back(planted, tmp_path):
    folder, _, squat, *_ = planted
    model = folder / "out" / "scaled.osim"
    done = run(folder / "squat.trc", "--model", model, "--no-scaling", "-o", tmp_path / "out", "--to", "0.1")
    assert done.exit_code == 0, done.stderr
    assert "not scaled: scaled stays as it is, its mass too" in done.stdout
    assert "markers moved" not in done.stdout
    assert max(angle_errors_deg(tmp_path / "out" / "squat.mot", squat[:7]).values()) < 0.5


def test_positions_in_another_unit_than_the_header_says_are_refused(planted, tmp_path):
    folder, *_ = planted
    text = (folder / "squat.trc").read_text().splitlines()
    text[2] = text[2].replace("\tm\t", "\tmm\t")
    (tmp_path / "squat.trc").write_text("\n".join(text) + "\n")
    done = run(tmp_path / "squat.trc", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "the header says mm, the positions are in m. Write m under Units" in done.stderr


def test_frames_need_half_of_the_trials_own_markers():
    positions = np.zeros((4, 8, 3))
    positions[:, 6:] = np.nan  # never there
    positions[1, :3] = np.nan
    positions[2, :4] = np.nan
    positions[3, 0, 1] = np.nan
    assert usable_frames(positions).tolist() == [True, True, False, True]


@pytest.mark.slow
def test_arms_move_by_planted_angles_where_a_file_has_their_markers(opensim, tmp_path):
    sizes = grown(draw_factors(np.random.default_rng(2)))
    motion = make_motion("stand", np.random.default_rng(1))[:40].copy()
    wanted = {
        "arm_flex": (0, 60),
        "arm_add": (-15, -40),
        "arm_rot": (5, 20),
        "elbow_flex": (25, 90),
        "pro_sup": (80, 60),
    }
    for name, ends in wanted.items():
        for side in "rl":
            motion[:, COORDINATE_INDEX[f"{name}_{side}"]] = np.deg2rad(np.linspace(*ends, len(motion)))
    names = (*NAMES, *(point.name for point in ARM_MARKERS))
    points = [POINT_INDEX[name] for name in names]
    positions = forward_kinematics(sizes, torch.from_numpy(motion)[None], points)[0].numpy()
    write_trc(tmp_path / "reach.trc", Markers(names, positions, np.arange(len(motion)) / 60))
    done = run(tmp_path / "reach.trc", "-o", tmp_path / "out", "--jobs", "1")
    assert done.exit_code == 0, done.output
    errors = angle_errors_deg(tmp_path / "out" / "reach.mot", motion)
    assert max(errors[f"{name}_{side}"] for name in wanted for side in "rl") < 3.0
    factors = measured_factors(tmp_path / "out")
    assert {"upper arm length_r", "forearm length_l"} <= set(factors)
