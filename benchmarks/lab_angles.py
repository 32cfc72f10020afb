"""Joint angles from predicted markers beside those from optical markers, with one scaled model: docs/howto/osim.md.

Run from anywhere, with opensim installed:

    python benchmarks/lab_angles.py FOLDER [--trials walking1,squats1] [--model NAME]

FOLDER holds subject.json (height_m, mass_kg, trials) and per trial NAME_keypoints.trc and NAME_optical.trc, under the
outputs' names. The shipped model is scaled by all predicted trials alone; inverse kinematics of both kinds of markers
then uses that one model.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.formats.trc import read_trc
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import load_model
from trcaugment.osim.compare import compare, read_motion
from trcaugment.osim.pipeline import Kit, scale_person, solve
from trcaugment.subject import Subject

SIDED = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
COORDINATES = (
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    *(f"{name}_{side}" for name in SIDED for side in "rl"),
)


def main() -> None:
    """Print the RMSE of every coordinate, mean over trials, and their mean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", help="comma-separated names; default all")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    chosen = parser.parse_args()
    about = json.loads((chosen.folder / "subject.json").read_text())
    names = chosen.trials.split(",") if chosen.trials else about["trials"]
    subject = Subject(about["height_m"], about["mass_kg"])
    network = load_model(chosen.model)
    keypoints = {name: read_trc(chosen.folder / f"{name}_keypoints.trc") for name in names}
    predicted = {name: augment(trial, subject, network).markers for name, trial in keypoints.items()}
    optical = {name: read_trc(chosen.folder / f"{name}_optical.trc") for name in names}
    rmse, offset_free = [], []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        scaled = scale_person(predicted, None, subject, Kit(), folder)
        for name in names:
            rms = [
                1000 * solve(f"{name}_{kind}", trials[name], scaled.tasks, folder).rms_m
                for kind, trials in (("predicted", predicted), ("optical", optical))
            ]
            found = compare(*(read_motion(folder / f"{name}_{kind}.mot") for kind in ("optical", "predicted")))
            by_name = {each.coordinate: each for each in found.differences}
            rmse.append([by_name[coordinate].rmse for coordinate in COORDINATES])
            offset_free.append([by_name[coordinate].offset_free_rmse for coordinate in COORDINATES])
            print(
                f"{name:16} RMSE {np.mean(rmse[-1]):5.2f} deg, offset-free {np.mean(offset_free[-1]):5.2f}; "
                f"marker RMS {rms[0]:.1f} mm predicted, {rms[1]:.1f} optical",
                flush=True,
            )
    print("\n| coordinate | RMSE (degrees) | without offset |\n|---|---|---|")
    for coordinate, each, free in zip(COORDINATES, np.mean(rmse, axis=0), np.mean(offset_free, axis=0), strict=True):
        print(f"| {coordinate} | {each:.1f} | {free:.1f} |")
    print(f"| **mean of {len(COORDINATES)}** | **{np.mean(rmse):.2f}** | **{np.mean(offset_free):.2f}** |")


if __name__ == "__main__":
    main()
