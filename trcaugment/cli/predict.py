"""`trcaugment predict`: keypoint TRCs in, marker TRCs out."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from trcaugment.cli.converting import Converting, conversion_options
from trcaugment.cli.options import (
    GroupedCommand,
    handing_on,
    make_summary,
    mass_option,
    overwrite_option,
    report_options,
    time_options,
)
from trcaugment.cli.osim_ik import prepare
from trcaugment.cli.osim_ik import run as run_ik
from trcaugment.cli.outputs import STANDARD, write_output
from trcaugment.cli.predict_account import account, as_data
from trcaugment.cli.predict_files import STANDARD_OUTPUT, check_files, find_inputs, plan
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
    from trcaugment.chain.time_range import TimeRange
    from trcaugment.cli.osim_ik import Solved
    from trcaugment.conversion.trials import Conversion, Outcome, Settings
    from trcaugment.model.folder import Model

_WRONG_USAGE = (TrcError, ModelError, CalibrationError, OsimError, OutputError)
_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_FILE = click.Path(path_type=Path, readable=False)  # one that cannot be read stops no other


def _height_m(_: click.Context, __: click.Parameter, text: str) -> float | None:
    """A number, or None for auto."""
    try:
        return None if text == "auto" else float(text)
    except ValueError as error:
        raise click.BadParameter(f"expected a number of metres such as 1.75, or auto, found '{text}'.") from error


def _person(height: float | None, mass: float) -> StatedSubject:
    person = StatedSubject(height, mass, "--height", "--mass")
    try:
        person.check()
    except SubjectError as error:
        raise click.UsageError(str(error)) from error
    return person


_person_options = handing_on(
    "person",
    _person,
    (
        click.option(
            "--height",
            required=True,
            callback=_height_m,
            metavar="M",
            help="Height of the person in m, or auto to estimate it.",
        ),
        mass_option,
    ),
)


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for, by the options' names."""

    inputs: tuple[Path, ...]
    person: StatedSubject
    calibration: Path | None
    output: str
    time_range: TimeRange
    how: Converting
    uncertainty: Path | None
    with_report: bool
    with_ik: bool
    static: Path | None
    overwrite: bool
    quiet: bool
    json_file: Path | None

    @property
    def settings(self) -> Settings:
        """How all trials are converted."""
        return replace(self.how.settings, overwrite=self.overwrite, time_range=self.time_range)


@click.command(cls=GroupedCommand, short_help="Turn keypoint files of one person into marker files.")
@click.argument("inputs", metavar="IN.trc|FOLDER|- ...", nargs=-1, required=True, type=_FILE)
@_person_options
@click.option("--calibration", type=_FOUND, metavar="JSON", help="The person's own, from trcaugment calibrate.")
@click.option("-o", "--output", required=True, metavar="PATH", help="A file, a folder to fill, or -.")
@time_options
@conversion_options
@click.option(
    "--uncertainty",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Also write how far each marker may be off, in every frame (one input).",
)
@click.option("--report", "with_report", is_flag=True, help="Also write a page on each trial (NAME_report.html).")
@click.option("--ik", "with_ik", is_flag=True, help="Then find joint angles with OpenSim; the output is a folder.")
@click.option("--static", type=_FOUND, metavar="TRC", help="With --ik: the input, or a marker file, that scales.")
@overwrite_option
@report_options
def predict(**given: Any) -> None:
    """Predict the anatomical markers of a model for trials of one person.

    An input folder stands for its TRC and C3D files, - for a TRC on standard input. With several inputs, or if it is a
    folder, the output is filled with files of the inputs' names; - is standard output. Outputs have the input's unit
    and time stamps, and OpenCap's marker names (r.ASIS_study, ...). A sidecar (.json) beside each says how it was made.
    """
    asked = _Asked(**given)
    if asked.static and not asked.with_ik:
        raise click.UsageError("--static is for --ik; add --ik.")
    if asked.with_report and asked.output == str(STANDARD):
        raise click.UsageError("--report writes a page beside the output; with -o -, leave it out.")
    summary = make_summary(asked.quiet, asked.json_file, Path(asked.output))
    with ExitStack() as stack:
        try:
            conversions, model = _plan(asked, summary, stack)
        except _WRONG_USAGE as error:
            raise click.UsageError(str(error)) from error
        except OSError as error:
            raise click.UsageError(f"cannot write to {asked.output}: {error.strerror}.") from error
        outcomes = _convert(conversions, model, asked, summary)
    n_failed = sum(outcome.sidecar is None for outcome in outcomes)
    if n_failed and len(outcomes) > 1:
        done = "; the others are done" if n_failed < len(outcomes) else ""
        say(f"{n_failed} of {len(outcomes)} trials failed{done}.", err=True)
    solved = _find_angles(outcomes, asked, summary) if asked.with_ik else None
    no_report = asked.with_report and not _write_reports(outcomes, model, asked.uncertainty, summary)
    if asked.json_file:
        ik = {"ik": solved.as_data()} if solved else {}
        write_output(asked.json_file, as_json({"trials": as_data(outcomes)} | ik))
    if n_failed or no_report or (solved and solved.failed):
        sys.exit(1)


