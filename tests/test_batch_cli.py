"""`trcaugment batch` and `predict` when things go wrong: full disks, closed screens, renamed and deleted trials."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import trcaugment.conversion.report
from trcaugment.cli import main
from trcaugment.cli.screen import Summary

SQUAT = Path(__file__).parents[1] / "examples" / "squat_mm_with_gaps.trc"


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Two short trials of one person."""
    folder = tmp_path / "cohort"
    folder.mkdir()
    text = SQUAT.read_text().splitlines(keepends=True)
    for name in ("a.trc", "b.trc"):
        (folder / name).write_text("".join(text[:46]).replace("\t180\t", "\t40\t"))
    (folder / "subjects.csv").write_text("path,subject,height_m,mass_kg\n*,S1,1.58,58\n")
    return folder


def batch(cohort: Path, *options: str) -> Result:
    arguments = ["batch", str(cohort), "-o", str(cohort.parent / "out"), "--jobs", "1", *options]
    return CliRunner().invoke(main, arguments)


def rows(cohort: Path) -> dict[str, dict[str, str]]:
    with (cohort.parent / "out" / "batch_report.csv").open(newline="") as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def test_outputs_of_deleted_and_renamed_trials_are_reported(cohort: Path) -> None:
    assert batch(cohort).exit_code == 0
    (cohort / "a.trc").unlink()
    (cohort / "b.trc").rename(cohort / "c.trc")
    plan = batch(cohort, "--dry-run")
    assert "1 trial to convert, 0 that cannot be, 2 left out on purpose" in plan.output
    assert batch(cohort).exit_code == 0
    report = rows(cohort)
    assert report["c.trc"]["result"] == "converted"
    for name in ("a.trc", "b.trc"):
        row = report[str(cohort.parent / "out" / name)]
        assert row["result"] == "left out"
        assert row["reason"] == f"made earlier from {cohort / name}, which is no trial of this batch"


def test_no_name_of_a_trial_or_folder_is_too_odd(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cohort.parent)
    (cohort / "S 1.b #[x]").mkdir()
    names = ["-lead.1.2.trc", "S 1.b #[x]/é%&.trc.trc"]
    (cohort / "a.trc").rename(cohort / names[0])
    (cohort / "b.trc").rename(cohort / names[1])
    cohort.rename("-lab.1 [ü]")
    result = CliRunner().invoke(main, ["batch", "-o", "-out.b", "--jobs", "1", "--", "-lab.1 [ü]"])
    assert result.exit_code == 0, result.output
    assert [path.relative_to("-out.b").as_posix() for path in sorted(Path("-out.b").rglob("*.trc"))] == names
    assert all(path.with_suffix(".json").is_file() for path in Path("-out.b").rglob("*.trc"))


def test_a_trial_does_not_take_the_reports_name(cohort: Path) -> None:
    (cohort / "a.trc").rename(cohort / "Batch_Report.trc")
    result = batch(cohort)
    assert result.exit_code == 1
    assert "several outputs would become the one file" in " ".join(result.output.split())
    assert set(json.loads((cohort.parent / "out" / "batch_report.json").read_text())) == {"counts", "trials"}
    assert [name for name, row in rows(cohort).items() if row["result"] == "converted"] == ["b.trc"]


