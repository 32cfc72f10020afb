"""`trcaugment osim ik`: marker TRCs in, a scaled model and joint angles out."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.names import name_map, names_option
from trcaugment.cli.options import (
    GroupedCommand,
    Seconds,
    jobs_option,
    make_summary,
    report_options,
    subject_options,
    time_options,
)
from trcaugment.cli.osim_kit import kit_options
from trcaugment.cli.outputs import STANDARD, write_output
from trcaugment.cli.outputs import check_outputs as check_other_outputs
from trcaugment.cli.preparing import lowpass_option
from trcaugment.cli.screen import Summary, progress, say
from trcaugment.errors import MotionError, OsimError, OutputError, TrcAugmentError
from trcaugment.formats.files import as_json
from trcaugment.formats.outputs import check_outputs
from trcaugment.markers import MAX_GAP_S

if TYPE_CHECKING:
    from trcaugment.chain.time_range import TimeRange
    from trcaugment.conversion.angle_uncertainty import AngleSpread
    from trcaugment.conversion.ik import Person
    from trcaugment.osim.factors import Scaling
    from trcaugment.osim.ik import MarkerErrors
    from trcaugment.osim.pipeline import Kit
    from trcaugment.subject import Subject

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(cls=GroupedCommand, short_help="Scale a model to a person and find joint angles.")
@click.argument("inputs", metavar="TRC [TRC2 ...]", nargs=-1, required=True, type=click.Path(path_type=Path))
@subject_options
@click.option("-o", "--output", required=True, type=_FOLDER, help="Folder for the model, the angles and all else.")
@time_options
@click.option("--static", type=_FOUND, metavar="TRC", help="Static trial: scale by its distances.")
@click.option("--neutral", type=_FOUND, metavar="TRC", help="Standing trial: give angles relative to it, too.")
@click.option("--calibration", type=_FOUND, metavar="JSON", help="For trials predicted without it: the person's own.")
@kit_options
@names_option
@click.option(
    "--max-gap",
    "bridged_s",
    type=Seconds(0, 10),
    default=MAX_GAP_S,
    show_default=True,
    metavar="SECONDS",
    help="Interpolate angles over shorter gaps; longer ones part the motion.",
)
@lowpass_option
@jobs_option("Trials solved at once.")
@click.option("--overwrite", is_flag=True, help="Replace output files that exist.")
@report_options
def ik(
    inputs: tuple[Path, ...],
    subject: Subject,
    output: Path,
    time_range: TimeRange,
    static: Path | None,
    neutral: Path | None,
    calibration: Path | None,
    kit: Kit,
    names: tuple[str, ...],
    bridged_s: float,
    lowpass_hz: float | None,
    jobs: int,
    overwrite: bool,
    quiet: bool,
    json_file: Path | None,
) -> None:
    """Scale a model to a person and find the joint angles of trials, with OpenSim.

    All trials together scale one model. The output folder holds it (scaled.osim), the angles (*.mot), marker errors
    (table and figure), OpenSim's logs, and set-ups with relative paths that OpenSim re-runs. For markers that `predict`
    made, angle_uncertainty.csv says how far the angles may be off.
    """
    from trcaugment.conversion.ik import Person

    summary = make_summary(quiet, json_file)
    if json_file:
        check_other_outputs([json_file], inputs, overwrite)
    if kit.is_scaled and static:
        raise click.UsageError("--no-scaling and --static do not go together.")
    own_files = [file for file in (static, calibration, *kit.files) if file]
    if neutral and not any(neutral.resolve() == each.resolve() for each in inputs):
        inputs = (*inputs, neutral)
    paths = prepare(inputs, output, overwrite, own_files, relative=neutral is not None)
    person = Person(
        output,
        subject,
        paths,
        static,
        kit,
        name_map(names),
        time_range,
        bridged_s,
        lowpass_hz,
        calibration=calibration,
        neutral=neutral.stem if neutral else None,
    )
    solved = run(person, jobs, summary)
    if json_file:
        write_output(json_file, as_json(solved.as_data()))
    if solved.failed:
        sys.exit(1)


def prepare(
    inputs: Iterable[Path], folder: Path, overwrite: bool, own_files: Sequence[Path] = (), *, relative: bool = False
) -> dict[str, Path]:
    """Refuses what cannot be written, makes the folder, and returns the trials by the names of their outputs."""
    from trcaugment.conversion.angle_uncertainty import ANGLE_UNCERTAINTY
    from trcaugment.conversion.neutral import RELATIVE_END
    from trcaugment.osim.package import load_opensim
    from trcaugment.osim.pipeline import SCALING_FILES, earlier_parts, trial_files

    paths: dict[str, Path] = {}
    for path in inputs:
        if path == STANDARD:
            raise click.UsageError("a trial from standard input (-) has no name for its files; save it, as walk.trc.")
        if path.stem in paths:
            raise click.UsageError(f"{paths[path.stem]} and {path} would both become {path.stem}.mot; rename one.")
        paths[path.stem] = path
    of_trials = (file for name in paths for file in trial_files(name))
    targets = [folder / file for file in (*SCALING_FILES, ANGLE_UNCERTAINTY, *of_trials)]
    targets += [file for name in paths for file in earlier_parts(folder, name)]
    targets += [folder / f"{name}{RELATIVE_END}" for name in paths if relative]
    try:
        load_opensim()
        check_outputs(targets, [*paths.values(), *own_files], overwrite=overwrite)
        folder.mkdir(parents=True, exist_ok=True)
    except (OsimError, OutputError) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"cannot write to {folder}: {error.strerror}.") from error
    return paths


@dataclass(frozen=True, eq=False)
class Solved:
    """What became of a person's trials, by name."""

    person: Person
    scaling: Scaling | None
    errors: dict[str, MarkerErrors]
    failed: dict[str, TrcAugmentError]
    spreads: dict[str, dict[str, AngleSpread]]

    def as_data(self) -> dict[str, object]:
        """The same for JSON: factors by measurement, and of every trial its marker errors in m."""
        trials = [
            {
                "input": str(path),
                "result": "solved" if name in self.errors else "failed",
                "reason": str(self.failed[name]) if name in self.failed else None,
                **(_errors_as_data(self.errors[name]) if name in self.errors else {}),
                "angle_uncertainty_deg": _spreads_as_data(self.spreads.get(name, {})),
            }
            for name, path in self.person.trials.items()
        ]
        made = self.scaling
        factors = {each.measurement.name: each.value for each in made.factors} if made else {}
        wanted = asdict(self.person.time_range)
        remarks = {"warnings": made.warnings, "notes": made.notes} if made else {"warnings": (), "notes": ()}
        made_so = {"time_range": wanted, "lowpass_hz": self.person.lowpass_hz, "neutral": self.person.neutral}
        return {"factors": factors, **remarks, **made_so, "trials": trials}


