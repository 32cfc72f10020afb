"""`--names` on the command line: the same markers come out of a file whose names are its own."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from short_trials import WALK

from trcaugment import read_trc, write_trc
from trcaugment.cli import main
from trcaugment.marker_sets import KEYPOINTS

SIZE = ("--height", "1.584", "--mass", "58.32")


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def plain(tmp_path):
    """A short walk with the model's keypoints, and what is predicted from it."""
    walk = read_trc(WALK)
    names = tuple(KEYPOINTS)
    short = replace(walk, names=names, positions=walk.select(names)[:40], time_s=walk.time_s[:40], notes=())
    write_trc(tmp_path / "plain.trc", short)
    assert run("predict", tmp_path / "plain.trc", *SIZE, "-o", tmp_path / "plain_out.trc").exit_code == 0
    return short, read_trc(tmp_path / "plain_out.trc").positions


def test_names_are_mapped_one_by_one_and_by_pattern(tmp_path, plain):
    short, expected = plain
    renamed = tuple({"RHip": "hanche droite", "LHip": "L7"}.get(name, name) for name in short.names)
    write_trc(tmp_path / "a.trc", replace(short, names=renamed))
    other = ("P2_RHip", *(f"P2_{name}" for name in short.names if name != "RHip"))
    places = [short.names.index(name.removeprefix("P2_")) for name in other]
    people = [f"P1_{name}" for name in short.names]
    both = np.concatenate([short.positions[:, places], short.positions + 1], axis=1)
    write_trc(tmp_path / "b.trc", replace(short, names=(*other, *people), positions=both))
    (tmp_path / "map.csv").write_text("ours,theirs\nRHip,hanche droite\n")
    options = {
        "a": ["--names", tmp_path / "map.csv", "--names", "LHip=L7"],
        "b": ["--names", "*=P2_*"],
    }
    for name, words in options.items():
        refused = run("predict", tmp_path / f"{name}.trc", *SIZE, "-o", tmp_path / f"{name}_none.trc")
        assert refused.exit_code == 1 and "--names" in refused.output
        result = run("predict", tmp_path / f"{name}.trc", *SIZE, "-o", tmp_path / f"{name}_out.trc", *words)
        assert result.exit_code == 0, result.output
        np.testing.assert_array_equal(read_trc(tmp_path / f"{name}_out.trc").positions, expected)
    assert (
        "RHip is hanche droite, as --names says"
        in json.loads((tmp_path / "a_out.json").read_text())["input"]["notes"][0]
    )


def test_a_common_prefix_is_noted_in_one_line(tmp_path, plain):
    short, expected = plain
    write_trc(tmp_path / "p.trc", replace(short, names=tuple(f"Patient01:{name}" for name in short.names)))
    result = run("predict", tmp_path / "p.trc", *SIZE, "-o", tmp_path / "p_out.trc")
    assert result.exit_code == 0, result.output
    assert "noted: Names begin with 'Patient01:': read without it" in result.output
    assert "named:" not in result.output
    np.testing.assert_array_equal(read_trc(tmp_path / "p_out.trc").positions, expected)


def test_a_batch_with_other_names_is_made_anew(tmp_path, plain):
    folder = tmp_path / "cohort"
    folder.mkdir()
    write_trc(folder / "walk.trc", replace(plain[0], names=tuple(f"x{k}" for k in range(15))))
    (folder / "subjects.csv").write_text("path,subject,height_m,mass_kg\n*,a,1.584,58.32\n")
    (tmp_path / "map.csv").write_text("".join(f"{name},x{k}\n" for k, name in enumerate(KEYPOINTS)))
    (tmp_path / "other.csv").write_text("".join(f"{name},x{k}\n" for k, name in reversed([*enumerate(KEYPOINTS)])))
    words = ("batch", folder, "-o", tmp_path / "out", "--jobs", 1, "--names")
    first, again, other = (run(*words, tmp_path / file) for file in ("map.csv", "map.csv", "other.csv"))
    assert (first.exit_code, again.exit_code, other.exit_code) == (0, 0, 0), first.output + other.output
    assert "kept" in again.output and "kept" not in other.output
    out = read_trc(next((tmp_path / "out").rglob("walk.trc")))
    np.testing.assert_array_equal(out.positions, plain[1])


@pytest.mark.parametrize("command", ["predict", "batch", "osim ik", "osim check"])
def test_invalid_maps_are_wrong_usage(tmp_path, plain, command):
    words = {"osim check": ["--model", WALK], "batch": ["-o", tmp_path]}.get(command, ["-o", tmp_path, *SIZE])
    place = tmp_path if command == "batch" else tmp_path / "plain.trc"
    result = run(*command.split(), place, *words, "--names", "nonsense")
    assert result.exit_code == 2
    assert "--names: expected names as OURS=THEIRS" in result.output


def test_osim_commands_take_names_and_say_what_is_misread(tmp_path, plain, opensim, monkeypatch):
    write_trc(tmp_path / "marks.trc", read_trc(tmp_path / "plain_out.trc"))
    lines = (tmp_path / "marks.trc").read_text().replace("r.ASIS_study", "RASI").split("\n")
    lines = lines[:14]  # OpenSim takes its time
    lines[6:] = [f"{line.replace(chr(9), '.000' + chr(9), 1)}" for line in lines[6:]]
    (tmp_path / "own.trc").write_text("\n".join(lines))
    assert run("osim", "model", tmp_path / "full.osim").exit_code == 0
    told = ("--names", "r.ASIS_study=RASI")
    result = run("osim", "check", tmp_path / "own.trc", "--model", tmp_path / "full.osim", *told)
    assert result.exit_code == 0, result.output
    assert "(35)" in result.output and "decimals of frame" in result.output and "RASI" not in result.output
    people = []
    monkeypatch.setattr("trcaugment.conversion.ik.scale_and_solve", lambda given, *_: people.extend(given) or [])
    monkeypatch.setattr("trcaugment.conversion.pools.local_pool", lambda *_, **__: nullcontext())
    run("osim", "ik", tmp_path / "own.trc", *SIZE, "-o", tmp_path / "ik", *told)
    assert people[0].names.theirs == {"r.ASIS_study": "RASI"}


def test_a_motion_without_a_unit_is_compared_and_noted(tmp_path):
    head = "a\nversion=1\n{}endheader\ntime\tknee_angle_r\n"
    for folder, unit in (("one", "inDegrees=yes\n"), ("two", "")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.mot").write_text(head.format(unit) + "0\t1\n0.5\t2\n1\t4\n")
    compared = run("osim", "compare", tmp_path / "one" / "own.mot", tmp_path / "two" / "own.mot")
    assert compared.exit_code == 0, compared.output
    assert "own.mot: The header has no inDegrees" in compared.output
