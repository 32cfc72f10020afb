"""The frame of every marker's segment, defined by the markers themselves: forward, up and outward.

On the midline outward means to the right. What is constant in these frames moves and turns with the segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trcaugment.marker_sets import LANDMARKS, SIDES, Side
from trcaugment.markers import FloatArray

SEGMENTS = {
    "pelvis": ("ASIS", "PSIS", "HJC"),
    "trunk": ("C7", "shoulder"),
    "thigh": ("knee", "mknee", "thigh1", "thigh2", "thigh3"),
    "shank": ("ankle", "mankle", "sh1", "sh2", "sh3"),
    "foot": ("calc", "toe", "5meta"),
    "upper arm": ("lelbow", "melbow"),
    "forearm": ("lwrist", "mwrist"),
}
_SEGMENT_OF = {part: segment for segment, parts in SEGMENTS.items() for part in parts}
# Limbs: the ends of the long axis, distal first, each the middle of some parts, and the axis from medial to lateral.
_LIMBS = {
    "thigh": (("knee", "mknee"), ("HJC",), ("mknee", "knee")),
    "shank": (("ankle", "mankle"), ("knee", "mknee"), ("mankle", "ankle")),
    "upper arm": (("lelbow", "melbow"), ("shoulder",), ("melbow", "lelbow")),
    "forearm": (("lwrist", "mwrist"), ("lelbow", "melbow"), ("mwrist", "lwrist")),
}
_LEG = ("thigh", "shank", "foot")
_NO_LENGTH_M = 1e-12


def segment_axes(points: FloatArray, names: Sequence[str]) -> FloatArray:
    """Forward, up and outward axis of every marker's segment, as rows, (..., n_markers, 3, 3).

    NaN where a marker that defines the segment's frame is missing.

    Args:
        points: positions of anatomical and arm markers in m, (..., n_markers, 3).
        names: their names.
    """
    place = {name: points[..., k, :] for k, name in enumerate(names)}
    at = {side: _on_side(place, side, points) for side in SIDES}
    frames: dict[tuple[str, Side], FloatArray] = {}
    axes = np.empty((*points.shape, 3))
    for k, name in enumerate(names):
        mark = LANDMARKS[name]
        segment, side = _SEGMENT_OF[mark.part], mark.side
        midline = segment in ("pelvis", "trunk")
        key = (segment, "middle" if midline else side)
        if key not in frames:
            frames[key] = _midline_frame(segment, at) if midline else _limb_frame(segment, at[side], side)
        axes[..., k, :, :] = frames[key] * np.array([[1.0], [1.0], [-1.0 if side == "left" else 1.0]])
    return axes


def knee_bends(points: FloatArray, names: Sequence[str]) -> FloatArray:
    """Angle in degrees between thigh and shank, 0 for a straight knee, of each marker of a leg, (..., n_markers).

    Zero for markers of pelvis, trunk and arms, NaN where a marker that defines the angle is missing.

    Args:
        points: positions of anatomical and arm markers in m, (..., n_markers, 3).
        names: their names.
    """
    place = {name: points[..., k, :] for k, name in enumerate(names)}
    bends = np.zeros(points.shape[:-1])
    for side in SIDES:
        at = _on_side(place, side, points)
        knee, ankle = (
            np.mean([at[part] for part in parts], axis=0) for parts in (("knee", "mknee"), ("ankle", "mankle"))
        )
        cosine = (_unit(knee - at["HJC"]) * _unit(ankle - knee)).sum(axis=-1)
        bend_deg = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
        for k, name in enumerate(names):
            if LANDMARKS[name].side == side and _SEGMENT_OF[LANDMARKS[name].part] in _LEG:
                bends[..., k] = bend_deg
    return bends


def _on_side(place: Mapping[str, FloatArray], side: Side, like: FloatArray) -> dict[str, FloatArray]:
    """Positions of the markers of one side, by part, (..., 3); NaN for those that are not there."""
    nowhere = np.full((*like.shape[:-2], 3), np.nan)
    return {
        mark.part: place.get(mark.name, nowhere)
        for mark in LANDMARKS.values()
        if mark.side == side and mark.part in _SEGMENT_OF
    }


def _midline_frame(segment: str, at: Mapping[Side, Mapping[str, FloatArray]]) -> FloatArray:
    """Frame of the pelvis or the trunk, (..., 3, 3): forward, up, right."""
    right, left = at["right"], at["left"]
    middle = {part: (right[part] + left[part]) / 2 for part in right}
    across = {part: right[part] - left[part] for part in right}
    if segment == "trunk":
        upward, sideways = _orthogonal_pair(middle["shoulder"] - middle["HJC"], across["shoulder"])
        return np.stack([np.cross(upward, sideways), upward, sideways], axis=-2)
    sideways, forward = _orthogonal_pair(across["ASIS"] + across["HJC"], middle["ASIS"] - middle["PSIS"])
    return np.stack([forward, np.cross(sideways, forward), sideways], axis=-2)


def _limb_frame(segment: str, at: Mapping[str, FloatArray], side: Side) -> FloatArray:
    """Frame of a segment of one limb, (..., 3, 3): forward, up, right."""
    outward = -1.0 if side == "left" else 1.0
    if segment == "foot":
        ahead = (at["toe"] + at["5meta"]) / 2 - at["calc"]
        forward, sideways = _orthogonal_pair(ahead, outward * (at["5meta"] - at["toe"]))
        return np.stack([forward, np.cross(sideways, forward), sideways], axis=-2)
    distal, proximal, (medial, lateral) = _LIMBS[segment]
    ends = [np.mean([at[part] for part in parts], axis=0) for parts in (distal, proximal)]
    upward, sideways = _orthogonal_pair(ends[1] - ends[0], outward * (at[lateral] - at[medial]))
    return np.stack([np.cross(upward, sideways), upward, sideways], axis=-2)


def _orthogonal_pair(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit vectors along `first` and along the part of `second` that is perpendicular to it, (..., 3)."""
    kept = _unit(first)
    return kept, _unit(second - (second * kept).sum(axis=-1, keepdims=True) * kept)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, _NO_LENGTH_M))
