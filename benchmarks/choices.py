"""What mirror averaging and overlapping windows gain: the same weights, used in other ways.

Run from anywhere: python benchmarks/choices.py [MODEL]
Errors on generated people with all errors of detectors, in mm; overlap on the trials in examples/, and on people of
laboratories and on real video where ../shared/data holds them: error, and RMS acceleration, which jumps between windows
raise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from trcaugment import Markers, Model, Subject, augment, load_model, read_trc
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.evaluation.metrics import coordinate_rmse, mpme
from trcaugment.markers import FloatArray
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.graph import MARKERS
from trcaugment.model.normalization import body_frame, make_features, to_lab

EXAMPLES = Path(__file__).parents[1] / "examples"
SHARED = Path(__file__).parents[2] / "shared" / "data"
PERSON = Subject(1.584, 58.32)
N_WINDOWS, SEED = 4096, 20_261_123
HOPS = (30, 25, 20, 15, 10, 5)
RATE_HZ = 60.0
NAMES = ("walk", "squat_mm_with_gaps")
Trial = tuple[Markers, Markers | None, Subject]  # keypoints, true markers, person


class Alone(Model):
    """A model without its mirror image."""

    def predict(self, features: FloatArray) -> FloatArray:
        """As in `Model`."""
        return self.engine.run(features.astype(np.float32), MARKERS).astype(features.dtype)


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
        "network alone": Alone(model.card, model.engine).predict,
        "with mirror image": model.predict,
    }
    print(f"{'generated people (mm)':28s}{'RMSE':>8s}{'MPME':>8s}")
    for title, way in ways.items():
        predicted = torch.from_numpy(to_lab(way(features).reshape(windows.markers.shape), frame)).float()
        rmse_mm, mpme_mm = (1000 * float(metric(predicted, windows.markers)) for metric in (coordinate_rmse, mpme))
        print(f"{title:28s}{rmse_mm:8.2f}{mpme_mm:8.2f}")


def example_trials() -> list[Trial]:
    """Generated trials."""
    files = ([read_trc(EXAMPLES / f"{name}{end}.trc") for end in ("", "_markers")] for name in NAMES)
    return [(keypoints, truth, PERSON) for keypoints, truth in files]


def lab_trials() -> list[Trial]:
    """Up to three trials of each person of a laboratory."""
    trials: list[Trial] = []
    for about in sorted(SHARED.glob("lab/*/subject.json")):
        known = json.loads(about.read_text(encoding="utf-8"))
        for name in known["trials"][:3]:
            files = [about.with_name(f"{name}_{kind}.trc") for kind in ("keypoints", "optical")]
            if all(file.exists() for file in files):
                keypoints, truth = map(read_trc, files)
                trials.append((keypoints, truth, Subject(known["height_m"], known["mass_kg"])))
    return trials


def video_trials() -> list[Trial]:
    """Keypoints of real video, without true markers."""
    return [(read_trc(path), None, Subject(1.96, 78.2)) for path in sorted(SHARED.glob("keypoints/*.trc"))]


def on_trials(title: str, trials: Sequence[Trial], model: Model) -> None:
    """With windows every 30 frames (no overlap) to every five, with and without the mirror image."""
    print(f"\n{title:28s}{'with mirror image':>24s}{'network alone':>24s}")
    print(f"{'a window every':28s}" + 2 * f"{'MPME':>12s}{'RMS accel.':>12s}")
    for hop in HOPS:
        cells = ""
        for kind in (Model, Alone):
            card = msgspec.structs.replace(model.card, hop_frames=hop)
            outputs = [augment(keypoints, who, kind(card, model.engine)).markers for keypoints, _, who in trials]
            errors = [
                _mpme_mm(out, truth) for out, (_, truth, _) in zip(outputs, trials, strict=True) if truth is not None
            ]
            shake = np.mean([_rms_acceleration(each.positions) for each in outputs])
            cells += f"{np.mean(errors) if errors else np.nan:12.2f}{shake:12.2f}"
        print(f"{f'{hop} frames':28s}{cells}")


def _mpme_mm(predicted: Markers, truth: Markers) -> float:
    names = [name for name in predicted.names if name in truth.names]
    apart = np.linalg.norm(predicted.select(names) - truth.select(names), axis=-1)
    return float(1000 * np.nanmean(apart))


def _rms_acceleration(positions: FloatArray) -> float:
    return float(np.sqrt(np.nanmean((np.diff(positions, n=2, axis=0) * RATE_HZ**2) ** 2 * 3)))


def main() -> None:
    """Print all tables."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL, device="cpu")
    on_generated_people(model)
    on_trials("examples (mm, m/s²)", example_trials(), model)
    if SHARED.is_dir():
        on_trials("people of laboratories", lab_trials(), model)
        on_trials("real video", video_trials(), model)


if __name__ == "__main__":
    main()
