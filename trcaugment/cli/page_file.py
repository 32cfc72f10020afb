"""Where `view` and `report` write their page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from trcaugment.cli.options import handing_on
from trcaugment.cli.outputs import STANDARD, check_outputs, write_output


@dataclass(frozen=True)
class PageFile:
    """The page of a trial.

    Attributes:
        end: of its name, in place of the trial's, if no output is named.
        output: the named one.
        open_it: whether the browser shows it.
        overwrite: whether an earlier page is replaced.
    """

    end: str
    output: Path | None
    open_it: bool
    overwrite: bool

    def path(self, source: Path) -> Path:
        """The page of a trial's file."""
        return source.with_name(source.stem + self.end) if self.output is None else self.output

    def check(self, source: Path, others: Iterable[Path | None]) -> None:
        """Refuse a page that cannot be written, or that would be the trial or another file that is read."""
        check_outputs([self.path(source)], [source, *(each for each in others if each is not None)], self.overwrite)

    def write(self, source: Path, data: bytes) -> None:
        """Write the page, say so where that is not in the page, and show it if that is wanted."""
        page = self.path(source)
        write_output(page, data)
        click.echo(f"{source} -> {page}", err=page == STANDARD)
        if self.open_it:
            click.launch(str(page))


def page_options(end: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`-o`, `--open` and `--overwrite`, as `page_file`; without -o the page has the trial's name with this end."""
    return handing_on(
        "page_file",
        partial(PageFile, end),
        (
            click.option(
                "-o",
                "--output",
                type=click.Path(path_type=Path),
                metavar="HTML",
                help=f"The page; else TRC with the end {end}.",
            ),
            click.option("--open", "open_it", is_flag=True, help="Show it in the browser."),
            click.option("--overwrite", is_flag=True, help="Replace the page if it exists."),
        ),
    )
