"""Options that several commands share, and commands whose help groups options by purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trcaugment.chain.time_range import TimeRange
from trcaugment.cli.outputs import STANDARD
from trcaugment.cli.screen import Summary
from trcaugment.errors import MarkersError

_Function = Callable[..., Any]
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


def time_options(function: _Function) -> _Function:
    """`--from` and `--to`, as `from_s` and `to_s`."""
    ends = (("--from", "from_s", "Begin at this time stamp of the file."), ("--to", "to_s", "End at this one."))
    for flag, name, words in reversed(ends):
        function = click.option(flag, name, type=float, metavar="S", help=words)(function)
    return function


def time_range(from_s: float | None, to_s: float | None) -> TimeRange:
    """What they say; wrong usage if it is no range."""
    try:
        return TimeRange(from_s, to_s)
    except MarkersError as error:
        raise click.UsageError(f"--from and --to: {error}") from error


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
