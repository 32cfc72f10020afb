"""A model with other outputs needs a marker set, places on the skeleton and a recipe, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import trcaugment.training.data
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.skeleton import POINT_INDEX
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.augmentation import augment
from trcaugment.cli import main
from trcaugment.datasets.building import write_dataset
from trcaugment.datasets.paired import Pair
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.window_set import generate_set
from trcaugment.errors import DatasetError, MarkerSetError, ModelError, RecipeError
from trcaugment.evaluation.run import evaluate_trials
from trcaugment.evaluation.truth import rename
from trcaugment.figures.errors import draw_errors
from trcaugment.figures.figures import as_file
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS, LANDMARKS, OUTPUT_SETS, MarkerSet
from trcaugment.model.card import list_models
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject
from trcaugment.training.experiments import QUICK, run_experiment
from trcaugment.training.recipe import Recipe, read_recipe
from trcaugment.training.run import train

WALK = Path(__file__).parents[1] / "examples" / "walk.trc"
SUBJECT = Subject(1.584, 58.32)
# Fewer markers in another order, and two that no shipped model has.
LEGS = MarkerSet(
    "legs and elbows",
    tuple(
        LANDMARKS[name]
        for pair in (("RElbow", "LElbow"), ("L_knee_study", "r_knee_study"), ("r_mknee_study", "L_mknee_study"))
        for name in pair
    ),
    (("r_knee_study", "r_mknee_study"), ("L_knee_study", "L_mknee_study")),
)
RECIPE = """name = "legs"
seed = 3
marker_set = "legs and elbows"

[motions]
procedural = 12

[network]
hidden = 4
n_layers = 1

