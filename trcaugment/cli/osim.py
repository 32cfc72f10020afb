"""`trcaugment osim`: from markers to joint angles with OpenSim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from trcaugment.cli.names import name_map, names_option
from trcaugment.cli.options import report_options
from trcaugment.cli.osim_bvh import bvh
from trcaugment.cli.osim_ik import ik
from trcaugment.cli.outputs import STANDARD, check_figure, check_outputs, write_output
from trcaugment.errors import TrcAugmentError
from trcaugment.formats.files import as_csv, as_json

if TYPE_CHECKING:
    from trcaugment.osim.check import Check, Idle
    from trcaugment.osim.compare import Comparison

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.group(short_help="Find joint angles with OpenSim; check, scale, compare.")
def osim() -> None:
    """Go from markers to joint angles with OpenSim, and check what comes out."""


osim.add_command(ik)
osim.add_command(bvh)


@osim.command(short_help="Write the shipped full-body model.")
@click.argument("output", metavar="OUT.osim", type=_FILE)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def model(output: Path, overwrite: bool) -> None:
    """Write the shipped full-body model: no muscles, the markers that predict writes, an average adult."""
    from trcaugment.body.skeleton import ARM_MARKERS, GENERIC_HEIGHT_M, MARKERS
    from trcaugment.osim.model import write_shipped_model

    check_outputs([output], [], overwrite)
    try:
        write_shipped_model(output)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: full-body model, {len(MARKERS) + len(ARM_MARKERS)} markers, {GENERIC_HEIGHT_M:.2f} m.")


@osim.command(short_help="List what a model would make of a TRC file.")
@click.argument("trc", metavar="OUT.trc", type=_FOUND)
@click.option("--model", "model_file", type=_FOUND, metavar="M.osim", required=True, help="The model.")
@click.option("--marker-set", type=_FOUND, metavar="XML", help="Marker set to add to the model.")
@click.option("--ik-setup", type=_FOUND, metavar="XML", help="Inverse kinematics set-up.")
@click.option("--scale-setup", type=_FOUND, metavar="XML", help="Scaling set-up.")
@names_option
@report_options
@click.option("--overwrite", is_flag=True, help="Replace the JSON file if it exists.")
def check(
    trc: Path,
    model_file: Path,
    marker_set: Path | None,
    ik_setup: Path | None,
    scale_setup: Path | None,
    names: tuple[str, ...],
    quiet: bool,
    json_file: Path | None,
    overwrite: bool,
) -> None:
    """List what a model and its set-ups would make of a TRC file, and what OpenSim would leave out in silence.

    Markers that only one of them has, inverse kinematics tasks and scaling measurements that would do nothing, bodies
    that would keep their generic size, markers that the Scale tool would delete, and what it would misread in the file.
    With --names, the markers are compared under your names. Exit code 1 if no marker fits.
    """
    from trcaugment.formats.trials import read_trial
    from trcaugment.osim.check import check as check_files

    check_outputs([json_file] if json_file else [], [trc], overwrite)
    try:
        markers = read_trial(trc)
        if names:
            markers = name_map(names).apply(markers)
        found = check_files(markers, model_file, marker_set, ik_setup, scale_setup, trc)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    if json_file:
        write_output(json_file, as_json(found))
    _show_check(_console(quiet, json_file), found)
    if not found.matched:
        has = "has no markers of its own" if not found.only_in_model and not found.empty else "knows none of them"
        raise click.ClickException(
            f"no marker of {trc} is on the model: {model_file.name} {has}. Give the marker set that fits the file's "
            "names with --marker-set."
        )


def _console(quiet: bool, json_file: Path | None) -> Console:
    """Where a summary goes: to standard error if the JSON takes standard output."""
    return Console(stderr=json_file == STANDARD, quiet=quiet, highlight=False, markup=False)


def _show_check(console: Console, found: Check) -> None:
    for sentence in found.misread:
        console.print(sentence, style="bold red")
    _show_names(console, "In the file and on the model", found.matched)
    _show_names(console, "On the model, but without a sample in the file", found.empty)
    _show_names(console, "Only in the file", found.only_in_file)
    _show_names(console, "Only on the model", found.only_in_model)
    for name, other in found.alike.items():
        console.print(f"  {name} of the model resembles {other} of the file, but names must be equal")
    if found.ik:
        _show_idle(console, "inverse kinematics tasks", found.ik.n_tasks, found.ik.idle)
        _show_names(console, "In the file and on the model, but followed by no task", found.ik.untracked)
    if found.scaling:
        _show_idle(console, "scaling measurements", found.scaling.n_measurements, found.scaling.idle)
        _show_names(console, "Bodies that would keep their generic size", found.scaling.unsized)
        _show_names(console, "Markers that the Scale tool would delete from the model", found.scaling.deleted)


def _show_names(console: Console, title: str, names: Sequence[str]) -> None:
    if names:
        console.print(f"{title} ({len(names)})", style="bold")
        console.print(Padding(", ".join(names), (0, 0, 0, 2)))


def _show_idle(console: Console, what: str, n: int, idle: Sequence[Idle]) -> None:
    console.print(f"{len(idle)} of {n} {what} would do nothing", style="bold red" if idle else "bold")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    for name, reason in idle:
        table.add_row(name, reason)
    if idle:
        console.print(table)


@osim.command(short_help="Compare the joint angles of two motions.")
@click.argument("first", metavar="A.mot", type=_FOUND)
@click.argument("second", metavar="B.mot", type=_FOUND)
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write the differences as a table.")
@click.option("--figure", "figure_file", type=_FILE, metavar="FILE", help="Draw the curves (.png, .pdf, .svg).")
@report_options
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def compare(
    first: Path,
    second: Path,
    csv_file: Path | None,
    figure_file: Path | None,
    quiet: bool,
    json_file: Path | None,
    overwrite: bool,
) -> None:
    """Compare the joint angles of two motions of one trial, coordinate by coordinate.

    Both are taken at A's time stamps where the two overlap. RMSE is given with and without the mean difference B - A,
    which other axes or markers on other places make. Angles are compared on the circle. Coordinates at rest in one of
    them, such as those of arms that no marker shows, are left out. Needs no opensim.
    """
    from trcaugment.osim.compare import compare as compare_motions
    from trcaugment.osim.compare import read_motion

    check_outputs([each for each in (csv_file, figure_file, json_file) if each], [first, second], overwrite)
    kind = check_figure(figure_file) if figure_file else ""
    try:
        motions = read_motion(first), read_motion(second)
        found = compare_motions(*motions)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    if csv_file:
        write_output(csv_file, _as_csv(found))
    if figure_file:
        from trcaugment.figures.angles import draw_angles
        from trcaugment.figures.figures import as_file

        write_output(figure_file, as_file(draw_angles(found, (str(first), str(second))), kind))
    if json_file:
        write_output(json_file, as_json({"differences": found.differences, "n_frames": len(found.time_s)}))
    console = _console(quiet, json_file)
    for path, motion in ((first, motions[0]), (second, motions[1])):
        if motion.notes:
            console.print(f"{path}: {' '.join(motion.notes)}", soft_wrap=True)
    _show(console, found)


def _as_csv(found: Comparison) -> bytes:
    rows = [asdict(difference) for difference in found.differences]
    # Empty where there is no number.
    return as_csv([rows[0], *([None if value != value else value for value in row.values()] for row in rows)])


def _show(console: Console, found: Comparison) -> None:
    table = Table("coordinate", "unit", box=None, header_style="bold", pad_edge=False)
    for title in ("RMSE", "offset B-A", "offset-free", "correlation", "frames"):
        table.add_column(title, justify="right", no_wrap=True)
    still = [each.coordinate for each in found.differences if each not in found.shown]
    for each in found.shown:
        errors = (_number(value, 2) for value in (each.rmse, each.offset, each.offset_free_rmse))
        table.add_row(each.coordinate, each.unit, *errors, _number(each.correlation, 3), str(each.n_frames))
    table.add_section()
    for unit in ("deg", "mm"):
        n, rmse, offset_free = found.mean(unit)
        if n:
            table.add_row(f"mean of {n} moving", unit, f"{rmse:.2f}", "", f"{offset_free:.2f}", style="bold")
    console.print(table)
    console.print(f"{len(found.time_s)} frames in common, {found.time_s[0]:.2f} to {found.time_s[-1]:.2f} s.")
    lists = {"At rest in one, left out": still, "Only in A": found.only_in_first, "Only in B": found.only_in_second}
    for title, names in lists.items():
        if names:
            console.print(f"{title}: {', '.join(names)}.")


def _number(value: float, digits: int) -> str:
    return "" if value != value else f"{value:z.{digits}f}"
