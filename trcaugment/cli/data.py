"""`trcaugment data`: examine local data sets and make new ones."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from trcaugment.cli.screen import track

if TYPE_CHECKING:
    from trcaugment.datasets.dataset import Dataset
    from trcaugment.datasets.window_set import WindowSet

_SUBJECTS_SHOWN = 30
_ACTIVITIES_SHOWN = 20


@click.group(short_help="Check data sets for training, or make new ones.")
def data() -> None:
    """Examine local data sets for training, or make new ones."""


@data.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def check(path: Path) -> None:
    """Say what a data set holds, and what is wrong with it.

    PATH is a folder of feature_i.npy and responses_i.npy (marker-augmentation), time_sequences.h5 or a folder with such
    files (marker-enhancer), a folder of NAME_keypoints.trc and NAME_markers.trc, or one of .mot files with an .osim
    model. The last two need a subjects.csv.

    Exit codes: 0 nothing is wrong, 1 something is, 2 there is no such path.
    """
    from trcaugment.datasets.reading import load_dataset
    from trcaugment.errors import TrcAugmentError

    console = Console(highlight=False, soft_wrap=False)
    try:
        with console.status(f"Reading {escape(str(path))}"):
            dataset = load_dataset(path)
    except TrcAugmentError as error:
        console.print(f"[red]wrong:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    console.print(_summary(dataset))
    console.print(_subjects(dataset))
    for sentence in dataset.left_out:
        console.print(f"[red]wrong:[/] {escape(sentence)}", soft_wrap=True)
    if dataset.left_out:
        console.print("What is wrong is left out; the windows in the tables are used.")
        sys.exit(1)
    console.print("Nothing wrong was found.")


def _summary(dataset: Dataset) -> Table:
    table = Table(title=escape(str(dataset.path)), title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    windows = dataset.window_set.windows
    rows = {
        "layout": dataset.layout,
        "subjects": str(len(set(dataset.window_set.subjects))),
        "windows": f"{len(dataset.window_set)} of 30 frames at 60 Hz, {_minutes(len(dataset.window_set))} min",
        "heights": f"{float(windows.height_m.min()):.2f}-{float(windows.height_m.max()):.2f} m",
        "masses": f"{float(windows.mass_kg.min()):.1f}-{float(windows.mass_kg.max()):.1f} kg",
        "activities": _activities(dataset.window_set),
        "missing markers": ", ".join(dataset.missing_markers) or "none",
        "split": _split(dataset),
        "noted": "; ".join(dataset.notes),
    }
    for title, value in rows.items():
        if value:
            table.add_row(title, escape(value))
    return table


def _activities(window_set: WindowSet) -> str:
    """Windows of each activity, the most frequent first."""
    counts = Counter(name or "unknown" for name in window_set.activities)
    shown = ", ".join(f"{name} {n}" for name, n in counts.most_common(_ACTIVITIES_SHOWN))
    return shown + (f" and {len(counts) - _ACTIVITIES_SHOWN} more" if len(counts) > _ACTIVITIES_SHOWN else "")


def _split(dataset: Dataset) -> str:
    if not dataset.split:
        return "none of its own: subjects are shared out by the recipe"
    return ", ".join(f"{len(names)} {part}" for part, names in asdict(dataset.split).items())


def _subjects(dataset: Dataset) -> Table:
    """Windows, height and mass of every subject."""
    parts = dataset.split.by_subject() if dataset.split else {}
    table = Table("subject", "windows", "min", "height in m", "mass in kg", *(("part",) if parts else ()))
    rows: dict[str, list[int]] = {}
    for k, name in enumerate(dataset.window_set.subjects):
        rows.setdefault(name, []).append(k)
    windows = dataset.window_set.windows
    for name, index in sorted(rows.items())[:_SUBJECTS_SHOWN]:
        sizes = _range(windows.height_m[index].tolist(), 3), _range(windows.mass_kg[index].tolist(), 1)
        table.add_row(
            escape(name), str(len(index)), _minutes(len(index)), *sizes, *((parts.get(name, "-"),) if parts else ())
        )
    if len(rows) > _SUBJECTS_SHOWN:
        table.add_row(f"and {len(rows) - _SUBJECTS_SHOWN} more")
    return table


def _range(values: list[float], digits: int) -> str:
    """One value, or two where a subject was scaled."""
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low}-{high}"


def _minutes(n_windows: int) -> str:
    return f"{n_windows / 120:.1f}"


@data.command(short_help="Make a data set from a recipe's generator.")
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "source",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="A recipe, whose generator makes windows, or a folder of .mot files with an .osim model and subjects.csv.",
)
@click.option("--layout", type=click.Choice(["npy", "trc"]), default="npy", show_default=True, help="What to write.")
@click.option("--subjects", type=click.IntRange(1, 1_000_000), help="Generated subjects.  [default: 200]")
@click.option(
    "--windows", type=click.IntRange(1, 1_000_000), help="Generated windows of all of them.  [default: 20000]"
)
def build(out: Path, source: Path, layout: str, subjects: int | None, windows: int | None) -> None:
    """Make a data set in the new folder OUT, from a recipe's generator or from OpenSim motions.

    The layout npy is that of marker-augmentation: feature_i.npy, responses_i.npy and infoData.npy. The layout trc is
    pairs of NAME_keypoints.trc and NAME_markers.trc with subjects.csv: whole trials of motions, or half-second trials
    of generated windows. The same recipe makes the same windows.
    """
    from trcaugment.errors import OutputError, RecipeError, TrcAugmentError
    from trcaugment.formats.outputs import check_new_folder

    if source.is_dir() and (subjects or windows):
        raise click.UsageError("--subjects and --windows are for a recipe; a folder of motions has its own.")
    try:
        check_new_folder(out, [source])  # before the long work
    except OutputError as error:
        raise click.UsageError(str(error)) from error
    console = Console(highlight=False, soft_wrap=True)
    try:
        if source.is_dir():
            with Console(stderr=True).status("Moving the models"):
                made = _from_trials(out, source, layout)
        else:
            made = _from_recipe(out, source, layout, (subjects or 200, windows or 20_000))
    except RecipeError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    people = len(set(made.subjects))
    console.print(f"{escape(str(out))}: {len(made)} windows of {people} subjects, {_minutes(len(made))} min")


def _from_recipe(out: Path, source: Path, layout: str, numbers: tuple[int, int]) -> WindowSet:
    from trcaugment.datasets.building import write_dataset
    from trcaugment.datasets.window_set import generate_set
    from trcaugment.training.recipe import read_recipe
    from trcaugment.training.sources import make_generator

    recipe = read_recipe(source)
    console = Console(stderr=True)
    with console.status("Making motions"):
        generator = make_generator(recipe, source.parent)
    window_set = generate_set(generator, *numbers, seed=recipe.seed, track=track("Making windows"))
    with console.status("Writing"):
        write_dataset(out, window_set, layout)
    return window_set


def _from_trials(out: Path, source: Path, layout: str) -> WindowSet:
    from trcaugment.datasets.building import write_dataset
    from trcaugment.datasets.reading import load_trials, read_trials

    kind, trials = read_trials(source)
    dataset = load_trials(source, kind, trials)
    for sentence in dataset.left_out:
        click.echo(f"left out: {sentence}", err=True)
    write_dataset(out, dataset.window_set, layout, trials)
    return dataset.window_set