[optimization]
epochs = 2
batches_per_epoch = 3
batch_windows = 16
validation_windows = 16
"""


@pytest.fixture(autouse=True, scope="module")
def registered():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OUTPUT_SETS, LEGS.name, LEGS)
        patch.setattr(trcaugment.training.data, "_LINEAR_PATH_BATCHES", 60)
        yield


@pytest.fixture(scope="module")
def folder(registered, tmp_path_factory):
    """A model of the other markers, trained for a moment."""
    base = tmp_path_factory.mktemp("legs")
    (base / "legs.toml").write_text(RECIPE)
    card = train(base / "legs.toml", base / "run")
    assert (card.output_set, card.outputs, card.markers) == (LEGS.name, LEGS.names, LEGS)
    return base / "run" / "model"


@pytest.fixture(scope="module")
def model(folder):
    return load_model(folder, "cpu")


def test_a_trial_goes_through_the_whole_command(folder, tmp_path):
    arguments = [WALK, "-o", tmp_path / "legs.trc", "--model", folder, "--height", SUBJECT.height_m, "--mass", 58.32]
    result = CliRunner().invoke(main, ["predict", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    written = read_trc(tmp_path / "legs.trc")
    assert written.names == LEGS.names
    assert json.loads((tmp_path / "legs.json").read_bytes())["output"]["n_markers"] == 6
    true = read_trc(WALK.with_name("walk_markers.trc"))
    knees = [name for name in LEGS if name in true.names]
    assert len(knees) == 4
    error_m = np.linalg.norm(written.select(knees) - true.select(knees), axis=2)
    assert float(np.nanmean(error_m)) < 0.05
    # The elbow keypoints are in the file, but no input of the network.
    elbow_m = np.linalg.norm(written.select(LEGS.names[:2]) - read_trc(WALK).select(LEGS.names[:2]), axis=2)
    assert float(np.nanmean(elbow_m)) < 0.3


def test_left_and_right_are_treated_alike(model):
    trial, flip = read_trc(WALK), np.array([1.0, 1.0, -1.0])
    trial = replace(trial, positions=trial.positions[:60], time_s=trial.time_s[:60])
    other = [trial.names.index(LANDMARKS[name].partner) for name in trial.names]
    mirrored = replace(trial, positions=trial.positions[:, other] * flip)
    expected = augment(trial, SUBJECT, model).markers.positions[:, LEGS.mirror_order] * flip
    np.testing.assert_allclose(augment(mirrored, SUBJECT, model).markers.positions, expected, atol=1e-4)


def test_it_is_measured_where_the_truth_has_its_markers(model):
    true = rename(read_trc(WALK.with_name("walk_markers.trc")), {}, LEGS)
    found = evaluate_trials([Pair("walk", "anna", SUBJECT, read_trc(WALK), true)], {"legs": model}, LEGS)
    errors_mm = {(each.group_kind, each.group): each.value for each in found.scores if each.metric == "mpme_mm"}
    assert {group for kind, group in errors_mm if kind == "marker"} == set(LEGS.names[2:])
    assert max(errors_mm.values()) < 60
    assert errors_mm["overall", "all"] == pytest.approx(np.mean([errors_mm["marker", n] for n in LEGS.names[2:]]))
    steadiness_mm = {each.model: each.value for each in found.scores if each.metric == "rigid_sd_mm"}
    assert 0 < steadiness_mm["legs"] < 30
    assert found.notes[0] == "the truth has 4 of 6 markers"
    assert as_file(draw_errors(found), "svg").startswith(b"<?xml")


@pytest.fixture(scope="module")
def made():
    generator = WindowGenerator(make_library([], 12, seed=1), Population(), KeypointErrors(), LEGS)
    return generate_set(generator, 3, 12, seed=1)


def test_generated_windows_have_the_markers_of_the_set(made):
    everything = WindowGenerator(make_library([], 12, seed=1), Population(), KeypointErrors())
    usual = generate_set(everything, 3, 12, seed=1).windows
    assert torch.equal(made.windows.keypoints, usual.keypoints)
    assert made.windows.markers.shape == (12, 30, 6, 3)
    for name in LEGS.names[2:]:
        ours, theirs = made.windows.markers[:, :, LEGS.index(name)], usual.markers[:, :, ANATOMICAL_MARKERS.index(name)]
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_data_sets_are_written_and_read_with_the_markers_of_the_set(made, tmp_path):
    write_dataset(tmp_path / "trc", made, "trc")
    again = load_dataset(tmp_path / "trc", LEGS).window_set.windows
    assert again.marker_set is LEGS
    torch.testing.assert_close(again.markers.sum(dim=0), made.windows.markers.sum(dim=0), rtol=0, atol=1e-4)
    with pytest.raises(DatasetError, match="expected all 35 markers, did not find C7_study"):
        load_dataset(tmp_path / "trc")
    with pytest.raises(DatasetError, match="no columns of RElbow, LElbow; use pairs of TRC files"):
        write_dataset(tmp_path / "npy", made, "npy")


def test_what_cannot_be_is_refused_in_words(tmp_path):
    (tmp_path / "a.toml").write_text(RECIPE.replace("legs and elbows", "fingers"))
    with pytest.raises(
        RecipeError, match="expected marker_set anatomical-35 or arms-8 or legs and elbows, found 'fingers'"
    ):
        read_recipe(tmp_path / "a.toml")
    with pytest.raises(RecipeError, match="expected recipes of one marker_set"):
        next(run_experiment([Recipe("a"), Recipe("b", marker_set=LEGS.name)], tmp_path / "run", [1], QUICK))
    nose = MarkerSet("noses", (LANDMARKS["C7_study"]._replace(name="Nose", partner="Nose"),))
    with pytest.raises(MarkerSetError, match="marker set noses: the skeleton carries no Nose"):
        WindowGenerator(make_library([], 2, seed=1), Population(), KeypointErrors(), nose)


def test_a_model_of_a_set_that_is_not_known_here_is_refused(folder, monkeypatch):
    monkeypatch.delitem(OUTPUT_SETS, LEGS.name)
    with pytest.raises(ModelError, match="expected the marker set anatomical-35 or arms-8, found 'legs and elbows'"):
        load_model(folder, "cpu")


def test_every_set_that_can_be_chosen_has_places_on_the_skeleton():
    assert all(name in POINT_INDEX for each in OUTPUT_SETS.values() for name in each)
    assert all(card.markers is OUTPUT_SETS[card.output_set] for card in list_models())
