"""Make the numbers that missing keypoints are filled by: trcaugment/chain/filling.npz.

    python benchmarks/make_filling.py

Mean and covariance of the keypoints of generated people (all motions that the package itself makes) in the body frame
of `trcaugment.model.normalization`, taken frame by frame, in multiples of height; left and right exchanged in one half.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import trcaugment.chain
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray
from trcaugment.model.normalization import body_frame, mirror, to_body

SEED = 2026
N_WINDOWS, EVERY = 12_000, 5  # neighbouring frames are nearly equal


def body_keypoints(n: int, seed: int) -> FloatArray:
    """Keypoints of n generated windows in the body frames of single frames, (n_samples, 45)."""
    # As detectors see them on a good day: what goes wrong now and then is no reason to trust the rest less.
    generator = WindowGenerator(
        make_library([], 480, seed), Population(), KeypointErrors(accident_rate=0.0, misjudged_rate=0.0)
    )
    windows = generator.draw(n, torch.Generator().manual_seed(seed))
    frames = windows.keypoints[:, ::EVERY].double().flatten(0, 1)[:, None].numpy()
    height_m = windows.height_m.double().repeat_interleave(len(frames) // n).numpy()
    keypoints = to_body(frames, body_frame(frames, height_m)).reshape(len(frames), 1, -1)
    return np.concatenate([keypoints, mirror(keypoints, KEYPOINTS)])[:, 0]


def main() -> None:
    """Write the file."""
    samples = body_keypoints(N_WINDOWS, SEED)
    samples = samples[np.isfinite(samples).all(axis=1)]
    covariance = np.cov(samples.T)
    path = Path(trcaugment.chain.__file__).with_name("filling.npz")
    np.savez_compressed(
        path,
        mean=samples.mean(axis=0).reshape(-1, 3).astype(np.float32),
        covariance=covariance[np.tril_indices(len(covariance))].astype(np.float32),
    )
    print(f"{path}: {len(samples)} frames, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
