"""`trcaugment osim ik`: marker TRCs in, a scaled model and joint angles out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.outputs import write_output
from trcaugment.errors import SubjectError, TrcAugmentError
from trcaugment.subject import Subject

if TYPE_CHECKING:
    from trcaugment.markers import Markers
    from trcaugment.osim.ik import MarkerErrors
    from trcaugment.osim.pipeline import Kit

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("inputs", metavar="TRC [TRC2 ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--height", required=True, type=float, metavar="M", help="Height of the person in m, such as 1.584.")
@click.option("--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32.")
@click.option("-o", "--output", required=True, type=_FOLDER, help="Folder for the model, the angles and all else.")
@click.option("--static", type=_FOUND, metavar="TRC", help="Static trial: scale by its distances.")
@click.option("--model", type=_FOUND, metavar="OSIM", help="Your own model; else the shipped full-body model.")
@click.option("--marker-set", type=_FOUND, metavar="XML", help="Markers for your model, where it has none.")
@click.option("--scale-setup", type=_FOUND, metavar="XML", help="Scale Tool set-up with your measurements.")
@click.option("--ik-setup", type=_FOUND, metavar="XML", help="Inverse kinematics set-up with your weights.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Trials solved at once.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def ik(
    inputs: tuple[Path, ...],
    height: float,
    mass: float,
    output: Path,
    static: Path | None,
    model: Path | None,
    marker_set: Path | None,
    scale_setup: Path | None,
    ik_setup: Path | None,
    jobs: int,
    overwrite: bool,
) -> None:
    """Scale a model to a person and find the joint angles of trials, with OpenSim.

    All trials together scale one model. The output folder holds it (scaled.osim), the angles (*.mot), marker errors
    (table and figure), OpenSim's logs, and set-ups with relative paths that OpenSim re-runs.
    """
    from trcaugment.osim.pipeline import Kit

    try:
        subject = Subject(height, mass)
    except SubjectError as error:
        raise click.UsageError(str(error)) from error
    kit = Kit(model, marker_set, scale_setup, ik_setup)
    paths = prepare(inputs, output, overwrite)
    if not run(paths, subject, output, kit=kit, static=static, jobs=jobs):
        sys.exit(1)


def prepare(inputs: Iterable[Path], folder: Path, overwrite: bool) -> dict[str, Path]:
    """Refuses what cannot be written, makes the folder, and returns the trials by the names of their outputs."""
    from trcaugment.osim.pipeline import SCALING_FILES, trial_files

    paths: dict[str, Path] = {}
    for path in inputs:
        if path.stem in paths:
            raise click.UsageError(f"{paths[path.stem]} and {path} would both become {path.stem}.mot; rename one.")
        paths[path.stem] = path
    sources = {os.path.realpath(path) for path in paths.values()}
    for file in (*SCALING_FILES, *(file for name in paths for file in trial_files(name))):
        target = folder / file
        if os.path.realpath(target) in sources:
            raise click.UsageError(f"the output {target} is an input; choose another folder.")
        if target.exists() and not overwrite:
            raise click.UsageError(f"{target} exists; add --overwrite to replace it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.UsageError(f"cannot write to {folder}: {error.strerror}.") from error
    return paths


def run(
    paths: Mapping[str, Path], subject: Subject, folder: Path, *, kit: Kit, static: Path | None = None, jobs: int
) -> bool:
    """Scale, solve and show; whether all trials were solved."""
    from rich.console import Console

    from trcaugment.cli.osim_tables import show_errors, show_scaling
    from trcaugment.figures.ik_errors import draw_ik_errors
    from trcaugment.formats.trc import read_trc
    from trcaugment.osim.pipeline import FIGURE_END, scale_person, solve_trials

    console = Console(highlight=False, soft_wrap=True)
    trials, failed = _read(paths)
    solved: dict[str, MarkerErrors] = {}
    try:
        if trials:
            still = None if static is None else read_trc(static)
            scaled = scale_person(list(trials.values()), still, subject, kit, folder)
            show_scaling(console, scaled.scaling, folder)
            for name, errors in solve_trials({name: paths[name] for name in trials}, scaled.tasks, folder, jobs):
                if isinstance(errors, TrcAugmentError):
                    failed[name] = errors
                else:
                    solved[name] = errors
                    write_output(folder / f"{name}{FIGURE_END}", draw_ik_errors(errors, name))
    except TrcAugmentError as error:
        failed |= dict.fromkeys(trials, error)
    if solved:
        show_errors(console, {name: solved[name] for name in paths if name in solved}, folder)
    for name, why in failed.items():
        click.echo(f"{click.style('failed', fg='red')}  {why.about(paths[name])}", err=True)
    return not failed


def _read(paths: Mapping[str, Path]) -> tuple[dict[str, Markers], dict[str, TrcAugmentError]]:
    from trcaugment.formats.trc import read_trc

    trials: dict[str, Markers] = {}
    failed: dict[str, TrcAugmentError] = {}
    for name, path in paths.items():
        try:
            trials[name] = read_trc(path)
        except TrcAugmentError as error:
            failed[name] = error
    return trials, failed
