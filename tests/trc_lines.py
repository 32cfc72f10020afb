"""An ordinary TRC file, line by line, and what tests of the reader share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings

from trcaugment.markers import Markers

KEYS = "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames"
NAMES = ("Neck", "RHip", "LHip")
ROWS = [[0.1, 1.5, 0.2, 0.11, 1.0, 0.3, -0.12, 1.01, -0.25], [0.2, 1.6, 0.3, 0.21, 1.1, 0.4, -0.22, 1.11, -0.35]]
ROWS += [[0.3, 1.7, 0.4, 0.31, 1.2, 0.5, -0.32, 1.21, -0.45], [0.4, 1.8, 0.5, 0.41, 1.3, 0.6, -0.42, 1.31, -0.55]]

# The file is rewritten over and over in one folder: hypothesis runs many examples per test.
same_folder = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60
)


def good_lines() -> list[str]:
    """Lines of an ordinary file: line k of the file is item k - 1."""
    rows = ["\t".join([str(k), f"{k / 60:.4f}", *(f"{v:.4f}" for v in row)]) for k, row in enumerate(ROWS, 1)]
    head = ["PathFileType\t4\t(X/Y/Z)\twalk.trc", KEYS, f"60\t60\t{len(ROWS)}\t3\tm\t60\t1\t{len(ROWS)}"]
    return [*head, "Frame#\tTime\tNeck\t\t\tRHip\t\t\tLHip\t\t", "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3", "", *rows]


def write_lines(path: Path, lines: list[str], encoding: str = "utf-8", newline: str = "\n") -> Path:
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def assert_same(found: Markers, expected: Markers, tolerance_m: float = 1e-12) -> None:
    assert found.names == expected.names
    np.testing.assert_array_equal(found.time_s, expected.time_s)
    np.testing.assert_allclose(found.positions, expected.positions, rtol=0, atol=tolerance_m)
