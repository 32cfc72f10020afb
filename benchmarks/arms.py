"""How far predicted arm markers are off: on generated people, a lab person's static trial, and beside OpenCap's.

Run: python benchmarks/arms.py [SHARED_DATA]
SHARED_DATA holds lab/subject4/static1.trc (optical markers) and sessions/opencap_subject0/MarkerData: keypoints, and
arm markers of OpenCap's network, which are no truth.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.chain.augmentation import augment, predict_windows
from trcaugment.chain.preparation import Preparation
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import ARM_KEYPOINTS, ARM_MARKERS
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.folder import load_arms, load_model
from trcaugment.subject import Subject

N_WINDOWS, N_MOTIONS, SEED = 2048, 100, 1234567
PARTS = tuple(dict.fromkeys(mark.part for mark in ARM_MARKERS.landmarks))
OFFSETS_ONLY = KeypointErrors(drift_m=0.0, noise_m=0.0, accident_rate=0.0, misjudged_rate=0.0)
_OPTICAL = {"lelbow": "elbow_lat", "melbow": "elbow_med", "lwrist": "wrist_radius", "mwrist": "wrist_ulna"}
# From the acromion's marker to where detectors see the shoulder, in m for 1.70 m: forward, up, outward (skeleton.py).
_TO_SHOULDER = np.array([0.020, -0.036, 0.027])


def main(shared: Path | None) -> None:
    """Print a row of errors in mm for each source."""
    print(f"| arm markers, mean error (mm) | {' | '.join(PARTS)} | all |")
    print(f"| --- |{' --- |' * (len(PARTS) + 1)}")
    library = make_library([], N_MOTIONS, SEED)
    for title, errors, placement_m in (
        ("generated people, markers placed to 5 mm, keypoints with a detector's offsets", OFFSETS_ONLY, 0.005),
        ("the same with all of a detector's errors", KeypointErrors(), 0.005),
    ):
        random = torch.Generator().manual_seed(SEED)
        people = Population(placement_m=placement_m)
        windows = WindowGenerator(library, people, errors, ARM_MARKERS, ARM_KEYPOINTS).draw(N_WINDOWS, random)
        _row(title, _of_windows(windows))
        if errors is OFFSETS_ONLY:
            _row("  beside: keypoint of the joint in place of the marker", _of_keypoints(windows))
    if shared is None:
        return
    _row("lab subject4, static trial (optical)", _static(read_trc(shared / "lab/subject4/static1.trc")))
    for path in sorted((shared / "sessions/opencap_subject0/MarkerData").glob("*.trc")):
        trial = read_trc(path)
        made = augment(trial, Subject(1.78, 72.0), load_model(), Preparation(arms=True)).markers
        theirs = {name: trial.select([name])[:, 0] for name in ARM_MARKERS}
        _row(f"opencap_subject0 {path.stem}, beside OpenCap's arm markers", _errors(made, theirs))


def _of_windows(windows: Windows) -> FloatArray:
    arrays = (each.double().numpy() for each in (windows.keypoints, windows.height_m, windows.mass_kg))
    made = predict_windows(*arrays, load_arms())
    return np.asarray(np.linalg.norm(made - windows.markers.double().numpy(), axis=3).mean(axis=(0, 1)))


def _of_keypoints(windows: Windows) -> FloatArray:
    joint = ["Elbow" if "elbow" in mark.part else "Wrist" for mark in ARM_MARKERS.landmarks]
    places = [
        ARM_KEYPOINTS.index(ARM_KEYPOINTS.named(part, mark.side))
        for part, mark in zip(joint, ARM_MARKERS.landmarks, strict=True)
    ]
    away = windows.keypoints[:, :, places] - windows.markers
    return np.asarray(away.norm(dim=3).mean(dim=(0, 1)).double().numpy())


def _static(optical: Markers) -> FloatArray:
    """Keypoints from the markers: midpoints at elbow and wrist, hip joint centers, shoulders below the acromion."""
    place = {name: optical.positions[:, k] for k, name in enumerate(optical.names)}
    across = np.nanmean(place["R_HJC"] - place["L_HJC"], axis=0)
    right = across / np.linalg.norm(across)
    axes = np.stack([np.cross([0.0, 1.0, 0.0], right), [0.0, 1.0, 0.0], right])
    points: dict[str, FloatArray] = {}
    for side, outward in (("R", 1.0), ("L", -1.0)):
        points[f"{side}Hip"] = place[f"{side}_HJC"]
        points[f"{side}Shoulder"] = place[f"{side}_Shoulder"] + (_TO_SHOULDER * [1, 1, outward]) @ axes
        points[f"{side}Elbow"] = (place[f"{side}_elbow_lat"] + place[f"{side}_elbow_med"]) / 2
        points[f"{side}Wrist"] = (place[f"{side}_wrist_radius"] + place[f"{side}_wrist_ulna"]) / 2
    points["Neck"] = (points["RShoulder"] + points["LShoulder"]) / 2
    keypoints = np.stack([points[name] for name in ARM_KEYPOINTS], axis=1)
    whole = keypoints[np.isfinite(keypoints).all(axis=(1, 2))]
    windows = whole[: len(whole) // 30 * 30].reshape(-1, 30, *whole.shape[1:])
    made = predict_windows(windows, np.full(len(windows), 1.68), np.full(len(windows), 62.6), load_arms())
    true = np.stack([place[f"{mark.side[0].upper()}_{_OPTICAL[mark.part]}"] for mark in ARM_MARKERS.landmarks], axis=1)[
        np.isfinite(keypoints).all(axis=(1, 2))
    ]
    away = made - true[: len(whole) // 30 * 30].reshape(-1, 30, *true.shape[1:])
    return np.asarray(np.nanmean(np.linalg.norm(away, axis=3), axis=(0, 1)))


def _errors(made: Markers, theirs: Mapping[str, FloatArray]) -> FloatArray:
    return np.array(
        [np.nanmean(np.linalg.norm(made.select([name])[:, 0] - theirs[name], axis=1)) for name in ARM_MARKERS]
    )


def _row(title: str, errors_m: FloatArray) -> None:
    by_part = [1000 * np.mean([errors_m[k] for k in ARM_MARKERS.both(part)]) for part in PARTS]
    print(f"| {title} | " + " | ".join(f"{each:.1f}" for each in [*by_part, np.mean(by_part)]) + " |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
