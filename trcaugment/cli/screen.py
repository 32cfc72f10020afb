"""The screen: a closed pipe or a full disk behind it must not end the work; what counts is in the output files."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from threading import Timer
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:  # rich takes a twentieth of a second, which short commands need not spend
    from rich.console import Console, RenderableType

T = TypeVar("T")
_WIDTH_WITHOUT_TERMINAL = 160  # of a table in a file: wide enough for most paths
BAR_AFTER_S = 2.0  # work that is done sooner needs no bar


def say(text: str, err: bool = False) -> None:
    """Print a line or several."""
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


def counted(n: int, noun: str) -> str:
    """The number and the noun, in the plural where it is not one."""
    return f"{n} {noun}{'s' * (n != 1)}"


class Summary:
    """What a command says of its results: nothing if it shall be quiet; on standard error where data go to output."""

    def __init__(self, quiet: bool = False, *, beside_data: bool = False) -> None:
        """A summary that is shown unless `quiet`; on standard error if standard output carries data (`beside_data`)."""
        self.quiet, self._err = quiet, beside_data

    def loud(self) -> Summary:
        """One that is not quiet, for what failed; on standard error if this one is quiet."""
        return Summary(beside_data=self._err or self.quiet)

    def console(self) -> Console:
        """A console for text with markup."""
        from rich.console import Console

        return Console(stderr=self._err, quiet=self.quiet, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a line or several."""
        if not self.quiet:
            say(text, err=self._err)

    def show(self, table: RenderableType) -> None:
        """Print a table, which in a file or a pipe is not squeezed into 80 columns unless COLUMNS says so."""
        from rich.console import Console

        stream = sys.stderr if self._err else sys.stdout
        free = "COLUMNS" not in os.environ and not (stream is not None and stream.isatty())  # None: there is no screen
        console = Console(width=_WIDTH_WITHOUT_TERMINAL if free else None, highlight=False, markup=False)
        with console.capture() as capture:  # rich itself ends the program where a pipe is closed
            console.print(table)
        self.say("\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines()))


@contextlib.contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], object]]:
    """A bar for work that takes longer than 2 s, on standard error and only if that is a terminal.

    Args:
        title: what is done.
        total: of how many steps.

    Yields:
        What is called after every step.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    terminal = sys.stdout is not None and sys.stdout.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    # Lines on a standard output that is a file must not end up above the bar.
    bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True, redirect_stdout=terminal)
    task = bar.add_task(title, total=total)
    start = Timer(BAR_AFTER_S, bar.start)
    start.daemon = True
    if console.is_interactive:
        start.start()
    try:
        yield lambda: bar.advance(task)
    finally:
        if console.is_interactive:  # elsewhere the bar would leave an empty line
            start.cancel()
            start.join()
            bar.stop()


def track(title: str) -> Callable[[Sequence[T]], Iterator[T]]:
    """A function that hands on what it is given while a bar of `progress` shows how far that is."""

    def tracked(items: Sequence[T]) -> Iterator[T]:
        with progress(title, len(items)) as step:
            for item in items:
                yield item
                step()

    return tracked