def _errors_as_data(errors: MarkerErrors) -> dict[str, object]:
    sizes = (errors.marker_rms_m.tolist(), errors.marker_max_m.tolist())
    return {
        "n_frames": len(errors.time_s),
        "parts": [part.as_data() for part in errors.parts],
        "notes": errors.notes,
        "n_left_out": errors.n_left_out,
        "n_outside": errors.n_outside,
        "ik_over_limits": errors.over_limits or None,
        "ik_marker_rms_m": errors.rms_m,
        "ik_marker_max_m": max(sizes[1]),
        "markers": {
            name: {"rms_m": rms_m, "max_m": max_m} for name, rms_m, max_m in zip(errors.names, *sizes, strict=True)
        },
    }


def _spreads_as_data(spreads: Mapping[str, AngleSpread]) -> dict[str, object] | None:
    """By coordinate, in degrees; None if nothing is known."""
    return {
        name: {
            "constant": round(each.constant_deg, 2),
            "moving": round(each.moving_deg, 2),
            "smallest_change": round(each.smallest_change_deg, 2),
        }
        for name, each in spreads.items()
    } or None


def run(person: Person, jobs: int, summary: Summary) -> Solved:
    """Scale, solve and show."""
    from trcaugment.cli.osim_tables import show_angle_spreads, show_errors, show_scaling
    from trcaugment.conversion.ik import ScaledPerson, scale_and_solve
    from trcaugment.conversion.pools import local_pool

    console = summary.console()
    paths, folder = person.trials, person.folder
    scaling: Scaling | None = None
    spreads: dict[str, dict[str, AngleSpread]] = {}
    solved: dict[str, MarkerErrors] = {}
    failed: dict[str, TrcAugmentError] = {}
    with local_pool(min(jobs, len(paths)), apart=True) as pool, progress("Solving", len(paths)) as step:
        for done in scale_and_solve([person], pool, jobs):
            if isinstance(done, ScaledPerson):
                scaling, spreads = done.scaling, done.spreads
                show_scaling(console, scaling, folder)
                for name, notes in done.notes.items():
                    summary.say(f"{paths[name]}: {' '.join(notes)}")
                continue
            step()
            if done.errors is not None:
                solved[done.name] = done.errors
            elif done.failure is not None:
                failed[done.name] = done.failure
    if solved:
        show_errors(console, {name: solved[name] for name in paths if name in solved}, folder)
        show_angle_spreads(console, spreads, folder)
        for sentence in _relative_to(person, solved):
            summary.say(sentence)
    for name in (name for name in paths if name in failed):
        say(f"{click.style('failed', fg='red')}  {failed[name].about(paths[name])}", err=True)
    return Solved(person, scaling, solved, failed, spreads)


def _relative_to(person: Person, solved: Mapping[str, MarkerErrors]) -> list[str]:
    """Gives the angles relative to the standing trial, too; sentences about that."""
    from trcaugment.conversion.neutral import read_neutral, write_relative

    if person.neutral is None:
        return []
    if person.neutral not in solved:
        return [f"no angles relative to {person.neutral}: it could not be solved"]
    motions = {name: [part.name for part in errors.parts] for name, errors in solved.items()}
    try:
        neutral = read_neutral(person.folder, person.neutral, motions[person.neutral])
        left = write_relative(person.folder, [part for each in motions.values() for part in each], neutral)
    except (MotionError, OsimError) as error:
        raise click.ClickException(str(error)) from error
    unlike = [f"{name}: not relative, {', '.join(each)}" for name, each in left.items() if each]
    return [*neutral.notes(), *unlike]
