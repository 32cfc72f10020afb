"""The part of the marker error that moves, of predicted markers and of another program's for the same trials.

    python benchmarks/moving.py FOLDER OTHERS [MODEL]

FOLDER holds pairs of TRC files with subjects.csv, as `trcaugment evaluate` reads them; OTHERS holds the other program's
`PERSON/TRIAL.trc`. Errors are taken along the axes of the predicted segments, where both programs have the marker.
Printed for everybody with such files, in mm: root mean square about a trial's mean error, and length of the mean error;
means over markers, then trials.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.chain.segment_frames import segment_axes
from trcaugment.datasets.paired import Pair, read_pairs
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import Model, load_model


def arranged(markers: Markers) -> FloatArray:
    """Positions in m in the order of the anatomical markers, NaN where missing, (n_frames, 35, 3)."""
    positions = np.full((markers.n_frames, len(ANATOMICAL_MARKERS.names), 3), np.nan)
    for k, name in enumerate(ANATOMICAL_MARKERS.names):
        if name in markers.names:
            positions[:, k] = markers.select([name])[:, 0]
    return positions


def parts(pair: Pair, other: Markers, model: Model) -> FloatArray:
    """Moving and constant part in mm, each of ours and of the other program's, (2, 2)."""
    three = [arranged(each) for each in (augment(pair.keypoints, pair.subject, model).markers, other, pair.markers)]
    n = min(len(each) for each in three)
    ours, theirs, true = (each[:n] for each in three)
    axes = segment_axes(ours, ANATOMICAL_MARKERS.names)
    errors = 1000 * np.einsum("bfmij,bfmj->bfmi", np.stack([axes, axes]), true - np.stack([ours, theirs]))
    errors[:, ~np.isfinite(errors).all(axis=(0, 3))] = np.nan
    errors = errors[:, :, np.isfinite(errors).any(axis=(0, 1, 3))]  # without markers that one of the three lacks
    mean = np.nanmean(errors, axis=1, keepdims=True)
    moving = np.sqrt(np.nanmean(((errors - mean) ** 2).sum(axis=3), axis=1))
    return np.stack([moving.mean(axis=1), np.linalg.norm(mean[:, 0], axis=2).mean(axis=1)])


def main() -> None:
    """Print one row a person, and the means."""
    folder, others, *rest = sys.argv[1:]
    model, people = load_model(rest[0] if rest else DEFAULT_MODEL), defaultdict(list)
    for pair in read_pairs(Path(folder)):
        file = Path(others) / pair.subject_name / f"{pair.name.rpartition('/')[2]}.trc"
        if file.exists():
            people[pair.subject_name].append(parts(pair, read_trc(file), model))
    rows = {name: np.mean(found, axis=0) for name, found in people.items()}
    print(f"{'mm':20}{'moving: ours':>13}{'other':>9}{'ratio':>9}{'constant: ours':>18}{'other':>9}")
    for name, (moving, constant) in {**rows, "mean": np.mean(list(rows.values()), axis=0)}.items():
        ratio = moving[0] / moving[1]
        print(f"{name:20}{moving[0]:13.1f}{moving[1]:9.1f}{ratio:9.2f}{constant[0]:18.1f}{constant[1]:9.1f}")


if __name__ == "__main__":
    main()
