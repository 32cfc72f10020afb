"""`trcaugment report`: a page with all there is to know of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.page_file import PageFile, page_options
from trcaugment.errors import ModelError, TrcAugmentError
from trcaugment.formats.files import REPORT_END

if TYPE_CHECKING:
    from trcaugment.model.folder import Model

_FILE = click.Path(path_type=Path)


@click.command(short_help="Write a page with all that is known of a trial.")
@click.argument("source", metavar="TRC", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--motion", type=_FILE, metavar="MOT", help="Its joint angles; else TRC with the end .mot, if it is there."
)
@click.option("--uncertainty", type=_FILE, metavar="CSV", help="What predict --uncertainty wrote for it.")
@click.option("--model", "model_name", metavar="MODEL", help="Your own model folder, if it predicted the trial.")
@page_options(REPORT_END)
def report(
    source: Path,
    motion: Path | None,
    uncertainty: Path | None,
    model_name: str | None,
    page_file: PageFile,
) -> None:
    """Write a page on a trial: the moving body, what was done and found, segment lengths, speeds, angles, methods.

    The sidecar beside an output of predict says how it was made; the model's attention is shown if the keypoints
    are still where they were.
    """
    from trcaugment.pages.angles import find_motion
    from trcaugment.pages.making import report_of

    page_file.check(source, (motion, uncertainty))
    try:
        model = _load(model_name) if model_name else None
        data = report_of(source, motion or find_motion(source), uncertainty, model)
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    page_file.write(source, data)


def _load(name: str) -> Model:
    from trcaugment.model.folder import load_model

    return load_model(name, "cpu")
