"""Experiments: the loss's terms, the report's recipes, and runs that can be interrupted, repeated and compared."""

import json
import math
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner
from lightning.pytorch import Callback
from torch.distributions import Laplace

import trcaugment.training.experiments as experiments
from trcaugment.cli import main
from trcaugment.errors import DivergedError, RecipeError, TrainingError
from trcaugment.evaluation.metrics import axis_error, distance_error, mpme
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.model.card import NetworkSizes
from trcaugment.model.network import MarkerNetwork, Prediction
from trcaugment.training.experiments import (
    FUTURE,
    REPORT_MM,
    Result,
    Size,
    claim,
    make_sets,
    measure,
    read_result,
    run_experiment,
    shipped_recipes,
)
from trcaugment.training.loss import as_points, attention_distance, spread_loss, training_loss
from trcaugment.training.module import MarkerRegression
from trcaugment.training.recipe import Loss, Motions, Optimization, Recipe, read_recipe
from trcaugment.training.search import as_toml, search

OURS = ANATOMICAL_MARKERS

TINY = Size(n_subjects=20, n_windows=80, epochs=2)
RECIPES = Path(__file__).parents[1] / "examples" / "recipes"


# --- the loss


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batch():
    """Features, targets, predicted markers and attention weights."""
    weights = torch.softmax(drawn(2, 30, 15, seed=3), dim=-1)
    return drawn(2, 30, 47), drawn(2, 30, 105, seed=1), Prediction(drawn(2, 30, 105, seed=2), weights, None)


def test_the_usual_loss_is_the_mean_distance_and_twice_the_error_of_rigid_distances():
    features, targets, predicted = batch()
    points, true = as_points(predicted[0]), as_points(targets)
    expected = mpme(points, true) + 2 * distance_error(points, true, OURS.rigid_pairs)
    torch.testing.assert_close(training_loss(Loss(), OURS, features, targets, predicted), expected)


def test_the_reports_loss_is_the_mean_squared_error():
    features, targets, predicted = batch()
    loss = training_loss(Loss("mse", 0.0), OURS, features, targets, predicted)
    torch.testing.assert_close(loss, (predicted[0] - targets).square().mean())


def test_the_axis_term_adds_the_error_of_the_directions_of_segment_axes():
    features, targets, predicted = batch()
    without = training_loss(Loss(), OURS, features, targets, predicted)
    added = training_loss(Loss(axis_weight=0.5), OURS, features, targets, predicted) - without
    expected = axis_error(as_points(predicted.markers), as_points(targets), OURS.axes)
    torch.testing.assert_close(added, 0.5 * expected)


def test_the_spread_term_is_the_likelihood_of_a_laplace_distribution():
    _, targets, predicted = batch()
    log_spread = drawn(2, 30, 105, seed=4)
    likelihood = Laplace(predicted.markers, log_spread.exp()).log_prob(targets)
    torch.testing.assert_close(spread_loss(log_spread, predicted.markers, targets), -likelihood.mean())


def test_attention_distance_is_the_mean_over_frames_keypoints_and_markers_by_weight_and_error():
    weights, keypoints, markers = torch.softmax(drawn(2, 3, 4), dim=-1), drawn(2, 3, 4, 3), drawn(2, 3, 5, 3, seed=1)
    error = drawn(2, 3, 5, seed=2).abs()
    total = 0.0
    for window in range(2):
        for frame in range(3):
            all_errors = float(error[window, frame].sum())
            for k in range(4):
                for m in range(5):
                    away = math.dist(keypoints[window, frame, k].tolist(), markers[window, frame, m].tolist())
                    total += float(weights[window, frame, k]) * float(error[window, frame, m]) / all_errors * away
    assert float(attention_distance(weights, keypoints, markers, error)) == pytest.approx(total / 6, rel=1e-5)


