"""The folder of a training run: whether a run may use it, and reading its checkpoints."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import torch

from trcaugment.errors import RecipeError, TrainingError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.model.card import CARD_FILE, RECIPE_FILE
from trcaugment.model.network import MarkerNetwork
from trcaugment.training.recipe import Recipe, read_recipe

LAST, BEST, MODEL = "last.ckpt", "best.ckpt", "model"
SPLIT_FILE, LOG = "split.json", "log"
_MAY_CHANGE = ("optimization.epochs", "optimization.patience")
# What torch.load raises for truncated or foreign files; OSError also for offsets before the start of a file.
_DAMAGED = (OSError, EOFError, RuntimeError, pickle.UnpicklingError, LookupError, ValueError, TypeError, AttributeError)


@contextmanager
def claimed_folder(folder: Path, recipe: Recipe, text: bytes, *, resume: bool) -> Iterator[None]:
    """Check that the folder can hold this run and holds no other one; a new run writes its recipe into it.

    If a new run ends before its first epoch, its recipe is removed again, so that a corrected one can use the folder.

    Raises:
        RecipeError: the folder cannot be made or written, or holds a finished run, a run of another recipe, a run that
            was not to be resumed, or nothing to resume.
    """
    try:
        new = _claim(folder, recipe, text, resume)
    except OSError as error:
        raise RecipeError(f"the run's folder {folder} {why_not_written(error)}") from error
    try:
        yield
    finally:
        if new and not (folder / LAST).exists():
            for name in (RECIPE_FILE, SPLIT_FILE):
                with suppress(OSError):
                    (folder / name).unlink()


def _claim(folder: Path, recipe: Recipe, text: bytes, resume: bool) -> bool:
    """Check the folder and write the recipe; return whether the recipe was written, that is, whether the run is new."""
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"the run's folder {folder} cannot be written: it is a file, expected a folder")
    if (folder / MODEL / CARD_FILE).exists():
        raise RecipeError(f"this run is finished: {folder / MODEL}; nothing is left to --resume, choose another folder")
    begun = (folder / LAST).exists()
    if begun and not resume:
        raise RecipeError(f"{folder}: holds a training run already; go on with --resume, or choose another folder")
    if resume and not (begun and (folder / BEST).exists()):
        raise RecipeError(f"{folder}: expected the checkpoints {LAST} and {BEST} to resume from, did not find both")
    for place in (folder, folder / LOG):
        if place.exists() and not os.access(place, os.W_OK):  # otherwise it would fail after the first epoch
            raise PermissionError(errno.EACCES, f"{place} is read-only")
    if resume or (folder / RECIPE_FILE).exists():
        _compare(folder / RECIPE_FILE, recipe)
        return False
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / RECIPE_FILE, text)
    return True


def _compare(kept: Path, recipe: Recipe) -> None:
    """Raise if the recipe differs from the one in the folder in more than `_MAY_CHANGE`."""
    before, now = (_flat(msgspec.to_builtins(each)) for each in (read_recipe(kept), recipe))
    changed = [name for name in now if now[name] != before[name] and name not in _MAY_CHANGE]
    if changed:
        begun = (kept.parent / LAST).exists()
        rule = f"only {' and '.join(_MAY_CHANGE)} may change, choose" if begun else "remove that file, or choose"
        raise RecipeError(f"{kept}: the run in this folder has another {' and '.join(changed)}; {rule} another folder")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    """Flatten `{"network": {"hidden": 8}}` to `{"network.hidden": 8}`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in _flat(value).items()}
        else:
            flat[name] = value
    return flat


def load_weights(network: MarkerNetwork, path: Path) -> None:
    """Load a checkpoint's weights into the network. Code in a checkpoint is never run.

    Raises:
        TrainingError: the checkpoint cannot be read, is damaged, or is of another network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        network.load_state_dict({name.removeprefix("network."): value for name, value in state.items()})
    except _DAMAGED as error:
        raise TrainingError(f"{path}: damaged, or not a checkpoint of this recipe's network") from error
