"""Forward kinematics of many bodies of different size at once, in torch, on any device and in any precision."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from trcaugment.body.skeleton import BODIES, BODY_INDEX, COORDINATE_INDEX, JOINTS, POINTS, Axis, Joint
from trcaugment.body.soft_tissue import DRIVERS, point_shifts


@dataclass(frozen=True)
class BodySizes:
    """Sizes of n people's bodies.

    Attributes:
        scale: size of every body segment relative to the generic one, (n, n_bodies, 3).
        joint_offsets: origin of every joint frame in its parent in m, (n, n_joints, 3).
        points: place of every marker and keypoint in its body in m, in standing, (n, n_points, 3).
        shifts: soft-tissue shifts of the points per right angle of each driver, (n, n_drivers, n_points, 3) in m.
        height_m: standing height, (n,).
        mass_kg: body mass, (n,).
    """

    scale: Tensor
    joint_offsets: Tensor
    points: Tensor
    shifts: Tensor
    height_m: Tensor
    mass_kg: Tensor

    @classmethod
    def from_scale(cls, scale: Tensor, height_m: Tensor, mass_kg: Tensor) -> BodySizes:
        """Bodies whose joints and points scale with their segments, (n, n_bodies, 3), without soft-tissue shifts."""
        # A factor of one is appended for the ground, which index -1 picks.
        parents = [BODY_INDEX.get(joint.parent, -1) for joint in JOINTS]
        with_ground = torch.cat([scale, torch.ones_like(scale[:, :1])], dim=1)
        joint_offsets = scale.new_tensor([joint.offset for joint in JOINTS]) * with_ground[:, parents]
        carriers = [BODY_INDEX[point.body] for point in POINTS]
        points = scale.new_tensor([point.offset for point in POINTS]) * scale[:, carriers]
        shifts = scale.new_zeros(len(scale), len(DRIVERS), len(POINTS), 3)
        return cls(scale, joint_offsets, points, shifts, height_m, mass_kg)

    def select(self, index: Tensor) -> BodySizes:
        """The bodies at `index`, (n_selected,)."""
        return BodySizes(*(getattr(self, field.name)[index] for field in fields(self)))


def forward_kinematics(sizes: BodySizes, coordinates: Tensor, points: list[int]) -> Tensor:
    """Positions of markers and keypoints in the lab.

    Args:
        sizes: sizes of n bodies.
        coordinates: values of all coordinates in rad or m, in the skeleton's order, (n, n_frames, n_coordinates).
        points: indices into `skeleton.POINTS` of the points wanted.

    Returns:
        Positions in m, (n, n_frames, len(points), 3).
    """
    origins, rotations = body_frames(sizes, coordinates)
    carriers = [BODY_INDEX[POINTS[k].body] for k in points]
    local = sizes.points[:, points].unsqueeze(1) + point_shifts(sizes.shifts, coordinates, points)
    return origins[:, :, carriers] + (rotations[:, :, carriers] @ local.unsqueeze(-1)).squeeze(-1)


def body_frames(sizes: BodySizes, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """Origins in m (n, n_frames, n_bodies, 3) and rotations (n, n_frames, n_bodies, 3, 3) of all bodies in the lab."""
    n, n_frames, _ = coordinates.shape
    origin: dict[str, Tensor] = {"ground": coordinates.new_zeros(n, n_frames, 3)}
    rotation: dict[str, Tensor] = {"ground": torch.eye(3).to(coordinates).expand(n, n_frames, 3, 3)}
    for k, joint in enumerate(JOINTS):
        turn = _rotation_matrix(joint.orientation).to(coordinates)
        length = sizes.scale[:, BODY_INDEX[joint.parent], 1] if joint.parent in BODY_INDEX else sizes.scale.new_ones(n)
        moved, turned = _joint_motion(joint, coordinates)
        in_parent = sizes.joint_offsets[:, k].unsqueeze(1) + (moved * length[:, None, None]) @ turn.T
        child_turn = turn @ turned @ turn.T
        child_offset = (
            coordinates.new_tensor(joint.child_offset) * sizes.scale[:, BODY_INDEX[joint.child]]
        )  # origin of the joint frame in the child
        to_child = in_parent - (child_turn @ child_offset[:, None, :, None]).squeeze(-1)
        up, base = rotation[joint.parent], origin[joint.parent]
        origin[joint.child] = base + (up @ to_child.unsqueeze(-1)).squeeze(-1)
        rotation[joint.child] = up @ child_turn
    names = [body.name for body in BODIES]
    return torch.stack([origin[b] for b in names], dim=2), torch.stack([rotation[b] for b in names], dim=2)


def _joint_motion(joint: Joint, coordinates: Tensor) -> tuple[Tensor, Tensor]:
    """Translation (n, n_frames, 3) at generic size and rotation (n, n_frames, 3, 3) of a joint, in its own frame."""
    moved = coordinates.new_zeros(*coordinates.shape[:2], 3)
    for axis in joint.translations:
        moved = moved + _value(axis, coordinates).unsqueeze(-1) * coordinates.new_tensor(axis.axis)
    turned = torch.eye(3).to(coordinates).expand(*coordinates.shape[:2], 3, 3)
    for axis in joint.rotations:
        turned = turned @ _axis_rotation(axis, _value(axis, coordinates))
    return moved, turned


def _value(axis: Axis, coordinates: Tensor) -> Tensor:
    """The polynomial of the axis' coordinate, by Horner's rule, (n, n_frames)."""
    angle = coordinates[..., COORDINATE_INDEX[axis.coordinate]]
    value = torch.zeros_like(angle)
    for coefficient in reversed(axis.coefficients):
        value = value * angle + coefficient
    return value


def _axis_rotation(axis: Axis, angle: Tensor) -> Tensor:
    """Rotation about a unit axis by Rodrigues' formula, (n, n_frames, 3, 3)."""
    x, y, z = axis.axis
    cross = angle.new_tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    sine, cosine = torch.sin(angle)[..., None, None], torch.cos(angle)[..., None, None]
    return torch.eye(3).to(angle) + sine * cross + (1 - cosine) * (cross @ cross)


@cache
def _rotation_matrix(orientation: tuple[float, float, float]) -> Tensor:
    """Rotation matrix of body-fixed X-Y-Z angles, as OpenSim writes orientations, (3, 3)."""
    matrix: np.ndarray = Rotation.from_euler("XYZ", orientation).as_matrix()
    return torch.from_numpy(matrix)
