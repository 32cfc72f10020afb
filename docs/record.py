"""Runs the command of a record in docs/numbers again and stores what it prints; tests compare the pages with it.

python docs/record.py NAME ...                      again
python docs/record.py NAME --command "COMMAND"      a new record

A record's first line is the command, run at the root of the repository; the second says when and with which version.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from trcaugment import __version__
from trcaugment.model.card import DEFAULT_MODEL

ROOT = Path(__file__).parents[1]


def record(name: str, command: str | None) -> None:
    """Run the command and write what it prints, if it succeeds."""
    path = ROOT / "docs" / "numbers" / f"{name}.txt"
    if command is None:
        command = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("$ ")
    environment = {**os.environ, "COLUMNS": "140", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}\nended with {done.returncode}:\n{done.stderr}")
    made = f"# {datetime.now(UTC):%Y-%m-%d}, trcaugment {__version__}, default model {DEFAULT_MODEL}"
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    path.write_text(f"$ {command}\n{made}\n{printed}\n", encoding="utf-8")


def main() -> None:
    """Record what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--command")
    arguments = parser.parse_args()
    for name in arguments.names:
        record(name, arguments.command)


if __name__ == "__main__":
    main()
