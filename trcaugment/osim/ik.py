"""Inverse kinematics of one trial by OpenSim's own tool, from files that OpenSim can re-run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.chain.signals import BoolArray
from trcaugment.chain.time_range import WHOLE, TimeRange, cut_time
from trcaugment.errors import OsimError
from trcaugment.formats.mot import read_table
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim
from trcaugment.osim.parts import Part
from trcaugment.osim.setups import IkSetup

# OpenCap's weights: the heel hardly slides on the bone, the clusters sit on muscle.
_WEIGHTS = {
    60.0: ("calc",),
    30.0: ("knee", "mknee", "ankle", "mankle", "toe", "5meta"),
    25.0: ("ASIS", "PSIS", "HJC"),
    5.0: ("C7", "shoulder", "lelbow", "melbow", "lwrist", "mwrist"),
    4.0: ("thigh1", "thigh2", "thigh3", "sh1", "sh2", "sh3"),
}
_WEIGHT_OF = {
    name: weight
    for weight, parts in _WEIGHTS.items()
    for mark in LANDMARKS.values()
    if mark.part in parts and mark.kind != "keypoint"
    for name in mark.aliases
}
_OTHER_WEIGHT = 1.0
_HOLD_WEIGHT = 1.0  # nothing pulls at what is held
_FEWEST_MARKERS = 0.5  # of a trial's; with fewer in a frame the pose would be a guess

RMS_LIMIT_M = 0.02
MAX_LIMIT_M = 0.04


@dataclass(frozen=True)
class Tasks:
    """What inverse kinematics follows.

    Attributes:
        weights: weight of every marker of the model; 0 for those that are not followed.
        shown_by: coordinate -> the followed markers beyond its joint.
        held: whether that takes a task for each, as in a model with constraints.
        setup: the user's own set-up, whose other settings are kept.
        time_range: what of the trials is solved.
    """

    weights: dict[str, float]
    shown_by: dict[str, tuple[str, ...]]
    held: bool
    setup: Path | None = None
    time_range: TimeRange = WHOLE

    @property
    def followed(self) -> tuple[str, ...]:
        """Names of the markers that are followed."""
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Coordinates that no followed marker shows, such as those of the arms; they keep their default value."""
        return tuple(coordinate for coordinate, markers in self.shown_by.items() if not markers)

    def among(self, names: set[str]) -> Tasks:
        """The same for a trial with fewer markers."""
        shown = {coordinate: tuple(m for m in markers if m in names) for coordinate, markers in self.shown_by.items()}
        return replace(self, shown_by=shown)


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


def make_tasks(model: Any, names: set[str], setup: IkSetup | None) -> Tasks:
    """Tasks for the markers that both a model and the trials have.

    Args:
        model: an initialised `opensim.Model` with its markers.
        names: markers of the trials.
        setup: a set-up of inverse kinematics whose weights hold; without one, OpenCap's.

    Raises:
        OsimError: fewer than three markers would be followed.
    """
    markers = [model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())]
    wanted = _default_weights(markers) if setup is None else setup.weights
    weights = {m.getName(): wanted.get(m.getName(), 0.0) if m.getName() in names else 0.0 for m in markers}
    followed = [m for m in markers if weights[m.getName()] > 0]
    if len(followed) < 3:
        raise OsimError(
            f"expected markers in the trials that the model {model.getName()} knows and inverse kinematics follows, "
            f"found {len(followed)}: {', '.join(m.getName() for m in followed) or 'none'}. The model has "
            f"{', '.join(m.getName() for m in markers) or 'none'}; see trcaugment osim check"
        )
    carriers = {m.getName(): m.getParentFrame().findBaseFrame().getName() for m in followed}
    # Without constraints OpenSim's solver follows the gradient alone, which spares what no marker pulls at; a task for
    # each would be a quarter slower, and a lock, which OpenSim makes a constraint, four times.
    held = model.getConstraintSet().getSize() > 0
    own = (None, WHOLE) if setup is None else (setup.path, setup.time_range)
    return Tasks(weights, _shown_by(model, carriers), held, *own)


def _default_weights(markers: list[Any]) -> dict[str, float]:
    return {m.getName(): _WEIGHT_OF.get(m.getName(), _OTHER_WEIGHT) for m in markers}


def _shown_by(model: Any, carriers: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Coordinate -> markers beyond its joint; without coordinates that follow others. `carriers`: marker -> body."""
    state = model.initSystem()
    joints = [model.getJointSet().get(i) for i in range(model.getJointSet().getSize())]
    ends = [(j.getParentFrame().findBaseFrame().getName(), j.getChildFrame().findBaseFrame().getName()) for j in joints]
    beyond: dict[str, set[str]] = {body: set() for pair in ends for body in pair}
    for marker, body in carriers.items():
        beyond.setdefault(body, set()).add(marker)
    for _ in ends:  # as often as the longest chain could need
        for parent, child in ends:
            beyond[parent] |= beyond[child]
    shown = {}
    for joint, (_, child) in zip(joints, ends, strict=True):
        for coordinate in (joint.get_coordinates(k) for k in range(joint.numCoordinates())):
            if not coordinate.isDependent(state):
                shown[coordinate.getName()] = tuple(marker for marker in carriers if marker in beyond[child])
    return shown


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
    """OpenSim's tasks: the coordinates of the user's set-up, all markers of the model, and what is held."""
    opensim = load_opensim()
    made = opensim.IKTaskSet()
    for i in range(own.getSize()):
        if own.get(i).getConcreteClassName() == "IKCoordinateTask" and own.get(i).getName() not in tasks.unseen:
            made.cloneAndAppend(own.get(i))
    for marker, weight in tasks.weights.items():
        task = opensim.IKMarkerTask()
        task.setName(marker)
        task.setApply(weight > 0)  # in so many words: OpenSim follows markers without a task
        task.setWeight(weight)
        made.cloneAndAppend(task)
    for coordinate in tasks.unseen if tasks.held else ():
        task = opensim.IKCoordinateTask()
        task.setName(coordinate)
        task.setApply(True)
        task.setWeight(_HOLD_WEIGHT)
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
