"""Checks a marker file against a model and its set-ups, because OpenSim leaves out markers without a message.

As tested with OpenSim 4.6: inverse kinematics uses only markers that have a task. The Scale tool leaves out a whole
measurement if one marker of its pairs is missing in the file, in the model, or in one frame of its time range. Its
marker placer deletes markers of the model that have no column in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trcaugment.errors import MarkerSetError
from trcaugment.formats.affixes import find_affix
from trcaugment.formats.trc import read_trc
from trcaugment.formats.trials import is_c3d
from trcaugment.markers import Markers
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import OpensimLog, opensim_log
from trcaugment.osim.marker_data import find_misread
from trcaugment.osim.model import open_model


class Idle(NamedTuple):
    """A task or measurement that would have no effect, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class IkCheck:
    """Check of an inverse kinematics set-up with a file and a model.

    Attributes:
        n_tasks: number of tasks.
        idle: tasks that would have no effect.
        untracked: markers in both file and model, but without an effective task.
    """

    n_tasks: int
    idle: tuple[Idle, ...]
    untracked: tuple[str, ...]


@dataclass(frozen=True)
class ScaleCheck:
    """Check of a scaling set-up with a file and a model.

    Attributes:
        n_measurements: number of measurements.
        idle: measurements that would have no effect.
        unsized: bodies of the model that are not scaled, and keep their generic size.
        deleted: markers of the model that the Scale tool would delete.
    """

    n_measurements: int
    idle: tuple[Idle, ...]
    unsized: tuple[str, ...]
    deleted: tuple[str, ...]


@dataclass(frozen=True)
class Check:
    """Check of a marker file with a model.

    Attributes:
        matched: markers in both, with at least one sample.
        empty: markers in both, without a sample in the file.
        only_in_file: markers that are not in the model.
        only_in_model: markers that are not in the file.
        alike: marker of the model -> marker of the file with nearly the same name.
        ik: check of the inverse kinematics set-up, if there is one.
        scaling: check of the scaling set-up, if there is one.
        misread: sentences on what OpenSim's Scale tool would read differently from `read_trc`.
    """

    matched: tuple[str, ...]
    empty: tuple[str, ...]
    only_in_file: tuple[str, ...]
    only_in_model: tuple[str, ...]
    alike: dict[str, str]
    ik: IkCheck | None
    scaling: ScaleCheck | None
    misread: tuple[str, ...] = ()


def check(
    markers: Markers,
    model: Path,
    marker_set: Path | None = None,
    ik_setup: Path | None = None,
    scale_setup: Path | None = None,
    file: Path | None = None,
) -> Check:
    """Compare the markers of a file with those of a model and its set-ups.

    Args:
        markers: the file's markers.
        model: an `.osim` file.
        marker_set: a marker-set file whose markers are added to the model.
        ik_setup: an inverse kinematics set-up.
        scale_setup: a scaling set-up.
        file: path of the file, to check what OpenSim would misread in it.

    Raises:
        OsimError: opensim is not installed, or a file is of another type.
    """
    with opensim_log() as log:
        names = _Names(markers, open_model(model, marker_set, log))
        ik = _check_ik(open_document("InverseKinematicsTool", ik_setup, log), names) if ik_setup else None
        scaling = _check_scaling(open_document("ScaleTool", scale_setup, log), names) if scale_setup else None
        misread = (*_common_affix(markers), *_misread(file, log)) if file else ()
    both = [name for name in markers.names if name in names.in_model]
    only_in_file = tuple(name for name in markers.names if name not in names.in_model)
    only_in_model = tuple(name for name in names.in_model if name not in markers.names)
    return Check(
        tuple(name for name in both if name not in names.empty),
        tuple(name for name in both if name in names.empty),
        only_in_file,
        only_in_model,
        {name: other for name in only_in_model for other in only_in_file if _key(name) == _key(other)},
        ik,
        scaling,
        misread,
    )


def _misread(file: Path, log: OpensimLog) -> tuple[str, ...]:
    if is_c3d(file):
        return ("OpenSim's tools read no C3D: solve the file with trcaugment osim ik, or write it as TRC.",)
    return find_misread(file, read_trc(file), log)


def _common_affix(markers: Markers) -> Iterator[str]:
    """A sentence on a common prefix or suffix of the names, which OpenSim does not remove."""
    try:
        affix = find_affix(markers.names)
    except MarkerSetError as error:
        yield f"{error}."
    else:
        if affix is not None:
            yield f"Names {affix}, which OpenSim does not remove: name them as the model does, or use osim ik."


