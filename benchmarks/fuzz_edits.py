"""Mutations for `fuzz.py` that keep the structure of a file: of lines and cells."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

HEADER_LINES = 5
# What goes wrong in cells, and what a program may have meant by them.
CELLS = [
    *(b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"-", b".", b"_", b"1_0", b"1,5", b"1e308", b"-1e308", b"1e999"),
    *(b"5e-324", b"1e-300", b"1e-12", b"0", b"-0.0", b"0.0000000", b"1000001", b"1000000000", b"-1", b"1e15", b"1e16"),
    *(b"99999999.9999999", b"0.3", b"9" * 400, b"\xef\xbc\x91", b"1.#QNAN", b"None", b"mm", b"cm", b"meters"),
    *(b"1000", b"59.94", b"0.5", b"1e9"),
]
NAMES = [
    *(b"Neck", b"RHip", b"LHip", b"r_hip", b"RightHip", b"midHip", b"C7_study", b"Hip", b"a\x07b", b"\xff", b"X1"),
    *(b"P1_RHip", b"P1:Neck", b"*", b"*=P1_*", b"Time", b"TimeStamp", b"auto", b"[", b"**/*"),
]
SEPARATORS = [b"\t", b"\n", b"\r", b"\r\n", b" ", b"\t\t\t", b"\x0b", b"\x1c", b"\0", b"\xc2\x85", b"\xe2\x80\xa8"]

JSON_VALUES = [
    *(b"null", b"[]", b"{}", b"-1", b"2", b"1e999", b"1.5", b"true", b'""', b'"\\ud800"', b'"\xff"', b'"trcaugment 9"'),
    *(b"[" * 3000, b'{"a":' * 3000, b"9" * 400, b"[[1, 2], [0, -1]]", b"[[1]]", b"NaN"),
]

Edit = Callable[[random.Random, list[bytes]], None]


def _rows(lines: list[bytes]) -> range:
    return range(min(HEADER_LINES, len(lines) - 1), len(lines))


def _change_cell(
    rng: random.Random, lines: list[bytes], separator: bytes = b"\t", choice: Sequence[bytes] = ()
) -> None:
    k = rng.randrange(len(lines))
    cells = lines[k].split(separator)
    cells[rng.randrange(len(cells))] = rng.choice(choice or CELLS + NAMES)
    lines[k] = separator.join(cells)


def _change_header(rng: random.Random, lines: list[bytes]) -> None:
    k = min(rng.randrange(4), len(lines) - 1)
    cells = lines[k].split(b"\t")
    cells[rng.randrange(len(cells))] = rng.choice(NAMES if k == 3 else CELLS)
    lines[k] = b"\t".join(cells)


def _change_column(rng: random.Random, lines: list[bytes]) -> None:
    """One value, or blanks, in a column of many rows."""
    column, value, share = rng.randrange(2, 70), rng.choice(CELLS), rng.random()
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if column < len(cells) and rng.random() < share:
            cells[column] = value
            lines[k] = b"\t".join(cells)


def _change_sample(rng: random.Random, lines: list[bytes]) -> None:
    """Blank one marker over some rows: gaps, short and long."""
    marker, start = rng.randrange(20), rng.choice(_rows(lines))
    for k in range(start, min(start + rng.randrange(1, 40), len(lines))):
        cells = lines[k].split(b"\t")
        if len(cells) > 4 + 3 * marker:
            cells[2 + 3 * marker : 5 + 3 * marker] = [b"", b"", b""]
            lines[k] = b"\t".join(cells)


def _change_times(rng: random.Random, lines: list[bytes]) -> None:
    """Another step, some of the steps tiny, or leaps."""
    step_s = rng.choice([5e-324, 1e-300, 1e-12, 1e-9, 1e-6, 1e-3, 0.005, 1 / 60, 0.04, 0.1, 0.29, 1, 1e9])
    other_s = rng.choice([5e-324, 1e-300, 1e-15, 1e-9, 1e-4, 0.21, 0.3, 10, 1e12])
    share, time_s = rng.choice([0, 0, 0.02, 0.3]), rng.choice([0.0, 0.0, -1.0, 1e6, 9e14])
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if len(cells) > 2:
            time_s += other_s if rng.random() < share else step_s
            cells[1] = repr(time_s).encode()
            lines[k] = b"\t".join(cells)


def _collapse_body(rng: random.Random, lines: list[bytes]) -> None:
    """All keypoints of a row in one place or on one line, in some rows."""
    share, on_line = rng.random(), rng.random() < 0.5
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if len(cells) > 5 and rng.random() < share:
            places = [[b"%.3f" % (0.01 * m), cells[3], cells[4]] if on_line else cells[2:5] for m in range(20)]
            lines[k] = b"\t".join([*cells[:2], *(cell for place in places for cell in place)])


def _scale_rows(rng: random.Random, lines: list[bytes]) -> None:
    factor = rng.choice([-1.0, 0.001, 1000.0, 1e6, 1e-9, 0.5])
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        try:
            lines[k] = b"\t".join([*cells[:2], *(repr(factor * float(cell)).encode() for cell in cells[2:])])
        except ValueError:
            continue


def _repeat_or_drop(rng: random.Random, lines: list[bytes]) -> None:
    start = rng.randrange(len(lines))
    stop = start + rng.randrange(1, 30)
    if rng.random() < 0.5 and len(lines) > stop:
        del lines[start:stop]
    else:
        lines[start:start] = lines[start:stop] * rng.randrange(1, 4)


def _cut_line(rng: random.Random, lines: list[bytes]) -> None:
    k = rng.randrange(len(lines))
    lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)] + rng.choice([*SEPARATORS, b""])


TRC_EDITS: list[Edit] = [
    *(_change_cell, _change_header, _change_column, _change_sample, _change_times, _collapse_body, _scale_rows),
    *(_repeat_or_drop, _cut_line),
]
MOT_EDITS: list[Edit] = [_change_cell, _change_column, _change_times, _scale_rows, _repeat_or_drop, _cut_line]
CSV_EDITS: list[Edit] = [partial(_change_cell, separator=b","), _repeat_or_drop, _cut_line]
JSON_EDITS: list[Edit] = [partial(_change_cell, separator=b": ", choice=JSON_VALUES), _repeat_or_drop, _cut_line]


def edit(data: bytes, edits: list[Edit], rng: random.Random) -> bytes:
    """One to three edits."""
    lines = data.split(b"\n")
    for _ in range(rng.randrange(1, 4)):
        rng.choice(edits)(rng, lines)
        lines = lines or [b""]
    return b"\n".join(lines)
