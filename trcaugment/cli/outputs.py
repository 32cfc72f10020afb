"""Files that commands write: what may be written is asked before anything is computed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from trcaugment.errors import OutputError
from trcaugment.formats import outputs
from trcaugment.formats.files import replace_file, why_not_written

STANDARD = Path("-")  # in place of a file: standard input or output
FIGURE_KINDS = (".png", ".pdf", ".svg")


def check_outputs(targets: Sequence[Path], data: Sequence[Path], overwrite: bool) -> None:
    """Refuse outputs that cannot be written or would fall among the data, through links too.

    Args:
        targets: files to write, in folders that exist; standard output can always be written.
        data: files and folders that are read.
        overwrite: whether files that exist may be replaced.
    """
    files = [target for target in targets if target != STANDARD]
    try:
        outputs.check_outputs(files, data, overwrite=overwrite)
        for target in files:
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
    """Write a file whole or not at all, or standard output."""
    try:
        if target == STANDARD:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            replace_file(target, data)
    except OSError as error:
        name = "standard output" if target == STANDARD else target
        raise click.ClickException(f"{name} {why_not_written(error)}") from error
