"""Training from tiny recipes: it learns, it can be interrupted, and it refuses what it cannot do."""

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch import Callback
from training_runs import LONG, TINY, PowerCut, Stop, assert_same_weights, logged, raising, weights_of, write_recipe

import trcaugment.training.data
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.cli import main
from trcaugment.errors import ModelError, TrainingError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model.folder import load_model
from trcaugment.model.torch_engine import load_network
from trcaugment.training.data import DrawnBatches, DrawnData, make_batch
from trcaugment.training.recipe import Recipe, motion_files, read_recipe
from trcaugment.training.run import train

pytestmark = pytest.mark.usefixtures("short_fit")


@pytest.fixture
def unfinished(finished, tmp_path):
    """Folder of a run of the same recipe that was interrupted in its second epoch."""
    with pytest.raises(PowerCut):
        train(finished[0], tmp_path / "unfinished", callbacks=[Stop(raising(PowerCut()))])
    return tmp_path / "unfinished"


# --- a run


def test_a_run_gives_a_model_that_loads_and_says_how_it_was_made(finished):
    recipe, folder, card = finished
    model = load_model(folder / "model", "cpu")
    assert model.card == card
    assert (card.name, card.inputs, card.outputs) == ("tiny", KEYPOINTS.names, ANATOMICAL_MARKERS.names)
    assert (card.sizes.hidden, card.sizes.n_layers) == (8, 1)
    assert "none needed" in card.training_data
    assert card.height_m == (1.25, 2.10)
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
    predicted = torch.from_numpy(load_model(folder / "model", "cpu").predict(batch.features.numpy()))
    error = float((predicted - batch.targets).square().mean())
    mean = float((batch.targets - batch.targets.mean(dim=(0, 1))).square().mean())
    # Measured: 0.20. The bounds leave room for changes of the generator; a network that learned nothing is at 1.
    assert error < 0.25 * mean
    assert card.validation_mse < 0.3 * mean
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
    data = DrawnData(WindowGenerator(make_library([], 2, 1), recipe.population, recipe.keypoint_errors), recipe)

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
    other = DrawnData(data.source, Recipe(name="y", seed=2))
    other.trainer = data.trainer
    assert other.train_dataloader().dataset.seeds.start >= 10**9 + used[-2].start


def global_state():
    logger = logging.getLogger("lightning.pytorch")
    numbers = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: NPY002
    return numbers, dict(os.environ), logger.level, list(warnings.filters), signal.getsignal(signal.SIGINT)


def test_a_run_leaves_random_numbers_environment_and_logging_as_they_were(tmp_path):
    before = global_state()
    train(write_recipe(tmp_path), tmp_path / "run")
    assert global_state() == before


