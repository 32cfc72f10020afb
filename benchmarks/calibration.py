"""What a calibration is worth: learnt from one trial of a person, scored on the others; and what its shrinkage assumes.

Run: python benchmarks/calibration.py LAB
LAB holds a folder per person with subject.json, TRIAL_keypoints.trc and TRIAL_optical.trc. People are scored with the
shrinkage that people of other laboratories teach. Optical markers that have each other's name in a file are left out.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import permutations
from pathlib import Path

import numpy as np
from lab_people import laboratory_of

from trcaugment.chain.augmentation import augment
from trcaugment.chain.offsets import Deviations, SeenMarker, exchanged, kind_of, learn_offset
from trcaugment.conversion.calibrate import seen_markers
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

Trial = Mapping[str, SeenMarker]
Scores = dict[tuple[str, str], dict[str, float]]  # learnt from, scored on -> marker -> mean error in mm
_ALL = "all"
_KINDS = ((False, False), (False, True), (True, False))  # learnt from and scored on a trial in which people stand
LEAST_BEND_DEG = 8.0  # standard deviation of the bend in a trial that shows how errors change with it


def main(lab: Path) -> None:
    """Print the standard deviations, then MPME per person before and after, and by part of the body."""
    people = {path.parent.name: _trials(path) for path in sorted(lab.glob("*/subject.json"))}
    _print_deviations(_deviations(people.values()))
    print("| person | trials | MPME (mm) | calibrated on one standing trial | on one moving trial | on all but one |")
    print("| --- | --- | --- | --- | --- | --- |")
    rows, scored = [], {}
    for name, trials in people.items():
        if len(trials) > 1:
            others = [each for key, each in people.items() if laboratory_of(key) != laboratory_of(name)]
            usual = _deviations(others)
            scored[name] = _score(trials, usual)
            rows.append(_row(trials, scored[name], usual))
            print(
                f"| {name} | {len(trials)} | " + " | ".join("" if np.isnan(v) else f"{v:.1f}" for v in rows[-1]) + " |"
            )
    ratios = np.array(rows)[:, 1:] / np.array(rows)[:, :1]
    print("| share of the uncalibrated | | | " + " | ".join(f"{v:.2f}" for v in np.nanmean(ratios, axis=0)) + " |")
    _print_parts([*scored.values()])
    _print_remaining(people)


def _trials(person: Path) -> dict[str, Trial]:
    stated = json.loads(person.read_text())
    subject = Subject(stated["height_m"], stated["mass_kg"])
    found = {}
    for path in sorted(person.parent.glob("*_keypoints.trc")):
        truth = path.with_name(path.name.replace("_keypoints", "_optical"))
        if truth.exists():
            predicted, true = augment(read_trc(path), subject, load_model()).markers, read_trc(truth)
            names = [name for name in true.names if name in predicted.names]
            pairs = exchanged(names, predicted.select(names), true.select(names))
            wrong = {name for pair in pairs for name in pair}
            if wrong:
                print(f"{truth.name} of {person.parent.name}: exchanged, left out: {', '.join(sorted(wrong))}")
            seen = seen_markers(predicted, true)
            found[path.name.removesuffix("_keypoints.trc")] = {k: v for k, v in seen.items() if k not in wrong}
    return found


def _deviations(people: Iterable[Mapping[str, Trial]]) -> dict[str, Deviations]:
    """Root mean squares along an axis: of people's offsets, of trials about these, of frames about those of trials."""
    sizes: dict[str, list[list[float]]] = defaultdict(lambda: [[], [], [], []])
    for trials in people:
        for name in {name for each in trials.values() for name in each}:
            own = sizes[kind_of(LANDMARKS[name].part)]
            parts = [_straightened(each[name]) for each in trials.values() if name in each]
            medians = np.array([np.median(rest, axis=0) for _, rest in parts])
            own[0] += [*(medians.mean(axis=0) ** 2)]
            own[1] += [*(medians.var(axis=0, ddof=1))] if len(medians) > 1 else []
            for slope, rest in parts:
                own[2] += [*rest.var(axis=0)]
                own[3] += [*slope**2] if slope.any() else []
    return {
        kind: Deviations(*(1000 * float(np.sqrt(np.mean(each))) if each else 0.0 for each in parts))
        for kind, parts in sizes.items()
    }


def _straightened(seen: SeenMarker) -> tuple[FloatArray, FloatArray]:
    """Change of the error in m a degree of the knee's bend, (3,); the errors that are left for a straight knee."""
    if seen.bend_deg.std() < LEAST_BEND_DEG:
        return np.zeros(3), seen.error_m
    beside = seen.bend_deg - seen.bend_deg.mean()
    slope = beside @ seen.error_m / (beside @ beside)
    return slope, seen.error_m - np.outer(seen.bend_deg, slope)


def _print_deviations(found: Mapping[str, Deviations]) -> None:
    print(
        "| markers | between people (mm, SD along an axis) | between trials | within a trial | a degree of the knee |"
    )
    print("| --- | --- | --- | --- | --- |")
    for kind, each in found.items():
        slope = f"{each.per_degree_mm:.2f}" if each.per_degree_mm else ""
        print(f"| {kind} | {each.people_mm:.1f} | {each.trials_mm:.1f} | {each.within_mm:.1f} | {slope} |")


