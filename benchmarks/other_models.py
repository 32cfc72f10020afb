"""Marker RMS by body part with the shipped model, LaiUhlrich2022 and Pose2Sim's: markers where they are, and placed.

    python benchmarks/other_models.py ../shared/data [--people squats,bending] [--models LaiUhlrich2022]

Markers of keypoints are predicted by the default model. Of each trial, --frames spread evenly are scaled and solved:
enough for a mean, and a model with muscles takes minutes for more. The set-ups of OpenCap and Pose2Sim count, but for
their time ranges, which are of other trials. Rows are RMS in mm; factors and what was moved follow each table.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from trcaugment import Subject, augment, load_model, read_trc
from trcaugment.markers import Markers
from trcaugment.osim import scaling
from trcaugment.osim.ik import MarkerErrors
from trcaugment.osim.pipeline import Kit, scale_person, solve

PARTS = {
    "pelvis": ("ASIS", "PSIS"),
    "hip": ("HJC",),
    "knee": ("knee",),
    "ankle": ("ankle",),
    "foot": ("calc", "toe", "5meta"),
    "trunk": ("C7", "shoulder", "Shoulder"),
}


class Person(NamedTuple):
    """Trials that scale one model; optical markers are taken as they are, keypoints predicted from."""

    folder: str
    trials: tuple[str, ...]
    height_m: float
    mass_kg: float


SUBJECT4, SUBJECT0, MAN = (1.68, 62.6), (1.78, 72.0), (1.96, 78.2)
PEOPLE = {
    "subject4, predicted": Person("lab/subject4", ("squats1_keypoints", "walking1_keypoints"), *SUBJECT4),
    "subject4, optical": Person("lab/subject4", ("squats1_optical", "walking1_optical"), *SUBJECT4),
    "opencap_subject0": Person("sessions/opencap_subject0/MarkerData", ("neutral", "Squats_0", "Asym_0"), *SUBJECT0),
    "squats": Person("keypoints", ("squats",), *MAN),
    "bending": Person("keypoints", ("bending",), *MAN),
    "lying": Person("keypoints", ("lying",), *MAN),
}
SHIPPED, MOVED = "shipped", "shipped, `--place-markers`"
LAI, POSE2SIM, PULLED = "LaiUhlrich2022", "Pose2Sim", "Pose2Sim, its IK set-up"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--people", help="some of: " + "; ".join(PEOPLE))
    parser.add_argument("--models", help="some of: " + "; ".join((SHIPPED, MOVED, LAI, POSE2SIM, PULLED)))
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--percentile", type=float, default=50, help="of ratios that becomes a factor; else the median")
    given = parser.parse_args()
    middle = partial(np.percentile, q=given.percentile)
    with TemporaryDirectory() as made, patch.object(scaling, "_compare", partial(scaling._compare, middle=middle)):
        kits = _kits(given.data / "opensim", Path(made))
        for name in given.people.split(";") if given.people else PEOPLE:
            person = PEOPLE[name.strip()]
            trials = {trial: _spread(_read(given.data, person, trial), given.frames) for trial in person.trials}
            print(f"\n| {name}: model | " + " | ".join(("all", *PARTS)) + " |\n|" + "---|" * (len(PARTS) + 2))
            wanted = [each.strip() for each in given.models.split(";")] if given.models else list(kits)
            at = "" if given.percentile == 50 else f" at percentile {given.percentile:g}"
            remarks = [line for model in wanted for line in _show(model + at, kits[model], trials, person)]
            print("\n" + "\n".join(remarks), flush=True)


def _kits(folder: Path, made: Path) -> dict[str, Kit]:
    """Everybody's files, set-ups without time ranges."""

    def whole(path: Path) -> Path:
        copy = made / path.name
        copy.write_text(re.sub(r"<time_range>[^<]*</time_range>", "", path.read_text(encoding="utf-8")))
        return copy

    opencap, pose2sim = folder / "opencap", folder / "pose2sim"
    lai = Kit(
        opencap / "LaiUhlrich2022.osim",
        opencap / "LaiUhlrich2022_markers_augmenter.xml",
        whole(opencap / "Setup_scaling_LaiUhlrich2022.xml"),
        whole(opencap / "Setup_IK.xml"),
    )
    pulled = Kit(
        pose2sim / "Model_Pose2Sim_simple.osim",
        pose2sim / "Markers_LSTM.xml",
        whole(pose2sim / "Scaling_Setup_Pose2Sim_LSTM.xml"),
        whole(pose2sim / "IK_Setup_Pose2Sim_withoutHands_LSTM.xml"),
    )
    unpulled = replace(pulled, ik_setup=lai.ik_setup)
    return {SHIPPED: Kit(), MOVED: Kit(placing=True), LAI: lai, POSE2SIM: unpulled, PULLED: pulled}


def _read(data: Path, person: Person, trial: str) -> Markers:
    """Optical markers, or predicted ones with the keypoints that Pose2Sim's scaling set-up measures the trunk by."""
    markers = read_trc(data / person.folder / f"{trial}.trc")
    if trial.endswith("_optical"):
        return markers
    found = augment(markers, Subject(person.height_m, person.mass_kg), load_model()).markers
    own = [name for name in markers.names if name not in found.names and not name.endswith("_study")]
    positions = np.concatenate([found.positions, markers.select(own)], axis=1)
    return replace(found, names=(*found.names, *own), positions=positions)


def _spread(trial: Markers, n: int) -> Markers:
    """So many frames, spread evenly."""
    frames = np.unique(np.linspace(0, trial.n_frames - 1, n).round().astype(int))
    return replace(trial, positions=trial.positions[frames], time_s=trial.time_s[frames])


def _show(name: str, kit: Kit, trials: Mapping[str, Markers], person: Person) -> list[str]:
    """Print the rows of a model; what is to be said of its scaling."""
    if kit.model is None:
        return _rows(name, kit, trials, person)
    with patch("trcaugment.osim.pipeline._place", lambda *_: []):
        _rows(f"{name}, markers where they are", kit, trials, person)
    return _rows(f"{name}, placed", kit, trials, person)


def _rows(title: str, kit: Kit, trials: Mapping[str, Markers], person: Person) -> list[str]:
    with TemporaryDirectory() as made:
        folder = Path(made)
        scaled = scale_person(trials, None, Subject(person.height_m, person.mass_kg), kit, folder)
        for name, trial in trials.items():
            errors = solve(name, trial, scaled.tasks, folder, max_gap_s=10)
            numbers = [1000 * errors.rms_m, *(_rms_mm(errors, keys) for keys in PARTS.values())]
            print(f"| {title}: {name} | " + " | ".join(f"{each:.1f}" for each in numbers) + " |", flush=True)
    factors = ", ".join(f"{each.measurement.name} {each.value:.3f}" for each in scaled.scaling.factors)
    told = (*(each for each in scaled.scaling.notes if "moved" in each or "pulls" in each), *scaled.scaling.warnings)
    return [f"{title}: {line}" for line in (factors, *told)]


def _rms_mm(errors: MarkerErrors, keys: tuple[str, ...]) -> float:
    chosen = [k for k, name in enumerate(errors.names) if any(key in name for key in keys)]
    return 1000 * float(np.sqrt(np.nanmean(errors.distance_m[:, chosen] ** 2))) if chosen else np.nan


if __name__ == "__main__":
    main()
