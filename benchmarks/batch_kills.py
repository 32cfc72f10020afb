"""Whether a batch that is killed at random moments, and started again each time, ends as an undisturbed one does.

Run from anywhere: python benchmarks/batch_kills.py [--trials 400] [--kills 20] [--jobs 2] [--seed 0]

kill -9 goes to the first process alone: those that it started have to notice, and end by themselves. Each kill comes a
random part of a second after a random number of new outputs, none included: so all parts of the work are hit, however
fast the machine.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from batch import write_cohort

LONGEST_DELAY_S = 0.5
PATIENCE_S = 5.0  # of those who wait for the processes that were left alone
YOUNG_S = 60.0  # files that are not whole, but younger, may be another process's


def kill_on_the_way(batch: list[str], outputs: Path, n_new: int, delay_s: float) -> tuple[float, int]:
    """Starts a batch and kills it; the seconds that it had, and the number of processes that it had started."""
    begun_s = time.perf_counter()
    n_before = count(outputs)
    process = subprocess.Popen(batch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and count(outputs) < n_before + n_new:
        time.sleep(0.02)
    time.sleep(delay_s)
    if process.poll() is not None:
        raise SystemExit("done before it was killed: take more trials")
    others = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    passed_s = time.perf_counter() - begun_s
    _, alive = psutil.wait_procs(others, PATIENCE_S)
    if alive:
        raise SystemExit(f"still there {PATIENCE_S:g} s after their parent's death: {alive}")
    return passed_s, len(others)


def count(outputs: Path) -> int:
    """Marker files."""
    return sum(1 for _ in outputs.rglob("*.trc"))


def contents(outputs: Path) -> dict[str, bytes]:
    """Marker files as they are, and sidecars without time and place."""
    found = {str(path.relative_to(outputs)): path.read_bytes() for path in outputs.rglob("*.trc")}
    for path in outputs.rglob("*.json"):
        told = json.loads(path.read_bytes())
        if told.pop("made", None):
            found[str(path.relative_to(outputs))] = json.dumps(told).encode()
    return found


def main() -> None:
    """Print a row for every kill, and what came of it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        cohort, outputs, undisturbed = work / "cohort", work / "killed", work / "undisturbed"
        write_cohort(cohort, arguments.trials)
        command = [sys.executable, "-m", "trcaugment", "batch", str(cohort), "--jobs", str(arguments.jobs), "-o"]
        subprocess.run([*command, str(undisturbed)], check=True, stdout=subprocess.DEVNULL)
        print("| kill | after (s) | its processes | new outputs | outputs | sidecars alone | files not whole |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for k in range(arguments.kills):
            before = count(outputs)
            n_new = draw.randrange(1 + arguments.trials * 9 // 10 // arguments.kills)
            passed_s, n_others = kill_on_the_way(
                [*command, str(outputs)], outputs, n_new, draw.uniform(0, LONGEST_DELAY_S)
            )
            done = count(outputs)
            alone = sum(not path.with_suffix(".trc").exists() for path in outputs.rglob("*.json"))
            parts = len(list(outputs.rglob(".*.tmp")))
            print(
                f"| {k + 1} | {passed_s:.1f} | {n_others} | {done - before} | {done} | {alone} | {parts} |", flush=True
            )
        subprocess.run([*command, str(outputs)], check=True, stdout=subprocess.DEVNULL)
        expected, found = contents(undisturbed), contents(outputs)
        old = [path for path in outputs.rglob(".*.tmp") if time.time() - path.stat().st_mtime > YOUNG_S]
        same = sum(found.get(name) == content for name, content in expected.items())
        print(
            f"{arguments.kills} kills: {same} of {len(expected)} files the same (sidecars but for time and place), "
            f"{len(found) - len(expected)} more; {len(old)} old files that are not whole"
        )
        if found != expected or old:
            sys.exit(1)


if __name__ == "__main__":
    main()
