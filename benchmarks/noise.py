"""What white noise in the keypoints costs, with and without smoothing.

    python benchmarks/noise.py FOLDER [TRIAL ...]

FOLDER holds pairs of TRC files with subjects.csv, as `trcaugment evaluate` reads them; TRIAL picks some of them
(subject4/walking1). Printed: the mean marker error in mm over the trials' first ten seconds, for noise that is left as
it is, smoothed as prediction does, and smoothed at fixed frequencies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

import trcaugment.chain.preparation as chain
from trcaugment.chain.augmentation import augment
from trcaugment.chain.noise import smooth
from trcaugment.datasets.paired import Pair, read_pairs
from trcaugment.markers import RATE_HZ, FloatArray, Markers
from trcaugment.model.folder import load_model

NOISE_MM = (0.0, 2.0, 4.0, 8.0, 15.0)
FIXED_HZ = (5.0, 7.0, 9.0, 12.0)
FIRST = slice(0, 600)
Smoothing = Callable[[FloatArray, FloatArray], FloatArray]


def at(frequency_hz: float) -> Smoothing:
    """A Butterworth filter of order 2, forth and back."""
    low_pass = butter(2, frequency_hz / (RATE_HZ / 2), output="sos")
    return lambda positions, _: np.asarray(sosfiltfilt(low_pass, positions, axis=0))


WAYS: dict[str, Smoothing] = {"as it is": lambda positions, _: positions, "smoothed": smooth}
WAYS |= {f"{frequency_hz:.0f} Hz": at(frequency_hz) for frequency_hz in FIXED_HZ}


def first_part(markers: Markers) -> Markers:
    """The first ten seconds of a trial at 60 Hz."""
    return replace(markers, positions=markers.positions[FIRST], time_s=markers.time_s[FIRST])


def marker_error_mm(pair: Pair, noise_mm: float) -> float:
    """Mean over markers of the mean distance between predicted and true positions."""
    seen, true = first_part(pair.keypoints), first_part(pair.markers)
    noise = np.random.default_rng(0).standard_normal(seen.positions.shape) * noise_mm / 1000
    predicted = augment(replace(seen, positions=seen.positions + noise), pair.subject, load_model()).markers
    common = [name for name in true.names if name in predicted.names]
    away = np.linalg.norm(predicted.select(common) - true.select(common), axis=2)
    return 1000 * float(np.nanmean(away[:, np.isfinite(away).any(axis=0)].mean(axis=0)))


def main() -> None:
    """Print one row for each size of noise."""
    folder, *chosen = sys.argv[1:]
    pairs = [pair for pair in read_pairs(Path(folder)) if not chosen or pair.name in chosen]
    print(f"{len(pairs)} trials, mean marker error in mm\n\nnoise (mm)" + "".join(f"{way:>10}" for way in WAYS))
    for noise_mm in NOISE_MM:
        errors = []
        for smoothing in WAYS.values():
            chain.smooth = smoothing  # type: ignore[assignment]
            errors.append(np.mean([marker_error_mm(pair, noise_mm) for pair in pairs]))
        print(f"{noise_mm:10.0f}" + "".join(f"{error:10.2f}" for error in errors), flush=True)


if __name__ == "__main__":
    main()
