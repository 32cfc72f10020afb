"""Measure outliers, leaps, repaired swaps and the vertical: false alarms, and what is found of what is planted.

    python benchmarks/outliers.py [DATA]

prints the tables of guards.md in docs. DATA holds other people's recordings (../shared/data beside the repository) and
motions. Keypoints of the lab people are noiseless: they count with 15 mm of white noise on every coordinate.
"""

from __future__ import annotations

import json
import sys
import timeit
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from guard_faults import Trial, shaken
from guards import N_FRAMES, generated, recorded

from trcaugment import Subject, read_trc
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.motions import RATE_HZ, read_mot
from trcaugment.body.population import average_adult
from trcaugment.body.skeleton import GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.chain.leaps import find_leaps
from trcaugment.chain.outliers import find_outliers
from trcaugment.chain.sides import exchange, repair_sides
from trcaugment.chain.vertical import find_up
from trcaugment.marker_sets import KEYPOINTS

N_TRIALS = 60
SIZES_M = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 3.0)
NOISE_MM = 15.0
FAST = ("run", "sprint", "jump", "drop", "legswing", "opencap_cmbbe_jump")
PARTS = ("everything", "legs", "ankles and feet", "shoulders")


def laboratory(data: Path) -> list[Trial]:
    """Keypoints of the lab people."""
    trials = []
    for path in sorted((data / "lab").glob("*/*_keypoints.trc")):
        file, own = read_trc(path), path.with_name("subject.json")
        person = json.loads(own.read_text()) if own.exists() else {"height_m": 1.68, "mass_kg": 62.6}
        subject = Subject(person["height_m"], person["mass_kg"])
        trials.append(Trial(path.parent.name + "/" + path.stem, find_keypoints(file).positions, file.time_s, subject))
    return trials


def fast_motions(data: Path) -> list[Trial]:
    """Sprints, runs, jumps and drop landings of the average adult, without noise."""
    points = [POINT_INDEX[name] for name in KEYPOINTS]
    trials = []
    for path in sorted((data / "motions").glob("*.mot")):
        if path.stem.startswith(FAST):
            motion = torch.from_numpy(np.asarray(read_mot(path)))[None]
            seen = forward_kinematics(average_adult(), motion, points)[0].double().numpy()
            trials.append(Trial(path.stem, seen, np.arange(len(seen)) / RATE_HZ, Subject(GENERIC_HEIGHT_M, 70)))
    return trials


def noisy(trials: list[Trial], seed: int = 5) -> list[Trial]:
    """The trials with 15 mm of white noise on every coordinate."""
    rng = np.random.default_rng(seed)
    return [shaken(trial, NOISE_MM, rng) for trial in trials]


def slower(trials: list[Trial], step: int) -> list[Trial]:
    """Every so manieth frame."""
    return [replace(trial, positions=trial.positions[::step], time_s=trial.time_s[::step]) for trial in trials]


def print_false_alarms(groups: dict[str, list[Trial]]) -> None:
    """Trials with an outlier or a leap, by rate."""
    rates = (1, 2, 3, 6)
    print(f"{'trials with an outlier, a leap':34s}{'trials':>8s}" + "".join(f"{60 / s:>9g} Hz" for s in rates))
    for group, trials in groups.items():
        cells = []
        for step in rates:
            seen = slower(trials, step)
            n_outliers = sum(find_outliers(trial.positions, trial.time_s).any() for trial in seen)
            n_leaps = sum(bool(find_leaps(trial.positions, trial.time_s)) for trial in seen)
            cells.append(f"{n_outliers:>8d},{n_leaps:>3d}")
        print(f"{group:34s}{len(trials):8d}" + "".join(cells), flush=True)


def print_catches(groups: dict[str, list[Trial]], n_frames: int) -> None:
    """Spikes of so many frames planted in every keypoint at random places: % found, and good samples taken for some."""
    print(f"\nspikes of {n_frames} frame(s), % found" + "".join(f"{size:>8g} m" for size in SIZES_M) + "   others")
    for group, trials in groups.items():
        rng = np.random.default_rng(7)
        cells, n_others, worst = [], 0, ""
        for size_m in SIZES_M:
            found = np.zeros((len(trials), len(KEYPOINTS)))
            for row, trial in zip(found, trials, strict=True):
                planted = np.zeros(trial.positions.shape[:2], dtype=bool)
                shift = np.zeros_like(trial.positions)
                for k, frame in enumerate(rng.integers(0, len(planted) - n_frames + 1, len(KEYPOINTS))):
                    direction = rng.standard_normal(3)
                    planted[frame : frame + n_frames, k] = True
                    shift[frame : frame + n_frames, k] = size_m * direction / np.linalg.norm(direction)
                seen = find_outliers(trial.positions + shift, trial.time_s)
                row[:] = (seen | ~planted).all(axis=0)
                n_others += int((seen & ~planted).sum())
            cells.append(f"{100 * found.mean():10.1f}")
            if size_m == 0.3:
                each = 100 * found.mean(axis=0)
                worst = f"at 0.3 m the least: {KEYPOINTS.names[int(each.argmin())]} {each.min():.1f} %"
        print(f"{group:34s}" + "".join(cells) + f"{n_others:9d}\n    {worst}", flush=True)


