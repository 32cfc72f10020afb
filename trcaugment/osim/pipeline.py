"""From marker trials of a person to a scaled model and joint angles, in a folder that OpenSim can re-run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from trcaugment.body.skeleton import GENERIC_HEIGHT_M, KEYPOINTS
from trcaugment.chain.time_range import cut_time
from trcaugment.errors import OsimError
from trcaugment.formats.files import as_csv, why_not_written
from trcaugment.markers import MAX_GAP_S, Markers
from trcaugment.osim.compare import DEGREES, unit_of
from trcaugment.osim.factors import Scaling, factors_csv
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M, MarkerErrors
from trcaugment.osim.log import OpensimLog, opensim_log
from trcaugment.osim.measurements import KEYPOINT_MEASUREMENTS, MEASUREMENTS
from trcaugment.osim.model import SHIPPED_MARKERS, open_model, write_shipped_model
from trcaugment.osim.parts import part_names
from trcaugment.osim.placement import place_markers
from trcaugment.osim.scale_tool import SCALE_SETUP, SCALED, UNSCALED
from trcaugment.osim.scaling import scale, seen_names, take_sample
from trcaugment.osim.scaling_trials import scaling_trials
from trcaugment.osim.setups import IkSetup, ScaleSetup, read_ik_setup, read_scale_setup
from trcaugment.osim.solving import solve_parts
from trcaugment.osim.tasks import Tasks, make_tasks
from trcaugment.subject import Subject

FACTORS = "scale_factors.csv"
SCALING_LOG = "scaling.log"
SCALING_FILES = (UNSCALED, SCALED, SCALE_SETUP, FACTORS, SCALING_LOG)
_MOST_HEIGHT_ERROR = 0.1
_PULL_DEG = 30.0
FIGURE_END = "_errors.png"
_TABLE_END = "_errors.csv"
_TRIAL_ENDS = (_TABLE_END, FIGURE_END, "_ik.log")
_PART_ENDS = ("_ik.trc", "_ik_setup.xml", ".mot")
_REPORT_ENDS = ("_ik_marker_errors.sto", "_ik_model_marker_locations.sto")


@dataclass(frozen=True)
class Kit:
    """The user's own OpenSim files; without them the shipped model, our measurements and OpenCap's weights.

    Attributes:
        model: a model.
        marker_set: markers for the model, where it has none.
        scale_setup: a ScaleTool set-up, for its measurements, manual factors and time range.
        ik_setup: an InverseKinematicsTool set-up, for its weights, time range and other settings.
        is_scaled: whether the model is the person's already and stays as it is.
        of_keypoints: whether the shipped model carries the keypoints of video instead of anatomical markers.
        by_measurements: whether scaling ends with what the measurements alone give, as in OpenSim's Scale tool.
        placing: whether markers of the shipped model, too, are moved to where the trials have them.
    """

    model: Path | None = None
    marker_set: Path | None = None
    scale_setup: Path | None = None
    ik_setup: Path | None = None
    is_scaled: bool = False
    of_keypoints: bool = False
    by_measurements: bool = False
    placing: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The user's files among these."""
        return tuple(file for file in (self.model, self.marker_set, self.scale_setup, self.ik_setup) if file)

    def read_scale_setup(self, log: OpensimLog) -> ScaleSetup:
        """What the user's set-up says, or our measurements.

        Raises:
            OsimError: the file is no scaling set-up, or would scale nothing.
        """
        if self.scale_setup is None:
            return ScaleSetup(KEYPOINT_MEASUREMENTS if self.of_keypoints else MEASUREMENTS, mirrors=True)
        return read_scale_setup(self.scale_setup, log)


@dataclass(frozen=True)
class Scaled:
    """A scaled model in its folder, and what inverse kinematics follows with it."""

    scaling: Scaling
    tasks: Tasks


def trial_files(name: str, n_parts: int = 1) -> tuple[str, ...]:
    """Names of the files that belong to a trial with so many parts."""
    parts = part_names(name, n_parts)
    return (*(name + end for end in _TRIAL_ENDS), *(part + end for part in parts for end in _PART_ENDS))


def earlier_parts(folder: Path, name: str) -> list[Path]:
    """Files in a folder of a trial's parts, as an earlier run made them; a part has no table of errors of its own."""
    ends = "|".join(re.escape(end) for end in (*_PART_ENDS, *_REPORT_ENDS))
    pattern = re.compile(rf"({re.escape(name)}_part[1-9][0-9]*)({ends})")
    found = [(path, pattern.fullmatch(path.name)) for path in folder.iterdir()] if folder.is_dir() else []
    return [path for path, match in found if match and not (folder / (match[1] + _TABLE_END)).exists()]


