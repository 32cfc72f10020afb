"""C3D in and out: round trips, what OpenSim reads in our files, and files as other programs write them."""

from __future__ import annotations

import io
import json
import struct
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from short_trials import lose, short_walk, write_tiny_model
from strategies import markers

from trcaugment.cli import main
from trcaugment.conversion.ik import _read
from trcaugment.errors import C3dError
from trcaugment.evaluation.predicted import PredictedFiles
from trcaugment.evaluation.trials import read_person
from trcaugment.formats.c3d import _ezc3d, format_c3d, parse_c3d
from trcaugment.formats.name_map import AS_THEY_ARE
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.formats.trials import format_trial, read_trial
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import Markers
from trcaugment.osim.model import write_shipped_model
from trcaugment.subject import Subject

EXAMPLES = Path(__file__).parents[1] / "examples"

pytest.importorskip("ezc3d", reason="the extra c3d is not installed")


def made(points: np.ndarray, labels: list[str], **parameters: object) -> bytes:
    """A C3D file by ezc3d itself: points (3, n_points, n_frames) in mm at 50 Hz unless `parameters` say otherwise."""
    point = {"RATE": [50.0], "UNITS": ["mm"], "LABELS": labels} | parameters
    given = io.BytesIO()
    about = json.dumps({"parameters": {"POINT": point}, "first": 0})
    np.savez(
        given,
        points=np.concatenate([points, np.ones_like(points[:1])]),
        residuals=np.zeros_like(points[:1]),
        about=about,
    )
    return _ezc3d("write", given.getvalue())


@settings(max_examples=6)
@given(
    markers(),
    st.floats(20, 500),
    st.floats(-10, 1e5),
    st.sampled_from(["m", "cm", "mm"]),
)
def test_round_trip(trial: Markers, rate_hz: float, start_s: float, unit: str) -> None:
    trial = replace(trial, time_s=start_s + np.arange(trial.n_frames) / rate_hz)
    data = format_c3d("a.c3d", trial, unit=unit)
    back = parse_c3d(data, "a.c3d")
    assert (back.names, back.unit) == (trial.names, unit)
    there = np.isfinite(trial.positions).all(axis=2)
    np.testing.assert_array_equal(np.isfinite(back.positions).all(axis=2), there)
    # Single precision, and what would read as missing is moved by 0.1 µm.
    np.testing.assert_allclose(back.positions[there], trial.positions[there], rtol=1e-6, atol=2e-7)
    np.testing.assert_allclose(back.time_s, trial.time_s, rtol=1e-7, atol=1e-7 if trial.n_frames > 1 else 0)


def test_the_bytes_are_those_of_the_format() -> None:
    """Read by the format's own rules (c3d.org, "The C3D File Format"), without ezc3d."""
    trial = lose(replace(short_walk(), time_s=2.0 + np.arange(40) / 60), "RKnee", 3, 5)
    data = format_c3d("a.c3d", trial, unit="mm")
    assert data == format_c3d("b.c3d", trial, unit="mm")  # no date, no name
    n_points, _, first, last, _ = struct.unpack("<5H", data[2:12])
    scale, start, _, rate_hz = struct.unpack("<fHHf", data[12:24])
    assert (data[1], n_points, first, last, rate_hz) == (0x50, 20, 121, 160, 60.0)
    assert scale < 0  # positions are floats
    read = np.frombuffer(data, "<f4", 40 * 20 * 4, 512 * (start - 1)).reshape(40, 20, 4)
    lost = np.isnan(trial.positions).any(axis=2)
    np.testing.assert_array_equal(read[:, :, 3] < 0, lost)
    np.testing.assert_allclose(read[:, :, :3], np.where(lost[:, :, None], 0, 1000 * trial.positions), atol=1e-4)


