"""What OpenSim's Scale tool would misread in a TRC file is reported, and nothing of a good file."""

from __future__ import annotations

import re

import numpy as np
import pytest

from trcaugment.formats.trc import format_trc, read_trc
from trcaugment.markers import Markers
from trcaugment.osim.log import opensim_log
from trcaugment.osim.marker_data import find_misread

NAMES = ("RHip", "LHip", "Neck")


def misread(path, lines):
    """The sentences on a file of these lines."""
    path.write_text("\n".join(lines), encoding="utf-8")
    with opensim_log() as log:
        return " ".join(find_misread(path, read_trc(path), log))


@pytest.fixture
def lines(opensim):
    positions = np.random.default_rng(0).normal(size=(300, len(NAMES), 3))
    positions[5, 1] = np.nan
    return b"".join(format_trc("walk.trc", Markers(NAMES, positions, np.arange(300) / 60))).decode().split("\n")


def on_rows(lines, pattern, new):
    return [*lines[:6], *(re.sub(pattern, new, row, count=1) for row in lines[6:])]


@pytest.mark.parametrize("pattern", ["^", r"\t$"])
def test_nothing_is_reported_of_a_file_that_both_read_alike(tmp_path, lines, pattern):
    assert misread(tmp_path / "walk.trc", on_rows(lines, pattern, "")) == ""
    assert misread(tmp_path / "walk.trc", on_rows(lines, r"^(\d+)", r"\t\1")) == ""


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda lines: on_rows(lines, r"^(\d+)\t", r"\1.000\t"), ["decimals of frame numbers", "m off in frame"]),
        (
            lambda lines: [*lines[:3], lines[3].replace("RHip", "RHip "), *lines[4:]],
            ["1 names with the blanks", "'RHip '"],
        ),
        (
            lambda lines: on_rows(
                [*lines[:3], lines[3].replace("RHip", "Clock\tRHip"), *lines[4:]], r"^(\d+\t[^\t]*\t)", r"\g<1>17\t"
            ),
            ["reads no marker Neck", "misreads the positions of 2 markers"],
        ),
        (lambda lines: [line.replace("\t", ",") for line in lines], ["cannot read the file", "not appear to be"]),
        (lambda lines: [*lines[:2], lines[2].replace("\t300\t", "\t100\t", 1), *lines[3:]], ["reads 100 frames"]),
        (
            lambda lines: on_rows(lines, r"^(1\t[^\t]*)(\t[^\t]*){3}", r"\1\t0\t0\t0"),
            ["RHip in frame 1 at (0, 0, 0) m"],
        ),
    ],
)
def test_what_the_scale_tool_would_misread_is_named(tmp_path, lines, change, parts):
    text = misread(tmp_path / "walk.trc", change(lines))
    assert all(part in text for part in parts), text
