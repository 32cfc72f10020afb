"""`trcaugment data check` and `data build`: what people see, and exit codes."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from dataset_files import write_npy

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.cli import main
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.window_set import generate_set
from trcaugment.training.recipe import read_recipe
from trcaugment.training.sources import make_generator

RECIPE = 'name = "x"\nseed = 4\n[motions]\nprocedural = 6\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    generator = WindowGenerator(make_library([], 16, seed=1), Population(), KeypointErrors())
    made = tmp_path_factory.mktemp("set") / "subset"
    made.mkdir()
    split = {"training_0": [0], "validation_0": [1], "test": [2]}
    write_npy(made, generate_set(generator, 3, 30, seed=8), split)
    return made


def run(*arguments):
    result = CliRunner().invoke(main, ["data", *map(str, arguments)], env={"COLUMNS": "120"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_good_data_set_is_described(folder):
    code, text = run("check", folder)
    assert code == 0
    windows = load_dataset(folder).window_set.windows
    for expected in (
        "windows in .npy files (marker-augmentation)",
        "30 of 30 frames at 60 Hz, 0.2 min",
        f"{float(windows.height_m.min()):.2f}-{float(windows.height_m.max()):.2f} m",
        f"{float(windows.mass_kg.min()):.1f}-{float(windows.mass_kg.max()):.1f} kg",
        "squats 30",
        "1 training, 1 validation, 1 test",
        "5 synthetic sizes",
        "Nothing wrong was found.",
    ):
        assert expected in text
    rows = [line for line in text.splitlines() if "dataset0-subject" in line]
    assert [line.split("│")[1].strip() for line in rows] == [f"dataset0-subject{k}" for k in range(3)]
    assert [line.split("│")[-2].strip() for line in rows] == ["training", "validation", "test"]


def test_what_is_wrong_is_said_and_counts(folder, tmp_path):
    bad = tmp_path / "bad"
    bad.mkdir()
    for file in folder.iterdir():
        os.link(file, bad / file.name)
    values = np.load(bad / "feature_4.npy")
    values[2, 5] = np.nan
    (bad / "feature_4.npy").unlink()
    np.save(bad / "feature_4.npy", values)
    code, text = run("check", bad)
    assert code == 1
    assert "wrong: 1 window with missing samples: feature_4.npy" in text
    assert "29 of 30 frames at 60 Hz" in text
    (bad / "responses_9.npy").unlink()
    code, text = run("check", bad)
    assert code == 1
    assert "did not find responses_9.npy" in text


def test_exit_codes_of_wrong_usage_and_no_data_set(tmp_path):
    assert run("check", tmp_path / "nowhere")[0] == 2
    code, text = run("check", tmp_path)
    assert code == 1
    assert text.startswith("wrong: ")
    assert "no known data set" in text
    assert run("build", tmp_path / "out", "--from", tmp_path / "nowhere")[0] == 2
    assert run("build", tmp_path / "out", "--from", tmp_path, "--windows", 5)[0] == 2
    (tmp_path / "r.toml").write_text("nmae = 1")
    assert run("build", tmp_path / "out", "--from", tmp_path / "r.toml")[0] == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("trcaugment.datasets.window_set.generate_set", lambda *_, **__: pytest.fail("made windows"))
    (tmp_path / "r.toml").write_text(RECIPE)
    (tmp_path / "used").touch()
    for out, part in (("used", "found one in use"), ("r.toml", "is an input")):
        code, text = run("build", tmp_path / out, "--from", tmp_path / "r.toml")
        assert code == 2
        assert part in text
    assert (tmp_path / "r.toml").read_text() == RECIPE


def test_nothing_is_made_among_the_data(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    code, text = run("build", tmp_path / "link" / "inside", "--from", tmp_path)
    assert code == 2
    assert "would lie among the data" in text
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_a_list_of_no_windows_is_told(folder, tmp_path):
    (tmp_path / "feature_0.npy").write_bytes((folder / "feature_0.npy").read_bytes())
    np.save(tmp_path / "infoData.npy", np.array({"datasets": [], "subjects": []}, dtype=object))
    code, text = run("check", tmp_path)
    assert code == 1
    assert f"{tmp_path / 'infoData.npy'}: expected windows, found none" in text


def test_numbers_beyond_32_bits_are_missing_samples(folder, tmp_path):
    for file in folder.iterdir():
        os.link(file, tmp_path / file.name)
    values = np.load(tmp_path / "feature_4.npy").astype(np.float64)
    (tmp_path / "feature_4.npy").unlink()
    np.save(tmp_path / "feature_4.npy", values * 1e300)
    code, text = run("check", tmp_path)  # warnings would be errors
    assert code == 1
    assert "wrong: 1 window with missing samples: feature_4.npy" in text


def test_a_list_of_subjects_that_is_no_csv_is_told(tmp_path):
    (tmp_path / "a_keypoints.trc").touch()
    cell = "x" * 200_000  # more than Python's reader takes
    (tmp_path / "subjects.csv").write_text(f"path,subject,height_m,mass_kg\n{cell},a,1.7,70\n")
    code, text = run("check", tmp_path)
    assert code == 1
    assert "subjects.csv: expected rows of a CSV file" in text


@pytest.mark.parametrize("layout", ["npy", "trc"])
def test_a_recipes_windows_are_built_and_read_again(tmp_path, layout):
    recipe = tmp_path / "r.toml"
    recipe.write_text(RECIPE)
    options = ("--layout", layout, "--subjects", 3, "--windows", 12)
    code, text = run("build", tmp_path / "out", "--from", recipe, *options)
    assert (code, text.replace("\n", "")) == (0, f"{tmp_path / 'out'}: 12 windows of 3 subjects, 0.1 min")
    found = load_dataset(tmp_path / "out")
    made = generate_set(make_generator(read_recipe(recipe), tmp_path), 3, 12, seed=4)
    assert sorted(found.window_set.subjects) == sorted(made.subjects)
    assert sorted(found.window_set.windows.mass_kg.tolist()) == sorted(made.windows.mass_kg.tolist())
    code, text = run("check", tmp_path / "out")
    assert code == 0, text
    code, text = run("build", tmp_path / "out", "--from", recipe, *options)
    assert code == 2
    assert "expected a new or empty folder, found one in use" in text