def test_what_other_programs_write() -> None:
    points = 1000 * np.random.default_rng(0).normal(size=(3, 5, 6))
    points[:, 0, 2] = 0
    points[:, 1, 3] = np.nan
    labels = ["S1:RKnee", "LHipAngles", "twice", "twice", ""]
    data = made(points, labels, ANGLES=["LHipAngles"], UNITS=["Millimeters"])
    trial = parse_c3d(data, "a.c3d")
    assert trial.names == ("S1:RKnee", "twice#1", "twice#2", "unnamed_5")
    assert trial.notes == (
        "Labels that occur more than once are numbered: twice.",
        "1 of 5 points are angles, forces or the like: left out.",
    )
    assert np.isnan(trial.positions[2, 0]).all() and np.isfinite(trial.positions[3, 0]).all()
    np.testing.assert_allclose(trial.positions[:, 1], points[:, 2].T / 1000, rtol=1e-6)
    np.testing.assert_allclose(trial.time_s, np.arange(6) / 50)
    many = made(np.ones((3, 300, 2)), [f"m{k}" for k in range(300)])
    assert parse_c3d(many, "b.c3d").names == tuple(f"m{k}" for k in range(300))


def test_a_file_that_breaks_off_is_noted_or_refused() -> None:
    data = format_c3d("a.c3d", short_walk(), unit="mm")
    cut = parse_c3d(data[: len(data) // 2], "a.c3d")
    assert cut.n_frames < 40 and cut.notes == (f"The header says 40 frames, the file has {cut.n_frames}.",)
    np.testing.assert_allclose(cut.positions, short_walk().positions[: cut.n_frames], atol=1e-6)
    for content in (b"", b"hello", data[:600]):
        with pytest.raises(C3dError, match=r"a\.c3d: expected a C3D file"):
            parse_c3d(content, "a.c3d")
    with pytest.raises(C3dError, match="expected POINT:UNITS m, cm or mm, found 'in'"):
        parse_c3d(made(np.ones((3, 1, 3)), ["a"], UNITS=["in"]), "a.c3d")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time_s": np.r_[0:40] ** 1.1 / 60}, "expected even time stamps.*write a TRC"),
        ({"names": ("x" * 256, *short_walk().names[1:])}, "1 to 255 bytes"),
    ],
)
def test_what_a_c3d_file_cannot_hold_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(C3dError, match=f"a.c3d: .*{reason}"):
        format_c3d("a.c3d", replace(short_walk(), **changes))
    long = Markers(("a",), np.zeros((65_536, 1, 3)), np.arange(65_536) / 60)
    with pytest.raises(C3dError, match="at most 65535 frames, found 65536"):
        format_c3d("a.c3d", long)


# On the command line


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "250"}).invoke(main, [str(each) for each in arguments])


def test_predict_reads_and_writes_c3d(tmp_path: Path, model: Path) -> None:
    write_trc(tmp_path / "a.trc", short_walk(), unit="mm")
    (tmp_path / "b.c3d").write_bytes(format_c3d("b.c3d", short_walk(), unit="mm"))
    person = ("--height", 1.584, "--mass", 58.32, "--model", model)
    results = [run("predict", tmp_path / name, *person, "-o", tmp_path / out) for name, out in (
        ("a.trc", "of_trc.trc"), ("b.c3d", "of_c3d.trc"), ("a.trc", "x.c3d"))]  # fmt: skip
    assert [result.exit_code for result in results] == [0, 0, 0], results
    of_trc = read_trc(tmp_path / "of_trc.trc")
    for name in ("of_c3d.trc", "x.c3d"):
        trial = read_trial(tmp_path / name)
        assert (trial.names, trial.unit) == (of_trc.names, "mm")
        np.testing.assert_allclose(trial.positions, of_trc.positions, rtol=2e-6, atol=2e-6)
        np.testing.assert_allclose(trial.time_s, of_trc.time_s, atol=1e-6)
    # An input is no output because an output beside it has its name.
    assert run("predict", tmp_path / "b.c3d", *person, "-o", tmp_path / "a.c3d").exit_code == 0
    again = run("predict", tmp_path, *person, "-o", tmp_path / "out")
    assert again.exit_code == 0, again.output
    assert sorted(path.name for path in (tmp_path / "out").glob("*.trc")) == ["a.trc", "b.trc"]


