"""Experiments: train recipes on one fixed set of windows with several seeds, and measure them on other people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import torch
from lightning.pytorch import Callback

from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.datasets.window_set import generate_set
from trcaugment.errors import RecipeError, TrainingError
from trcaugment.evaluation.metrics import coordinate_rmse, distance_error, mpme
from trcaugment.formats.files import as_json, replace_file, why_not_written
from trcaugment.marker_sets import MarkerSet
from trcaugment.model.network import MarkerNetwork
from trcaugment.training.data import Batch, make_batch
from trcaugment.training.fixed_data import FixedBatches, FixedData
from trcaugment.training.loss import as_points
from trcaugment.training.recipe import Recipe, read_recipe
from trcaugment.training.run import Job, fit, new_network
from trcaugment.training.run_folder import BEST, LAST, load_weights

# The report's Table 1: RMSE and MPME in mm, by name of the recipe.
REPORT_MM = {
    "lstm": (8.7, 13.1),
    "bilstm": (7.8, 12.0),
    "attention-lr-1e-5": (7.5, 11.2),
    "attention-lr-3e-5": (7.2, 10.6),
    "attention-lr-5e-5": (6.9, 10.4),
    "attention-lr-7e-5": (6.8, 10.2),
    "attention-lr-1e-4": (6.4, 9.7),
    "two-attentions": (8.0, 12.1),
    "attention-layers-3": (7.0, 10.5),
    "attention-layers-1": (7.0, 10.7),
    "attention-layers-0": (6.6, 10.1),
}
# The shipped network, and variants that each add one of the report's proposals for future work.
FUTURE = ("future-base", "future-self-attention", "future-no-rigid", "future-attention-distance")
RESULT_FILE, SETTINGS_FILE = "result.json", "experiment.json"
_DATA_SEED = 20_261_123
_BATCH_WINDOWS = 256


class Size(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size of an experiment.

    Attributes:
        n_subjects: number of generated people: 80 % for training, 10 % for validation, 10 % for the test.
        n_windows: number of windows of all these people together.
        epochs: maximum number of epochs, each with all training windows once.
    """

    n_subjects: int = 1250
    n_windows: int = 25_000
    epochs: int = 50


FULL = Size()
QUICK = Size(n_subjects=64, n_windows=1280, epochs=5)


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Result of one training run of one recipe.

    Attributes:
        name: name of the recipe.
        seed: seed of the run.
        rmse_mm: coordinate RMSE on the test subjects in mm.
        mpme_mm: mean per-marker error on the test subjects in mm.
        distance_mm: mean error of distances within rigid segments on the test subjects in mm.
        n_epochs: number of epochs until training stopped.
        seconds: duration in s, not counting the time before an interruption.
    """

    name: str
    seed: int
    rmse_mm: float
    mpme_mm: float
    distance_mm: float
    n_epochs: int
    seconds: float


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings that all results in a folder share; other settings are refused."""

    size: Size
    data_seed: int
    recipes: tuple[Recipe, ...]


def shipped_recipes(names: Sequence[str]) -> list[Recipe]:
    """Read shipped recipes by name, from the installed package or from `examples/recipes` of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "recipes"
    folder = installed if installed.is_dir() else package.parent / "examples" / "recipes"
    return [read_recipe(folder / f"{name}.toml") for name in names]


def run_experiment(
    recipes: Sequence[Recipe],
    folder: Path,
    seeds: Sequence[int],
    size: Size,
    callbacks: Callable[[Recipe, int], Sequence[Callback]] = lambda recipe, seed: (),
) -> Iterator[Result]:
    """Train every recipe with every seed: all recipes with the first seed, then with the next. Skips finished runs.

    All runs get the same windows, generated with the first recipe's settings (without `.mot` files).

    Args:
        recipes: the recipes to train.
        folder: folder of the experiment; each run writes its log and its result to RECIPE/seed-N in it.
        seeds: seeds of the initial weights and of the order of the windows.
        size: number of windows and epochs.
        callbacks: makes Lightning callbacks for a run, to show progress.

    Yields:
        One result per run, as soon as it is there.

    Raises:
        RecipeError: the recipes' marker sets differ, or the folder holds another experiment or cannot be written.
        TrainingError: a file of an earlier run is damaged.
        DivergedError: the validation error became NaN or infinite.
    """
    if len({recipe.marker_set for recipe in recipes}) > 1:
        raise RecipeError("expected recipes of one marker_set, since all get the same windows; found several")
    claim(folder, recipes, size)
    data: list[Batch] = []
    for seed in seeds:
        for recipe in recipes:
            place = run_folder(folder, recipe.name, seed)
            result = read_result(place / RESULT_FILE)
            if result is None:
                data = data or make_sets(recipes[0], size)
                result = run(msgspec.structs.replace(recipe, seed=seed), place, size, data, callbacks(recipe, seed))
            yield result


def run_folder(folder: Path, name: str, seed: int) -> Path:
    """Folder of one run inside the folder of its experiment."""
    return folder / name / f"seed-{seed}"


def claim(folder: Path, recipes: Sequence[Recipe], size: Size) -> None:
    """Create the folder with the experiment's settings, or check that it holds the same ones already.

    Raises:
        RecipeError: the folder holds another experiment, or cannot be written.
    """
    path, settings = folder / SETTINGS_FILE, _Settings(size, _DATA_SEED, tuple(recipes))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            replace_file(path, as_json(settings))
        if msgspec.json.decode(path.read_bytes(), type=_Settings) != settings:
            raise RecipeError(f"{path}: of an experiment of another size or other recipes; choose another folder")
    except msgspec.DecodeError as error:
        raise RecipeError(f"{path}: not the settings of an experiment ({error}); choose another folder") from error
    except OSError as error:
        raise RecipeError(f"the experiment's folder {folder} {why_not_written(error)}") from error


def read_result(path: Path) -> Result | None:
    """Read the result of a run; None if the run is not finished.

    Raises:
        TrainingError: the file cannot be read or is no result.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise TrainingError(f"{path}: expected the result of a run; remove it to train again ({error})") from error