def test_a_file_that_breaks_off_is_converted_and_reported(cohort: Path) -> None:
    whole = (cohort / "a.trc").read_bytes()
    (cohort / "a.trc").write_bytes(whole[: len(whole) // 2])
    assert batch(cohort).exit_code == 0
    with (cohort.parent / "out" / "batch_findings.csv").open(newline="") as file:
        notes = [row for row in csv.DictReader(file) if row["found_by"] == "reader"]
    assert {(note["trial"], note["first_frame"]) for note in notes} == {("a.trc", "")}
    assert any("The header says 40 frames, the file has" in note["message"] for note in notes)
    assert [rows(cohort)[name]["n_notes"] for name in ("a.trc", "b.trc")] == [str(len(notes)), "0"]


def test_the_work_is_reported_where_the_report_cannot_be_written(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(trcaugment.conversion.report, "replace_file", full)
    (cohort / "b.trc").write_text("")
    result = batch(cohort)
    assert result.exit_code == 1  # not 2: nothing was wrong with the command
    assert "1 converted, 1 failed" in result.output
    assert "the report of the batch cannot be written: No space left on device. Free some space" in result.output
    assert (cohort.parent / "out" / "a.trc").is_file()
    monkeypatch.undo()
    (cohort / "b.trc").unlink()
    assert "1 kept" in batch(cohort).output  # and the folder is free again


def test_another_models_outputs_are_made_anew_and_foreign_ones_kept(cohort: Path) -> None:
    batch(cohort)
    (cohort.parent / "out" / "a.json").unlink()
    before = (cohort.parent / "out" / "a.trc").read_bytes()
    result = batch(cohort, "--model", "bilstm-attention-v1")
    assert result.exit_code == 1
    assert "1 converted, 1 failed" in result.output
    assert "was not made here, or was changed since. Move it, or add --overwrite" in rows(cohort)["a.trc"]["reason"]
    assert (cohort.parent / "out" / "a.trc").read_bytes() == before
    assert "1 converted, 1 kept" in batch(cohort, "--model", "bilstm-attention-v1", "--overwrite").output


def test_an_empty_model_name_is_no_model(cohort: Path) -> None:
    result = batch(cohort, "--model", "")
    assert result.exit_code == 2
    assert not (cohort.parent / "out").exists()


def test_tables_without_a_screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    Summary().show("a table")
    assert not capsys.readouterr().err


def test_tables_into_a_closed_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.MonkeyPatch.context() as patch, open(writing, "w") as pipe:  # noqa: PTH123
        patch.setattr(sys, "stdout", pipe)
        Summary().show("a table")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # what is buffered has to go somewhere
    assert not capsys.readouterr().err


@pytest.mark.parametrize("name", ["out.json", "out.JSON"])
def test_an_output_is_not_its_own_sidecar(tmp_path: Path, name: str) -> None:
    arguments = ["predict", str(SQUAT), "--height", "1.58", "--mass", "58", "-o", str(tmp_path / name)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "choose one that ends in .trc" in result.output


def test_one_input_that_may_not_be_read_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: "locked" not in str(path))  # click asks it; root may read all
    (tmp_path / "locked.trc").touch()
    shutil.copy(SQUAT, tmp_path / "a.trc")
    names = [str(tmp_path / name) for name in ("locked.trc", "a.trc")]
    result = CliRunner().invoke(main, ["predict", *names, "--height", "1.58", "--mass", "58", "-o", f"{tmp_path}/out/"])
    assert result.exit_code == 1
    assert "1 of 2 trials failed" in result.output
    assert (tmp_path / "out" / "a.trc").is_file()


def test_long_names_are_shown_whole(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "n" * 200 + ".trc"
    (cohort / name).write_text("")
    result = batch(cohort)
    assert "…" not in result.output
    assert result.output.count("n" * 20) > 9


def test_a_file_in_the_place_of_a_folder_stops_no_other_trial(cohort: Path) -> None:
    (cohort / "S1").mkdir()
    (cohort / "a.trc").rename(cohort / "S1" / "a.trc")
    (cohort.parent / "out").mkdir()
    (cohort.parent / "out" / "S1").touch()
    result = batch(cohort)
    assert result.exit_code == 1
    assert "1 converted, 1 failed" in result.output
    assert "cannot be written: Not a directory" in rows(cohort)["S1/a.trc"]["reason"]


def test_every_cell_of_the_report_holds_one_value_and_numbers_are_numbers(cohort: Path) -> None:
    assert batch(cohort).exit_code == 0
    for row in rows(cohort).values():
        assert (float(row["height_m"]), float(row["mass_kg"])) == (1.58, 58)
        assert all(row[f"n_{what}"].isdigit() for what in ("frames", "frames_predicted", "notes", "findings"))
        assert not [cell for cell in row.values() if ";" in cell]


def test_quiet_says_only_what_failed_and_json_is_the_report(cohort: Path) -> None:
    quiet = batch(cohort, "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")
    (cohort / "b.trc").write_text("")
    done = batch(cohort, "-q", "--json", "-")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == json.loads((cohort.parent / "out" / "batch_report.json").read_bytes())
    assert "b.trc" in done.stderr
    assert "a.trc" not in done.stderr
    (cohort.parent / "there.json").touch()
    for options, message in (
        (["--json", str(cohort.parent / "there.json")], "there.json exists; add --overwrite"),
        (["--json", str(cohort / "x.json")], "would lie among the data"),
        (["--json", "-", "--dry-run"], "leave one out"),
    ):
        done = batch(cohort, *options)
        assert done.exit_code == 2
        assert message in " ".join(done.stderr.split())


def test_tables_fit_eighty_columns(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (cohort / ("n" * 100 + ".trc")).write_text("")
    for options in (["--dry-run"], []):
        table = [line for line in batch(cohort, *options).stdout.splitlines() if line.startswith(" ")]
        assert table
        assert max(map(len, table)) <= 80
