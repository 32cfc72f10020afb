"""What a shorter delay costs, and how much work a frame is: docs/howto/live.md.

    python benchmarks/live.py [PICTURE.png]

Four seconds of examples/walk.trc, as they are and with 3 mm of white noise, go through `Stream` at several delays.
Printed: the mean distance of its markers from those of `augment`, which sees the whole trial; then the processor time
of `push` at 60 and 120 Hz, on one thread.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.interpolate import make_interp_spline

from trcaugment.chain.augmentation import augment
from trcaugment.figures.figures import as_file
from trcaugment.formats.trc import read_trc
from trcaugment.live.stream import Stream
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.folder import Model, load_model
from trcaugment.subject import Subject

DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
WALK, PERSON = Path(__file__).parents[1] / "examples" / "walk.trc", Subject(1.584, 58.32)
N_FRAMES, NOISE_M = 240, 0.003


def streamed(trial: Markers, model: Model, delay_s: float) -> tuple[FloatArray, FloatArray]:
    """Markers of a stream, (n_frames, n_markers, 3) in m, and the processor time of every call in s, (n_frames,)."""
    stream, parts, work_s = Stream(model, PERSON, trial.names, delay_s=delay_s), [], []
    for time_s, places in zip(trial.time_s, trial.positions, strict=True):
        before = time.thread_time()
        given = stream.push(float(time_s), places)
        work_s.append(time.thread_time() - before)
        parts += [] if given is None else [given.positions]
    last = stream.finish()
    return np.concatenate(parts + ([] if last is None else [last.positions])), np.array(work_s)


def farther_mm(trial: Markers, model: Model, delay_s: float) -> float:
    """Mean distance of a stream's markers from those of the whole trial."""
    whole = augment(trial, PERSON, model).markers.positions
    return 1000 * float(np.linalg.norm(streamed(trial, model, delay_s)[0] - whole, axis=2).mean())


def at_rate(trial: Markers, rate_hz: float) -> Markers:
    """The first seconds of a trial at another rate."""
    time_s = trial.time_s[0] + np.arange(round(4 * rate_hz)) / rate_hz
    return replace(trial, positions=make_interp_spline(trial.time_s, trial.positions)(time_s), time_s=time_s)


def main() -> None:
    """Print both tables, and draw the first."""
    model, walk = load_model(), read_trc(WALK)
    calm = replace(walk, positions=walk.positions[:N_FRAMES], time_s=walk.time_s[:N_FRAMES])
    noise_m = NOISE_M * np.random.default_rng(0).standard_normal(calm.positions.shape)
    shaky = replace(calm, positions=calm.positions + noise_m)
    print("distance from the markers of the whole trial (mm)\n\ndelay (s)  examples/walk.trc  with 3 mm of noise")
    curves = []
    for delay_s in DELAYS_S:
        away = [farther_mm(each, model, delay_s) for each in (calm, shaky)]
        curves.append(away)
        print(f"{delay_s:9.2f}{away[0]:18.2f}{away[1]:20.2f}", flush=True)
    print("\nprocessor time of a frame (ms)\n\nrate (Hz)  delay (s)  median    99 %    mean")
    for rate_hz in (60.0, 120.0):
        for delay_s in (1.0, 0.0):
            work_ms = 1000 * streamed(at_rate(walk, rate_hz), model, delay_s)[1]
            row = (np.median(work_ms), np.percentile(work_ms, 99), work_ms.mean())
            print(f"{rate_hz:9.0f}{delay_s:11.1f}" + "".join(f"{value:8.2f}" for value in row), flush=True)
    if len(sys.argv) > 1:
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for name, values in zip(("examples/walk.trc", "with 3 mm of noise"), np.transpose(curves), strict=True):
            axes.plot(DELAYS_S, values, "o-", label=name)
        axes.set(
            xlabel="Delay (s)",
            ylabel="Distance from the whole trial's markers (mm)",
            title="What a shorter delay costs",
        )
        axes.legend()
        Path(sys.argv[1]).write_bytes(as_file(figure, "png"))


if __name__ == "__main__":
    main()
