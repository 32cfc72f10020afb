"""Layouts that programs of labs write: read to the same markers, or refused with their likely meaning."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import markers as any_markers
from trc_lines import assert_same, good_lines, same_folder, write_lines

from trcaugment.errors import MarkersError, TrcError
from trcaugment.formats.trc import format_trc, parse_trc, read_trc, write_trc
from trcaugment.formats.units import check_unit
from trcaugment.markers import Markers

FIRST_ROW = 6  # its index among the lines
Change = Callable[[list[str]], list[str]]


def on_rows(change: Callable[[str], str], line: Callable[[str], str] | None = None) -> Change:
    """A change of every row, and of the line with the names."""

    def apply(lines: list[str]) -> list[str]:
        names = line(lines[3]) if line else lines[3]
        rows = [change(row) if row else row for row in lines[FIRST_ROW:]]
        return [*lines[:3], names, *lines[4:FIRST_ROW], *rows]

    return apply


def with_third_column(name: str) -> Change:
    return on_rows(
        lambda row: re.sub(r"^(\d+\t[^\t]+\t)", r"\g<1>1700000000017\t", row),
        lambda names: names.replace("\tTime\t", f"\tTime\t{name}\t", 1),
    )


def with_unnamed(lines: list[str]) -> list[str]:
    """Two trajectories more than names, which NumMarkers counts, seldom with samples."""
    values = lines[2].split("\t")
    values[3] = str(int(values[3]) + 2)
    rows = [row + ("\t\t\t\t1.5\t2.5\t3.5" if k == 1 else "\t" * 6) for k, row in enumerate(lines[FIRST_ROW:]) if row]
    return [*lines[:2], "\t".join(values), *lines[3:FIRST_ROW], *rows]


DIALECTS: dict[str, tuple[Change, str]] = {
    "leading tab": (on_rows(lambda row: "\t" + row), "begin with a tab"),
    "leading tab on names too": (on_rows(lambda row: "\t" + row, lambda names: "\t" + names), "begin with a tab"),
    "time stamp": (with_third_column("TimeStamp"), r"Column 3 \(TimeStamp\) is no marker"),
    "time stamp in ms": (with_third_column("Time Stamp (ms)"), "is no marker"),
    "both": (
        lambda lines: on_rows(lambda row: "\t" + row)(with_third_column("TimeStamp")(lines)),
        "begin with a tab.*is no marker",
    ),
    "unnamed": (with_unnamed, "2 trajectories without a name"),
    "trailing tabs": (on_rows(lambda row: row + "\t\t"), ""),
    "commas": (lambda lines: [line.replace("\t", ",") for line in lines], "separated by ','"),
    "semicolons": (lambda lines: [line.replace("\t", ";") for line in lines], "separated by ';'"),
    "one tab a name": (on_rows(str, lambda names: re.sub("\t+", "\t", names)), ""),
}


@pytest.mark.parametrize(("change", "note"), DIALECTS.values(), ids=DIALECTS.keys())
def test_the_layouts_of_other_programs_are_recognized_and_noted(tmp_path: Path, change: Change, note: str) -> None:
    expected = read_trc(write_lines(tmp_path / "plain.trc", good_lines()))
    found = read_trc(write_lines(tmp_path / "walk.trc", change(good_lines())))
    assert_same(found, expected, tolerance_m=0)
    assert re.search(note, " ".join(found.notes))
    assert bool(found.notes) == bool(note)


@same_folder
@given(
    markers=any_markers(max_frames=5, max_markers=4).filter(lambda m: m.n_frames > 1),
    change=st.sampled_from([change for change, _ in DIALECTS.values()]),
)
def test_whatever_the_layout_the_same_markers_come_back(markers: Markers, change: Change) -> None:
    names = tuple(f"{'RLC'[k % 3]}Marker{k}" for k in range(len(markers.names)))
    markers = Markers(names, markers.positions, markers.time_s)
    lines = b"".join(format_trc("walk.trc", markers)).decode().split("\n")
    found = parse_trc("\n".join(change(lines)).encode() + b"\n", "walk.trc")
    assert_same(found, markers, tolerance_m=1e-6)


# Damage


def _tab(text: str, where: int) -> str:
    return text[:where] + "\t" + text[where:]


def _no_tab(text: str, where: int) -> str:
    return text[:where] + text[where:].replace("\t", "", 1)


def _no_cell(text: str, where: int) -> str:
    return text[:where] + re.sub(r"\t[^\t\n]*", "", text[where:], count=1)


def _no_line(text: str, where: int) -> str:
    return text[:where] + re.sub(r"\n[^\n]*", "", text[where:], count=1)


def _line_break(text: str, where: int) -> str:
    return text[:where] + text[where:].replace("\t", "\n", 1)


def _joined(text: str, where: int) -> str:
    return text[:where] + text[where:].replace("\n", "\t", 1)


def _twice(text: str, where: int) -> str:
    return text[:where] + re.sub(r"(\t[^\t\n]*)", r"\1\1", text[where:], count=1)


def _cut(text: str, where: int) -> str:
    return text[:where]


@same_folder
@given(
    where=st.floats(0, 1),
    damage=st.sampled_from([_tab, _no_tab, _no_cell, _no_line, _line_break, _joined, _twice, _cut]),
    gaps=st.sampled_from(["", "nan", "0.1"]),
)
def test_damage_never_moves_a_marker_in_silence(where: float, damage: Callable[[str, int], str], gaps: str) -> None:
    """Either the file is refused, or noted, or every sample that is there is where it was."""
    lines = good_lines()
    lines[7] = lines[7].replace("\t-0.2200\t1.1100\t-0.3500", f"\t{gaps}\t{gaps}\t{gaps}") + "\t" * (gaps == "")
    text = "\n".join(lines) + "\n"
    intact = parse_trc(text.encode(), "walk.trc")
    try:
        found = parse_trc(damage(text, int(where * len(text))).encode(), "walk.trc")
    except TrcError:
        return
    if found.notes:
        return
    assert set(found.names) <= set(intact.names)
    rows = np.searchsorted(intact.time_s, found.time_s)
    np.testing.assert_array_equal(intact.time_s[rows], found.time_s)
    known = np.isfinite(found.positions)
    np.testing.assert_array_equal(found.positions[known], intact.select(found.names)[rows][known])


# Refusals


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], ["line 3", "the values (rate, unit)", "a line above was lost"]),
        (lambda lines: [lines[0], *lines[2:]], ["line 3", "names of the values", "a line above was lost"]),
        (lambda lines: [*lines[:3], *lines[4:]], ["line 4", "X1, Y1", "was lost"]),
        (on_rows(lambda row: row.replace(".", ",")), ["line 7", "decimal comma", "decimal points"]),
        (on_rows(lambda row: re.sub(r"^(\d+)\t[^\t]*", r"\1\t\1", row)), ["60 Hz", "frame numbers", "data rate"]),
        (
            on_rows(lambda row: re.sub(r"^(\d+)\t[^\t]*", lambda m: f"{m[1]}\t{int(m[1]) / 0.06:.3f}", row)),
            ["16.667", "60 Hz", "in ms", "1000"],
        ),
        (
            on_rows(lambda row: re.sub(r"\t(\S+\t){3}", "\t", row).replace("\t", " ")),
            ["line 7", "Blank cells cannot be seen between spaces"],
        ),
    ],
)
def test_what_cannot_be_read_is_named_with_its_likely_meaning(tmp_path: Path, change: Change, parts: list[str]) -> None:
    with pytest.raises(TrcError) as caught:
        read_trc(write_lines(tmp_path / "walk.trc", change(good_lines())))
    text = str(caught.value)
    assert all(part in text for part in parts), text
    assert "\n" not in text


@pytest.mark.parametrize("rate", ["nan", "", "0"])
def test_without_a_rate_in_the_header_three_seconds_between_rows_are_ms(tmp_path: Path, rate: str) -> None:
    lines = on_rows(lambda row: re.sub(r"^(\d+)\t[^\t]*", lambda m: f"{m[1]}\t{int(m[1]) * 40}", row))(good_lines())
    lines[2] = lines[2].replace("60", rate, 1)
    with pytest.raises(TrcError, match="in ms"):
        read_trc(write_lines(tmp_path / "walk.trc", lines))


def test_slow_trials_whose_header_agrees_are_read(tmp_path: Path) -> None:
    markers = Markers(("Neck",), np.ones((4, 1, 3)), np.arange(4) * 20.0)
    write_trc(tmp_path / "slow.trc", markers)
    assert_same(read_trc(tmp_path / "slow.trc"), markers)


@pytest.mark.parametrize(("stated", "real"), [("mm", "m"), ("m", "mm"), ("cm", "mm"), ("m", "cm"), ("mm", "cm")])
def test_the_unit_is_named_that_makes_a_person_of_the_markers(stated: str, real: str) -> None:
    per_meter = {"m": 1, "cm": 100, "mm": 1000}
    person = np.array([[[0, 0, 0], [0.2, 0.9, 0.1], [0.1, 1.6, 0]]]) * per_meter[real] / per_meter[stated]
    with pytest.raises(MarkersError, match=f"header says {stated}, the positions are in {real}. Write {real}"):
        check_unit(Markers(("a", "b", "c"), person, np.zeros(1), stated))
    check_unit(Markers(("a", "b", "c"), person / per_meter[real] * per_meter[stated], np.zeros(1), stated))


def test_the_unit_of_nothing_cannot_be_known() -> None:
    check_unit(Markers(("a", "b"), np.full((2, 2, 3), np.nan), np.arange(2.0)))


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        (
            lambda lines: lines[1:],
            "line 1: expected PathFileType, found 'DataRate.*The first line of a TRC file was lost",
        ),
        (lambda lines: [line.removeprefix("Frame#\t") for line in lines], "line 4: .* found Time first"),
    ],
)
def test_lost_lines_and_columns_are_named(lost: Change, message: str) -> None:
    with pytest.raises(TrcError, match=message):
        parse_trc("\n".join(lost(good_lines())).encode(), "walk.trc")


def test_rounded_time_stamps_keep_their_rate() -> None:
    """With two decimals, most steps of 60 Hz are 0.02 s."""
    for rate_hz, decimals in ((60, 2), (100, 2), (240, 3), (59.94, 2)):
        time_s = np.round(np.arange(200) / rate_hz, decimals)
        trial = Markers(("Neck",), np.ones((170, 1, 3)), np.delete(time_s, slice(90, 120)))
        assert trial.rate_hz == pytest.approx(rate_hz, rel=0.01)
        assert b"".join(format_trc("a.trc", trial)).split(b"\n")[2].startswith(f"{trial.rate_hz:.8g}".encode())