def test_a_run_says_nothing_unless_asked(tmp_path):
    script = """
import sys
from pathlib import Path
import trcaugment.training.data
trcaugment.training.data._LINEAR_PATH_BATCHES = 30
from trcaugment.training.run import train
train(Path(sys.argv[1]), Path(sys.argv[2]))
"""
    arguments = [sys.executable, "-c", script, write_recipe(tmp_path), tmp_path / "run"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_logged_rmse_is_that_of_all_windows(finished):
    _, folder, card = finished
    rmse_mm, square_mm2 = logged(folder, "val_rmse_mm"), logged(folder, "val_mse_mm2")
    assert sorted(rmse_mm) == [0, 1, 2]
    for epoch, value in rmse_mm.items():
        assert value == pytest.approx(square_mm2[epoch] ** 0.5, rel=1e-5)
    recipe = read_recipe(finished[0])
    library = make_library([], recipe.motions.procedural, recipe.seed)
    data = DrawnData(WindowGenerator(library, recipe.population, recipe.keypoint_errors), recipe)
    network = load_network(folder / "model")
    squares = [
        (1000 * height_m[:, None, None] * (network(features).detach() - targets)).square()
        for features, targets, height_m in data.val_dataloader()
    ]
    best = min(logged(folder), key=logged(folder).get)
    assert rmse_mm[best] == pytest.approx(float(torch.cat(squares).mean().sqrt()), rel=1e-4)
    assert card.validation_mse == pytest.approx(logged(folder)[best], rel=1e-5)


def test_a_batch_depends_on_its_seed_alone():
    recipe = Recipe(name="x")
    generator = WindowGenerator(make_library([], 3, 1), recipe.population, recipe.keypoint_errors)
    batches = DrawnBatches(generator, 4, range(10, 13))
    assert len(batches) == 3
    features, targets, height_m = batches[2]
    assert features.shape == (4, 30, 47)
    assert targets.shape == (4, 30, 105)
    assert torch.equal(features, DrawnBatches(generator, 4, range(12, 13))[0][0])
    assert torch.equal(features[:, :, 45], height_m[:, None].expand(4, 30))
    assert not torch.equal(features, batches[1][0])


# --- interrupted and resumed


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PowerCut()], ids=["ctrl-c", "error"])
def test_an_interrupted_run_goes_on_to_the_same_end(finished, tmp_path, error):
    recipe, whole, card = finished
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(type(error)):
        train(recipe, tmp_path / "run", callbacks=[Stop(raising(error))])
    assert signal.getsignal(signal.SIGINT) is handler  # Lightning shuts its ears to a second Ctrl-C
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
import trcaugment.training.data
trcaugment.training.data._LINEAR_PATH_BATCHES = 30
from pathlib import Path
from training_runs import Stop
from trcaugment.training.run import train
train(Path(sys.argv[1]), Path(sys.argv[2]), callbacks=[Stop(lambda: os.kill(os.getpid(), signal.SIGKILL))])
"""
    killed = subprocess.run(
        [sys.executable, "-c", script, recipe, tmp_path / "run"], check=False, capture_output=True, env=os.environ
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert list(logged(tmp_path / "run")) == [0]
    train(recipe, tmp_path / "run", resume=True)
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))
    log = Path("log", "metrics.csv")
    assert (tmp_path / "run" / log).read_text() == (whole / log).read_text()  # the curve goes on where it was


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_again(finished, tmp_path):
    recipe, whole, _ = finished
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", callbacks=[Stop(raising(PowerCut()), epoch=0)])
    with pytest.raises(TrainingError, match=r"expected the checkpoints last\.ckpt and best\.ckpt to resume from"):
        train(recipe, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "run")
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))


# --- refusals


def test_a_run_is_not_overwritten(finished):
    recipe, folder, _ = finished
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for resume in (False, True):
        with pytest.raises(TrainingError, match=f"this run is finished: {folder / 'model'}"):
            train(recipe, folder, resume=resume)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_run_that_was_begun_is_not_overwritten_and_a_finished_one_not_lengthened(finished, unfinished, tmp_path):
    recipe, _, _ = finished
    with pytest.raises(TrainingError, match="holds a training run already; go on with --resume"):
        train(recipe, unfinished)
    longer = write_recipe(tmp_path, TINY.replace("epochs = 3", "epochs = 4"))
    with pytest.raises(TrainingError, match="this run is finished"):
        train(longer, finished[1], resume=True)


@pytest.mark.parametrize("place", ["file", "file/run", "/proc/nix", "/dev/null/x"])
def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_computed(tmp_path, monkeypatch, place):
    monkeypatch.delattr(trcaugment.training.sources, "make_library")
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"the run's folder .* cannot be written") as caught:
        train(write_recipe(tmp_path), tmp_path / place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("hidden = 8", "hidden = 9"), r"network\.hidden"),
        (("seed = 3", "seed = 4"), "seed"),
        (("[network]", "[keypoint_errors]\nnoise_m = 0.01\n[network]"), r"keypoint_errors\.noise_m"),
        (("learning_rate = 5e-3\n", ""), r"optimization\.learning_rate"),
    ],
)
def test_a_run_goes_on_with_its_own_recipe_only(unfinished, tmp_path, change, name):
    path = write_recipe(tmp_path, TINY.replace(*change))
    before = (unfinished / "last.ckpt").read_bytes()
    with pytest.raises(TrainingError, match=f"the run in this folder has another {name}; only optimization.epochs"):
        train(path, unfinished, resume=True)
    assert (unfinished / "last.ckpt").read_bytes() == before


def test_a_recipe_of_the_same_values_goes_on_with_more_epochs(unfinished, tmp_path):
    text = "# a remark\n" + TINY.replace("epochs = 3", "epochs = 4\npatience = 5")
    train(write_recipe(tmp_path, text), unfinished, resume=True)
    assert sorted(logged(unfinished)) == [0, 1, 2, 3]
    assert (unfinished / "model" / "recipe.toml").read_text() == text


def test_a_strangers_recipe_in_the_folder_is_kept(tmp_path):
    recipe = write_recipe(tmp_path / "mine")
    other = tmp_path / "recipe.toml"
    other.write_text(TINY.replace("seed = 3", "seed = 5"))
    with pytest.raises(TrainingError, match="has another seed"):
        train(recipe, tmp_path)
    assert "seed = 5" in other.read_text()


@pytest.mark.parametrize("size", [0, 10, 5000, -100])
@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_damaged_checkpoints_are_refused(finished, unfinished, name, size):
    path = unfinished / name
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(TrainingError, match=f"{name}: damaged, or not a checkpoint of this recipe's network"):
        train(finished[0], unfinished, resume=True)
    assert not (unfinished / "model").exists()


class _Code:
    """What runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_code_in_a_checkpoint_is_not_run(finished, unfinished, tmp_path, name):
    content = torch.load(unfinished / name, weights_only=True)
    torch.save(content | {"extra": _Code(tmp_path / "proof")}, unfinished / name)
    with pytest.raises(TrainingError, match="damaged, or not a checkpoint"):
        train(finished[0], unfinished, resume=True)
    assert not (tmp_path / "proof").exists()
    torch.load(unfinished / name, weights_only=False)
    assert (tmp_path / "proof").exists()


