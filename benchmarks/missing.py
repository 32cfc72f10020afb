"""Measure what missing keypoints cost: which markers depend on which keypoints, and how wrong the others get.

    python benchmarks/missing.py --write     trcaugment/chain/dependence.csv, anew for the default model
    python benchmarks/missing.py [DATA]      the tables of docs/explanation/missing-keypoints.md

DATA holds other people's recordings (../shared/data beside the repository). An added error is the root of the
difference between the mean squared errors with a keypoint filled in and with it seen.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import trcaugment.chain
from trcaugment import Subject, augment, load_model, read_trc
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.blending import predict_windows
from trcaugment.chain.dependence import REGIONS
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import Model
from trcaugment.training.missing import fill_windows

SEED, N_WINDOWS = 77, 400
SEEN = ("never", "elsewhere")
N_AROUND, N_GAP = 75, 30  # frames at 60 Hz


class Generated:
    """Generated windows, and how wrong a model's markers are on them."""

    def __init__(self, model: Model) -> None:
        """Draw the windows; accidents would only add noise to the comparison."""
        errors = KeypointErrors(accident_rate=0.0, misjudged_rate=0.0)
        generator = WindowGenerator(make_library([], 240, SEED), Population(), errors)
        self.windows = generator.draw(N_WINDOWS, torch.Generator().manual_seed(SEED))
        self.model = model
        self.keypoints = self.windows.keypoints.double().numpy()
        self.squared = self.squared_error(self.keypoints)

    def squared_error(self, keypoints: FloatArray) -> FloatArray:
        """Mean squared distance of every marker from the truth in mm², (n_markers,)."""
        people = self.windows.height_m.double().numpy(), self.windows.mass_kg.double().numpy()
        predicted = predict_windows(keypoints, *people, self.model)
        distance_mm = 1000 * np.linalg.norm(predicted - self.windows.markers.double().numpy(), axis=-1)
        return (distance_mm**2).mean(axis=(0, 1))

    def added_mm(self, missing: tuple[str, ...], seen: str) -> FloatArray:
        """Added error of every marker, (n_markers,)."""
        shape = self.keypoints.shape[:2]
        absent = np.full(len(self.keypoints), seen == "never")
        height_m = self.windows.height_m.double().numpy()
        which = np.isin(KEYPOINTS.names, missing)
        filled = fill_windows(which, self.keypoints, height_m, np.ones(shape, dtype=np.bool_), absent)
        return np.sqrt(np.maximum(self.squared_error(filled) - self.squared, 0))


def dependence(generated: Generated) -> Iterator[list[str]]:
    """Rows of dependence.csv: what is missing, whether the trial shows it elsewhere, added errors in mm."""
    yield ["missing", "seen", *generated.model.card.outputs]
    for region in REGIONS[:2]:  # the left leg is the right one's mirror image
        for n in range(1, len(region) + 1):
            for missing in combinations(region, n):
                for seen in SEEN:
                    added_mm = generated.added_mm(missing, seen)
                    yield [" ".join(missing), seen, *(str(round(value)) for value in added_mm)]


