"""Angles relative to a standing trial, and calibration of marker files that were predicted without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from short_trials import short_walk

from trcaugment import Subject, load_model, read_trc, write_trc
from trcaugment.chain.augmentation import augment
from trcaugment.chain.segment_frames import segment_axes
from trcaugment.cli import main
from trcaugment.conversion.calibrated import calibrated_trial
from trcaugment.conversion.neutral import read_neutral, write_relative
from trcaugment.errors import CalibrationError
from trcaugment.formats.mot import read_table

LABELS = ("pelvis_tilt", "pelvis_rotation", "pelvis_tx", "knee_angle_r")
PERSON = Subject(1.584, 58.32)
ADULT = ("--height", "1.584", "--mass", "58.32")


def write_motion(path: Path, values: np.ndarray, labels: tuple[str, ...] = LABELS) -> None:
    rows = ["\t".join(f"{value:.8f}" for value in (k / 60, *row)) for k, row in enumerate(values)]
    counts = [f"nRows={len(rows)}", f"nColumns={len(labels) + 1}"]
    head = ["Coordinates", "version=1", *counts, "inDegrees=yes", "endheader"]
    path.write_text("\n".join([*head, "\t".join(("time", *labels)), *rows, ""]))


def test_relative_angles_are_those_less_the_median_of_standing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    standing = np.array([8.0, 30.0, 1.5, 4.0]) + rng.uniform(-0.5, 0.5, (60, 4))
    standing[7] += 90  # one frame that went wrong
    moving = rng.uniform(-20, 60, (40, 4))
    write_motion(tmp_path / "neutral.mot", standing)
    write_motion(tmp_path / "walk.mot", moving)
    neutral = read_neutral(tmp_path, "neutral", ["neutral"])
    assert write_relative(tmp_path, ["walk"], neutral) == {"walk": ()}
    made = read_table(tmp_path / "walk_relative.mot")
    assert tuple(made.labels) == ("time", *LABELS)
    median = np.median(standing, axis=0)
    np.testing.assert_allclose(made.values[:, 1:], moving - median * np.array([1, 0, 0, 1]), atol=1e-7)
    np.testing.assert_allclose(made.values[:, 0], np.arange(40) / 60, atol=1e-7)
    assert len(neutral.notes()) == 1 and "2 angles less their median" in neutral.notes()[0]


def test_a_standing_trial_that_moves_and_angles_that_it_lacks_are_named(tmp_path: Path) -> None:
    swaying = np.zeros((60, 4))
    swaying[:, 3] = np.linspace(0, 30, 60)
    write_motion(tmp_path / "stand_part1.mot", swaying[:30])
    write_motion(tmp_path / "stand_part2.mot", swaying[30:])
    write_motion(tmp_path / "walk.mot", np.ones((10, 2)), ("knee_angle_r", "elbow_flex_r"))
    neutral = read_neutral(tmp_path, "stand", ["stand_part1", "stand_part2"])
    assert "1 angles move by more than 5 degrees, most knee_angle_r (27)" in neutral.notes()[1]
    assert write_relative(tmp_path, ["walk"], neutral) == {"walk": ("elbow_flex_r",)}
    np.testing.assert_allclose(read_table(tmp_path / "walk_relative.mot").values[:, 1:], [[-14, 1]] * 10, atol=1e-7)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration, and a trial that was predicted without it."""
    folder = tmp_path_factory.mktemp("own")
    write_trc(folder / "walk.trc", short_walk())
    predicted = augment(short_walk(), PERSON, load_model()).markers
    knee = predicted.names.index("r_knee_study")
    moved = predicted.positions.copy()
    moved[:, knee] += np.array([0.02, 0, 0]) @ segment_axes(predicted.positions, predicted.names)[:, knee]
    write_trc(folder / "optical.trc", replace(predicted, names=("r_knee",), positions=moved[:, [knee]]))
    runner = CliRunner()
    for command in (
        ("calibrate", folder / "walk.trc", folder / "optical.trc", *ADULT, "-o", folder / "anna.json"),
        ("predict", folder / "walk.trc", *ADULT, "-o", folder / "plain.trc"),
        ("predict", folder / "walk.trc", *ADULT, "--calibration", folder / "anna.json", "-o", folder / "own.trc"),
    ):
        done = runner.invoke(main, [str(each) for each in command])
        assert done.exit_code == 0, done.output
    return folder


def test_a_file_predicted_without_calibration_becomes_what_prediction_with_it_gives(place: Path) -> None:
    made = calibrated_trial(place / "plain.trc", read_trc(place / "plain.trc"), place / "anna.json", PERSON)
    np.testing.assert_allclose(made.positions, read_trc(place / "own.trc").positions, atol=2e-6)
    plain = read_trc(place / "plain.trc")
    assert calibrated_trial(place / "plain.trc", plain, None, PERSON) is plain


@pytest.mark.parametrize(
    ("file", "subject", "message"),
    [
        ("own.trc", PERSON, "calibrated already, by .*anna.json; leave --calibration out"),
        ("optical.trc", PERSON, "found no sidecar beside them"),
        ("plain.trc", Subject(1.70, 58.32), "the calibration is of a person of 1.584 m"),
    ],
)
def test_twice_calibrated_and_other_peoples_files_are_refused(
    place: Path, file: str, subject: Subject, message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrated_trial(place / file, read_trc(place / file), place / "anna.json", subject)