@contextmanager
def full_disk(n_bytes):
    """No file can grow beyond so many bytes."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_ends_a_run_with_one_line(tmp_path):
    recipe = write_recipe(tmp_path)
    with full_disk(20_000), pytest.raises(TrainingError, match=r"a checkpoint or the log in .* cannot be") as caught:
        train(recipe, tmp_path / "run")
    assert "\n" not in str(caught.value)
    train(recipe, tmp_path / "run")


def test_a_disk_that_is_full_in_the_end_costs_no_training(finished, tmp_path):
    recipe, whole, _ = finished

    class AtTheEnd(Callback):
        def on_fit_end(self, *_):
            self.limit = full_disk(20_000)
            self.limit.__enter__()

    disk = AtTheEnd()
    try:
        with pytest.raises(ModelError, match="cannot write the model"):
            train(recipe, tmp_path / "run", callbacks=[disk])
    finally:
        disk.limit.__exit__(None, None, None)
    assert list((tmp_path / "run" / "model").iterdir()) == []
    train(recipe, tmp_path / "run", resume=True)
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "run"))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried ..."),
    ],
    ids=["Python", "CUDA", "CPU"],
)
def test_memory_that_is_not_enough_is_told_and_the_folder_is_free_for_a_smaller_recipe(tmp_path, monkeypatch, error):
    monkeypatch.setattr(trcaugment.training.run, "new_network", raising(error))
    message = r"memory is not enough; make network\.hidden or optimization\.batch_windows smaller"
    with pytest.raises(TrainingError, match=message):
        train(write_recipe(tmp_path), tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_other_errors_of_torch_stay_what_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(trcaugment.training.run, "new_network", raising(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        train(write_recipe(tmp_path), tmp_path / "run")


class _Break(Callback):
    """Weights that are no numbers, from some epoch on."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, module):
        if trainer.current_epoch >= self.epoch:
            next(module.network.parameters()).data.fill_(float("nan"))


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_run_that_diverges_leaves_no_model(finished, tmp_path, epoch):
    with pytest.raises(TrainingError, match=f"training diverged in epoch {epoch + 1}: the validation error is nan"):
        train(finished[0], tmp_path / "run", callbacks=[_Break(epoch)])
    assert not (tmp_path / "run" / "model").exists()
    assert (tmp_path / "run" / "last.ckpt").exists() == (epoch > 0)
    if epoch:  # what is kept is from before
        train(finished[0], tmp_path / "run", resume=True)
        assert_same_weights(weights_of(finished[1]), weights_of(tmp_path / "run"))


class _Worsen(Callback):
    """Spoils the network, so that the epochs before it are better."""

    def on_train_epoch_start(self, trainer, module):
        for parameter in module.network.parameters():
            parameter.data.fill_(1.0)


