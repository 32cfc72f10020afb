"""Measure a model on generated people it never saw, and how steady bodies stay on real trials.

Run from anywhere: python benchmarks/accuracy.py [MODEL]
The real trials are other people's, beside the repository (../shared/data); without them that part is left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from trcaugment import Markers, Model, Subject, augment, load_model, read_trc
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.blending import predict_windows
from trcaugment.chain.noise import smooth
from trcaugment.evaluation.metrics import coordinate_rmse, mpme
from trcaugment.markers import FloatArray
from trcaugment.model.card import DEFAULT_MODEL

SHARED = Path(__file__).parents[2] / "shared" / "data"
N_WINDOWS, SEED = 4096, 20_261_122
NOISE_MM = (0, 5, 10, 15)
PLACEMENT_M = 0.005  # scatter of palpation along every axis: 5 mm of RMSE, 8 mm of MPME that nobody can predict
SILENT = {"drift_m": 0.0, "noise_m": 0.0, "accident_rate": 0.0, "misjudged_rate": 0.0}
DETECTORS = {
    "keypoints as in the skeleton": KeypointErrors(offset=0.0, **SILENT),
    "keypoints with a detector's offsets": KeypointErrors(**SILENT),
}
TRIALS = [
    *((f"keypoints/{name}.trc", Subject(1.96, 78.2)) for name in ("bending", "calf_raise_fast", "lying", "squats")),
    *((f"sessions/opencap_subject0/MarkerData/{n}.trc", Subject(1.78, 72)) for n in ("Asym_0", "Squats_0", "neutral")),
]
RIGID = {
    "ASIS-ASIS": ("r.ASIS_study", "L.ASIS_study"),
    "PSIS-PSIS": ("r.PSIS_study", "L.PSIS_study"),
    "right heel-toe": ("r_calc_study", "r_toe_study"),
    "left heel-toe": ("L_calc_study", "L_toe_study"),
}


def on_generated_people(model: Model) -> None:
    """Errors on windows of procedural motions only, so that everybody gets the same figures."""
    library = make_library([], 160, SEED)
    print(f"{'':36s}{'':>8s}{'placement exact':>20s}{'placement as palpated':>26s}")
    print(f"{'generated people':36s}{'noise':>8s}" + 2 * f"{'RMSE':>10s}{'MPME':>10s}   " + "(mm)")
    for title, errors in DETECTORS.items():
        # The same people twice, but for where their markers were put.
        exact, palpated = (
            WindowGenerator(library, Population(placement_m=placement_m), errors).draw(
                N_WINDOWS, torch.Generator().manual_seed(SEED)
            )
            for placement_m in (0.0, PLACEMENT_M)
        )
        generator = torch.Generator().manual_seed(SEED)
        for noise_mm in NOISE_MM:
            keypoints = exact.keypoints + noise_mm / 1000 * torch.randn(exact.keypoints.shape, generator=generator)
            smoothed = smooth_windows(keypoints.double().numpy(), noise_mm / 1000)
            given = (each.double().numpy() for each in (exact.height_m, exact.mass_kg))
            predicted = torch.from_numpy(predict_windows(smoothed, *given, model)).float()
            cells = [
                f"{1000 * float(coordinate_rmse(predicted, true)):10.1f}{1000 * float(mpme(predicted, true)):10.1f}   "
                for true in (exact.markers, palpated.markers)
            ]
            print(f"{title:36s}{noise_mm:8d}" + "".join(cells))


def smooth_windows(keypoints: FloatArray, noise_m: float) -> FloatArray:
    """Windows smoothed as a trial with this noise is before the network, (n_windows, 30, 15, 3)."""
    noises_m = np.full(keypoints.shape[2], noise_m)
    return np.stack([smooth(window, noises_m) for window in keypoints])


def on_real_trials(model: Model) -> None:
    """Mean and standard deviation of distances that a body keeps."""
    print(f"\n{'real trials':20s}" + "".join(f"{title:>18s}" for title in RIGID) + "   (mm)")
    for name, subject in TRIALS:
        markers = augment(read_trc(SHARED / name), subject, model).markers
        cells = []
        for pair in RIGID.values():
            first, second = markers.select(pair).transpose(1, 0, 2)
            distance_mm = 1000 * np.linalg.norm(first - second, axis=-1)
            cells.append(f"{np.nanmean(distance_mm):11.0f} ± {np.nanstd(distance_mm):4.1f}")
        print(f"{Path(name).stem:20s}" + "".join(cells))


def on_bent_legs(model: Model) -> None:
    """Length of the right thigh, straight and bent: hip joint center to the middle of the knee markers."""
    print(f"\n{'real trials, thigh (mm)':28s}{'straight leg':>14s}{'bent leg':>14s}")
    for name, subject in TRIALS:
        recording = read_trc(SHARED / name)
        outputs = {"": augment(recording, subject, model).markers}
        if "RHJC_study" in recording.names:
            outputs[", OpenCap's own"] = recording
        for whose, markers in outputs.items():
            straight, bent = _thigh_mm(markers)
            if np.isfinite(bent):
                print(f"{Path(name).stem + whose:28s}{straight:14.0f}{bent:14.0f}")


def _thigh_mm(markers: Markers) -> tuple[float, float]:
    """Mean lengths below 20 and above 60 degrees of knee flexion; NaN where there is no such frame."""
    hip, lateral, medial, ankle, mankle = (
        markers.positions[:, markers.names.index(f"{name}_study")]
        for name in ("RHJC", "r_knee", "r_mknee", "r_ankle", "r_mankle")
    )
    knee = (lateral + medial) / 2
    thigh, shank = hip - knee, knee - (ankle + mankle) / 2
    length = np.linalg.norm(thigh, axis=1)
    flexion_deg = np.degrees(np.arccos((thigh * shank).sum(axis=1) / length / np.linalg.norm(shank, axis=1)))
    masks = (flexion_deg < 20, flexion_deg > 60)
    straight, bent = (1000 * float(length[mask].mean()) if mask.any() else float("nan") for mask in masks)
    return straight, bent


def main() -> None:
    """Print all tables."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_MODEL, device="cpu")
    on_generated_people(model)
    if SHARED.is_dir():
        on_real_trials(model)
        on_bent_legs(model)


if __name__ == "__main__":
    main()
