"""How far predicted arm markers are off: on generated people, a lab person's static trial, and beside OpenCap's.

Then how many errors lie within one and two of the deviations that `predict --arms --uncertainty` states.

Run: python benchmarks/arms.py [SHARED_DATA]
SHARED_DATA holds lab/subject4/static1.trc (optical markers) and sessions/opencap_subject0/MarkerData: keypoints, and
arm markers of OpenCap's network, which are no truth.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lab_people import segment_errors, shares_within
from make_uncertainty import ARMS_AND_SHOULDERS

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.chain.augmentation import augment, predict_windows
from trcaugment.chain.preparation import Preparation
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import ARM_KEYPOINTS, ARM_MARKERS
from trcaugment.markers import WINDOW_FRAMES, FloatArray, Markers
from trcaugment.model.folder import load_arms, load_model
from trcaugment.model.normalization import body_frame, make_features
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
    library, groups = make_library([], N_MOTIONS, SEED), {}
    for title, errors, placement_m in (
        ("generated people, markers placed to 5 mm, keypoints with a detector's offsets", OFFSETS_ONLY, 0.005),
        ("the same with all of a detector's errors", KeypointErrors(), 0.005),
    ):
        random = torch.Generator().manual_seed(SEED)
        people = Population(placement_m=placement_m)
        windows = WindowGenerator(library, people, errors, ARMS_AND_SHOULDERS, ARM_KEYPOINTS).draw(N_WINDOWS, random)
        groups[title] = _of_windows(windows)
        _row(title, groups[title].distance_m())
        if errors is OFFSETS_ONLY:
            _row("  beside: keypoint of the joint in place of the marker", _of_keypoints(windows))
    if shared:
        title = "lab subject4, static trial (optical)"
        groups[title] = _static(read_trc(shared / "lab/subject4/static1.trc"))
        _row(title, groups[title].distance_m())
        _print_beside_opencap(shared / "sessions/opencap_subject0/MarkerData")
    _print_shares(groups)


def _print_beside_opencap(folder: Path) -> None:
    for path in sorted(folder.glob("*.trc")):
        trial = read_trc(path)
        made = augment(trial, Subject(1.78, 72.0), load_model(), Preparation(arms=True)).markers
        theirs = {name: trial.select([name])[:, 0] for name in ARM_MARKERS}
        _row(f"opencap_subject0 {path.stem}, beside OpenCap's arm markers", _errors(made, theirs))


class Seen(NamedTuple):
    """Windows with true arm markers.

    Attributes:
        keypoints: of `ARM_KEYPOINTS`, (n_windows, 30, 9, 3) in m.
        true: arm markers, then those of the shoulders, (n_windows, 30, 10, 3) in m.
        height_m: (n_windows,).
        mass_kg: (n_windows,).
    """

    keypoints: FloatArray
    true: FloatArray
    height_m: FloatArray
    mass_kg: FloatArray

    def error_m(self) -> FloatArray:
        """True minus predicted along the axes of the segments, (n_windows, 30, 8, 3)."""
        made = predict_windows(self.keypoints, self.height_m, self.mass_kg, load_arms())
        beside = np.concatenate([made, self.true[:, :, len(ARM_MARKERS) :]], axis=2)
        return segment_errors(beside, self.true, ARMS_AND_SHOULDERS.names)[:, :, : len(ARM_MARKERS)]

    def distance_m(self) -> FloatArray:
        """Mean distance of every marker, (8,)."""
        return np.asarray(np.nanmean(np.linalg.norm(self.error_m(), axis=3), axis=(0, 1)))

    def stated_m(self) -> FloatArray:
        """The deviations that are stated, both parts together, (n_windows, 30, 8, 3)."""
        model = load_arms()
        features = make_features(self.keypoints, body_frame(self.keypoints, self.height_m), self.mass_kg)
        moving = np.exp(model.uncertainty.log_moving(features, model.card.keypoints, model.card.markers))
        return np.asarray(np.hypot(moving, model.uncertainty.constant) * self.height_m[:, None, None, None])


def _print_shares(groups: Mapping[str, Seen]) -> None:
    print()
    print("| % within 1 and 2 deviations | forward | up | outward |")
    print("| --- | --- | --- | --- |")
    for title, seen in groups.items():
        ratios = (seen.error_m() / seen.stated_m()).reshape(-1, len(ARM_MARKERS), 3)
        print(f"| {title} | " + " | ".join(f"{one:.0f} {two:.0f}" for one, two in 100 * shares_within([ratios])) + " |")


def _of_windows(windows: Windows) -> Seen:
    fields = (windows.keypoints, windows.markers, windows.height_m, windows.mass_kg)
    return Seen(*(each.double().numpy() for each in fields))


def _of_keypoints(windows: Windows) -> FloatArray:
    joint = ["Elbow" if "elbow" in mark.part else "Wrist" for mark in ARM_MARKERS.landmarks]
    places = [
        ARM_KEYPOINTS.index(ARM_KEYPOINTS.named(part, mark.side))
        for part, mark in zip(joint, ARM_MARKERS.landmarks, strict=True)
    ]
    away = windows.keypoints[:, :, places] - windows.markers[:, :, : len(ARM_MARKERS)]
    return np.asarray(away.norm(dim=3).mean(dim=(0, 1)).double().numpy())


def _static(optical: Markers) -> Seen:
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
    true = [place[f"{mark.side[0].upper()}_{_OPTICAL[mark.part]}"] for mark in ARM_MARKERS.landmarks]
    true += [place["R_Shoulder"], place["L_Shoulder"]]
    whole = np.isfinite(keypoints).all(axis=(1, 2))
    n = whole.sum() // WINDOW_FRAMES
    windows = [
        each[whole][: n * WINDOW_FRAMES].reshape(n, WINDOW_FRAMES, *each.shape[1:])
        for each in (keypoints, np.stack(true, axis=1))
    ]
    return Seen(*windows, np.full(n, 1.68), np.full(n, 62.6))


def _errors(made: Markers, theirs: Mapping[str, FloatArray]) -> FloatArray:
    return np.array(
        [np.nanmean(np.linalg.norm(made.select([name])[:, 0] - theirs[name], axis=1)) for name in ARM_MARKERS]
    )


def _row(title: str, errors_m: FloatArray) -> None:
    by_part = [1000 * np.mean([errors_m[k] for k in ARM_MARKERS.both(part)]) for part in PARTS]
    print(f"| {title} | " + " | ".join(f"{each:.1f}" for each in [*by_part, np.mean(by_part)]) + " |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