def test_osim_ik_and_view_read_c3d(tmp_path: Path) -> None:
    (tmp_path / "b.c3d").write_bytes(format_c3d("b.c3d", short_walk(), unit="mm"))
    read = _read(tmp_path / "b.c3d", AS_THEY_ARE)
    np.testing.assert_allclose(read.positions, short_walk().positions, rtol=1e-6, atol=2e-7)
    assert run("view", tmp_path / "b.c3d", "-o", tmp_path / "b.html").exit_code == 0


def test_evaluate_attention_and_osim_check_read_c3d(opensim: Any, tmp_path: Path) -> None:
    keypoints, markers = short_walk(), read_trc(EXAMPLES / "walk_markers.trc")
    write_trc(tmp_path / "model.trc", markers)
    for name, each in (("walk_keypoints", keypoints), ("walk_optical", markers)):
        (tmp_path / f"{name}.c3d").write_bytes(format_c3d(name, each, unit="mm"))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "walk_theirs.c3d").write_bytes(format_c3d("a", markers, unit="mm"))
    (trial,) = read_person(tmp_path, tmp_path, Subject(1.6, 60), {}, ANATOMICAL_MARKERS).trials
    assert trial.name == "walk"
    np.testing.assert_allclose(trial.keypoints.positions, keypoints.positions, rtol=1e-6, atol=2e-7)
    np.testing.assert_allclose(PredictedFiles(theirs).read(trial).positions, trial.markers.positions)

    person = ("--height", 1.584, "--mass", 58.32)
    for end in ("c3d", "trc"):
        source = tmp_path / f"a.{end}"
        source.write_bytes(b"".join(format_trial(source, keypoints, unit="m")))
        done = run("attention", source, *person, "-o", tmp_path / f"{end}.svg", "--csv", tmp_path / f"{end}.csv")
        assert done.exit_code == 0, done.output
    of_c3d, of_trc = (np.genfromtxt(tmp_path / f"{end}.csv", delimiter=",", skip_header=1) for end in ("c3d", "trc"))
    np.testing.assert_allclose(of_c3d, of_trc, atol=1e-5)

    write_shipped_model(tmp_path / "full.osim")
    done = run("osim", "check", tmp_path / "walk_optical.c3d", "--model", tmp_path / "full.osim")
    assert done.exit_code == 0, done.output
    assert "OpenSim's tools read no C3D" in done.output
    assert "In the file and on the model (35)" in done.output
    with pytest.raises(RuntimeError, match="unsupported"):  # as the sentence says
        opensim.MarkerData(str(tmp_path / "walk_optical.c3d"))


def test_without_the_package_the_message_says_how_to_get_it(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.c3d").write_bytes(format_c3d("b.c3d", short_walk()))
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    result = run(
        "predict", tmp_path / "b.c3d", "--height", 1.6, "--mass", 60, "--model", model, "-o", tmp_path / "c.trc"
    )
    assert result.exit_code == 1
    assert "pip install 'trcaugment[c3d]'" in result.output


def test_batch_takes_a_c3d_where_there_is_no_trc(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "in"
    for place in ("anna", "lab"):
        (folder / place).mkdir(parents=True)
    for name in ("anna/a.c3d", "anna/b.c3d", "lab/optical.c3d"):
        (folder / name).write_bytes(format_c3d(name, short_walk()))
    write_trc(folder / "anna" / "b.trc", short_walk())
    (folder / "subjects.csv").write_text("path,subject,height_m,mass_kg\nanna/*,Anna,1.584,58.32\n")
    result = run("batch", folder, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.trc")) == ["a.trc", "b.trc"]
    report = (tmp_path / "out" / "batch_report.csv").read_text()
    assert "the C3D of anna/b.trc, which is taken instead" in report
    assert "lab/optical.c3d,left out" in report
