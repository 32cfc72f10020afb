"""`trcaugment batch`: a whole cohort, from folders to folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trcaugment.cli.names import keypoint_map, names_option
from trcaugment.cli.options import GroupedCommand, make_summary, report_options
from trcaugment.cli.outputs import check_outputs, write_output
from trcaugment.cli.preparing import preparation_options
from trcaugment.cli.screen import Summary, say
from trcaugment.errors import ClusterError, ConversionError, ModelError, OsimError, SessionsError, SubjectsError
from trcaugment.formats.files import as_json, why_not_written
from trcaugment.sessions.layouts import LAYOUTS

if TYPE_CHECKING:
    from trcaugment.conversion.people import HowToSolve, PlannedPerson
    from trcaugment.conversion.plan import Plan
    from trcaugment.conversion.pools import Pool
    from trcaugment.conversion.report import Angles, Row
    from trcaugment.conversion.run import Work
    from trcaugment.conversion.trials import Outcome
    from trcaugment.sessions.layouts import Layout

_FOLDER = click.Path(path_type=Path)
_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_WRONG_USAGE = (SessionsError, SubjectsError, ModelError, ConversionError, ClusterError, OsimError)


@click.command(cls=GroupedCommand)
@click.argument("cohort", metavar="FOLDER", type=_FOLDER)
@click.option("-o", "--output", required=True, type=_FOLDER, help="Folder to fill.")
@click.option("--subjects", type=_FOLDER, metavar="CSV", help="Whose the trials are; else FOLDER/subjects.csv.")
@click.option("--layout", type=click.Choice(LAYOUTS), help="Fill its folders: FOLDER itself may be the output.")
@click.option("--ik", "with_ik", is_flag=True, help="Then find joint angles with OpenSim.")
@click.option("--static", metavar="NAME", help="With --ik: the trial of each person that scales, such as neutral.")
@click.option("--osim-model", type=_FOUND, metavar="OSIM", help="With --ik: your own OpenSim model.")
@click.option("--marker-set", type=_FOUND, metavar="XML", help="With --ik: markers for it.")
@click.option("--scale-setup", type=_FOUND, metavar="XML", help="With --ik: your Scale Tool set-up.")
@click.option("--ik-setup", type=_FOUND, metavar="XML", help="With --ik: your inverse kinematics set-up.")
@click.option(
    "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, metavar="N", help="Processes."
)
@click.option("--dask", "address", metavar="ADDRESS", help="Work on a Dask cluster instead.")
@click.option("--report", "with_report", is_flag=True, help="Also write a page on each trial, and an index of all.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--model", "model_name", metavar="MODEL", help="Name of a shipped model, or a model folder.")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    type=click.Choice(["cpu", "cuda", "mps"]),
    help="Where the network runs.",
)
@click.option("--with-keypoints", is_flag=True, help="Also write the inputs' keypoints.")
@click.option(
    "--calibrations",
    "calibration",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Files of trcaugment calibrate, SUBJECT.json for each subject.",
)
@preparation_options
@names_option
@click.option("--strict", is_flag=True, help="Refuse trials in which a guard finds something.")
@click.option("--overwrite", is_flag=True, help="Replace files that are not this program's.")
@report_options
def batch(
    cohort: Path,
    output: Path,
    subjects: Path | None,
    layout: Layout | None,
    with_ik: bool,
    static: str | None,
    osim_model: Path | None,
    marker_set: Path | None,
    scale_setup: Path | None,
    ik_setup: Path | None,
    jobs: int,
    address: str | None,
    with_report: bool,
    dry_run: bool,
    model_name: str | None,
    device: str,
    with_keypoints: bool,
    calibration: Path | None,
    prepared: dict[str, Any],
    names: tuple[str, ...],
    strict: bool,
    overwrite: bool,
    quiet: bool,
    json_file: Path | None,
) -> None:
    """Convert all trials of a folder: OpenCap sessions, Pose2Sim projects, or any files with a subjects.csv.

    Outputs that were made just so are kept, so the same command goes on after an interruption. Every output has
    a sidecar (.json) that says how it was made; batch_report.csv and .json say what became of every trial,
    batch_findings.csv what guards found.
    """
    from trcaugment.cli.batch_tables import show_plan
    from trcaugment.conversion.plan import make_plan, with_calibrations
    from trcaugment.osim.model import SHIPPED_NAME

    keypoint_names = keypoint_map(names)
    summary = make_summary(quiet, json_file)
    if json_file:
        if dry_run:
            raise click.UsageError("--json says what was done, and with --dry-run nothing is; leave one out.")
        check_outputs([json_file], [cohort], overwrite)
    files = (osim_model, marker_set, scale_setup, ik_setup)
    if not with_ik and any((static, *files)):
        raise click.UsageError("--static, --osim-model, --marker-set and set-ups are for --ik; add --ik.")
    if address:  # its workers run in other folders
        cohort, output = cohort.absolute(), output.absolute()
    try:
        scaled_name = SHIPPED_NAME if osim_model is None else osim_model.stem
        plan = make_plan(cohort, subjects, output, layout or "own", scaled_name)
        if calibration:
            plan, notes = with_calibrations(plan, calibration)
            for note in notes:
                summary.say(note)
        if dry_run:
            show_plan(plan, Summary())
            failed = any(each.failed for each in plan.left_out)
        else:
            from trcaugment.chain.preparation import Preparation
            from trcaugment.conversion.people import HowToSolve
            from trcaugment.conversion.report import account, went_well
            from trcaugment.conversion.run import Work
            from trcaugment.conversion.trials import Settings
            from trcaugment.model.card import DEFAULT_MODEL
            from trcaugment.osim.pipeline import Kit

            settings = Settings(
                with_keypoints or layout is not None,  # both programs expect them there
                strict,
                resume=True,
                overwrite=overwrite,
                preparation=Preparation(**prepared),
                names=keypoint_names,
            )
            work = Work(_whole_path(DEFAULT_MODEL if model_name is None else model_name), device, settings)
            whole = [file and file.absolute() for file in files]
            kit = Kit(model=whole[0], marker_set=whole[1], scale_setup=whole[2], ik_setup=whole[3])
            how = HowToSolve(static, kit, settings.preparation.max_gap_s) if with_ik else None
            if with_report:
                from trcaugment.pages.cohort import check_pages

                check_pages([trial.conversion.target for trial in plan.trials], output, overwrite=overwrite)
            rows, without_page = _run(plan, work, _Job(output, address or jobs, how, with_report), summary)
            failed = not went_well(rows) or without_page
            if json_file:
                write_output(json_file, as_json(account(rows)))
    except _WRONG_USAGE as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"the report of the batch {why_not_written(error)}") from error
    if failed:
        sys.exit(1)


def _whole_path(model: str) -> str:
    """Other processes may run in other folders."""
    from trcaugment.model.card import models_folder

    return str(Path(model).absolute()) if Path(model).exists() and not (models_folder() / model).exists() else model


@dataclass(frozen=True)
class _Job:
    """What is done besides predicting: the folder, processes or cluster, joint angles, pages."""

    output: Path
    where: int | str
    how: HowToSolve | None
    with_report: bool


def _run(plan: Plan, work: Work, job: _Job, summary: Summary) -> tuple[list[Row], bool]:
    """Does the work, as far as it gets, writes the report and shows it; also whether a page is lacking."""
    from trcaugment.cli.batch_pages import write_cohort_page, write_trial_pages
    from trcaugment.cli.batch_tables import show_result
    from trcaugment.conversion.folder import claimed
    from trcaugment.conversion.report import make_rows, write_report
    from trcaugment.conversion.run import loaded_model
    from trcaugment.model.folder import load_arms
    from trcaugment.osim.package import load_opensim

    # A missing model or package is an error before any work.
    loaded_model(work.model, work.device)
    if work.settings.preparation.arms:
        load_arms()
    if job.how is not None and isinstance(job.where, int):
        load_opensim()
    outcomes: dict[Path, Outcome] = {}
    angles: dict[Path, Angles] = {}
    everybody: list[PlannedPerson] = []
    pages: dict[Path, str | None] = {}
    with claimed(job.output, [trial.conversion.target.parent for trial in plan.trials]):
        try:
            _convert(plan, work, job.where, outcomes, summary)
            if job.how is not None:
                everybody = _people(plan, job.how, outcomes, angles, summary)
                _find_angles(everybody, job.where, angles, summary, overwrite=work.settings.overwrite)
            if job.with_report:
                done = [target for target, each in outcomes.items() if each.sidecar is not None]
                with _pool(job.where) as (pool, _):
                    pages = write_trial_pages(done, everybody, work, pool)
        except KeyboardInterrupt:
            say("Interrupted; the same command goes on.", err=True)
        except CancelledError:
            say(f"The Dask scheduler at {job.where} was lost; the same command goes on.", err=True)
        rows = make_rows(plan, outcomes, angles)
        try:
            write_report(job.output, rows)
            if job.with_report:
                write_cohort_page(job.output, rows, pages, summary)
        finally:  # on a full disk the screen is all there is
            show_result(rows, job.output, summary)
    return rows, any(pages.values())


def _convert(plan: Plan, work: Work, where: int | str, outcomes: dict[Path, Outcome], summary: Summary) -> None:
    from trcaugment.cli.batch_progress import BatchProgress
    from trcaugment.conversion.run import run, useful_jobs

    conversions = [trial.conversion for trial in plan.trials]
    places = useful_jobs(conversions, where) if isinstance(where, int) else where
    with BatchProgress(len(conversions), quiet=summary.quiet) as progress, _pool(places) as (pool, n_workers):
        for outcome in run(conversions, work, pool, n_workers):
            outcomes[outcome.conversion.target] = outcome
            progress.add(outcome)


def _people(
    plan: Plan, how: HowToSolve, outcomes: dict[Path, Outcome], angles: dict[Path, Angles], summary: Summary
) -> list[PlannedPerson]:
    """The people whose angles are to be found; says who has no trial of the name that is to scale."""
    from trcaugment.conversion.people import plan_people
    from trcaugment.conversion.report import Angles

    sidecars = {target: each.sidecar for target, each in outcomes.items() if each.sidecar is not None}
    angles.update(dict.fromkeys(sidecars, Angles(angles="not reached")))
    everybody = plan_people(plan.trials, sidecars, how)
    without = [str(each.person.folder) for each in everybody if how.static and each.person.static is None]
    if without:
        summary.say(f"no trial {how.static}, scaled by the others: {', '.join(without)}")
    called_so = {each.conversion.target for each in plan.trials if Path(each.name).stem == how.static}
    for each in everybody:
        if len(called_so & set(each.person.trials.values())) > 1:
            summary.say(f"several trials {how.static} of one person, scaled by the first: {each.person.static}")
    return everybody


def _find_angles(
    everybody: list[PlannedPerson],
    where: int | str,
    angles: dict[Path, Angles],
    summary: Summary,
    *,
    overwrite: bool,
) -> None:
    from trcaugment.cli.batch_tables import describe
    from trcaugment.conversion.angles import find_angles

    with _pool(where, apart=True) as (pool, n_workers):
        for target, found in find_angles(everybody, overwrite, pool, n_workers):
            angles[target] = found
            summary.say(f"{target}: inverse kinematics {describe(found)}")


@contextmanager
def _pool(where: int | str, apart: bool = False) -> Iterator[tuple[Pool, int]]:
    """As many processes, or the cluster at an address, and the number of tasks that it does at once.

    OpenSim might crash or not listen to Ctrl-C: it is kept apart.
    """
    from trcaugment.conversion.pools import dask_pool, local_pool

    if isinstance(where, str):
        with dask_pool(where) as cluster:
            yield cluster
    else:
        with local_pool(where, apart) as pool:
            yield pool, where
