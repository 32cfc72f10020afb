"""Measure the guards and the height estimate: false alarms, what they catch, how far the estimate is off.

    python benchmarks/guards.py [DATA]            the tables of docs/explanation/guards.md
    python benchmarks/guards.py [DATA] --limits   the extremes of generated trials that the limits in the code come from

DATA holds other people's recordings (../shared/data beside the repository) and motions; without them procedural motions
are used alone. Limits come from one set of people and motions, false alarms and catches from another.
"""

from __future__ import annotations

import sys
import timeit
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from guard_faults import CASES, Trial
from scipy.ndimage import minimum_filter1d
from scipy.optimize import least_squares

from trcaugment import Subject, load_model, read_trc
from trcaugment.body.detector import KeypointErrors, disturb
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.motions import perturb
from trcaugment.body.population import Population
from trcaugment.body.skeleton import POINT_INDEX
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.checks import check_size, watch
from trcaugment.chain.checks.postures import joint_angles_deg, speeds
from trcaugment.chain.checks.swaps import sides
from trcaugment.chain.height import SEGMENTS, estimate_height, segment_lengths, usual_lengths_m
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.errors import MarkersError
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, FloatArray
from trcaugment.model.card import DEFAULT_MODEL

N_TRIALS, N_FRAMES = 400, 300
N_FOR_LIMITS = 2000
PLANTED = 200
GUARDS = ("height", "population", "posture", "speed", "swap", "frozen", "segments")
PEOPLE = {"keypoints": (1.96, 78.2), "sessions": (1.78, 72.0), "lab": (1.68, 62.6)}
FILES = {"keypoints": "*.trc", "sessions": "opencap_subject0/MarkerData/*.trc", "lab": "subject4/*_keypoints.trc"}


def generated(n: int, data: Path, seed: int, *, with_random: bool = False) -> list[Trial]:
    """Trials of 5 s as detectors see them, without the accidents (swaps, bursts, gaps) that guards are there for."""
    library = make_library(sorted((data / "motions").rglob("*.mot")), 480, seed)
    errors = KeypointErrors(accident_rate=0.0)
    random = torch.tensor([activity == "random" for activity in library.activities])
    library = replace(library, weight=torch.where(random == with_random, library.weight, 0.0))
    generator = torch.Generator().manual_seed(seed)
    points = [POINT_INDEX[name] for name in KEYPOINTS]
    trials: list[Trial] = []
    while len(trials) < n:
        people = WindowGenerator(library, Population(), errors).draw_people(100, generator)
        which = library.choose(100, generator)
        coordinates = perturb(library.play(which, N_FRAMES, generator), generator)
        seen = disturb(errors, forward_kinematics(people, coordinates, points), generator).double().numpy()
        trials += [
            Trial(library.activities[which[k]], seen[k], np.arange(N_FRAMES) / RATE_HZ, Subject(height, mass))
            for k, (height, mass) in enumerate(zip(people.height_m.tolist(), people.mass_kg.tolist(), strict=True))
        ]
    return trials[:n]


def recorded(data: Path) -> dict[str, list[Trial]]:
    """Recordings of three people by folder; empty without data."""
    found: dict[str, list[Trial]] = {}
    for folder, person in PEOPLE.items():
        files = {path.stem: read_trc(path) for path in sorted((data / folder).glob(FILES[folder]))}
        found[folder] = [
            Trial(name, find_keypoints(file).positions, file.time_s, Subject(*person)) for name, file in files.items()
        ]
    return found


class Watcher:
    """All guards with the default model's population."""

    def __init__(self) -> None:
        self.card = load_model(DEFAULT_MODEL, device="cpu").card

    def found(self, trial: Trial) -> dict[str, str]:
        """Guard -> message."""
        findings = watch(trial.positions, trial.time_s, trial.subject, self.card)
        return {finding.guard: finding.message for finding in findings}

    def refused(self, trial: Trial) -> dict[str, str]:
        """The same of the guard that refuses wrong units."""
        try:
            check_size(trial.positions, trial.subject, "m")
        except MarkersError as error:
            return {"unit": str(error)}
        return {}


def print_false_alarms(watcher: Watcher, groups: dict[str, list[Trial]]) -> None:
    """Trials with a finding by guard, and what was said about recordings."""
    print(f"{'trials with a finding':26s}{'trials':>8s}" + "".join(f"{guard:>12s}" for guard in GUARDS))
    said = []
    for group, trials in groups.items():
        found = [watcher.found(trial) for trial in trials]
        print(f"{group:26s}{len(trials):8d}" + "".join(f"{sum(g in one for one in found):12d}" for g in GUARDS))
        if "generated" not in group:
            said += [f"  {t.name}: {s}" for t, one in zip(trials, found, strict=True) for s in one.values()]
    print("\n".join(["", "on recordings", *said]))


def print_catches(watcher: Watcher, groups: dict[str, list[Trial]]) -> None:
    """Share of planted faults that are found."""
    for group, trials in groups.items():
        print(f"\nplanted in {len(trials)} {group} trials, % caught")
        for guard, title, sizes, plant in CASES:
            rng = np.random.default_rng(7)
            cells = []
            for size in sizes:
                planted = [plant(trial, size, rng) for trial in trials]
                found = [watcher.refused(one) if guard == "unit" else watcher.found(one) for one in planted]
                size_text = "all" if size == 10_000 else f"{size:g}"
                cells.append(f"{size_text:>8s}: {100 * np.mean([guard in one for one in found]):3.0f}")
            print(f"{guard:10s}{title:28s}" + "".join(cells))


