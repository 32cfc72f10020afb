"""What a check says would happen is what OpenSim then does."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from trcaugment import Markers, write_trc
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES, MARKERS, POINT_INDEX
from trcaugment.cli import main
from trcaugment.errors import OsimError
from trcaugment.formats.mot import read_table
from trcaugment.osim.check import check
from trcaugment.osim.log import opensim_log
from trcaugment.osim.model import write_shipped_model

NAMES = tuple(marker.name for marker in MARKERS)
N_FRAMES = 12


@pytest.fixture(scope="module")
def model(opensim, tmp_path_factory):
    """The shipped model without the markers of the arms, so that a marker of theirs is on no model."""
    path = tmp_path_factory.mktemp("model") / "full.osim"
    write_shipped_model(path, MARKERS)
    return path


def bending():
    """The average adult bends both knees, (n_frames, n_markers, 3)."""
    values = np.zeros((N_FRAMES, len(COORDINATES)))
    for name in ("hip_flexion_r", "hip_flexion_l", "knee_angle_r", "knee_angle_l"):
        values[:, COORDINATE_INDEX[name]] = np.linspace(0.1, 0.8, N_FRAMES)
    points = [POINT_INDEX[name] for name in NAMES]
    adult = average_adult()
    stiff = replace(adult, shifts=torch.zeros_like(adult.shifts))  # IK follows the skin; this test is about the bones
    return forward_kinematics(stiff, torch.from_numpy(values)[None], points)[0].numpy()


def trial(without=(), renamed=(), empty=(), gap=()):
    """Markers of the movement, some of them not as they should be."""
    positions = bending()
    for name in empty:
        positions[:, NAMES.index(name)] = np.nan
    for name in gap:
        positions[5, NAMES.index(name)] = np.nan
    kept = [k for k, name in enumerate(NAMES) if name not in without]
    names = tuple(dict(renamed).get(NAMES[k], NAMES[k]) for k in kept)
    return Markers(names, positions[:, kept], np.arange(N_FRAMES) / 60)


def task(name, apply=True, weight=1, kind="IKMarkerTask"):
    return f'<{kind} name="{name}"><apply>{str(apply).lower()}</apply><weight>{weight}</weight></{kind}>'


def write_ik_setup(path, *tasks):
    objects = f"<IKTaskSet><objects>{''.join(tasks)}</objects></IKTaskSet>"
    body = f'<InverseKinematicsTool name="test">{objects}</InverseKinematicsTool>'
    path.write_text(f'<OpenSimDocument Version="40000">{body}</OpenSimDocument>')
    return path


def measurement(name, pairs, bodies, apply=True):
    pairs = "".join(f"<MarkerPair><markers>{pair}</markers></MarkerPair>" for pair in pairs)
    bodies = "".join(f'<BodyScale name="{body}"><axes>X Y Z</axes></BodyScale>' for body in bodies)
    return (
        f'<Measurement name="{name}"><apply>{str(apply).lower()}</apply>'
        f"<MarkerPairSet><objects>{pairs}</objects></MarkerPairSet>"
        f"<BodyScaleSet><objects>{bodies}</objects></BodyScaleSet></Measurement>"
    )


def write_scale_setup(path, *measurements, order="measurements", places=True):
    tasks = "".join(map(task, NAMES))
    body = (
        '<ScaleTool name="test"><mass>70</mass>'
        "<GenericModelMaker><model_file>full.osim</model_file></GenericModelMaker>"
        f"<ModelScaler><apply>true</apply><scaling_order>{order}</scaling_order>"
        f"<MeasurementSet><objects>{''.join(measurements)}</objects></MeasurementSet>"
        "<marker_file>trial.trc</marker_file><time_range>0 0.2</time_range>"
        "<output_model_file>scaled.osim</output_model_file></ModelScaler>"
        f"<MarkerPlacer><apply>{str(places).lower()}</apply><IKTaskSet><objects>{tasks}</objects></IKTaskSet>"
        "<marker_file>trial.trc</marker_file><time_range>0 0.2</time_range>"
        "<output_model_file>placed.osim</output_model_file></MarkerPlacer></ScaleTool>"
    )
    path.write_text(f'<OpenSimDocument Version="40000">{body}</OpenSimDocument>')
    return path


def test_markers_are_matched_both_ways(model):
    markers = trial(
        without=["C7_study"], renamed={"r_toe_study": "R_Toe", "L_toe_study": "tip"}, empty=["r_calc_study"]
    )
    found = check(markers, model)
    assert len(found.matched) == 31
    assert found.empty == ("r_calc_study",)
    assert found.only_in_file == ("R_Toe", "tip")
    assert set(found.only_in_model) == {"C7_study", "r_toe_study", "L_toe_study"}
    assert found.alike == {"r_toe_study": "R_Toe"}
    assert found.ik is None
    assert found.scaling is None


def test_nothing_is_wrong_where_nothing_is(model, tmp_path):
    setup = write_ik_setup(tmp_path / "ik.xml", *map(task, NAMES))
    legs = [measurement("shank", ["r_knee_study r_ankle_study"], ["tibia_r"])]
    found = check(trial(), model, None, setup, write_scale_setup(tmp_path / "scale.xml", *legs))
    assert (found.matched, found.only_in_file, found.only_in_model) == (NAMES, (), ())
    assert (found.ik.n_tasks, found.ik.idle, found.ik.untracked) == (35, (), ())
    assert (found.scaling.n_measurements, found.scaling.idle, found.scaling.deleted) == (1, (), ())
    assert len(found.scaling.unsized) == 19


def test_tasks_that_would_do_nothing_are_named_with_the_reason(model, tmp_path):
    setup = write_ik_setup(
        tmp_path / "ik.xml",
        *(task(name) for name in NAMES[:30]),
        task(NAMES[30], apply=False),
        task(NAMES[31], weight=0),
        task("r_lelbow_study"),
        task("RHip"),
        task("knee_angle_r", kind="IKCoordinateTask"),
        task("neck_flexion", kind="IKCoordinateTask"),
    )
    markers = trial(renamed={NAMES[33]: "RHip"}, without=[NAMES[0]], empty=[NAMES[1]])
    found = check(markers, model, ik_setup=setup).ik
    assert found.n_tasks == 36
    assert dict(found.idle) == {
        NAMES[0]: "not in the file",
        NAMES[1]: "without a sample in the file",
        NAMES[30]: "switched off (apply is false)",
        NAMES[31]: "its weight is 0",
        "r_lelbow_study": "not in the file, not in the model",
        "RHip": "not in the model",
        "neck_flexion": "no such coordinate in the model",
    }
    assert found.untracked == (NAMES[30], NAMES[31], NAMES[32], NAMES[34])


def test_opensim_follows_no_marker_that_the_check_calls_untracked(opensim, model, tmp_path):
    """Markers that would pull the pelvis away change nothing in OpenSim's own inverse kinematics."""
    untracked = ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study")
    states = [task(untracked[0], apply=False), task(untracked[1], weight=0)]  # the third has no task
    setup = write_ik_setup(tmp_path / "ik.xml", *(task(n) for n in NAMES if n not in untracked), *states)
    good = trial()
    far = good.positions.copy()
    far[:, [NAMES.index(name) for name in untracked]] += 0.2
    assert check(good, model, ik_setup=setup).ik.untracked == untracked
    angles = []
    for name, positions in (("good", good.positions), ("far", far)):
        write_trc(tmp_path / f"{name}.trc", Markers(NAMES, positions, good.time_s))
        with opensim_log() as log:
            used = opensim.Model(str(model))
            used.initSystem()
            tool = opensim.InverseKinematicsTool(str(setup), False)
            tool.setModel(used)
            tool.setMarkerDataFileName(str(tmp_path / f"{name}.trc"))
            tool.setOutputMotionFileName(str(tmp_path / f"{name}.mot"))
            tool.set_report_errors(False)
            log.checked(tool.run, name)
        angles.append(read_table(tmp_path / f"{name}.mot")[1])
    np.testing.assert_allclose(angles[1], angles[0], atol=1e-6)
    knee = angles[0][:, read_table(tmp_path / "good.mot")[0].index("knee_angle_r")]
    # Coordinates keep their ranges here, with which OpenSim's solver stalls up to about half a degree from the answer.
    np.testing.assert_allclose(knee, np.rad2deg(np.linspace(0.1, 0.8, N_FRAMES)), atol=1)


