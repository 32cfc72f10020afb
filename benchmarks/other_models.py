"""Marker RMS by body part with the shipped model and with a user's, whose markers stay or are placed.

    python benchmarks/other_models.py squats_aug.trc --height 1.96 --mass 78.2 --model M.osim --marker-set M.xml \
        --scale-setup S.xml --ik-setup I.xml

All files are trials of one person. Of each, --frames spread evenly are scaled and solved: enough for a mean, and a
model with muscles takes minutes for more. Prints factors, what was moved, and the RMS in mm of every part and trial.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

from trcaugment.formats.trc import read_trc
from trcaugment.markers import Markers
from trcaugment.osim.ik import MarkerErrors
from trcaugment.osim.pipeline import Kit, scale_person, solve
from trcaugment.subject import Subject

PARTS = {
    "pelvis": ("ASIS", "PSIS"),
    "hip": ("HJC",),
    "knee": ("knee",),
    "ankle": ("ankle",),
    "foot": ("calc", "toe", "5meta"),
    "trunk": ("C7", "shoulder", "Shoulder"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trials", nargs="+", type=Path)
    parser.add_argument("--height", type=float, required=True)
    parser.add_argument("--mass", type=float, required=True)
    parser.add_argument("--frames", type=int, default=30)
    for option in ("--model", "--marker-set", "--scale-setup", "--ik-setup"):
        parser.add_argument(option, type=Path, required=True)
    given = parser.parse_args()
    trials = {path.stem: _spread(read_trc(path), given.frames) for path in given.trials}
    subject = Subject(given.height, given.mass)
    kit = Kit(given.model, given.marker_set, given.scale_setup, given.ik_setup)
    _show("shipped model", trials, subject, Kit())
    with patch("trcaugment.osim.pipeline._place", lambda *_: []):
        _show(f"{given.model.name}, markers where they are", trials, subject, kit)
    _show(f"{given.model.name}, markers placed", trials, subject, kit)


def _spread(trial: Markers, n: int) -> Markers:
    """So many frames, spread evenly."""
    frames = np.unique(np.linspace(0, trial.n_frames - 1, n).round().astype(int))
    return replace(trial, positions=trial.positions[frames], time_s=trial.time_s[frames])


def _show(title: str, trials: Mapping[str, Markers], subject: Subject, kit: Kit) -> None:
    with TemporaryDirectory() as made:
        folder = Path(made)
        scaled = scale_person(trials, None, subject, kit, folder)
        print(f"\n{title}")
        print(" ", ", ".join(f"{each.measurement.name} {each.value:.3f}" for each in scaled.scaling.factors))
        for note in (*scaled.scaling.notes, *scaled.scaling.warnings):
            print(" ", note)
        for name, trial in trials.items():
            errors = solve(name, trial, scaled.tasks, folder)
            parts = {part: _rms_mm(errors, keys) for part, keys in PARTS.items()}
            print(f"  {name:20} all {1000 * errors.rms_m:5.1f}", *(f"{part} {rms:5.1f}" for part, rms in parts.items()))


def _rms_mm(errors: MarkerErrors, keys: tuple[str, ...]) -> float:
    chosen = [k for k, name in enumerate(errors.names) if any(key in name for key in keys)]
    return 1000 * float(np.sqrt(np.nanmean(errors.distance_m[:, chosen] ** 2))) if chosen else np.nan


if __name__ == "__main__":
    main()
