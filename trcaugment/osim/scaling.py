"""Scaling a model to a person without a static trial: factors from medians of marker distances, through OpenSim's tool.

Many distances change as joints bend: knee and ankle centers come nearer to each other, and a rounded back is shorter.
So measured distances are compared with the model's in the posture of the same frame, and that posture is found by
inverse kinematics with the model as scaled so far, until the factors no longer change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from trcaugment.errors import OsimError
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.factors import Distance, Factor, Scaling, by_body, odd_factors
from trcaugment.osim.ik import run_ik, usable_frames, write_ik_trial
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.measurements import Measurement, distance_m, for_shoulders
from trcaugment.osim.mirroring import Mirror, find_mirror, mirrored
from trcaugment.osim.package import load_opensim
from trcaugment.osim.scale_tool import SCALED, UNSCALED, run_scale_tool
from trcaugment.osim.setups import ScaleSetup
from trcaugment.osim.tasks import Tasks

_N_FRAMES = 60  # spread evenly over all trials
_FEWEST_FRAMES = 5  # of each trial
_MOST_ROUNDS = 8
_SETTLED = 0.001  # relative change of a factor
_MOST_DISAGREEMENT = 0.06  # of a factor between trials; a person's limbs do not grow
_FOLLOWED_FOR_SCALING = 0.1  # weight of markers that are measured but not followed in inverse kinematics


@dataclass(frozen=True)
class _Evidence:
    """What factors are found from: frames, the trial of each, markers that are mirrored from the other side for the
    distances, measurements that all of these allow, standing distances."""

    sample: Markers
    trial_of: tuple[str, ...]
    mirror: Mirror
    measurements: tuple[Measurement, ...]
    standing: Markers
    bodies: tuple[str, ...]


def scale(
    trials: Mapping[str, Markers], setup: ScaleSetup, tasks: Tasks, mass_kg: float, folder: Path, log: OpensimLog
) -> Scaling:
    """Scale the folder's `unscaled.osim` to the person of the trials: writes `scaled.osim` and `scale_setup.xml`.

    Args:
        trials: one or several trials of the person, moving or standing, by name.
        setup: which distances size what, and what is given.
        tasks: what inverse kinematics follows, to find postures.
        mass_kg: the person's mass, which the scaled model gets.
        folder: holds the model.
        log: OpenSim's log.

    Raises:
        OsimError: no measurement is possible, or OpenSim failed.
    """
    evidence = _gather(trials, setup, tasks, folder, log)
    if setup.alone:
        found, warnings = _by_measurements(evidence, setup, mass_kg, folder, log)
    else:
        found, warnings = _in_turns(evidence, setup, tasks, mass_kg, folder, log)
    factors, unmeasured = by_body(found, evidence.bodies, setup)
    sized = {body for factor in found for body, _ in factor.measurement.sizes} if setup.manual_first else set()
    manual = tuple(body for body in setup.manual if body in factors and body not in sized)
    pairs = [f"{name} from {other}" for name, other in evidence.mirror.other.items()]
    said = [f"mirrored for the distances that scale: {', '.join(pairs)}"] if pairs else []
    remarks = (*odd_factors(found), *warnings), (*setup.notes, *said)
    return Scaling(tuple(found), factors, manual, unmeasured, *remarks)


def _by_measurements(
    evidence: _Evidence, setup: ScaleSetup, mass_kg: float, folder: Path, log: OpensimLog
) -> tuple[list[Factor], list[str]]:
    """Factors as OpenSim's Scale tool has them: mean distances of all frames over those of the default posture."""
    found, _ = _compare(evidence, evidence.standing, [1.0] * len(evidence.measurements), np.mean)
    _run(found, evidence, setup, mass_kg, folder, log)
    standing = _standing(folder / SCALED, log)[0]
    after, _ = _compare(evidence, standing, [1.0] * len(found), np.mean)
    return [replace(each, distances=other.distances) for each, other in zip(found, after, strict=True)], []


