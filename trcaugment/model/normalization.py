"""Normalization: invertible transforms between the lab and the body frame of each window, in torch.

Every window gets one origin per frame, one rotation and one length unit (the subject's height). The origin is the
midpoint of the hips, smoothed by a parabola over the window: it follows walking and jumping, but not the noise of the
two hip keypoints, which would otherwise be added to all keypoints and all predicted markers. The rotation turns the
window's mean hip-to-neck axis to Y and its mean left-to-right axis to +Z as far as that is perpendicular to Y. So the
network sees neither heading nor the lab's up axis, nor whether the person stands or lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from trcaugment.marker_sets import TRUNK, MarkerSet

_NECK, _R_SHOULDER, _L_SHOULDER, _R_HIP, _L_HIP = range(len(TRUNK))  # every input set begins with these
_ORIGIN_DEGREE = 2
_SHORTEST_AXIS_M = 1e-4  # a shorter axis has no meaningful direction


@dataclass(frozen=True)
class BodyFrame:
    """Position, rotation and length unit of every window's body frame in the lab.

    Attributes:
        origin: origin of every frame in m, (n_windows, n_frames, 3).
        rotation: rotation from lab to body axes, (n_windows, 3, 3).
        height_m: length unit of every window in m, (n_windows,).
    """

    origin: Tensor
    rotation: Tensor
    height_m: Tensor


def body_frame(keypoints: Tensor, height_m: Tensor) -> BodyFrame:
    """Body frame of windows of keypoints in m, (n_windows, n_frames, n_keypoints, 3), of one of `INPUT_SETS`.

    The rotation is NaN where it is undefined: if hips and neck, or left and right, coincide.
    """
    mid_hip = (keypoints[:, :, _R_HIP] + keypoints[:, :, _L_HIP]) / 2
    origin = _parabola_fit(keypoints.shape[1]).to(keypoints) @ mid_hip
    up = (keypoints[:, :, _NECK] - mid_hip).mean(dim=1)
    left_to_right = (
        keypoints[:, :, _R_HIP] - keypoints[:, :, _L_HIP] + keypoints[:, :, _R_SHOULDER] - keypoints[:, :, _L_SHOULDER]
    ).mean(dim=1)
    y = _unit(up)
    z = _unit(left_to_right - (left_to_right * y).sum(dim=-1, keepdim=True) * y)
    rotation = torch.stack([torch.linalg.cross(y, z), y, z], dim=1)
    return BodyFrame(origin, rotation, height_m)


def to_body(points: Tensor, frame: BodyFrame) -> Tensor:
    """Convert points in m in the lab to multiples of height in the body frame, (n_windows, n_frames, n_points, 3)."""
    centered = points - frame.origin.unsqueeze(2)
    return centered @ frame.rotation.transpose(1, 2).unsqueeze(1) / frame.height_m[:, None, None, None]


def to_lab(points: Tensor, frame: BodyFrame) -> Tensor:
    """Convert points back from the body frame to m in the lab: the inverse of `to_body`."""
    scaled = points * frame.height_m[:, None, None, None]
    return scaled @ frame.rotation.unsqueeze(1) + frame.origin.unsqueeze(2)


def make_features(keypoints: Tensor, frame: BodyFrame, mass_kg: Tensor) -> Tensor:
    """Network input of windows of keypoints in m, (n_windows, n_frames, n_keypoints, 3).

    Returns:
        x, y, z of every keypoint in the body frame, height in m and mass in kg, (n_windows, n_frames, n_features).
    """
    coordinates = to_body(keypoints, frame).flatten(start_dim=2)
    person = torch.stack([frame.height_m, mass_kg], dim=-1).to(coordinates)
    return torch.cat([coordinates, person[:, None].expand(-1, coordinates.shape[1], -1)], dim=-1)


def _unit(axis_m: Tensor) -> Tensor:
    """Unit vectors of axes in m, (n, 3); NaN for axes shorter than 0.1 mm."""
    length = axis_m.norm(dim=-1, keepdim=True)
    return torch.where(length > _SHORTEST_AXIS_M, axis_m / length, torch.nan)


def mirror(coordinates: Tensor, markers: MarkerSet) -> Tensor:
    """Coordinates in the body frame with left and right exchanged.

    Args:
        coordinates: x, y, z of every point, then further features, which are kept, (n_windows, n_frames, n_features).
        markers: marker set of the points.
    """
    points, rest = torch.tensor_split(coordinates, [3 * len(markers)], dim=-1)
    swapped = points.reshape(*points.shape[:-1], -1, 3)[..., markers.mirror_order, :]
    return torch.cat([(swapped * points.new_tensor([1.0, 1.0, -1.0])).flatten(start_dim=-2), rest], dim=-1)


@cache
def _parabola_fit(n_frames: int) -> Tensor:
    """Matrix that maps n_frames values to their least-squares parabola, (n_frames, n_frames)."""
    time = torch.linspace(-1, 1, n_frames, dtype=torch.float64)
    powers = torch.stack([time**k for k in range(min(_ORIGIN_DEGREE, n_frames - 1) + 1)], dim=1)
    fit: Tensor = powers @ torch.linalg.pinv(powers)
    return fit