def _score(trials: Mapping[str, Trial], usual: Mapping[str, Deviations]) -> Scores:
    """Errors of every trial: as predicted, learnt from each other one, and with the best constant offsets of all."""
    scores: Scores = {}
    best = {name: _mean_m(trials, name) for name in {name for each in trials.values() for name in each}}
    for name, each in trials.items():
        scores["", name] = {key: _mean_mm(seen.error_m) for key, seen in each.items()}
        scores[_ALL, name] = {key: _mean_mm(seen.error_m - best[key]) for key, seen in each.items()}
        for other, learnt_from in trials.items():
            if other != name:
                scores[other, name] = _left_mm([learnt_from], each, usual)
    return scores


def _mean_m(trials: Mapping[str, Trial], name: str) -> FloatArray:
    return np.asarray(
        np.mean([np.median(each[name].error_m, axis=0) for each in trials.values() if name in each], axis=0)
    )


def _mean_mm(error_m: FloatArray) -> float:
    return 1000 * float(np.linalg.norm(error_m, axis=1).mean())


def _left_mm(learnt_from: list[Trial], trial: Trial, usual: Mapping[str, Deviations]) -> dict[str, float]:
    """Mean error of every marker of a trial that is calibrated on others."""
    left = {}
    for name, seen in trial.items():
        own = [each[name] for each in learnt_from if name in each]
        offset_m = np.zeros(3)
        if own:
            offset_m = learn_offset(LANDMARKS[name].part, own, usual).at(seen.bend_deg)
        left[name] = _mean_mm(seen.error_m - offset_m)
    return left


def _row(trials: Mapping[str, Trial], scores: Scores, usual: Mapping[str, Deviations]) -> list[float]:
    """MPME in mm, means over trials: uncalibrated; calibrated on one standing trial, one moving trial, all others."""
    mpme = {key: float(np.mean([*each.values()])) for key, each in scores.items()}
    before = float(np.mean([mpme["", name] for name in trials]))
    after: dict[bool, list[float]] = {True: [], False: []}
    for name in trials:
        after[stands(name)].append(float(np.mean([mpme[name, other] for other in trials if other != name])))
    most = []
    for name, each in trials.items():
        left = _left_mm([other for key, other in trials.items() if key != name], each, usual)
        most.append(np.mean([*left.values()]))
    return [
        before,
        *(float(np.mean(after[kind])) if after[kind] else np.nan for kind in (True, False)),
        float(np.mean(most)),
    ]


def stands(trial: str) -> bool:
    """Whether a trial's name says that the person stands."""
    return "static" in trial or "stand" in trial


def _print_parts(people: Iterable[Scores]) -> None:
    """Mean errors in mm by part of the body and kind of trials, people alike, and shares of the uncalibrated."""
    print()
    print("| markers | moving, on moving | moving, on standing | standing, on moving | all, on all, constant |")
    print("| --- | --- | --- | --- | --- |")
    for part in ("trunk", "pelvis", "leg", "every"):
        cells = []
        for wanted in (*_KINDS, None):
            pairs = [_before_and_after(each, part, wanted) for each in people]
            before, after = np.array([pair for pair in pairs if pair]).T
            cells.append(f"{np.mean(before):.1f} to {np.mean(after):.1f}, {np.mean(after / before):.2f}")
        print(f"| {part} | " + " | ".join(cells) + " |")


def _print_remaining(people: Mapping[str, Mapping[str, Trial]]) -> None:
    """How often mean errors of other trials are within one and two of the `remaining_mm` that a file states."""
    shares: dict[tuple[str, tuple[bool, bool]], list[FloatArray]] = defaultdict(list)
    for person, trials in people.items():
        usual = _deviations(each for key, each in people.items() if laboratory_of(key) != laboratory_of(person))
        ratios: dict[tuple[str, tuple[bool, bool]], list[FloatArray]] = defaultdict(list)
        for (learnt_from, first), (scored_on, second) in permutations(trials.items(), 2):
            for name in first.keys() & second.keys():
                part, seen = LANDMARKS[name].part, second[name]
                learnt = learn_offset(part, [first[name]], usual)
                left_mm = 1000 * (seen.error_m - learnt.at(seen.bend_deg)).mean(axis=0)
                ratios[kind_of(part), (stands(learnt_from), stands(scored_on))].append(left_mm / learnt.remaining_mm)
        for key, each in ratios.items():
            shares[key].append(np.array([np.mean(np.abs(each) < n) for n in (1, 2)]))
    print()
    print("| mean errors, % within 1 and 2 | moving, on moving | moving, on standing | standing, on moving |")
    print("| --- | --- | --- | --- |")
    for part in ("trunk", "pelvis", "leg"):
        cells = [100 * np.mean(shares[part, kind], axis=0) for kind in _KINDS]
        print(f"| {part} markers | " + " | ".join(f"{one:.0f} {two:.0f}" for one, two in cells) + " |")


def _before_and_after(scores: Scores, part: str, wanted: tuple[bool, bool] | None) -> tuple[float, float] | None:
    """A person's mean errors in mm uncalibrated and calibrated; None without such trials."""
    before, after = [], []
    for (learnt_from, scored_on), errors in scores.items():
        names = [name for name in errors if part in ("every", kind_of(LANDMARKS[name].part))]
        kind = None if learnt_from == _ALL else (stands(learnt_from), stands(scored_on))
        if names and learnt_from and kind == wanted:
            before.append(np.mean([scores["", scored_on][name] for name in names]))
            after.append(np.mean([errors[name] for name in names]))
    return (float(np.mean(before)), float(np.mean(after))) if before else None


if __name__ == "__main__":
    main(Path(sys.argv[1]))
