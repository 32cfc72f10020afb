"""Scaling a model to a person without a static trial: factors from medians of marker distances, through OpenSim's tool.

Many distances change as joints bend: knee and ankle centers come nearer to each other, and a rounded back is shorter.
So measured distances are compared with the model's in the posture of the same frame, and that posture is found by
inverse kinematics with the model as scaled so far, until the factors no longer change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

from trcaugment.body.skeleton import other_side
from trcaugment.errors import OsimError
from trcaugment.markers import Markers
from trcaugment.osim.ik import Tasks, run_ik, usable_frames, write_ik_trial
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.measurements import Measurement, Place, distance_m
from trcaugment.osim.package import load_opensim

UNSCALED = "unscaled.osim"
SCALED = "scaled.osim"
SCALE_SETUP = "scale_setup.xml"

_MARKER_PLACER = re.compile(r"\s*<!--[^<]*-->\s*<MarkerPlacer>.*?</MarkerPlacer>", re.DOTALL)
_N_FRAMES = 60  # spread evenly over all trials
_MOST_ROUNDS = 8
_SETTLED = 0.001  # relative change of a factor
_POSSIBLE = (0.7, 1.5)
_MOST_ASYMMETRY = 0.1
_FOLLOWED_FOR_SCALING = 0.1  # weight of markers that are measured but not followed in inverse kinematics


class Distance(NamedTuple):
    """A distance behind a factor, in m: medians over the frames that have it.

    Attributes:
        first: one end, a marker or the mean of several.
        second: the other end.
        measured_m: between the markers of the trials.
        scaled_m: of the scaled model in the same postures.
        unscaled_m: of the unscaled model in its default posture.
        n_frames: number of frames.
    """

    first: Place
    second: Place
    measured_m: float
    scaled_m: float
    unscaled_m: float
    n_frames: int


@dataclass(frozen=True)
class Factor:
    """A scale factor, the measurement that it comes from, and the distances behind it."""

    measurement: Measurement
    value: float
    distances: tuple[Distance, ...]


@dataclass(frozen=True)
class Scaling:
    """How a model was scaled.

    Attributes:
        factors: what was measured.
        by_body: factors along X, Y and Z of every body.
        unmeasured: bodies without a measurement, which got the median of all factors.
        warnings: what is odd, one sentence each.
    """

    factors: tuple[Factor, ...]
    by_body: dict[str, tuple[float, float, float]]
    unmeasured: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Evidence:
    """What factors are found from: the frames, the measurements that they allow, and the model's standing distances."""

    sample: Markers
    measurements: tuple[Measurement, ...]
    standing: Markers
    bodies: tuple[str, ...]


def scale(
    trials: Sequence[Markers],
    measurements: Sequence[Measurement],
    tasks: Tasks,
    mass_kg: float,
    folder: Path,
    log: OpensimLog,
) -> Scaling:
    """Scale the folder's `unscaled.osim` to the person of the trials: writes `scaled.osim` and `scale_setup.xml`.

    Args:
        trials: one or several trials of the person, moving or standing.
        measurements: which distances size what.
        tasks: what inverse kinematics follows, to find postures.
        mass_kg: the person's mass, which the scaled model gets.
        folder: holds the model.
        log: OpenSim's log.

    Raises:
        OsimError: no measurement is possible, or OpenSim failed.
    """
    evidence = _gather(trials, measurements, tasks, folder, log)
    weights = dict(tasks.weights)
    for name in evidence.sample.names:
        weights[name] = weights.get(name) or _FOLLOWED_FOR_SCALING
    postures = replace(tasks, weights=weights)
    found = _compare(evidence, evidence.standing, [1.0] * len(evidence.measurements))
    for _ in range(_MOST_ROUNDS):
        values = [factor.value for factor in found]
        _run_scale_tool(_by_body(found, evidence.bodies), mass_kg, folder, log)
        found = _compare(evidence, _in_postures(evidence, postures, folder, log), values)
        if all(abs(f.value / value - 1) < _SETTLED for f, value in zip(found, values, strict=True)):
            break
    by_body = _by_body(found, evidence.bodies)
    _run_scale_tool(by_body, mass_kg, folder, log)
    sized = {body for factor in found for body, _ in factor.measurement.sizes}
    unmeasured = tuple(body for body in by_body if body not in sized)
    return Scaling(tuple(found), by_body, unmeasured, tuple(_odd(found)))


def _gather(
    trials: Sequence[Markers], measurements: Sequence[Measurement], tasks: Tasks, folder: Path, log: OpensimLog
) -> _Evidence:
    opensim = load_opensim()
    model = log.checked(lambda: opensim.Model(str(folder / UNSCALED)), UNSCALED)
    state = log.checked(model.initSystem, UNSCALED)
    markers = {m.getName(): m for m in (model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize()))}
    common = {name for trial in trials for name in trial.names} & set(markers)
    possible = tuple(m for m in (each.among(common) for each in measurements) if m.pairs)
    if not possible:
        raise OsimError(
            "no measurement is possible for scaling: both the trials and the model need the markers of a distance, "
            f"such as {' and '.join(measurements[0].markers()[:2])}; they share {', '.join(sorted(common)) or 'none'}"
        )
    names = tuple(dict.fromkeys([*tasks.followed, *(name for m in possible for name in m.markers())]))
    standing = np.array([[markers[name].getLocationInGround(state).to_numpy() for name in names]])
    bodies = tuple(model.getBodySet().get(i).getName() for i in range(model.getBodySet().getSize()))
    return _Evidence(_sample(trials, names), possible, Markers(names, standing, np.zeros(1)), bodies)


