"""`trcaugment predict`: keypoint TRCs in, marker TRCs out."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from trcaugment.cli.osim_ik import prepare
from trcaugment.cli.osim_ik import run as run_ik
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
@click.option("-o", "--output", required=True, help="A file, or a folder to fill.")
@click.option("--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--with-keypoints", is_flag=True, help="Also write the input's keypoints.")
@click.option("--ik", "with_ik", is_flag=True, help="Then find joint angles with OpenSim; the output is a folder.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def predict(
    inputs: tuple[Path, ...],
    height: float,
    mass: float,
    output: str,
    model_name: str | None,
    device: str,
    with_keypoints: bool,
    with_ik: bool,
    overwrite: bool,
) -> None:
    """Predict 35 anatomical markers for trials of one person.

    With several inputs, or if it is a folder, the output is filled with files of the inputs' names. Outputs have the
    input's unit and time stamps, and OpenCap's marker names (r.ASIS_study, ...).
    """
    try:
        subject = Subject(height, mass)
        folder = with_ik or len(inputs) > 1 or output.endswith(("/", os.sep)) or Path(output).is_dir()
        outputs = [Path(output) / source.name if folder else Path(output) for source in inputs]
        _check_outputs(inputs, outputs, overwrite)
        if with_ik:
            prepare(outputs, Path(output), overwrite)
        import torch

        from trcaugment.model import DEFAULT_MODEL, load_model

        # One thread is fast enough (over 5,000 frames a second), and on a busy machine several wait for each other.
        torch.set_num_threads(1)
        model = load_model(DEFAULT_MODEL if model_name is None else model_name, device)
        if folder:
            Path(output).mkdir(parents=True, exist_ok=True)
    except (SubjectError, ModelError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot write to {output}: {error.strerror}.") from error
    choices = _Choices(subject, model, with_keypoints)
    failed = 0
    predicted: dict[str, Path] = {}
    for source, target in zip(inputs, outputs, strict=True):
        try:
            _say(_predict_trial(source, target, choices))
            predicted[target.stem] = target
        except TrcAugmentError as error:
            failed += 1
            _say(f"{click.style('failed', fg='red')}  {error.about(source)}", err=True)
    if failed and len(inputs) > 1:
        _say(f"{failed} of {len(inputs)} trials failed; the others are done.", err=True)
    solved = not with_ik or _find_angles(predicted, subject, Path(output))
    if failed or not solved:
        sys.exit(1)


def _find_angles(predicted: dict[str, Path], subject: Subject, folder: Path) -> bool:
    from trcaugment.osim.pipeline import Kit

    return run_ik(predicted, subject, folder, kit=Kit(), jobs=os.cpu_count() or 1)


def _say(text: str, err: bool = False) -> None:
    # A closed pipe or a full disk behind the screen must not end the session: what counts is in the output files.
    with contextlib.suppress(OSError):
        click.echo(text, err=err)


def _check_outputs(inputs: tuple[Path, ...], outputs: list[Path], overwrite: bool) -> None:
    """Refuses outputs that would be inputs or each other, through links too, before anything is computed."""
    sources = {os.path.realpath(source) for source in inputs}
    targets = [os.path.realpath(target) for target in outputs]
    for target, real in zip(outputs, targets, strict=True):
        if targets.count(real) > 1:
            raise click.UsageError(f"several inputs would become the one output {target}.")
        if real in sources:
            raise click.UsageError(f"the output {target} is an input; choose another.")
        if target.exists() and not overwrite:
            raise click.UsageError(f"{target} exists; add --overwrite to replace it.")


def _predict_trial(source: Path, target: Path, choices: _Choices) -> str:
    """Reads, predicts and writes one trial; returns its summary."""
    from trcaugment.augmentation import augment
    from trcaugment.trc import read_trc, write_trc

    started = time.perf_counter()
    markers = read_trc(source)
    result = augment(markers, choices.subject, choices.model)
    written = _join(markers, result.markers) if choices.with_keypoints else result.markers
    write_trc(target, written, unit=markers.unit)
    lines = [f"{click.style(str(source), bold=True)} -> {target}", *_summary(markers, result)]
    return "\n  ".join([*lines, f"{time.perf_counter() - started:.1f} s"])


def _join(markers: Markers, predicted: Markers) -> Markers:
    """The input's keypoints and the predicted markers in one."""
    from trcaugment.marker_sets import input_keypoints

    keypoints = input_keypoints(markers)
    positions = np.concatenate([keypoints.positions, predicted.positions], axis=1)
    return replace(predicted, names=keypoints.names + predicted.names, positions=positions)


def _summary(markers: Markers, result: Augmentation) -> Iterator[str]:
    """What was done, and what was not known, line by line."""
    rate = f" at {markers.rate_hz:.4g} Hz" if markers.n_frames > 1 else ""
    n_predicted = int(np.isfinite(result.markers.positions).all(axis=(1, 2)).sum())
    seconds = markers.time_s[-1] - markers.time_s[0]
    yield f"{_frames(markers.n_frames)}, {seconds:.1f} s{rate}, {len(result.markers.names)} markers"
    if n_predicted < markers.n_frames:
        yield f"predicted in {n_predicted} of {_frames(markers.n_frames)}, NaN in the others"
    renamed = [f"{name} is {own}" for name, own in result.sources.items() if name != own]
    for title, said in (("named", renamed), ("derived", result.derived), ("noted", (*markers.notes, *result.notes))):
        if said:
            yield f"{title}: {'; '.join(sentence.rstrip('.') for sentence in said)}"
    for title, gaps in (("filled", result.filled), ("missing, left as NaN", result.missing)):
        for name, spans in gaps.items():
            yield f"{title}: {name} in {_count(spans)} ({_list(spans)})"
    if result.odd:
        yield f"no body in the keypoints, left as NaN: {_count(result.odd)} ({_list(result.odd)})"


def _frames(n: int) -> str:
    return f"{n} frame{'s' if n != 1 else ''}"


def _count(spans: list[Span]) -> str:
    return _frames(sum(stop - start for start, stop in spans))


def _list(spans: list[Span]) -> str:
    """Frames counted from 1, as the file does."""
    shown = ", ".join(f"{start + 1}-{stop}" if stop > start + 1 else f"{stop}" for start, stop in spans[:_SPANS_SHOWN])
    return shown + (f" and {len(spans) - _SPANS_SHOWN} more" if len(spans) > _SPANS_SHOWN else "")
