"""A recipe: everything that a training run depends on, in one TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.errors import RecipeError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, OUTPUT_SETS, MarkerSet
from trcaugment.model.card import Count, NetworkSizes

# What all the random number generators take.
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
# Of a folder: letters, digits, hyphens, dots and underlines, beginning with a letter or digit.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]*\Z", max_length=100)]


class Motions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the movements come from.

    Attributes:
        folders: folders of `.mot` files; relative ones start at the recipe's folder.
        procedural: number of trials to generate besides, each a new person's.
    """

    folders: tuple[str, ...] = ()
    procedural: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 480


class Optimization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are found.

    Attributes:
        epochs: most epochs.
        batches_per_epoch: batches between two validations.
        batch_windows: windows in a batch.
        learning_rate: highest learning rate.
        schedule: "cosine": the learning rate warms up over the first epoch and falls as a cosine; or "constant".
        weight_decay: of AdamW; 0 makes it Adam.
        patience: epochs without a better validation error after which training stops.
        validation_windows: windows that measure the error after every epoch.
        average: share of the old in the moving average of the weights over batches, such as 0.999, which is then what
            is validated and kept as the best; 0 keeps the weights themselves.
        precision: of the training arithmetic, "32" bits or "bf16"; validation always has 32.
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
    """What training makes small.

    Attributes:
        kind: "distance", the mean distance between predicted and true markers; or "mse", the mean squared error,
            which spends the network on the few windows that a detector spoiled (early stopping watches it anyhow).
        rigid_weight: of the mean error of distances within rigid segments; any mean shrinks a foot of which only the
            place is known, and with 1, lost feet were still seen to stretch and shrink by 2 cm.
        axis_weight: of the mean error of the directions of segment axes, which joint angles depend on, in rad.
        attention_distance_weight: of the distance at which the network looks from the markers that are still wrong.
    """

    kind: Literal["distance", "mse"] = "distance"
    rigid_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 2.0
    axis_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0
    attention_distance_weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)] = 0.0


class DatasetChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A local data set to train on.

    Attributes:
        path: its file or folder; a relative one starts at the recipe's folder.
        weight: how often a window comes from it, beside the other data sets and the generator.
        add_errors: whether the recipe's keypoint errors are added to its keypoints, because they have none.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    weight: Annotated[float, msgspec.Meta(gt=0, le=1e6)] = 1.0
    add_errors: bool = False


class SplitRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which subjects of the data sets are kept from training; a data set's own split goes before shares.

    Attributes:
        validation: share of subjects that measure the error after every epoch.
        test: share of subjects that are not used at all.
        leave_out: names of the subjects that are not used at all, instead of a share.
    """

    validation: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    test: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    leave_out: tuple[str, ...] = ()


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `trcaugment train` reads.

    Attributes:
        name: name of the model and its folder.
        description: one line for people.
        seed: start of all random numbers; the same recipe repeats the same run.
        marker_set: name of the marker set that the model predicts.
        licences: the motions' sources and licences, for the model card.
        generated: how often a window is a generated one, beside those of the data sets; 0 for never.
        datasets: local data sets to train on as well.
    """

    name: Name
    description: str = ""
    seed: Seed = 1
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
    def markers(self) -> MarkerSet:
        """What the model predicts."""
        return OUTPUT_SETS[self.marker_set]


def example_recipe() -> bytes:
    """A commented recipe whose values are the defaults: `examples/recipe.toml` of a checkout, which a wheel carries."""
    here = Path(__file__)
    installed = here.with_name("example.toml")
    return (installed if installed.exists() else here.parents[2] / "examples" / "recipe.toml").read_bytes()


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: it cannot be read, is not TOML, a key is unknown or of the wrong kind, a number is none that a
            run can have, or there are no motions.
    """
    try:
        recipe = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8-sig")), Recipe)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise RecipeError(f"{path}: not a recipe ({error})") from error
    for name in ("height_m", "body_mass_index"):
        low, high = getattr(recipe.population, name)
        if low > high:
            raise RecipeError(f"{path}: expected population.{name} from low to high, found {low:g} before {high:g}")
    if recipe.marker_set not in OUTPUT_SETS:
        raise RecipeError(f"{path}: expected marker_set {' or '.join(OUTPUT_SETS)}, found {recipe.marker_set!r}")
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
        RecipeError: a folder does not exist, cannot be read or holds none.
    """
    files: list[Path] = []
    for folder in recipe.motions.folders:
        try:
            found = sorted((base / folder).glob("*.mot"))
        except (OSError, ValueError) as error:  # a name that is too long, or has a NUL character
            raise RecipeError(f"the recipe's motion folder {folder!r} cannot be read: {error}") from error
        if not found:
            raise RecipeError(f"expected .mot files in the recipe's motion folder {base / folder}, found none")
        files += found
    return files


def check_files(recipe: Recipe, base: Path) -> None:
    """Make sure that what the recipe names is there, before anything is computed.

    Raises:
        RecipeError: a data set or a folder of motions is not there or cannot be read.
    """
    for choice in recipe.datasets:
        try:
            there = (base / choice.path).exists()
        except OSError as error:  # such as a name that is too long
            raise RecipeError(f"the recipe's data set cannot be read: {error.strerror} ({choice.path!r})") from error
        if not there:
            raise RecipeError(f"expected the recipe's data set {base / choice.path}, found no such file or folder")
    motion_files(recipe, base)