def scale_person(
    trials: Mapping[str, Markers], static: Markers | None, subject: Subject, kit: Kit, folder: Path
) -> Scaled:
    """Scale a model to a person.

    Args:
        trials: all trials of the person, by name.
        static: a static trial, whose distances count instead of those of the trials.
        subject: the person; the mass becomes the model's, the height is compared with the factors.
        kit: the user's own files.
        folder: gets the models, the set-up, the factors and OpenSim's log.

    Raises:
        OsimError: nothing to scale with, or OpenSim failed; its log is in the folder.
    """
    with _workshop(folder, SCALING_LOG) as work, opensim_log(work / SCALING_LOG) as log:
        model = _write_unscaled(kit, work, log)
        ik_setup = None if kit.ik_setup is None else read_ik_setup(kit.ik_setup, log)
        tasks = make_tasks(model, {name for trial in trials.values() for name in seen_names(trial)}, ik_setup)
        if kit.is_scaled:
            log.checked(lambda: model.printToXML(str(work / SCALED)), SCALED)
            scaling = Scaling((), {}, (), (), notes=(f"not scaled: {model.getName()} stays as it is, its mass too",))
        else:
            setup = replace(kit.read_scale_setup(log), alone=kit.by_measurements)
            used, notes = scaling_trials(trials, static, setup)
            scaling = scale(used, setup, tasks, subject.mass_kg, work, log)
            if kit.model is None:
                scaling = replace(scaling, warnings=(*scaling.warnings, *_odd_height(scaling, subject.height_m)))
            if kit.by_measurements:
                notes.append("scaled by the measurements alone, in the default posture; markers stay where they are")
            elif kit.model is not None or kit.placing:
                notes += _place({**trials, **used}, tasks, work, log)
            scaling = replace(scaling, notes=(*scaling.notes, *notes))
        remarks = (*ik_setup.notes, *_pulls(ik_setup, tasks)) if ik_setup else ()
        scaling = replace(scaling, notes=(*scaling.notes, *remarks, *_unmeasured(tasks)))
        (work / FACTORS).write_bytes(factors_csv(scaling))
    return Scaled(scaling, tasks)


def _pulls(setup: IkSetup, tasks: Tasks) -> Iterator[str]:
    """Sentences on coordinate tasks that pull against markers, with the distance that would weigh as much."""
    for coordinate, weight in setup.pulls.items():
        markers = tasks.shown_by.get(coordinate, ())
        if markers and unit_of(coordinate) == DEGREES:
            distance_m = np.deg2rad(_PULL_DEG) * np.sqrt(weight / sum(tasks.weights[name] for name in markers))
            yield (
                f"{setup.path.name}: its task pulls {coordinate} against the markers: {_PULL_DEG:g} degrees weigh as "
                f"much as {1000 * distance_m:.0f} mm in each of {', '.join(markers)}"
            )


def _unmeasured(tasks: Tasks) -> Iterator[str]:
    if tasks.unseen:
        yield f"nothing measures {', '.join(tasks.unseen)}: left at the model's defaults"


def _write_unscaled(kit: Kit, work: Path, log: OpensimLog) -> Any:
    """The model to be scaled, with its markers."""
    if kit.model is None:
        write_shipped_model(work / UNSCALED, KEYPOINTS if kit.of_keypoints else SHIPPED_MARKERS)
        model = open_model(work / UNSCALED, kit.marker_set, log)
        _let_loose(model)
    else:
        model = open_model(kit.model, kit.marker_set, log)
    log.checked(lambda: model.printToXML(str(work / UNSCALED)), UNSCALED)
    return model


def _place(trials: Mapping[str, Markers], tasks: Tasks, work: Path, log: OpensimLog) -> list[str]:
    """Move markers of the scaled model to where the trials have them; messages about that."""
    sample, _ = take_sample(trials, tasks.followed)
    moved = place_markers(sample, tasks.for_sizes(), work, log)
    listed = ", ".join(f"{each.marker} {1000 * each.distance_m:.0f} mm" for each in moved)
    return [f"markers moved on the model: {listed}"] if moved else []


