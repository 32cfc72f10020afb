"""From marker trials of a person to a scaled model and joint angles, in a folder that OpenSim can re-run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from trcaugment.body.skeleton import GENERIC_HEIGHT_M
from trcaugment.errors import OsimError
from trcaugment.formats.files import as_csv, why_not_written
from trcaugment.markers import Markers
from trcaugment.osim.ik import MarkerErrors, Tasks, make_tasks, run_ik, write_ik_trial
from trcaugment.osim.log import opensim_log
from trcaugment.osim.measurements import MEASUREMENTS, read_measurements
from trcaugment.osim.model import open_model, write_shipped_model
from trcaugment.osim.scaling import SCALE_SETUP, SCALED, UNSCALED, Scaling, scale
from trcaugment.subject import Subject

FACTORS = "scale_factors.csv"
SCALING_LOG = "scaling.log"
SCALING_FILES = (UNSCALED, SCALED, SCALE_SETUP, FACTORS, SCALING_LOG)
_MOST_HEIGHT_ERROR = 0.1
FIGURE_END = "_errors.png"
_TRIAL_ENDS = ("_ik.trc", "_ik_setup.xml", ".mot", "_errors.csv", FIGURE_END, "_ik.log")


@dataclass(frozen=True)
class Kit:
    """The user's own OpenSim files; without them the shipped model, our measurements and OpenCap's weights.

    Attributes:
        model: a model.
        marker_set: markers for the model, where it has none.
        scale_setup: a ScaleTool set-up, for its measurements.
        ik_setup: an InverseKinematicsTool set-up, for its weights and other settings.
    """

    model: Path | None = None
    marker_set: Path | None = None
    scale_setup: Path | None = None
    ik_setup: Path | None = None


@dataclass(frozen=True)
class Scaled:
    """A scaled model in its folder, and what inverse kinematics follows with it."""

    scaling: Scaling
    tasks: Tasks


def trial_files(name: str) -> tuple[str, ...]:
    """Names of the files that belong to a trial."""
    return tuple(name + end for end in _TRIAL_ENDS)


def scale_person(trials: Sequence[Markers], static: Markers | None, subject: Subject, kit: Kit, folder: Path) -> Scaled:
    """Scale a model to a person.

    Args:
        trials: all trials of the person.
        static: a static trial, whose distances count instead of those of the trials.
        subject: the person; the mass becomes the model's, the height is compared with the factors.
        kit: the user's own files.
        folder: gets the models, the set-up, the factors and OpenSim's log.

    Raises:
        OsimError: nothing to scale with, or OpenSim failed; its log is in the folder.
    """
    with _workshop(folder, SCALING_LOG) as work, opensim_log(work / SCALING_LOG) as log:
        if kit.model is None:
            write_shipped_model(work / UNSCALED)
            model = open_model(work / UNSCALED, kit.marker_set, log)
            _let_loose(model)
        else:
            model = open_model(kit.model, kit.marker_set, log)
        log.checked(lambda: model.printToXML(str(work / UNSCALED)), UNSCALED)
        measurements = MEASUREMENTS if kit.scale_setup is None else read_measurements(kit.scale_setup, log)
        names = {name for trial in trials for name in trial.names}
        tasks = make_tasks(model, names, kit.ik_setup, log)
        scaling = scale(list(trials) if static is None else [static], measurements, tasks, subject.mass_kg, work, log)
        if kit.model is None:
            scaling = replace(scaling, warnings=(*scaling.warnings, *_odd_height(scaling, subject.height_m)))
        (work / FACTORS).write_bytes(_factors_csv(scaling))
    return Scaled(scaling, tasks)


def _odd_height(scaling: Scaling, height_m: float) -> Iterator[str]:
    likely_m = GENERIC_HEIGHT_M * float(np.median([factor.value for factor in scaling.factors]))
    if abs(height_m / likely_m - 1) > _MOST_HEIGHT_ERROR:
        yield f"the height is {height_m:.2f} m, but the markers are those of a person of about {likely_m:.2f} m"


def _let_loose(model: Any) -> None:
    """Lets coordinates leave their ranges: with bounds OpenSim's solver stalls, up to half a degree from the answer."""
    coordinates = model.updCoordinateSet()
    for i in range(coordinates.getSize()):
        coordinates.get(i).setDefaultClamped(False)


def solve(name: str, trial: Markers, tasks: Tasks, folder: Path) -> MarkerErrors:
    """Inverse kinematics of one trial with the folder's scaled model.

    Raises:
        OsimError: OpenSim failed; its log is in the folder.
    """
    log_name = f"{name}_ik.log"
    with _workshop(folder, log_name) as work:
        (work / SCALED).write_bytes((folder / SCALED).read_bytes())
        with opensim_log(work / log_name) as log:
            errors, _ = run_ik(write_ik_trial(work, name, trial, tasks, log), log)
        errors = replace(errors, n_left_out=trial.n_frames - len(errors.time_s))
        (work / f"{name}_errors.csv").write_bytes(_errors_csv(errors))
        (work / SCALED).unlink()
    return errors


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


def _factors_csv(scaling: Scaling) -> bytes:
    """One row per distance."""
    heads = ("measurement", "bodies", "factor", "from", "to", "measured_mm", "scaled_model_mm", "unscaled_model_mm")
    rows: list[tuple[object, ...]] = [(*heads, "frames")]
    for factor in scaling.factors:
        bodies = " ".join(f"{body}:{axes}" for body, axes in factor.measurement.sizes)
        for d in factor.distances:
            lengths = (f"{1000 * m:.1f}" for m in (d.measured_m, d.scaled_m, d.unscaled_m))
            ends = (" ".join(d.first), " ".join(d.second))
            rows.append((factor.measurement.name, bodies, f"{factor.value:.4f}", *ends, *lengths, d.n_frames))
    return as_csv(rows)


def _errors_csv(errors: MarkerErrors) -> bytes:
    """One row per frame, one column per marker, in mm; empty where a marker is missing."""
    rows: list[Sequence[object]] = [("time_s", "rms_mm", "max_mm", *errors.names)]
    for time_s, distances in zip(errors.time_s, 1000 * errors.distance_m, strict=True):
        seen = distances[np.isfinite(distances)]
        values = (np.sqrt(np.mean(seen**2)), seen.max(), *distances)
        rows.append((f"{time_s:.6f}", *("" if np.isnan(value) else f"{value:.2f}" for value in values)))
    return as_csv(rows)
