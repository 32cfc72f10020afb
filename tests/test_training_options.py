"""Averaged weights, precision and several processes: what they change, and what they must not."""

import json
import os
import time
import tomllib
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch import Callback
from training_runs import TINY, PowerCut, Stop, assert_same_weights, logged, raising, weights_of, write_recipe

from trcaugment.cli import main
from trcaugment.errors import TrainingError
from trcaugment.model.torch_engine import load_network
from trcaugment.training import recipe
from trcaugment.training.data import DrawnData
from trcaugment.training.prefetch import Prefetched
from trcaugment.training.recipe import example_recipe, read_recipe
from trcaugment.training.run import train
from trcaugment.training.sources import make_sources

pytestmark = pytest.mark.usefixtures("short_fit")


def with_optimization(*lines):
    return TINY + "\n".join(lines) + "\n"


# --- averaged weights


class _Steps(Callback):
    """Keeps the weights after every step of training."""

    def __init__(self):
        self.weights = []

    def on_train_batch_end(self, trainer, module, *args):
        self.weights.append({name: value.clone() for name, value in module.network.state_dict().items()})


def test_the_best_epoch_of_averaged_weights_is_kept_also_over_a_resume(tmp_path):
    recipe = write_recipe(tmp_path, with_optimization("average = 0.8"))
    steps = _Steps()
    train(recipe, tmp_path / "whole", callbacks=[steps])
    averages = [steps.weights[0]]
    for now in steps.weights[1:]:
        averages.append({name: 0.8 * value + 0.2 * now[name] for name, value in averages[-1].items()})
    errors = logged(tmp_path / "whole")
    best = min(errors, key=errors.get)
    kept = weights_of(tmp_path / "whole")
    for name, value in averages[4 * best + 3].items():
        torch.testing.assert_close(kept[name], value, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(kept["output.weight"], steps.weights[4 * best + 3]["output.weight"], rtol=1e-3)
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", callbacks=[Stop(raising(PowerCut()))])
    train(recipe, tmp_path / "run", resume=True)
    assert_same_weights(kept, weights_of(tmp_path / "run"))
    assert logged(tmp_path / "run") == errors


# --- precision


def test_training_in_bf16_ends_near_that_in_32_bits_and_is_validated_in_32(tmp_path):
    recipe = write_recipe(tmp_path, with_optimization('precision = "bf16"', "average = 0.8"))
    exact = write_recipe(tmp_path / "exact", with_optimization("average = 0.8"))
    card, exact_card = train(recipe, tmp_path / "run"), train(exact, tmp_path / "exact" / "run")
    assert card.validation_mse != exact_card.validation_mse
    assert card.validation_mse == pytest.approx(exact_card.validation_mse, rel=0.05)
    sources = make_sources(read_recipe(recipe), tmp_path)
    data = DrawnData(sources.training, read_recipe(recipe), sources.validation)
    network = load_network(tmp_path / "run" / "model")
    errors = [(network(features).detach() - targets).square().mean() for features, targets, _ in data.val_dataloader()]
    assert card.validation_mse == pytest.approx(float(torch.stack(errors).mean()), rel=1e-5)


# --- batches made ahead


class _Squares:
    def __init__(self, n, slow=0.0):
        self.n, self.slow = n, slow
        self.made = []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.made.append(index)
        if index == 40:
            raise TrainingError("batch 40 cannot be made")
        time.sleep(self.slow if index % 2 else 0.0)
        return index**2


def test_batches_made_ahead_come_in_order_and_no_more_than_are_asked_for():
    assert list(Prefetched(_Squares(0))) == []
    assert list(Prefetched(_Squares(30, slow=0.003))) == [k**2 for k in range(30)]
    squares = _Squares(10**6)
    ahead = iter(Prefetched(squares))
    assert next(ahead) == 0
    ahead.close()
    assert len(squares.made) <= 9
    with pytest.raises(TrainingError, match="batch 40"):
        list(Prefetched(_Squares(50)))


# --- several processes


def test_two_processes_train_as_one(finished, tmp_path):
    recipe, whole, card = finished
    environment, n_threads = dict(os.environ), torch.get_num_threads()
    two = train(recipe, tmp_path / "run", devices=2)
    assert (dict(os.environ), torch.get_num_threads()) == (environment, n_threads)
    assert not torch.distributed.is_initialized()
    for column in ("train_loss", "val_mse", "val_mpme_mm", "val_rmse_mm", "val_distance_mm"):
        assert logged(tmp_path / "run", column) == pytest.approx(logged(whole, column), rel=1e-4)
    assert two.validation_mse == pytest.approx(card.validation_mse, rel=1e-4)
    for name, value in weights_of(whole).items():
        torch.testing.assert_close(weights_of(tmp_path / "run")[name], value, rtol=1e-3, atol=1e-4, msg=name)
    assert [path.name for path in (tmp_path / "run" / "log").iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize("devices", [0, 3, 16])
def test_batches_must_be_shared_out_evenly(tmp_path, devices):
    with pytest.raises(TrainingError, match=f"{devices} devices cannot share batches of 8 windows evenly"):
        train(write_recipe(tmp_path), tmp_path / "run", devices=devices)
    assert not (tmp_path / "run").exists()


# --- the example


def test_the_command_line_writes_an_example_once(tmp_path):
    path = tmp_path / "my recipe.toml"
    result = CliRunner().invoke(main, ["train", "--example", str(path)])
    assert (result.exit_code, result.output) == (
        0,
        f"{path} is written; change what you like, then: trcaugment train '{path}'\n",
    )
    assert path.read_bytes() == example_recipe()
    path.write_text("mine")
    again = CliRunner().invoke(main, ["train", "--example", str(path)])
    assert again.exit_code == 2
    assert f"{path} exists" in again.output
    assert path.read_text() == "mine"
    nowhere = CliRunner().invoke(main, ["train", "--example", str(tmp_path / "no" / "x.toml")])
    assert nowhere.exit_code == 2
    assert "cannot be written" in nowhere.output


def test_a_wheel_carries_the_example():
    root = Path(__file__).parents[1]
    build = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    installed = Path(recipe.__file__).with_name("example.toml").relative_to(root)
    assert build["targets"]["wheel"]["force-include"]["examples/recipe.toml"] == installed.as_posix()


def test_the_example_names_every_key_of_the_defaults(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(example_recipe())
    told = tomllib.loads(example_recipe().decode())
    every = json.loads(msgspec.json.encode(read_recipe(path)))
    missing = {
        f"{table}.{key}"
        for table, values in every.items()
        if isinstance(values, dict)
        for key in values
        if key not in told.get(table, {})
    }
    assert not missing
    assert "marker_set" in told
