"""Whether the shipped model's markers should be moved to where people's are: joint angles with and without.

    python benchmarks/place_markers.py ../shared/data/lab

Of each person 24 frames a trial are scaled and solved with optical and with predicted markers, the same markers on both
sides, each kind with a model of its own. Mean RMSE and offset-free RMSE in degrees over leg, pelvis and trunk
coordinates, predicted beside optical. Where there is an expert's scaled model, its angles from the same optical
markers are a truth of their own: the rows "expert".
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from trcaugment import Subject, augment, load_model, read_trc
from trcaugment.markers import Markers
from trcaugment.model.uncertainty import ANGLES
from trcaugment.osim.compare import Motion, compare, read_motion
from trcaugment.osim.pipeline import Kit, scale_person, solve

PEOPLE = {
    "subject4": ("squats1", "walking1", "DJ1", "STS1"),
    "subject5": ("squats1", "walking2"),
    "welk007": ("static1", "RHJC1"),
    "treadmill_isb": ("step_width",),
    "vienna_barbell": ("barbell",),
    "subject3": ("DJ2",),
}
FRAMES = 24
KINDS = {"as it is": Kit(), "markers placed": Kit(placing=True)}
# The expert's names, where they differ in more than the ending.
EXPERT_NAMES = {"RHJC": "R_HJC", "LHJC": "L_HJC", "r_shoulder": "R_Shoulder", "L_shoulder": "L_Shoulder"}

Motions = Mapping[str, Motion]


def main() -> None:
    """Print a row for each person, kind of markers and kit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    root = parser.parse_args().root
    print("| person | markers | model | RMSE (deg) | offset-free (deg) |\n|---|---|---|---|---|")
    every = {kind: [_person(root / name, trials, kind) for name, trials in PEOPLE.items()] for kind in KINDS}
    for kind, errors in every.items():
        print(f"| mean of {len(errors)} | predicted beside optical | {kind} | {_cells(np.mean(errors, axis=0))} |")


def _person(folder: Path, names: tuple[str, ...], kind: str) -> tuple[float, float]:
    about = json.loads((folder / "subject.json").read_text())
    subject = Subject(about["height_m"], about["mass_kg"])
    model = load_model()
    optical, predicted = {}, {}
    for name in names:
        seen = _spread(read_trc(folder / f"{name}_optical.trc"))
        seen = _only(seen, [each for each in seen.names if np.isfinite(seen.select([each])).any()])
        made = _spread(augment(read_trc(folder / f"{name}_keypoints.trc"), subject, model).markers)
        optical[name], predicted[name] = seen, _only(made, [each for each in seen.names if each in made.names])
    kit = KINDS[kind]
    true, ours = _solve(optical, subject, kit), _solve(predicted, subject, kit)
    found = _differ(true, ours)
    print(f"| {folder.name} | predicted beside optical | {kind} | {_cells(found)} |")
    expert = folder / "expert_scaled.osim"
    if expert.is_file():
        theirs = _solve({name: _renamed(each) for name, each in optical.items()}, subject, Kit(expert, is_scaled=True))
        for title, motions in (("optical", true), ("predicted", ours)):
            cells = _cells(_differ(theirs, motions))
            print(f"| {folder.name} | {title} beside the expert's model | {kind} | {cells} |", flush=True)
    return found


def _spread(trial: Markers) -> Markers:
    frames = np.unique(np.linspace(0, trial.n_frames - 1, FRAMES).round().astype(int))
    return replace(trial, positions=trial.positions[frames], time_s=trial.time_s[frames])


def _only(trial: Markers, names: list[str]) -> Markers:
    return replace(trial, names=tuple(names), positions=trial.select(names))


def _renamed(trial: Markers) -> Markers:
    short = [name.removesuffix("_study") for name in trial.names]
    return replace(trial, names=tuple(EXPERT_NAMES.get(name, name) for name in short))


def _solve(trials: Mapping[str, Markers], subject: Subject, kit: Kit) -> Motions:
    with TemporaryDirectory() as made:
        scaled = scale_person(trials, None, subject, kit, Path(made))
        for name, trial in trials.items():
            solve(name, trial, scaled.tasks, Path(made), max_gap_s=100)
        return {name: read_motion(Path(made) / f"{name}.mot") for name in trials}


def _differ(one: Motions, other: Motions) -> tuple[float, float]:
    """Mean RMSE and offset-free RMSE in degrees, over coordinates and trials."""
    found = [d for name in one for d in compare(one[name], other[name]).differences if d.coordinate in ANGLES]
    errors = np.array([(d.rmse, d.offset_free_rmse) for d in found if d.n_frames])
    rmse, offset_free = errors.mean(axis=0).tolist()
    return rmse, offset_free


def _cells(errors: tuple[float, float]) -> str:
    return " | ".join(f"{error:.2f}" for error in errors)


if __name__ == "__main__":
    main()
