"""The scripts in examples/ run, on small files, and print what is true of them."""

from __future__ import annotations

import csv
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from docs_world import write_pairs
from short_trials import freeze, short_walk

from trcaugment import Markers, read_trc, write_trc

EXAMPLES = Path(__file__).parents[1] / "examples"


def _main(name: str, *arguments: object) -> None:
    runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]([str(each) for each in arguments])


def test_the_library_script_names_what_was_planted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = tmp_path / "trial.trc"
    walk = freeze(short_walk(0, 60), "LKnee", 20)
    positions = walk.positions.copy()
    positions[3:8, walk.names.index("RHeel")] = np.nan
    write_trc(trial, replace(walk, positions=positions), unit="mm")
    _main("use_as_library", trial, "--height", 1.584, "--mass", 58.32, "-o", tmp_path / "out.trc")
    printed = capsys.readouterr().out
    assert "filled: RHeel in frames 4-8" in printed
    assert "look twice, frozen" in printed
    assert (written := read_trc(tmp_path / "out.trc")).unit == "mm"
    assert len(written.names) == 35


def test_the_library_script_ends_with_one_line_on_a_wrong_file(tmp_path: Path) -> None:
    (tmp_path / "no.trc").write_text("not a trial")
    with pytest.raises(SystemExit, match=r"failed: .*no\.trc"):
        _main("use_as_library", tmp_path / "no.trc", "--height", 1.584, "--mass", 58.32, "-o", tmp_path / "out.trc")


@pytest.mark.slow
def test_the_batch_script_collects_the_angles_of_a_cohort(tmp_path: Path, opensim: object) -> None:
    (tmp_path / "cohort").mkdir()
    for name in ("one", "two"):
        write_trc(tmp_path / "cohort" / f"{name}.trc", short_walk(0, 60))
    (tmp_path / "cohort" / "subjects.csv").write_text("path,subject,height_m,mass_kg\n*,anna,1.584,58.32\n")
    _main("batch_with_angles", tmp_path / "cohort", "-o", tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "ranges.csv").read_text().splitlines()))
    assert [Path(row["motion"]).stem for row in rows] == ["one", "two"]
    low, high = (float(value) for value in rows[0]["knee_angle_r"].split(" to "))
    assert -15 < low < high < 90


@pytest.mark.slow
def test_the_training_script_trains_and_measures_on_people_of_the_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], short_fit: None
) -> None:
    write_pairs(tmp_path / "recordings", short_walk(0, 60), _markers())
    _main("train_on_own_data", tmp_path / "recordings", tmp_path / "runs" / "mine", "--epochs", 1, "--batches", 2)
    printed = capsys.readouterr().out
    assert "6 windows of 3 people" in printed
    errors_mm = {line.split(":")[0]: float(line.split()[1]) for line in printed.splitlines() if " mm on " in line}
    assert set(errors_mm) == {"mine", "shipped"}
    assert max(errors_mm.values()) < 40  # two batches teach the LSTM little, but the linear path is fitted


def _markers() -> Markers:
    markers = read_trc(EXAMPLES / "walk_markers.trc")
    return replace(markers, positions=markers.positions[:60], time_s=markers.time_s[:60])
