"""Whether markers are as far off as `predict --uncertainty` says: the tables of docs/explanation/uncertainty.md.

    python benchmarks/uncertainty.py [LAB]

Shares of errors within one and two stated deviations, along each axis, of generated people (gaps of 0.25 s in one trial
of three), and of people with optical markers in LAB (../shared/data/lab beside the repository), with keypoints as they
are, with 15 mm of noise, and with noise of 0 to 30 mm by trial and two gaps of 0.5 s. "left out" states for each
laboratory what the others teach. People count alike. Then the rank correlation of distance and stated deviation, over
all markers and the mean within each marker; what it would be over all, were errors drawn from what is stated ("if
true"); and the area under the curve for distances above 50 mm. Below, ranks by one figure a marker: its mean distance
in people of other laboratories, and in these people themselves. A normal distribution has 68 and 95 %.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from lab_people import LabPerson, LabTrial, lab_people, mean_seen, segment_errors, shares_within, white
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
WORST_NOISE_M, N_LONG_GAP = 0.03, 30
N_TRUE = 5  # times that errors are drawn from what is stated
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
        return mean_seen(self.error_m)

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
    constant = model.uncertainty.constant
    height_m = windows.height_m.tolist()
    people = [
        LabPerson("generated", height_m[k], tuple(trials[k : k + N_TRIALS])) for k in range(0, len(trials), N_TRIALS)
    ]
    return [_stated(person, constant) for person in people]


def _stated(person: LabPerson, constant: FloatArray, scale: FloatArray | float = 1.0) -> Stated:
    error_m, moving_m = (
        np.concatenate(each) for each in zip(*((t.error_m, t.moving_m) for t in person.trials), strict=True)
    )
    return Stated(error_m, moving_m * scale, constant * person.height_m)


def left_out(people: Sequence[LabPerson], generated: FloatArray, mirror_order: list[int]) -> list[Stated]:
    """What would be said of each person had nobody of the laboratory been seen."""
    stated = []
    for person in people:
        others = [each for each in people if each.laboratory != person.laboratory]
        constant = sides_alike(constant_part(generated, others), mirror_order)
        stated.append(_stated(person, constant, moving_scale(others)))
    return stated


def print_shares(title: str, people: Sequence[Stated]) -> None:
    """Shares within one and two deviations of each part along each axis."""
    for part, ratios in zip(
        ("constant", "moving", "together"), zip(*(p.ratios() for p in people), strict=True), strict=True
    ):
        shares = 100 * shares_within([each[None] if each.ndim == 2 else each for each in ratios])
        cells = "".join(f"{one:8.0f}{two:5.0f}" for one, two in shares)
        print(f"{title:40s}{part:10s}{cells}")


class Samples(NamedTuple):
    """Some frames of some people.

    Attributes:
        distance_m: of the predicted from the true marker, (n_samples,).
        constant_m: the stated constant part, (n_samples, 3).
        moving_m: the stated moving part, (n_samples, 3).
        marker: which marker, (n_samples,).
        person: which person, (n_samples,).
    """

    distance_m: FloatArray
    constant_m: FloatArray
    moving_m: FloatArray
    marker: FloatArray
    person: FloatArray

    @property
    def stated_m(self) -> FloatArray:
        """Both parts together, (n_samples,)."""
        return np.asarray(np.linalg.norm(np.hypot(self.constant_m, self.moving_m), axis=1))

    def drawn_m(self, rng: np.random.Generator) -> FloatArray:
        """Distances of errors with the stated deviations; the constant part once for a person's marker."""
        own = rng.standard_normal((int(self.person.max()) + 1, int(self.marker.max()) + 1, 3))
        constant = own[self.person, self.marker] * self.constant_m
        moving = rng.standard_normal(self.moving_m.shape) * self.moving_m
        return np.asarray(np.linalg.norm(constant + moving, axis=1))


