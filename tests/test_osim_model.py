"""The shipped full-body model in OpenSim itself, OpenSim's log, and life without opensim."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import Population, average_adult, draw_bodies
from trcaugment.body.shapes import SHAPES
from trcaugment.body.skeleton import ARM_MARKERS, BODIES, COORDINATE_INDEX, COORDINATES, MARKERS, POINT_INDEX
from trcaugment.cli import main
from trcaugment.errors import OsimError
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import opensim_log
from trcaugment.osim.model import open_model, write_shipped_model


@pytest.fixture(scope="module")
def shipped(opensim):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "full.osim"
        write_shipped_model(path)
        yield path


@pytest.fixture
def model(opensim, shipped):
    with opensim_log() as log:
        return open_model(shipped, None, log)


def members(container):
    return [container.get(k) for k in range(container.getSize())]


def test_opensim_opens_and_assembles_it_without_a_complaint(opensim, shipped, tmp_path):
    assert shipped.read_text().splitlines()[1] == '<OpenSimDocument Version="40600">'
    with opensim_log(tmp_path / "log") as log:
        model = open_model(shipped, None, log)
        model.assemble(model.initSystem())
        assert model.getValidationLog() == ""
    said = (tmp_path / "log").read_text()
    assert "Loaded model trcaugment_full_body" in said
    assert "[warning]" not in said  # such as meshes that are not there
    assert "[error]" not in said


def test_units_ranges_and_masses_are_right(opensim, model):
    state = model.initSystem()
    assert (model.getLengthUnits().getLabel(), model.getForceUnits().getLabel()) == ("meters", "N")
    np.testing.assert_allclose(model.getGravity().to_numpy(), [0, -9.80665, 0])
    assert model.getTotalMass(state) == pytest.approx(23.8 * 1.7**2)
    total = sum(body.mass_kg for body in BODIES)
    for body in BODIES:
        made = model.getBodySet().get(body.name)
        assert made.getMass() / model.getTotalMass(state) == pytest.approx(body.mass_kg / total)
    for coordinate in COORDINATES:
        made = model.getCoordinateSet().get(coordinate.name)
        assert (made.getRangeMin(), made.getRangeMax()) == pytest.approx((coordinate.low, coordinate.high))
        assert made.getDefaultClamped() == (not coordinate.name.startswith("pelvis_"))
        assert not made.getDefaultLocked()
        kind = opensim.Coordinate.Rotational if coordinate.rotational else opensim.Coordinate.Translational
        assert made.getMotionType() == kind
        low, high = (-3.15, 3.15) if coordinate.rotational else (-100, 100)
        assert low <= coordinate.low < coordinate.high <= high


def test_it_carries_the_43_markers_where_the_kinematics_of_the_average_adult_put_them(opensim, model):
    assert [marker.getName() for marker in members(model.getMarkerSet())] == [
        marker.name for marker in (*MARKERS, *ARM_MARKERS)
    ]
    assert {marker.name for marker in MARKERS} == set(ANATOMICAL_MARKERS)
    values = np.random.default_rng(1).uniform(*np.array([(c.low, c.high) for c in COORDINATES]).T)
    state = model.initSystem()
    for name, index in COORDINATE_INDEX.items():
        model.getCoordinateSet().get(name).setValue(state, float(values[index]), False)
    model.realizePosition(state)
    found = [marker.getLocationInGround(state).to_numpy() for marker in members(model.getMarkerSet())]
    points = [POINT_INDEX[marker.name] for marker in (*MARKERS, *ARM_MARKERS)]
    expected = forward_kinematics(average_adult(), torch.from_numpy(values)[None, None], points)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_average_adult_is_the_middle_of_the_population():
    drawn = draw_bodies(Population(placement_m=0.0), 20000, torch.Generator().manual_seed(0))
    usual = (drawn.height_m - 1.70).abs() < 0.03
    average = average_adult()
    assert usual.sum() > 3000
    # Means of so many; body mass index is skewed, so heavy people move the mean a little.
    torch.testing.assert_close(drawn.scale[usual].mean(dim=0).double(), average.scale[0], rtol=0.02, atol=0)
    torch.testing.assert_close(drawn.points[usual].mean(dim=0).double(), average.points[0], rtol=0, atol=0.006)


def test_it_stands_on_the_floor_and_is_as_tall_as_it_says(opensim, model):
    state = model.initSystem()
    model.realizePosition(state)
    lowest, highest = np.inf, -np.inf
    for geometry, half_size in shapes_of(opensim, model):
        frame = geometry.getFrame().getTransformInGround(state)
        turn = np.array([[frame.R().get(i, j) for j in range(3)] for i in range(3)])
        brick = opensim.Brick.safeDownCast(geometry) is not None
        reach = np.abs(turn[1]) @ half_size if brick else np.linalg.norm(turn[1] * half_size)
        lowest = min(lowest, frame.p().get(1) - reach)
        highest = max(highest, frame.p().get(1) + reach)
    assert lowest == pytest.approx(0, abs=0.006)
    assert highest == pytest.approx(1.70, abs=0.01)


def shapes_of(opensim, model):
    """Every simple shape and half of its extent in m."""
    for component in model.getComponentsList():
        ellipsoid, brick = opensim.Ellipsoid.safeDownCast(component), opensim.Brick.safeDownCast(component)
        if ellipsoid is not None:
            yield ellipsoid, ellipsoid.get_radii().to_numpy()
        elif brick is not None:
            yield brick, brick.get_half_lengths().to_numpy()


def test_every_segment_is_visible_without_mesh_files(opensim, model, shipped):
    found = [(geometry, size) for geometry, size in shapes_of(opensim, model)]
    shown = {geometry.getFrame().findBaseFrame().getName() for geometry, _ in found}
    assert shown == {body.name for body in BODIES}
    assert len(found) == len(SHAPES)
    assert all(0.01 < half < 0.35 for _, size in found for half in size)
    assert "<Mesh" not in shipped.read_text()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "found no XML"),
        (b"PathFileType\t4\t(X/Y/Z)\tx.trc\n", "found no XML"),
        (
            b"<OpenSimDocument Version='40000'><ScaleTool/></OpenSimDocument>",
            "expected an OpenSim Model, found ScaleTool",
        ),
        (b"<html><body/></html>", "an OpenSim Model, found html"),
    ],
)
def test_what_is_no_model_is_refused_and_left_as_it_is(opensim, tmp_path, content, reason):
    path = tmp_path / "some.osim"
    path.write_bytes(content)
    with opensim_log() as log, pytest.raises(OsimError, match=reason):
        open_document("Model", path, log)
    assert path.read_bytes() == content


def test_an_old_set_up_is_opened_and_left_as_it_is(opensim, tmp_path):
    path = tmp_path / "old.xml"
    text = '<OpenSimDocument Version="20302"><InverseKinematicsTool name="old"/></OpenSimDocument>'
    path.write_text(text)
    with opensim_log() as log:
        assert open_document("InverseKinematicsTool", path, log).getName() == "old"
    assert path.read_text() == text


def test_a_marker_set_is_added_and_one_for_other_bodies_is_refused(opensim, shipped, tmp_path):
    marker = (
        "<Marker name='{}'><socket_parent_frame>/bodyset/{}</socket_parent_frame><location>0 0 0</location></Marker>"
    )

    def write(name, body):
        objects = "".join([marker.format(name, body), marker.format("C7_study", "torso")])
        text = f"<OpenSimDocument Version='40000'><MarkerSet><objects>{objects}</objects></MarkerSet></OpenSimDocument>"
        (tmp_path / f"{body}.xml").write_text(text)
        return tmp_path / f"{body}.xml"

    with opensim_log() as log:
        model = open_model(shipped, write("wrist", "hand_r"), log)
        assert model.getMarkerSet().getSize() == 44
        assert model.getMarkerSet().get("C7_study").get_location().to_numpy().tolist() == [0, 0, 0]
        with pytest.raises(OsimError, match=r"tail.xml on full.osim: OpenSim says: .*could not find '/bodyset/tail'"):
            open_model(shipped, write("tip", "tail"), log)


def test_failures_of_opensim_become_errors_with_its_reason(opensim, tmp_path, capfd):
    with opensim_log(tmp_path / "opensim.log") as log:
        tool = opensim.ScaleTool()
        tool.setName("nobody")
        with pytest.raises(OsimError, match=r"^scaling: OpenSim says: .*\.$"):
            log.checked(tool.run, "scaling")
        with pytest.raises(OsimError, match=r"^a: OpenSim failed and gave no reason\.$"):
            log.checked(lambda: False, "a")
        with pytest.raises(OsimError, match=r"^b: OpenSim says: oh\.$"):
            log.checked(lambda: (_ for _ in ()).throw(RuntimeError("std::exception in 'x(y)': oh\nThrown at")), "b")
        assert log.checked(lambda: 7, "c") == 7
    assert "Processing subject nobody" in (tmp_path / "opensim.log").read_text()
    assert capfd.readouterr() == ("", "")
    with pytest.raises(OsimError, match="Create the folder first"), opensim_log(tmp_path / "no" / "opensim.log"):
        pass


def test_the_command_writes_the_model_and_nothing_else(opensim, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    done = run(main, ["osim", "model", "full.osim"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["full.osim"]
    (tmp_path / "full.osim").write_text("mine")
    assert run(main, ["osim", "model", "full.osim"]).exit_code == 2
    assert (tmp_path / "full.osim").read_text() == "mine"
    assert run(main, ["osim", "model", "full.osim", "--overwrite"]).exit_code == 0
    assert run(main, ["osim", "model", "nowhere/full.osim"]).exit_code == 2


_WITHOUT_OPENSIM = """
import sys
sys.modules["opensim"] = None  # importing it fails
from trcaugment.cli import main
main({arguments!r})
"""


def run_without_opensim(*arguments, cwd):
    code = _WITHOUT_OPENSIM.format(arguments=[str(a) for a in arguments])
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=cwd)


def test_without_opensim_the_commands_that_need_it_say_how_to_get_it(tmp_path):
    (tmp_path / "m.osim").write_text("<OpenSimDocument><Model/></OpenSimDocument>")
    example = Path(__file__).parents[1] / "examples" / "walk.trc"
    for arguments in (["model", "out.osim"], ["check", example, "--model", "m.osim"]):
        done = run_without_opensim("osim", *arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert "pip install opensim" in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.osim"]


def test_without_opensim_the_rest_works(tmp_path):
    example = Path(__file__).parents[1] / "examples" / "walk.trc"
    done = run_without_opensim("predict", example, "--height", 1.7, "--mass", 65, "-o", "out.trc", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = "inDegrees=yes\nendheader\ntime knee_angle_r\n0 1\n1 3\n"
    (tmp_path / "a.mot").write_text(text)
    done = run_without_opensim("osim", "compare", "a.mot", "a.mot", "--figure", "a.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.png").is_file()
    assert run_without_opensim("osim", "--help", cwd=tmp_path).returncode == 0
