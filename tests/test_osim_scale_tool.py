"""What a set-up's measurements alone give, number by number beside OpenSim's own Scale tool."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from planted_people import NAMES, draw_factors, grown, move

from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.osim.model import write_shipped_model
from trcaugment.osim.pipeline import Kit, scale_person
from trcaugment.subject import Subject

MASS_KG = 72.0
TIME_RANGE = "0.2 1.1"


@dataclass(frozen=True)
class Case:
    """A model with its set-up and one trial."""

    model: Path
    marker_set: Path | None
    setup: Path
    trial: Path

    def but(self, folder, *, without=(), **columns):
        """The same with markers taken out of the set-up, or other columns in the trial."""
        folder.mkdir()
        text = self.setup.read_text()
        for name in without:
            text = re.sub(rf"<MarkerPair>(?:(?!</MarkerPair>).)*\b{name}\b.*?</MarkerPair>", "", text, flags=re.DOTALL)
        (folder / "setup.xml").write_text(text)
        trial = read_trc(self.trial)
        positions = trial.positions.copy()
        for name, frames in columns.get("empty", {}).items():
            positions[frames, trial.names.index(name)] = np.nan
        kept = [k for k, name in enumerate(trial.names) if name not in columns.get("absent", ())]
        names = tuple(trial.names[k] for k in kept)
        write_trc(folder / "trial.trc", replace(trial, names=names, positions=positions[:, kept]))
        return replace(self, setup=folder / "setup.xml", trial=folder / "trial.trc")

    def ours(self, folder):
        """Factors and notes of what the measurements alone give; the scaled model is in the folder."""
        folder.mkdir()
        kit = Kit(self.model, self.marker_set, self.setup, by_measurements=True)
        return scale_person({"neutral": read_trc(self.trial)}, None, Subject(1.78, MASS_KG), kit, folder).scaling

    def theirs(self, opensim, folder):
        """Body -> factors that OpenSim's Scale tool finds; its scaled model is in the folder."""
        folder.mkdir()
        tool = opensim.ScaleTool(str(self.setup))
        tool.setSubjectMass(MASS_KG)
        for name, path in (("model.osim", self.model), ("markers.xml", self.marker_set), ("trial.trc", self.trial)):
            if path is not None:
                (folder / name).write_bytes(path.read_bytes())
        tool.getGenericModelMaker().setModelFileName("model.osim")
        if self.marker_set is not None:
            tool.getGenericModelMaker().setMarkerSetFileName("markers.xml")
        scaler = tool.getModelScaler()
        scaler.setMarkerFileName("trial.trc")
        scaler.setOutputModelFileName("scaled.osim")
        scaler.setOutputScaleFileName("factors.xml")
        tool.printToXML(str(folder / "tool.xml"))
        text = (folder / "tool.xml").read_text()
        (folder / "tool.xml").write_text(re.sub(r"<MarkerPlacer>.*</MarkerPlacer>", "", text, flags=re.DOTALL))
        assert opensim.ScaleTool(str(folder / "tool.xml")).run()
        scales = opensim.ScaleSet(str(folder / "factors.xml"))
        each = [scales.get(i) for i in range(scales.getSize())]
        return {scale.getSegmentName(): scale.getScaleFactors().to_numpy().copy() for scale in each}


def masses(opensim, folder):
    """Body -> mass of the scaled model, in kg."""
    model = opensim.Model(str(folder / "scaled.osim"))
    bodies = model.getBodySet()
    return {bodies.get(i).getName(): bodies.get(i).getMass() for i in range(bodies.getSize())}


def muscles(opensim, folder):
    """Muscle -> optimal fiber length, tendon slack length and length in the default posture, in m."""
    model = opensim.Model(str(folder / "scaled.osim"))
    state = model.initSystem()
    each = [model.getMuscles().get(i) for i in range(model.getMuscles().getSize())]
    lengths = {m.getName(): (m.getOptimalFiberLength(), m.getTendonSlackLength(), m.getLength(state)) for m in each}
    return {(name, k): length for name, found in lengths.items() for k, length in enumerate(found)}


