"""The moving bodies of a page as its script reads them: packed positions, segments, floor, and the way up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, compress
from typing import Literal

import msgspec
import numpy as np
from scipy.ndimage import uniform_filter1d

from trcaugment.chain.signals import BoolArray, Span
from trcaugment.chain.vertical import Axis, find_up, turn_to_y_up
from trcaugment.errors import MarkersError
from trcaugment.marker_sets import Side
from trcaugment.markers import FloatArray, Markers
from trcaugment.pages.bones import bones, identify, is_keypoint, sides
from trcaugment.pages.packing import Packed, pack, pack_millimeters

Role = Literal["keypoints", "predicted", "other", "model"]
_MOST_BYTES = 10_000_000  # of positions in a page; longer trials show every second frame, or every third, ...
_PATH_S = 1.0  # the camera follows the body's way, smoothed over this time
_SAME_TIME_S = 1e-4
_LEAST_WIDTH_M = 0.05
_WIDTHS = (
    *(("RHip", "LHip"), ("RShoulder", "LShoulder"), ("r.ASIS_study", "L.ASIS_study"), ("RHJC_study", "LHJC_study")),
    ("r_shoulder_study", "L_shoulder_study"),
)


@dataclass(frozen=True, eq=False)
class Layer:
    """Markers that are shown together.

    Attributes:
        label: what they are, for the legend.
        role: decides their shape.
        markers: their trajectories.
        panel: 0 for what belongs to the first file, 1 for the other.
        segments: pairs of indices that are joined by lines; None to find them by the names.
        spread_mm: how far each marker may be off, (n_frames, n_markers), NaN where unknown; None if nothing is known.
    """

    label: str
    role: Role
    markers: Markers
    panel: int = 0
    segments: Sequence[tuple[int, int]] | None = None
    spread_mm: FloatArray | None = None


class Body(msgspec.Struct, frozen=True):
    """A layer in the page; the sides of its markers decide their colours."""

    label: str
    role: Role
    panel: int
    names: tuple[str, ...]
    sides: list[Side]
    bones: list[tuple[int, int]]
    positions: Packed
    spread_mm: str | None


class Pairing(msgspec.Struct, frozen=True):
    """Markers of two bodies that are the same landmark, and how far apart they are.

    Attributes:
        bodies: indices of the two.
        pairs: index of the marker in each.
        mean_mm: mean distance over all frames and pairs, None if they are never seen together.
        per_marker_mm: of each pair; None likewise.
    """

    bodies: tuple[int, int]
    pairs: list[tuple[int, int]]
    mean_mm: float | None
    per_marker_mm: list[float | None]


class Scene(msgspec.Struct, frozen=True):
    """All that the script needs.

    Attributes:
        time_s: of every frame, (n_frames,).
        every: 1 if all frames of the file are shown, 2 if every second one is, ...
        bodies: the layers.
        pairings: distances between files.
        turn: rows are the axes right-handed with Y up in those of the file, (3, 3).
        up: the file's axis that points up; None if it cannot be known, and Y is taken.
        heading_rad: where the person looks, from X to Z; 0 if it is not known.
        path: the body's middle in every frame, smoothed, in axes with Y up, (n_frames, 3).
        radius_m: of a ball around the middle that holds the body.
        width_m: the same of an upright cylinder.
        floor_m: height of the lowest points.
        bands: frames to mark on the time line: kind, title and spans.
    """

    time_s: list[float]
    every: int
    bodies: list[Body]
    pairings: list[Pairing]
    turn: list[list[float]]
    up: str | None
    heading_rad: float
    path: list[list[float]]
    radius_m: float
    width_m: float
    floor_m: float
    bands: list[tuple[str, str, list[Span]]]


def make_scene(layers: Sequence[Layer], up: Axis | None, bands: list[tuple[str, str, list[Span]]]) -> Scene:
    """Put layers into a scene. The frames are those of the first; the others are interpolated to them.

    Args:
        layers: the first one's file is the trial that is shown.
        up: the axis that points up in all of them; None to find it.
        bands: kind, title and spans of frames of the first layer.

    Raises:
        MarkersError: there is no position in the first layer, or another layer is at another time.
    """
    first = layers[0].markers
    if not np.isfinite(first.positions).any():
        raise MarkersError(f"{layers[0].label}: expected positions to show, found none in any frame")
    known_up = up or find_up(_own_names(first.names), first.positions).axis
    placed = [at_times(each.markers, first.time_s, each.label) for each in layers]
    every = _every(placed)
    turned = [turn_to_y_up(each, known_up or "y") for each in placed]
    path, radius_m, width_m = _path_and_size(turned[0])
    points = np.concatenate([each.positions[:, :, 1] for each in turned], axis=1)
    axes = Markers(("x", "y", "z"), np.eye(3)[None], np.zeros(1))
    turn = turn_to_y_up(axes, known_up or "y").positions[0].T
    return Scene(
        time_s=[round(t, 6) for t in first.time_s[::every].tolist()],
        every=every,
        bodies=[_body(layer, markers, every) for layer, markers in zip(layers, placed, strict=True)],
        pairings=find_pairings(layers, placed),
        turn=turn.tolist(),
        up=known_up,
        heading_rad=_heading(turned[0]),
        path=[[round(x, 3) for x in place] for place in path[::every].tolist()],
        radius_m=round(radius_m, 3),
        width_m=round(width_m, 3),
        floor_m=round(_lowest(points), 3),
        bands=[(kind, title, _every_frame(spans, every)) for kind, title, spans in bands],
    )


def at_times(markers: Markers, time_s: FloatArray, label: str) -> Markers:
    """Positions at other time stamps by linear interpolation; missing where a neighbouring sample is missing.

    Raises:
        MarkersError: the times do not overlap.
    """
    own_s = markers.time_s
    if len(own_s) == len(time_s) and np.allclose(own_s, time_s, rtol=0, atol=_SAME_TIME_S):
        return Markers(markers.names, markers.positions, time_s, markers.unit)
    if own_s[-1] < time_s[0] or own_s[0] > time_s[-1]:
        raise MarkersError(
            f"{label}: expected a trial of the same time, {time_s[0]:.4g} to {time_s[-1]:.4g} s, found "
            f"{own_s[0]:.4g} to {own_s[-1]:.4g} s; give both the same clock"
        )
    positions = np.full((len(time_s), len(markers.names), 3), np.nan)
    for k, own in enumerate(markers.positions.transpose(1, 0, 2)):
        seen = np.isfinite(own).all(axis=1)
        if seen.any():
            between = np.stack([np.interp(time_s, own_s[seen], axis) for axis in own[seen].T], axis=1)
            known = np.interp(time_s, own_s, seen.astype(np.float64), left=0, right=0) > 1 - 1e-6
            positions[known, k] = between[known]
    return Markers(markers.names, positions, time_s, markers.unit)


def find_pairings(layers: Sequence[Layer], placed: Sequence[Markers]) -> list[Pairing]:
    """Of every two layers of different files, the markers that are the same landmark, if there are any."""
    found = []
    for first, second in combinations(range(len(layers)), 2):
        if layers[first].panel == layers[second].panel:
            continue
        own = [{name: k for k, name in enumerate(_own_names(placed[n].names))} for n in (first, second)]
        pairs = [(k, own[1][name]) for name, k in own[0].items() if name in own[1]]
        if pairs:
            ends = [placed[n].positions[:, [pair[side] for pair in pairs]] for side, n in enumerate((first, second))]
            distance_mm = 1000 * np.linalg.norm(ends[0] - ends[1], axis=2)
            each = [_mean(column) for column in distance_mm.T]
            found.append(Pairing((first, second), pairs, _mean(distance_mm), each))
    return found


def split_by_kind(markers: Markers) -> tuple[Markers | None, Markers | None]:
    """The keypoints of a file, and its other markers; None where there are none."""
    keypoint = np.array([is_keypoint(mark) for mark in identify(markers.names)])
    return _columns(markers, keypoint), _columns(markers, ~keypoint)


def _columns(markers: Markers, chosen: BoolArray) -> Markers | None:
    if not chosen.any():
        return None
    names = tuple(compress(markers.names, chosen.tolist()))
    return Markers(names, markers.positions[:, chosen], markers.time_s, markers.unit)


def _own_names(names: Sequence[str]) -> list[str]:
    """The landmarks' own names where they are known."""
    return [name if mark is None else mark.name for name, mark in zip(names, identify(names), strict=True)]


