"""Which coordinates of a model the markers of a trial determine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from trcaugment.markers import FloatArray

_NOISE_M = 0.01  # of a marker on skin, and of predicted ones
_ANYWHERE = np.pi  # what is known of a coordinate without markers, as an SD in rad (or m)
_MOST_UNSURE = np.deg2rad(20)  # SD beyond which a value is no finding
_BENT = 0.6  # rad; with straight limbs an upper arm's or thigh's rotation would seem open that mostly is not
_STEP = 1e-4


def undetermined(model: Any, shown_by: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Coordinates that markers leave open: with 10 mm of noise in each, the value is unsure by more than 20 degrees.

    The uncertainty is that of linear least squares, inv(J'J / noise^2 + 1 / anywhere^2), with the Jacobian J of the
    markers in a posture with all joints bent. It counts what other coordinates could make up for: heel and toe place a
    foot, but leave the leg between hip and foot free to turn. Beyond an open coordinate, those that the same markers
    show are open too: they are known through it alone.

    Args:
        model: an `opensim.Model` with the markers; its default posture is not changed.
        shown_by: coordinate -> the markers that move with it; from the root of the model outwards.

    Returns:
        Those coordinates that have markers and are open.
    """
    markers = tuple(dict.fromkeys(name for names in shown_by.values() for name in names))
    shown = [coordinate for coordinate, names in shown_by.items() if names]
    if not shown:
        return ()
    jacobian = _jacobian(model, markers, shown)
    information = jacobian.T @ jacobian / _NOISE_M**2 + np.eye(len(shown)) / _ANYWHERE**2
    unsure = np.sqrt(np.diag(np.linalg.inv(information))) > _MOST_UNSURE
    found: list[str] = []
    for coordinate, is_unsure in zip(shown, unsure, strict=True):
        if is_unsure or any(set(shown_by[each]) == set(shown_by[coordinate]) for each in found):
            found.append(coordinate)
    return tuple(found)


def idle_markers(model: Any, shown_by: Mapping[str, Sequence[str]], left_open: Sequence[str]) -> tuple[str, ...]:
    """Markers beyond open coordinates without which no other coordinate is lost.

    Args:
        model: an `opensim.Model` with the markers.
        shown_by: coordinate -> the markers that move with it.
        left_open: those of the coordinates that `undetermined` finds.
    """
    idle: set[str] = set()
    lost = set(left_open) | {coordinate for coordinate, markers in shown_by.items() if not markers}
    for markers in {frozenset(shown_by[coordinate]) for coordinate in left_open}:
        gone = idle | markers
        rest = {each: tuple(m for m in names if m not in gone) for each, names in shown_by.items()}
        if {each for each, names in rest.items() if not names} | set(undetermined(model, rest)) <= lost:
            idle = gone
    return tuple(sorted(idle))


def _jacobian(model: Any, markers: Sequence[str], coordinates: Sequence[str]) -> FloatArray:
    """Change of all markers' positions, in m, with each coordinate, (3 n_markers, n_coordinates)."""
    state = model.initSystem()
    found = [model.getCoordinateSet().get(name) for name in coordinates]
    placed = [model.getMarkerSet().get(name) for name in markers]
    bent = [_bent(each) for each in found]

    def positions() -> FloatArray:
        model.realizePosition(state)
        return np.concatenate([each.getLocationInGround(state).to_numpy() for each in placed])

    def put(coordinate: Any, value: float) -> None:
        coordinate.setValue(state, value, False)

    for coordinate, value in zip(found, bent, strict=True):
        put(coordinate, value)
    columns: list[FloatArray] = []
    for coordinate, value in zip(found, bent, strict=True):
        put(coordinate, value + _STEP)
        ahead = positions()
        put(coordinate, value - _STEP)
        columns.append((ahead - positions()) / (2 * _STEP))
        put(coordinate, value)
    return np.stack(columns, axis=1)


def _bent(coordinate: Any) -> float:
    """A value a little away from the default, towards the middle of the range."""
    default, low, high = coordinate.getDefaultValue(), coordinate.getRangeMin(), coordinate.getRangeMax()
    if coordinate.getMotionType() != type(coordinate).Rotational:
        return float(default)
    return float(default + (_BENT if (low + high) / 2 >= default else -_BENT))
