"""What a calibration is worth: learnt from one trial of a person, scored on the others; and what its shrinkage assumes.

Run: python benchmarks/calibration.py LAB
LAB holds a folder per person with subject.json, TRIAL_keypoints.trc and TRIAL_optical.trc.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.chain.calibration import learn_offset
from trcaugment.conversion.calibrate import _errors
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

Errors = Mapping[str, FloatArray]  # marker -> errors in segment frames in m, (n_frames, 3)


def main(lab: Path) -> None:
    """Print the standard deviations, then MPME per person before and after."""
    people = {path.parent.name: _trials(path) for path in sorted(lab.glob("*/subject.json"))}
    _print_deviations(people)
    print("| person | trials | MPME (mm) | calibrated on one standing trial | on one moving trial | on all but one |")
    print("| --- | --- | --- | --- | --- | --- |")
    sums = []
    for name, trials in people.items():
        if len(trials) > 1:
            row = _score(trials)
            sums.append(row)
            print(f"| {name} | {len(trials)} | " + " | ".join("" if np.isnan(v) else f"{v:.1f}" for v in row) + " |")
    ratios = np.array(sums)[:, 1:] / np.array(sums)[:, :1]
    print("| share of the uncalibrated | | | " + " | ".join(f"{v:.2f}" for v in np.nanmean(ratios, axis=0)) + " |")


def _trials(person: Path) -> dict[str, Errors]:
    stated = json.loads(person.read_text())
    subject = Subject(stated["height_m"], stated["mass_kg"])
    found = {}
    for path in sorted(person.parent.glob("*_keypoints.trc")):
        truth = path.with_name(path.name.replace("_keypoints", "_optical"))
        if truth.exists():
            predicted = augment(read_trc(path), subject, load_model()).markers
            found[path.name.removesuffix("_keypoints.trc")] = _errors(predicted, read_trc(truth))
    return found


def _print_deviations(people: Mapping[str, Mapping[str, Errors]]) -> None:
    """Root mean squares along an axis: of people's offsets, of trials about these, of frames about those of trials."""
    sizes: dict[str, list[list[float]]] = defaultdict(lambda: [[], [], []])
    for trials in people.values():
        for name in {name for each in trials.values() for name in each}:
            kind = "trunk" if LANDMARKS[name].part in ("C7", "shoulder") else "other"
            medians = np.array([np.median(each[name], axis=0) for each in trials.values() if name in each])
            sizes[kind][0] += [*(medians.mean(axis=0) ** 2)]
            if len(medians) > 1:
                sizes[kind][1] += [*(medians.var(axis=0, ddof=1))]
            for each in trials.values():
                if name in each:
                    sizes[kind][2] += [*each[name].var(axis=0)]
    print("| markers | between people (mm, SD along an axis) | between trials | within a trial |")
    print("| --- | --- | --- | --- |")
    for kind, parts in sizes.items():
        print(f"| {kind} | " + " | ".join(f"{1000 * np.sqrt(np.mean(each)):.1f}" for each in parts) + " |")


def _score(trials: Mapping[str, Errors]) -> list[float]:
    """MPME in mm, means over trials: uncalibrated; calibrated on one standing trial, one moving trial, all others."""
    before = np.mean([_mpme(each, {}) for each in trials.values()])
    after: dict[bool, list[float]] = {True: [], False: []}
    for name, each in trials.items():
        offsets = _learn([each])
        others = [_mpme(other, offsets) for key, other in trials.items() if key != name]
        after["static" in name or "stand" in name].append(float(np.mean(others)))
    most = [_mpme(each, _learn([e for k, e in trials.items() if k != name])) for name, each in trials.items()]
    one = [float(np.mean(after[kind])) if after[kind] else np.nan for kind in (True, False)]
    return [float(before), *one, float(np.mean(most))]


def _learn(seen: list[Errors]) -> dict[str, FloatArray]:
    offsets = {}
    for name in {name for each in seen for name in each}:
        own = [each[name] for each in seen if name in each]
        medians = np.array([np.median(each, axis=0) for each in own])
        learnt = learn_offset(LANDMARKS[name].part, medians, sum(len(each) for each in own) / 60)
        offsets[name] = np.array(learnt.offset_mm) / 1000
    return offsets


def _mpme(errors: Errors, offsets: Mapping[str, FloatArray]) -> float:
    away = [np.linalg.norm(each - offsets.get(name, 0.0), axis=1).mean() for name, each in errors.items()]
    return 1000 * float(np.mean(away))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
