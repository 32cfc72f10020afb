"""The BVH format (Biovision hierarchy): a skeleton and its motion, for animation programs such as Blender."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from trcaugment.errors import MotionError
from trcaugment.markers import FARTHEST_M, FloatArray

_TURNS = ("Zrotation", "Xrotation", "Yrotation")  # as most BVH files have them
_SHIFTS = ("Xposition", "Yposition", "Zposition")
_STILL_M = 1e-5  # a smaller way is no movement of a joint's center
_UNEVEN = 0.1  # of a step


@dataclass(frozen=True, eq=False)
class Segment:
    """A segment, which turns about the center of the joint to its parent.

    Attributes:
        name: its name.
        parent: index of the parent among the segments, which stands before it; None for a root.
        center: the joint's center in m, (n_frames, 3), in the ground.
        rotation: of the segment in the ground, (n_frames, 3, 3).
        end: where the segment ends, in its own axes from the center, in m, (3,); drawn if nothing is attached to it.
    """

    name: str
    parent: int | None
    center: FloatArray
    rotation: FloatArray
    end: FloatArray


@dataclass(frozen=True, eq=False)
class _Node:
    """A node of the hierarchy: constant offset in m, and channels over time in m and degrees."""

    name: str
    parent: int | None
    offset: FloatArray
    channels: tuple[str, ...]
    values: FloatArray


def format_bvh(segments: Sequence[Segment], time_s: FloatArray) -> bytes:
    """The bytes of a BVH file, in m and degrees: forward kinematics gives the centers and rotations again.

    A joint whose center moves in its parent, such as OpenSim's knee, has a node of its own for that (`NAME_center`), so
    that programs agree on it: some add positions to a node's offset, others put them in its place. Here offset or
    positions are zero.

    Args:
        segments: parents before their children, with one root.
        time_s: even time stamps in s, (n_frames,).

    Raises:
        MotionError: the time stamps are uneven, a place is missing, or the segments have not one root.
    """
    roots = [each.name for each in segments if each.parent is None]
    if len(roots) != 1:
        raise MotionError(f"expected one segment that hangs on the ground, found {', '.join(roots) or 'none'}")
    step_s = _step_s(time_s)
    _check_places(segments)
    nodes, ends = _nodes(segments)
    lines = ["HIERARCHY", *_hierarchy(0, nodes, ends, 0)]
    lines += ["MOTION", f"Frames: {len(time_s)}", f"Frame Time: {step_s:.8f}"]
    values = np.concatenate([nodes[k].values for k in _order(0, nodes)], axis=1)
    lines += [" ".join(f"{value:.7f}" for value in row) for row in values.tolist()]
    return ("\n".join(lines) + "\n").encode()


def _step_s(time_s: FloatArray) -> float:
    if len(time_s) < 2:
        return 1 / 60
    step_s = float(time_s[-1] - time_s[0]) / (len(time_s) - 1)
    off = np.abs(time_s - time_s[0] - step_s * np.arange(len(time_s)))
    if off.max() > _UNEVEN * step_s:
        k = int(off.argmax())
        raise MotionError(f"expected even time stamps, which BVH does not keep, found row {k + 1} at {time_s[k]:.6g} s")
    return step_s


def _check_places(segments: Sequence[Segment]) -> None:
    for each in segments:
        there = (np.abs(each.center) <= FARTHEST_M).all(axis=1) & np.isfinite(each.rotation).all(axis=(1, 2))
        if not there.all():
            raise MotionError(
                f"expected a place within 1000 km of every body in every row, as BVH knows no gaps, found none of "
                f"{each.name} in row {int(np.argmin(there)) + 1}; leave that row out"
            )


def _nodes(segments: Sequence[Segment]) -> tuple[list[_Node], dict[int, FloatArray]]:
    """Nodes, parents first, and the ends of those that carry a segment."""
    nodes: list[_Node] = []
    node_of: list[int] = []
    for each in segments:
        parent = None if each.parent is None else node_of[each.parent]
        if each.parent is None:
            places, turns = each.center, each.rotation
        else:
            above = segments[each.parent]
            back = np.swapaxes(above.rotation, 1, 2)
            places, turns = (back @ (each.center - above.center)[..., None])[..., 0], back @ each.rotation
        still = each.parent is not None and bool(np.ptp(places, axis=0).max() < _STILL_M)
        offset = places.mean(axis=0) if each.parent is not None else np.zeros(3)
        if not still and parent is not None:
            nodes.append(_Node(f"{each.name}_center", parent, offset, _TURNS, np.zeros((len(places), 3))))
            parent, places, offset = len(nodes) - 1, places - offset, np.zeros(3)
        angles = np.unwrap(Rotation.from_matrix(turns).as_euler("ZXY", degrees=True), axis=0, period=360)
        values = angles if still else np.concatenate([places, angles], axis=1)
        nodes.append(_Node(each.name, parent, offset, _TURNS if still else _SHIFTS + _TURNS, values))
        node_of.append(len(nodes) - 1)
    return nodes, {node: each.end for node, each in zip(node_of, segments, strict=True)}


def _children(k: int, nodes: Sequence[_Node]) -> list[int]:
    return [child for child, node in enumerate(nodes) if node.parent == k]


def _order(k: int, nodes: Sequence[_Node]) -> Iterator[int]:
    """Nodes from one downwards, as the file lists them."""
    yield k
    for child in _children(k, nodes):
        yield from _order(child, nodes)


def _hierarchy(k: int, nodes: Sequence[_Node], ends: dict[int, FloatArray], depth: int) -> Iterator[str]:
    node, tabs = nodes[k], "\t" * depth
    yield f"{tabs}{'ROOT' if node.parent is None else 'JOINT'} {'_'.join(node.name.split())}"
    yield f"{tabs}{{"
    yield f"{tabs}\tOFFSET {_numbers(node.offset)}"
    yield f"{tabs}\tCHANNELS {len(node.channels)} {' '.join(node.channels)}"
    children = _children(k, nodes)
    for child in children:
        yield from _hierarchy(child, nodes, ends, depth + 1)
    if not children:
        yield f"{tabs}\tEnd Site"
        yield f"{tabs}\t{{"
        yield f"{tabs}\t\tOFFSET {_numbers(ends[k])}"
        yield f"{tabs}\t}}"
    yield f"{tabs}}}"


def _numbers(values: FloatArray) -> str:
    return " ".join(f"{value:.7f}" for value in values.tolist())
