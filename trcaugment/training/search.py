"""Hyperparameter search with Optuna (extra `search`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from trcaugment.errors import DivergedError, TrainingError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.training.experiments import Size, claim, make_sets, run
from trcaugment.training.recipe import Recipe

BEST_FILE, JOURNAL_FILE = "best.toml", "journal.log"
SMALL = Size(n_subjects=250, n_windows=5000, epochs=10)


@dataclass(frozen=True)
class Attempt:
    """One set of hyperparameters that was tried.

    Attributes:
        number: number of the attempt, from 0.
        chosen: its values, by keys of the recipe such as "network.hidden".
        mpme_mm: mean per-marker error on the validation subjects in mm; None if training diverged.
    """

    number: int
    chosen: Mapping[str, Any]
    mpme_mm: float | None


def search(
    recipe: Recipe,
    folder: Path,
    n_attempts: int,
    size: Size = SMALL,
    report: Callable[[Attempt], None] = lambda _: None,
) -> Recipe:
    """Search for the learning rate, units and layers with the smallest MPME on validation subjects.

    The weights of the loss are not varied, because MPME does not show their effect. The folder keeps all attempts, so
    that a later call with a larger `n_attempts` continues the search.

    Args:
        recipe: gives all other settings.
        folder: folder of the search.
        n_attempts: total number of attempts, including those of earlier calls.
        size: number of windows and epochs of each attempt.
        report: is called with every attempt, earlier ones first.

    Returns:
        The recipe with the best values, which is also written to `best.toml`.

    Raises:
        TrainingError: Optuna is not installed, the folder cannot be written, the journal is damaged, or all attempts
            diverged.
        RecipeError: the folder holds another search.
    """
    with _quiet_optuna() as optuna:
        claim(folder, [recipe], size)
        study = _open_study(optuna, folder / JOURNAL_FILE)
        # The seed depends on the number of attempts: a continued search must not repeat the first ones.
        study.sampler = optuna.samplers.TPESampler(seed=len(study.trials))
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        done = [_attempt(trial) for trial in study.trials if trial.state in ended]
        for attempt in done:
            report(attempt)
        missing = n_attempts - len(done)
        if missing > 0:
            training, validation, _ = make_sets(recipe, size)

            def objective(trial: Any) -> float:
                place = folder / f"attempt-{trial.number}"
                try:
                    return run(_suggest(recipe, trial), place, size, (training, validation, validation)).mpme_mm
                except DivergedError as error:
                    raise optuna.TrialPruned(str(error)) from error

            study.optimize(objective, missing, callbacks=[lambda _, trial: report(_attempt(trial))])
        if not any(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials):
            raise TrainingError(f"{folder}: all attempts diverged; ask for more of them")
        best = _with(recipe, study.best_params)
    try:
        replace_file(folder / BEST_FILE, as_toml(best).encode())
    except OSError as error:
        raise TrainingError(f"{folder / BEST_FILE} {why_not_written(error)}") from error
    return best


def _open_study(optuna: Any, journal: Path) -> Any:
    """The study in the journal, or a new one."""
    try:
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
        return optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise TrainingError(f"{journal}: cannot be read, or damaged; move it away to begin again ({error})") from error


def as_toml(recipe: Recipe) -> str:
    """A recipe as TOML, without values that equal the defaults."""
    import tomli_w  # of the extra `search`

    defaults = msgspec.to_builtins(Recipe(name=recipe.name))
    chosen: dict[str, Any] = {"name": recipe.name}
    for key, value in msgspec.to_builtins(recipe).items():
        if isinstance(value, dict):
            value = {inner: each for inner, each in value.items() if each != defaults[key][inner]}
        if value and value != defaults[key]:
            chosen[key] = value
    return tomli_w.dumps(chosen)


def _suggest(recipe: Recipe, trial: Any) -> Recipe:
    chosen = {
        "optimization.learning_rate": trial.suggest_float("optimization.learning_rate", 2e-4, 5e-3, log=True),
        "network.hidden": trial.suggest_int("network.hidden", 64, 160, step=32),
        "network.n_layers": trial.suggest_int("network.n_layers", 1, 3),
    }
    return _with(recipe, chosen)


def _with(recipe: Recipe, chosen: Mapping[str, Any]) -> Recipe:
    """The recipe with other values, given by keys such as `network.hidden`."""
    for name, value in chosen.items():
        part, key = name.split(".")
        changed = msgspec.structs.replace(getattr(recipe, part), **{key: value})
        recipe = msgspec.structs.replace(recipe, **{part: changed})
    return recipe


def _attempt(trial: Any) -> Attempt:
    return Attempt(trial.number, trial.params, trial.value)


@contextmanager
def _quiet_optuna() -> Iterator[Any]:
    """Import Optuna, and silence its log while it is used."""
    try:
        import optuna
    except ImportError as error:
        raise TrainingError("the search needs Optuna; install it with: pip install trcaugment[search]") from error
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # `report` tells of every attempt
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
