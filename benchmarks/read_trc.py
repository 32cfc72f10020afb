"""Time `read_trc` against OpenSim's reader on one generated file: 16,000 frames of 20 markers.

Run from anywhere: python benchmarks/read_trc.py
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import opensim

from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.markers import Markers

N_FRAMES, N_MARKERS, RATE_HZ, REPEATS = 16_000, 20, 60, 5


def best_time_s(read: Callable[[str], object], path: str) -> float:
    """Shortest of several runs, in s: what else the computer does only adds to it."""
    times_s = []
    for _ in range(REPEATS):
        start_s = time.perf_counter()
        read(path)
        times_s.append(time.perf_counter() - start_s)
    return min(times_s)


def main() -> None:
    """Write the file, read it with both, print times and ratio."""
    opensim.Logger.removeFileSink()
    opensim.Logger.setLevelString("off")
    positions = np.random.default_rng(0).normal(size=(N_FRAMES, N_MARKERS, 3))
    names = tuple(f"marker{k}" for k in range(N_MARKERS))
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "trial.trc")
        write_trc(path, Markers(names, positions, np.arange(N_FRAMES) / RATE_HZ))
        opensim_s = best_time_s(opensim.TimeSeriesTableVec3, path)
        ours_s = best_time_s(read_trc, path)
    print(f"{N_FRAMES} frames of {N_MARKERS} markers, best of {REPEATS}")
    print(f"opensim.TimeSeriesTableVec3  {opensim_s:.3f} s")
    print(f"trcaugment.read_trc          {ours_s:.3f} s")
    print(f"ratio                        {opensim_s / ours_s:.1f}")


if __name__ == "__main__":
    main()