def _in_turns(
    evidence: _Evidence, setup: ScaleSetup, tasks: Tasks, mass_kg: float, folder: Path, log: OpensimLog
) -> tuple[list[Factor], list[str]]:
    """Factors that fit the postures that they lead to, and sentences about trials that disagree."""
    weights = dict(tasks.weights)
    for name in evidence.sample.names:
        weights[name] = weights.get(name) or _FOLLOWED_FOR_SCALING
    postures = replace(tasks.for_sizes(), weights=weights)
    found, ratios = _compare(evidence, evidence.standing, [1.0] * len(evidence.measurements))
    for _ in range(_MOST_ROUNDS if found else 0):
        values = [factor.value for factor in found]
        _run(found, evidence, setup, mass_kg, folder, log)
        found, ratios = _compare(evidence, _in_postures(evidence, postures, folder, log), values)
        if all(abs(f.value / value - 1) < _SETTLED for f, value in zip(found, values, strict=True)):
            break
    _run(found, evidence, setup, mass_kg, folder, log)
    return found, _disagreements(evidence, found, ratios)


def _run(
    found: Sequence[Factor], evidence: _Evidence, setup: ScaleSetup, mass_kg: float, folder: Path, log: OpensimLog
) -> None:
    factors, _ = by_body(found, evidence.bodies, setup)
    run_scale_tool(factors, mass_kg, folder, log, keep_mass_shares=setup.keep_mass_shares)


def _gather(trials: Mapping[str, Markers], setup: ScaleSetup, tasks: Tasks, folder: Path, log: OpensimLog) -> _Evidence:
    standing, bodies = _standing(folder / UNSCALED, log)
    common = {name for trial in trials.values() for name in seen_names(trial)} & set(standing.names)
    names = tuple(dict.fromkeys([*tasks.followed, *(n for m in setup.measurements for n in m.among(common).markers())]))
    sample, trial_of = take_sample(trials, names, every_frame=setup.alone)
    mirror = find_mirror(common) if setup.mirrors else Mirror({}, ())
    known, seen = common | set(mirror.other), mirrored(sample, mirror)
    wanted = for_shoulders(setup.measurements, known)
    possible = tuple(m for m in (_measurable(each.among(known), seen) for each in wanted) if m.pairs)
    if setup.measurements and not possible:
        raise OsimError(
            "no measurement is possible for scaling: both the trials and the model need the markers of a distance, "
            f"such as {' and '.join(setup.measurements[0].markers()[:2])}; they share "
            f"{', '.join(sorted(common)) or 'none'}"
        )
    return _Evidence(sample, trial_of, mirror, possible, standing, bodies)


def _standing(path: Path, log: OpensimLog) -> tuple[Markers, tuple[str, ...]]:
    """Markers of a model in its default posture, and the names of its bodies."""
    opensim = load_opensim()
    model = log.checked(lambda: opensim.Model(str(path)), path.name)
    state = log.checked(model.initSystem, path.name)
    markers = [model.getMarkerSet().get(i) for i in range(model.getMarkerSet().getSize())]
    positions = np.array([[each.getLocationInGround(state).to_numpy() for each in markers]])
    names = tuple(each.getName() for each in markers)
    bodies = tuple(model.getBodySet().get(i).getName() for i in range(model.getBodySet().getSize()))
    return Markers(names, positions, np.zeros(1)), bodies


def seen_names(trial: Markers) -> set[str]:
    """Markers of a trial that have a sample: a column without one is an absent marker."""
    seen = np.asarray(np.isfinite(trial.positions).all(axis=2).any(axis=0))
    return {name for name, there in zip(trial.names, seen, strict=True) if there}


def _measurable(measurement: Measurement, sample: Markers) -> Measurement:
    """The same without distances whose markers are in no frame together."""
    kept = [p for p in measurement.pairs if np.isfinite(distance_m(sample.positions, sample.names, p)).any()]
    return measurement._replace(pairs=tuple(kept))


