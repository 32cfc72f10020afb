"""`trcaugment predict`: keypoint TRCs in, marker TRCs out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from trcaugment.cli.names import keypoint_map, names_option
from trcaugment.cli.options import GroupedCommand, make_summary, report_options, time_options, time_range
from trcaugment.cli.osim_ik import prepare
from trcaugment.cli.osim_ik import run as run_ik
from trcaugment.cli.outputs import STANDARD, write_output
from trcaugment.cli.predict_account import account, as_data
from trcaugment.cli.predict_files import STANDARD_OUTPUT, check_files, find_inputs, plan
from trcaugment.cli.preparing import preparation_options
from trcaugment.cli.screen import Summary, progress, say
from trcaugment.errors import (
    CalibrationError,
    ModelError,
    OsimError,
    OutputError,
    SubjectError,
    TrcAugmentError,
    TrcError,
)
from trcaugment.formats.files import as_json, replace_file, report_path, why_not_written
from trcaugment.subject import StatedSubject

if TYPE_CHECKING:
    from trcaugment.cli.osim_ik import Solved
    from trcaugment.conversion.trials import Outcome, Settings
    from trcaugment.model.folder import Model

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_FILE = click.Path(path_type=Path, readable=False)  # one that cannot be read stops no other


def _height_m(_: click.Context, __: click.Parameter, text: str) -> float | None:
    """A number, or None for auto."""
    try:
        return None if text == "auto" else float(text)
    except ValueError as error:
        raise click.BadParameter(f"expected a number of metres, or auto, found '{text}'.") from error


@click.command(cls=GroupedCommand)
@click.argument("inputs", metavar="IN.trc|FOLDER|- ...", nargs=-1, required=True, type=_FILE)
@click.option(
    "--height",
    required=True,
    callback=_height_m,
    metavar="M",
    help="Height of the person in m, or auto to estimate it.",
)
@click.option("--mass", required=True, type=float, metavar="KG", help="Mass of the person in kg, such as 58.32.")
@click.option("--calibration", type=_FOUND, metavar="JSON", help="The person's own, from trcaugment calibrate.")
@click.option("-o", "--output", required=True, metavar="PATH", help="A file, a folder to fill, or -.")
@time_options
@click.option("--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder.")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(["cpu", "cuda", "mps"]),
    help="Where the network runs.",
)
@click.option("--with-keypoints", is_flag=True, help="Also write the input's keypoints.")
@click.option(
    "--uncertainty",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Also write how far each marker may be off, in every frame (one input).",
)
@click.option("--report", "with_report", is_flag=True, help="Also write a page on each trial (NAME_report.html).")
@click.option("--ik", "with_ik", is_flag=True, help="Then find joint angles with OpenSim; the output is a folder.")
@click.option("--static", type=_FOUND, metavar="TRC", help="With --ik: the input, or a marker file, that scales.")
@preparation_options
@names_option
@click.option("--strict", is_flag=True, help="Refuse trials in which a guard finds something.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
@report_options
def predict(
    inputs: tuple[Path, ...],
    height: float | None,
    mass: float,
    calibration: Path | None,
    output: str,
    from_s: float | None,
    to_s: float | None,
    model_name: str | None,
    device: str,
    with_keypoints: bool,
    uncertainty: Path | None,
    with_report: bool,
    with_ik: bool,
    static: Path | None,
    prepared: dict[str, Any],
    names: tuple[str, ...],
    strict: bool,
    overwrite: bool,
    quiet: bool,
    json_file: Path | None,
) -> None:
    """Predict the anatomical markers of a model for trials of one person.

    An input folder stands for its TRC and C3D files, - for a TRC on standard input. With several inputs, or if it is a
    folder, the output is filled with files of the inputs' names; - is standard output. Outputs have the input's unit
    and time stamps, and OpenCap's marker names (r.ASIS_study, ...). A sidecar (.json) beside each says how it was made.
    """
    person = StatedSubject(height, mass, "--height", "--mass")
    keypoint_names = keypoint_map(names)
    wanted = time_range(from_s, to_s)
    if static and not with_ik:
        raise click.UsageError("--static is for --ik; add --ik.")
    if with_report and output == str(STANDARD):
        raise click.UsageError("--report writes a page beside the output; with -o -, leave it out.")
    summary = make_summary(quiet, json_file, Path(output))
    with ExitStack() as stack:
        try:
            person.check()
            files, notes = find_inputs(inputs)
            if uncertainty and len(files) > 1:
                raise click.UsageError("--uncertainty is a table of one trial; give one input.")
            folder = with_ik or len(files) > 1 or output.endswith(("/", os.sep)) or Path(output).is_dir()
            conversions = stack.enter_context(plan(files, output, person, folder=folder))
            others = [path for path in (json_file, uncertainty) if path]
            others += [report_path(each.target) for each in conversions] if with_report else []
            read = [path for path in (calibration, static) if path] + [Path(each) for each in names]
            check_files(conversions, others, read, folder=folder, overwrite=overwrite)
            if with_ik:
                prepare([each.target for each in conversions], Path(output), overwrite, [static] if static else [])
            model = _load_model(model_name, device, arms=prepared["arms"])
            if uncertainty:
                from trcaugment.chain.augmentation import check_uncertainty

                check_uncertainty(model)
                conversions = [replace(conversions[0], uncertainty=uncertainty)]
            if calibration:
                from trcaugment.conversion.calibrated import find_calibration

                conversions = [replace(each, calibration=calibration) for each in conversions]
                find_calibration(conversions[0], model.card)
            if folder:
                Path(output).mkdir(parents=True, exist_ok=True)
        except (SubjectError, TrcError, ModelError, CalibrationError, OsimError, OutputError) as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            raise click.UsageError(f"cannot write to {output}: {error.strerror}.") from error
        from trcaugment.chain.preparation import Preparation
        from trcaugment.conversion.convert import convert
        from trcaugment.conversion.trials import Settings

        for note in notes:
            summary.say(note)
        settings = Settings(
            with_keypoints,
            strict,
            overwrite=overwrite,
            preparation=Preparation(**prepared),
            names=keypoint_names,
            time_range=wanted,
        )
        outcomes = []
        with progress("Predicting", len(conversions)) as step:
            for outcome in convert(conversions, model, settings):
                outcomes.append(_to_standard_output(outcome) if output == str(STANDARD) else outcome)
                _show(outcomes[-1], summary)
                step()
    n_failed = sum(outcome.sidecar is None for outcome in outcomes)
    if n_failed and len(outcomes) > 1:
        say(f"{n_failed} of {len(outcomes)} trials failed; the others are done.", err=True)
    solved = _find_angles(outcomes, Path(output), static, settings, summary) if with_ik else None
    no_report = with_report and not _write_reports(outcomes, model, uncertainty, summary)
    if json_file:
        write_output(json_file, as_json({"trials": as_data(outcomes)} | ({"ik": solved.as_data()} if solved else {})))
    if n_failed or no_report or (solved and solved.failed):
        sys.exit(1)


def _load_model(name: str | None, device: str, *, arms: bool) -> Model:
    from trcaugment.model.card import DEFAULT_MODEL
    from trcaugment.model.folder import load_arms, load_model

    if arms:  # what is wrong with it is known now, not after the first trial
        load_arms()
    return load_model(DEFAULT_MODEL if name is None else name, device)


def _to_standard_output(outcome: Outcome) -> Outcome:
    """Write a trial's output to standard output; messages about the temporary file name standard output instead."""
    if outcome.sidecar is None:
        return outcome
    write_output(STANDARD, outcome.conversion.target.read_bytes())
    made = msgspec.structs.replace(outcome.sidecar.made, output=STANDARD_OUTPUT)
    return replace(outcome, sidecar=msgspec.structs.replace(outcome.sidecar, made=made))