def _body(layer: Layer, markers: Markers, every: int) -> Body:
    spread_mm = None if layer.spread_mm is None else pack_millimeters(layer.spread_mm[::every])
    segments = bones(markers.names) if layer.segments is None else list(layer.segments)
    positions = pack(markers.positions[::every])
    own = sides(markers.names)
    return Body(layer.label, layer.role, layer.panel, markers.names, own, segments, positions, spread_mm)


def _every(placed: Sequence[Markers]) -> int:
    """Show every n-th frame, so that the page stays small enough to open."""
    n_bytes = sum(each.positions.size * 2 * 4 / 3 for each in placed)
    return max(1, math.ceil(n_bytes / _MOST_BYTES))


def _path_and_size(markers: Markers) -> tuple[FloatArray, float, float]:
    """The smoothed way of the middle, (n_frames, 3), how far its markers are from it, and how far to the side."""
    seen = np.asarray(np.isfinite(markers.positions).all(axis=2)).any(axis=1)
    middle = np.nanmedian(markers.positions[seen], axis=1)
    away = markers.positions[seen] - middle[:, None]
    far, aside = np.linalg.norm(away, axis=2), np.hypot(away[:, :, 0], away[:, :, 2])
    frames = np.arange(markers.n_frames)
    path = np.stack([np.interp(frames, frames[seen], axis) for axis in middle.T], axis=1)
    size = max(1, round(_PATH_S * markers.rate_hz)) if markers.n_frames > 1 else 1
    smoothed = uniform_filter1d(path, size, axis=0, mode="nearest")
    radius_m, width_m = (max(0.1, float(np.nanquantile(each, 0.98))) for each in (far, aside))  # but for outliers
    return smoothed, radius_m, width_m


