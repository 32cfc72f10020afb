"""The TRC reader copes with what other programs write, and OpenSim reads what the writer writes."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from strategies import markers as any_markers
from trc_lines import KEYS, NAMES, ROWS, assert_same, good_lines, same_folder, write_lines

from trcaugment.errors import TrcError
from trcaugment.formats.decimals import parse_rows
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.formats.trc_writing import format_rows
from trcaugment.markers import FloatArray, Markers


def changed(line: int, old: str, new: str) -> list[str]:
    """The ordinary file with one line changed."""
    lines = good_lines()
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    return lines


def read_with_opensim(opensim: ModuleType, path: Path) -> Markers:
    """What opensim.MarkerData reads, in m; (0, 0, 0) is missing, as in our reader."""
    data = opensim.MarkerData(str(path))
    data.convertToUnits(opensim.Units("m"))
    n_markers, frames = data.getNumMarkers(), [data.getFrame(k) for k in range(data.getNumFrames())]
    positions = np.array([[frame.getMarker(m).to_numpy() for m in range(n_markers)] for frame in frames])
    positions[(positions == 0).all(axis=2)] = np.nan
    names = [data.getMarkerNames().get(m) for m in range(n_markers)]
    return Markers(tuple(names), positions, np.array([frame.getFrameTime() for frame in frames]))


# Reading what others write


TOLERATED: dict[str, list[str]] = {
    "ordinary": good_lines(),
    "nan text": changed(8, "0.2000\t1.6000\t0.3000", "nan\tNaN\tnan"),
    "blank marker": changed(8, "0.2000\t1.6000\t0.3000", "\t\t"),
    "blank marker in the middle": changed(8, "0.2100\t1.1000\t0.4000", "\t\t"),
    "blank marker at the end": changed(8, "-0.2200\t1.1100\t-0.3500", "\t\t"),
    "trailing tabs on rows": [line + "\t" if k > 5 else line for k, line in enumerate(good_lines())],
    "trailing tabs in header": [line + "\t\t\t" if k < 5 else line for k, line in enumerate(good_lines())],
    "no blank line 6": [line for line in good_lines() if line],
    "two blank lines": [*good_lines()[:6], "", *good_lines()[6:]],
    "blank lines at the end": [*good_lines(), "", "\t\t", ""],
    "mm": changed(3, "\tm\t", "\tmm\t"),
    "cm": changed(3, "\tm\t", "\tcm\t"),
    "unit in capitals": changed(3, "\tm\t", "\tMM\t"),
    "unit in full": changed(3, "\tm\t", "\tmillimeters\t"),
    "name with a space": changed(4, "RHip", "Right hip"),
    "spaces around numbers": changed(8, "0.2000\t1.6000", "  0.2000 \t  1.6000"),
    "7-key header": changed(2, "\tOrigNumFrames", ""),
    "7 values": changed(3, "\t1\t4", "\t1"),
    "spaces in line 1": changed(1, "PathFileType\t4\t(X/Y/Z)\t", "PathFileType        4      (X/Y/Z)      "),
    "padded counts": changed(3, "4\t3", "      4\t  3"),
    "Times": changed(4, "Time", "Times"),
    "Frame# Time": changed(4, "Frame#\tTime", "Frame# Time"),
    "one tab per name": changed(4, "Neck\t\t\tRHip\t\t\tLHip", "Neck\tRHip\tLHip"),
    "labels shifted": [line.replace("Time\t", "Time\t\t").replace("\t\tX1", "\t\t\tX1") for line in good_lines()],
    "fewer rows than promised": changed(3, "60\t4\t", "60\t400\t"),
    "more names than columns": changed(4, "LHip", "LHip\t\t\tGhost"),
    "unnamed trajectories": [line + "\t9.0\t9.0\t9.0" if k > 5 else line for k, line in enumerate(good_lines())],
    "rows begin with a tab": ["\t" + line if k > 5 else line for k, line in enumerate(good_lines())],
    "stray tab before a marker": changed(8, "0.2100", "\t0.2100"),
    "stray tab in a marker": changed(8, "1.1000", "\t1.1000"),
    "stray tab before the time": changed(8, "0.0333", "\t0.0333"),
    "stray tab before a row": changed(8, "2\t", "\t2\t"),
    "stray tab beside a gap": changed(8, "0.2100\t1.1000\t0.4000", "\t\t\t"),
    "stray tabs and a gap": changed(8, "0.2000\t1.6000\t0.3000\t0.2100\t1.1000\t0.4000", "\t0.2\t\t1.6\t0.3\t\t\t"),
    "exponents": changed(8, "0.2000\t1.6000", "2.0E-1\t1.6e+00"),
    "other decimals": changed(8, "0.2000\t1.6000", "0.2\t1.60000001"),
    "integers": changed(8, "0.2000\t1.6000", "0\t2"),
    "origin": changed(8, "0.2000\t1.6000\t0.3000", "0.0\t0.0000\t-0.0"),
    "frame numbers from 0": [re.sub(r"^\d+\t0\.", "0\t0.", line) for line in good_lines()],
    "blank column after the time": [re.sub(r"^(\d\t0\.\d+\t)", r"\1\t", line) for line in good_lines()],
}


@pytest.mark.parametrize("lines", TOLERATED.values(), ids=TOLERATED.keys())
def test_reads_all_that_opensim_reads_to_the_same_numbers(
    tmp_path: Path, opensim: ModuleType, lines: list[str]
) -> None:
    path = write_lines(tmp_path / "walk.trc", lines)
    assert_same(read_trc(path), read_with_opensim(opensim, path))


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_line_endings_and_encodings_do_not_matter(tmp_path: Path, newline: str, encoding: str) -> None:
    path = write_lines(tmp_path / "walk.trc", changed(4, "Neck", "Nackenstütze"), encoding, newline)
    found = read_trc(path)
    assert found.names == ("Nackenstütze", "RHip", "LHip")
    np.testing.assert_allclose(found.positions.reshape(4, 9), ROWS, rtol=0, atol=1e-15)
    assert found.notes == ()


def test_an_ordinary_file_needs_no_notes(tmp_path: Path) -> None:
    found = read_trc(write_lines(tmp_path / "walk.trc", good_lines()))
    assert (found.names, found.unit, found.notes, found.n_frames) == (NAMES, "m", (), 4)


def test_the_unit_comes_from_the_header(tmp_path: Path) -> None:
    found = read_trc(write_lines(tmp_path / "walk.trc", changed(3, "\tm\t", "\tmm\t")))
    assert found.unit == "mm"
    assert found.positions[0, 0, 1] == pytest.approx(0.0015)


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (changed(8, "1.6000\t0.3000", "\t0.3000"), "1 sample with one or two coordinates missing.*Neck, line 8"),
        (changed(8, "1.6000\t0.3000", "1e300\t0.3000"), "1 sample farther than 1000 km.*Neck, line 8"),
        (changed(8, "1.6000\t0.3000", "inf\t0.3000"), "1 sample farther than 1000 km.*Neck, line 8"),
        (changed(8, "0.2000\t1.6000\t0.3000", "0\t0\t0"), r"1 sample at exactly \(0, 0, 0\).*Neck, line 8"),
        (changed(8, "\t-0.2200\t1.1100\t-0.3500", ""), r"1 row \(first: line 8\) ended early"),
        (TOLERATED["unnamed trajectories"], "1 trajectory without a name after LHip: left out"),
        (TOLERATED["rows begin with a tab"], "Rows begin with a tab: read without it"),
        (TOLERATED["stray tab beside a gap"], r"1 row \(first: line 8\) had a stray tab"),
        (changed(4, "RHip", "Neck"), "name Neck 2 times: read as Neck#1, Neck#2"),
        (changed(3, "60\t4\t", "60\t3\t"), "header says 3 frames, the file has 4"),
        (changed(3, "4\t3\t", "4\t2\t"), "header says 2 markers, line 4 has 3 names"),
        (changed(3, "60\t60", "100\t100"), "header says 100 Hz, the time stamps say 60 Hz"),
        (changed(4, "LHip", "LHip\t\t\tGhost"), "No columns of data for Ghost"),
    ],
)
def test_repairs_are_noted(tmp_path: Path, lines: list[str], note: str) -> None:
    found = read_trc(write_lines(tmp_path / "walk.trc", lines))
    assert any(re.search(note, text) for text in found.notes), found.notes


@pytest.mark.parametrize(
    "cells", ["\t1.6000\t0.3000", "0.2000\t\t0.3000", "0.2000\t1.6000\tnan", "0\t0\t0", "1e300\t1\t1"]
)
def test_a_bad_sample_is_missing_as_a_whole_and_alone(tmp_path: Path, cells: str) -> None:
    found = read_trc(write_lines(tmp_path / "walk.trc", changed(8, "0.2000\t1.6000\t0.3000", cells)))
    expected = np.reshape(ROWS, (4, 3, 3))
    expected[1, 0] = np.nan
    np.testing.assert_allclose(found.positions, expected, rtol=0, atol=1e-15)


def test_a_frame_number_with_decimals_does_not_shift_the_columns(tmp_path: Path) -> None:
    # opensim.MarkerData takes the decimals for the time, and the time for the first coordinate.
    found = read_trc(write_lines(tmp_path / "walk.trc", changed(8, "2\t", "2.0\t")))
    np.testing.assert_allclose(found.positions.reshape(4, 9), ROWS, rtol=0, atol=1e-15)


def test_markers_beyond_the_end_of_a_short_row_are_missing(tmp_path: Path) -> None:
    found = read_trc(write_lines(tmp_path / "walk.trc", changed(8, "\t-0.2200\t1.1100\t-0.3500", "")))
    expected = np.reshape(ROWS, (4, 3, 3))
    expected[1, 2] = np.nan
    np.testing.assert_allclose(found.positions, expected, rtol=0, atol=1e-15)


def test_the_number_at_which_a_file_breaks_off_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "walk.trc"
    path.write_text("\n".join(good_lines()).removesuffix("3100\t-0.5500"))
    found = read_trc(path)
    assert np.isnan(found.positions[3, 2]).all() and not np.isnan(found.positions[3, :2]).any()
    assert any("(first: line 10) breaks off" in note for note in found.notes)
    path.write_text("\n".join(good_lines()))  # only the newline is missing: complete
    assert read_trc(path).notes == ()


def test_more_rows_or_markers_than_promised_are_read(tmp_path: Path) -> None:
    lines = changed(3, "4\t3\t", "2\t1\t")
    found = read_trc(write_lines(tmp_path / "walk.trc", lines))
    np.testing.assert_allclose(found.positions.reshape(4, 9), ROWS, rtol=0, atol=1e-15)


def test_tabs_that_became_spaces_are_read(tmp_path: Path) -> None:
    lines = [re.sub("\t+", "   ", line) for line in good_lines()]
    assert_same(
        read_trc(write_lines(tmp_path / "spaces.trc", lines)),
        read_trc(write_lines(tmp_path / "tabs.trc", good_lines())),
    )


def test_huge_promises_in_the_header_cost_nothing(tmp_path: Path) -> None:
    lines = changed(3, "60\t4\t3", "60\t1000000000\t1000000000")
    assert read_trc(write_lines(tmp_path / "walk.trc", lines)).n_frames == 4


def test_many_names_over_short_rows_are_refused_before_memory_runs_out(tmp_path: Path) -> None:
    lines = [
        *changed(3, "4\t3", "4\t3000")[:3],
        "Frame#\tTime\t" + "\t".join(f"M{k}" for k in range(3000)),
        "",
        "\t\tX1",
    ]
    lines += [f"{k}\t{k}" for k in range(20_000)]
    with pytest.raises(TrcError, match="3000 markers, found hardly any"):
        read_trc(write_lines(tmp_path / "walk.trc", lines))


SHARED_FILES = ["odd_trc/*.trc", "keypoints/*.trc", "sessions/**/MarkerData/*.trc", "lab/subject4/*.trc"]


@pytest.mark.parametrize("pattern", SHARED_FILES)
def test_real_files_read_as_in_opensim(shared_data: Path, opensim: ModuleType, pattern: str) -> None:
    files = sorted(shared_data.glob(pattern))
    assert files
    for path in files:
        assert_same(read_trc(path), read_with_opensim(opensim, path))


# Refusals


@pytest.mark.parametrize(
    ("lines", "parts"),
    [
        ([""], ["empty"]),
        (["\t", " "], ["empty"]),
        (["time,x,y", "1,2,3"], ["line 1", "expected PathFileType", "time,x,y"]),
        (good_lines()[:1], ["line 1", "found the end"]),
        (good_lines()[:3], ["line 3", "found the end"]),
        (good_lines()[:6], ["line 5", "rows of data"]),
        (changed(4, "RHip\t\t\tLHip", "Neck\t\t\tNeck#1"), ["line 4", "Neck", "more than once", "Rename"]),
        (changed(4, "RHip", "R\x07Hip"), ["line 4", "R\\x07Hip", "Rename"]),
        (changed(4, "RHip", ""), ["line 4", "expected 3 marker names", "found 2", "add the names"]),
        (changed(4, "Neck\t\t\tRHip\t\t\tLHip", ""), ["line 4", "marker names"]),
        (changed(3, "\tm\t", "\tinch\t"), ["line 3", "m, cm or mm", "'inch'"]),
        (changed(3, "\tm\t", "\t\t"), ["line 3", "m, cm or mm"]),
        (changed(9, "0.0500", "0.0333"), ["line 9", "after 0.0333 s (line 8)", "time must increase"]),
        (changed(9, "0.0500", "0.0001"), ["line 9", "time must increase"]),
        (changed(9, "0.0500", ""), ["line 9", "expected a time", "''"]),
        (changed(9, "0.0500", "soon"), ["line 9", "expected a time", "'soon'"]),
        (changed(9, "0.0500", "nan"), ["line 9", "expected a time"]),
        (changed(9, "0.0500", "inf"), ["line 9", "expected a time", "inf"]),
        (changed(8, "1.6000", "abc"), ["line 8", "Neck y (column 4)", "'abc'", "Leave the cell blank"]),
        (changed(8, "1.6000", "1,6"), ["line 8", "Neck y (column 4)", "'1,6'", "decimal point"]),
        (changed(8, "1.6000", "1_6"), ["line 8", "Neck y (column 4)", "'1_6'"]),
        ([*good_lines(), "5"], ["line 11", "expected a time"]),
        (changed(8, "\t-0.3500", ""), ["line 8", "expected 11 cells", "found 10"]),
        (changed(8, "\t1.1100\t-0.3500", ""), ["line 8", "expected 11 cells", "found 9"]),
        (changed(8, "\t1.6000", "\t1.6000\t1.6000"), ["line 8", "expected 11 cells", "found 12"]),
        (changed(8, "0.3500", "0.3500\t9\t9\t9"), ["line 8", "expected 11 cells", "found 14"]),
        ([*good_lines(), "5\t0.0833" + "\t1" * 10], ["line 11", "found 12"]),
    ],
)
def test_refusals_say_where_what_and_what_to_do(tmp_path: Path, lines: list[str], parts: list[str]) -> None:
    path = write_lines(tmp_path / "walk.trc", lines)
    with pytest.raises(TrcError) as caught:
        read_trc(path)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_line_numbers_in_refusals_count_blank_lines_and_all_endings(tmp_path: Path) -> None:
    lines = changed(8, "1.6000", "abc")
    lines.insert(6, "")
    with pytest.raises(TrcError, match="line 9"):
        read_trc(write_lines(tmp_path / "walk.trc", lines, newline="\r\n"))


def test_line_numbers_are_right_beyond_the_first_block(tmp_path: Path) -> None:
    lines = good_lines()[:6] + [f"{k}\t{k / 100}" + "\t1.2345" * 9 for k in range(20_000)]
    lines[15_000] = lines[15_000].replace("1.2345", "oops", 1)
    with pytest.raises(TrcError, match=r"line 15001: .*Neck x \(column 3\)"):
        read_trc(write_lines(tmp_path / "walk.trc", lines))


def test_no_file_a_folder_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "video.trc").write_bytes(bytes(range(256)))
    for name, part in [
        ("none.trc", "no such file"),
        ("", "found a folder"),
        ("video.trc", "binary"),
        ("a\0b", "no such"),
    ]:
        with pytest.raises(TrcError, match=part):
            read_trc(tmp_path / name)


@same_folder
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_markers_or_a_trc_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.trc"
    for content in (data, b"PathFileType" + data, "\n".join(good_lines()[:6]).encode() + b"\n" + data):
        path.write_bytes(content)
        read_or_refuse(path)


@same_folder
@given(
    edits=st.lists(
        st.tuples(
            st.floats(0, 1),
            st.integers(0, 6),
            st.sampled_from(["\t", "\n", "nan", "-", "1e308", ".", " ", "\t\t\t", "_"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_damaged_files_give_markers_or_a_trc_error(tmp_path: Path, edits: list[tuple[float, int, str]]) -> None:
    text = "\n".join(good_lines())
    for where, n_removed, inserted in edits:
        k = int(where * len(text))
        text = text[:k] + inserted + text[k + n_removed :]
    path = tmp_path / "damaged.trc"
    path.write_bytes(text.encode())
    found = read_or_refuse(path)
    if found is not None:  # whatever can be read can be written and read again
        write_trc(path, found)
        assert_same(read_trc(path), found, tolerance_m=1e-6)


def read_or_refuse(path: Path) -> Markers | None:
    try:
        return read_trc(path)
    except TrcError as error:
        assert str(path) in str(error)
        return None


# The fast path


@same_folder
@given(
    n_decimals=st.integers(1, 9),
    values=st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=6, max_size=6),
)
def test_the_fast_path_equals_float(n_decimals: int, values: list[float]) -> None:
    texts = [f"{value:.{n_decimals}f}" for value in values]
    rows = ["\t".join(["1", "0.5", *texts[:3]]), "\t".join(["2", "0.75", *texts[3:]]), ""]
    found = parse_rows("\n".join(rows).encode(), 5)
    if found is None:
        assert n_decimals > 7 or max(map(abs, values)) >= 1e8 - 1
    else:
        np.testing.assert_array_equal(found[0], [0.5, 0.75])
        np.testing.assert_array_equal(found[1].ravel(), [float(text) for text in texts])


@pytest.mark.parametrize(
    "row",
    [
        "1\t0.5\t0.1\t0.1",
        "1\t0.5\t0.1\t0.1\tnan",
        "1\t0.5\t0.1\t0.1\t",
        "1\t0.5\t1e1\t0.1\t0.1",
        "1\tx\t0.1\t0.1\t0.1",
        "\n",
    ],
)
def test_the_fast_path_leaves_odd_rows_alone(row: str) -> None:
    assert parse_rows(f"1\t0.5\t0.1\t0.1\t0.1\n{row}\n".encode(), 5) is None
    assert parse_rows(f"{row}\n".encode(), 5) is None


# Writing


@same_folder
@given(markers=any_markers(), unit=st.sampled_from(["m", "cm", "mm"]))
def test_what_is_written_is_read_again(tmp_path: Path, markers: Markers, unit: str) -> None:
    write_trc(tmp_path / "out.trc", markers, unit=unit)
    found = read_trc(tmp_path / "out.trc")
    assert_same(found, markers, tolerance_m=1e-6)
    assert found.unit == unit


@same_folder
@given(markers=any_markers(), unit=st.sampled_from(["m", "cm", "mm"]))
def test_both_opensim_readers_read_what_is_written(
    tmp_path: Path, opensim: ModuleType, markers: Markers, unit: str
) -> None:
    path = tmp_path / "out.trc"
    write_trc(path, markers, unit=unit)
    assert_same(read_with_opensim(opensim, path), markers, tolerance_m=1e-6)
    table = opensim.TimeSeriesTableVec3(str(path))
    per_meter = {"m": 1, "cm": 100, "mm": 1000}[unit]
    values = np.array([[row[m].to_numpy() for m in range(len(markers.names))] for row in table_rows(table)]) / per_meter
    found = Markers(tuple(table.getColumnLabels()), values, np.array(table.getIndependentColumn()))
    assert_same(found, markers, tolerance_m=1e-6)


def table_rows(table: object) -> list[object]:
    return [table.getRowAtIndex(k) for k in range(table.getNumRows())]


def trial(n_frames: int = 4) -> Markers:
    return Markers(NAMES, np.reshape(ROWS, (4, 3, 3))[:n_frames], np.arange(n_frames) / 60)


def test_the_written_file_keeps_to_the_letter_of_the_format(tmp_path: Path) -> None:
    positions = trial().positions.copy()
    positions[1, 2, 0] = np.nan
    write_trc(tmp_path / "my walk.trc", Markers(NAMES, positions, trial().time_s))
    data = (tmp_path / "my walk.trc").read_bytes()
    lines = data.decode().split("\n")
    assert b"\r" not in data and lines[-1] == ""
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\tmy_walk.trc"  # split at spaces by other readers
    assert lines[1] == KEYS
    assert lines[2] == "60\t60\t4\t3\tm\t60\t1\t4"
    assert lines[3].split("\t") == ["Frame#", "Time", "Neck", "", "", "RHip", "", "", "LHip", "", ""]
    assert lines[4] == "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\tX3\tY3\tZ3"
    assert lines[5] == ""
    assert lines[7].split("\t")[0] == "2" and lines[7].endswith("\tnan\tnan\tnan")
    assert [line.count("\t") for line in lines[6:-1]] == [10] * 4


def test_a_marker_at_the_origin_stays_there(tmp_path: Path) -> None:
    markers = Markers(("midHip",), np.array([[[0, 0, 0]], [[1e-9, -1e-9, 0]]]), np.array([0, 0.1]))
    for unit in ("m", "cm", "mm"):
        write_trc(tmp_path / "out.trc", markers, unit=unit)
        assert_same(read_trc(tmp_path / "out.trc"), markers, tolerance_m=1e-6)


def test_one_frame_can_be_written(tmp_path: Path, opensim: ModuleType) -> None:
    write_trc(tmp_path / "out.trc", trial(1))
    assert_same(read_trc(tmp_path / "out.trc"), trial(1), tolerance_m=1e-6)
    assert_same(read_with_opensim(opensim, tmp_path / "out.trc"), trial(1), tolerance_m=1e-6)


def test_irregular_time_stamps_survive_exactly(tmp_path: Path) -> None:
    time_s = np.array([0, 1.25e-5, 1 / 3, 12345.678901234])
    write_trc(tmp_path / "out.trc", Markers(NAMES, trial().positions, time_s))
    np.testing.assert_array_equal(read_trc(tmp_path / "out.trc").time_s, time_s)


@pytest.mark.parametrize("name", ["a\tb", "a\nb", "", " a", "a\r", "\ud800"])
def test_names_that_would_not_come_back_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TrcError, match="marker names without tabs"):
        write_trc(tmp_path / "out.trc", Markers((name,), np.ones((1, 1, 3)), np.zeros(1)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("markers", "unit", "part"),
    [
        (trial(), "inch", "m, cm or mm, found 'inch'"),
        (Markers((), np.ones((1, 0, 3)), np.zeros(1)), "m", "at least one marker"),
    ],
)
def test_markers_that_fit_no_trc_are_refused(tmp_path: Path, markers: Markers, unit: str, part: str) -> None:
    with pytest.raises(TrcError, match=part):
        write_trc(tmp_path / "out.trc", markers, unit=unit)
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.trc").mkdir()
    (tmp_path / "file").write_text("")
    cases = [("folder.trc", "folder"), ("none/out.trc", "Create the folder"), ("file/out.trc", "Choose a folder")]
    for name, part in [*cases, ("a\0b.trc", "Choose another name"), ("x" * 300, "shorter name")]:
        with pytest.raises(TrcError, match=part):
            write_trc(tmp_path / name, trial())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.trc"]


def test_a_read_only_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.trc"
    path.write_text("precious")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(TrcError, match="read-only"):
        write_trc(path, trial())
    assert path.read_text() == "precious"


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "out.trc"
    path.write_text("precious")
    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    with pytest.raises((TrcError, KeyboardInterrupt)) as caught:
        write_trc(path, trial())
    if caught.type is TrcError:
        assert "No space left on device. Free some space" in str(caught.value)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.trc", "precious")]


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    write_trc(tmp_path / "out.trc", trial(4))
    write_trc(str(tmp_path / "out.trc"), trial(2))
    assert read_trc(str(tmp_path / "out.trc")).n_frames == 2
    assert len(list(tmp_path.iterdir())) == 1


@given(
    npst.arrays(np.float64, (4, 6), elements=st.floats(-1e9, 1e9) | st.floats(-3, 3) | st.just(np.nan)),
    st.integers(4, 7),
)
def test_rows_are_those_of_percent_formatting_but_for_ties(values: FloatArray, decimals: int) -> None:
    time_s = np.array([0.0, 1 / 60, 1e-9, 12345.6789])
    rows = format_rows(9_999, time_s, values, decimals).decode().split("\n")
    assert rows.pop() == ""
    for k, (row, numbers) in enumerate(zip(rows, values, strict=True)):
        frame, time, *cells = row.split("\t")
        assert (int(frame), float(time)) == (9_999 + k, time_s[k])
        for cell, number in zip(cells, numbers, strict=True):
            plain = f"{number:.{decimals}f}"
            assert cell in (plain, plain.removeprefix("-")) or (
                len(cell.split(".")[1]) == decimals
                and abs(float(cell) - number) <= 0.5001 * 10**-decimals + 1e-15 * abs(number)
            )


def test_rows_of_every_length_before_the_point() -> None:
    for whole in (0, 7, 10, 99, 100, 12_345, 999_998, 999_999, 1_000_000, 123_456_789):
        numbers = np.array([[whole + 0.25, -whole - 0.25, np.nan]])
        expected = f"1\t0.5\t{whole}.2500\t-{whole}.2500\tnan\n"
        assert format_rows(1, np.array([0.5]), numbers, 4).decode() == expected
