"""Training from tiny recipes: it learns, it can be interrupted, and it refuses what it cannot do."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

import trcaugment.training.module
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.errors import ModelError, TrainingError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model import load_model
from trcaugment.training.data import GeneratedBatches, make_batch
from trcaugment.training.module import GeneratedData
from trcaugment.training.recipe import Recipe, motion_files, read_recipe
from trcaugment.training.run import train

TINY = """
name = "tiny"
description = "far too small"
seed = 3
licences = ["none needed"]

[motions]
procedural = 6

[network]
hidden = 8
n_layers = 1

[optimization]
epochs = 3
batches_per_epoch = 4
batch_windows = 8
learning_rate = 5e-3
validation_windows = 32
"""


@pytest.fixture(autouse=True)
def short_fit(monkeypatch):
    """A linear path from fewer windows than in earnest, which would take most of the time."""
    monkeypatch.setattr(trcaugment.training.module, "_LINEAR_PATH_BATCHES", 30)


def write_recipe(folder, text=TINY):
    folder.mkdir(exist_ok=True)
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def weights_of(folder):
    return load_model(folder / "model", "cpu").network.state_dict()


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=0, atol=1e-6, msg=name)


def logged(folder, column="val_mse"):
    """Every epoch's value, over all parts of a run, the last word on each epoch."""
    values = {}
    for path in sorted((folder).glob("log*/metrics.csv"), key=lambda path: path.stat().st_mtime_ns):
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            if row.get(column):
                values[int(row["epoch"])] = float(row[column])
    return values


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One uninterrupted run: recipe, folder, card."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trcaugment.training.module, "_LINEAR_PATH_BATCHES", 30)
        base = tmp_path_factory.mktemp("finished")
        recipe = write_recipe(base)
        return recipe, base / "run", train(recipe, base / "run")


# --- a run


def test_a_run_gives_a_model_that_loads_and_says_how_it_was_made(finished):
    recipe, folder, card = finished
    model = load_model(folder / "model", "cpu")
    assert model.card == card
    assert (card.name, card.inputs, card.outputs) == ("tiny", KEYPOINTS, ANATOMICAL_MARKERS)
    assert (card.sizes.hidden, card.sizes.n_layers) == (8, 1)
    assert "none needed" in card.training_data
    assert card.height_m == (1.35, 2.10)
    assert (folder / "model" / "recipe.toml").read_text() == recipe.read_text()
    errors = logged(folder)
    assert sorted(errors) == [0, 1, 2]
    assert card.validation_mse == pytest.approx(min(errors.values()), rel=1e-4)


def test_the_trained_network_beats_the_mean_and_its_own_start_on_people_it_never_saw(finished):
    recipe_path, folder, card = finished
    recipe = read_recipe(recipe_path)
    library = make_library([], recipe.motions.procedural, recipe.seed)
    generator = WindowGenerator(library, recipe.population, recipe.keypoint_errors)
    batch = make_batch(generator.draw(200, torch.Generator().manual_seed(987654321)))
    predicted = load_model(folder / "model", "cpu").predict(batch.features)
    error = float((predicted - batch.targets).square().mean())
    mean = float((batch.targets - batch.targets.mean(dim=(0, 1))).square().mean())
    assert error < 0.2 * mean
    assert card.validation_mse < 0.2 * mean
    assert error == pytest.approx(card.validation_mse, rel=0.8)


def test_training_itself_lowers_the_error(tmp_path):
    text = TINY.replace("epochs = 3", "epochs = 8").replace("batches_per_epoch = 4", "batches_per_epoch = 12")
    train(write_recipe(tmp_path, text), tmp_path / "run")
    errors = logged(tmp_path / "run")
    assert min(errors.values()) < 0.9 * errors[0]


def test_the_same_recipe_repeats_the_same_run(finished, tmp_path):
    recipe, folder, card = finished
    again = train(recipe, tmp_path / "run")
    assert_same_weights(weights_of(folder), weights_of(tmp_path / "run"))
    assert again.validation_mse == pytest.approx(card.validation_mse, rel=1e-6)


def test_windows_of_training_validation_and_fit_are_never_the_same():
    recipe = Recipe(name="x")
    data = GeneratedData(WindowGenerator(make_library([], 2, 1), recipe.population, recipe.keypoint_errors), recipe)

    class AtEpoch:
        def __init__(self, epoch):
            self.current_epoch = epoch

    used = []
    for epoch in (0, 1, recipe.optimization.epochs - 1):
        data.trainer = AtEpoch(epoch)
        used.append(data.train_dataloader().dataset.seeds)
    used.append(data.val_dataloader().dataset.seeds)
    assert [len(seeds) for seeds in used] == [250, 250, 250, 32]
    assert len(set().union(*used)) == 250 * 3 + 32
    assert used[0].stop == used[1].start
    other = GeneratedData(data.generator, Recipe(name="y", seed=2))
    other.trainer = data.trainer
    assert other.train_dataloader().dataset.seeds.start >= 10**9 + used[-2].start


def test_a_batch_depends_on_its_seed_alone():
    recipe = Recipe(name="x")
    generator = WindowGenerator(make_library([], 3, 1), recipe.population, recipe.keypoint_errors)
    batches = GeneratedBatches(generator, 4, range(10, 13))
    assert len(batches) == 3
    features, targets, height_m = batches[2]
    assert features.shape == (4, 30, 47)
    assert targets.shape == (4, 30, 105)
    assert torch.equal(features, GeneratedBatches(generator, 4, range(12, 13))[0][0])
    assert torch.equal(features[:, :, 45], height_m[:, None].expand(4, 30))
    assert not torch.equal(features, batches[1][0])


# --- interrupted and resumed


