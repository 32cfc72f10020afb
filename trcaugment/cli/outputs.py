"""Files that commands write: what may be written is asked before anything is computed."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import click

from trcaugment.formats.files import replace_file, why_not_written

FIGURE_KINDS = (".png", ".pdf", ".svg")


def check_outputs(targets: Sequence[Path], data: Sequence[Path], overwrite: bool) -> None:
    """Refuse outputs that cannot be written or would fall among the data, through links too.

    Args:
        targets: files to write.
        data: files and folders that are read.
        overwrite: whether files that exist may be replaced.
    """
    sources = [Path(os.path.realpath(source)) for source in data]
    real = [Path(os.path.realpath(target)) for target in targets]
    for target, place in zip(targets, real, strict=True):
        if real.count(place) > 1:
            raise click.UsageError(f"two outputs would become the one file {target}.")
        if any(place.is_relative_to(source) for source in sources):
            raise click.UsageError(f"the output {target} would lie among the data; choose another place.")
        _check_place(target, place, overwrite)


def _check_place(target: Path, place: Path, overwrite: bool) -> None:
    try:
        if place.exists() and not overwrite:
            raise click.UsageError(f"{target} exists; add --overwrite to replace it.")
        if not place.parent.is_dir():
            raise click.UsageError(f"there is no folder {target.parent}; create it first.")
        if not os.access(place.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "its folder is read-only")
    except OSError as error:
        raise click.UsageError(f"{target} {why_not_written(error)}") from error


def check_figure(target: Path) -> str:
    """Kind of a figure by the end of its name: png, pdf or svg."""
    if target.suffix.casefold() not in FIGURE_KINDS:
        raise click.UsageError(
            f"expected a figure named {', '.join('*' + kind for kind in FIGURE_KINDS)}, found {target}."
        )
    return target.suffix.casefold().removeprefix(".")


def write_output(target: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    try:
        replace_file(target, data)
    except OSError as error:
        raise click.ClickException(f"{target} {why_not_written(error)}") from error
