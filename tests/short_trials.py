"""Short trials of the walking example, with planted faults, and a tiny model that converts them in no time."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from tiny_models import CARD, random_network

from trcaugment.conversion.plan import make_plan
from trcaugment.conversion.trials import Conversion
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.markers import Markers
from trcaugment.model.folder import save_model
from trcaugment.subject import StatedSubject

WALK = Path(__file__).parents[1] / "examples" / "walk.trc"
HEIGHT_M, MASS_KG = 1.584, 58.32
PERSON = StatedSubject(HEIGHT_M, MASS_KG, "a test", "a scale")


@cache
def walk() -> Markers:
    return read_trc(WALK)


def short_walk(first: int = 0, n_frames: int = 40) -> Markers:
    frames = slice(first, first + n_frames)
    return replace(walk(), positions=walk().positions[frames], time_s=walk().time_s[frames])


def freeze(trial: Markers, name: str, first: int, n_frames: int = 30) -> Markers:
    """A trial in which one marker stands still, which a guard finds."""
    positions = trial.positions.copy()
    k = trial.names.index(name)
    positions[first : first + n_frames, k] = positions[first, k]
    return replace(trial, positions=positions)


def lose(trial: Markers, name: str, first: int, n_frames: int) -> Markers:
    positions = trial.positions.copy()
    positions[first : first + n_frames, trial.names.index(name)] = np.nan
    return replace(trial, positions=positions)


def write_tiny_model(folder: Path) -> Path:
    save_model(folder / "tiny", CARD, random_network())
    return folder / "tiny"


def write_cohort(folder: Path, n_trials: int = 6) -> Path:
    """Trials of two subjects in two folders; names are in the order of the trials."""
    rows = ["path,subject,height_m,mass_kg"]
    for subject, height_m in (("anna", 1.584), ("bert", 1.6)):
        (folder / subject).mkdir(parents=True)
        rows.append(f"{subject}/*,{subject},{height_m},58.32")
    for k in range(n_trials):
        write_trc(folder / ("anna" if k < n_trials // 2 else "bert") / f"t{k:02d}.trc", short_walk(20 * k, 40 + k))
    (folder / "subjects.csv").write_text("\n".join(rows) + "\n")
    return folder


def conversions_of(cohort: Path, outputs: Path) -> list[Conversion]:
    """What a batch would do; the folders are made."""
    planned = [trial.conversion for trial in make_plan(cohort, None, outputs).trials]
    for each in planned:
        each.target.parent.mkdir(parents=True, exist_ok=True)
    return planned


def contents(outputs: Path) -> dict[str, object]:
    """Marker files as they are, and sidecars without time and place."""
    found: dict[str, object] = {str(path.relative_to(outputs)): path.read_bytes() for path in outputs.rglob("*.trc")}
    for path in outputs.rglob("*.json"):
        told = json.loads(path.read_bytes())
        if told.pop("made", None):
            found[str(path.relative_to(outputs))] = told
    return found