def run(recipe: Recipe, folder: Path, size: Size, sets: Sequence[Batch], callbacks: Sequence[Callback] = ()) -> Result:
    """Train a recipe once, from its last checkpoint if there is one, and write the result into the run's folder.

    Args:
        recipe: the recipe; its seed determines the initial weights and the order of the windows.
        folder: folder of the run.
        size: gives the number of epochs.
        sets: windows for training, validation and test.
        callbacks: Lightning callbacks, to show progress.

    Raises:
        TrainingError: a file cannot be read or written.
        DivergedError: the validation error became NaN or infinite.
    """
    started, recipe = time.monotonic(), _of_size(recipe, size)
    training, validation, test = sets
    data = FixedData(training, validation, recipe.optimization.batch_windows, recipe.seed)
    network = new_network(recipe)
    resume = (folder / LAST).exists() and (folder / BEST).exists()
    if not resume:
        network.fit_linear_path(*data.linear_path_samples())
    job = Job(recipe, folder, resume=resume)
    fit(job, network, data, callbacks)
    n_epochs = int(torch.load(folder / LAST, weights_only=True)["epoch"]) + 1
    load_weights(network, folder / BEST)
    result = Result(
        recipe.name, recipe.seed, *measure(network, test, recipe.markers), n_epochs, time.monotonic() - started
    )
    try:
        replace_file(folder / RESULT_FILE, as_json(result))
        for checkpoint in (BEST, LAST):  # they take ten times as much space as the other files
            (folder / checkpoint).unlink()
    except OSError as error:
        raise TrainingError(f"the result in {folder} {why_not_written(error)}") from error
    return result


def make_sets(recipe: Recipe, size: Size) -> list[Batch]:
    """Training, validation and test windows of 80, 10 and 10 % of the generated people."""
    library = make_library([], recipe.motions.procedural, _DATA_SEED)
    generator = WindowGenerator(library, recipe.population, recipe.keypoint_errors, recipe.markers)
    window_set = generate_set(generator, size.n_subjects, size.n_windows, _DATA_SEED)
    names = list(dict.fromkeys(window_set.subjects))
    ends = [0, *(round(share * len(names)) for share in (0.8, 0.9, 1.0))]
    return [make_batch(window_set.of_subjects(names[a:b]).windows) for a, b in pairwise(ends)]


def measure(network: MarkerNetwork, test: Batch, markers: MarkerSet) -> tuple[float, float, float]:
    """Coordinate RMSE, MPME and mean error of distances within rigid segments, all in mm."""
    network = network.cpu().eval()
    with torch.inference_mode():
        batches = FixedBatches(test, torch.arange(len(test.height_m)), _BATCH_WINDOWS)
        predicted = torch.cat([network(features) for features, _, _ in batches])
    size_mm = 1000 * test.height_m[:, None, None, None]
    points, true = (as_points(values) * size_mm for values in (predicted, test.targets))
    return (
        float(coordinate_rmse(points, true)),
        float(mpme(points, true)),
        float(distance_error(points, true, markers.rigid_pairs)),
    )


def _of_size(recipe: Recipe, size: Size) -> Recipe:
    """The recipe with the experiment's number of epochs, each of which has all training windows once."""
    chosen = recipe.optimization
    n_batches = max(1, round(0.8 * size.n_subjects) * size.n_windows // size.n_subjects // chosen.batch_windows)
    return msgspec.structs.replace(
        recipe, optimization=msgspec.structs.replace(chosen, epochs=size.epochs, batches_per_epoch=n_batches)
    )
