"""The screen: a closed pipe or a full disk behind it must not end the work; what counts is in the output files."""

from __future__ import annotations

import contextlib
import sys

import click
from rich.console import Console

_WIDTH_WITHOUT_TERMINAL = 160  # of a table in a file: wide enough for most paths


def say(text: str, err: bool = False) -> None:
    """Print a line or several."""
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


def wide_console() -> Console:
    """A console for tables, which in a file or a pipe are not squeezed into 80 columns."""
    width = None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
    return Console(width=width, highlight=False, markup=False)
