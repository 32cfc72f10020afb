"""What --lowpass does to joint angles, on markers before inverse kinematics and on angles after: docs/howto/osim.md.

Run from anywhere, with opensim installed:

    python benchmarks/lowpass.py FOLDER [--trials walking1,squats1] [--noise-mm 0,5,15]

FOLDER holds subject.json (height_m, mass_kg, trials) and per trial NAME_keypoints.trc and NAME_optical.trc, under the
outputs' names. White noise is added to the keypoints. One model, scaled by the predicted markers, solves everything.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.smoothing import smooth_points
from trcaugment.formats.trc import read_trc
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import Model, load_model
from trcaugment.osim.compare import Motion, compare, read_motion
from trcaugment.osim.pipeline import Kit, Scaled, scale_person, solve
from trcaugment.subject import Subject

CUT_OFFS_HZ = (12.0, 6.0)
FAST_HZ, TRUTH_HZ = 6.0, 12.0  # what counts as fast; what of the optical angles' velocity is movement


def main() -> None:
    """Print errors of angles and of their velocity, and the power above 6 Hz, for every noise and filter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", help="comma-separated names; default all")
    parser.add_argument("--noise-mm", default="0,5,15")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    chosen = parser.parse_args()
    about = json.loads((chosen.folder / "subject.json").read_text())
    names = chosen.trials.split(",") if chosen.trials else about["trials"]
    subject, model = Subject(about["height_m"], about["mass_kg"]), load_model(chosen.model)
    optical = {name: read_trc(chosen.folder / f"{name}_optical.trc") for name in names}
    keypoints = {name: read_trc(chosen.folder / f"{name}_keypoints.trc") for name in names}
    print("| trial | noise (mm) | filter | offset-free RMSE (deg) | velocity error (deg/s) | power above 6 Hz |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        clean = {name: predict(keypoints[name], optical[name], subject, model, None) for name in names}
        scaled = scale_person(clean, None, subject, Kit(), folder)
        for name in names:
            truth = motion(optical[name], scaled, folder)
            for noise_mm in map(float, chosen.noise_mm.split(",")):
                noise_m = noise_mm / 1000 * np.random.default_rng(1).standard_normal(keypoints[name].positions.shape)
                noisy = replace(keypoints[name], positions=keypoints[name].positions + noise_m)
                found = {}
                for cut_off_hz in (None, *CUT_OFFS_HZ):
                    title = "none" if cut_off_hz is None else f"markers {cut_off_hz:g} Hz"
                    markers = predict(noisy, optical[name], subject, model, cut_off_hz)
                    found[title] = motion(markers, scaled, folder)
                found |= {f"angles {hz:g} Hz": smoothed(found["none"], hz) for hz in CUT_OFFS_HZ}
                for title, each in found.items():
                    errors = " | ".join(f"{error:.2f}" for error in measure(truth, each))
                    print(f"| {name} | {noise_mm:g} | {title} | {errors} |", flush=True)


def predict(keypoints: Markers, optical: Markers, subject: Subject, model: Model, cut_off_hz: float | None) -> Markers:
    """Predicted markers that the optical ones have."""
    markers = augment(keypoints, subject, model, Preparation(lowpass_hz=cut_off_hz)).markers
    names = tuple(name for name in markers.names if name in optical.names)
    return replace(markers, names=names, positions=markers.select(names))


def motion(markers: Markers, scaled: Scaled, folder: Path) -> Motion:
    """Joint angles."""
    solve("trial", markers, scaled.tasks, folder)
    return read_motion(folder / "trial.mot")


def smoothed(given: Motion, cut_off_hz: float) -> Motion:
    """The same motion, its angles filtered."""
    return replace(given, values={name: fast_and_slow(given, name, cut_off_hz)[1] for name in given.values})


def fast_and_slow(given: Motion, name: str, cut_off_hz: float) -> tuple[FloatArray, FloatArray]:
    """What of a coordinate is above and below a cut-off, (n_frames,) each."""
    values = given.values[name]
    slow = smooth_points(values[:, None, None], given.time_s, cut_off_hz)[:, 0, 0]
    return values - slow, slow


def measure(truth: Motion, found: Motion) -> tuple[float, float, float]:
    """Mean offset-free RMSE over the angles that move, mean velocity error, and median ratio of power above 6 Hz."""
    moving = [each for each in compare(truth, found).differences if each.moves and each.unit == "deg"]
    velocity, power = [], []
    for each in moving:
        slow = fast_and_slow(truth, each.coordinate, TRUTH_HZ)[1]
        apart = np.gradient(found.values[each.coordinate], found.time_s) - np.gradient(slow, truth.time_s)
        velocity.append(float(np.sqrt(np.mean(apart**2))))
        fast = [float(np.var(fast_and_slow(one, each.coordinate, FAST_HZ)[0])) for one in (found, truth)]
        power.append(fast[0] / fast[1])
    errors = [each.offset_free_rmse for each in moving]
    return float(np.mean(errors)), float(np.mean(velocity)), float(np.median(power))


if __name__ == "__main__":
    main()
