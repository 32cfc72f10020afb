"""A recipe's windows: from the generator, local data sets or both, mixed by weight and split by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from trcaugment.body.motion_model import model_sources
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.datasets.dataset import Dataset, Split
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.splits import split_subjects
from trcaugment.datasets.window_set import FixedWindows, WindowSet
from trcaugment.errors import RecipeError
from trcaugment.formats.files import as_json, replace_file, why_not_written
from trcaugment.training.data import MixedWindows, WindowSource
from trcaugment.training.recipe import Recipe, motion_files
from trcaugment.training.run_folder import SPLIT_FILE

_PARTS = ("training", "validation", "test")
_Range = tuple[float, float]


@dataclass(frozen=True)
class Sources:
    """Sources of a run's windows.

    Attributes:
        training: source of training windows.
        validation: source of validation windows, which show other people.
        described: descriptions of the data for the model card.
        height_m: lowest and highest height in the training data, in m.
        body_mass_index: lowest and highest body mass index in the training data, in kg/m².
        record: subjects of each part and what was left out, for `split.json`; empty without data sets.
    """

    training: WindowSource
    validation: WindowSource
    described: tuple[str, ...]
    height_m: _Range
    body_mass_index: _Range
    record: dict[str, Any]


def make_generator(recipe: Recipe, base: Path) -> WindowGenerator:
    """Make the recipe's generator; relative motion folders start at `base`."""
    library = make_library(motion_files(recipe, base), recipe.motions.procedural, recipe.seed)
    return WindowGenerator(library, recipe.population, recipe.keypoint_errors, recipe.markers, recipe.keypoints)


def make_sources(recipe: Recipe, base: Path) -> Sources:
    """Read the recipe's data sets, split their subjects, and make its generator.

    Args:
        recipe: the recipe.
        base: folder at which relative paths in the recipe start.

    Raises:
        RecipeError: no subject is left for validation.
        DatasetError: a data set cannot be used, a subject to leave out is unknown, or none is left for training.
    """
    training: list[tuple[WindowSource, float]] = []
    validation: list[tuple[WindowSource, float]] = []
    described: list[str] = []
    ranges: list[tuple[_Range, _Range]] = []
    if recipe.generated:
        generator = make_generator(recipe, base)
        training.append((generator, recipe.generated))
        validation.append((generator, recipe.generated))
        described.append("generated windows (trcaugment.body)")
        if recipe.motions.procedural:
            described.append("motions after a model of recorded people: " + "; ".join(model_sources()))
        ranges.append((recipe.population.height_m, recipe.population.body_mass_index))
    datasets = [load_dataset(base / choice.path, recipe.markers) for choice in recipe.datasets]
    split = _split(recipe, datasets)
    for choice, dataset in zip(recipe.datasets, datasets, strict=True):
        errors = recipe.keypoint_errors if choice.add_errors else None
        learned, measured = (dataset.window_set.of_subjects(names) for names in (split.training, split.validation))
        if len(learned):
            training.append((FixedWindows(learned.windows, errors), choice.weight))
            described.append(f"{len(learned)} windows of {len(set(learned.subjects))} subjects in {dataset.path.name}")
            ranges.append(_ranges(learned))
        if len(measured):
            validation.append((FixedWindows(measured.windows, errors), choice.weight))
    if not validation:
        raise RecipeError("no subject is left for validation: use data sets of more subjects, or set generated above 0")
    height_m, index = (_span([both[k] for both in ranges]) for k in range(2))
    record = _record(recipe, split, datasets) if datasets else {}
    return Sources(_mixed(training), _mixed(validation), tuple(described), height_m, index, record)


def keep_split(folder: Path, sources: Sources) -> None:
    """Write the split into the run's folder, or check that a resumed run still has the same split.

    Raises:
        RecipeError: the split differs because a data set changed, or the file cannot be read or written.
    """
    path = folder / SPLIT_FILE
    if not sources.record:
        return
    text = as_json(sources.record)
    try:
        if path.exists() and msgspec.json.decode(path.read_bytes()) != msgspec.json.decode(text):
            raise RecipeError(f"{path}: a data set of this run has changed since it began; choose another folder")
        replace_file(path, text)
    except msgspec.DecodeError as error:
        raise RecipeError(f"{path}: damaged ({error})") from error
    except OSError as error:
        raise RecipeError(f"{path} {why_not_written(error)}") from error


def _split(recipe: Recipe, datasets: Sequence[Dataset]) -> Split:
    if not datasets:
        return Split((), (), ())
    rule = recipe.split
    return split_subjects(datasets, shares=(rule.validation, rule.test), leave_out=rule.leave_out, seed=recipe.seed)


def _mixed(weighted: Sequence[tuple[WindowSource, float]]) -> WindowSource:
    if len(weighted) == 1:
        return weighted[0][0]
    sources, weights = zip(*weighted, strict=True)
    return MixedWindows(sources, weights)


def _ranges(window_set: WindowSet) -> tuple[_Range, _Range]:
    """Ranges of height in m and of body mass index in kg/m²."""
    height_m, mass_kg = window_set.windows.height_m, window_set.windows.mass_kg
    index = mass_kg / height_m**2
    return (float(height_m.min()), float(height_m.max())), (float(index.min()), float(index.max()))


def _span(ranges: Sequence[_Range]) -> _Range:
    """The smallest range that holds all ranges."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _record(recipe: Recipe, split: Split, datasets: Sequence[Dataset]) -> dict[str, Any]:
    return {part: list(getattr(split, part)) for part in _PARTS} | {
        "datasets": [
            {
                "path": choice.path,
                "layout": dataset.layout,
                "windows": {part: len(dataset.window_set.of_subjects(getattr(split, part))) for part in _PARTS},
                "left_out": list(dataset.left_out),
            }
            for choice, dataset in zip(recipe.datasets, datasets, strict=True)
        ]
    }
