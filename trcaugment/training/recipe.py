"""Recipes: one TOML file holds everything that a training run depends on."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.errors import RecipeError
from trcaugment.formats.files import read_file
from trcaugment.marker_sets import ANATOMICAL_MARKERS, INPUT_SETS, KEYPOINTS, OUTPUT_SETS, MarkerSet
from trcaugment.model.card import Count, NetworkSizes
from trcaugment.training.recipe_keys import explain_unknown_key

# The range that all random number generators accept.
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
# A folder name: letters, digits, hyphens, dots and underscores, beginning with a letter or digit.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]*\Z", max_length=100)]


class Motions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Movements of the generated windows.

    Attributes:
        folders: folders of `.mot` files; relative paths start at the recipe's folder.
        procedural: number of generated trials, each of a new person.
    """

    folders: tuple[str, ...] = ()
    procedural: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 480


class Optimization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optimization of the weights.

    Attributes:
        epochs: maximum number of epochs.
        batches_per_epoch: number of batches between two validations.
        batch_windows: number of windows per batch.
        learning_rate: highest learning rate.
        schedule: "cosine" (the learning rate rises over the first epoch, then falls as a cosine) or "constant".
        weight_decay: weight decay of AdamW; 0 makes it Adam.
        patience: training stops after this many epochs without a lower validation error.
        validation_windows: number of windows that measure the error after every epoch.
        average: decay of the exponential moving average of the weights over batches, such as 0.999; the average is
            then validated and saved. 0 uses the weights themselves.
        precision: arithmetic of training, "32" bits or "bf16"; validation always uses 32 bits.
    """

    epochs: Count = 60
    batches_per_epoch: Count = 250
    batch_windows: Annotated[int, msgspec.Meta(ge=1, le=8192)] = 128
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.01
    patience: Count = 12
    validation_windows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 4096
    average: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0
    precision: Literal["32", "bf16"] = "32"


class Loss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Terms of the training loss.

    Attributes:
        kind: "distance", the mean distance between predicted and true markers; or "mse", the mean squared error, which
            is dominated by the few windows that a detector corrupted. Early stopping uses the MSE in either case.
        rigid_weight: weight of the mean error of distances within rigid segments. Without it the network shrinks a foot
            whose direction it does not know; with 1, feet with missing keypoints still changed length by 2 cm.
        axis_weight: weight of the mean error of the directions of segment axes in rad, on which joint angles depend.
        attention_distance_weight: weight of the distance between attended keypoints and the markers that are still
            wrong.
    """

    kind: Literal["distance", "mse"] = "distance"
    rigid_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 2.0
    axis_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0
    attention_distance_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0


class DatasetChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A local data set to train on.

    Attributes:
        path: its file or folder; a relative path starts at the recipe's folder.
        weight: relative frequency of its windows, compared with the other data sets and `generated`.
        add_errors: whether to add the recipe's keypoint errors, for data sets whose keypoints have none.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0
    add_errors: bool = False


class SplitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Subjects of the data sets that are not trained on. A data set's own split takes precedence over shares.

    Attributes:
        validation: share of subjects for measuring the error after every epoch.
        test: share of subjects that this run does not use at all.
        leave_out: names of the test subjects, instead of a share.
    """

    validation: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    test: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    leave_out: tuple[str, ...] = ()


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a training run depends on, as read from TOML.

    Attributes:
        name: name of the model and of its folder.
        description: one line for people.
        seed: seed of all random numbers; the same recipe repeats the same run.
        keypoint_set: name of the marker set that the model reads; only generated windows have another than the usual.
        marker_set: name of the marker set that the model predicts.
        licences: sources and licences of motions and data, for the model card.
        generated: relative frequency of generated windows, compared with the weights of the data sets; 0 for none.
        datasets: local data sets to train on as well.
    """

    name: Name
    description: str = ""
    seed: Seed = 1
    keypoint_set: str = KEYPOINTS.name
    marker_set: str = ANATOMICAL_MARKERS.name
    licences: tuple[str, ...] = ()
    generated: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 1.0
    datasets: tuple[DatasetChoice, ...] = ()
    split: SplitRule = SplitRule()
    motions: Motions = msgspec.field(default_factory=Motions)
    population: Population = Population()
    keypoint_errors: KeypointErrors = KeypointErrors()
    network: NetworkSizes = NetworkSizes()
    loss: Loss = Loss()
    optimization: Optimization = msgspec.field(default_factory=Optimization)

    @property
    def keypoints(self) -> MarkerSet:
        """The marker set that the model reads."""
        return INPUT_SETS[self.keypoint_set]

    @property
    def markers(self) -> MarkerSet:
        """The marker set that the model predicts."""
        return OUTPUT_SETS[self.marker_set]


