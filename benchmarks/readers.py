"""What else reads the numbers of a TRC file, for the table of `benchmarks/speed.py files`.

pandas and polars are in no environment of this project: pip install --target FOLDER pandas polars, and add the folder
to PYTHONPATH.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


def readers(path: Path) -> dict[str, Callable[[], object]]:
    """What else reads a TRC's numbers, on one thread; says what is not installed."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    found: dict[str, Callable[[], object]] = {}
    for name in ("pandas", "polars", "opensim"):
        if not find_spec(name):
            print(f"({name} is not installed: no row)")
            continue
        package = import_module(name)
        if name == "opensim":
            package.Logger.setLevelString("off")
            found["opensim.TimeSeriesTableVec3"] = lambda of=package: of.TimeSeriesTableVec3(str(path))
        elif name == "polars":
            found["polars.read_csv"] = lambda of=package: of.read_csv(
                path, separator="\t", skip_rows=5, has_header=False
            )
        else:
            found["pandas.read_csv"] = lambda of=package: of.read_csv(path, sep="\t", skiprows=5, header=None)
    return found