MEASUREMENTS = {
    "works": measurement("works", ["r_knee_study r_ankle_study"], ["tibia_r"]),
    "one of two pairs": measurement(
        "one of two pairs", ["RHJC_study r_knee_study", "C7_study r_knee_study"], ["femur_r"]
    ),
    "not in model": measurement("not in model", ["r_shoulder_study r_lelbow_study"], ["humerus_r"]),
    "empty": measurement("empty", ["L_calc_study L_toe_study"], ["calcn_l"]),
    "gap": measurement("gap", ["LHJC_study L_knee_study"], ["femur_l"]),
    "off": measurement("off", ["L_knee_study L_ankle_study"], ["tibia_l"], apply=False),
}


def test_opensim_leaves_out_just_the_measurements_and_markers_that_the_check_names(opensim, model, tmp_path):
    shutil.copy(model, tmp_path / "full.osim")
    setup = write_scale_setup(tmp_path / "scale.xml", *MEASUREMENTS.values())
    markers = trial(without=["C7_study", "r_sh1_study"], empty=["L_toe_study"], gap=["L_knee_study"])
    found = check(markers, model, scale_setup=setup).scaling
    assert dict(found.idle) == {
        "one of two pairs": "C7_study not in the file",
        "not in model": "r_lelbow_study not in the file; r_lelbow_study not in the model",
        "empty": "L_toe_study without a sample in the file",
        "gap": "L_knee_study is missing in 1 of 12 frames: no effect if the time range holds one of them",
        "off": "switched off (apply is false)",
    }
    assert found.deleted == ("C7_study", "r_sh1_study")
    assert "tibia_r" not in found.unsized
    assert {"femur_r", "femur_l", "tibia_l", "humerus_r", "calcn_l", "pelvis"} < set(found.unsized)

    write_trc(tmp_path / "trial.trc", markers)
    with opensim_log(tmp_path / "log") as log:
        log.checked(opensim.ScaleTool(str(setup)).run, "scaling")
        placed = opensim.Model(str(tmp_path / "placed.osim"))
        left = {placed.getMarkerSet().get(k).getName() for k in range(placed.getMarkerSet().getSize())}
    log_text = (tmp_path / "log").read_text()
    unused = set(re.findall(r"'(.*)' measurement not used", log_text))
    assert unused == {name for name, _ in found.idle} - {"off"}
    assert re.findall(r"Measurement '(.*)'", log_text) == [name for name in MEASUREMENTS if name != "off"]
    assert set(NAMES) - left == set(found.deleted)


