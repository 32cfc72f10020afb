"""Whether joint angles are as far off as `osim ik` says: tables of docs/explanation/uncertainty.md.

    python benchmarks/angle_uncertainty.py ANGLES [LAB]

ANGLES holds `PERSON/ours` and `PERSON/truth`, folders of `osim ik` with the predicted and the optical markers of people
in LAB (../shared/data/lab beside the repository). Printed: shares of optical angles within one and two stated
deviations, constant part and moving part (of people who move) apart, people alike, also with figures in which their
laboratory had no part; how many changes between two trials of a person, of the mean angle and of the largest one, are
above the smallest detectable one, and how many of these are real, with and without the person who has most trials; and
the errors of angles of generated people for other weights of markers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from generated_angles import AngleErrors, draw_response, usual_weights
from lab_people import LabTrial, lab_people
from make_uncertainty import said_of_angles
from solved_people import PersonAngles, people_angles

from trcaugment import Model, load_model
from trcaugment.conversion.angle_uncertainty import AngleSpread, spreads_of
from trcaugment.conversion.spread_table import summarize
from trcaugment.markers import FloatArray
from trcaugment.model.uncertainty import ANGLES

Stated = dict[str, dict[str, dict[str, AngleSpread]]]  # person -> trial -> coordinate
_KINDS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "mean": lambda values: values.mean(axis=0),
    "largest": lambda values: values.max(axis=0),
}


def stated_by_trial(model: Model, data: Path) -> Stated:
    """What `predict --uncertainty` and `osim ik` say of every trial."""
    return {
        person.name: {trial.name: spreads_of(model.uncertainty, _moving_mm(trial)) for trial in person.trials}
        for person in lab_people(data, model, uncertainty=True)
    }


def _moving_mm(trial: LabTrial) -> dict[str, tuple[float, ...]]:
    """As the sidecar says it."""
    assert trial.result.spread is not None
    return summarize(trial.result.markers, trial.result.spread, "").moving_mm


def deviations(stated: Stated, person: PersonAngles, trial: str) -> tuple[FloatArray, FloatArray]:
    """Constant and moving part of a trial's angles, each (n_angles,)."""
    said = [stated[person.name][trial][name] for name in ANGLES]
    return np.array([each.constant_deg for each in said]), np.array([each.moving_deg for each in said])


def print_shares(title: str, people: Sequence[PersonAngles], stated: Stated, factors: dict[str, FloatArray]) -> None:
    """Shares within one and two deviations; `factors`: laboratory -> of both parts, (n_angles, 2)."""
    constant, moving = [], []
    for person in people:
        factor = factors.get(person.laboratory, np.ones((len(ANGLES), 2)))
        mean_deg = person.constant_deg
        constant.append(mean_deg / (deviations(stated, person, person.trials[0].name)[0] * factor[:, 0]))
        if person.moves:
            own = [
                (trial.error_deg - mean_deg) / (deviations(stated, person, trial.name)[1] * factor[:, 1])
                for trial in person.trials
            ]
            moving.append(np.concatenate(own))
    for part, ratios in (("constant", constant), ("moving", moving)):
        known = [np.abs(each[np.isfinite(each)]) for each in ratios]
        one, two = (100 * np.mean([np.mean(each < n) for each in known]) for n in (1, 2))
        print(f"{title:24s}{part:10s}{len(known):4d} people{one:8.0f}{two:6.0f}")


def left_out(people: Sequence[PersonAngles], generated: AngleErrors, said: FloatArray) -> dict[str, FloatArray]:
    """Laboratory -> what others teach over what all do, (n_angles, 2)."""
    laboratories = {person.laboratory for person in people}
    return {
        each: said_of_angles(generated, [p for p in people if p.laboratory != each]) / said for each in laboratories
    }


def print_changes(people: Sequence[PersonAngles], stated: Stated) -> None:
    """Changes between trials of one person above the smallest detectable one, and how many of them are real."""
    for kind, value in _KINDS.items():
        found, real, close, n = 0, 0, 0, 0
        for person in people:
            for first, second in combinations(person.trials, 2):
                smallest = 1.96 * np.hypot(*(deviations(stated, person, each.name)[1] for each in (first, second)))
                true, predicted = (
                    value(getattr(second, which)) - value(getattr(first, which))
                    for which in ("true_deg", "predicted_deg")
                )
                known = np.isfinite(true)
                above = known & (np.abs(predicted) > smallest)
                n += known.sum()
                found += above.sum()
                real += (above & (np.sign(predicted) == np.sign(true)) & (np.abs(true) > np.abs(predicted) / 2)).sum()
                close += (known & (np.abs(predicted - true) < smallest)).sum()
        print(
            f"{kind:10s}{n:7d} changes{found:7d} above{100 * real / max(found, 1):7.1f} % of these real"
            f"{100 * close / max(n, 1):7.1f} % off by less than the smallest"
        )


def print_table(said: FloatArray) -> None:
    """The model's table, right and left alike."""
    for name, (constant, moving) in zip(ANGLES, said, strict=True):
        if not name.endswith("_l"):
            change = AngleSpread(constant, moving).smallest_change_deg
            print(f"{name.removesuffix('_r'):20s}{constant:8.1f}{moving:8.1f}{change:8.1f}")


def main() -> None:
    """Print the tables."""
    shared = Path(__file__).parents[2] / "shared" / "data" / "lab"
    angles, data = (*map(Path, sys.argv[1:]), shared)[:2]
    model = load_model(device="cpu")
    said = model.uncertainty.angles_deg
    print(f"{'degrees':20s}{'constant':>8s}{'moving':>8s}{'change':>8s}")
    print_table(said)
    response = draw_response(model)
    weights = {"OpenCap's": usual_weights(), "all alike": np.ones(len(usual_weights()))}
    weights |= {"by uncertainty": response.by_uncertainty(), "by uncertainty, each frame": response.by_frame()}
    print(f"\n{'generated people, degrees':30s}{'all':>8s}{'constant':>10s}{'moving':>8s}")
    for title, each in weights.items():
        errors = response.errors(each)
        sizes = [np.sqrt(np.mean(part**2, axis=tuple(range(part.ndim - 1)))).mean() for part in errors]
        both = errors.constant_deg[:, None] + errors.moving_deg
        print(f"{title:30s}{np.sqrt((both**2).mean(axis=(0, 1))).mean():8.2f}{sizes[0]:10.2f}{sizes[1]:8.2f}")
    people, stated = people_angles(angles), stated_by_trial(model, data)
    if not people:
        sys.exit(f"{angles}: expected PERSON/ours and PERSON/truth with .mot files, found none")
    print(f"\n{'% within 1 and 2 deviations':24s}")
    print_shares("lab people", people, stated, {})
    generated = response.errors(usual_weights())
    print_shares("lab people, left out", people, stated, left_out(people, generated, said))
    print("\nbetween two trials of a person")
    print_changes(people, stated)
    most = max(people, key=lambda person: len(person.trials))
    print(f"\nthe same without {most.name}, of whom there are {len(most.trials)} trials")
    print_changes([person for person in people if person is not most], stated)


if __name__ == "__main__":
    main()
