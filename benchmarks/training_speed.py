"""How long an epoch of training takes here, in both precisions: the table of docs/howto/training.md.

Run from anywhere: python benchmarks/training_speed.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback

import trcaugment.training.data
from trcaugment.training.recipe import Optimization
from trcaugment.training.run import train

N_BATCHES, N_VALIDATION, N_EPOCHS = 20, 8, 3
RECIPE = """
name = "speed"
[motions]
procedural = 60
[optimization]
epochs = {epochs}
batches_per_epoch = {batches}
validation_windows = {windows}
precision = "{precision}"
"""


class Clock(Callback):
    """Seconds of the training of every epoch, its validation, and the processor seconds of both."""

    def __init__(self) -> None:
        self.parts: list[tuple[float, float, float]] = []
        self.times: list[tuple[float, float]] = []

    def _note(self, *_: Any) -> None:
        self.times.append((time.perf_counter(), time.process_time()))

    on_train_epoch_start = on_validation_epoch_start = _note

    def on_validation_epoch_end(self, *_: Any) -> None:
        """An epoch is over."""
        self._note()
        begin, middle, end = self.times[-3:]
        self.parts.append((middle[0] - begin[0], end[0] - middle[0], middle[1] - begin[1]))


def main() -> None:
    """Print the fastest epochs; others were disturbed."""
    trcaugment.training.data._LINEAR_PATH_BATCHES = 30
    defaults = Optimization()
    n_validation = defaults.validation_windows // defaults.batch_windows
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"| precision ({device}) | training batch (s) | processor time for it (s) | whole epoch (s) |")
    print("| --- | --- | --- | --- |")
    for precision in ("32", "bf16"):
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            recipe = Path(folder) / "speed.toml"
            windows = N_VALIDATION * defaults.batch_windows
            recipe.write_text(RECIPE.format(epochs=N_EPOCHS, batches=N_BATCHES, windows=windows, precision=precision))
            train(recipe, Path(folder) / "run", callbacks=[clock])
        training, validation, processor = (min(part) for part in zip(*clock.parts, strict=True))
        epoch = training / N_BATCHES * defaults.batches_per_epoch + validation / N_VALIDATION * n_validation
        print(f"| {precision} | {training / N_BATCHES:.3f} | {processor / N_BATCHES:.3f} | {epoch:.0f} |", flush=True)


if __name__ == "__main__":
    main()