def test_set_ups_that_scale_otherwise_or_place_no_markers(model, tmp_path):
    markers = trial(without=["C7_study"])
    works = MEASUREMENTS["works"]
    manual = write_scale_setup(tmp_path / "manual.xml", works, order="manualScale", places=False)
    found = check(markers, model, scale_setup=manual).scaling
    assert dict(found.idle) == {"works": "the set-up does not scale by measurements"}
    assert found.deleted == ()
    nobody = measurement("nobody", ["r_knee_study r_ankle_study"], ["patella_r"])
    found = check(markers, model, scale_setup=write_scale_setup(tmp_path / "scale.xml", nobody)).scaling
    assert dict(found.idle) == {"nobody": "no body patella_r in the model"}


def test_files_that_are_something_else_are_refused(model, tmp_path):
    setup = write_ik_setup(tmp_path / "ik.xml", task("C7_study"))
    with pytest.raises(OsimError, match=r"ik.xml: expected an OpenSim ScaleTool, found InverseKinematicsTool"):
        check(trial(), model, scale_setup=setup)
    with pytest.raises(OsimError, match=r"full.osim: expected an OpenSim MarkerSet, found Model"):
        check(trial(), model, marker_set=model)
    with pytest.raises(OsimError, match=r"nothing.osim: cannot be read \(No such file"):
        check(trial(), tmp_path / "nothing.osim")


