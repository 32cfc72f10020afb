"""How far angles may be off: the model's table, times how much the markers beside a joint move about."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from golden_walk import EXAMPLES, part

from trcaugment import read_trc, write_trc
from trcaugment.cli import main
from trcaugment.conversion.angle_uncertainty import AngleSpread, angle_spreads, angle_spreads_csv
from trcaugment.conversion.sidecar import Sidecar, UsedCalibration, read_sidecar
from trcaugment.formats.files import as_json, sidecar_path
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.model.card import DEFAULT_MODEL, find_folder, read_card
from trcaugment.model.uncertainty import ANGLES, read_uncertainty


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predicted")
    write_trc(folder / "in.trc", part(read_trc(EXAMPLES / "walk.trc"), 0, 40))
    words = ["predict", str(folder / "in.trc"), "--height", "1.584", "--mass", "58.32", "-o", str(folder / "out.trc")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return folder / "out.trc"


@pytest.fixture
def trial(predicted: Path, tmp_path: Path) -> Path:
    for path in (predicted, sidecar_path(predicted)):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / predicted.name


def state(trial: Path, factors: dict[str, float]) -> None:
    """Let the sidecar say that markers whose names begin so move about by such a factor of the usual."""
    sidecar = read_sidecar(trial)
    known = read_uncertainty(find_folder(DEFAULT_MODEL), read_card(find_folder(DEFAULT_MODEL)))
    assert sidecar is not None and known is not None
    sizes = dict(zip(ANATOMICAL_MARKERS.names, 1000 * known.usual_moving_m, strict=True))
    moving = {
        name: tuple(float(mm) for mm in size * next((f for first, f in factors.items() if name.startswith(first)), 1.0))
        for name, size in sizes.items()
    }
    spread = {"sha256": "0" * 64, "constant_mm": moving, "moving_mm": moving}
    rewritten = msgspec.convert({**msgspec.to_builtins(sidecar), "uncertainty": spread}, Sidecar, strict=False)
    sidecar_path(trial).write_bytes(as_json(rewritten))


def test_without_a_statement_the_angles_are_as_uncertain_as_usual(trial: Path) -> None:
    known = read_uncertainty(find_folder(DEFAULT_MODEL), read_card(find_folder(DEFAULT_MODEL)))
    assert known is not None
    spreads = angle_spreads(trial)
    assert tuple(spreads) == ANGLES
    found = [(each.constant_deg, each.moving_deg) for each in spreads.values()]
    np.testing.assert_allclose(found, known.angles_deg)
    assert known.angles_deg.min() > 0.5 and known.angles_deg.max() < 20


def test_angles_move_about_with_the_markers_beside_the_joint(trial: Path) -> None:
    usual = angle_spreads(trial)
    state(trial, {"r_sh": 2.0, "r_ankle": 2.0, "r_mankle": 2.0, "r_calc": 2.0, "r_toe": 2.0, "r_5meta": 2.0})
    shaken = angle_spreads(trial)
    ratio = {name: shaken[name].moving_deg / usual[name].moving_deg for name in ANGLES}
    assert ratio["ankle_angle_r"] == pytest.approx(2) and ratio["subtalar_angle_r"] == pytest.approx(2)
    assert 1 < ratio["knee_angle_r"] < 2
    assert all(ratio[name] == pytest.approx(1) for name in ("pelvis_tilt", "hip_flexion_r", "knee_angle_l"))
    assert {name: each.constant_deg for name, each in usual.items()} == {
        name: each.constant_deg for name, each in shaken.items()
    }


def test_the_smallest_change_is_that_of_two_values() -> None:
    draws = np.random.default_rng(0).normal(0, 2.0, (2, 200_000))
    beyond = np.abs(draws[0] - draws[1]) > AngleSpread(5.0, 2.0).smallest_change_deg
    assert beyond.mean() == pytest.approx(0.05, abs=0.003)


def test_nothing_is_said_of_markers_from_elsewhere(trial: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.trc"
    alone.write_bytes(trial.read_bytes())
    assert angle_spreads(alone) == {}
    sidecar = read_sidecar(trial)
    assert sidecar is not None
    other = msgspec.structs.replace(sidecar, model=msgspec.structs.replace(sidecar.model, name="nobody's"))
    sidecar_path(trial).write_bytes(as_json(other))
    assert angle_spreads(trial) == {}
    used = UsedCalibration(file="own.json", sha256="0" * 64, n_markers=35, unmoved={})
    sidecar_path(trial).write_bytes(as_json(msgspec.structs.replace(sidecar, calibration=used)))
    assert angle_spreads(trial) == {}
    sidecar_path(trial).write_bytes(as_json(sidecar))
    assert angle_spreads(trial)
    trial.write_bytes(trial.read_bytes() + b"\n")  # changed since
    assert angle_spreads(trial) == {}


def test_the_table_has_a_row_for_each_trial_and_angle() -> None:
    content = angle_spreads_csv({"a": {"knee_angle_r": AngleSpread(4.21, 2.0)}, "b": {}})
    rows = list(csv.reader(content.decode().splitlines()))
    assert rows == [
        ["trial", "coordinate", "constant_deg", "moving_deg", "smallest_change_deg"],
        ["a", "knee_angle_r", "4.2", "2.0", "5.5"],
    ]
