"""Frames per second of inverse kinematics with the shipped model and with another: docs/explanation/angles.md.

Run from anywhere, with opensim installed:

    python benchmarks/ik_speed.py TRC --height M --mass KG --model OSIM [--marker-set XML] [...]

TRC holds anatomical markers. Both models are scaled to it first, which is not timed. Processor time counts, so that
other work on the machine does not; the models take turns, three times each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from trcaugment.formats.trc import read_trc
from trcaugment.osim.ik import run_ik, write_ik_trial
from trcaugment.osim.log import opensim_log
from trcaugment.osim.pipeline import Kit, scale_person
from trcaugment.subject import Subject

N_FRAMES, N_TURNS = 120, 3


def main() -> None:
    """Print frames per second and marker RMS of both models, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trc", type=Path)
    parser.add_argument("--height", type=float, required=True)
    parser.add_argument("--mass", type=float, required=True)
    for option in ("--model", "--marker-set", "--scale-setup", "--ik-setup"):
        parser.add_argument(option, type=Path, required=option == "--model")
    given = parser.parse_args()
    trial = read_trc(given.trc)
    middle = slice(max(0, (trial.n_frames - N_FRAMES) // 2), (trial.n_frames + N_FRAMES) // 2)
    piece = replace(trial, positions=trial.positions[middle], time_s=trial.time_s[middle])
    theirs = Kit(given.model, given.marker_set, given.scale_setup, given.ik_setup)
    rates: dict[str, list[float]] = {"shipped": [], given.model.stem: []}
    with tempfile.TemporaryDirectory() as made:
        tasks = {}
        for name, kit in zip(rates, (Kit(), theirs), strict=True):
            folder = Path(made) / name
            folder.mkdir()
            tasks[name] = scale_person({"trial": trial}, None, Subject(given.height, given.mass), kit, folder).tasks
        for _ in range(N_TURNS):
            for name in rates:
                folder = Path(made) / name
                with opensim_log(folder / "speed.log") as log:
                    setup = write_ik_trial(folder, "speed", piece, tasks[name], log)
                    started = time.process_time()
                    errors, _ = run_ik(setup, log)
                    took = time.process_time() - started
                rates[name].append(piece.n_frames / took)
                print(f"{name}: {rates[name][-1]:.1f} frames/s, marker RMS {1000 * errors.rms_m:.1f} mm", flush=True)
    shipped, other = (np.median(values) for values in rates.values())
    print(f"shipped {shipped:.0f}, {given.model.stem} {other:.1f} frames per processor s: ratio {shipped / other:.1f}")


if __name__ == "__main__":
    main()
