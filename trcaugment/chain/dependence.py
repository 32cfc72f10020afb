"""Which markers need which keypoints, as measured: a marker is left out where keypoints that it needs are missing.

`dependence.csv` holds, in mm, how much error each marker gains when keypoints are filled in instead of seen, for every
combination of missing keypoints of the trunk or of the right leg (`benchmarks/missing.py --write`;
docs/explanation/missing-keypoints.md).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.markers import FloatArray

_FOOT = ("Heel", "SmallToe", "BigToe")
_OF_FOOT = ("ankle", "mankle", "calc", "toe", "5meta")
# Combinations were measured within a region; errors of several regions are added as independent ones.
REGIONS = (
    ("Neck", "RShoulder", "LShoulder", "RHip", "LHip"),
    *(tuple(side + part for part in ("Knee", "Ankle", *_FOOT)) for side in "RL"),
)
# With all keypoints seen, the markers' error is 20 mm; 15 mm more, independent of it, make 25 mm.
MOST_ADDED_MM = 15.0

_Missing = frozenset[str]


def lost_markers(missing: BoolArray, never: BoolArray, outputs: Sequence[str]) -> BoolArray:
    """Which markers cannot be predicted, (n_frames, n_markers).

    Args:
        missing: keypoints that are filled in, (n_frames, 15).
        never: keypoints that are missing in nearly all of the trial, (15,).
        outputs: names of the markers.
    """
    added_mm, which = _of_patterns(missing, never, outputs)
    return np.asarray((added_mm > MOST_ADDED_MM)[which])


def added_errors_m(missing: BoolArray, never: BoolArray, outputs: Sequence[str]) -> FloatArray:
    """Root mean square error that each marker gains by filled keypoints, in m, (n_frames, n_markers).

    Infinite for a marker that cannot be predicted without them whatever its error. Arguments as for `lost_markers`.
    """
    added_mm, which = _of_patterns(missing, never, outputs)
    return np.asarray(added_mm[which] / 1000)


def _of_patterns(missing: BoolArray, never: BoolArray, outputs: Sequence[str]) -> tuple[FloatArray, NDArray[np.intp]]:
    """Added errors in mm for each pattern of missing keypoints, (n_patterns, n_markers), and each frame's pattern."""
    if not missing.any():
        return np.zeros((1, len(outputs))), np.zeros(len(missing), dtype=np.intp)
    codes = np.packbits(missing, axis=1).view(np.uint16)[:, 0]  # 15 keypoints fill two bytes
    _, firsts, which = np.unique(codes, return_index=True, return_inverse=True)
    return np.array([_added_mm(missing[k], never, tuple(outputs)) for k in firsts]), which


def _added_mm(missing: BoolArray, never: BoolArray, outputs: tuple[str, ...]) -> list[float]:
    """`added_errors_m` for one frame in mm: (15,) and (15,) to (n_markers,)."""
    gone, unseen = (frozenset(np.compress(each, KEYPOINTS.names).tolist()) for each in (missing, missing & never))
    parts = [part for region in REGIONS if (part := gone.intersection(region))]
    tables = [_table()[part, "never" if part & unseen else "elsewhere"] for part in parts]
    # Without any keypoint of a foot, its markers would give the ankle angles of the filled-in foot.
    footless = {side for side in ("right", "left") if gone.issuperset(KEYPOINTS.named(part, side) for part in _FOOT)}
    without_foot = {
        mark.name for mark in ANATOMICAL_MARKERS.landmarks if mark.part in _OF_FOOT and mark.side in footless
    }
    # A marker that is not in the table is lost if any keypoint is missing.
    added_mm = {name: np.hypot.reduce([each.get(name, np.inf) for each in tables], initial=0.0) for name in outputs}
    return [np.inf if name in without_foot else float(added_mm[name]) for name in outputs]


@cache
def _table() -> dict[tuple[_Missing, str], dict[str, float]]:
    """(Missing keypoints of one region, "elsewhere" or "never" seen in the trial) -> marker -> added error in mm."""
    table = {}
    with Path(__file__).with_name("dependence.csv").open(encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            names, seen = row.pop("missing").split(), row.pop("seen")
            added_mm = {name: float(value) for name, value in row.items()}
            table[frozenset(names), seen] = added_mm
            if not set(names) <= set(REGIONS[0]):
                other_side = frozenset(KEYPOINTS[name].partner for name in names)
                table[other_side, seen] = {ANATOMICAL_MARKERS[name].partner: mm for name, mm in added_mm.items()}
    return table