def _plan(asked: _Asked, summary: Summary, stack: ExitStack) -> tuple[list[Conversion], Model]:
    """What is converted by which model; all that can be wrong is found before anything is computed or written."""
    files, notes = find_inputs(asked.inputs)
    if asked.uncertainty and len(files) > 1:
        raise click.UsageError("--uncertainty is a table of one trial; give one input.")
    output = asked.output
    folder = asked.with_ik or len(files) > 1 or output.endswith(("/", os.sep)) or Path(output).is_dir()
    conversions = stack.enter_context(plan(files, output, asked.person, folder=folder))
    _check_files(conversions, asked, folder=folder)
    model = _load_model(asked.how)
    if asked.uncertainty:
        from trcaugment.chain.augmentation import check_uncertainty

        check_uncertainty(model)
        conversions = [replace(conversions[0], uncertainty=asked.uncertainty)]
    if asked.calibration:
        from trcaugment.conversion.calibrated import find_calibration

        conversions = [replace(each, calibration=asked.calibration) for each in conversions]
        find_calibration(conversions[0], model.card)
    if folder:
        Path(output).mkdir(parents=True, exist_ok=True)
    for note in notes:
        summary.say(note)
    return conversions, model


def _check_files(conversions: Sequence[Conversion], asked: _Asked, *, folder: bool) -> None:
    targets = [each.target for each in conversions]
    others = [path for path in (asked.json_file, asked.uncertainty) if path]
    others += map(report_path, targets) if asked.with_report else []
    read = [path for path in (asked.calibration, asked.static) if path] + [Path(each) for each in asked.how.names]
    check_files(conversions, others, read, folder=folder, overwrite=asked.overwrite)
    if asked.with_ik:
        prepare(targets, Path(asked.output), asked.overwrite, [asked.static] if asked.static else [])


def _load_model(how: Converting) -> Model:
    from trcaugment.model.folder import load_arms, load_model

    if how.settings.preparation.arms:  # what is wrong with it is known now, not after the first trial
        load_arms()
    return load_model(how.model, how.device)


def _convert(conversions: Sequence[Conversion], model: Model, asked: _Asked, summary: Summary) -> list[Outcome]:
    from trcaugment.conversion.convert import convert

    outcomes = []
    with progress("Predicting", len(conversions)) as step:
        for outcome in convert(conversions, model, asked.settings):
            outcomes.append(_to_standard_output(outcome) if asked.output == str(STANDARD) else outcome)
            _show(outcomes[-1], summary)
            step()
    return outcomes


def _to_standard_output(outcome: Outcome) -> Outcome:
    """Write a trial's output to standard output; messages about the temporary file name standard output instead."""
    if outcome.sidecar is None:
        return outcome
    write_output(STANDARD, outcome.conversion.target.read_bytes())
    made = msgspec.structs.replace(outcome.sidecar.made, output=STANDARD_OUTPUT)
    return replace(outcome, sidecar=msgspec.structs.replace(outcome.sidecar, made=made))


def _find_angles(outcomes: Sequence[Outcome], asked: _Asked, summary: Summary) -> Solved | None:
    from trcaugment.conversion.ik import Person, common_subject

    done = {outcome.conversion.target: outcome.sidecar for outcome in outcomes if outcome.sidecar}
    if not done:
        return None  # there is nothing to solve, as the lines above say
    subject = common_subject(list(done.values()))
    static = asked.static
    if static:  # of an input, what was predicted from it
        made = {outcome.conversion.source.resolve(): outcome.conversion.target for outcome in outcomes}
        static = made.get(static.resolve(), static)
    trials = {path.stem: path for path in done}
    max_gap_s = asked.settings.preparation.max_gap_s
    return run_ik(
        Person(Path(asked.output), subject, trials, static, max_gap_s=max_gap_s), os.cpu_count() or 1, summary
    )


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