class _WorsenSecond(_Worsen):
    def on_train_epoch_start(self, trainer, module):
        if trainer.current_epoch == 1:
            super().on_train_epoch_start(trainer, module)


def test_a_run_whose_folder_was_moved_goes_on_there_and_remembers_its_best_epoch(finished, unfinished, tmp_path):
    recipe, whole, _ = finished
    shutil.copytree(unfinished, tmp_path / "spoiled")
    shutil.move(unfinished, tmp_path / "moved")
    train(recipe, tmp_path / "moved", resume=True)
    assert_same_weights(weights_of(whole), weights_of(tmp_path / "moved"))
    assert not unfinished.exists()
    before = logged(tmp_path / "spoiled")
    card = train(recipe, tmp_path / "spoiled", resume=True, callbacks=[_Worsen()])
    after = logged(tmp_path / "spoiled")
    assert min(after[1], after[2]) > before[0]
    assert card.validation_mse == pytest.approx(before[0], rel=1e-5)


def test_an_epoch_that_is_not_the_best_is_kept_as_the_last(finished, tmp_path):
    """Otherwise a resumed run would repeat all epochs since the best one."""
    with pytest.raises(PowerCut):
        train(finished[0], tmp_path / "run", callbacks=[_WorsenSecond(), Stop(raising(PowerCut()), epoch=2)])
    errors = logged(tmp_path / "run")
    assert errors[1] > errors[0]
    epochs = [torch.load(tmp_path / "run" / name, weights_only=True)["epoch"] for name in ("best.ckpt", "last.ckpt")]
    assert epochs == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed = 3", "sede = 3"), "unknown key sede .*did you mean seed"),
        (("hidden = 8", "hiden = 8"), r"unknown key hiden in \[network\]; did you mean hidden"),
        (("epochs = 3", 'epochs = "three"'), r"Expected `int`, got `str`.*optimization\.epochs"),
        (("procedural = 6", "procedural = 2.5"), r"motions\.procedural"),
        (('name = "tiny"', ""), "missing required field `name`"),
        (("[motions]", "[motions"), "not a recipe"),
        (
            ("[network]", "[keypoint_errors]\nnoise = 1\n[network]"),
            r"unknown key noise in \[keypoint_errors\]",
        ),
        (("[network]", "[population]\nheight_m = [1.5]\n[network]"), r"population\.height_m"),
        (("[network]", "[population]\nheight_m = [2.0, 1.4]\n[network]"), r"population\.height_m.*found 2 before 1\.4"),
        (("[network]", "[population]\nheight_m = [140.0, 200.0]\n[network]"), r"population\.height_m"),
        (("[network]", "[population]\nbody_mass_index = [30, 20]\n[network]"), r"population\.body_mass_index"),
        (("[network]", "[population]\nplacement_m = -0.1\n[network]"), r"population\.placement_m"),
        (("[network]", "[keypoint_errors]\noffset = -1\n[network]"), r"keypoint_errors\.offset"),
        (("[network]", "[keypoint_errors]\nnoise_m = -1\n[network]"), r"keypoint_errors\.noise_m"),
        (("[network]", "[keypoint_errors]\ndrift_m = nan\n[network]"), r"keypoint_errors\.drift_m"),
        (("[network]", "[keypoint_errors]\naccident_rate = 1.5\n[network]"), r"keypoint_errors\.accident_rate"),
        (("[network]", "[keypoint_errors]\nmisjudged_rate = -0.1\n[network]"), r"keypoint_errors\.misjudged_rate"),
        (("learning_rate = 5e-3", "weight_decay = -1"), r"optimization\.weight_decay"),
        (("seed = 3", "generated = inf"), r"\$\.generated"),
        (("seed = 3", 'datasets = [{path = "x", weight = inf}]'), r"\$\.datasets\[0\]\.weight"),
        (("[network]", "[loss]\nrigid_weight = inf\n[network]"), r"loss\.rigid_weight"),
        (("[network]", "[split]\nvalidation = 0.5\ntest = 0.5\n[network]"), r"below 1 together"),
        (("seed = 3", f"licences = {2000 * '['}"), "not a recipe"),
        (('name = "tiny"', 'name = ""'), r"\$\.name"),
        (('name = "tiny"', 'name = "../x"'), r"\$\.name"),
        (('name = "tiny"', 'name = "tiny\\n"'), r"\$\.name"),
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
    with pytest.raises(TrainingError, match=r"nowhere\.toml: there is no such recipe"):
        train(tmp_path / "nowhere.toml", tmp_path / "run")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"binary\.toml: not a recipe"):
        train(tmp_path / "binary.toml", tmp_path / "run")
    os.mkfifo(tmp_path / "pipe.toml")  # to read it would take for ever
    with pytest.raises(TrainingError, match=r"pipe\.toml: cannot be read \(it is a pipe or a device"):
        train(tmp_path / "pipe.toml", tmp_path / "run")


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
        (("procedural = 6", "procedural = 10000000"), r"motions\.procedural"),
        (("hidden = 8", "hidden = 100000"), r"network\.hidden"),
        (("n_layers = 1", "n_layers = 1000"), r"network\.n_layers"),
        (("epochs = 3", "epochs = 10000000000000000000000"), r"optimization\.epochs"),
        (("batches_per_epoch = 4", "batches_per_epoch = 10000000"), r"optimization\.batches_per_epoch"),
        (("batch_windows = 8", "batch_windows = 100000"), r"optimization\.batch_windows"),
        (("validation_windows = 32", "validation_windows = 10000000"), r"optimization\.validation_windows"),
        (("seed = 3", 'datasets = [{path = ""}]'), r"\$\.datasets\[0\]\.path"),
        (("seed = 3", f'datasets = [{{path = "{5000 * "x"}"}}]'), "data set cannot be read: File name too long"),
        (("procedural = 6", f'folders = ["{5000 * "x"}"]'), "motion folder .* (cannot be read|found none)"),
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


