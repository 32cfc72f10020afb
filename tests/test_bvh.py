"""Motions as BVH: forward kinematics of the file gives the joint centers that OpenSim gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trcaugment.cli import main
from trcaugment.errors import MotionError
from trcaugment.formats.bvh import Segment, format_bvh
from trcaugment.osim.model import write_shipped_model

Poses = dict[str, tuple[np.ndarray, np.ndarray]]  # centers (n_frames, 3) and rotations (n_frames, 3, 3)


class Node(NamedTuple):
    name: str
    parent: int | None
    offset: np.ndarray
    channels: list[str]


def read_bvh(text: str) -> tuple[list[Node], np.ndarray, float]:
    """Nodes in the order of their channels, values (n_frames, n_channels), and the frame time."""
    lines = [line.split() for line in text.splitlines()]
    nodes: list[Node] = []
    open_nodes: list[int | None] = []
    latest: int | None = None
    start = lines.index(["MOTION"])
    for words in lines[:start]:
        if words[0] in ("ROOT", "JOINT"):
            parent = next((k for k in reversed(open_nodes) if k is not None), None)
            nodes.append(Node(words[1], parent, np.zeros(3), []))
            latest = len(nodes) - 1
        elif words[0] == "End":
            latest = None
        elif words[0] == "{":
            open_nodes.append(latest)
        elif words[0] == "}":
            open_nodes.pop()
        elif words[0] == "OFFSET" and latest is not None:
            nodes[latest] = nodes[latest]._replace(offset=np.array(words[1:], float))
        elif words[0] == "CHANNELS" and latest is not None:
            assert len(words) == 2 + int(words[1])
            nodes[latest] = nodes[latest]._replace(channels=words[2:])
    values = np.array(lines[start + 3 :], float)
    assert lines[start + 1] == ["Frames:", str(len(values))]
    return nodes, values, float(lines[start + 2][2])


def forward(text: str, *, added: bool) -> Poses:
    """Center (n_frames, 3) and rotation of every node; positions are added to offsets, or stand in their place."""
    nodes, values, _ = read_bvh(text)
    placed: list[tuple[np.ndarray, np.ndarray]] = []
    first = 0
    for node in nodes:
        own = dict(zip(node.channels, values[:, first : first + len(node.channels)].T, strict=True))
        first += len(node.channels)
        turns = [name for name in node.channels if name.endswith("rotation")]
        rotation = Rotation.from_euler("".join(name[0] for name in turns), np.stack([own[t] for t in turns], 1), True)
        shift = np.stack([own.get(f"{axis}position", np.zeros(len(values))) for axis in "XYZ"], axis=1)
        moves = "Xposition" in own
        local = node.offset + shift if added or not moves else shift
        if node.parent is None:
            placed.append((local + 0 * shift, rotation.as_matrix()))
        else:
            center, above = placed[node.parent]
            placed.append((center + np.einsum("nij,nj->ni", above, local + 0 * shift), above @ rotation.as_matrix()))
    assert first == values.shape[1]
    return {node.name: each for node, each in zip(nodes, placed, strict=True)}


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_round_trip(seed: int, n_segments: int, slides: bool) -> None:
    rng = np.random.default_rng(seed)
    segments: list[Segment] = []
    for k in range(n_segments):
        rotation = Rotation.random(4, random_state=rng).as_matrix()
        parent = int(rng.integers(k)) if k else None
        local = np.tile(rng.normal(size=3), (4, 1)) + (slides and k == 2) * rng.normal(size=(4, 3))
        center = local if parent is None else segments[parent].center + np.einsum(
            "nij,nj->ni", segments[parent].rotation, local
        )  # fmt: skip
        segments.append(Segment(f"s {k}", parent, center, rotation, rng.normal(size=3)))
    text = format_bvh(segments, 2 + np.arange(4) / 50).decode()
    assert read_bvh(text)[2] == 0.02
    for added in (False, True):
        found = forward(text, added=added)
        for each in segments:
            center, rotation = found[each.name.replace(" ", "_")]
            np.testing.assert_allclose(center, each.center, atol=1e-6)
            np.testing.assert_allclose(rotation, each.rotation, atol=1e-7)


def test_what_bvh_cannot_hold_is_refused() -> None:
    still = Segment("a", None, np.zeros((3, 3)), np.tile(np.eye(3), (3, 1, 1)), np.zeros(3))
    with pytest.raises(MotionError, match=r"even time stamps.* row 2 at 0.5 s"):
        format_bvh([still], np.array([0, 0.5, 2]))
    with pytest.raises(MotionError, match="one segment that hangs on the ground, found a, a"):
        format_bvh([still, still], np.arange(3.0))
    centers = np.zeros((3, 3))
    centers[1] = np.nan
    with pytest.raises(MotionError, match=r"place within 1000 km of every body in every row.*found none of a in row 2"):
        format_bvh([replace(still, center=centers)], np.arange(3.0))


def write_motion(
    opensim: ModuleType, model_file: Path, path: Path, seed: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """A motion of random coordinates within their ranges; returns OpenSim's joint centers and rotations by body."""
    model = opensim.Model(str(model_file))
    state = model.initSystem()
    rng, n_frames = np.random.default_rng(seed), 5
    listed = [model.getCoordinateSet().get(k) for k in range(model.getCoordinateSet().getSize())]
    coordinates = [c for c in listed if not c.isDependent(state) and not c.getLocked(state)]
    ranges = [(max(c.getRangeMin(), -2), min(c.getRangeMax(), 2)) for c in coordinates]
    values = np.array([[rng.uniform(*each) for each in ranges] for _ in range(n_frames)])
    truth: dict[str, tuple[list[np.ndarray], list[np.ndarray]]] = {}
    rows = []
    for frame, row in enumerate(values):
        for coordinate, value in zip(coordinates, row.tolist(), strict=True):
            coordinate.setValue(state, value, False)
        model.assemble(state)
        model.realizePosition(state)
        rows.append(
            [
                frame / 60,
                *(np.rad2deg(c.getValue(state)) if c.getMotionType() == 1 else c.getValue(state) for c in listed),
            ]
        )
        for k in range(model.getJointSet().getSize()):
            child = model.getJointSet().get(k).getChildFrame()
            body = child.findBaseFrame()
            rotation = body.getTransformInGround(state).R()
            centers, rotations = truth.setdefault(body.getName(), ([], []))
            centers.append(child.getPositionInGround(state).to_numpy())
            rotations.append(np.array([[rotation.get(i, j) for j in range(3)] for i in range(3)]))
    head = ["m", "version=1", f"nRows={n_frames}", f"nColumns={len(listed) + 1}", "inDegrees=yes", "endheader"]
    labels = "\t".join(["time", *(c.getName() for c in listed)])
    path.write_text("\n".join([*head, labels, *("\t".join(map(repr, map(float, row))) for row in rows), ""]))
    return {body: (np.array(centers), np.array(rotations)) for body, (centers, rotations) in truth.items()}


