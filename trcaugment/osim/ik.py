"""Inverse kinematics of one trial by OpenSim's own tool, from files that OpenSim can re-run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.chain.signals import BoolArray
from trcaugment.chain.time_range import cut_time
from trcaugment.errors import OsimError
from trcaugment.formats.mot import read_table
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim
from trcaugment.osim.parts import Part
from trcaugment.osim.tasks import Tasks

_HOLD_WEIGHT = 1.0  # nothing pulls at what is held
_OPEN_WEIGHT = 0.001  # markers, 4 to 60 per m^2, decide what they can
_FEWEST_MARKERS = 0.5  # of a trial's; with fewer in a frame the pose would be a guess

RMS_LIMIT_M = 0.02
MAX_LIMIT_M = 0.04


@dataclass(frozen=True)
class MarkerErrors:
    """How far the model's markers stay from the measured ones.

    Attributes:
        names: the markers that were followed.
        time_s: time of the frames that were solved, (n_frames,).
        distance_m: distances in m, NaN where a marker is missing, (n_frames, n_markers).
        n_left_out: frames of the trial that are in no motion file.
        n_outside: frames of the trial outside the time range that was to be solved.
        parts: of the trial, each with a motion file of its own.
        notes: what was interpolated, left out or not measured, one sentence each.
    """

    names: tuple[str, ...]
    time_s: FloatArray
    distance_m: FloatArray
    n_left_out: int = 0
    n_outside: int = 0
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rms_m(self) -> float:
        """Root mean square distance over all frames and markers, in m."""
        return float(np.sqrt(np.nanmean(self.distance_m**2)))

    @property
    def max_m(self) -> float:
        """Largest distance of any marker in any frame, in m."""
        return float(np.nanmax(self.distance_m))

    @property
    def over_limits(self) -> str:
        """What is over the usual limits, such as "max 80.4 mm (limit 40)"; empty if nothing is."""
        found = (("RMS", self.rms_m, RMS_LIMIT_M), ("max", self.max_m, MAX_LIMIT_M))
        over = [f"{what} {1000 * m:.1f} mm (limit {1000 * limit_m:g})" for what, m, limit_m in found if m > limit_m]
        return ", ".join(over)

    @property
    def marker_rms_m(self) -> FloatArray:
        """Root mean square distance of every marker, in m, (n_markers,)."""
        return np.asarray(np.sqrt(np.nanmean(self.distance_m**2, axis=0)))

    @property
    def marker_max_m(self) -> FloatArray:
        """Largest distance of every marker, in m, (n_markers,)."""
        return np.asarray(np.nanmax(self.distance_m, axis=0))

    @property
    def frame_rms_m(self) -> FloatArray:
        """Root mean square distance in every frame, in m, (n_frames,)."""
        return np.asarray(np.sqrt(np.nanmean(self.distance_m**2, axis=1)))


def usable_frames(positions: FloatArray) -> BoolArray:
    """Frames with enough markers to pose a body.

    Args:
        positions: positions of the markers that are followed, (n_frames, n_markers, 3), NaN where missing.

    Returns:
        Whether half of the markers that the trial has at all are there, (n_frames,).
    """
    there = np.isfinite(positions).all(axis=2)
    return np.asarray(there.sum(axis=1) >= np.maximum(3, _FEWEST_MARKERS * there.any(axis=0).sum()))


def write_ik_trial(folder: Path, name: str, trial: Markers, tasks: Tasks, log: OpensimLog) -> Path:
    """Write what OpenSim needs for a trial: `NAME_ik.trc`, with what is followed, and `NAME_ik_setup.xml`.

    The paths in the set-up are relative, so that the folder can be moved; the model is expected as `scaled.osim`.

    Raises:
        OsimError: no frame has enough markers.
        MarkersError: no frame is in the set-up's time range.
    """
    opensim = load_opensim()
    trial = cut_time(trial, tasks.time_range)
    names = _seen(trial, tasks.followed)
    positions = trial.select(names)
    frames = usable_frames(positions)
    if not frames.any():
        raise OsimError(
            f"expected frames with three markers of the model and half of those that the trial has, found none; "
            f"followed are {', '.join(names) or 'none'}"
        )
    kept = replace(trial, names=names, positions=positions[frames], time_s=trial.time_s[frames])
    write_trc(folder / f"{name}_ik.trc", kept)
    if tasks.setup is None:
        tool = opensim.InverseKinematicsTool()
    else:
        tool = open_document("InverseKinematicsTool", tasks.setup, log)
        tool.set_coordinate_file("")
    tool.setName(_opensim_name(name))
    tool.set_model_file("scaled.osim")
    tool.setMarkerDataFileName(f"{name}_ik.trc")
    tool.setOutputMotionFileName(f"{name}.mot")
    tool.setResultsDir(".")
    tool.setStartTime(float(kept.time_s[0]))
    tool.setEndTime(float(kept.time_s[-1]))
    tool.set_report_errors(True)
    tool.set_report_marker_locations(True)
    tool.set_IKTaskSet(_task_set(tool.get_IKTaskSet(), tasks))
    path = folder / f"{name}_ik_setup.xml"
    tool.printToXML(str(path))
    return path


def _seen(trial: Markers, followed: tuple[str, ...]) -> tuple[str, ...]:
    """The followed markers that have samples in usable frames."""
    names = tuple(marker for marker in followed if marker in trial.names)
    positions = trial.select(names)
    there = np.asarray(np.isfinite(positions[usable_frames(positions)]).all(axis=2).any(axis=0))
    return tuple(name for name, seen in zip(names, there, strict=True) if seen)


def _task_set(own: Any, tasks: Tasks) -> Any:
    """OpenSim's tasks: the coordinates of the user's set-up, all markers of the model, and what is held or open."""
    opensim = load_opensim()
    made = opensim.IKTaskSet()
    for i in range(own.getSize()):
        name = own.get(i).getName()
        if (
            own.get(i).getConcreteClassName() == "IKCoordinateTask"
            and name in tasks.pulled
            and name not in tasks.unseen
        ):
            made.cloneAndAppend(own.get(i))
    for marker, weight in tasks.weights.items():
        task = opensim.IKMarkerTask()
        task.setName(marker)
        task.setApply(weight > 0)  # in so many words: OpenSim follows markers without a task
        task.setWeight(weight)
        made.cloneAndAppend(task)
    to_default = dict.fromkeys(tasks.unseen if tasks.held else (), _HOLD_WEIGHT) | dict.fromkeys(
        tasks.open, _OPEN_WEIGHT
    )
    for coordinate, weight in to_default.items():
        if coordinate in tasks.pulled:
            continue
        task = opensim.IKCoordinateTask()
        task.setName(coordinate)
        task.setApply(True)
        task.setWeight(weight)
        task.setValueType(opensim.IKCoordinateTask.DefaultValue)
        made.cloneAndAppend(task)
    return made


def _opensim_name(name: str) -> str:
    """A trial's name without dots: OpenSim takes what follows the last one for the end of a file name."""
    return name.replace(".", "_")