def test_attention_distance_falls_as_attention_moves_to_the_marker_that_is_wrong():
    keypoints = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]).expand(1, 1, 2, 3)
    markers = torch.tensor([[0.1, 0, 0], [1.1, 0, 0]]).expand(1, 1, 2, 3)
    error = torch.tensor([[[0.0, 0.02]]])  # the second marker is wrong
    near, far = (
        attention_distance(torch.tensor([[weights]]), keypoints, markers, error) for weights in ([0.0, 1.0], [1.0, 0.0])
    )
    assert (float(near), float(far)) == pytest.approx((0.1, 1.1))
    nothing_wrong = attention_distance(torch.tensor([[[0.5, 0.5]]]), keypoints, markers, torch.zeros(1, 1, 2))
    assert float(nothing_wrong) == 0.0


def test_the_attention_term_adds_to_the_loss_and_moves_attention_alone():
    features, targets, (predicted, weights, _) = batch()
    predicted, weights = predicted.requires_grad_(), weights.requires_grad_()
    without = training_loss(Loss(rigid_weight=0.0), OURS, features, targets, Prediction(predicted, weights, None))
    chosen = Loss(rigid_weight=0.0, attention_distance_weight=0.5)
    added = training_loss(chosen, OURS, features, targets, Prediction(predicted, weights, None)) - without
    assert float(added.detach()) > 0.1
    to_predicted, to_weights = torch.autograd.grad(added, [predicted, weights])
    assert float(to_predicted.abs().max()) < 1e-7
    assert float(to_weights.abs().max()) > 1e-4


# --- the optimizer


def regression(**optimization):
    torch.manual_seed(0)
    network = MarkerNetwork(NetworkSizes(hidden=4, n_layers=1), 15, 35)
    return MarkerRegression(network, Recipe("tiny", optimization=Optimization(**optimization)))


def test_a_constant_rate_without_decay_is_adam():
    ours = regression(schedule="constant", weight_decay=0.0, learning_rate=0.01)
    theirs = regression()
    features, targets, _ = batch()
    adam = torch.optim.Adam(theirs.parameters(), 0.01)
    for module, optimizer in ((ours, ours.configure_optimizers()), (theirs, adam)):
        for _ in range(3):
            optimizer.zero_grad()
            (module.network(features) - targets).square().mean().backward()
            optimizer.step()
    for first, second in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(first, second)


# --- the recipes


def test_table_1_has_the_reports_eleven_rows():
    recipes = shipped_recipes(list(REPORT_MM))
    assert len({recipe.description for recipe in recipes}) == len(recipes) == 11
    common = []
    for recipe in recipes:
        rate = f"{recipe.optimization.learning_rate:.0e}".replace("e-0", "e-")
        settings = f", lr {rate}, nLayers {recipe.network.n_layers - 1}"
        sizes = recipe.network
        kind = {
            (False, False, "none"): "LSTM",
            (True, False, "none"): "Bi-LSTM",
            (True, True, "none"): "Bi-LSTM + attention",
            (True, True, "frames"): "Bi-LSTM + 2 attention layers",
        }[sizes.bidirectional, sizes.spatial_attention, sizes.temporal_attention]
        assert recipe.description == kind + settings
        assert (sizes.hidden, sizes.linear_path, recipe.loss) == (96, False, Loss("mse", 0.0))
        chosen = recipe.optimization
        assert (chosen.batch_windows, chosen.epochs, chosen.schedule, chosen.weight_decay) == (64, 50, "constant", 0)
        same = msgspec.structs.replace(chosen, learning_rate=1.0)
        common.append((recipe.motions, recipe.population, recipe.keypoint_errors, same))
    assert all(each == common[0] for each in common)
    assert not any(msgspec.to_builtins(recipes[0].keypoint_errors).values())


