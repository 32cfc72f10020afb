"""Normalization: invertible transforms between the lab and the body frame of each window.

Every window gets one origin per frame, one rotation and one length unit (the subject's height). The origin is the
midpoint of the hips, smoothed by a parabola over the window: it follows walking and jumping, but not the noise of the
two hip keypoints, which would otherwise be added to all keypoints and all predicted markers. The rotation turns the
window's mean hip-to-neck axis to Y and its mean left-to-right axis to +Z as far as that is perpendicular to Y. So the
network sees neither heading nor the lab's up axis, nor whether the person stands or lies.

Arrays keep the precision of the keypoints: 64 bits in prediction, 32 in training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trcaugment.marker_sets import TRUNK, MarkerSet
from trcaugment.markers import FloatArray

Array = NDArray[Any]  # float32 or float64

_NECK, _R_SHOULDER, _L_SHOULDER, _R_HIP, _L_HIP = range(len(TRUNK))  # every input set begins with these
_ORIGIN_DEGREE = 2
_SHORTEST_AXIS_M = 1e-4  # a shorter axis has no meaningful direction


@dataclass(frozen=True, eq=False)
class BodyFrame:
    """Position, rotation and length unit of every window's body frame in the lab.

    Attributes:
        origin: origin of every frame in m, (n_windows, n_frames, 3).
        rotation: rotation from lab to body axes, (n_windows, 3, 3).
        height_m: length unit of every window in m, (n_windows,).
    """

    origin: Array
    rotation: Array
    height_m: Array


def body_frame(keypoints: Array, height_m: Array) -> BodyFrame:
    """Body frame of windows of keypoints in m, (n_windows, n_frames, n_keypoints, 3), of one of `INPUT_SETS`.

    The rotation is NaN where it is undefined: if hips and neck, or left and right, coincide.
    """
    mid_hip = (keypoints[:, :, _R_HIP] + keypoints[:, :, _L_HIP]) / 2
    origin = _parabola_fit(keypoints.shape[1]).astype(keypoints.dtype) @ mid_hip
    up = (keypoints[:, :, _NECK] - mid_hip).mean(axis=1)
    left_to_right = (
        keypoints[:, :, _R_HIP] - keypoints[:, :, _L_HIP] + keypoints[:, :, _R_SHOULDER] - keypoints[:, :, _L_SHOULDER]
    ).mean(axis=1)
    y = _unit(up)
    z = _unit(left_to_right - (left_to_right * y).sum(axis=-1, keepdims=True) * y)
    rotation = np.stack([np.cross(y, z), y, z], axis=1)
    return BodyFrame(origin, rotation, height_m)


def to_body(points: Array, frame: BodyFrame) -> Array:
    """Convert points in m in the lab to multiples of height in the body frame, (n_windows, n_frames, n_points, 3)."""
    turned = _times(points - frame.origin[:, :, None], frame.rotation.transpose(0, 2, 1))
    turned /= frame.height_m[:, None, None, None]
    return turned


def to_lab(points: Array, frame: BodyFrame) -> Array:
    """Convert points back from the body frame to m in the lab: the inverse of `to_body`."""
    turned = _times(points * frame.height_m[:, None, None, None], frame.rotation)
    turned += frame.origin[:, :, None]
    return turned


def make_features(keypoints: Array, frame: BodyFrame, mass_kg: Array) -> Array:
    """Network input of windows of keypoints in m, (n_windows, n_frames, n_keypoints, 3).

    Returns:
        x, y, z of every keypoint in the body frame, height in m and mass in kg, (n_windows, n_frames, n_features).
    """
    n_windows, n_frames = keypoints.shape[:2]
    coordinates = to_body(keypoints, frame).reshape(n_windows, n_frames, -1)
    person = np.stack([frame.height_m, mass_kg], axis=-1)[:, None].astype(coordinates.dtype)
    return np.concatenate([coordinates, np.broadcast_to(person, (n_windows, n_frames, 2))], axis=-1)


def mirror(coordinates: Array, markers: MarkerSet) -> Array:
    """Coordinates in the body frame with left and right exchanged.

    Args:
        coordinates: x, y, z of every point, then further features, which are kept, (n_windows, n_frames, n_features).
        markers: marker set of the points.
    """
    order, signs = _mirror_image(markers, coordinates.shape[-1])
    mirrored = coordinates.take(order, axis=-1)
    mirrored *= signs
    return mirrored


@cache
def _mirror_image(markers: MarkerSet, n_features: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which feature each one of the mirror image is, and its sign, both (n_features,)."""
    order, signs, n = np.arange(n_features), np.ones(n_features, dtype=np.float32), 3 * len(markers)
    order[:n] = order[:n].reshape(-1, 3)[markers.mirror_order].ravel()
    signs[2:n:3] = -1
    return order, signs


def _times(points: Array, matrices: Array) -> Array:
    """Each window's points, (n_windows, n_frames, n_points, 3), times its matrix, (n_windows, 3, 3)."""
    flat = points.reshape(len(points), -1, 3) @ matrices
    return flat.reshape(points.shape)


def _unit(axis_m: Array) -> Array:
    """Unit vectors of axes in m, (n, 3); NaN for axes shorter than 0.1 mm."""
    length = np.linalg.norm(axis_m, axis=-1, keepdims=True)
    return np.asarray(axis_m / np.where(length > _SHORTEST_AXIS_M, length, np.nan), dtype=axis_m.dtype)


@cache
def _parabola_fit(n_frames: int) -> FloatArray:
    """Matrix that maps n_frames values to their least-squares parabola, (n_frames, n_frames)."""
    time = np.linspace(-1, 1, n_frames)
    powers = np.stack([time**k for k in range(min(_ORIGIN_DEGREE, n_frames - 1) + 1)], axis=1)
    return powers @ np.linalg.pinv(powers)
