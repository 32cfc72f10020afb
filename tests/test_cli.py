from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from trcaugment import __version__, load_model, read_trc, write_trc
from trcaugment.cli import main
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.training.recipe import Recipe, read_recipe

EXAMPLES = Path(__file__).parents[1] / "examples"
WALK = EXAMPLES / "walk.trc"
SQUAT = EXAMPLES / "squat_mm_with_gaps.trc"


def predict(*arguments: object, height: str = "1.584", mass: str = "58.32") -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments), "--height", height, "--mass", mass])


def test_readme_example_writes_a_file_with_35_markers(tmp_path: Path) -> None:
    output = tmp_path / "walk_aug.trc"
    result = predict(WALK, "-o", output)
    assert result.exit_code == 0, result.output
    written, source = read_trc(output), read_trc(WALK)
    assert written.names == ANATOMICAL_MARKERS.names
    np.testing.assert_allclose(written.time_s, source.time_s, atol=1e-6)
    assert "600 frames, 10.0 s at 60 Hz" in result.output


def test_gaps_units_and_keypoints(tmp_path: Path) -> None:
    output = tmp_path / "squat.trc"
    result = predict(SQUAT, "-o", output, "--with-keypoints")
    assert result.exit_code == 0, result.output
    assert "filled: RSmallToe in 6 frames (41-46)" in result.output
    assert "missing, most likely place instead: LHeel in 20 frames (91-110)" in result.output
    written, source = read_trc(output), read_trc(SQUAT)
    assert written.unit == "mm"
    assert written.names == source.names + ANATOMICAL_MARKERS.names
    np.testing.assert_allclose(written.select(source.names), source.positions, atol=1e-6)
    assert np.isfinite(written.select(ANATOMICAL_MARKERS)).all()
    result = predict(SQUAT, "-o", output, "--overwrite", "--max-gap", "0")
    assert "missing, most likely place instead: RSmallToe in 6 frames (41-46)" in result.output
    assert "filled" not in result.output


def test_markers_that_opencap_added_are_replaced_not_doubled(tmp_path: Path) -> None:
    source = read_trc(SQUAT)
    old = replace(
        source,
        names=(*source.names, "C7_study"),
        positions=np.concatenate([source.positions, source.positions[:, :1]], axis=1),
    )
    write_trc(tmp_path / "in.trc", old)
    result = predict(tmp_path / "in.trc", "-o", tmp_path / "out.trc", "--with-keypoints")
    assert result.exit_code == 0, result.output
    assert read_trc(tmp_path / "out.trc").names == source.names + ANATOMICAL_MARKERS.names


def test_both_opensim_readers_open_the_output(tmp_path: Path, opensim: Any) -> None:
    output = tmp_path / "squat.trc"
    assert predict(SQUAT, "-o", output).exit_code == 0
    expected = read_trc(output)
    table = opensim.TimeSeriesTableVec3(str(output))
    assert list(table.getColumnLabels()) == list(ANATOMICAL_MARKERS)
    assert opensim.MarkerData(str(output)).getNumFrames() == expected.n_frames
    row = table.getRowAtIndex(7)
    found = [[row[k][axis] / 1000 for axis in range(3)] for k in range(len(ANATOMICAL_MARKERS))]
    np.testing.assert_allclose(found, expected.positions[7], atol=1e-6)


@pytest.mark.parametrize(
    ("height", "mass", "likely"),
    [
        ("158", "58", "1.58 (m)"),
        ("1584", "58", "1.584 (m)"),
        ("-1.58", "58", "found -1.58"),
        ("nan", "58", "found nan"),
        ("1.58", "58320", "58.32 (kg)"),
        ("1.58", "0", "found 0"),
        ("1.58", "1e9", "found 1e+09"),
    ],
)
def test_absurd_persons_are_refused_with_the_likely_meaning(
    tmp_path: Path, height: str, mass: str, likely: str
) -> None:
    result = predict(WALK, "-o", tmp_path / "out.trc", height=height, mass=mass)
    assert result.exit_code == 2
    assert likely in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_an_existing_output_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    output = tmp_path / "out.trc"
    output.write_text("precious")
    refused = predict(SQUAT, "-o", output)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.output
    assert output.read_text() == "precious"
    assert predict(SQUAT, "-o", output, "--overwrite").exit_code == 0
    assert read_trc(output).names == ANATOMICAL_MARKERS.names


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    source = tmp_path / "in.trc"
    source.write_bytes(SQUAT.read_bytes())
    result = predict(source, "-o", source, "--overwrite")
    assert result.exit_code == 2
    assert "is an input" in result.output
    assert source.read_bytes() == SQUAT.read_bytes()


def test_one_bad_trial_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.trc"
    bad.write_text("this is no TRC\n")
    output = tmp_path / "augmented"
    result = predict(SQUAT, bad, tmp_path / "absent.trc", WALK, "-o", output)
    assert result.exit_code == 1
    assert sorted(path.name for path in output.glob("*.trc")) == [SQUAT.name, WALK.name]
    assert "bad.trc" in result.output
    assert "absent.trc" in result.output
    assert "2 of 4 trials failed" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("what", ["folder", "empty", "binary"])
def test_inputs_that_are_no_trc_give_one_clear_error(tmp_path: Path, what: str) -> None:
    source = tmp_path / "in.trc"
    if what == "folder":
        source.mkdir()
    else:
        source.write_bytes(b"" if what == "empty" else bytes(range(256)) * 50)
    result = predict(source, "-o", tmp_path / "out.trc")
    assert result.exit_code == (2 if what == "folder" else 1)
    assert "".join(str(source).split()) in "".join(result.output.split())
    assert not (tmp_path / "out.trc").exists()