def _find_angles(
    outcomes: Sequence[Outcome], folder: Path, static: Path | None, settings: Settings, summary: Summary
) -> Solved | None:
    from trcaugment.conversion.ik import Person, common_subject

    done = {outcome.conversion.target: outcome.sidecar for outcome in outcomes if outcome.sidecar}
    if not done:
        return None  # there is nothing to solve, as the lines above say
    subject = common_subject(list(done.values()))
    if static:  # of an input, what was predicted from it
        made = {outcome.conversion.source.resolve(): outcome.conversion.target for outcome in outcomes}
        static = made.get(static.resolve(), static)
    person = Person(
        folder, subject, {path.stem: path for path in done}, static, max_gap_s=settings.preparation.max_gap_s
    )
    return run_ik(person, os.cpu_count() or 1, summary)


def _write_reports(outcomes: Sequence[Outcome], model: Model, uncertainty: Path | None, summary: Summary) -> bool:
    """A page on each trial that was predicted; whether all could be made."""
    from trcaugment.pages.angles import find_motion
    from trcaugment.pages.making import report_of

    failed = 0
    for target in (outcome.conversion.target for outcome in outcomes if outcome.sidecar):
        page = report_path(target)
        try:
            replace_file(page, report_of(target, find_motion(target), uncertainty, model))
            summary.say(f"report: {page}")
            continue
        except TrcAugmentError as error:
            reason = error.about(target)
        except OSError as error:
            reason = f"{page} {why_not_written(error)}"
        failed += 1
        say(f"{click.style('no report', fg='red')}  {reason}", err=True)
    return not failed


def _show(outcome: Outcome, summary: Summary) -> None:
    if outcome.sidecar is None:
        say(f"{click.style('failed', fg='red')}  {outcome.failure}", err=True)
    else:
        to = STANDARD_OUTPUT if outcome.sidecar.made.output == STANDARD_OUTPUT else outcome.conversion.target
        title = f"{click.style(str(outcome.conversion.source), bold=True)} -> {to}"
        summary.say("\n  ".join([title, *account(outcome.sidecar)]))
