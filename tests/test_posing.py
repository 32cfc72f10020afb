"""A posed model is where the body's own kinematics put it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.skeleton import COORDINATES, MARKERS, POINT_INDEX
from trcaugment.errors import MotionError, OsimError
from trcaugment.osim.model import write_shipped_model
from trcaugment.osim.posing import pose


def write_motion(path: Path, names: list[str], rows: np.ndarray) -> Path:
    table = "\n".join("\t".join(f"{value:.10f}" for value in row) for row in rows)
    head = f"motion\nversion=1\nnRows={len(rows)}\nnColumns={1 + len(names)}\ninDegrees=yes\nendheader\n"
    path.write_text(head + "\t".join(["time", *names]) + "\n" + table + "\n")
    return path


@pytest.fixture(scope="module")
def model(opensim: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.osim"
    write_shipped_model(path)
    return path


def test_joints_and_markers_are_where_the_kinematics_put_them(model: Path, tmp_path: Path) -> None:
    values = np.random.default_rng(3).uniform(
        *np.array([(c.low, c.high) for c in COORDINATES]).T, (4, len(COORDINATES))
    )
    in_degrees = np.where([c.rotational for c in COORDINATES], np.rad2deg(values), values)
    rows = np.concatenate([np.arange(4)[:, None] / 60, in_degrees], axis=1)
    motion = write_motion(tmp_path / "m.mot", [c.name for c in COORDINATES], rows)
    posed, bones = pose(model, motion)
    expected = forward_kinematics(
        average_adult(), torch.from_numpy(values)[None], [POINT_INDEX[marker.name] for marker in MARKERS]
    )[0].numpy()
    np.testing.assert_allclose(posed.select([f"{marker.name}′" for marker in MARKERS]), expected, atol=1e-6)
    np.testing.assert_allclose(posed.time_s, rows[:, 0], atol=1e-9)
    lengths = np.linalg.norm(
        posed.positions[:, [a for a, _ in bones]] - posed.positions[:, [b for _, b in bones]], axis=2
    )
    assert lengths.max() < 0.7
    rigid = [(posed.names[a], posed.names[b]) for a, b in bones]
    assert ("femur_r", "tibia_r") in rigid
    thigh = lengths[:, rigid.index(("femur_r", "tibia_r"))]
    assert thigh.min() == pytest.approx(thigh.max(), abs=0.02)


def test_a_motion_of_another_model_is_refused(model: Path, tmp_path: Path) -> None:
    motion = write_motion(tmp_path / "other.mot", ["tail"], np.array([[0.0, 1.0], [0.1, 2.0]]))
    with pytest.raises(OsimError, match=r"other.mot: expected coordinates of m.osim, found none of them"):
        pose(model, motion)
    back = write_motion(tmp_path / "back.mot", [COORDINATES[0].name], np.array([[0.1, 1.0], [0.0, 2.0]]))
    with pytest.raises(MotionError, match=r"back.mot: time must increase"):
        pose(model, back)
