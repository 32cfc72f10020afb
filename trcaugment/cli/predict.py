"""`trcaugment predict`: keypoint TRCs in, marker TRCs out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trcaugment.chain.time_range import WHOLE
from trcaugment.cli.names import keypoint_map, names_option
from trcaugment.cli.options import time_options, time_range
from trcaugment.cli.osim_ik import prepare
from trcaugment.cli.osim_ik import run as run_ik
from trcaugment.cli.preparing import preparation_options
from trcaugment.cli.screen import say
from trcaugment.errors import ModelError, OutputError, SubjectError
from trcaugment.formats.files import SIDECAR_END, sidecar_path
from trcaugment.formats.outputs import check_outputs
from trcaugment.subject import StatedSubject

if TYPE_CHECKING:
    from trcaugment.conversion.sidecar import FrameRange, Sidecar
    from trcaugment.conversion.trials import Outcome

_RANGES_SHOWN = 4
_FILE = click.Path(path_type=Path, readable=False)  # one that cannot be read stops no other


def _height_m(_: click.Context, __: click.Parameter, text: str) -> float | None:
    """A number, or None for auto."""
    try:
        return None if text == "auto" else float(text)
    except ValueError as error:
        raise click.BadParameter(f"expected a number of metres, or auto, found '{text}'.") from error


@click.command()
@click.argument("inputs", metavar="IN.trc [IN2.trc ...]", nargs=-1, required=True, type=_FILE)
@click.option(
    "--height",
    required=True,
    callback=_height_m,
    metavar="M",
    help="Height of the person in m, or auto to estimate it.",
)
@click.option("--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32.")
@click.option("-o", "--output", required=True, help="A file, or a folder to fill.")
@time_options
@click.option("--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--with-keypoints", is_flag=True, help="Also write the input's keypoints.")
@click.option("--ik", "with_ik", is_flag=True, help="Then find joint angles with OpenSim; the output is a folder.")
@preparation_options
@names_option
@click.option("--strict", is_flag=True, help="Refuse trials in which a guard finds something.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
def predict(
    inputs: tuple[Path, ...],
    height: float | None,
    mass: float,
    output: str,
    from_s: float | None,
    to_s: float | None,
    model_name: str | None,
    device: str,
    with_keypoints: bool,
    with_ik: bool,
    prepared: dict[str, Any],
    names: tuple[str, ...],
    strict: bool,
    overwrite: bool,
) -> None:
    """Predict 35 anatomical markers for trials of one person.

    With several inputs, or if it is a folder, the output is filled with files of the inputs' names. Outputs have the
    input's unit and time stamps, and OpenCap's marker names (r.ASIS_study, ...). Beside each, a sidecar (.json)
    says how it was made.
    """
    person = StatedSubject(height, mass, "--height", "--mass")
    keypoint_names = keypoint_map(names)
    wanted = time_range(from_s, to_s)
    try:
        person.check()
        folder = with_ik or len(inputs) > 1 or output.endswith(("/", os.sep)) or Path(output).is_dir()
        outputs = [Path(output) / source.name if folder else Path(output) for source in inputs]
        _check_outputs(inputs, outputs, overwrite)
        if with_ik:
            prepare(outputs, Path(output), overwrite)
        import torch

        from trcaugment.model.card import DEFAULT_MODEL
        from trcaugment.model.folder import load_model

        # One thread is fast enough (over 4,000 frames a second), and on a busy machine several wait for each other.
        torch.set_num_threads(1)
        model = load_model(DEFAULT_MODEL if model_name is None else model_name, device)
        if folder:
            Path(output).mkdir(parents=True, exist_ok=True)
    except (SubjectError, ModelError, OutputError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot write to {output}: {error.strerror}.") from error
    from trcaugment.chain.preparation import Preparation
    from trcaugment.conversion.convert import convert
    from trcaugment.conversion.trials import Conversion, Settings

    conversions = [Conversion(source, target, person) for source, target in zip(inputs, outputs, strict=True)]
    settings = Settings(
        with_keypoints,
        strict,
        overwrite=overwrite,
        preparation=Preparation(**prepared),
        names=keypoint_names,
        time_range=wanted,
    )
    outcomes = []
    for outcome in convert(conversions, model, settings):
        _show(outcome)
        outcomes.append(outcome)
    n_failed = sum(outcome.sidecar is None for outcome in outcomes)
    if n_failed and len(inputs) > 1:
        say(f"{n_failed} of {len(inputs)} trials failed; the others are done.", err=True)
    solved = not with_ik or _find_angles(outcomes, Path(output))
    if n_failed or not solved:
        sys.exit(1)


def _find_angles(outcomes: Sequence[Outcome], folder: Path) -> bool:
    from trcaugment.conversion.ik import Person, common_subject

    done = {outcome.conversion.target: outcome.sidecar for outcome in outcomes if outcome.sidecar}
    if not done:
        return True  # there is nothing to solve, as the lines above say
    subject = common_subject(list(done.values()))
    return run_ik(Person(folder, subject, {path.stem: path for path in done}), os.cpu_count() or 1)


def _check_outputs(inputs: Sequence[Path], outputs: Sequence[Path], overwrite: bool) -> None:
    """Refuse outputs and sidecars that would be inputs or each other, or that exist, before anything is computed.

    Raises:
        OutputError: the reason.
    """
    for output in outputs:
        if output.suffix.casefold() == SIDECAR_END:
            raise OutputError(f"the output {output} has the name of its sidecar; choose one that ends in .trc.")
    files = [file for output in outputs for file in (output, sidecar_path(output))]
    check_outputs(files, inputs, overwrite=overwrite, is_ours=_is_left_over)


def _is_left_over(file: Path) -> bool:
    """Whether it is the sidecar of an output that was removed."""
    if file.suffix != SIDECAR_END or file.with_suffix(".trc").exists():
        return False
    from trcaugment.conversion.sidecar import read_origin

    return read_origin(file) is not None


def _show(outcome: Outcome) -> None:
    conversion = outcome.conversion
    if outcome.sidecar is None:
        say(f"{click.style('failed', fg='red')}  {outcome.failure}", err=True)
    else:
        title = f"{click.style(str(conversion.source), bold=True)} -> {conversion.target}"
        say("\n  ".join([title, *_account(outcome.sidecar)]))


def _account(sidecar: Sidecar) -> Iterator[str]:
    """What was done, and what was not known, line by line."""
    source, person = sidecar.input, sidecar.subject
    rate = f", {(source.n_frames - 1) / source.rate_hz:.1f} s at {source.rate_hz:.4g} Hz" if source.rate_hz else ""
    yield f"{_frames(source.n_frames)}{rate}, {sidecar.output.n_markers} markers"
    if source.time_range != WHOLE:
        last = source.first_frame + source.n_frames - 1
        yield f"cut: frames {source.first_frame} to {last} of the file; below, frames count from the first of these"
    if person.height_error_m is not None:
        yield f"height estimated: {person.height_m:.2f} m, within {person.height_error_m:.2f} m for 95 % of people"
    if sidecar.output.n_frames_predicted < source.n_frames:
        yield f"predicted in {sidecar.output.n_frames_predicted} of {_frames(source.n_frames)}, NaN in the others"
    renamed = [f"{name} is {own}" for name, own in sidecar.sources.items() if name != own]
    for title, sentences in (("named", renamed), ("derived", sidecar.derived), ("noted", source.notes)):
        if sentences:
            yield f"{title}: {'; '.join(sentence.rstrip('.') for sentence in sentences)}"
    for title, gaps in (
        ("filled", sidecar.filled),
        ("missing, most likely place instead", sidecar.missing),
        ("cannot be known without them, left as NaN", sidecar.lost),
    ):
        for names, ranges in _by_ranges(gaps):
            yield f"{title}: {', '.join(names)} in {_count(ranges)} ({_list(ranges)})"
    for part, ranges in sidecar.repaired.items():
        yield f"left and right exchanged back: {part} in {_count(ranges)} ({_list(ranges)})"
    if sidecar.up not in (None, "y"):
        yield f"turned: {sidecar.up} of the input points up, Y of the output does"
    if sidecar.without_body:
        yield f"no body in the keypoints, left as NaN: {_count(sidecar.without_body)} ({_list(sidecar.without_body)})"
    for finding in sidecar.findings:
        where = f" ({_list(finding.frames)})" if finding.frames else ""
        yield f"{click.style('look twice', fg='yellow')}, {finding.guard}: {finding.message}{where}"


def _by_ranges(gaps: dict[str, tuple[FrameRange, ...]]) -> Iterator[tuple[list[str], tuple[FrameRange, ...]]]:
    """Names that share their frames, and these."""
    for ranges in dict.fromkeys(gaps.values()):
        yield [name for name, own in gaps.items() if own == ranges], ranges


def _frames(n: int) -> str:
    return f"{n} frame{'s' if n != 1 else ''}"


def _count(ranges: Sequence[FrameRange]) -> str:
    return _frames(sum(last - first + 1 for first, last in ranges))


def _list(ranges: Sequence[FrameRange]) -> str:
    shown = ", ".join(f"{first}-{last}" if last > first else f"{last}" for first, last in ranges[:_RANGES_SHOWN])
    return shown + (f" and {len(ranges) - _RANGES_SHOWN} more" if len(ranges) > _RANGES_SHOWN else "")
