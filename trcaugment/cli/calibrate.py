"""`trcaugment calibrate`: keypoints and optical markers of a person in, where this person's markers are out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from trcaugment.cli.names import name_map
from trcaugment.cli.options import (
    GroupedCommand,
    make_summary,
    model_option,
    overwrite_option,
    report_options,
    subject_options,
)
from trcaugment.cli.outputs import check_outputs, write_output
from trcaugment.cli.preparing import preparation_options
from trcaugment.cli.screen import counted
from trcaugment.errors import ModelError, TrcAugmentError
from trcaugment.formats.files import as_json

if TYPE_CHECKING:
    from trcaugment.chain.calibration import Calibration
    from trcaugment.chain.preparation import Preparation
    from trcaugment.subject import Subject

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(cls=GroupedCommand, short_help="Learn a person's marker places from optical markers.")
@click.argument("files", metavar="KEYPOINTS.trc MARKERS.trc [...]", nargs=-1, required=True, type=_FOUND)
@subject_options
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.json",
    help="The person's calibration.",
)
@model_option
@click.option(
    "--names", multiple=True, metavar="CSV|OURS=THEIRS", help="An optical marker's name, or a CSV file; repeat."
)
@preparation_options
@overwrite_option
@report_options
def calibrate(
    files: tuple[Path, ...],
    subject: Subject,
    output: Path,
    model_name: str | None,
    names: tuple[str, ...],
    preparation: Preparation,
    overwrite: bool,
    quiet: bool,
    json_file: Path | None,
) -> None:
    """Learn where a person's markers are from trials with keypoints and optical markers.

    Files come in pairs of one trial each, keypoints first; both have the same axes and clock. One standing trial is
    enough, moving ones teach more, and a few markers are better than none. `predict`, `batch` and `osim ik` take the
    result with --calibration.
    """
    from trcaugment.conversion.calibrate import OURS, Pair
    from trcaugment.conversion.calibrate import calibrate as learn
    from trcaugment.model.card import DEFAULT_MODEL
    from trcaugment.model.folder import load_model

    if len(files) % 2:
        raise click.UsageError(f"expected pairs of files, KEYPOINTS.trc MARKERS.trc, found {len(files)} files.")
    summary = make_summary(quiet, json_file, output)
    check_outputs([output, *([json_file] if json_file else [])], files, overwrite)
    theirs = name_map(names, OURS).theirs
    try:
        model = load_model(DEFAULT_MODEL if model_name is None else model_name)
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    try:
        made = learn([Pair(*each) for each in [*pairwise(files)][::2]], subject, model, theirs, preparation)
    except TrcAugmentError as error:
        raise click.ClickException(error.brief) from error
    content = as_json(made)
    write_output(output, content)
    if json_file:
        write_output(json_file, content)
    summary.say("\n  ".join([f"{click.style(str(output), bold=True)}", *_account(made, OURS)]))


def _account(made: Calibration, ours: Sequence[str]) -> list[str]:
    """What was learnt, and what was not seen."""
    size = {name: float(np.linalg.norm(each.offset_mm)) for name, each in made.markers.items()}
    farthest = sorted(size, key=lambda name: -size[name])[:3]
    n_frames = sum(trial.n_frames for trial in made.trials)
    unseen = [name for name in ours[:35] if name not in size]
    lines = [
        f"{counted(len(size), 'marker')} seen in {counted(n_frames, 'frame')} of {counted(len(made.trials), 'trial')}",
        f"moved by {np.mean([*size.values()]):.0f} mm on average, most "
        + ", ".join(f"{name} {size[name]:.0f} mm" for name in farthest),
    ]
    return lines + ([f"not seen, left as predicted: {', '.join(unseen)}"] if unseen else [])