class _Stop(Callback):
    """Ends the run in the middle of an epoch."""

    def __init__(self, how, epoch=1, batch=2):
        self.how, self.epoch, self.batch = how, epoch, batch

    def on_train_batch_end(self, trainer, *args):
        if (trainer.current_epoch, args[-1]) == (self.epoch, self.batch):
            self.how()


class _PowerCut(BaseException):
    pass


def raising(error):
    def stop():
        raise error

    return stop


@pytest.mark.parametrize("error", [KeyboardInterrupt(), _PowerCut()], ids=["ctrl-c", "error"])
def test_an_interrupted_run_goes_on_to_the_same_end(finished, tmp_path, error):
    recipe, whole, card = finished
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises((SystemExit, KeyboardInterrupt, _PowerCut)):
            train(recipe, tmp_path / "run", callbacks=[_Stop(raising(error))])
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning shuts its ears to a second Ctrl-C
    assert not (tmp_path / "run" / "model").exists()
    resumed = train(recipe, tmp_path / "run", resume=True)
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))
    assert resumed.validation_mse == pytest.approx(card.validation_mse, rel=1e-6)
    assert logged(tmp_path / "run") == pytest.approx(logged(whole), rel=1e-5)


def test_a_killed_run_goes_on_to_the_same_end(finished, tmp_path):
    recipe, whole, _ = finished
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import trcaugment.training.module
trcaugment.training.module._LINEAR_PATH_BATCHES = 30
from pathlib import Path
from test_training import _Stop, train
train(Path(sys.argv[1]), Path(sys.argv[2]), callbacks=[_Stop(lambda: os.kill(os.getpid(), signal.SIGKILL))])
"""
    killed = subprocess.run(
        [sys.executable, "-c", script, recipe, tmp_path / "run"], check=False, capture_output=True, env=os.environ
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    train(recipe, tmp_path / "run", resume=True)
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(finished, tmp_path):
    recipe, whole, _ = finished
    with pytest.raises(_PowerCut):
        train(recipe, tmp_path / "run", callbacks=[_Stop(raising(_PowerCut()), epoch=0)])
    with pytest.raises(TrainingError, match=r"expected a checkpoint last\.ckpt to resume from, found none"):
        train(recipe, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "run")
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))


# --- refusals


def test_a_run_is_not_overwritten(finished):
    recipe, folder, _ = finished
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(TrainingError, match="holds a training run already; go on with --resume"):
        train(recipe, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_resuming_a_finished_run_changes_no_model(finished):
    recipe, folder, _ = finished
    before = {path: path.read_bytes() for path in (folder / "model").iterdir()}
    with pytest.raises(ModelError, match="holds a model already"):
        train(recipe, folder, resume=True)
    assert {path: path.read_bytes() for path in (folder / "model").iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed = 3", "sede = 3"), "unknown field `sede`"),
        (("hidden = 8", "hiden = 8"), r"unknown field `hiden`.*network"),
        (("epochs = 3", 'epochs = "three"'), r"Expected `int`, got `str`.*optimization\.epochs"),
        (("procedural = 6", "procedural = 2.5"), r"motions\.procedural"),
        (('name = "tiny"', ""), "missing required field `name`"),
        (("[motions]", "[motions"), "not a recipe"),
        (("[network]", "[keypoint_errors]\nnoise = 1\n[network]"), r"unknown field `noise`.*keypoint_errors"),
        (("[network]", "[population]\nheight_m = [1.5]\n[network]"), r"population\.height_m"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_name_and_the_place(tmp_path, change, message):
    assert change[0] in TINY
    path = write_recipe(tmp_path, TINY.replace(*change))
    with pytest.raises(TrainingError, match=message) as caught:
        train(path, tmp_path / "run")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_recipes_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(TrainingError, match=r"nowhere\.toml: cannot be read"):
        train(tmp_path / "nowhere.toml", tmp_path / "run")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"binary\.toml: not a recipe"):
        train(tmp_path / "binary.toml", tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("procedural = 6", "procedural = 0"), "motions"),
        (("procedural = 6", "procedural = -1"), "motions"),
        (("hidden = 8", "hidden = 0"), "hidden"),
        (("n_layers = 1", "n_layers = 0"), "n_layers"),
        (("epochs = 3", "epochs = 0"), "epochs"),
        (("batches_per_epoch = 4", "batches_per_epoch = 0"), "batches_per_epoch"),
        (("batch_windows = 8", "batch_windows = 0"), "batch_windows"),
        (("seed = 3", "seed = -3"), "seed"),
    ],
)
def test_numbers_that_no_run_can_have_are_refused(tmp_path, change, message):
    assert change[0] in TINY
    path = write_recipe(tmp_path, TINY.replace(*change))
    with pytest.raises(TrainingError, match=message):
        train(path, tmp_path / "run")


def test_motion_folders_are_found_beside_the_recipe_and_must_hold_motions(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    path = write_recipe(tmp_path, TINY.replace("procedural = 6", 'procedural = 6\nfolders = ["mine"]'))
    with pytest.raises(TrainingError, match=r"expected \.mot files in the recipe's motion folder .*mine, found none"):
        train(path, tmp_path / "run")
    for name in ("b.mot", "a.mot", "c.txt"):
        (folder / name).touch()
    assert [file.name for file in motion_files(read_recipe(path), path.parent)] == ["a.mot", "b.mot"]


def test_every_shipped_recipe_reads():
    root = Path(__file__).parents[1]
    paths = [*root.glob("models/*/recipe.toml"), *root.glob("examples/*.toml")]
    if not paths:
        pytest.skip("no recipes are shipped in this checkout")
    for path in paths:
        assert read_recipe(path).name
