"""Numbers of a trial for its report: segment lengths, speeds, and how much markers shake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trcaugment.chain.noise import white_noise
from trcaugment.markers import FloatArray, Markers

# Segment -> the markers at its ends on one side, R and L standing for the sides' prefixes; an end is their mean.
_SEGMENTS = {
    "thigh": (("{S}HJC_study",), ("{s}_knee_study", "{s}_mknee_study")),
    "shank": (("{s}_knee_study", "{s}_mknee_study"), ("{s}_ankle_study", "{s}_mankle_study")),
    "foot": (("{s}_calc_study",), ("{s}_toe_study",)),
}
_MIDDLE = {
    "pelvis width": (("r.ASIS_study",), ("L.ASIS_study",)),
    "shoulder width": (("r_shoulder_study",), ("L_shoulder_study",)),
    "trunk": (("r.PSIS_study", "L.PSIS_study"), ("C7_study",)),
}


class Motion(NamedTuple):
    """How a marker moves.

    Attributes:
        name: the marker.
        known: share of frames in which it is known.
        mean_speed: in m/s; NaN if it is never known in two frames running.
        max_speed: likewise.
        shake_mm: standard deviation of its white noise along an axis, as at 60 Hz; NaN if too few frames tell.
    """

    name: str
    known: float
    mean_speed: float
    max_speed: float
    shake_mm: float


def lengths(markers: Markers) -> dict[str, dict[str, FloatArray]]:
    """Lengths of segments in m over time: segment -> side ("right", "left", or "" in the middle) -> (n_frames,)."""
    found: dict[str, dict[str, FloatArray]] = {}
    for name, ends in _SEGMENTS.items():
        for side, prefix in (("right", "r"), ("left", "L")):
            own = [[each.format(s=prefix, S=prefix.upper()) for each in end] for end in ends]
            found.setdefault(name, {}).update(_length(markers, own, side))
    for name, ends in _MIDDLE.items():
        found[name] = _length(markers, ends, "")
    return {name: sides for name, sides in found.items() if sides}


def _length(markers: Markers, ends: Sequence[Sequence[str]], side: str) -> dict[str, FloatArray]:
    if not {name for end in ends for name in end} <= set(markers.names):
        return {}
    first, last = (markers.select(end).mean(axis=1) for end in ends)
    return {side: np.asarray(np.linalg.norm(last - first, axis=1))}


def speeds(markers: Markers) -> FloatArray:
    """Speed of every marker between each frame and the next, in m/s, (n_frames - 1, n_markers)."""
    moved = np.linalg.norm(np.diff(markers.positions, axis=0), axis=2)
    return np.asarray(moved / np.diff(markers.time_s)[:, None])


def motions(markers: Markers) -> list[Motion]:
    """How every marker moves; its shake is the white noise by which keypoints are smoothed (`chain.noise`)."""
    speed = speeds(markers)
    known = np.isfinite(markers.positions).all(axis=2).mean(axis=0)
    noise_mm = 1000 * white_noise(markers.positions, markers.rate_hz) if markers.n_frames > 1 else np.zeros(len(known))
    shake_mm = np.where(noise_mm > 0, noise_mm, np.nan)
    return [
        Motion(name, float(known[k]), *_mean_and_max(speed[:, k]), float(shake_mm[k]))
        for k, name in enumerate(markers.names)
    ]


def over_markers(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and largest of the markers that are known in each frame, (n_frames,) each, from (n_frames, n_markers)."""
    seen = np.isfinite(values).any(axis=1)
    middle, most = np.full((2, len(values)), np.nan)
    middle[seen], most[seen] = np.nanmedian(values[seen], axis=1), np.nanmax(values[seen], axis=1)
    return middle, most


def _mean_and_max(values: FloatArray) -> tuple[float, float]:
    seen = values[np.isfinite(values)]
    return (float(seen.mean()), float(seen.max())) if len(seen) else (float("nan"), float("nan"))
