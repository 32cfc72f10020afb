"""Puts feet on the floor: moves the pelvis so that the standing foot stays in place, and keeps the heels apart."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.skeleton import BODIES, COORDINATE_INDEX, GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.marker_sets import KEYPOINTS, SIDES
from trcaugment.markers import FloatArray

_GROUND_POINTS = [POINT_INDEX[KEYPOINTS.named(part, side)] for side in SIDES for part in ("Heel", "SmallToe", "BigToe")]
_HEELS = [0, 3]  # among the ground points
_ADDUCTION = [COORDINATE_INDEX[f"hip_adduction_{side}"] for side in "rl"]
_PROBE_RAD = 0.02
_MOST_RAD = 0.2  # largest change of hip adduction


@cache
def _generic_body() -> BodySizes:
    one = torch.ones(1, dtype=torch.float64)
    scale = torch.ones(1, len(BODIES), 3, dtype=torch.float64)
    return BodySizes.from_scale(scale, one * GENERIC_HEIGHT_M, one * 75.0)


def _feet(motion: FloatArray) -> FloatArray:
    """Positions of the ground points in m with the pelvis at the origin, (n_frames, 6, 3)."""
    at_origin = motion.copy()
    at_origin[:, 3:6] = 0.0
    return np.asarray(forward_kinematics(_generic_body(), torch.from_numpy(at_origin)[None], _GROUND_POINTS)[0])


def plant_feet(motion: FloatArray) -> FloatArray:
    """Move the pelvis so that the lowest foot point stays in place on the ground, Y = 0, (n_frames, n_coordinates)."""
    planted = motion.copy()
    feet = _feet(motion)
    lowest = feet[..., 1].argmin(axis=1)
    speed = np.diff(feet, axis=0)[np.arange(len(feet) - 1), lowest[1:]]
    planted[0, [3, 5]] = 0.0
    planted[1:, [3, 5]] = -np.cumsum(speed[:, [0, 2]], axis=0)
    planted[:, 4] = -feet[..., 1].min(axis=1)
    planted[:, 3:6] = gaussian_filter1d(planted[:, 3:6], 2.0, axis=0, mode="nearest")
    return planted


def keep_apart(motion: FloatArray) -> FloatArray:
    """Change the adduction of both hips alike so that the heels keep their mean distance, (n_frames, n_coordinates).

    Without this, mean angles move the feet of a person of other proportions by a few centimeters.
    """
    kept = motion.copy()
    before = _heels_apart(kept)
    wanted = before.mean()
    for _ in range(2):  # steps of Newton's method
        moved = kept.copy()
        moved[:, _ADDUCTION] -= _PROBE_RAD
        apart = _heels_apart(kept)
        rise = (_heels_apart(moved) - apart) / _PROBE_RAD
        change = (wanted - apart) / np.maximum(rise, 0.3)  # at least 0.3 m per rad, as of a deeply bent leg
        kept[:, _ADDUCTION] -= change[:, None]
    change = np.clip(kept[:, _ADDUCTION] - motion[:, _ADDUCTION], -_MOST_RAD, _MOST_RAD)
    kept[:, _ADDUCTION] = motion[:, _ADDUCTION] + change
    return kept


def _heels_apart(motion: FloatArray) -> FloatArray:
    """Distance from the left to the right heel along the pelvis in m, (n_frames,)."""
    right, left = (_feet(motion)[:, k] for k in _HEELS)
    turn = motion[:, COORDINATE_INDEX["pelvis_rotation"]]
    return np.asarray((right - left)[:, 2] * np.cos(turn) + (right - left)[:, 0] * np.sin(turn))
