"""Pages that predict and batch write: a report beside each trial, and an index with the worst first."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import pytest
from made_trials import run
from short_trials import freeze, short_walk, write_cohort, write_tiny_model

from trcaugment import write_trc
from trcaugment.conversion.report import Row
from trcaugment.conversion.sidecar import GuardFinding
from trcaugment.formats.files import report_path
from trcaugment.pages.cohort import check_pages, write_index


def trials_of(index: Path) -> list[str]:
    """Names in the order of the table."""
    return re.findall(r"<tr>\s*<td>(?:<a [^>]*>)?([^<]*)", index.read_text(encoding="utf-8"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path)


def test_a_batch_writes_pages_and_an_index_and_keeps_what_is_current(tmp_path: Path, model: Path) -> None:
    cohort, output = write_cohort(tmp_path / "cohort", 4), tmp_path / "out"
    write_trc(cohort / "bert" / "t03.trc", freeze(short_walk(60, 60), "RKnee", 10))
    (cohort / "anna" / "t01.trc").write_text("nonsense")
    (cohort / "bert" / "t02.trc").unlink()
    command = ("batch", cohort, "-o", output, "--model", model, "--jobs", 1, "--report")
    assert f"pages: {output / 'batch_report.html'}" in run(*command, code=1).output
    assert trials_of(output / "batch_report.html") == ["anna/t01.trc", "bert/t03.trc", "anna/t00.trc"]  # failed, frozen
    text = (output / "batch_report.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]*)"', text)
    assert links == ["bert/t03_report.html", "anna/t00_report.html"]
    pages = [output / link for link in links]
    assert all("Segment lengths" in page.read_text(encoding="utf-8") for page in pages)
    assert 'id="attention"' in pages[0].read_text(encoding="utf-8")  # of the model that predicted it
    made = {page: page.stat().st_mtime_ns for page in pages}
    pages[1].unlink()
    run(*command, code=1)
    assert {page for page in pages if page.stat().st_mtime_ns != made[page]} == {pages[1]}
    pages[0].write_text("mine")
    assert "it is no page of trcaugment" in run(*command, code=2).output
    check_pages([output / "bert" / "t03.trc"], output, overwrite=True)
    assert pages[0].read_text() == "mine"


def test_the_index_puts_failures_first_then_errors_findings_and_missing_frames(tmp_path: Path) -> None:
    finding = GuardFinding(guard="frozen", message="it froze", frames=())
    usual = {"result": "converted", "n_frames": 100, "n_frames_predicted": 100}
    solved = {"angles": "solved", "ik_marker_rms_m": 0.01, "ik_marker_max_m": 0.03}
    rows = [
        Row(trial="good", **usual, **solved),
        Row(trial="gaps", **usual | {"n_frames_predicted": 50}, **solved),
        Row(trial="odd", **usual, **solved, findings=(finding, finding)),
        Row(trial="far", **usual, **solved | {"ik_over_limits": "max 80 mm"}),
        Row(trial="no angles", **usual, angles="failed", angles_reason="<b>OpenSim</b> stopped"),
        Row(trial="failed", result="failed", reason="no keypoints"),
    ]
    write_index(tmp_path, rows, {})
    assert trials_of(tmp_path / "batch_report.html") == ["failed", "no angles", "far", "odd", "gaps", "good"]
    text = (tmp_path / "batch_report.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;OpenSim" in text
    assert '<span class="finding"><b>1</b> with findings' in text
    assert text.count("frozen") == 1


def test_predict_writes_a_report_beside_its_output(tmp_path: Path, model: Path) -> None:
    source, output = tmp_path / "walk.trc", tmp_path / "walk_aug.trc"
    write_trc(source, short_walk())
    command = ("predict", source, "--height", 1.584, "--mass", 58.32, "-o", output, "--model", model, "--report")
    page = report_path(output)
    assert f"report: {page}" in run(*command).output
    assert 'id="attention"' in page.read_text(encoding="utf-8")
    output.unlink()
    assert f"{page} exists; add --overwrite" in run(*command, code=2).output
    assert "with -o -, leave it out" in run(*command[:6], "-o", "-", "--report", code=2).output
    run(*command[:6], "-o", f"{tmp_path / 'new'}/", "--model", model, "--report")  # a folder that is made
    assert report_path(tmp_path / "new" / "walk.trc").is_file()


def test_a_report_that_cannot_be_written_leaves_the_summary(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("trcaugment.cli.predict.replace_file", full)
    source, output, summary = (tmp_path / name for name in ("walk.trc", "walk_aug.trc", "summary.json"))
    write_trc(source, short_walk())
    command = ("predict", source, "--height", 1.584, "--mass", 58.32, "-o", output, "--model", model, "--report")
    said = run(*command, "--json", summary, code=1).output
    assert f"no report  {report_path(output)} cannot be written" in said
    assert json.loads(summary.read_text(encoding="utf-8"))["trials"][0]["result"] == "converted"
