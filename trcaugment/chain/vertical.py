"""Finds the vertical axis: the one along which the head is above the feet while the feet stand flat on a floor.

A lying body is as long as a standing one, along another axis, but its feet do not stand on a floor. Then the vertical
axis is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from trcaugment.chain.checks.findings import Finding
from trcaugment.chain.signals import medians
from trcaugment.errors import MarkersError
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray, Markers

Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
AXES: tuple[Axis, ...] = get_args(Axis)

# Cosine of the largest angle (37 degrees) between the vertical and the line from feet to neck in straight postures.
LEAST_UPRIGHT = 0.8
_STRAIGHTEST = 0.75  # quantile over the trial: people bend
# A standing foot is near the floor, and flat within 20 degrees, because heel and toe keypoints differ in height.
MOST_SLOPE = 0.35
NEAR_FLOOR_M = 0.08
_FLOOR = 0.05  # quantile of the lowest points
# Least share of frames in which a foot stands; with twice this share the confidence is full.
LEAST_STANDING = 0.3
# Names of upper points, and of heel and toe of each side: keypoints, OpenCap's markers and common lab markers.
_HEADS = ("Neck", "C7_study", "C7", "CLAV")
_FEET = (
    ("RHeel", "RBigToe"),
    ("LHeel", "LBigToe"),
    ("r_calc_study", "r_toe_study"),
    ("L_calc_study", "L_toe_study"),
    ("r_calc", "r_toe"),
    ("L_calc", "L_toe"),
    ("RHEE", "RTOE"),
    ("LHEE", "LTOE"),
    ("R.Heel", "R.Toe.Tip"),
    ("L.Heel", "L.Toe.Tip"),
)


@dataclass(frozen=True)
class Up:
    """The vertical of a trial.

    Attributes:
        axis: the axis that points up; None if it cannot be known.
        confidence: from 0 to 1; 0 if it cannot be known.
        reason: why it cannot be known; empty if it is known.
        rise_m: from the feet to the neck along Y, median of the trial, in m; 0 if it cannot be known.
    """

    axis: Axis | None
    confidence: float
    reason: str = ""
    rise_m: float = 0.0


def find_up(names: Sequence[str], positions: FloatArray) -> Up:
    """Find the axis that points up in a trial.

    Args:
        names: names of keypoints or of anatomical markers, (n_markers,).
        positions: their positions in m, (n_frames, n_markers, 3), NaN where missing.
    """
    place = {name: positions[:, k] for k, name in enumerate(names)}
    heads = [place[name] for name in _HEADS if name in place]
    feet = [(place[heel], place[toe]) for heel, toe in _FEET if heel in place and toe in place]
    if not heads or not feet:
        return Up(None, 0.0, "there is no neck, or there are no heels and toes")
    heels, toes = (np.stack([foot[end] for foot in feet], axis=1) for end in range(2))
    body = heads[0] - (heels + toes).mean(axis=1) / 2
    seen = np.isfinite(body.sum(axis=1))
    if not seen.any():
        return Up(None, 0.0, "no frame shows neck and feet")
    if not seen.all():
        body, heels, toes = body[seen], heels[seen], toes[seen]
    rise_m = float(medians(body[:, 1]))
    along = body / np.maximum(np.linalg.norm(body, axis=1, keepdims=True), np.finfo(float).tiny)
    straightest = np.quantile(np.concatenate([along, -along], axis=1), _STRAIGHTEST, axis=0)
    upright = {axis: float(straightest[k if sign > 0 else 3 + k]) for axis, (sign, k) in _DIRECTIONS.items()}
    axis = max(upright, key=lambda each: upright[each])
    if upright[axis] < LEAST_UPRIGHT:
        return Up(None, 0.0, "the body is along no axis", rise_m)
    standing = _share_standing(heels, toes, axis)
    if standing < LEAST_STANDING:
        return Up(None, 0.0, "the feet do not stand on a floor, as when lying", rise_m)
    return Up(axis, upright[axis] * min(1.0, standing / (2 * LEAST_STANDING)), rise_m=rise_m)


def _share_standing(heels: FloatArray, toes: FloatArray, axis: Axis) -> float:
    """Share of frames in which a foot stands flat on the lowest level, from (n_frames, n_feet, 3)."""
    heel_m, toe_m = (sign_of(axis) * ends[:, :, place_of(axis)] for ends in (heels, toes))
    lowest_m = np.minimum(heel_m, toe_m)
    floor_m = np.quantile(lowest_m.min(axis=1), _FLOOR)
    flat = np.abs(toe_m - heel_m) <= MOST_SLOPE * np.linalg.norm(toes - heels, axis=2)
    return float((flat & (lowest_m < floor_m + NEAR_FLOOR_M)).any(axis=1).mean())


def sign_of(axis: Axis) -> float:
    """1, or -1 if the axis points down."""
    return _DIRECTIONS[axis][0]


def place_of(axis: Axis) -> int:
    """Index of the axis: 0 for x, 1 for y, 2 for z."""
    return _DIRECTIONS[axis][1]


_DIRECTIONS: dict[Axis, tuple[float, int]] = {
    axis: (-1.0 if axis.startswith("-") else 1.0, "xyz".index(axis[-1])) for axis in AXES
}
# Rotation matrices (no reflections); rows are OpenSim's axes in those of the file.
_TO_Y_UP: dict[Axis, list[list[int]]] = {
    "x": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "-z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
}


def turn_to_y_up(markers: Markers, up: Axis) -> Markers:
    """Turn markers so that the given axis becomes OpenSim's Y."""
    if up == "y":
        return markers
    return replace(markers, positions=markers.positions @ np.array(_TO_Y_UP[up], dtype=np.float64).T)


def stand_up(markers: Markers) -> tuple[Markers, str]:
    """Turn markers to Y up if another axis points up; returns them and a note on it, empty if nothing was turned.

    Raises:
        MarkersError: the head is below the feet, and the vertical axis cannot be known.
    """
    up = find_up(markers.names, markers.positions)
    if up.axis not in (None, "y"):
        return turn_to_y_up(markers, up.axis), f"{up.axis} points up: turned to OpenSim's Y"
    if up.axis is None and up.rise_m < 0:
        raise MarkersError(
            f"expected the head above the feet, found it {-up.rise_m:.2f} m below along Y, and which way is up cannot "
            f"be known ({up.reason}); turn the file so that Y points up"
        )
    return markers, ""


def choose_up(positions: FloatArray, asked: Axis | Literal["auto"] | None) -> tuple[Axis | None, list[Finding]]:
    """The axis that becomes Y in the output (None: nothing is turned), and a finding if that looks wrong.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        asked: the axis that points up, "auto" to find it, None to turn nothing.
    """
    up = find_up(KEYPOINTS.names, positions)
    if asked == "auto" and up.axis is None:
        message = (
            f"expected to see which axis points up, found that it cannot be known ({up.reason}); nothing was turned"
        )
        return None, [Finding("vertical", message)]
    if asked == "auto":
        return up.axis, []
    stated, done = ("y", "nothing was turned") if asked is None else (asked, "turned as asked")
    if up.axis in (None, stated):
        return asked, []
    return asked, [
        Finding("vertical", f"expected {stated} to point up, found {up.axis}; {done}; is it --up={up.axis}?")
    ]