def check(opensim: ModuleType, model: Path, folder: Path, seed: int) -> str:
    truth = write_motion(opensim, model, folder / "a.mot", seed)
    result = CliRunner().invoke(
        main, ["osim", "bvh", str(folder / "a.mot"), "--model", str(model), "-o", str(folder / "a.bvh")]
    )
    assert result.exit_code == 0, result.output
    text = (folder / "a.bvh").read_text()
    for added in (False, True):
        found = forward(text, added=added)
        for body, (centers, rotations) in truth.items():
            np.testing.assert_allclose(found[body][0], centers, atol=2e-5, err_msg=body)
            np.testing.assert_allclose(found[body][1], rotations, atol=1e-6, err_msg=body)
    return text


def test_the_shipped_model_in_motion(tmp_path: Path, opensim: ModuleType) -> None:
    write_shipped_model(tmp_path / "scaled.osim")
    text = check(opensim, tmp_path / "scaled.osim", tmp_path, 1)
    assert "JOINT tibia_r_center" in text and "JOINT femur_r_center" not in text  # knees slide, hips do not
    # The model beside the motion is found; what is there stays.
    again = CliRunner().invoke(main, ["osim", "bvh", str(tmp_path / "a.mot"), "-o", str(tmp_path / "a.bvh")])
    assert again.exit_code == 2 and "a.bvh exists; add --overwrite" in again.output
    (tmp_path / "scaled.osim").unlink()
    alone = CliRunner().invoke(main, ["osim", "bvh", str(tmp_path / "a.mot"), "-o", str(tmp_path / "b.bvh")])
    assert alone.exit_code == 2 and "there is no scaled model beside" in alone.output


def test_kneecaps_follow_the_motion(tmp_path: Path, opensim: ModuleType, shared_data: Path) -> None:
    """Their coordinates depend on others, and stand in the motion too."""
    check(opensim, shared_data / "opensim" / "opencap" / "LaiUhlrich2022.osim", tmp_path, 2)
