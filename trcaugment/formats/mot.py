"""OpenSim's motion files (`.mot`, `.sto`): a header, then a table of columns over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trcaugment.errors import MotionError
from trcaugment.markers import FloatArray


def read_table(path: Path) -> tuple[list[str], FloatArray, bool]:
    """Labels, values (n_frames, n_labels, time first) and whether angles are in degrees, of a `.mot` or `.sto` file.

    Raises:
        MotionError: not a motion file.
    """
    if path.exists() and not path.is_file():
        raise MotionError(f"{path}: expected a motion file, found a folder, pipe or device")  # may never end
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise MotionError(f"{path}: cannot be read ({error.strerror})") from error
    stripped = [line.strip().lower() for line in lines]
    if "endheader" not in stripped:
        raise MotionError(f"{path}: expected a line 'endheader' as in OpenSim motion files, found none")
    head = stripped.index("endheader")
    labels = lines[head + 1].split() if head + 1 < len(lines) else []
    try:
        table = np.array([line.split() for line in lines[head + 2 :] if line.strip()], dtype=np.float64)
    except ValueError as error:
        raise MotionError(
            f"{path}: expected numbers in {len(labels)} columns after line {head + 2} ({error})"
        ) from error
    if table.ndim != 2 or table.shape[1] != len(labels) or labels[0].lower() != "time":
        raise MotionError(f"{path}: expected a column 'time' and one value per label, found shape {table.shape}")
    # OpenSim's own files also explain inDegrees in a sentence.
    said = [line.replace(" ", "") for line in stripped[:head]]
    units = [line.removeprefix("indegrees=") for line in said if line.startswith("indegrees=")]
    if units not in (["yes"], ["no"]):
        raise MotionError(f"{path}: expected one header line inDegrees=yes or inDegrees=no, found {units or 'none'}")
    return labels, table, units == ["yes"]
