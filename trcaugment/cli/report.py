"""`trcaugment report`: a page with all there is to know of a trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.outputs import check_outputs, write_output
from trcaugment.errors import ModelError, TrcAugmentError

if TYPE_CHECKING:
    from trcaugment.markers import FloatArray
    from trcaugment.pages.trial import Trial

_FILE = click.Path(path_type=Path)
_END = "_report.html"


@click.command()
@click.argument("source", metavar="TRC", type=_FILE)
@click.option(
    "--motion", type=_FILE, metavar="MOT", help="Its joint angles; else TRC with the end .mot, if it is there."
)
@click.option("--uncertainty", type=_FILE, metavar="CSV", help="What predict --uncertainty wrote for it.")
@click.option("-o", "--output", type=_FILE, metavar="HTML", help=f"The page; else TRC with the end {_END}.")
@click.option("--open", "open_it", is_flag=True, help="Show it in the browser.")
@click.option("--overwrite", is_flag=True, help="Replace the page if it exists.")
def report(
    source: Path, motion: Path | None, uncertainty: Path | None, output: Path | None, open_it: bool, overwrite: bool
) -> None:
    """Write a page on a trial: the moving body, what was done and found, segment lengths, speeds, angles, methods.

    The sidecar beside an output of predict says how it was made; the model's attention is shown if the keypoints
    are still where they were.
    """
    from trcaugment.pages.angles import find_motion, read_solved
    from trcaugment.pages.report import Extras, make_report
    from trcaugment.pages.spread import read_spread
    from trcaugment.pages.trial import open_trial

    page = source.with_name(source.stem + _END) if output is None else output
    check_outputs([page], [each for each in (source, motion, uncertainty) if each is not None], overwrite)
    try:
        trial = open_trial(source)
        motion = motion or find_motion(source)
        solved = read_solved(motion) if motion else None
        spread_mm = read_spread(uncertainty, trial) if uncertainty else None
        attention, missing = _attention(trial)
        data = make_report(trial, Extras(solved, attention, spread_mm, missing))
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    write_output(page, data)
    click.echo(f"{source} -> {page}")
    if open_it:
        click.launch(str(page))


def _attention(trial: Trial) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Attention weights as the trial's own model has them; without the input or the model, why there are none."""
    if trial.sidecar is None or trial.keypoints is None:
        return None, ()
    from trcaugment.chain.augmentation import attend
    from trcaugment.model.folder import load_model
    from trcaugment.subject import Subject

    used, person = trial.sidecar.model, trial.sidecar.subject
    try:
        model = load_model(used.name, "cpu")
        if model.card.sha256 != used.sha256:
            raise ModelError(f"the model {used.name} is another than that of the trial")
        return attend(trial.keypoints, Subject(person.height_m, person.mass_kg), model), ()
    except TrcAugmentError as error:
        return None, (f"Attention is not shown: {error}.",)
