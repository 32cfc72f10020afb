"""What a calibration does to joint angles: learnt from one trial of a person, solved for another.

    python benchmarks/calibrated_angles.py LAB ANGLES

LAB as in calibration.py. ANGLES holds `PERSON/truth`, folders of `osim ik` with the optical markers of the people. Of
every trial 30 frames, spread evenly, are scaled and solved by the shipped model: as predicted, and calibrated. Rows are
root mean square errors in degrees over the angles that the optical markers show, and without each angle's mean error.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from solved_people import solved_trials

from trcaugment import Markers, Subject, augment, load_model, read_trc
from trcaugment.chain.calibration import calibrated
from trcaugment.conversion.calibrate import Pair, calibrate
from trcaugment.osim.pipeline import Kit, scale_person, solve

N_FRAMES = 30
# People with optical angles of two trials, learnt from the first and solved for the second. In subject5's walking,
# toes of the left foot have each other's name, which spoils its optical angles.
CASES = (
    ("complexknee", "0401", "0403"),
    ("subject4", "walking1", "walkingTS1"),
    ("subject4", "walking1", "squats1"),
    ("subject4", "squats1", "walking1"),
    ("welk007", "static1", "RHJC1"),
)


def main(lab: Path, angles: Path) -> None:
    """Print a row a case."""
    print("| person, learnt from, solved for | predicted | calibrated | without means | calibrated |")
    print("| --- | --- | --- | --- | --- |")
    for person, learnt_from, solved_for in CASES:
        cells = _case(lab / person, angles / person / "truth", learnt_from, solved_for)
        print(
            f"| {person}, {learnt_from}, {solved_for} | " + " | ".join(f"{each:.1f}" for each in cells) + " |",
            flush=True,
        )


def _case(person: Path, truth: Path, learnt_from: str, solved_for: str) -> tuple[float, ...]:
    """Errors of both, then both without means."""
    stated = json.loads((person / "subject.json").read_text(encoding="utf-8"))
    subject, model = Subject(stated["height_m"], stated["mass_kg"]), load_model()
    pair = Pair(*(person / f"{learnt_from}_{kind}.trc" for kind in ("keypoints", "optical")))
    own = calibrate([pair], subject, model, {})
    predicted = augment(read_trc(person / f"{solved_for}_keypoints.trc"), subject, model).markers
    errors = [_errors(solved_for, each, subject, truth) for each in (predicted, calibrated(predicted, own)[0])]
    return (*(_size(each) for each in errors), *(_size(each - np.nanmean(each, axis=0)) for each in errors))


def _errors(name: str, trial: Markers, subject: Subject, truth: Path) -> np.ndarray:
    """Errors of the angles that the optical markers show, (n_frames, n_shown)."""
    frames = np.unique(np.linspace(0, trial.n_frames - 1, N_FRAMES).round().astype(int))
    some = replace(trial, positions=trial.positions[frames], time_s=trial.time_s[frames])
    with TemporaryDirectory() as made:
        scaled = scale_person({name: some}, None, subject, Kit(), Path(made))
        solve(name, some, scaled.tasks, Path(made), max_gap_s=10)
        (solved,) = (each for each in solved_trials(truth, Path(made)) if each.name == name)
    error = solved.error_deg
    return error[:, np.isfinite(error).all(axis=0)]


def _size(error_deg: np.ndarray) -> float:
    return float(np.sqrt((error_deg**2).mean(axis=0)).mean())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
