"""What turning or mirroring a trial, or one sample that is missing, does to markers of this program and of Pose2Sim's.

    python benchmarks/invariance.py PYTHON [TRIAL.trc ...]

PYTHON is that of an environment with Pose2Sim, whose marker augmentation is OpenCap's deployed LSTM; without trials,
the examples are taken. Turned by a quarter about the vertical, and mirrored, the output is taken back and compared:
mean distance over markers and frames, in mm. The missing sample is one keypoint's in one frame: share of later samples
that are missing, in %.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from speed import POSE2SIM

from trcaugment import Markers, Subject, augment, load_model, read_trc, write_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS, LANDMARKS
from trcaugment.markers import FloatArray

EXAMPLES = Path(__file__).parents[1] / "examples"
SUBJECT = Subject(1.584, 58.32)
TURN = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
AFTER = 60  # frames
Augmenter = Callable[[Markers], Markers]


def pose2sim(python: str) -> Augmenter:
    """Pose2Sim's marker augmentation of a trial."""

    def run(trial: Markers) -> Markers:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "pose-3d"
            folder.mkdir()
            names = tuple("Hip" if own == "midHip" else own for own in trial.names)
            write_trc(folder / "trial.trc", replace(trial, names=names))
            _end_names_as_pose2sim_does(folder / "trial.trc")
            without = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
            subprocess.run([python, "-c", POSE2SIM, name], env=without, check=True, capture_output=True)
            (made,) = folder.glob("*LSTM*.trc")
            return read_trc(made)

    return run


def _end_names_as_pose2sim_does(file: Path) -> None:
    """Three tabs after the names: Pose2Sim adds its names only there."""
    lines = file.read_text(encoding="utf-8").split("\n")
    lines[3] = lines[3].rstrip() + "\t\t\t"
    file.write_text("\n".join(lines), encoding="utf-8")


def mirrored(trial: Markers) -> Markers:
    """The mirror image, under the names of the other side."""
    names = tuple(LANDMARKS[name].partner if name in LANDMARKS else name for name in trial.names)
    return replace(trial, names=names, positions=trial.positions * [1, 1, -1])


def apart_mm(first: Markers, second: Markers) -> float:
    """Mean distance of the anatomical markers that both have."""
    both = [name for name in ANATOMICAL_MARKERS if name in first.names and name in second.names]
    return float(1000 * np.nanmean(np.linalg.norm(first.select(both) - second.select(both), axis=2)))


def measure(run: Augmenter, trial: Markers) -> FloatArray:
    """Change when turned and when mirrored in mm, and share of samples lost after one that is missing, (3,)."""
    plain = run(trial)
    turned = run(replace(trial, positions=trial.positions @ TURN.T))
    gap = trial.positions.copy()
    gap[AFTER, trial.names.index("RKnee")] = np.nan
    later = run(replace(trial, positions=gap))
    both = [name for name in ANATOMICAL_MARKERS if name in later.names]
    lost = np.isnan(later.select(both)[AFTER + 1 :]).any(axis=2).mean() * 100
    return np.array(
        [
            apart_mm(replace(turned, positions=turned.positions @ TURN), plain),
            apart_mm(mirrored(run(mirrored(trial))), plain),
            lost,
        ]
    )


def main() -> None:
    """Print a row for each trial and program."""
    python, *files = sys.argv[1:]
    model = load_model()
    programs = {"trcaugment": lambda trial: augment(trial, SUBJECT, model).markers, "Pose2Sim": pose2sim(python)}
    wanted = [*KEYPOINTS, "midHip", "RElbow", "LElbow", "RWrist", "LWrist"]
    print(f"{'trial':12}{'program':12}{'turned (mm)':>14}{'mirrored (mm)':>15}{'lost after a gap (%)':>22}")
    for file in files or [EXAMPLES / f"{name}.trc" for name in ("walk", "jump", "lying")]:
        trial = read_trc(file)
        names = tuple(name for name in wanted if name in trial.names)
        trial = replace(trial, names=names, positions=trial.select(names))
        for program, run in programs.items():
            turned, mirror, lost = measure(run, trial)
            print(f"{Path(file).stem:12}{program:12}{turned:14.1f}{mirror:15.1f}{lost:22.0f}", flush=True)


if __name__ == "__main__":
    main()