def print_leaps(groups: dict[str, list[Trial]]) -> None:
    """Leaps of the whole body in a random direction along the floor, % found at the right frame."""
    sizes = (0.1, 0.2, 0.3, 0.5, 1.0, 3.0)
    print("\nleaps of the body, % found" + " " * 8 + "".join(f"{size:>8g} m" for size in sizes))
    for group, trials in groups.items():
        rng = np.random.default_rng(7)
        cells = []
        for size_m in sizes:
            hits = []
            for trial in trials:
                frame, angle = int(rng.integers(10, len(trial.positions) - 10)), rng.uniform(0, 2 * np.pi)
                leapt = trial.positions.copy()
                leapt[frame:] += size_m * np.array([np.cos(angle), 0, np.sin(angle)])
                hits.append(find_leaps(leapt, trial.time_s) == [frame])
            cells.append(f"{100 * np.mean(hits):10.1f}")
        print(f"{group:34s}" + "".join(cells), flush=True)


def print_swaps(groups: dict[str, list[Trial]]) -> None:
    """Left and right exchanged for a while and repaired: % of trials that are as before in every sample."""
    durations = (0.1, 0.5, 1.0, 2.0)
    print(f"\n{'swaps undone, % of trials':52s}" + "".join(f"{duration:>8g} s" for duration in durations))
    for group, trials in groups.items():
        unswapped = sum(bool(repair_sides(trial.positions, trial.subject.height_m)[1]) for trial in trials)
        print(f"{group}: {unswapped} of {len(trials)} trials changed where nothing was planted")
        for part in PARTS:
            rng = np.random.default_rng(7)
            cells = []
            for duration_s in durations:
                n_frames = round(duration_s * RATE_HZ)
                undone = []
                for trial in (each for each in trials if len(each.positions) >= 2 * n_frames):
                    start = int(rng.integers(0, len(trial.positions) - n_frames + 1))
                    seen = trial.positions.copy()
                    seen[start : start + n_frames] = exchange(seen[start : start + n_frames], part)
                    undone.append(np.array_equal(repair_sides(seen, trial.subject.height_m)[0], trial.positions))
                cells.append(f"{100 * np.mean(undone):10.1f}")
            print(f"    {part:48s}" + "".join(cells), flush=True)


def print_verticals(groups: dict[str, list[Trial]]) -> None:
    """Which axis is said to point up; Y is right."""
    print(f"\n{'axis that points up':34s}{'trials':>8s}{'Y':>8s}{'unknown':>9s}{'wrong':>8s}")
    for group, trials in groups.items():
        found = [find_up(KEYPOINTS.names, trial.positions).axis for trial in trials]
        n_wrong = sum(axis not in (None, "y") for axis in found)
        wrong = [trial.name for trial, axis in zip(trials, found, strict=True) if axis not in (None, "y")]
        print(f"{group:34s}{len(trials):8d}{found.count('y'):8d}{found.count(None):9d}{n_wrong:8d}  {', '.join(wrong)}")


def print_duration(trial: Trial) -> None:
    """Time of 100,000 frames; the shortest of several, as other work disturbs."""
    positions = np.resize(np.concatenate([trial.positions, trial.positions[::-1]]), (100_000, len(KEYPOINTS), 3))
    time_s = np.arange(len(positions)) / RATE_HZ
    for name, find in (("outliers", find_outliers), ("leaps", find_leaps)):
        seconds = min(timeit.repeat(lambda find=find: find(positions, time_s), number=1, repeat=7))
        print(f"\n{name} of 100,000 frames: {seconds:.2f} s")


def main() -> None:
    """Print the tables."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "shared" / "data"
    lab, real = laboratory(data), recorded(data)
    others = real.get("keypoints", []) + real.get("sessions", [])
    fast, ordinary = fast_motions(data), generated(N_TRIALS, data, seed=2)
    groups = {
        "keypoints, sessions": others,
        "keypoints, sessions + 15 mm": noisy(others),
        "lab": lab,
        "lab + 15 mm": noisy(lab),
        "sprints, runs, jumps": fast,
        "sprints, runs, jumps + 15 mm": noisy(fast),
        f"generated, {N_FRAMES / RATE_HZ:g} s": ordinary,
    }
    groups = {name: trials for name, trials in groups.items() if trials}
    print_false_alarms(groups)
    print_catches(groups, 1)
    print_catches({name: trials for name, trials in groups.items() if "generated" in name}, 2)
    print_leaps(groups)
    swapped = {name: trials for name, trials in groups.items() if "lab" in name or "generated" in name}
    print_swaps(swapped)
    print_verticals(groups)
    print_duration(ordinary[0])


if __name__ == "__main__":
    main()