def _sample(trials: Sequence[Markers], names: tuple[str, ...]) -> Markers:
    """Usable frames spread evenly over all trials, as one trial with made-up time."""
    kept = []
    for trial in trials:
        positions = np.full((trial.n_frames, len(names), 3), np.nan)
        for k, name in enumerate(names):
            if name in trial.names:
                positions[:, k] = trial.positions[:, trial.names.index(name)]
        kept.append(positions[usable_frames(positions)])
    frames = np.concatenate(kept)
    if not len(frames):
        raise OsimError(
            "no frame of the trials has enough of the model's markers to scale it; see trcaugment osim check"
        )
    chosen = np.unique(np.linspace(0, len(frames) - 1, _N_FRAMES).round().astype(int))
    return Markers(names, frames[chosen], np.arange(len(chosen)) / 100)


def _in_postures(evidence: _Evidence, tasks: Tasks, folder: Path, log: OpensimLog) -> Markers:
    """The markers of the model as scaled so far, in the postures of the sample."""
    with TemporaryDirectory() as name:
        work = Path(name)
        (work / SCALED).write_bytes((folder / SCALED).read_bytes())
        return run_ik(write_ik_trial(work, "postures", evidence.sample, tasks, log), log)[1]


def _compare(evidence: _Evidence, model: Markers, values: list[float]) -> list[Factor]:
    """Factors, improved by the ratio of measured distances to those of the model with these factors."""
    improved = []
    for measurement, value in zip(evidence.measurements, values, strict=True):
        distances, ratios = [], []
        for pair in measurement.pairs:
            measured = distance_m(evidence.sample.positions, evidence.sample.names, pair)
            there = np.isfinite(measured)
            if there.any():
                modelled = np.broadcast_to(distance_m(model.positions, model.names, pair), measured.shape)[there]
                ratios.append(float(np.median(measured[there] / modelled)))
                unscaled = distance_m(evidence.standing.positions, evidence.standing.names, pair)
                lengths = [float(np.median(d)) for d in (measured[there], modelled, unscaled)]
                distances.append(Distance(*pair, lengths[0], lengths[1], lengths[2], int(there.sum())))
        improved.append(Factor(measurement, value * float(np.mean(ratios or [1.0])), tuple(distances)))
    return improved


def _by_body(factors: Sequence[Factor], bodies: tuple[str, ...]) -> dict[str, tuple[float, float, float]]:
    """Factors along X, Y and Z of every body; what is not measured gets the median of all."""
    values = dict.fromkeys(bodies, np.full(3, np.median([factor.value for factor in factors])))
    for factor in factors:
        for body, axes in factor.measurement.sizes:
            if body in values:
                sized = np.array([axis in axes for axis in "XYZ"])
                values[body] = np.where(sized, factor.value, values[body])
    return {body: (float(x), float(y), float(z)) for body, (x, y, z) in values.items()}


def _run_scale_tool(
    by_body: dict[str, tuple[float, float, float]], mass_kg: float, folder: Path, log: OpensimLog
) -> None:
    """Write `scale_setup.xml` and run it as anyone can: from `unscaled.osim` to `scaled.osim`."""
    opensim = load_opensim()
    tool = opensim.ScaleTool()
    tool.setName("scaled")
    tool.setSubjectMass(mass_kg)
    tool.getGenericModelMaker().setModelFileName(UNSCALED)
    scaler = tool.getModelScaler()
    order = opensim.ArrayStr()
    order.append("manualScale")
    scaler.setScalingOrder(order)
    for body, factors in by_body.items():
        each = opensim.Scale()
        each.setSegmentName(body)
        each.setScaleFactors(opensim.Vec3(*factors))
        each.setApply(True)
        scaler.getScaleSet().cloneAndAppend(each)
    scaler.setPreserveMassDist(True)
    scaler.setOutputModelFileName(SCALED)
    path = folder / SCALE_SETUP
    tool.printToXML(str(path))
    # A marker placer that is not to be applied, even an empty one, makes OpenSim's run() say False.
    path.write_text(_MARKER_PLACER.sub("", path.read_text(encoding="utf-8")), encoding="utf-8")
    # OpenSim looks for the files beside the set-up; absolute paths in it would fail without a word.
    ready: Any = log.checked(lambda: opensim.ScaleTool(str(path)), str(path))
    log.checked(ready.run, "scaling the model")
    if not (folder / SCALED).is_file():
        raise OsimError(f"scaling the model: OpenSim wrote no {SCALED}; see {log.path}")


def _odd(factors: Sequence[Factor]) -> list[str]:
    """Sentences about factors that no person has."""
    low, high = _POSSIBLE
    said = [
        f"{f.measurement.name}: factor {f.value:.2f} lies outside {low:g}-{high:g}; check height, units and markers"
        for f in factors
        if not low <= f.value <= high
    ]
    by_name = {f.measurement.name: f.value for f in factors}
    for name, right in by_name.items():
        left = by_name.get(other_side(name)) if name.endswith("_r") else None
        if left is not None and abs(right / left - 1) > _MOST_ASYMMETRY:
            said.append(f"{name.removesuffix('_r')}: right {right:.2f} and left {left:.2f} differ by more than 10 %")
    return said