def test_an_output_in_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    result = predict(SQUAT, "-o", tmp_path / "absent" / "out.trc")
    assert result.exit_code == 2
    assert "create it first" in result.output


def test_a_trailing_slash_means_a_folder(tmp_path: Path) -> None:
    assert predict(SQUAT, "-o", f"{tmp_path}/new/").exit_code == 0
    assert [path.name for path in (tmp_path / "new").glob("*.trc")] == [SQUAT.name]


def test_an_input_is_never_overwritten_through_a_link(tmp_path: Path) -> None:
    first, second = tmp_path / "a.trc", tmp_path / "b.trc"
    for path in (first, second):
        path.write_bytes(SQUAT.read_bytes())
    output = tmp_path / "out"
    output.mkdir()
    (output / "a.trc").symlink_to(second)
    assert predict(first, second, "-o", output, "--overwrite").exit_code == 2
    assert second.read_bytes() == SQUAT.read_bytes()


def test_a_closed_screen_does_not_end_the_session(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "trcaugment", "predict", SQUAT, WALK, "-o", tmp_path / "out"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*map(str, command), "--height", "1.584", "--mass", "58"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert sorted(path.name for path in (tmp_path / "out").glob("*.trc")) == [SQUAT.name, WALK.name]
    assert b"Traceback" not in done.stderr


def test_a_poor_console_encoding_does_not_end_the_session(tmp_path: Path) -> None:
    source = tmp_path / "Sprünge → 日本.trc"
    source.write_bytes(SQUAT.read_bytes())
    command = [sys.executable, "-m", "trcaugment", "predict", source, "-o", tmp_path / "out.trc"]
    done = subprocess.run(
        [*map(str, command), "--height", "1.584", "--mass", "58"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.trc").exists()


def test_an_impossible_name_is_wrong_usage(tmp_path: Path) -> None:
    result = predict(SQUAT, "-o", tmp_path / ("a" * 300 + ".trc"))
    assert result.exit_code == 2
    assert "cannot write to" in result.output


def test_inputs_of_one_name_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other" / SQUAT.name
    other.parent.mkdir()
    other.write_bytes(SQUAT.read_bytes())
    result = predict(SQUAT, other, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "several outputs would become" in result.output


def test_unknown_model_lists_the_shipped_ones(tmp_path: Path) -> None:
    result = predict(SQUAT, "-o", tmp_path / "out.trc", "--model", "nonsense")
    assert result.exit_code == 2
    assert load_model().card.name in result.output


def test_models_lists_cards() -> None:
    result = CliRunner().invoke(main, ["models"])
    assert result.exit_code == 0
    assert load_model().card.name in result.output
    assert load_model().card.sha256 in "".join(result.output.replace("│", "").split())


def test_help_loads_neither_torch_nor_opensim() -> None:
    program = (
        "import sys\nfrom trcaugment.cli import main\n"
        "for arguments in (['--help'], ['predict', '--help'], ['train', '--help'], ['models', '--help']):\n"
        "    main(arguments, standalone_mode=False)\n"
        "assert not {'torch', 'opensim', 'lightning'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--with-keypoints" in done.stdout


def test_train_makes_a_model_that_predict_takes(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        'name = "tiny"\n[motions]\nprocedural = 16\n[network]\nhidden = 8\nn_layers = 1\n'
        "[optimization]\nepochs = 1\nbatches_per_epoch = 2\nbatch_windows = 8\nvalidation_windows = 8\n"
    )
    run = tmp_path / "run"
    trained = CliRunner().invoke(main, ["train", str(recipe), "-o", str(run)])
    assert trained.exit_code == 0, trained.output
    assert predict(SQUAT, "-o", tmp_path / "out.trc", "--model", run / "model").exit_code == 0
    again = CliRunner().invoke(main, ["train", str(recipe), "-o", str(run)])
    assert again.exit_code == 2
    assert "--resume" in again.output


def test_a_wrong_recipe_is_wrong_usage(tmp_path: Path) -> None:
    recipe = tmp_path / "wrong.toml"
    recipe.write_text('name = "wrong"\n[network]\nhiden = 8\n')
    result = CliRunner().invoke(main, ["train", str(recipe), "-o", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "unknown key hiden in [network]; did you mean hidden?" in " ".join(result.output.split())


def test_without_a_recipe_train_names_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train"])
    assert result.exit_code == 2
    assert "recipe.toml: there is no such recipe; trcaugment train --example" in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_the_example_recipe_states_the_defaults() -> None:
    written = read_recipe(EXAMPLES / "recipe.toml")
    assert written == Recipe(name=written.name, description=written.description)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_that_of_the_package(option: str) -> None:
    result = CliRunner().invoke(main, [option])
    assert (result.exit_code, result.output) == (0, f"trcaugment, version {__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["predict", "", "-o", "x.trc"], ["view", ""], ["live", "--host", ""]], ids=" ".join
)
def test_an_empty_argument_is_named_and_is_not_the_working_folder(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "is a variable not set" in done.output


@pytest.mark.parametrize(
    "command",
    [("view",), ("report",), ("attention", "--height", "1.7", "--mass", "60", "-o", "x.png")],
    ids=lambda c: c[0],
)
def test_a_folder_is_no_trial(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, [*command, "."])
    assert done.exit_code == 2
    assert "'.' is a directory" in done.output