def test_future_work_differs_from_its_base_in_one_thing_each():
    base, *others = (msgspec.to_builtins(recipe) for recipe in shipped_recipes(FUTURE))
    for other in others:
        labels = ("name", "description")
        changed = [
            (part, key)
            for part in other
            if part not in labels and other[part] != base[part]
            for key in other[part]
            if other[part][key] != base[part][key]
        ]
        assert len(changed) == 1, other["name"]


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_of_an_experiment_and_named_like_its_file(path):
    assert read_recipe(path).name == path.stem
    assert path.stem in (*REPORT_MM, *FUTURE)


def test_a_penalty_on_attention_needs_attention(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\n[network]\nspatial_attention = false\n[loss]\nattention_distance_weight = 1.0\n')
    with pytest.raises(RecipeError, match=r"attention_distance_weight needs network\.spatial_attention"):
        read_recipe(path)


# --- runs


def tiny(name, **sizes):
    return Recipe(
        name=name,
        description=f"the {name} network",
        motions=Motions(procedural=6),
        network=NetworkSizes(hidden=4, n_layers=1, **sizes),
        optimization=Optimization(batch_windows=16, learning_rate=2e-3),
    )


TWO = [tiny("first"), tiny("second", bidirectional=False)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An experiment of two recipes and two seeds: folder and results."""
    folder = tmp_path_factory.mktemp("experiment")
    return folder, list(run_experiment(TWO, folder, [1, 2], TINY))


def without_time(results):
    return [msgspec.structs.replace(result, seconds=0.0) for result in results]


def test_all_recipes_come_with_the_first_seed_then_with_the_next(finished):
    folder, results = finished
    assert [(r.name, r.seed) for r in results] == [("first", 1), ("second", 1), ("first", 2), ("second", 2)]
    assert len({r.mpme_mm for r in results}) == 4
    for r in results:
        assert (r.n_epochs, read_result(folder / r.name / f"seed-{r.seed}" / "result.json")) == (2, r)
        assert 0 < r.rmse_mm < r.mpme_mm < 500
    assert not list(folder.rglob("*.ckpt"))


def test_finished_runs_are_not_done_again(finished, monkeypatch):
    folder, results = finished
    monkeypatch.setattr(experiments, "make_sets", None)
    assert list(run_experiment(TWO, folder, [1, 2], TINY)) == results


def test_the_same_experiment_gives_the_same_results(finished, tmp_path):
    assert without_time(run_experiment(TWO, tmp_path, [1], TINY)) == without_time(finished[1][:2])


class _PowerCut(Callback):
    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == 1:
            raise RuntimeError("power cut")


def test_an_interrupted_run_goes_on_after_its_last_epoch(finished, tmp_path):
    with pytest.raises(RuntimeError):
        list(run_experiment(TWO, tmp_path, [1], TINY, lambda recipe, seed: [_PowerCut()]))
    assert (tmp_path / "first" / "seed-1" / "last.ckpt").exists()
    epochs = []

    class Watch(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            epochs.append(trainer.current_epoch)

    results = list(run_experiment(TWO, tmp_path, [1], TINY, lambda recipe, seed: [Watch()]))
    assert epochs == [1, 0, 1]
    assert without_time(results) == without_time(finished[1][:2])


def test_a_run_that_was_cut_off_after_its_last_epoch_is_only_measured(finished, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(experiments, "measure", None)
        with pytest.raises(TypeError):
            next(run_experiment(TWO, tmp_path, [1], TINY))
    result = next(run_experiment(TWO, tmp_path, [1], TINY))
    assert without_time([result]) == without_time(finished[1][:1])


def test_results_of_another_experiment_do_not_get_among_these(finished):
    for recipes, size in ((TWO, Size(20, 80, 3)), (TWO[:1], TINY)):
        with pytest.raises(RecipeError, match="another size or other recipes"):
            next(run_experiment(recipes, finished[0], [1], size))


def test_a_damaged_result_is_named(tmp_path):
    path = tmp_path / "first" / "seed-1" / "result.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "first"')
    with pytest.raises(TrainingError, match=r"result\.json: expected the result of a run"):
        next(run_experiment(TWO, tmp_path, [1], TINY))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match=r"the experiment's folder .*file.* cannot be written"):
        next(run_experiment(TWO, tmp_path / "file", [1], TINY))


def test_nobody_is_in_two_of_the_three_sets():
    sets = make_sets(TWO[0], Size(n_subjects=30, n_windows=90))
    people = [set(windows.height_m.tolist()) for windows in sets]
    assert [len(each) for each in people] == [24, 3, 3]
    assert len(set().union(*people)) == 30
    assert [tuple(windows.features.shape) for windows in sets] == [(72, 30, 47), (9, 30, 47), (9, 30, 47)]


def test_errors_are_measured_in_mm_of_the_person():
    """Planted: a network that is 1 % of height off in x."""
    [test] = make_sets(TWO[0], Size(n_subjects=10, n_windows=10))[2:]
    moved = as_points(test.targets) + torch.tensor([0.01, 0, 0])

    class Off(torch.nn.Module):
        def forward(self, features):
            return moved.flatten(start_dim=2)

    rmse_mm, mpme_mm, distance_mm = measure(Off(), test, ANATOMICAL_MARKERS)
    height_mm = 1000 * float(test.height_m[0])
    assert mpme_mm == pytest.approx(0.01 * height_mm, rel=1e-4)
    assert rmse_mm == pytest.approx(0.01 * height_mm / math.sqrt(3), rel=1e-4)
    assert distance_mm == pytest.approx(0, abs=1e-2)


# --- the command


@pytest.fixture
def small_table(monkeypatch):
    """Table 1 of two rows, in seconds."""
    report = {name: REPORT_MM[name] for name in ("lstm", "attention-layers-0")}
    monkeypatch.setattr(experiments, "REPORT_MM", report)
    monkeypatch.setattr(experiments, "QUICK", TINY)

    def shipped(names):
        return [
            msgspec.structs.replace(recipe, motions=Motions(procedural=6), network=NetworkSizes(hidden=4, n_layers=1))
            for recipe in shipped_recipes(names)
        ]

    monkeypatch.setattr(experiments, "shipped_recipes", shipped)


def test_table_1_prints_our_figures_beside_the_reports_and_draws_the_curves(small_table, tmp_path):
    arguments = ["experiment", "table1", "--quick", "-o", str(tmp_path / "t")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    [row] = [line.split() for line in done.output.splitlines() if line.strip().startswith("Bi-LSTM + attention")]
    result = msgspec.json.decode((tmp_path / "t/attention-layers-0/seed-1/result.json").read_bytes(), type=Result)
    assert row[7:] == [
        f"{result.rmse_mm:.2f}",
        "6.6",
        f"{result.mpme_mm:.2f}",
        "10.1",
        f"{result.distance_mm:.2f}",
        "2",
    ]
    assert (tmp_path / "t" / "curves.png").read_bytes().startswith(b"\x89PNG")
    more = CliRunner().invoke(main, [*arguments, "--epochs", "3"])
    assert more.exit_code == 2
    assert "another size" in more.output


def test_what_cannot_be_written_is_said_and_no_traceback(small_table, tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["experiment", "table1", "--quick", "-o", str(tmp_path / "file")])
    assert done.exit_code == 2
    assert "cannot be written" in done.output
    settings = json.loads(msgspec.json.encode(TINY))
    assert settings == {"n_subjects": 20, "n_windows": 80, "epochs": 2}


# --- the search


SEARCHED = msgspec.structs.replace(tiny("best"), optimization=Optimization(batch_windows=16))


def test_a_search_goes_on_where_it_was_and_keeps_the_best(tmp_path):
    pytest.importorskip("optuna")
    attempts = []
    search(SEARCHED, tmp_path, 2, TINY, attempts.append)
    first = list(attempts)
    assert [attempt.number for attempt in first] == [0, 1]
    attempts.clear()
    best = search(SEARCHED, tmp_path, 3, TINY, attempts.append)
    assert attempts[:2] == first
    assert [attempt.number for attempt in attempts] == [0, 1, 2]
    winner = min(attempts, key=lambda attempt: attempt.mpme_mm)
    assert best.optimization.learning_rate == winner.chosen["optimization.learning_rate"]
    assert (best.network.hidden, best.network.n_layers) == (
        winner.chosen["network.hidden"],
        winner.chosen["network.n_layers"],
    )
    assert read_recipe(tmp_path / "best.toml") == best
    with pytest.raises(RecipeError, match="another size or other recipes"):
        search(SEARCHED, tmp_path, 3, Size(20, 80, 3))


def test_an_interrupted_attempt_does_not_count(tmp_path, monkeypatch):
    pytest.importorskip("optuna")

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trcaugment.training.search.run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            search(SEARCHED, tmp_path, 1, TINY)
    attempts = []
    search(SEARCHED, tmp_path, 1, TINY, attempts.append)
    assert [attempt.number for attempt in attempts] == [1]


def test_an_attempt_that_diverges_is_one_of_the_search_but_not_its_end(tmp_path, monkeypatch):
    pytest.importorskip("optuna")

    def diverged_first(recipe, folder, *_):
        if folder.name == "attempt-0":
            raise DivergedError("training diverged in epoch 1")
        return Result("best", 1, 1.0, 2.0, 3.0, 1, 0.1)

    monkeypatch.setattr("trcaugment.training.search.run", diverged_first)
    with pytest.raises(TrainingError, match="all attempts diverged"):
        search(SEARCHED, tmp_path, 1, TINY)
    attempts = []
    search(SEARCHED, tmp_path, 3, TINY, attempts.append)
    assert [(attempt.number, attempt.mpme_mm) for attempt in attempts] == [(0, None), (1, 2.0), (2, 2.0)]


@pytest.mark.parametrize("content", ["no journal\n", '{"op_code": 4}\n', '[1]\n{"op_code": 99, "worker_id": "x"}\n'])
def test_a_damaged_journal_is_told(tmp_path, content):
    pytest.importorskip("optuna")
    claim(tmp_path, [SEARCHED], TINY)
    (tmp_path / "journal.log").write_text(content)
    with pytest.raises(TrainingError, match=r"journal\.log: cannot be read, or damaged; move it away"):
        search(SEARCHED, tmp_path, 1, TINY)


def test_without_optuna_the_search_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = CliRunner().invoke(main, ["experiment", "search", "-o", str(tmp_path)])
    assert done.exit_code == 1
    assert "pip install trcaugment[search]" in done.output


def test_the_search_prints_the_best_as_a_recipe(tmp_path, monkeypatch):
    pytest.importorskip("optuna")
    monkeypatch.setattr("trcaugment.training.search.SMALL", Size(epochs=1))
    # Few motions are made faster.
    monkeypatch.setattr("trcaugment.training.search.make_sets", lambda recipe, size: make_sets(SEARCHED, size))
    arguments = ["-o", str(tmp_path), "--attempts", "1", "--windows", "100"]
    done = CliRunner().invoke(main, ["experiment", "search", *arguments])
    assert done.exit_code == 0, done.output
    assert "1: MPME " in done.output
    assert (tmp_path / "best.toml").read_text(encoding="utf-8") in done.output


def test_a_recipe_comes_back_from_its_toml(tmp_path):
    for recipe in [SEARCHED, *shipped_recipes([*REPORT_MM, *FUTURE]), Recipe(name="x", licences=('a "b"\n', "ü"))]:
        path = tmp_path / "r.toml"
        path.write_text(as_toml(recipe), encoding="utf-8")
        assert read_recipe(path) == recipe
    assert as_toml(Recipe(name="x")) == 'name = "x"\n'
