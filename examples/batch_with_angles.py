"""A cohort from keypoints to one table of joint angles: lowest and highest value of each coordinate in each trial.

    python examples/batch_with_angles.py cohort/ -o angles/

The cohort is a folder of OpenCap sessions, Pose2Sim projects or TRC files with a subjects.csv. The same command goes on
after an interruption. Needs OpenSim, which `pip install trcaugment` brings on Linux and Windows.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

from trcaugment.formats.mot import read_table

COORDINATES = [f"{angle}_{side}" for angle in ("hip_flexion", "knee_angle", "ankle_angle") for side in "rl"]


def ranges(motion: Path) -> dict[str, str]:
    """Lowest and highest value in degrees of the coordinates in a motion that trcaugment has written."""
    table = read_table(motion)
    columns = {name: table.values[:, table.labels.index(name)] for name in COORDINATES}
    return {name: f"{values.min():.1f} to {values.max():.1f}" for name, values in columns.items()}


def main(arguments: list[str] | None = None) -> None:
    """Convert the cohort, then collect the angles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args(arguments)
    batch = [sys.executable, "-m", "trcaugment", "batch", str(given.cohort), "-o", str(given.output), "--ik", "--quiet"]
    exit_code = subprocess.run(batch).returncode  # 1: some trial failed, and the report says why; the others are there
    if exit_code > 1:
        raise SystemExit(exit_code)
    with (given.output / "ranges.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, ["motion", *COORDINATES])
        table.writeheader()
        for motion in sorted(given.output.rglob("*.mot")):
            table.writerow({"motion": motion.relative_to(given.output).as_posix(), **ranges(motion)})
    print(f"{given.output / 'ranges.csv'}, and why trials failed in {given.output / 'batch_report.csv'}")


if __name__ == "__main__":
    main()
