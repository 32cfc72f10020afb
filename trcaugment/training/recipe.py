"""A recipe: everything that a training run depends on, in one TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from trcaugment.body.keypoints import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.errors import RecipeError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.network import Count, NetworkSizes

# Keypoints, person features (height, mass) and markers of generated windows.
_DATA_SIZES = (len(KEYPOINTS), 2, len(ANATOMICAL_MARKERS))
# What all the random number generators take.
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
# Of a folder: letters, digits, hyphens, dots and underlines, beginning with a letter or digit.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][\w.-]*\Z", max_length=100)]


class Motions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the movements come from.

    Attributes:
        folders: folders of `.mot` files; relative ones start at the recipe's folder.
        procedural: number of procedural trials to make besides.
    """

    folders: tuple[str, ...] = ()
    procedural: Annotated[int, msgspec.Meta(ge=0)] = 480


class Optimization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are found.

    Attributes:
        epochs: most epochs.
        batches_per_epoch: batches between two validations.
        batch_windows: windows in a batch.
        learning_rate: highest learning rate; it warms up over the first epoch and falls as a cosine.
        weight_decay: of AdamW.
        patience: epochs without a better validation error after which training stops.
        validation_windows: generated windows that measure the error after every epoch.
    """

    epochs: Count = 60
    batches_per_epoch: Count = 250
    batch_windows: Count = 128
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 1e-3
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 0.01
    patience: Count = 12
    validation_windows: Count = 4096


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `trcaugment train` reads.

    Attributes:
        name: name of the model and its folder.
        description: one line for people.
        seed: start of all random numbers; the same recipe repeats the same run.
        licences: the motions' sources and licences, for the model card.
    """

    name: Name
    description: str = ""
    seed: Seed = 1
    licences: tuple[str, ...] = ()
    motions: Motions = msgspec.field(default_factory=Motions)
    population: Population = Population()
    keypoint_errors: KeypointErrors = KeypointErrors()
    network: NetworkSizes = NetworkSizes()
    optimization: Optimization = msgspec.field(default_factory=Optimization)


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: it cannot be read, is not TOML, a key is unknown or of the wrong kind, a number is none that a
            run can have, or there are no motions.
    """
    try:
        recipe = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"{path}: not a recipe ({error})") from error
    for name in ("height_m", "body_mass_index"):
        low, high = getattr(recipe.population, name)
        if low > high:
            raise RecipeError(f"{path}: expected population.{name} from low to high, found {low:g} before {high:g}")
    sizes = recipe.network
    if (sizes.n_keypoints, sizes.n_person_features, sizes.n_markers) != _DATA_SIZES:
        raise RecipeError(f"{path}: generated windows have {_DATA_SIZES} keypoints, person features and markers")
    if not recipe.motions.folders and not recipe.motions.procedural:
        raise RecipeError(f"{path}: no motions; name folders of .mot files or set motions.procedural above 0")
    return recipe


def motion_files(recipe: Recipe, base: Path) -> list[Path]:
    """The recipe's `.mot` files, sorted.

    Raises:
        RecipeError: a folder does not exist or holds none.
    """
    files: list[Path] = []
    for folder in recipe.motions.folders:
        found = sorted((base / folder).glob("*.mot"))
        if not found:
            raise RecipeError(f"expected .mot files in the recipe's motion folder {base / folder}, found none")
        files += found
    return files
