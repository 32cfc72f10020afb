"""What mirror averaging and overlapping windows gain: the same weights, used in other ways.

Run from anywhere: python benchmarks/choices.py [MODEL]
Errors on generated people with all errors of detectors, in mm; overlap on the trials in examples/, whose true markers
are known: error, and RMS acceleration, which jumps between windows raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import torch

from trcaugment import Model, Subject, augment, load_model, read_trc
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.evaluation.metrics import coordinate_rmse, mpme
from trcaugment.markers import FloatArray
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.graph import MARKERS
from trcaugment.model.normalization import body_frame, make_features, to_lab

EXAMPLES = Path(__file__).parents[1] / "examples"
PERSON = Subject(1.584, 58.32)
N_WINDOWS, SEED = 4096, 20_261_123
HOPS = (30, 15, 10, 5, 2, 1)
RATE_HZ = 60.0
NAMES = ("walk", "squat_mm_with_gaps")


def on_generated_people(model: Model) -> None:
    """With and without the mirror image, on procedural motions of people who were never trained on."""
    generator = WindowGenerator(make_library([], 160, SEED), Population(placement_m=0.0), KeypointErrors())
    windows = generator.draw(N_WINDOWS, torch.Generator().manual_seed(SEED))
    keypoints, height_m, mass_kg = (
        each.double().numpy() for each in (windows.keypoints, windows.height_m, windows.mass_kg)
    )
    frame = body_frame(keypoints, height_m)
    features = make_features(keypoints, frame, mass_kg)
    ways: dict[str, Callable[[FloatArray], FloatArray]] = {
        "network alone": lambda each: model.engine.run(each.astype(np.float32), (MARKERS,))[0],
        "with mirror image": model.predict,
    }
    print(f"{'generated people (mm)':28s}{'RMSE':>8s}{'MPME':>8s}")
    for title, way in ways.items():
        predicted = torch.from_numpy(to_lab(way(features).reshape(windows.markers.shape), frame)).float()
        rmse_mm, mpme_mm = (1000 * float(metric(predicted, windows.markers)) for metric in (coordinate_rmse, mpme))
        print(f"{title:28s}{rmse_mm:8.2f}{mpme_mm:8.2f}")


def on_example_trials(model: Model) -> None:
    """With windows every 30 frames (no overlap) to every frame."""
    print(f"\n{'examples, a window every':28s}{'MPME (mm)':>12s}{'acceleration (m/s²)':>22s}{'truth':>8s}")
    trials = [(read_trc(EXAMPLES / f"{name}.trc"), read_trc(EXAMPLES / f"{name}_markers.trc")) for name in NAMES]
    for hop in HOPS:
        card = msgspec.structs.replace(model.card, hop_frames=hop)
        outputs = [augment(keypoints, PERSON, replace(model, card=card)).markers for keypoints, _ in trials]
        errors = [
            np.linalg.norm(out.positions - truth.select(out.names), axis=-1)
            for out, (_, truth) in zip(outputs, trials, strict=True)
        ]
        accelerations = (
            np.mean([_rms_acceleration(each.positions) for each in group])
            for group in (outputs, [truth for _, truth in trials])
        )
        error_mm = 1000 * np.nanmean(np.concatenate(errors))
        print(f"{f'{hop} frames':28s}{error_mm:12.2f}" + "{:22.1f}{:8.1f}".format(*accelerations))


def _rms_acceleration(positions: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean((np.diff(positions, n=2, axis=0) * RATE_HZ**2) ** 2 * 3)))


def main() -> None:
    """Print both tables."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL, device="cpu")
    on_generated_people(model)
    on_example_trials(model)


if __name__ == "__main__":
    main()