def take_sample(
    trials: Mapping[str, Markers], names: tuple[str, ...], *, every_frame: bool = False
) -> tuple[Markers, tuple[str, ...]]:
    """Usable frames, all or spread evenly over all trials, as one trial with made-up time, and the trial of each.

    Raises:
        OsimError: there are none.
    """
    kept: dict[str, FloatArray] = {}
    for title, trial in trials.items():
        positions = np.full((trial.n_frames, len(names), 3), np.nan)
        for k, name in enumerate(names):
            if name in trial.names:
                positions[:, k] = trial.positions[:, trial.names.index(name)]
        frames = positions[usable_frames(positions)]
        if len(frames):
            kept[title] = frames
    if not kept:
        raise OsimError(
            "no frame of the trials has enough of the model's markers to scale it; see trcaugment osim check"
        )
    n_all = sum(map(len, kept.values()))
    chosen, trial_of = [], []
    for title, frames in kept.items():
        n = (
            len(frames)
            if every_frame
            else min(len(frames), max(_FEWEST_FRAMES, round(_N_FRAMES * len(frames) / n_all)))
        )
        chosen.append(frames[np.linspace(0, len(frames) - 1, n).round().astype(int)])
        trial_of += [title] * n
    positions, titles = np.concatenate(chosen), np.array(trial_of)
    # A trial with few markers has frames that are usable within it, but not beside those of the other trials.
    while not (usable := usable_frames(positions)).all():
        positions, titles = positions[usable], titles[usable]
    return Markers(names, positions, np.arange(len(titles)) / 100), tuple(titles.tolist())


def _in_postures(evidence: _Evidence, tasks: Tasks, folder: Path, log: OpensimLog) -> Markers:
    """The markers of the model as scaled so far, in the postures of the sample."""
    with TemporaryDirectory() as name:
        work = Path(name)
        (work / SCALED).write_bytes((folder / SCALED).read_bytes())
        return run_ik(write_ik_trial(work, "postures", evidence.sample, tasks, log), log)[1]


def _compare(
    evidence: _Evidence,
    model: Markers,
    values: list[float],
    middle: Callable[[FloatArray], np.floating[Any]] = np.median,
) -> tuple[list[Factor], list[FloatArray]]:
    """Factors, improved by the ratio of measured distances to those of the model with these factors.

    Returns:
        The factors, and of each the ratios, mean over its distances, NaN where a frame has none, (n_frames,).
    """
    improved, all_ratios = [], []
    sample, standing, model = (mirrored(each, evidence.mirror) for each in (evidence.sample, evidence.standing, model))
    for measurement, value in zip(evidence.measurements, values, strict=True):
        distances, ratios = [], []
        for pair in measurement.pairs:
            measured = distance_m(sample.positions, sample.names, pair)
            modelled = np.broadcast_to(distance_m(model.positions, model.names, pair), measured.shape)
            unscaled_m = float(distance_m(standing.positions, standing.names, pair)[0])
            there = np.isfinite(measured)
            ratios.append(measured / modelled)
            lengths = (float(middle(measured[there])), float(middle(modelled[there])), unscaled_m)
            distances.append(Distance(*pair, *lengths, int(there.sum())))
        better = value * float(np.mean([middle(each[np.isfinite(each)]) for each in ratios]))
        improved.append(Factor(measurement, better, tuple(distances)))
        all_ratios.append(np.asarray(np.mean(ratios, axis=0)))
    return improved, all_ratios


def _disagreements(evidence: _Evidence, factors: Sequence[Factor], ratios: Sequence[FloatArray]) -> list[str]:
    """Sentences about trials whose distances, in the same posture, are no one person's."""
    messages = []
    titles = list(dict.fromkeys(evidence.trial_of))
    for factor, ratio in zip(factors, ratios, strict=True):
        own = {title: ratio[[each == title for each in evidence.trial_of]] for title in titles}
        middle = {title: float(np.nanmedian(each)) for title, each in own.items() if np.isfinite(each).any()}
        if len(middle) < 2 or max(middle.values()) / min(middle.values()) - 1 <= _MOST_DISAGREEMENT:
            continue
        length_mm = 1000 * float(np.mean([d.scaled_m for d in factor.distances]))
        listed = ", ".join(f"{each * length_mm:.0f} mm in {title}" for title, each in middle.items())
        apart = max(middle.values()) / min(middle.values()) - 1
        messages.append(f"{factor.measurement.name}: trials disagree by {100 * apart:.0f} %: {listed} (in one posture)")
    return messages