def print_height_errors(groups: dict[str, list[Trial]]) -> None:
    """Errors of the height estimate, in % of height and for recordings in m."""
    print(f"\n{'height estimate, %':26s}{'trials':>8s}{'mean':>8s}{'SD':>8s}{'95 %':>8s}{'99.8 %':>8s}{'largest':>9s}")
    for group, trials in groups.items():
        estimates = [estimate_height(trial.positions).height_m for trial in trials]
        error = 100 * (np.array(estimates) / [trial.subject.height_m for trial in trials] - 1)
        tails = np.percentile(np.abs(error), [95, 99.8, 100])
        print(
            f"{group:26s}{len(trials):8d}{error.mean():8.1f}{error.std():8.1f}{tails[0]:8.1f}{tails[1]:8.1f}{tails[2]:9.1f}"
        )
        if "generated" not in group:
            told = [f"{t.name.removesuffix('_keypoints')} {e:.2f}" for t, e in zip(trials, estimates, strict=True)]
            print(f"    {trials[0].subject.height_m:.2f} m: {', '.join(told)}")


def print_duration(watcher: Watcher, trial: Trial) -> None:
    """Time that all guards take over 10 s of keypoints; the shortest of many, as other work disturbs."""
    positions = np.concatenate([trial.positions, trial.positions[::-1]])
    longer = replace(trial, positions=positions, time_s=np.arange(len(positions)) / RATE_HZ)
    shortest_s = min(timeit.repeat(lambda: watcher.found(longer), number=1, repeat=50))
    print(f"\nall guards over {len(positions)} frames: {1000 * shortest_s:.1f} ms")


def print_limits(trials: list[Trial]) -> None:
    """What generated trials reach: what the limits in the code are chosen from."""
    sums: dict[str, list[float]] = {}

    def add(name: str, *values: float) -> None:
        sums.setdefault(name, []).extend(values)

    def sustained(values: FloatArray, n: int = 6) -> tuple[float, float]:
        low, high = (sign * minimum_filter1d(sign * values, n, mode="nearest") for sign in (-1, 1))
        return float(low.min()), float(high.max())

    for trial in trials:
        height_m = trial.subject.height_m
        for name, angle_deg in joint_angles_deg(trial.positions).items():
            add(name.removeprefix("right ").removeprefix("left "), *sustained(angle_deg))
        for k, speed in enumerate((speeds(trial.positions, trial.time_s) / height_m).T):
            add("speed " + KEYPOINTS.landmarks[k].part, sustained(speed, 3)[1])
        forward, knees, shoulders = sides(trial.positions)
        add("feet forward", forward.min())
        add("knees apart", knees.min() / height_m)
        add("shoulders apart", shoulders.min() / height_m)
        lengths = segment_lengths(trial.positions)
        median_m, third = np.median(lengths, axis=0), len(lengths) // 3
        drift = np.median(lengths[-third:], axis=0) / np.median(lengths[:third], axis=0)
        for k, name in enumerate(SEGMENTS):
            kind = name.split()[-1]
            add(f"{kind}, share of height", median_m[k] / height_m)
            add(f"{kind}, jump", *sustained(lengths[:, k] / median_m[k]))
            add(f"{kind}, drift", drift[k])
            if name.startswith("right"):
                add(f"{kind}, sides", median_m[k] / median_m[k + 1])
    print(
        f"{'extremes of ' + str(len(trials)) + ' trials':36s}"
        + "".join(f"{p:>10}" for p in ("least", "0.1 %", "99.9 %", "greatest"))
    )
    for name, values in sums.items():
        print(f"{name:36s}" + "".join(f"{value:10.3f}" for value in np.percentile(values, [0, 0.1, 99.9, 100])))
    print_fit(trials)


def print_fit(trials: list[Trial]) -> None:
    """Exponents and factor of the height estimate; the exponents add up to one."""
    logs = np.log([list(usual_lengths_m(segment_lengths(t.positions)).values()) for t in trials])
    target = np.log([t.subject.height_m for t in trials]) - logs[:, 2]
    terms = np.column_stack([logs[:, :2] - logs[:, 2:], np.ones(len(logs))])
    trunk, thigh, factor = least_squares(lambda x: terms @ x - target, np.zeros(3), loss="soft_l1", f_scale=0.03).x
    print(f"height = {np.exp(factor):.3f} trunk^{trunk:.3f} thigh^{thigh:.3f} shank^{1 - trunk - thigh:.3f}")


def main() -> None:
    """Print the tables asked for."""
    asked = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    data = Path(asked[0]) if asked else Path(__file__).parents[2] / "shared" / "data"
    if "--limits" in sys.argv:
        print_limits(generated(N_FOR_LIMITS, data, seed=1))
        return
    ordinary = generated(N_TRIALS, data, seed=2)
    real = {f"recorded: {folder}": trials for folder, trials in recorded(data).items() if trials}
    groups = {
        "generated": ordinary,
        "generated: fresh": generated(N_TRIALS, data, seed=11),  # looked at only when no limit changed any more
        "generated: random": generated(100, data, seed=3, with_random=True),
        **real,
    }
    watcher = Watcher()
    print_false_alarms(watcher, groups)
    planted = {"generated": ordinary[:PLANTED], "recorded": [trial for trials in real.values() for trial in trials]}
    print_catches(watcher, {name: trials for name, trials in planted.items() if trials})
    shorter = {
        f"generated, first {n_frames / RATE_HZ:g} s": [
            replace(trial, positions=trial.positions[:n_frames]) for trial in ordinary
        ]
        for n_frames in (30, 60, 120)
    }
    print_height_errors(groups | shorter)
    print_duration(watcher, ordinary[0])


if __name__ == "__main__":
    main()
