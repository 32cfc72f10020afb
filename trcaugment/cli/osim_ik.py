"""`trcaugment osim ik`: marker TRCs in, a scaled model and joint angles out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.names import name_map, names_option
from trcaugment.cli.options import time_options, time_range
from trcaugment.errors import OutputError, SubjectError, TrcAugmentError
from trcaugment.formats.outputs import check_outputs
from trcaugment.subject import Subject

if TYPE_CHECKING:
    from trcaugment.conversion.ik import Person
    from trcaugment.osim.ik import MarkerErrors

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("inputs", metavar="TRC [TRC2 ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--height", required=True, type=float, metavar="M", help="Height of the person in m, such as 1.584.")
@click.option("--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32.")
@click.option("-o", "--output", required=True, type=_FOLDER, help="Folder for the model, the angles and all else.")
@time_options
@click.option("--static", type=_FOUND, metavar="TRC", help="Static trial: scale by its distances.")
@click.option("--model", type=_FOUND, metavar="OSIM", help="Your own model; else the shipped full-body model.")
@click.option("--marker-set", type=_FOUND, metavar="XML", help="Markers for your model, where it has none.")
@click.option("--scale-setup", type=_FOUND, metavar="XML", help="Scale Tool set-up with your measurements.")
@click.option("--ik-setup", type=_FOUND, metavar="XML", help="Inverse kinematics set-up with your weights.")
@names_option
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Trials solved at once.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def ik(
    inputs: tuple[Path, ...],
    height: float,
    mass: float,
    output: Path,
    from_s: float | None,
    to_s: float | None,
    static: Path | None,
    model: Path | None,
    marker_set: Path | None,
    scale_setup: Path | None,
    ik_setup: Path | None,
    names: tuple[str, ...],
    jobs: int,
    overwrite: bool,
) -> None:
    """Scale a model to a person and find the joint angles of trials, with OpenSim.

    All trials together scale one model. The output folder holds it (scaled.osim), the angles (*.mot), marker errors
    (table and figure), OpenSim's logs, and set-ups with relative paths that OpenSim re-runs.
    """
    from trcaugment.conversion.ik import Person
    from trcaugment.osim.pipeline import Kit

    try:
        subject = Subject(height, mass)
    except SubjectError as error:
        raise click.UsageError(str(error)) from error
    wanted = time_range(from_s, to_s)
    kit = Kit(model, marker_set, scale_setup, ik_setup)
    own_files = [file for file in (static, model, marker_set, scale_setup, ik_setup) if file]
    paths = prepare(inputs, output, overwrite, own_files)
    person = Person(output, subject, paths, static, kit, name_map(names), wanted)
    if not run(person, jobs):
        sys.exit(1)


def prepare(inputs: Iterable[Path], folder: Path, overwrite: bool, own_files: Sequence[Path] = ()) -> dict[str, Path]:
    """Refuses what cannot be written, makes the folder, and returns the trials by the names of their outputs."""
    from trcaugment.osim.pipeline import SCALING_FILES, trial_files

    paths: dict[str, Path] = {}
    for path in inputs:
        if path.stem in paths:
            raise click.UsageError(f"{paths[path.stem]} and {path} would both become {path.stem}.mot; rename one.")
        paths[path.stem] = path
    targets = [folder / file for file in (*SCALING_FILES, *(file for name in paths for file in trial_files(name)))]
    try:
        check_outputs(targets, [*paths.values(), *own_files], overwrite=overwrite)
        folder.mkdir(parents=True, exist_ok=True)
    except OutputError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot write to {folder}: {error.strerror}.") from error
    return paths


def run(person: Person, jobs: int) -> bool:
    """Scale, solve and show; whether all trials were solved."""
    from rich.console import Console

    from trcaugment.cli.osim_tables import show_errors, show_scaling
    from trcaugment.conversion.ik import ScaledPerson, scale_and_solve
    from trcaugment.conversion.pools import local_pool

    console = Console(highlight=False, soft_wrap=True)
    paths, folder = person.trials, person.folder
    solved: dict[str, MarkerErrors] = {}
    failed: dict[str, TrcAugmentError] = {}
    with local_pool(min(jobs, len(paths)), apart=True) as pool:
        for done in scale_and_solve([person], pool, jobs):
            if isinstance(done, ScaledPerson):
                show_scaling(console, done.scaling, folder)
                for name, notes in done.notes.items():
                    click.echo(f"{paths[name]}: {' '.join(notes)}")
            elif done.errors is not None:
                solved[done.name] = done.errors
            elif done.failure is not None:
                failed[done.name] = done.failure
    if solved:
        show_errors(console, {name: solved[name] for name in paths if name in solved}, folder)
    for name in (name for name in paths if name in failed):
        click.echo(f"{click.style('failed', fg='red')}  {failed[name].about(paths[name])}", err=True)
    return not failed