def example_recipe() -> bytes:
    """Text of a commented recipe with all defaults (`examples/recipe.toml`, which the wheel contains too)."""
    here = Path(__file__)
    installed = here.with_name("example.toml")
    return (installed if installed.exists() else here.parents[2] / "examples" / "recipe.toml").read_bytes()


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: the file cannot be read or is not TOML, a key is unknown, a value has the wrong type or is out of
            range, or there is nothing to train on.
    """
    try:
        recipe = msgspec.convert(tomllib.loads(read_file(path).decode("utf-8-sig")), Recipe)
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: there is no such recipe; trcaugment train --example writes one") from error
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except msgspec.ValidationError as error:
        raise RecipeError(f"{path}: {explain_unknown_key(error, Recipe) or f'not a recipe ({error})'}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: not a recipe ({error})") from error
    for name in ("height_m", "body_mass_index"):
        low, high = getattr(recipe.population, name)
        if low > high:
            raise RecipeError(f"{path}: expected population.{name} from low to high, found {low:g} before {high:g}")
    for name, known in (("keypoint_set", INPUT_SETS), ("marker_set", OUTPUT_SETS)):
        if getattr(recipe, name) not in known:
            raise RecipeError(f"{path}: expected {name} {' or '.join(known)}, found {getattr(recipe, name)!r}")
    if recipe.datasets and recipe.keypoints is not KEYPOINTS:
        raise RecipeError(f"{path}: data sets have the keypoints of {KEYPOINTS.name}, not of {recipe.keypoint_set}")
    if recipe.loss.attention_distance_weight and not recipe.network.spatial_attention:
        raise RecipeError(f"{path}: loss.attention_distance_weight needs network.spatial_attention")
    if not recipe.split.leave_out and recipe.split.validation + recipe.split.test >= 1:
        raise RecipeError(f"{path}: expected split.validation and split.test below 1 together; nobody is left to train")
    if not recipe.generated and not recipe.datasets:
        raise RecipeError(f"{path}: no windows; name datasets or set generated above 0")
    if recipe.generated and not recipe.motions.folders and not recipe.motions.procedural:
        raise RecipeError(f"{path}: no motions; name folders of .mot files or set motions.procedural above 0")
    return recipe


def motion_files(recipe: Recipe, base: Path) -> list[Path]:
    """The recipe's `.mot` files, sorted.

    Raises:
        RecipeError: a folder does not exist, cannot be read or holds no `.mot` file.
    """
    files: list[Path] = []
    for folder in recipe.motions.folders:
        try:
            in_folder = sorted((base / folder).glob("*.mot"))
        except (OSError, ValueError) as error:  # a name that is too long, or has a NUL character
            raise RecipeError(f"the recipe's motion folder {folder!r} cannot be read: {error}") from error
        if not in_folder:
            raise RecipeError(f"expected .mot files in the recipe's motion folder {base / folder}, found none")
        files += in_folder
    return files


def check_files(recipe: Recipe, base: Path) -> None:
    """Check that the data sets and motion folders of a recipe exist, before anything is computed.

    Raises:
        RecipeError: one of them is missing or cannot be read.
    """
    for choice in recipe.datasets:
        try:
            exists = (base / choice.path).exists()
        except OSError as error:  # such as a name that is too long
            raise RecipeError(f"the recipe's data set cannot be read: {error.strerror} ({choice.path!r})") from error
        if not exists:
            raise RecipeError(f"expected the recipe's data set {base / choice.path}, found no such file or folder")
    motion_files(recipe, base)