class _Names:
    """Names in the file and in the model, copied out of OpenSim."""

    def __init__(self, markers: Markers, model: Any) -> None:
        missing = ~np.isfinite(markers.positions).all(axis=2)
        self.in_file = markers.names
        self.n_frames = markers.n_frames
        self.n_missing = dict(zip(markers.names, missing.sum(axis=0).tolist(), strict=True))
        self.empty = {name for name, n in self.n_missing.items() if n == markers.n_frames}
        self.in_model = _names(model.getMarkerSet())
        self.coordinates = _names(model.getCoordinateSet())
        self.bodies = _names(model.getBodySet())

    def absent(self, wanted: Iterable[str]) -> dict[str, list[str]]:
        """Why wanted markers cannot be used -> these markers; empty if all can."""
        wanted = tuple(dict.fromkeys(wanted))
        reasons = {
            "not in the file": [name for name in wanted if name not in self.in_file],
            "without a sample in the file": [name for name in wanted if name in self.empty],
            "not in the model": [name for name in wanted if name not in self.in_model],
        }
        return {what: names for what, names in reasons.items() if names}


def _names(container: Any) -> tuple[str, ...]:
    return tuple(container.get(k).getName() for k in range(container.getSize()))


def _key(name: str) -> str:
    """The name without letter case, punctuation and `_study`, for comparison."""
    return "".join(c for c in name.casefold().removesuffix("_study") if c.isalnum())


def _check_ik(tool: Any, names: _Names) -> IkCheck:
    task_set = tool.get_IKTaskSet()
    tasks = [task_set.get(k) for k in range(task_set.getSize())]
    idle = tuple(Idle(task.getName(), reason) for task in tasks if (reason := _why_task_idle(task, names)))
    working = {task.getName() for task in tasks} - {name for name, _ in idle}
    both = [name for name in names.in_file if name in names.in_model and name not in names.empty]
    return IkCheck(len(tasks), idle, tuple(name for name in both if name not in working))


def _why_task_idle(task: Any, names: _Names) -> str:
    """Why a task would have no effect; empty if it has one."""
    if not task.getApply():
        return "switched off (apply is false)"
    if task.getWeight() <= 0:
        return "its weight is 0"
    if task.getConcreteClassName() == "IKMarkerTask":
        return ", ".join(names.absent([task.getName()]))
    return "" if task.getName() in names.coordinates else "no such coordinate in the model"


def _check_scaling(tool: Any, names: _Names) -> ScaleCheck:
    scaler = tool.getModelScaler()
    order = scaler.getScalingOrder()
    steps = [order.get(k) for k in range(order.getSize())] if scaler.getApply() else []
    measurement_set = scaler.getMeasurementSet()
    measurements = [measurement_set.get(k) for k in range(measurement_set.getSize())]
    idle, sized = [], set(_manual_bodies(scaler)) if "manualScale" in steps else set()
    for measurement in measurements:
        bodies = _names(measurement.getBodyScaleSet())
        reason = _why_measurement_idle(measurement, bodies, names)
        if "measurements" not in steps:
            reason = "the set-up does not scale by measurements"
        if reason:
            idle.append(Idle(measurement.getName(), reason))
        else:
            sized |= set(bodies)
    deleted = (
        [name for name in names.in_model if name not in names.in_file] if tool.getMarkerPlacer().getApply() else []
    )
    unsized = tuple(body for body in names.bodies if body not in sized)
    return ScaleCheck(len(measurements), tuple(idle), unsized, tuple(deleted))


def _why_measurement_idle(measurement: Any, bodies: tuple[str, ...], names: _Names) -> str:
    """Why a measurement would scale no body; empty if it does."""
    if not measurement.getApply():
        return "switched off (apply is false)"
    markers = list(_markers_of(measurement))
    if not markers:
        return "it has no pair of markers"
    if absent := names.absent(markers):
        return "; ".join(f"{', '.join(which)} {what}" for what, which in absent.items())
    if not set(bodies) & set(names.bodies):
        return f"no body {', '.join(bodies) or 'is named'} in the model"
    gaps = {name: n for name in markers if (n := names.n_missing[name])}
    listed = ", ".join(f"{name} is missing in {n} of {names.n_frames} frames" for name, n in gaps.items())
    return f"{listed}: no effect if the time range holds one of them" if gaps else ""


def _markers_of(measurement: Any) -> Iterator[str]:
    for k in range(measurement.getNumMarkerPairs()):
        pair = measurement.getMarkerPair(k)
        yield from (pair.getMarkerName(0), pair.getMarkerName(1))


def _manual_bodies(scaler: Any) -> Iterator[str]:
    scales = scaler.getScaleSet()
    for k in range(scales.getSize()):
        if scales.get(k).getApply():
            yield scales.get(k).getSegmentName()
