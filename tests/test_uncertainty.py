"""How far markers may be off: it grows with noise and missing keypoints, as planted, and no marker moves by it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from golden_walk import EXAMPLES, SUBJECT, part
from tiny_models import CARD

from trcaugment import Markers, Model, augment, load_model, read_trc, write_trc
from trcaugment.chain.augmentation import check_uncertainty
from trcaugment.cli import main
from trcaugment.errors import ModelError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.model.card import UNCERTAINTY_FILE
from trcaugment.model.normalization import mirror
from trcaugment.model.uncertainty import (
    Uncertainty,
    posture_and_shaking,
    read_uncertainty,
    write_uncertainty,
)

N_INPUTS, N_HIDDEN, N_TARGETS = 47 + 15, 4, 105


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def walk() -> Markers:
    return part(read_trc(EXAMPLES / "walk.trc"), 0, 45)


def some_uncertainty(seed: int = 0) -> Uncertainty:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in ((N_HIDDEN, N_INPUTS), (N_HIDDEN,), (N_TARGETS, N_HIDDEN))]
    constant, usual_m = rng.uniform(0.005, 0.02, (2, 35, 3))
    angles_deg, mean = rng.uniform(1, 9, (18, 2)), rng.normal(size=N_INPUTS)
    return Uncertainty(constant, usual_m, angles_deg, mean, np.ones(N_INPUTS), *weights, np.zeros(N_TARGETS))


def features(n: int = 2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 30, 47))


def test_a_file_gives_what_was_written(tmp_path: Path) -> None:
    made = some_uncertainty()
    card = msgspec.structs.replace(CARD, uncertainty_sha256=write_uncertainty(tmp_path, made))
    read = read_uncertainty(tmp_path, card)
    assert read is not None
    for name, array in vars(made).items():
        np.testing.assert_allclose(getattr(read, name), array, rtol=1e-6)
    assert read_uncertainty(tmp_path, CARD) is None


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    card = msgspec.structs.replace(CARD, uncertainty_sha256=write_uncertainty(tmp_path, some_uncertainty()))
    content = (tmp_path / UNCERTAINTY_FILE).read_bytes()
    (tmp_path / UNCERTAINTY_FILE).write_bytes(content[:-1] + b"x")
    with pytest.raises(ModelError, match="the card says"):
        read_uncertainty(tmp_path, card)
    (tmp_path / UNCERTAINTY_FILE).unlink()
    with pytest.raises(ModelError, match="cannot read it"):
        read_uncertainty(tmp_path, card)


def test_a_file_of_another_model_is_refused(tmp_path: Path) -> None:
    other = replace(some_uncertainty(), constant=np.full((36, 3), 0.01))
    card = msgspec.structs.replace(CARD, uncertainty_sha256=write_uncertainty(tmp_path, other))
    with pytest.raises(ModelError, match=r"expected constant with \(35, 3\) numbers"):
        read_uncertainty(tmp_path, card)


def test_the_mirror_image_has_the_same_uncertainty_on_the_other_side() -> None:
    made, seen = some_uncertainty(), features()
    sides = [made.log_moving(each, KEYPOINTS, ANATOMICAL_MARKERS) for each in (seen, mirror(seen, KEYPOINTS))]
    np.testing.assert_allclose(sides[1], sides[0][..., ANATOMICAL_MARKERS.mirror_order, :], atol=1e-12)
    assert np.abs(sides[0] - sides[1]).max() > 0.1


def test_shaking_is_the_size_of_second_differences() -> None:
    noise = features(n=400)
    shaking = posture_and_shaking(noise, KEYPOINTS)[:, 0, 47:]
    # White noise of deviation 1 has second differences of variance 1 + 4 + 1.
    np.testing.assert_allclose(np.exp(shaking).mean(axis=0), np.sqrt(6), rtol=0.02)


def test_markers_are_the_same_bits_with_it(model: Model, walk: Markers) -> None:
    plain, known = augment(walk, SUBJECT, model), augment(walk, SUBJECT, model, uncertainty=True)
    assert np.array_equal(plain.markers.positions, known.markers.positions)
    assert plain.spread is None and known.spread is not None
    assert known.spread.moving_m.shape == (walk.n_frames, 35, 3)
    np.testing.assert_array_equal(known.spread.constant_m, model.uncertainty.constant * SUBJECT.height_m)
    for deviations in (known.spread.moving_m, known.spread.constant_m):
        assert deviations.min() > 0.001 and deviations.max() < 0.06


def test_shaking_keypoints_make_markers_less_certain(model: Model, walk: Markers) -> None:
    noise = np.random.default_rng(0).normal(0, 0.03, walk.positions.shape)  # most of it is smoothed before
    known, noisy = (
        augment(replace(walk, positions=walk.positions + by), SUBJECT, model, uncertainty=True).spread
        for by in (0, noise)
    )
    assert known is not None and noisy is not None
    assert np.array_equal(known.constant_m, noisy.constant_m)
    assert np.median(noisy.moving_m / known.moving_m) > 1.03


def test_missing_keypoints_add_to_it_where_they_count(model: Model, walk: Markers) -> None:
    positions = walk.positions.copy()
    positions[15:35, walk.names.index("RSmallToe")] = np.nan
    known, gapped = (
        augment(each, SUBJECT, model, uncertainty=True) for each in (walk, replace(walk, positions=positions))
    )
    assert known.spread is not None and gapped.spread is not None and gapped.missing
    more = gapped.spread.moving_m / known.spread.moving_m
    foot, other = (ANATOMICAL_MARKERS.index(name) for name in ("r_5meta_study", "L.ASIS_study"))
    assert more[20, foot].min() > 1.05
    assert np.abs(more[20, other] - 1).max() < 0.1


def test_it_is_nan_where_a_marker_is_lost(model: Model, walk: Markers) -> None:
    positions = walk.positions.copy()
    positions[15:35, walk.names.index("RKnee")] = np.nan
    result = augment(replace(walk, positions=positions), SUBJECT, model, uncertainty=True)
    assert result.spread is not None
    np.testing.assert_array_equal(np.isnan(result.spread.moving_m), np.isnan(result.markers.positions))
    assert np.isnan(result.spread.moving_m).any()


def test_a_model_without_it_says_so(model: Model, walk: Markers) -> None:
    with pytest.raises(ModelError, match="does not; choose another"):
        check_uncertainty(replace(model, uncertainty=None))
    with pytest.raises(ModelError, match="make_uncertainty"):
        augment(walk, SUBJECT, replace(model, uncertainty=None), uncertainty=True)


def predict(folder: Path, *options: str) -> tuple[int, str]:
    words = ["in.trc", "--height", "1.584", "--mass", "58.32", "-o", "out.trc", *options]
    placed = [str(folder / word) if word.endswith((".trc", ".csv")) else word for word in words]
    result = CliRunner().invoke(main, ["predict", *placed])
    return result.exit_code, result.output


def test_the_command_writes_a_table_and_its_summary(tmp_path: Path, walk: Markers) -> None:
    write_trc(tmp_path / "in.trc", walk)
    code, output = predict(tmp_path, "--uncertainty", "table.csv")
    assert code == 0, output
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["part"] for row in rows] == ["constant", *["moving"] * walk.n_frames]
    assert (rows[1]["frame"], rows[1]["time_s"]) == ("1", f"{walk.time_s[0]:.6f}")
    summary = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["uncertainty"]
    columns = [f"r_knee_study_{axis}_mm" for axis in ("forward", "up", "outward")]
    assert summary["constant_mm"]["r_knee_study"] == [float(rows[0][column]) for column in columns]
    moving = [np.sqrt(np.mean([float(row[column]) ** 2 for row in rows[1:]])) for column in columns]
    np.testing.assert_allclose(summary["moving_mm"]["r_knee_study"], moving, atol=0.11)
    assert "constant for this person" in output and "moving with the frame" in output


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path, walk: Markers) -> None:
    write_trc(tmp_path / "in.trc", walk)
    assert predict(tmp_path, "--uncertainty", "table.csv", "--model", "bilstm-attention-v1")[0] == 2
    write_trc(tmp_path / "in2.trc", walk)
    code, output = predict(tmp_path, "in2.trc", "--uncertainty", "table.csv")
    assert code == 2 and "give one input" in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.trc", "in2.trc"]
