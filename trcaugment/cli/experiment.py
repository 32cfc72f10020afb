"""`trcaugment experiment`: the report's Table 1 and its future work, repeated, and a search for better recipes."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich import box
from rich.console import Console
from rich.table import Table

from trcaugment.errors import RecipeError, TrcAugmentError

if TYPE_CHECKING:
    from trcaugment.training.experiments import Result, Size

_TABLE_WIDTH = 120
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _options(command: _Command) -> _Command:
    """What every experiment takes."""
    for option in (
        click.option("--epochs", type=click.IntRange(1, 1_000_000), help="Most epochs of a run.  [default: 50]"),
        click.option("--windows", type=click.IntRange(100, 1_000_000), help="Generated windows.  [default: 25000]"),
        click.option("--seeds", type=click.IntRange(1), help="Runs of every recipe.  [default: 3]"),
        click.option("--quick", is_flag=True, help="A look in minutes: 1280 windows, 5 epochs, 1 seed."),
        click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: runs/EXPERIMENT]"),
    ):
        command = option(command)
    return command


@click.group(short_help="Train several recipes, and compare them.")
def experiment() -> None:
    """Train several recipes on one fixed set of generated windows and compare them.

    Finished runs are kept: the same command again goes on where it was.
    """


@experiment.command(short_help="Train the eleven networks of the report's Table 1.")
@_options
def table1(output: Path | None, quick: bool, seeds: int | None, windows: int | None, epochs: int | None) -> None:
    """The report's Table 1: eleven networks, beside the report's figures."""
    from trcaugment.training.experiments import FULL, QUICK, REPORT_MM

    size = _size(QUICK if quick else FULL, windows, epochs)
    _experiment(list(REPORT_MM), output or _folder("table1", quick), size, seeds or (1 if quick else 3))


@experiment.command(short_help="Try what the report left for the future.")
@_options
def future(output: Path | None, quick: bool, seeds: int | None, windows: int | None, epochs: int | None) -> None:
    """What the report left for the future, each against the same network without it."""
    from trcaugment.training.experiments import FULL, FUTURE, QUICK

    size = _size(QUICK if quick else FULL, windows, epochs)
    _experiment(list(FUTURE), output or _folder("future", quick), size, seeds or (1 if quick else 3))


@experiment.command(short_help="Search learning rate, units and layers.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder.  [default: runs/search]")
@click.option("--attempts", default=30, show_default=True, type=click.IntRange(1), help="In all, with earlier ones.")
@click.option("--windows", type=click.IntRange(100, 1_000_000), help="Generated windows.  [default: 5000]")
@click.option("--epochs", type=click.IntRange(1, 1_000_000), help="Epochs of every attempt.  [default: 10]")
def search(output: Path | None, attempts: int, windows: int | None, epochs: int | None) -> None:
    """Search learning rate, units and layers with Optuna, and print the best as a recipe."""
    from trcaugment.training.recipe import Recipe
    from trcaugment.training.search import BEST_FILE, SMALL, Attempt, as_toml
    from trcaugment.training.search import search as run

    console = Console(highlight=False, markup=False, soft_wrap=True)

    def tell(attempt: Attempt) -> None:
        chosen = ", ".join(f"{name.split('.')[1]} {value:.3g}" for name, value in attempt.chosen.items())
        reached = "diverged" if attempt.mpme_mm is None else f"MPME {attempt.mpme_mm:.2f} mm"
        console.print(f"{attempt.number + 1}: {reached} with {chosen}")

    with _errors_told():
        folder = output or Path("runs/search")
        recipe = Recipe(name="best", description="Found by trcaugment experiment search")
        best = run(recipe, folder, attempts, _size(SMALL, windows, epochs), tell)
        console.print(f"\nThe best as a recipe, {folder / BEST_FILE}:\n")
        console.print(as_toml(best))


def _folder(name: str, quick: bool) -> Path:
    return Path("runs") / (f"{name}-quick" if quick else name)


def _size(usual: Size, windows: int | None, epochs: int | None) -> Size:
    from trcaugment.training.experiments import Size

    n_windows = windows or usual.n_windows
    # Twenty windows of every person.
    return Size(n_windows=n_windows, n_subjects=max(10, n_windows // 20), epochs=epochs or usual.epochs)


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except RecipeError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted; the same command goes on.", err=True)
        sys.exit(1)


def _experiment(names: Sequence[str], folder: Path, size: Size, n_seeds: int) -> None:
    from trcaugment.cli.experiment_progress import ExperimentStatus
    from trcaugment.cli.outputs import write_output
    from trcaugment.figures.experiments import draw_experiment
    from trcaugment.figures.figures import as_file
    from trcaugment.training.experiments import run_experiment, shipped_recipes

    console = Console(highlight=False, markup=False, soft_wrap=True)
    results: list[Result] = []
    with _errors_told(), console.status("Making the windows") as line:
        status = ExperimentStatus(line)
        recipes = shipped_recipes(names)
        titles = {recipe.name: recipe.description for recipe in recipes}
        for result in run_experiment(recipes, folder, range(1, n_seeds + 1), size, status.begin):
            results.append(result)
            errors = f"RMSE {result.rmse_mm:.2f} mm, MPME {result.mpme_mm:.2f} mm"
            place = f"{len(results)} of {n_seeds * len(recipes)}"
            console.print(f"{place}: {result.name}, seed {result.seed}: {errors} ({result.seconds:.0f} s)")
            write_output(folder / "curves.png", as_file(draw_experiment(folder, results, titles), dpi=120))
    wide = Console(highlight=False, markup=False, width=max(console.width, _TABLE_WIDTH))
    wide.print(_table(titles, results))
    console.print(f"Loss curves: {folder / 'curves.png'}")


def _table(titles: dict[str, str], results: Sequence[Result]) -> Table:
    """Mean and standard deviation over the seeds, and the report's figures where there are any."""
    from trcaugment.training.experiments import REPORT_MM

    reported = {name: REPORT_MM[name] for name in titles if name in REPORT_MM}
    table = Table(title="Errors on people not trained on (mm)", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("network", no_wrap=True)
    for column in ("RMSE", "report", "MPME", "report", "rigid distances", "epochs"):
        if reported or column != "report":
            table.add_column(column, justify="right", no_wrap=True)
    for name, title in titles.items():
        own = [result for result in results if result.name == name]
        rmse, mpme, distance = (
            _spread([getattr(result, metric) for result in own]) for metric in ("rmse_mm", "mpme_mm", "distance_mm")
        )
        epochs = f"{statistics.mean(result.n_epochs for result in own):.0f}"
        theirs = [f"{value:.1f}" for value in reported.get(name, ())]
        table.add_row(title, rmse, *theirs[:1], mpme, *theirs[1:], distance, epochs)
    return table


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.mean(values):.2f}"
    return f"{mean} ± {statistics.stdev(values):.2f}" if len(values) > 1 else mean