def samples(people: Sequence[Stated]) -> Samples:
    """As many frames of every person."""
    parts = []
    for k, person in enumerate(people):
        frames = np.linspace(0, len(person.error_m) - 1, FRAMES_EACH).astype(int)
        distance = np.linalg.norm(person.error_m[frames], axis=-1)
        known = np.isfinite(distance)
        constant = np.broadcast_to(person.constant_m, person.error_m[frames].shape)
        marker = np.broadcast_to(np.arange(distance.shape[1]), distance.shape)
        parts.append(
            (distance[known], constant[known], person.moving_m[frames][known], marker[known], np.full(known.sum(), k))
        )
    return Samples(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def ranks(distance_m: FloatArray, stated_m: FloatArray) -> float:
    """Rank correlation (Spearman)."""
    return float(spearmanr(distance_m, stated_m)[0])


def print_ranks(title: str, people: Sequence[Stated]) -> None:
    """Rank correlation of distance and stated deviation, and the area under the curve."""
    some = samples(people)
    stated = some.stated_m
    within = [
        ranks(some.distance_m[some.marker == k], stated[some.marker == k])
        for k in np.unique(some.marker)
        if (some.marker == k).sum() >= FEWEST_PEOPLE * FRAMES_EACH
    ]
    rng = np.random.default_rng(SEED)
    if_true = np.mean([ranks(some.drawn_m(rng), stated) for _ in range(N_TRUE)])
    large = some.distance_m > LARGE_M
    print(
        f"{title:40s}{ranks(some.distance_m, stated):8.2f}{if_true:8.2f}{np.mean(within):8.2f}"
        f"{area_under_curve(large, stated):8.2f}{100 * large.mean():10.1f}"
    )


def print_one_a_marker(title: str, people: Sequence[Stated], laboratories: Sequence[str]) -> None:
    """Ranks by the mean distance of every marker, of people of other laboratories and of these people."""
    some = samples(people)
    mean_m = np.array([mean_seen(np.linalg.norm(person.error_m, axis=-1)) for person in people])
    others = np.array([mean_seen(mean_m[[x != own for x in laboratories]]) for own in laboratories])
    rows = (others[some.person, some.marker], mean_seen(mean_m)[some.marker])
    known = [np.isfinite(each) for each in rows]
    cells = [ranks(some.distance_m[there], each[there]) for each, there in zip(rows, known, strict=True)]
    print(f"{title:40s}{cells[0]:20.2f}{cells[1]:20.2f}")


def planted(positions: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Keypoints with noise of the trial's own size, and two of them lost for half a second each."""
    noisy = white(rng.uniform(0, WORST_NOISE_M))(positions, rng)
    for k in rng.choice(positions.shape[1], 2, replace=False):
        first = rng.integers(0, max(1, len(positions) - N_LONG_GAP))
        noisy[first : first + N_LONG_GAP, k] = np.nan
    return noisy


def area_under_curve(positive: FloatArray, score: FloatArray) -> float:
    """Area under the receiver operating characteristic by ranks.

    Hanley & McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    n = positive.sum()
    return float((rankdata(score)[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


DISTURBED = {
    "lab people": None,
    "lab people, 15 mm of noise": white(0.015),
    "lab people, noise and gaps": planted,
}


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    data = Path(next(iter(sys.argv[1:]), Path(__file__).parents[2] / "shared" / "data" / "lab"))
    model = load_model(device="cpu")
    groups = {"generated people": generated_people(model)}
    constant = model.uncertainty.constant
    generated = draw(model, N_DRAWN, SEED).constant
    laboratories: list[str] = []
    for title, disturb in DISTURBED.items():
        people = lab_people(data, model, disturb=disturb, uncertainty=True)
        if people:
            laboratories = [person.laboratory for person in people]
            groups[title] = [_stated(person, constant) for person in people]
            groups[f"{title}, left out"] = left_out(people, generated, model.card.markers.mirror_order)
    print(f"{'% within 1 and 2 deviations':50s}{'forward':>13s}{'up':>13s}{'outward':>13s}")
    for title, people in groups.items():
        print_shares(title, people)
    print(f"\n{'':40s}{'ranks':>8s}{'if true':>8s}{'within':>8s}{'AUC':>8s}{'% > 50 mm':>10s}")
    for title, people in groups.items():
        print_ranks(title, people)
    print(f"\n{'ranks by one figure a marker':40s}{'of other people':>20s}{'of these people':>20s}")
    for title in DISTURBED:
        if title in groups:
            print_one_a_marker(title, groups[title], laboratories)


if __name__ == "__main__":
    main()
