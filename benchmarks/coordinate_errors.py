"""Error of every joint angle, from folders of motions: predicted markers, another program's, and optical ones.

    python benchmarks/coordinate_errors.py FOLDER

FOLDER/PERSON/ours, /peer and /truth hold the motions that `trcaugment osim ik` made of predicted markers, of another
program's and of optical ones, under the same names. Prints means over people in degrees with 95 % intervals by
bootstrap over people; the two sides of the body are averaged, and trials within a person. Offset-free: without each
trial's constant difference, of which a second table has the mean and SD over people. A coordinate counts in trials in
which it moves in both motions.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from trcaugment.markers import FloatArray
from trcaugment.osim.compare import DEGREES, compare, read_motion

N_RESAMPLES = 2000
# Nothing measured there: no marker shows them.
NOT_SHOWN = ("mtp_angle", "arm_", "elbow_flex", "pro_sup")


def errors_of(person: Path, who: str) -> dict[str, FloatArray]:
    """Coordinate, without its side -> mean over trials and sides of RMSE, its offset-free part, and offset, (3,)."""
    found = defaultdict(list)
    for motion in sorted((person / who).glob("*.mot")):
        truth = person / "truth" / motion.name
        for each in compare(read_motion(truth), read_motion(motion)).differences if truth.exists() else ():
            if each.unit == DEGREES and each.moves and not each.coordinate.startswith(NOT_SHOWN):
                name = each.coordinate.removesuffix("_r").removesuffix("_l")
                found[name].append((each.rmse, each.offset_free_rmse, each.offset))
    return {name: np.mean(values, axis=0) for name, values in found.items()}


def with_interval(values: FloatArray, rng: np.random.Generator) -> str:
    """Mean over people with its 95 % interval."""
    means = rng.choice(values, (N_RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return f"{values.mean():5.1f} ({low:4.1f}-{high:4.1f})"


def main() -> None:
    """Print the table."""
    people = [folder for folder in sorted(Path(sys.argv[1]).iterdir()) if any(folder.glob("truth/*.mot"))]
    errors = {who: {person.name: errors_of(person, who) for person in people} for who in ("ours", "peer")}
    print(f"{len(people)} people: {', '.join(person.name for person in people)}")
    print(f"{'degrees':18} {'people':>6} {'RMSE':>19} {'offset-free':>19} {'peer: RMSE':>19} {'peer: offset-free':>19}")
    names = list(dict.fromkeys(name for each in errors["ours"].values() for name in each))
    for name in [*names, "mean of all"]:
        rng = np.random.default_rng(1)
        columns = []
        for who in ("ours", "peer"):
            rows = [
                np.mean(list(each.values()), axis=0) if name == "mean of all" else each[name]
                for each in errors[who].values()
                if name in each or (name == "mean of all" and each)
            ]
            columns += [with_interval(column, rng) for column in np.array(rows).T[:2]]
        print(f"{name:18} {len(rows):6} " + " ".join(f"{column:>19}" for column in columns))
    print(f"\n{'offset, mean (SD)':18} {'ours':>14} {'peer':>14}")
    for name in names:
        offsets = [
            [each[name][2] for each in errors[who].values() if name in each and np.isfinite(each[name][2])]
            for who in ("ours", "peer")
        ]
        print(f"{name:18} " + " ".join(f"{np.mean(own):6.1f} ({np.std(own, ddof=1):5.1f})" for own in offsets))


if __name__ == "__main__":
    main()
