"""Measure what missing keypoints cost: which markers depend on which keypoints, and how wrong the others get.

    python benchmarks/missing.py --write     trcaugment/chain/dependence.csv, anew for the default model
    python benchmarks/missing.py [DATA]      the tables of docs/missing-keypoints.md

DATA holds other people's recordings (../shared/data beside the repository). An added error is the root of the
difference between the mean squared errors with a keypoint filled in and with it seen.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

import trcaugment.chain
from trcaugment import load_model
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.augmentation import predict_windows
from trcaugment.chain.dependence import REGIONS
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray
from trcaugment.model.card import DEFAULT_MODEL
from trcaugment.model.folder import Model
from trcaugment.training.missing import fill_windows

SEED, N_WINDOWS = 77, 400
SEEN = ("never", "elsewhere")


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
        people = self.windows.height_m.double(), self.windows.mass_kg.double()
        with torch.inference_mode():
            predicted = predict_windows(torch.from_numpy(keypoints), *people, self.model)
        distance_mm = 1000 * (predicted - self.windows.markers.double()).norm(dim=-1)
        return (distance_mm**2).mean(dim=(0, 1)).numpy()

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


def main() -> None:
    """Write the file or print the tables."""
    torch.set_num_threads(1)
    model = load_model(DEFAULT_MODEL, device="cpu")
    if "--write" in sys.argv:
        path = Path(trcaugment.chain.__file__).with_name("dependence.csv")
        with path.open("w", encoding="ascii", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(dependence(Generated(model)))
        return


if __name__ == "__main__":
    main()
