"""Options that several commands share, and commands whose help groups options by purpose."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from trcaugment.chain.time_range import TimeRange
from trcaugment.cli.outputs import STANDARD
from trcaugment.cli.screen import Summary
from trcaugment.errors import MarkersError, SubjectError
from trcaugment.subject import Subject

_Function = Callable[..., Any]
_Decorator = Callable[[_Function], _Function]
_FILE = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


# Headings of the help, and the parameters under them; each command has some of these.
_GROUPS = {
    "Person": ("height", "mass", "subjects", "calibration"),
    "Files": ("output", "layout", "overwrite", "with_keypoints", "uncertainty", "with_report", "dry_run"),
    "What is read": ("names", "from_s", "to_s"),
    "Preparing keypoints": ("max_gap_s", "keep_outliers", "repair_swaps", "up", "lowpass_hz", "arms", "strict"),
    "Network": ("model_name", "device"),
    "OpenSim": (
        "with_ik",
        "static",
        "neutral",
        "model",
        "osim_model",
        "marker_set",
        "scale_setup",
        "no_scaling",
        "measurements_only",
        "place_markers",
        "ik_setup",
        "bridged_s",
    ),
    "Running": ("jobs", "address", "quiet", "json_file"),
}


class GroupedCommand(click.Command):
    """A command whose options stand in its help under headings; those under none stand last."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = {str(each.name): each.get_help_record(ctx) for each in options}
        grouped = {name for names in _GROUPS.values() for name in names}
        rest = tuple(name for name in records if name not in grouped)
        for heading, names in [*_GROUPS.items(), ("Other options", rest)]:
            rows = [record for record in (records.get(name) for name in names) if record]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def handing_on(name: str, make: _Function, options: Sequence[_Decorator]) -> _Decorator:
    """A decorator that adds options to a command, and hands it one object made of their values.

    Args:
        name: of the command's argument that gets the object.
        make: makes it of the options' values, given by name; runs before the command.
        options: of click.
    """

    def add(command: _Function) -> _Function:
        @wraps(command)
        def with_options(**arguments: Any) -> None:
            own = {each: arguments.pop(each) for each in names}
            command(**{name: make(**own)}, **arguments)

        params = with_options.__dict__.setdefault("__click_params__", [])  # where click.option keeps what it adds
        n_others = len(params)
        for option in reversed(options):
            option(with_options)
        names = [each.name for each in params[n_others:]]
        return with_options

    return add


class Seconds(click.FloatRange):
    """A number of seconds within limits; click's own range lets NaN pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("expected a number of seconds, found nan", param, ctx)
        return number


def _time_range(from_s: float | None, to_s: float | None) -> TimeRange:
    try:
        return TimeRange(from_s, to_s)
    except MarkersError as error:
        raise click.UsageError(f"--from and --to: {error}") from error


time_options = handing_on(
    "time_range",
    _time_range,
    (
        click.option("--from", "from_s", type=float, metavar="S", help="Begin at this time stamp of the file."),
        click.option("--to", "to_s", type=float, metavar="S", help="End at this one."),
    ),
)


def _subject(height: float, mass: float) -> Subject:
    try:
        return Subject(height, mass)
    except SubjectError as error:
        raise click.UsageError(str(error)) from error


mass_option = click.option(
    "--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32."
)
subject_options = handing_on(
    "subject",
    _subject,
    (
        click.option(
            "--height", required=True, type=float, metavar="M", help="Height of the person in m, such as 1.584."
        ),
        mass_option,
    ),
)
model_option = click.option(
    "--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder."
)
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace output files that exist.")


def jobs_option(words: str) -> _Decorator:
    """`--jobs`, as `jobs`: how much is done at once; `words` are its help."""
    n = os.cpu_count() or 1
    return click.option("--jobs", type=click.IntRange(1), default=n, show_default=True, metavar="N", help=words)


def report_options(function: _Function) -> _Function:
    """`--quiet` and `--json`, as `quiet` and `json_file`."""
    function = click.option(
        "--json", "json_file", type=_FILE, metavar="FILE", help="Write what was done as JSON; - for standard output."
    )(function)
    return click.option("-q", "--quiet", is_flag=True, help="Say only what failed.")(function)


def make_summary(quiet: bool, json_file: Path | None, output: Path | None = None) -> Summary:
    """Where the summary goes: to standard error where an output or the JSON takes standard output.

    Args:
        quiet: whether it is left out.
        json_file: where the JSON goes, if it is wanted.
        output: where the results go.
    """
    if json_file == output == STANDARD:
        raise click.UsageError("-o - and --json - would both write to standard output; give one of them a file.")
    return Summary(quiet, beside_data=STANDARD in (json_file, output))