def run_ik(setup: Path, log: OpensimLog) -> tuple[MarkerErrors, Markers]:
    """Run a set-up of `write_ik_trial`.

    Returns:
        the errors, and the model's markers in the frames that were solved.

    Raises:
        OsimError: OpenSim failed.
    """
    opensim = load_opensim()
    name = setup.name.removesuffix("_ik_setup.xml")
    tool = log.checked(lambda: opensim.InverseKinematicsTool(str(setup)), str(setup))
    # OpenSim finds the set-up's marker file beside the set-up, but looks for the model in the working folder.
    model_file = setup.with_name(tool.get_model_file())
    model = log.checked(lambda: opensim.Model(str(model_file)), str(model_file))
    tool.setModel(model)
    log.checked(tool.run, f"inverse kinematics of {name}")
    for end in ("_ik_marker_errors.sto", "_ik_model_marker_locations.sto"):
        setup.with_name(_opensim_name(name) + end).replace(setup.with_name(name + end))
    labels, table, *_ = read_table(setup.with_name(f"{name}_ik_model_marker_locations.sto"))
    names = tuple(label.removesuffix("_tx") for label in labels[1::3])
    placed = Markers(names, table[:, 1:].reshape(len(table), -1, 3), table[:, 0])
    measured = read_trc(setup.with_name(f"{name}_ik.trc"))
    if placed.n_frames != measured.n_frames:
        raise OsimError(f"inverse kinematics of {name}: OpenSim solved {placed.n_frames} of {measured.n_frames} frames")
    distance_m = np.linalg.norm(placed.select(measured.names) - measured.positions, axis=2)
    return MarkerErrors(measured.names, measured.time_s, distance_m), placed