def run(*args):
    return CliRunner().invoke(main, ["osim", "check", *map(str, args)])


def test_the_command_lists_what_it_found(opensim, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_trc(tmp_path / "a.trc", trial(without=["C7_study"]))
    write_ik_setup(tmp_path / "ik.xml", task("C7_study"), *map(task, NAMES[1:]))
    write_scale_setup(tmp_path / "scale.xml", MEASUREMENTS["works"], MEASUREMENTS["one of two pairs"])
    done = run("a.trc", "--model", model, "--ik-setup", "ik.xml", "--scale-setup", "scale.xml")
    assert done.exit_code == 0, done.output
    for text in (
        "In the file and on the model (34)",
        "Only on the model (1)\n  C7_study",
        "1 of 35 inverse kinematics tasks would do nothing\n  C7_study    not in the file",
        "1 of 2 scaling measurements would do nothing\n  one of two pairs    C7_study not in the file",
        "would keep their generic size (19)",
        "delete from the model (1)",
    ):
        assert text in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.trc", "ik.xml", "scale.xml"]


def test_the_command_fails_where_nothing_fits(model, tmp_path):
    write_trc(tmp_path / "a.trc", trial(renamed={name: f"m{k}" for k, name in enumerate(NAMES)}))
    done = run(tmp_path / "a.trc", "--model", model)
    assert done.exit_code == 1
    assert "Give the marker set that fits the file's names with --marker-set." in done.output
    assert run(tmp_path / "a.trc").exit_code == 2
    done = run(tmp_path / "a.trc", "--model", tmp_path / "a.trc")
    assert done.exit_code == 1
    assert "a.trc: expected an OpenSim Model, found no XML" in done.output


@pytest.mark.parametrize(
    "names",
    [
        ("opencap/LaiUhlrich2022.osim", "LaiUhlrich2022_markers_augmenter.xml", "Setup_IK.xml", "Setup_scaling_*.xml"),
        ("pose2sim/Model_Pose2Sim_simple.osim", "Markers_LSTM.xml", "IK_Setup_*.xml", "Scaling_Setup_*.xml"),
    ],
    ids=["OpenCap", "Pose2Sim"],
)
def test_models_of_others_take_all_35_markers(opensim, shared_data, names):
    model = shared_data / "opensim" / names[0]
    if not model.is_file():
        pytest.skip(f"needs {model}")
    found = check(trial(), model, *(next(model.parent.glob(name)) for name in names[1:]))
    assert found.matched == NAMES
    assert all("elbow" in name or "wrist" in name for name, _ in found.ik.idle)
    assert len(found.ik.idle) == 8
    assert {name for name, _ in found.scaling.idle} >= {"humerus", "radius"}
    assert {"humerus_r", "humerus_l", "radius_r", "radius_l"} <= set(found.scaling.unsized)
    assert {"femur_r", "tibia_l", "pelvis", "calcn_r"}.isdisjoint(found.scaling.unsized)


def test_json_holds_what_the_command_lists(model, tmp_path):
    write_trc(tmp_path / "a.trc", trial(without=["C7_study"]))
    done = run(tmp_path / "a.trc", "--model", model, "--json", tmp_path / "check.json", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    account = json.loads((tmp_path / "check.json").read_text())
    assert (account["only_in_model"], len(account["matched"])) == (["C7_study"], 34)