def _odd_height(scaling: Scaling, height_m: float) -> Iterator[str]:
    if not scaling.factors:
        return
    likely_m = GENERIC_HEIGHT_M * float(np.median([factor.value for factor in scaling.factors]))
    if abs(height_m / likely_m - 1) > _MOST_HEIGHT_ERROR:
        yield f"the height is {height_m:.2f} m, but the markers are those of a person of about {likely_m:.2f} m"


def _let_loose(model: Any) -> None:
    """Lets coordinates leave their ranges: with bounds OpenSim's solver stalls, up to half a degree from the answer."""
    coordinates = model.updCoordinateSet()
    for i in range(coordinates.getSize()):
        coordinates.get(i).setDefaultClamped(False)


def solve(
    name: str, trial: Markers, tasks: Tasks, folder: Path, *, max_gap_s: float = MAX_GAP_S, others: Collection[str] = ()
) -> MarkerErrors:
    """Inverse kinematics of one trial with the folder's scaled model.

    Args:
        name: of its files.
        trial: markers.
        tasks: what is followed.
        folder: with the model; gets the angles and all else.
        max_gap_s: gaps of frames without enough markers that last as long, in s, part the trial; others are
            interpolated.
        others: names of other trials, which no part may take.

    Raises:
        OsimError: OpenSim failed; its log is in the folder.
    """
    log_name = f"{name}_ik.log"
    with _workshop(folder, log_name) as work:
        (work / SCALED).write_bytes((folder / SCALED).read_bytes())
        with opensim_log(work / log_name) as log:
            errors = solve_parts(work, name, cut_time(trial, tasks.time_range), tasks, log=log, max_gap_s=max_gap_s)
        n_inside = cut_time(trial, tasks.time_range).n_frames
        errors = replace(errors, n_outside=trial.n_frames - n_inside)
        (work / f"{name}{_TABLE_END}").write_bytes(_errors_csv(errors))
        (work / SCALED).unlink()
        _make_room(folder, name, [part.name for part in errors.parts], others)
    return errors


def _make_room(folder: Path, name: str, parts: Sequence[str], others: Collection[str]) -> None:
    """Remove motions that an earlier run made of the trial, if it had other parts.

    Raises:
        OsimError: a part has the name of another trial.
    """
    for part in parts:
        if part != name and (part in others or (folder / (part + _TABLE_END)).exists()):
            raise OsimError(f"{name} falls into parts, and {part} is the name of another trial; rename one of them")
    made = {part + end for part in parts for end in (*_PART_ENDS, *_REPORT_ENDS)}
    whole = [folder / (name + end) for end in (*_PART_ENDS, *_REPORT_ENDS)]
    for path in (*whole, *earlier_parts(folder, name)):
        if path.name not in made:
            path.unlink(missing_ok=True)


@contextmanager
def _workshop(folder: Path, log_name: str) -> Iterator[Path]:
    """A hidden folder in the folder; what was made there moves out when all is done, after a failure just the log."""
    try:
        with TemporaryDirectory(dir=folder, prefix=".") as name:
            work = Path(name)
            try:
                yield work
            except BaseException:
                _move([work / log_name], folder)
                raise
            _move(sorted(work.iterdir()), folder)
    except OSError as error:
        raise OsimError(f"{folder} {why_not_written(error)}") from error


def _move(files: Sequence[Path], folder: Path) -> None:
    for file in files:
        if file.exists():
            file.replace(folder / file.name)


def _errors_csv(errors: MarkerErrors) -> bytes:
    """One row per frame, one column per marker, in mm, empty where a marker is missing.

    Marked are frames that are over the limits, and those that were interpolated.
    """
    rows: list[Sequence[object]] = []
    for time_s, distances in zip(errors.time_s, 1000 * errors.distance_m, strict=True):
        seen = distances[np.isfinite(distances)]
        rms, most = np.sqrt(np.mean(seen**2)), seen.max()
        mark = "over the limits" if rms > 1000 * RMS_LIMIT_M or most > 1000 * MAX_LIMIT_M else ""
        cells = ("" if np.isnan(value) else f"{value:.2f}" for value in distances)
        rows.append((f"{time_s:.6f}", f"{rms:.2f}", f"{most:.2f}", mark, *cells))
    nothing = [""] * len(errors.names)
    for part in errors.parts:
        rows += [(f"{time_s:.6f}", "", "", "interpolated", *nothing) for time_s in part.time_s[~part.solved]]
    rows.sort(key=lambda row: float(str(row[0])))
    return as_csv([("time_s", "rms_mm", "max_mm", "mark", *errors.names), *rows])
