"""How fast a generated cohort is converted by `trcaugment batch`, beside a loop of `trcaugment predict`.

Run from anywhere: python benchmarks/batch.py [--trials 1000] [--jobs 2]

Every trial is 10 s at 60 Hz of a generated person. A quarter of the cohort is converted too: the largest memory of a
process must not grow with the number of trials.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.interpolate import make_interp_spline

from trcaugment import Markers, write_trc
from trcaugment.body.detector import KeypointErrors, disturb, draw_offsets
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.procedural import ACTIVITIES, make_motion
from trcaugment.body.skeleton import POINT_INDEX
from trcaugment.formats.subjects_csv import SubjectRow, write_subjects
from trcaugment.marker_sets import KEYPOINTS

N_FRAMES, RATE_HZ = 600, 60.0
TRIALS_OF_ONE = 10
N_IN_LOOP = 20
# Prints the processor time of its processes, and the largest memory of any.
COMMAND = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "trcaugment", *sys.argv[1:]], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(done.returncode)
"""


def write_cohort(folder: Path, n_trials: int) -> None:
    """Fill a folder with subjects' folders of trials, and its subjects.csv."""
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    rows = []
    for k in range(0, n_trials, TRIALS_OF_ONE):
        n = min(TRIALS_OF_ONE, n_trials - k)
        person = draw_bodies(Population(), 1, generator)
        errors = KeypointErrors(accident_rate=0.0)
        offsets, shifts = draw_offsets(errors, 1, generator)
        points = person.points.clone()
        index = [POINT_INDEX[name] for name in KEYPOINTS]
        points[:, index] += offsets
        seen = replace(person, points=points, shifts=person.shifts + shifts).select(torch.zeros(n, dtype=torch.long))
        activities = [list(ACTIVITIES)[(k + i) % len(ACTIVITIES)] for i in range(n)]
        motions = np.stack([stretched(make_motion(activity, rng)) for activity in activities])
        positions = disturb(errors, forward_kinematics(seen, torch.from_numpy(motions).float(), index), generator)
        name = f"S{k // TRIALS_OF_ONE:04d}"
        (folder / name).mkdir(parents=True)
        for i, activity in enumerate(activities):
            trial = Markers(KEYPOINTS.names, positions[i].double().numpy(), np.arange(N_FRAMES) / RATE_HZ)
            write_trc(folder / name / f"{activity}_{i}.trc", trial)
        rows.append(SubjectRow(f"{name}/*", name, float(person.height_m), float(person.mass_kg)))
    write_subjects(folder, rows)


def stretched(motion: np.ndarray) -> np.ndarray:
    """A motion played so fast or slow that it takes 10 s."""
    return make_interp_spline(np.linspace(0, 1, len(motion)), motion)(np.linspace(0, 1, N_FRAMES))


class Used(NamedTuple):
    """What a command used: seconds, processor time in s, and the largest memory of one of its processes in MiB."""

    passed_s: float
    processor_s: float
    memory: float


def run(*arguments: object) -> Used:
    """Run a command."""
    begun_s = time.perf_counter()
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    used_s, kibibytes = map(float, subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.split())
    return Used(time.perf_counter() - begun_s, used_s, kibibytes / 1024)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        sizes = {"a quarter": arguments.trials // 4, "all": arguments.trials}
        for cohort, n_trials in sizes.items():
            write_cohort(work / cohort, n_trials)
        print("| what | trials | frames | time (s) | frames/s | processor s | frames per processor s | memory (MiB) |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for cohort, n_trials in sizes.items():
            used = run("batch", work / cohort, "-o", work / f"{cohort} out", "--jobs", arguments.jobs)
            tell(f"batch, --jobs {arguments.jobs}", n_trials, used)
        used = run("batch", work / "all", "-o", work / "all out", "--jobs", arguments.jobs)
        tell("the same again: all kept", arguments.trials, used)
        files = sorted((work / "all").rglob("*.trc"))[:N_IN_LOOP]
        each = [
            run("predict", file, "--height", 1.7, "--mass", 70, "-o", work / f"{k}.trc") for k, file in enumerate(files)
        ]
        passed_s, processor_s, memory = zip(*each, strict=True)
        tell("a loop of predict", len(files), Used(sum(passed_s), sum(processor_s), max(memory)))


def tell(what: str, n_trials: int, used: Used) -> None:
    """A row."""
    n = n_trials * N_FRAMES
    times = " | ".join(f"{s:.1f} | {n / s:,.0f}" for s in (used.passed_s, used.processor_s))
    print(f"| {what} | {n_trials} | {n} | {times} | {used.memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
