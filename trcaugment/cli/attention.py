"""`trcaugment attention`: which keypoints the model looks at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.options import model_option, overwrite_option, subject_options
from trcaugment.errors import ModelError, TrcAugmentError

if TYPE_CHECKING:
    from trcaugment.markers import FloatArray
    from trcaugment.subject import Subject

_FILE = click.Path(path_type=Path)


@click.command(short_help="Draw which keypoints the model looks at.")
@click.argument("source", metavar="IN.trc|IN.c3d", type=click.Path(path_type=Path, dir_okay=False))
@subject_options
@click.option("-o", "--output", required=True, type=_FILE, help="The heat map (.png, .pdf, .svg).")
@click.option("--csv", "table", type=_FILE, metavar="FILE", help="Write the weights too, one row per frame.")
@model_option
@overwrite_option
def attention(
    source: Path, subject: Subject, output: Path, table: Path | None, model_name: str | None, overwrite: bool
) -> None:
    """Draw how much the model looks at each of the 15 keypoints in every frame of a trial.

    The weights of a frame sum to one. Frames in which nothing is predicted have none.
    """
    from trcaugment.cli.outputs import check_figure, check_outputs, write_output
    from trcaugment.formats.files import as_csv

    kind = check_figure(output)
    check_outputs([output, *([table] if table else [])], [source], overwrite)
    try:
        from trcaugment.model.card import DEFAULT_MODEL
        from trcaugment.model.folder import load_model

        model = load_model(DEFAULT_MODEL if model_name is None else model_name)
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    try:
        from trcaugment.chain.augmentation import attend
        from trcaugment.figures.attention import draw_attention
        from trcaugment.figures.figures import as_file
        from trcaugment.formats.trials import read_trial

        markers = read_trial(source)
        weights = attend(markers, subject, model)
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(error.about(source).partition("\n")[0]) from error
    names = model.card.inputs
    if table:
        write_output(table, as_csv([("time_s", *names), *_rows(weights, markers.time_s)]))
    write_output(output, as_file(draw_attention(weights, markers.time_s, names), kind))
    click.echo(f"{source} -> {output}")
    click.echo(_favourites(weights, names))


def _rows(weights: FloatArray, time_s: FloatArray) -> Iterator[tuple[str, ...]]:
    """One row per frame; empty cells where there are no weights."""
    for time, frame in zip(time_s.tolist(), weights.tolist(), strict=True):
        yield repr(time), *("" if weight != weight else f"{weight:.6f}" for weight in frame)


def _favourites(weights: FloatArray, names: tuple[str, ...]) -> str:
    """The keypoints by their mean weight, most looked at first."""
    import numpy as np

    mean = np.nanmean(weights, axis=0)
    return "mean weights: " + ", ".join(f"{names[k]} {mean[k]:.3f}" for k in np.argsort(-mean))