def assert_equal(ours, theirs, scaling):
    """All factors are the same, in the six digits of the Scale tool's file; where nothing measured, that has 1."""
    assert set(ours) <= set(theirs)  # which has frames as well
    not_measured = {(each.body, axis) for each in scaling.unmeasured for axis in each.axes}
    for body, factors in ours.items():
        for axis, one, other in zip("XYZ", factors, theirs[body], strict=True):
            assert other == pytest.approx(1 if (body, axis) in not_measured else one, abs=6e-6), (body, axis)


@pytest.fixture(scope="module")
def manual(opensim, tmp_path_factory):
    """The shipped model, measurements and manual factors, somebody who sways."""
    folder = tmp_path_factory.mktemp("manual")
    write_shipped_model(folder / "model.osim")
    rng = np.random.default_rng(5)
    trial = move(grown(draw_factors(rng)), "stand", rng, 80)[1]
    noisy = trial.positions + rng.normal(0, 0.005, trial.positions.shape)
    write_trc(folder / "trial.trc", replace(trial, positions=noisy))
    (folder / "setup.xml").write_text(SETUP)
    return Case(folder / "model.osim", None, folder / "setup.xml", folder / "trial.trc")


def test_measurements_and_manual_factors_are_those_of_the_scale_tool(opensim, manual, tmp_path):
    scaling = manual.ours(tmp_path / "ours")
    theirs = manual.theirs(opensim, tmp_path / "theirs")
    assert_equal(scaling.by_body, theirs, scaling)
    np.testing.assert_allclose(theirs["femur_l"], [1.1, 1.2, 1.3])
    np.testing.assert_allclose(theirs["tibia_r"], [0.9, 0.9, 0.9])  # given and measured: the later counts
    assert scaling.manual == ("femur_l", "tibia_r")
    # Here a body's mass follows its factors, so what was not measured is given to the Scale tool as we have it.
    stand_ins = "".join(given(name, " ".join(map(str, scaling.by_body[name]))) for name, *_ in scaling.unmeasured)
    (tmp_path / "all.xml").write_text(SETUP.replace("<ScaleSet><objects>", f"<ScaleSet><objects>{stand_ins}"))
    replace(manual, setup=tmp_path / "all.xml").theirs(opensim, tmp_path / "all")
    ours, other = (masses(opensim, tmp_path / place) for place in ("ours", "all"))
    assert ours == pytest.approx(other, rel=1e-5)
    assert sum(ours.values()) == pytest.approx(MASS_KG)


@pytest.mark.parametrize("kind", ["absent", "empty"])
def test_a_marker_less_leaves_its_pair_out_and_not_the_whole_measurement(opensim, manual, tmp_path, kind):
    missing = {"absent": {"r_toe_study"}} if kind == "absent" else {"empty": {"r_toe_study": slice(None)}}
    fewer = manual.but(tmp_path / "fewer", **missing)
    scaling = fewer.ours(tmp_path / "ours")
    dropped = fewer.theirs(opensim, tmp_path / "theirs")
    np.testing.assert_array_equal(dropped["calcn_r"], [1, 1, 1])  # without a word
    without = manual.but(tmp_path / "without", without=["r_toe_study"])
    assert_equal(scaling.by_body, without.theirs(opensim, tmp_path / "pairs"), scaling)
    assert scaling.by_body["calcn_r"][0] != pytest.approx(1, abs=0.005)


def test_a_frame_less_leaves_only_that_frame_out(opensim, manual, tmp_path):
    gone = manual.but(tmp_path / "gone", empty={"r_toe_study": [30, 31]})
    scaling = gone.ours(tmp_path / "ours")
    trial = read_trc(gone.trial)
    heel, toe = (trial.positions[:, trial.names.index(name)] for name in ("r_calc_study", "r_toe_study"))
    inside = (trial.time_s >= 0.2 - 1e-6) & (trial.time_s <= 1.1 + 1e-6)
    (foot,) = [each for each in scaling.factors if each.measurement.name == "foot"]
    assert foot.distances[0].measured_m == pytest.approx(np.nanmean(np.linalg.norm(heel - toe, axis=1)[inside]))
    assert foot.distances[0].n_frames == inside.sum() - 2
    whole = manual.ours(tmp_path / "whole")
    assert scaling.by_body["calcn_r"] == pytest.approx(whole.by_body["calcn_r"], rel=0.001)


