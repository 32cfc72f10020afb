"""How much thigh and shank shorten as the knee bends, in optical and in predicted markers.

    python benchmarks/straight_to_bent.py FOLDER [MODEL]

FOLDER holds pairs of TRC files with subjects.csv, as `trcaugment evaluate` reads them. Printed for every person with
frames below 25 and beyond 70 degrees of knee flexion (of the optical markers): the distances from hip joint center to
lateral knee and from there to the lateral ankle, bent minus straight, in mm, mean over both legs.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.datasets.paired import Pair, read_pairs
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import Model, load_model

LEGS = (("RHJC_study", "r_knee_study", "r_ankle_study"), ("LHJC_study", "L_knee_study", "L_ankle_study"))
STRAIGHT_DEG, BENT_DEG, FEWEST = 25.0, 70.0, 20


def leg(markers: Markers, names: tuple[str, ...]) -> FloatArray:
    """Knee flexion in degrees, length of the thigh and of the shank in mm, (n_frames, 3)."""
    hip, knee, ankle = np.moveaxis(markers.select(names), 1, 0)
    thigh, shank = hip - knee, ankle - knee
    lengths = [np.linalg.norm(each, axis=1) for each in (thigh, shank)]
    cosine = (thigh * shank).sum(axis=1) / (lengths[0] * lengths[1])
    return np.stack([180 - np.degrees(np.arccos(cosine)), 1000 * lengths[0], 1000 * lengths[1]], axis=1)


def change_mm(flexion_deg: FloatArray, lengths_mm: FloatArray) -> FloatArray | None:
    """Bent minus straight, (2,); None if the person does not do both."""
    seen = np.isfinite(flexion_deg) & np.isfinite(lengths_mm).all(axis=1)
    straight, bent = seen & (flexion_deg < STRAIGHT_DEG), seen & (flexion_deg > BENT_DEG)
    if min(straight.sum(), bent.sum()) <= FEWEST:
        return None
    return np.asarray(lengths_mm[bent].mean(axis=0) - lengths_mm[straight].mean(axis=0))


def changes(pairs: list[Pair], model: Model) -> FloatArray | None:
    """Changes of one person: optical and predicted, thigh and shank, (2, 2)."""
    both = defaultdict(list)
    for pair in pairs:
        predicted = augment(pair.keypoints, pair.subject, model).markers
        for names in LEGS:
            if set(names) <= set(pair.markers.names):
                optical = leg(pair.markers, names)
                both[names].append(np.concatenate([optical, leg(predicted, names)[:, 1:]], axis=1))
    found = []
    for parts in both.values():
        values = np.concatenate(parts)
        change = change_mm(values[:, 0], values[:, 1:])
        found += [] if change is None else [change.reshape(2, 2)]
    return np.mean(found, axis=0) if found else None


def main() -> None:
    """Print one row a person, and the mean."""
    folder, *rest = sys.argv[1:]
    model, people = load_model(rest[0] if rest else DEFAULT_MODEL), defaultdict(list)
    for pair in read_pairs(Path(folder)):
        people[pair.subject_name].append(pair)
    rows = {name: found for name, pairs in people.items() if (found := changes(pairs, model)) is not None}
    print("bent minus straight (mm)   thigh: optical  predicted   shank: optical  predicted")
    for name, row in {**rows, "mean": np.mean(list(rows.values()), axis=0)}.items():
        print(f"{name:24s}{row[0, 0]:17.0f}{row[1, 0]:11.0f}{row[0, 1]:17.0f}{row[1, 1]:11.0f}")


if __name__ == "__main__":
    main()
