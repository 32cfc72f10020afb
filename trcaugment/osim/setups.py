"""What counts in the user's set-ups for OpenSim's Scale and inverse kinematics tools, and what is not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trcaugment.chain.time_range import WHOLE, TimeRange
from trcaugment.errors import OsimError
from trcaugment.osim.documents import open_document
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.measurements import MEASUREMENTS, Measurement

Factors = tuple[float, float, float]

_MEASURED, _MANUAL = "measurements", "manualScale"  # OpenSim's words


@dataclass(frozen=True)
class ScaleSetup:
    """How a model is to be scaled.

    Attributes:
        measurements: which distances size what.
        manual: body -> factors along X, Y and Z that are given.
        manual_first: whether measurements overrule given factors, and not these the measurements.
        keep_mass_shares: whether the masses of bodies keep their proportions.
        time_range: what of the trial that scales counts.
        notes: what counts in the file, and what is not read, one sentence each.
        alone: whether the measurements alone count, as in OpenSim's Scale tool, with the model in its default posture.
        mirrors: whether a marker of the pelvis that only one side has is mirrored for the distances.
    """

    measurements: tuple[Measurement, ...] = MEASUREMENTS
    manual: dict[str, Factors] = field(default_factory=dict)
    manual_first: bool = False
    keep_mass_shares: bool = True
    time_range: TimeRange = WHOLE
    notes: tuple[str, ...] = ()
    alone: bool = False
    mirrors: bool = False


def read_scale_setup(path: Path, log: OpensimLog) -> ScaleSetup:
    """Read a set-up of the Scale tool: measurements, manual factors, their order, time range.

    Raises:
        OsimError: the file is no scaling set-up, or would scale nothing.
    """
    tool = open_document("ScaleTool", path, log)
    scaler = tool.getModelScaler()
    order = _strings(scaler.getScalingOrder()) or [_MEASURED, _MANUAL]
    found, scales = scaler.getMeasurementSet(), scaler.getScaleSet()
    measurements = tuple(_measurement(found.get(i)) for i in range(found.getSize()) if found.get(i).getApply())
    given = (scales.get(i) for i in range(scales.getSize()))
    manual = {each.getSegmentName(): _three(each.getScaleFactors()) for each in given if each.getApply()}
    setup = ScaleSetup(
        measurements if _MEASURED in order else (),
        manual if _MANUAL in order else {},
        order.index(_MANUAL) < order.index(_MEASURED) if {_MANUAL, _MEASURED} <= set(order) else False,
        scaler.getPreserveMassDist(),
        _range(scaler.getTimeRange().get(0), scaler.getTimeRange().get(1)),
    )
    if not setup.measurements and not setup.manual:
        raise OsimError(
            f"{path}: expected a ScaleTool with measurements to apply, or manual factors in its scaling_order, found "
            f"none (scaling_order: {' '.join(order)})"
        )
    unread = tuple(_unread_scaling(tool, "<MarkerPlacer>" in path.read_text(encoding="utf-8", errors="replace")))
    skipped = [f"manual factors of {', '.join(manual)}"] if manual and not setup.manual else []
    skipped += [f"{len(measurements)} measurements"] if measurements and not setup.measurements else []
    notes = [f"{path.name}: {each} are not in its scaling_order and do not count" for each in skipped]
    notes += [f"{path.name}: not read: {', '.join(unread)}"] if unread else []
    return ScaleSetup(**{**vars(setup), "notes": tuple(notes)})


def _unread_scaling(tool: Any, has_placer: bool) -> Iterator[str]:
    """What else a set-up has that would matter to OpenSim's own tool."""
    if _is_file(tool.getGenericModelMaker().getModelFileName()):
        yield "its model file (--model counts)"
    if _is_file(tool.getGenericModelMaker().getMarkerSetFileName()):
        yield "its marker set file (--marker-set counts)"
    if _is_file(tool.getModelScaler().getMarkerFileName()):
        yield "its marker file (the trials count)"
    if has_placer and tool.getMarkerPlacer().getApply():
        yield "its MarkerPlacer (markers are placed by all trials)"


@dataclass(frozen=True)
class IkSetup:
    """The user's set-up of inverse kinematics.

    Attributes:
        path: the file.
        weights: marker -> weight of its task.
        pulls: coordinate -> weight of its task.
        time_range: what of the trials is solved.
        notes: what is not read, one sentence each.
    """

    path: Path
    weights: dict[str, float]
    pulls: dict[str, float]
    time_range: TimeRange
    notes: tuple[str, ...]


def read_ik_setup(path: Path, log: OpensimLog) -> IkSetup:
    """Read a set-up of the inverse kinematics tool.

    Raises:
        OsimError: the file is none.
    """
    tool = open_document("InverseKinematicsTool", path, log)  # which owns the tasks
    tasks = tool.get_IKTaskSet()
    found = [tasks.get(i) for i in range(tasks.getSize())]
    applied = [(t.getConcreteClassName(), t.getName(), t.getWeight()) for t in found if t.getApply()]
    weights = {name: weight for kind, name, weight in applied if kind == "IKMarkerTask"}
    pulls = {name: weight for kind, name, weight in applied if kind == "IKCoordinateTask" and weight > 0}
    stated = tool.getPropertyByName("time_range")
    time_range = WHOLE if stated.getValueIsDefault() else _range(tool.get_time_range(0), tool.get_time_range(1))
    files = {
        "its model (--model counts)": tool.get_model_file(),
        "its marker file (the trials count)": tool.getMarkerDataFileName(),
        "its coordinate file": tool.get_coordinate_file(),
    }
    unread = [what for what, file in files.items() if _is_file(file)]
    notes = (f"{path.name}: not read: {', '.join(unread)}",) if unread else ()
    return IkSetup(path, weights, pulls, time_range, notes)


def _is_file(name: str) -> bool:
    return name not in ("", "Unassigned")


def _range(start_s: float, end_s: float) -> TimeRange:
    """The Scale tool's -1 -1 and infinite times mean all."""
    if end_s < start_s or (start_s, end_s) == (-1, -1):
        return WHOLE
    return TimeRange(*(float(time_s) if np.isfinite(time_s) else None for time_s in (start_s, end_s)))


def _measurement(measurement: Any) -> Measurement:
    """One of OpenSim's measurements as ours."""
    scales = measurement.getBodyScaleSet()
    bodies = [scales.get(i) for i in range(scales.getSize())]
    pairs = [measurement.getMarkerPair(i) for i in range(measurement.getNumMarkerPairs())]
    return Measurement(
        measurement.getName(),
        tuple(((pair.getMarkerName(0),), (pair.getMarkerName(1),)) for pair in pairs),
        tuple((body.getName(), "".join(_strings(body.getAxisNames()))) for body in bodies),
    )


def _strings(names: Any) -> list[str]:
    return [names.get(i) for i in range(names.getSize())]


def _three(vector: Any) -> Factors:
    x, y, z = (float(value) for value in vector.to_numpy())
    return x, y, z
