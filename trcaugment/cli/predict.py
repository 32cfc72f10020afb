"""`trcaugment predict`: keypoint TRCs in, marker TRCs out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from trcaugment.errors import ModelError, SubjectError, TrcAugmentError
from trcaugment.subject import Subject

if TYPE_CHECKING:
    from trcaugment.augmentation import Augmentation
    from trcaugment.markers import Markers
    from trcaugment.model import Model
    from trcaugment.signals import Span

_SPANS_SHOWN = 4


@dataclass(frozen=True)
class _Choices:
    """What to do with every trial."""

    subject: Subject
    model: Model
    with_keypoints: bool


@click.command()
@click.argument("inputs", metavar="IN.trc [IN2.trc ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--height", required=True, type=float, metavar="M", help="Height of the person in m, such as 1.584.")
@click.option("--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A file, or a folder to fill.")
@click.option("--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--with-keypoints", is_flag=True, help="Also write the input's keypoints.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def predict(
    inputs: tuple[Path, ...],
    height: float,
    mass: float,
    output: Path,
    model_name: str | None,
    device: str,
    with_keypoints: bool,
    overwrite: bool,
) -> None:
    """Predict 35 anatomical markers for trials of one person.

    With several inputs, or if it is a folder, the output is filled with files of the inputs' names. Outputs have the
    input's unit and time stamps, and OpenCap's marker names (r.ASIS_study, ...).
    """
    try:
        subject = Subject(height, mass)
        outputs = _plan(inputs, output, overwrite)
        from trcaugment.model import DEFAULT_MODEL, load_model

        choices = _Choices(subject, load_model(model_name or DEFAULT_MODEL, device), with_keypoints)
    except (SubjectError, ModelError) as error:
        raise click.UsageError(str(error)) from error
    console, complaints = (
        Console(highlight=False, soft_wrap=True),
        Console(stderr=True, highlight=False, soft_wrap=True),
    )
    failed = 0
    for source, target in zip(inputs, outputs, strict=True):
        try:
            _predict_trial(source, target, choices, console)
        except TrcAugmentError as error:
            failed += 1
            complaints.print(f"[red]failed[/red]  {escape(_place(source, error))}")
    if failed:
        if len(inputs) > 1:
            complaints.print(f"{failed} of {len(inputs)} trials failed; the others are done.")
        sys.exit(1)


def _plan(inputs: tuple[Path, ...], output: Path, overwrite: bool) -> list[Path]:
    """The output file of every input; refused before anything is computed."""
    into_folder = len(inputs) > 1 or output.is_dir()
    if into_folder and output.exists() and not output.is_dir():
        raise click.UsageError(f"{len(inputs)} inputs need a folder as output, but {output} is a file.")
    outputs = [output / source.name if into_folder else output for source in inputs]
    for source, target in zip(inputs, outputs, strict=True):
        if outputs.count(target) > 1:
            raise click.UsageError(f"several inputs are named {source.name} and would become one {target}.")
        if target.exists() and source.exists() and target.samefile(source):
            raise click.UsageError(f"the output {target} is the input itself; choose another.")
        if target.exists() and not overwrite:
            raise click.UsageError(f"{target} exists; add --overwrite to replace it.")
    if into_folder:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"the folder {output} cannot be made ({error.strerror}).") from error
    return outputs


def _predict_trial(source: Path, target: Path, choices: _Choices, console: Console) -> None:
    from trcaugment.augmentation import augment
    from trcaugment.trc import read_trc, write_trc

    started = time.perf_counter()
    markers = read_trc(source)
    result = augment(markers, choices.subject, choices.model)
    written = _join(markers, result.markers) if choices.with_keypoints else result.markers
    write_trc(target, written, unit=markers.unit)
    _summarize(source, target, markers, result, console)
    console.print(f"  {time.perf_counter() - started:.1f} s")


def _join(markers: Markers, predicted: Markers) -> Markers:
    """The input's keypoints and the predicted markers in one."""
    import numpy as np

    from trcaugment.marker_sets import input_keypoints

    keypoints = input_keypoints(markers)
    positions = np.concatenate([keypoints.positions, predicted.positions], axis=1)
    return replace(predicted, names=keypoints.names + predicted.names, positions=positions)


def _summarize(source: Path, target: Path, markers: Markers, result: Augmentation, console: Console) -> None:
    """What was done, and what was not known, in a few lines."""
    seconds = markers.time_s[-1] - markers.time_s[0]
    console.print(
        f"[bold]{escape(str(source))}[/bold] → {escape(str(target))}\n"
        f"  {markers.n_frames} frames, {seconds:.1f} s at {markers.rate_hz:.4g} Hz, {len(result.markers.names)} markers"
    )
    renamed = [f"{name} is {source}" for name, source in result.sources.items() if name != source]
    for title, lines in (("noted", markers.notes), ("named", renamed), ("derived", result.derived)):
        if lines:
            console.print(f"  {title}: {escape('; '.join(lines))}")
    for title, gaps in (("filled", result.filled), ("missing, left as NaN", result.missing)):
        for name, spans in gaps.items():
            console.print(f"  {title}: {name} in {_count(spans)} ({_list(spans)})")


def _count(spans: list[Span]) -> str:
    n_frames = sum(stop - start for start, stop in spans)
    return f"{n_frames} frame{'s' if n_frames > 1 else ''}"


def _list(spans: list[Span]) -> str:
    """Frames counted from 1, as the file does."""
    shown = ", ".join(f"{start + 1}-{stop}" if stop > start + 1 else f"{stop}" for start, stop in spans[:_SPANS_SHOWN])
    return shown + (f" and {len(spans) - _SPANS_SHOWN} more" if len(spans) > _SPANS_SHOWN else "")


def _place(source: Path, error: TrcAugmentError) -> str:
    """The error's text, with the file in front if it does not stand there."""
    text = str(error)
    return text if str(source) in text else f"{source}: {text}"
