"""Files that commands write: what may be written is asked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from trcaugment.errors import OutputError
from trcaugment.formats import outputs
from trcaugment.formats.files import replace_file, why_not_written

FIGURE_KINDS = (".png", ".pdf", ".svg")


def check_outputs(targets: Sequence[Path], data: Sequence[Path], overwrite: bool) -> None:
    """Refuse outputs that cannot be written or would fall among the data, through links too.

    Args:
        targets: files to write, in folders that exist.
        data: files and folders that are read.
        overwrite: whether files that exist may be replaced.
    """
    try:
        outputs.check_outputs(targets, data, overwrite=overwrite)
        for target in targets:
            outputs.check_folder_of(target)
    except OutputError as error:
        raise click.UsageError(str(error)) from error


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
