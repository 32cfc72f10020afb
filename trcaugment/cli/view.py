"""`trcaugment view`: a page with the moving body."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.page_file import PageFile, page_options
from trcaugment.errors import TrcAugmentError

if TYPE_CHECKING:
    from trcaugment.pages.scene import Layer

_FILE = click.Path(path_type=Path)
PAGE_END = ".html"


@click.command(short_help="Show a trial as a moving body, in the browser.")
@click.argument("source", metavar="TRC", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--with", "other", type=_FILE, metavar="FILE", help="Another file of the recording, such as optical markers."
)
@click.option("--motion", type=_FILE, metavar="MOT", help="Joint angles, of which --model shows the pose.")
@click.option("--model", type=_FILE, metavar="OSIM", help="The scaled OpenSim model for --motion.")
@click.option(
    "--uncertainty", type=_FILE, metavar="CSV", help="What predict --uncertainty wrote for TRC: paler is less sure."
)
@page_options(PAGE_END)
def view(
    source: Path,
    other: Path | None,
    motion: Path | None,
    model: Path | None,
    uncertainty: Path | None,
    page_file: PageFile,
) -> None:
    """Write a page that shows a trial's markers as a moving body, in any browser and without a network.

    Beside an output of predict, the keypoints that it was made from are shown if they are still there, and what was
    found. With another file, marker by marker, the distance of the two.
    """
    from trcaugment.pages.spread import read_spread
    from trcaugment.pages.trial import open_trial
    from trcaugment.pages.viewer import make_page, show

    if (motion is None) != (model is None):
        raise click.UsageError("--motion needs --model, and --model needs --motion: give both.")
    page_file.check(source, (other, motion, model, uncertainty))
    try:
        trial = open_trial(source)
        beside = open_trial(other) if other else None
        models = _model_layers(model, motion) if model and motion else ()
        spread_mm = read_spread(uncertainty, trial) if uncertainty else None
        shown = show(trial, beside, models, spread_mm=spread_mm)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    page_file.write(source, make_page(shown, source.stem))


def _model_layers(model: Path, motion: Path) -> Sequence[Layer]:
    from trcaugment.osim.posing import pose
    from trcaugment.pages.scene import Layer

    joints, bones = pose(model, motion)
    return [Layer(f"{model.name} moved by {motion.name}", "model", joints, segments=bones)]
