"""The command line: `trcaugment COMMAND`. Commands load what they need when they run, so `--help` is quick."""

from __future__ import annotations

import io
import sys
from importlib import import_module

import click

from trcaugment import __version__

_COMMANDS = {
    "predict": "predict",
    "batch": "batch",
    "calibrate": "calibrate",
    "train": "train",
    "data": "data",
    "live": "live",
    "evaluate": "evaluate",
    "attention": "attention",
    "view": "view",
    "report": "report",
    "experiment": "experiment",
    "osim": "osim",
    "models": "models",
    "export": "export",
}


class _LazyGroup(click.Group):
    """Imports a command's module when the command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "" in args:  # as a path it would be the working folder, as an address all networks
            raise click.UsageError('an argument is empty: is a variable not set, as in -o "$OUT"?', ctx)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"trcaugment.cli.{_COMMANDS[cmd_name]}"), cmd_name)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="trcaugment")
def main() -> None:
    """Predict anatomical markers for OpenSim from sparse 3-D video keypoints.

    Exit codes: 0 done, 1 a trial failed, 2 wrong usage.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names of people and files may not fit the console's encoding: print a ? rather than fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
