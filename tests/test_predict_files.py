"""Inputs and outputs of `predict`: standard input and output, folders, other formats, quiet runs and JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from short_trials import short_walk, write_tiny_model

from trcaugment import read_trc, write_trc
from trcaugment.cli import main


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one short trial and a model."""
    write_tiny_model(tmp_path)
    write_trc(tmp_path / "walk.trc", short_walk())
    return tmp_path


def predict(place: Path, *arguments: object, given: bytes | None = None) -> Result:
    command = ["predict", *map(str, arguments), "--height", "1.584", "--mass", "58.32", "--model", str(place / "tiny")]
    return CliRunner().invoke(main, command, input=given)


def test_standard_input_and_output_carry_one_trial(place: Path) -> None:
    assert predict(place, place / "walk.trc", "-o", place / "out.trc").exit_code == 0
    expected = (place / "out.trc").read_bytes().replace(b"out.trc", b"markers.trc")
    before = sorted(place.iterdir())
    done = predict(place, "-", "-o", "-", given=(place / "walk.trc").read_bytes())
    assert done.exit_code == 0, done.stderr
    assert done.stdout_bytes == expected
    assert "standard input -> standard output\n  40 frames" in done.stderr
    assert sorted(place.iterdir()) == before
    done = predict(place, place / "walk.trc", "-o", "-", "--json", place / "done.json")
    assert done.stdout_bytes == expected.replace(b"markers.trc", b"walk.trc")
    (trial,) = json.loads((place / "done.json").read_bytes())["trials"]
    assert trial["sidecar"]["made"]["output"] == "standard output"
    done = predict(place, "-", "-o", place / "piped.trc", given=(place / "walk.trc").read_bytes())
    assert json.loads((place / "piped.json").read_bytes())["made"]["input"] == "standard input"
    assert (place / "piped.trc").read_bytes() == expected.replace(b"markers.trc", b"piped.trc")


def test_what_comes_from_standard_input_fails_by_that_name(place: Path) -> None:
    for given in (b"", b"this is no TRC\n"):
        done = predict(place, "-", "-o", "-", given=given)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "failed  standard input" in done.stderr


@pytest.mark.parametrize(("inputs", "options", "message"), [
    (["-", "walk.trc"], ["-o", "out/"], "standard input (-) is one trial"),
    (["-"], ["-o", "out/"], "has no name; name a file with -o"),
    (["walk.trc", "walk.trc"], ["-o", "-"], "standard output (-) takes the markers of one trial"),
    (["walk.trc"], ["-o", "-", "--ik"], "standard output (-) takes the markers of one trial"),
    (["walk.trc"], ["-o", "-", "--json", "-"], "would both write to standard output"),
    (["walk.trc"], ["-o", "out.csv"], "out.csv: only TRC and C3D files are written; name it out.trc."),
    (["walk.trc"], ["-o", "out.NPY"], "only TRC and C3D files are written; name it out.trc."),
    (["walk.trc"], ["-o", "missing/out.trc"], "there is no folder missing; create it first."),
    (["walk.trc"], ["-o", "walk.trc/out.trc"], "walk.trc is a file, not a folder; choose another place."),
    (["walk.trc"], ["-o", "out.trc", "--json", "missing/x"], "there is no folder missing; create it first."),
    (["walk.trc"], ["-o", "out.trc", "--json", "out.json"], "several outputs would become the one file out.json"),
    (["empty"], ["-o", "out/"], "empty: expected TRC or C3D files in the folder, found none"),
])  # fmt: skip
def test_what_cannot_be_is_wrong_usage_before_any_work(
    place: Path, monkeypatch: pytest.MonkeyPatch, inputs: list[str], options: list[str], message: str
) -> None:
    (place / "empty").mkdir()
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    done = predict(place, *inputs, *options)
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert sorted(place.rglob("*")) == before


def test_a_folder_stands_for_its_trials_without_outputs(place: Path) -> None:
    folder = place / "Läb 2.1 #%[ü]"
    folder.mkdir()
    for name in ("b.1.trc", "a.TRC", "notes.txt"):
        write_trc(folder / name, short_walk(n_frames=35))
    assert predict(place, folder / "b.1.trc", "-o", folder / "b_aug.trc").exit_code == 0
    done = predict(place, folder, "-o", place / "-out.d é")
    assert done.exit_code == 0, done.output
    assert f"{folder}: 2 TRC files; left out as outputs of trcaugment: 1" in done.stdout
    assert {path.name for path in (place / "-out.d é").glob("*")} == {"a.TRC", "a.json", "b.1.trc", "b.1.json"}
    done = predict(place, folder, "-o", folder, "--overwrite")
    assert done.exit_code == 2
    assert "is an input" in done.stderr


def test_an_input_that_ends_in_another_format_becomes_a_trc(place: Path) -> None:
    (place / "walk.trc").rename(place / "walk.txt")
    assert predict(place, place / "walk.txt", "-o", f"{place}/out/").exit_code == 0
    assert read_trc(place / "out" / "walk.trc").n_frames == 40


def test_quiet_says_only_what_failed(place: Path) -> None:
    (place / "bad.trc").write_text("this is no TRC\n")
    done = predict(place, "-q", place / "walk.trc", place / "bad.trc", "-o", place / "out")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "1 of 2 trials failed; the others are done."
    assert "bad.trc" in done.stderr
    assert "walk.trc" not in done.stderr


def test_json_has_the_sidecars_and_the_failures(place: Path) -> None:
    (place / "bad.trc").write_text("this is no TRC\n")
    done = predict(place, place / "walk.trc", place / "bad.trc", "-o", place / "out", "--json", "-")
    assert done.exit_code == 1
    good, bad = json.loads(done.stdout)["trials"]
    assert good["result"] == "converted"
    assert good["sidecar"] == json.loads((place / "out" / "walk.json").read_bytes())
    assert (bad["result"], bad["sidecar"]) == ("failed", None)
    assert "bad.trc" in bad["reason"]
    assert "-> " in done.stderr
