"""Attention of a trial: weights as the network gives them, blended as predictions are, drawn and written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from trcaugment import Markers, Model, Subject, augment, load_model, read_trc
from trcaugment.chain.augmentation import attend
from trcaugment.cli import main
from trcaugment.errors import ModelError
from trcaugment.figures.attention import draw_attention
from trcaugment.figures.figures import as_file
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.folder import save_model
from trcaugment.model.network import MarkerNetwork
from trcaugment.model.normalization import body_frame, make_features
from trcaugment.model.torch_engine import TorchEngine, load_network

EXAMPLES = Path(__file__).parents[1] / "examples"
WALK, SQUAT = EXAMPLES / "walk.trc", EXAMPLES / "squat_mm_with_gaps.trc"
SUBJECT = Subject(1.75, 70.0)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def walk() -> Markers:
    return read_trc(WALK)


def part(markers: Markers, start: int, stop: int) -> Markers:
    return replace(markers, positions=markers.positions[start:stop], time_s=markers.time_s[start:stop])


def test_weights_sum_to_one_in_every_frame_and_choose(model: Model, walk: Markers) -> None:
    weights = attend(walk, SUBJECT, model)
    assert weights.shape == (600, 15)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights.max(axis=1) > 2 * weights.min(axis=1)).all()


def test_one_window_has_the_weights_of_the_network_and_its_mirror_image(model: Model, walk: Markers) -> None:
    window = part(walk, 100, 130)
    keypoints = window.select(KEYPOINTS)[None]
    images = [keypoints, keypoints[:, :, KEYPOINTS.mirror_order] * np.array([1.0, 1.0, -1.0])]
    given = []
    for image in images:
        frame = body_frame(image, np.array([SUBJECT.height_m]))
        features = make_features(image, frame, np.array([SUBJECT.mass_kg]))
        with torch.no_grad():
            given.append(load_network(model.card.name).attention(torch.from_numpy(features).float())[0].numpy())
    expected = (given[0] + given[1][:, KEYPOINTS.mirror_order]) / 2
    np.testing.assert_allclose(attend(window, SUBJECT, model), expected, atol=1e-5)


def test_a_mirrored_trial_has_mirrored_weights(model: Model, walk: Markers) -> None:
    trial = part(walk, 0, 90)
    positions = trial.select(KEYPOINTS)[:, KEYPOINTS.mirror_order] * np.array([1.0, 1.0, -1.0])
    mirrored = Markers(KEYPOINTS.names, positions, trial.time_s, trial.unit)
    expected = attend(trial, SUBJECT, model)[:, KEYPOINTS.mirror_order]
    np.testing.assert_allclose(attend(mirrored, SUBJECT, model), expected, atol=1e-5)


def test_frames_without_prediction_have_no_weights_and_others_have(model: Model) -> None:
    squat = read_trc(SQUAT)
    positions = squat.positions.copy()
    positions[60:80] = np.nan  # the whole body, for longer than any gap that is filled
    squat = replace(squat, positions=positions)
    missing = np.isnan(augment(squat, SUBJECT, model).markers.positions).any(axis=(1, 2))
    weights = attend(squat, SUBJECT, model)
    assert missing.sum() == 20
    np.testing.assert_array_equal(np.isnan(weights).any(axis=1), missing)
    np.testing.assert_allclose(weights[~missing].sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [25.0, 100.0])
def test_weights_are_at_the_trials_own_frames(model: Model, walk: Markers, rate_hz: float) -> None:
    time_s = np.arange(0, 5, 1 / rate_hz)
    positions = np.stack([np.interp(time_s, walk.time_s, each) for each in walk.positions.reshape(600, -1).T], axis=1)
    other = replace(walk, positions=positions.reshape(len(time_s), -1, 3), time_s=time_s)
    weights = attend(other, SUBJECT, model)
    assert weights.shape == (len(time_s), 15)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    at_60_hz = attend(walk, SUBJECT, model)
    expected = np.stack([np.interp(time_s, walk.time_s, each) for each in at_60_hz.T], axis=1)
    assert float(np.abs(weights - expected).mean()) < 0.002


def test_planted_attention_is_found(model: Model, walk: Markers) -> None:
    network = MarkerNetwork(model.card.sizes, 15, 35)
    network.load_state_dict(load_network(model.card.name).state_dict())
    assert network.score is not None
    with torch.no_grad():
        network.score.weight.zero_()
        network.score.bias.copy_(torch.tensor([5.0 if name.endswith("Heel") else -5.0 for name in KEYPOINTS]))
    weights = attend(part(walk, 0, 40), SUBJECT, replace(model, engine=TorchEngine(network, "cpu")))
    heel, other = np.exp(1.0), np.exp(-1.0)  # tanh of the scores is all but 1 and -1
    expected = [heel if name.endswith("Heel") else other for name in KEYPOINTS] / (2 * heel + 13 * other)
    np.testing.assert_allclose(weights, np.tile(expected, (40, 1)), rtol=1e-3)


@pytest.fixture(scope="module")
def without_attention(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = msgspec.structs.replace(model.card.sizes, hidden=4, n_layers=1, spatial_attention=False)
    folder = tmp_path_factory.mktemp("models") / "plain"
    save_model(folder, msgspec.structs.replace(model.card, name="plain", sizes=sizes), MarkerNetwork(sizes, 15, 35))
    return folder


def test_a_model_without_attention_has_none_to_show(without_attention: Path, walk: Markers) -> None:
    with pytest.raises(ModelError, match="expected a model with spatial attention, found none in plain"):
        attend(walk, SUBJECT, load_model(without_attention, "cpu"))


# --- the command


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["attention", *map(str, arguments), "--height", "1.75", "--mass", "70"])


def test_the_command_draws_and_writes_a_row_for_every_frame(model: Model, tmp_path: Path) -> None:
    picture, table = tmp_path / "a.png", tmp_path / "a.csv"
    done = run(SQUAT, "-o", picture, "--csv", table)
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["time_s", *KEYPOINTS]
    squat = read_trc(SQUAT)
    expected = attend(squat, SUBJECT, model)
    written = np.array([[float(cell or "nan") for cell in row] for row in rows[1:]])
    np.testing.assert_allclose(written[:, 0], squat.time_s)
    np.testing.assert_allclose(written[:, 1:], expected, atol=1e-6)
    names = done.output.split("mean weights: ")[1].split(", ")
    means = [float(each.split()[1]) for each in names]
    assert len(means) == 15
    assert means == sorted(means, reverse=True)


def test_files_that_exist_stay_unless_overwritten(tmp_path: Path) -> None:
    picture = tmp_path / "a.svg"
    picture.write_text("mine")
    assert "add --overwrite" in run(SQUAT, "-o", picture).output
    assert picture.read_text() == "mine"
    assert run(SQUAT, "-o", picture, "--overwrite").exit_code == 0
    assert "<svg" in picture.read_text()


def test_wrong_usage_is_said_before_any_work(tmp_path: Path, without_attention: Path) -> None:
    trial = tmp_path / "walk.png"
    trial.write_bytes(WALK.read_bytes())
    for arguments, said in (
        ((WALK, "-o", tmp_path / "a.txt"), "*.png, *.pdf, *.svg"),
        ((WALK, "-o", tmp_path / "a.png", "--csv", tmp_path / "a.png"), "several outputs"),
        ((trial, "-o", trial, "--overwrite"), "is an input"),
        ((WALK, "-o", tmp_path / "none" / "a.png"), "there is no folder"),
        ((WALK, "-o", tmp_path / "a.png", "--model", "nonsense"), "no model 'nonsense'"),
        ((WALK, "-o", tmp_path / "a.png", "--model", without_attention), "expected a model with spatial attention"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2, done.output
        assert said in " ".join(done.output.split()), done.output
    missing = run(tmp_path / "no.trc", "-o", tmp_path / "a.png")
    assert missing.exit_code == 1
    assert "no.trc" in missing.output
    assert [path.name for path in tmp_path.iterdir()] == ["walk.png"]


def test_the_picture_of_a_single_frame_can_be_drawn() -> None:
    assert as_file(draw_attention(np.full((1, 15), 1 / 15), np.array([0.5]), KEYPOINTS.names)).startswith(b"\x89PNG")