# --- on the command line


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_ctrl_c_and_the_end_of_a_batch_job_say_how_to_go_on(tmp_path, sent):
    recipe, folder = write_recipe(tmp_path, LONG), tmp_path / "a run"
    program = [sys.executable, "-c", "from trcaugment.cli import main; main()", "train", recipe, "-o", folder]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 600  # of a machine that does much else
        while not (folder / "last.ckpt").exists() and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        run.send_signal(sent)
        output, errors = run.communicate(timeout=600)
    assert run.returncode == 1
    assert errors == f"Interrupted; go on with: trcaugment train {recipe} -o '{folder}' --resume\n"
    lines = output.splitlines()
    assert lines[0].startswith("Epoch 1 of 5000: mean marker error ")
    assert all(line.startswith("Epoch ") and line.endswith(" mm") and len(line) < 80 for line in lines)
    assert not (folder / "model").exists()


class _Finalized:
    """An object in whose end Ctrl-C is pressed: Python drops what is raised there, and tells `sys.unraisablehook`."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_not_lost_where_python_drops_exceptions(tmp_path, monkeypatch):
    dropped = []
    monkeypatch.setattr(sys, "unraisablehook", dropped.append)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(write_recipe(tmp_path, LONG), tmp_path / "run", callbacks=[Stop(_Finalized)])
    assert [each.exc_type for each in dropped] == [KeyboardInterrupt]
    assert signal.getsignal(signal.SIGINT) is handler
    assert (tmp_path / "run" / "last.ckpt").exists()


def test_ctrl_c_before_the_first_epoch_is_over_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(trcaugment.training.sources, "make_library", raising(KeyboardInterrupt()))
    result = CliRunner().invoke(main, ["train", str(write_recipe(tmp_path)), "-o", str(tmp_path / "run")])
    assert result.exit_code == 1
    assert result.output == "Interrupted; no epoch was finished yet, so nothing is kept.\n"


def test_a_run_on_the_command_line_shows_epochs_and_the_result(tmp_path):
    recipe = write_recipe(tmp_path)
    result = CliRunner().invoke(main, ["train", str(recipe), "-o", str(tmp_path / "run")])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [f"Epoch {k} of 3" for k in (1, 2, 3)]
    error_mm = 1e3 * json.loads((tmp_path / "run" / "model" / "card.json").read_text())["validation_mse"] ** 0.5
    assert lines[3:] == [f"{tmp_path / 'run' / 'model'}: RMSE {error_mm:.2f} mm per m of height on validation windows"]
