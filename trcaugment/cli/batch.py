"""`trcaugment batch`: a whole cohort, from folders to folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trcaugment.cli.converting import Converting, conversion_options
from trcaugment.cli.options import GroupedCommand, jobs_option, make_summary, report_options
from trcaugment.cli.outputs import check_outputs, write_output
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


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for, by the options' names."""

    cohort: Path
    output: Path
    subjects: Path | None
    layout: Layout | None
    with_ik: bool
    static: str | None
    osim_model: Path | None
    marker_set: Path | None
    scale_setup: Path | None
    ik_setup: Path | None
    jobs: int
    address: str | None
    with_report: bool
    dry_run: bool
    how: Converting
    calibration: Path | None
    overwrite: bool
    quiet: bool
    json_file: Path | None

    @property
    def of_opensim(self) -> tuple[Path | None, ...]:
        """OpenSim's files."""
        return self.osim_model, self.marker_set, self.scale_setup, self.ik_setup


@click.command(cls=GroupedCommand, short_help="Convert all trials of a folder, of many people.")
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
@jobs_option("Processes.")
@click.option("--dask", "address", metavar="ADDRESS", help="Work on a Dask cluster instead.")
@click.option("--report", "with_report", is_flag=True, help="Also write a page on each trial, and an index of all.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@conversion_options
@click.option(
    "--calibrations",
    "calibration",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="FOLDER",
    help="Files of trcaugment calibrate, SUBJECT.json for each subject.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that are not this program's.")
@report_options
def batch(**given: Any) -> None:
    """Convert all trials of a folder: OpenCap sessions, Pose2Sim projects, or any files with a subjects.csv.

    Outputs that were made just so are kept, so the same command goes on after an interruption. Every output has
    a sidecar (.json) that says how it was made; batch_report.csv and .json say what became of every trial,
    batch_findings.csv what guards found.
    """
    asked = _Asked(**given)
    summary = make_summary(asked.quiet, asked.json_file)
    if asked.json_file:
        if asked.dry_run:
            raise click.UsageError("--json says what was done, and with --dry-run nothing is; leave one out.")
        check_outputs([asked.json_file], [asked.cohort], asked.overwrite)
    if not asked.with_ik and any((asked.static, *asked.of_opensim)):
        raise click.UsageError("--static, --osim-model, --marker-set and set-ups are for --ik; add --ik.")
    if asked.address:  # its workers run in other folders
        asked = replace(asked, cohort=asked.cohort.absolute(), output=asked.output.absolute())
    try:
        went_well = _plan_and_run(asked, summary)
    except _WRONG_USAGE as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"the report of the batch {why_not_written(error)}") from error
    if not went_well:
        sys.exit(1)


def _plan_and_run(asked: _Asked, summary: Summary) -> bool:
    """Does it, or with --dry-run only shows what would be done; whether nothing failed."""
    from trcaugment.cli.batch_tables import show_plan
    from trcaugment.conversion.plan import make_plan, with_calibrations
    from trcaugment.osim.model import SHIPPED_NAME

    scaled_name = SHIPPED_NAME if asked.osim_model is None else asked.osim_model.stem
    plan = make_plan(asked.cohort, asked.subjects, asked.output, asked.layout or "own", scaled_name)
    if asked.calibration:
        plan, notes = with_calibrations(plan, asked.calibration)
        for note in notes:
            summary.say(note)
    if asked.dry_run:
        show_plan(plan, Summary())
        return not any(each.failed for each in plan.left_out)
    from trcaugment.conversion.report import account, went_well

    work, job = _work(asked), _job(asked)
    if asked.with_report:
        from trcaugment.pages.cohort import check_pages

        check_pages([trial.conversion.target for trial in plan.trials], asked.output, overwrite=asked.overwrite)
    rows, without_page = _run(plan, work, job, summary)
    if asked.json_file:
        write_output(asked.json_file, as_json(account(rows)))
    return went_well(rows) and not without_page


def _work(asked: _Asked) -> Work:
    from trcaugment.conversion.run import Work

    settings = replace(asked.how.settings, resume=True, overwrite=asked.overwrite)
    if asked.layout is not None:  # both programs expect them there
        settings = replace(settings, with_keypoints=True)
    return Work(_whole_path(asked.how.model), asked.how.device, settings)


def _job(asked: _Asked) -> _Job:
    how = _how_to_solve(asked) if asked.with_ik else None
    return _Job(asked.output, asked.address or asked.jobs, how, asked.with_report)


def _how_to_solve(asked: _Asked) -> HowToSolve:
    from trcaugment.conversion.people import HowToSolve  # slow to import, as what makes pages is
    from trcaugment.osim.pipeline import Kit

    model, marker_set, scale_setup, ik_setup = (file and file.absolute() for file in asked.of_opensim)
    kit = Kit(model=model, marker_set=marker_set, scale_setup=scale_setup, ik_setup=ik_setup)
    return HowToSolve(asked.static, kit, asked.how.settings.preparation.max_gap_s)


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
                from trcaugment.cli.batch_pages import write_trial_pages

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
                from trcaugment.cli.batch_pages import write_cohort_page

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