def published(shared_data, folder, kit):
    """A published set-up with the standing trial of an OpenCap session, in a time range of that trial."""
    opencap, pose2sim = shared_data / "opensim" / "opencap", shared_data / "opensim" / "pose2sim"
    model, marker_set, setup = {
        "OpenCap": (
            opencap / "LaiUhlrich2022.osim",
            opencap / "LaiUhlrich2022_markers_augmenter.xml",
            opencap / "Setup_scaling_LaiUhlrich2022.xml",
        ),
        "Pose2Sim": (
            pose2sim / "Model_Pose2Sim_simple.osim",
            pose2sim / "Markers_LSTM.xml",
            pose2sim / "Scaling_Setup_Pose2Sim_LSTM.xml",
        ),
    }[kit]
    text = re.sub(r"<time_range>[^<]*</time_range>", f"<time_range>{TIME_RANGE}</time_range>", setup.read_text())
    (folder / "published.xml").write_text(text)
    trial = shared_data / "sessions" / "opencap_subject0" / "MarkerData" / "neutral.trc"
    return Case(model, marker_set, folder / "published.xml", trial)


@pytest.mark.slow
@pytest.mark.parametrize("kit", ["OpenCap", "Pose2Sim"])
def test_published_set_ups_give_what_the_scale_tool_gives(opensim, shared_data, tmp_path, kit):
    case = published(shared_data, tmp_path, kit)
    scaling = case.ours(tmp_path / "ours")
    theirs = case.theirs(opensim, tmp_path / "theirs")
    assert_equal(scaling.by_body, theirs, scaling)
    assert abs(theirs["pelvis"][2] - 1) > 0.1
    ours, other = (masses(opensim, tmp_path / place) for place in ("ours", "theirs"))
    # Masses keep their proportions here and there, whatever the factors.
    assert ours == pytest.approx(other, rel=1e-6)
    assert muscles(opensim, tmp_path / "ours") == pytest.approx(muscles(opensim, tmp_path / "theirs"), rel=1e-5)
    fewer = case.but(tmp_path / "fewer", empty={"r_toe_study": slice(None)}, absent={"L.PSIS_study"})
    less = fewer.ours(tmp_path / "ours_less")
    without = case.but(tmp_path / "without", without=["r_toe_study", "L.PSIS_study"])
    assert_equal(less.by_body, without.theirs(opensim, tmp_path / "pairs"), less)
    np.testing.assert_array_equal(fewer.theirs(opensim, tmp_path / "dropped")["talus_r"], [1, 1, 1])


def measurement(name, pairs, bodies):
    pairs = "".join(f"<MarkerPair><markers> {' '.join(pair)}</markers></MarkerPair>" for pair in pairs)
    scales = "".join(f'<BodyScale name="{body}"><axes> {axes}</axes></BodyScale>' for body, axes in bodies)
    return f"""<Measurement name="{name}"><apply>true</apply><MarkerPairSet><objects>{pairs}</objects></MarkerPairSet>
<BodyScaleSet><objects>{scales}</objects></BodyScaleSet></Measurement>"""


def given(body, factors):
    return f"<Scale><scales> {factors}</scales><segment>{body}</segment><apply>true</apply></Scale>"


FOOT = [("r_calc_study", "r_toe_study"), ("r_calc_study", "r_5meta_study")]
SETUP = f"""<?xml version="1.0" encoding="UTF-8" ?>
<OpenSimDocument Version="40000"><ScaleTool name="own"><mass>1</mass>
<GenericModelMaker><model_file>Unassigned</model_file></GenericModelMaker><ModelScaler><apply>true</apply>
<scaling_order> measurements manualScale</scaling_order><MeasurementSet><objects>
{measurement("foot", FOOT, [("calcn_r", "X Y Z"), ("toes_r", "X Y Z")])}
{measurement("shank", [("r_knee_study", "r_ankle_study")], [("tibia_r", "X Y Z")])}
{measurement("pelvis", [("r.ASIS_study", "r.PSIS_study"), ("L.ASIS_study", "L.PSIS_study")], [("pelvis", "X Y")])}
</objects></MeasurementSet><ScaleSet><objects>{given("femur_l", "1.1 1.2 1.3")}{given("tibia_r", "0.9 0.9 0.9")}
</objects></ScaleSet><time_range> {TIME_RANGE}</time_range>
<preserve_mass_distribution>false</preserve_mass_distribution></ModelScaler></ScaleTool></OpenSimDocument>
"""
assert set(NAMES) >= {name for pair in FOOT for name in pair}
