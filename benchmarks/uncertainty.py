"""Whether markers are as far off as `predict --uncertainty` says: the tables of docs/explanation/uncertainty.md.

    python benchmarks/uncertainty.py [LAB]

Shares of errors within one and two stated deviations, along each axis, of generated people (gaps of 0.25 s in one trial
of three), and of people with optical markers in LAB (../shared/data/lab beside the repository), with keypoints as they
are and with 15 mm of noise. "left out" states for each laboratory what the others teach. People count alike. Then the
rank correlation of distance and stated deviation, over all markers and the mean within each marker, and the area under
the curve for distances above 50 mm. A normal distribution has 68 and 95 %.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lab_people import LabPerson, LabTrial, lab_people, segment_errors, shares_within
from make_uncertainty import constant_part, draw, moving_scale, repeated, sides_alike
from scipy.stats import rankdata, spearmanr

from trcaugment import Markers, Model, Subject, augment, load_model
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, FloatArray

SEED, N_PEOPLE, N_TRIALS = 99, 120, 4
N_GAP = 15  # frames, in every third trial
N_DRAWN = 200  # people who tell what is constant, for the rows "left out"
FRAMES_EACH = 60  # of a person, for ranks
LARGE_M = 0.05
FEWEST_PEOPLE = 5  # who show a marker, for the correlation within it


@dataclass(frozen=True, eq=False)
class Stated:
    """A person's errors and what is said of them.

    Attributes:
        error_m: (n_frames, n_markers, 3), NaN where unknown.
        moving_m: the stated moving part, as `error_m`.
        constant_m: the stated constant part, (n_markers, 3).
    """

    error_m: FloatArray
    moving_m: FloatArray
    constant_m: FloatArray

    @property
    def own_m(self) -> FloatArray:
        """The person's mean error, (n_markers, 3)."""
        seen = np.isfinite(self.error_m)
        total, n = np.where(seen, self.error_m, 0).sum(axis=0), seen.sum(axis=0)
        return np.where(n > 0, total / np.maximum(n, 1), np.nan)

    @property
    def total_m(self) -> FloatArray:
        """Both parts together, as `error_m`."""
        return np.asarray(np.hypot(self.moving_m, self.constant_m))

    def ratios(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Errors over stated deviations: constant part, moving part, both together, each (n, n_markers, 3)."""
        own_m = self.own_m
        moving = (self.error_m - own_m) / self.moving_m
        return (own_m / self.constant_m)[None], moving, self.error_m / self.total_m


def generated_people(model: Model) -> list[Stated]:
    """People with a few trials, some with gaps, through the whole chain."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = WindowGenerator(make_library([], 240, SEED), Population(), KeypointErrors())
    people = repeated(drawn.draw_people(N_PEOPLE, generator), N_TRIALS)
    motions = drawn.library.choose(N_PEOPLE * N_TRIALS, generator)
    windows = drawn.draw_windows(people, motions, generator)
    time_s = np.arange(windows.keypoints.shape[1]) / RATE_HZ
    rng = np.random.default_rng(SEED)
    trials = []
    for k, (keypoints, true) in enumerate(zip(windows.keypoints.double().numpy(), windows.markers, strict=True)):
        if k % 3 == 0:
            first = rng.integers(0, len(time_s) - N_GAP)
            keypoints[first : first + N_GAP, rng.integers(len(KEYPOINTS))] = np.nan
        subject = Subject(float(windows.height_m[k]), float(windows.mass_kg[k]))
        result = augment(Markers(KEYPOINTS.names, keypoints, time_s), subject, model, uncertainty=True)
        error = segment_errors(result.markers.positions, true.double().numpy())
        trials.append(LabTrial(str(k), result, error))
    constant_m = model.uncertainty.constant_m
    by_person = [trials[k : k + N_TRIALS] for k in range(0, len(trials), N_TRIALS)]
    return [_stated(LabPerson("generated", tuple(each)), constant_m) for each in by_person]


def _stated(person: LabPerson, constant_m: FloatArray, scale: FloatArray | float = 1.0) -> Stated:
    error_m, moving_m = (
        np.concatenate(each) for each in zip(*((t.error_m, t.moving_m) for t in person.trials), strict=True)
    )
    return Stated(error_m, moving_m * scale, constant_m)


def left_out(people: Sequence[LabPerson], generated_m: FloatArray, mirror_order: list[int]) -> list[Stated]:
    """What would be said of each person had nobody of the laboratory been seen."""
    stated = []
    for person in people:
        others = [each for each in people if each.laboratory != person.laboratory]
        constant_m = sides_alike(constant_part(generated_m, others), mirror_order)
        stated.append(_stated(person, constant_m, moving_scale(others)))
    return stated


def print_shares(title: str, people: Sequence[Stated]) -> None:
    """Shares within one and two deviations of each part along each axis."""
    for part, ratios in zip(
        ("constant", "moving", "together"), zip(*(p.ratios() for p in people), strict=True), strict=True
    ):
        shares = 100 * shares_within([each[None] if each.ndim == 2 else each for each in ratios])
        cells = "".join(f"{one:8.0f}{two:5.0f}" for one, two in shares)
        print(f"{title:38s}{part:10s}{cells}")


def print_ranks(title: str, people: Sequence[Stated]) -> None:
    """Rank correlation of distance and stated deviation, and the area under the curve."""
    far, said, which = [], [], []
    for person in people:
        frames = np.linspace(0, len(person.error_m) - 1, FRAMES_EACH).astype(int)
        distance = np.linalg.norm(person.error_m[frames], axis=-1)
        known = np.isfinite(distance)
        far.append(distance[known])
        said.append(np.linalg.norm(person.total_m[frames], axis=-1)[known])
        which.append(np.broadcast_to(np.arange(distance.shape[1]), distance.shape)[known])
    distance, deviation, marker = (np.concatenate(each) for each in (far, said, which))
    within = [
        spearmanr(distance[marker == k], deviation[marker == k])[0]
        for k in np.unique(marker)
        if (marker == k).sum() >= FEWEST_PEOPLE * FRAMES_EACH
    ]
    large = distance > LARGE_M
    print(
        f"{title:38s}{spearmanr(distance, deviation)[0]:8.2f}{np.mean(within):10.2f}"
        f"{area_under_curve(large, deviation):10.2f}{100 * large.mean():10.1f}"
    )


def area_under_curve(positive: FloatArray, score: FloatArray) -> float:
    """Area under the receiver operating characteristic by ranks.

    Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    n = positive.sum()
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    data = Path(next(iter(sys.argv[1:]), Path(__file__).parents[2] / "shared" / "data" / "lab"))
    model = load_model(device="cpu")
    groups = {"generated people": generated_people(model)}
    constant_m = model.uncertainty.constant_m
    generated_m = draw(model, N_DRAWN, SEED).constant_m
    for title, noise_m in (("lab people", 0.0), ("lab people, 15 mm of noise", 0.015)):
        people = lab_people(data, model, noise_m=noise_m, uncertainty=True)
        if people:
            groups[title] = [_stated(person, constant_m) for person in people]
            groups[f"{title}, left out"] = left_out(people, generated_m, model.card.markers.mirror_order)
    print(f"{'% within 1 and 2 deviations':48s}{'forward':>13s}{'up':>13s}{'outward':>13s}")
    for title, people in groups.items():
        print_shares(title, people)
    print(f"\n{'':38s}{'ranks':>8s}{'within':>10s}{'AUC':>10s}{'% > 50 mm':>10s}")
    for title, people in groups.items():
        print_ranks(title, people)
    both = [
        person
        for title, people in groups.items()
        if title in ("lab people", "lab people, 15 mm of noise")
        for person in people
    ]
    if both:
        print_ranks("lab people, both", both)


if __name__ == "__main__":
    main()
