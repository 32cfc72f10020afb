"""The screen: a closed pipe or a full disk behind it must not end the work; what counts is in the output files."""

from __future__ import annotations

import contextlib
import sys

import click
from rich.console import Console, RenderableType

_WIDTH_WITHOUT_TERMINAL = 160  # of a table in a file: wide enough for most paths


def say(text: str, err: bool = False) -> None:
    """Print a line or several."""
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


def show(table: RenderableType) -> None:
    """Print a table, which in a file or a pipe is not squeezed into 80 columns."""
    terminal = sys.stdout is not None and sys.stdout.isatty()  # None: there is no screen
    console = Console(width=None if terminal else _WIDTH_WITHOUT_TERMINAL, highlight=False, markup=False)
    with console.capture() as capture:  # rich itself ends the program where a pipe is closed
        console.print(table)
    say(capture.get().rstrip("\n"))