def _heading(markers: Markers) -> float:
    """The direction in which the person looks: from X towards Z, in rad; median over the trial."""
    names = _own_names(markers.names)
    pairs = [(names.index(right), names.index(left)) for right, left in _WIDTHS if {right, left} <= set(names)]
    across = np.array([markers.positions[:, right] - markers.positions[:, left] for right, left in pairs])
    seen = np.isfinite(across).all(axis=2).any(axis=0) if pairs else np.zeros(1, dtype=bool)
    if not seen.any():
        return 0.0
    right = np.median(np.nanmedian(across[:, seen], axis=0), axis=0)
    if not np.hypot(right[0], right[2]) > _LEAST_WIDTH_M:  # lying on the side, or unknown
        return 0.0
    return round(math.atan2(-right[0], right[2]), 3)  # forward is up × right


def _lowest(heights_m: FloatArray) -> float:
    """Height of the floor: of the lowest points, but for outliers."""
    lowest = np.nanmin(heights_m[np.isfinite(heights_m).any(axis=1)], axis=1)
    return float(np.quantile(lowest, 0.02))


def _every_frame(spans: Sequence[Span], every: int) -> list[Span]:
    """Spans among every n-th frame."""
    return [(start // every, math.ceil(stop / every)) for start, stop in spans]


def _mean(distances: FloatArray) -> float | None:
    seen = distances[np.isfinite(distances)]
    return round(float(seen.mean()), 2) if len(seen) else None