class Person:
    """Two and a half seconds of every recorded trial of a person, with optical markers."""

    def __init__(self, folder: Path, model: Model) -> None:
        """Read the trials and predict them with all keypoints seen."""
        about = json.loads((folder / "subject.json").read_text())
        self.name, self.model = folder.name, model
        self.subject = Subject(about["height_m"], about["mass_kg"])
        self.trials: list[tuple[Markers, FloatArray, FloatArray]] = []
        for path in sorted(folder.glob("*_keypoints.trc")):
            keypoints = read_trc(path)
            optical = read_trc(path.with_name(path.name.replace("_keypoints", "_optical")))
            middle = keypoints.n_frames // 2
            part = slice(max(0, middle - N_AROUND), middle + N_AROUND)
            trial = replace(keypoints, positions=keypoints.positions[part], time_s=keypoints.time_s[part])
            if trial.n_frames == 2 * N_AROUND:
                truth = np.full((trial.n_frames, len(model.card.outputs), 3), np.nan)
                for name in set(optical.names) & set(model.card.outputs):
                    truth[:, model.card.outputs.index(name)] = optical.positions[part, optical.names.index(name)]
                self.trials.append((trial, truth, augment(trial, self.subject, model).markers.positions))

    def without(self, missing: tuple[str, ...], n_gap: int | None) -> Lost:
        """Errors in the frames of a gap in the middle of every trial, or of whole trials that lack keypoints."""
        errors, before, lost, moved = [], [], set(), []
        for trial, truth, whole in self.trials:
            positions = trial.positions.copy()
            gap = slice(None) if n_gap is None else slice(N_AROUND - n_gap // 2, N_AROUND + n_gap - n_gap // 2)
            for name in missing:
                positions[gap, trial.names.index(name)] = np.nan
            result = augment(replace(trial, positions=positions), self.subject, self.model)
            found = result.markers.positions
            lost |= set(result.lost)
            remain = np.isfinite(found[gap]).all(axis=(0, 2))
            assert remain.sum() + len(result.lost) == len(result.markers.names)
            assert np.isfinite(np.delete(found, np.arange(len(found))[gap], axis=0)).all()
            errors.append(np.where(remain, np.linalg.norm(found - truth, axis=2)[gap], np.nan))
            before.append(np.where(remain, np.linalg.norm(whole - truth, axis=2)[gap], np.nan))
            moved.append(np.linalg.norm(found - whole, axis=2)[gap][:, remain])
        means = []
        for each in map(np.concatenate, (before, errors)):
            measured = np.isfinite(each).any(axis=0)
            means.append(float(1000 * np.nanmean(each[:, measured], axis=0).mean()) if measured.any() else np.nan)
        return Lost(*means, float(1000 * np.concatenate([each.ravel() for each in moved]).max()), sorted(lost))


class Lost(NamedTuple):
    """MPME of the markers that remain, with all keypoints and without some; how far one moves at most; the others."""

    before_mm: float
    error_mm: float
    most_moved_mm: float
    lost: list[str]


def print_people(people: Sequence[Person]) -> None:
    """Subject 4 alone, and the mean over all people."""
    print(
        f"{'missing':32s}{'subject4':>20s}{'all people':>18s}   markers that are lost, of the right side or the middle"
    )
    print(f"{'':32s}{'seen':>7s}{'missing':>8s}{'most':>5s}{'seen':>10s}{'missing':>8s}")
    gaps = [((name,), N_GAP) for name in KEYPOINTS if name[0] != "L"]
    foot = [side + part for side in "RL" for part in ("Heel", "SmallToe", "BigToe")]
    gaps += [(tuple(foot[:3]), N_GAP), (("RSmallToe", "LSmallToe"), None), (tuple(foot), None)]
    for missing, n_gap in gaps:
        found = [person.without(missing, n_gap) for person in people]
        own = next(each for person, each in zip(people, found, strict=True) if person.name == "subject4")
        mean = [float(np.nanmean([each[k] for each in found])) for k in range(2)]
        where = "0.5 s" if n_gap else "throughout"
        named = "feet" if len(missing) == 6 else "right foot" if len(missing) == 3 else " ".join(missing)
        shown = [name.replace("_study", "") for name in own.lost if name[0] != "L"]
        print(
            f"{named + ', ' + where:32s}{own.before_mm:7.1f}{own.error_mm:8.1f}{own.most_moved_mm:5.0f}"
            f"{mean[0]:10.1f}{mean[1]:8.1f}   {' '.join(shown)}"
        )


def main() -> None:
    """Write the file or print the tables."""
    model = load_model(DEFAULT_MODEL, device="cpu")
    if "--write" in sys.argv:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(dependence(Generated(model)))
        Path(trcaugment.chain.__file__).with_name("dependence.csv").write_text(text.getvalue(), encoding="ascii")
        return
    data = Path(next(iter(sys.argv[1:]), Path(__file__).parents[2] / "shared" / "data"))
    people = [Person(path.parent, model) for path in sorted((data / "lab").glob("*/subject.json"))]
    print_people([person for person in people if person.trials])


if __name__ == "__main__":
    main()
