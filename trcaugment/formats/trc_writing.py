"""Formats rows of a TRC file: frame number, time stamp and coordinates.

Why not a library: it takes a quarter to a half of the time that % takes (`python benchmarks/speed.py`). Coordinates are
rounded to whole numbers of the last decimal. Each gets a cell of 16 characters: a tab, a minus, six digits, a point,
seven digits. Four characters at a time are looked up in tables; those that are not needed are set to zero and taken
out in the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from trcaugment.markers import FloatArray

_N_WHOLE, _MOST_DECIMALS = 6, 7
_UNUSED = b"\0"


def _table(texts: Iterator[str]) -> NDArray[np.uint32]:
    """Texts of four characters each as words."""
    return np.frombuffer("".join(texts).encode(), dtype=np.uint32)


_FIRST_TWO = _table(f"\t-{k:02d}" for k in range(100))
_FOUR = _table(f"{k:04d}" for k in range(10_000))
_POINT_THREE = _table(f".{k:03d}" for k in range(1000))
_NAN = _table(iter(["\tnan", "\0\0\0\0", "\0\0\0\0", "\0\0\0\0"]))
# Which of the first eight characters are needed, by 2 x (digits before the point) + (1 if negative).
_NEEDED = np.frombuffer(
    b"".join(
        b"\xff" + (b"\xff" if negative else _UNUSED) + _UNUSED * (_N_WHOLE - n) + b"\xff" * n
        for n in range(_N_WHOLE + 1)
        for negative in (False, True)
    ),
    dtype=np.uint32,
).reshape(-1, 2)


def format_rows(first: int, time_s: FloatArray, values: FloatArray, decimals: int) -> bytes:
    """Rows of a file, each with a newline at its end.

    Args:
        first: number of the first frame.
        time_s: time stamps in s, (n_frames,).
        values: coordinates in the file's unit, NaN where missing, (n_frames, n_columns).
        decimals: of coordinates, 4 to 7.
    """
    heads = [f"{k}\t{t!r}".encode() for k, t in enumerate(time_s.tolist(), first)]
    large = (np.abs(values) >= 10**_N_WHOLE - 1).any()
    rows = _one_by_one(values, decimals) if large else _together(values, decimals)
    return b"".join(part for head, row in zip(heads, rows, strict=True) for part in (head, row, b"\n"))


def _one_by_one(values: FloatArray, decimals: int) -> list[bytes]:
    row = f"\t%.{decimals}f" * values.shape[1]
    return [(row % tuple(each)).encode() for each in values.tolist()]


def _together(values: FloatArray, decimals: int) -> list[bytes]:
    """The coordinates of each row, each with a tab before it."""
    missing = np.isnan(values)
    scaled = np.rint(np.where(missing, 0.0, values) * 10**decimals).astype(np.int64)
    size = np.abs(scaled)
    whole = size // 10**decimals
    fraction = ((size - whole * 10**decimals) * 10 ** (_MOST_DECIMALS - decimals)).astype(np.uint32)
    whole = whole.astype(np.uint32)
    n_digits = np.ones(whole.shape, dtype=np.uint8)
    for k in range(1, _N_WHOLE):
        n_digits += whole >= 10**k
    thousands, ten_thousandths = whole // np.uint32(10_000), fraction // np.uint32(10_000)
    words = np.empty((*values.shape, 4), dtype=np.uint32)
    needed = _NEEDED[2 * n_digits + (scaled < 0)]
    words[..., 0] = _FIRST_TWO[thousands] & needed[..., 0]
    words[..., 1] = _FOUR[whole - thousands * np.uint32(10_000)] & needed[..., 1]
    words[..., 2] = _POINT_THREE[ten_thousandths]
    words[..., 3] = _FOUR[fraction - ten_thousandths * np.uint32(10_000)]
    words.view(np.uint8)[..., 9 + decimals :] = 0
    words[missing] = _NAN
    width = 16 * values.shape[1]
    text = words.tobytes()
    return [text[k : k + width].translate(None, _UNUSED) for k in range(0, len(text), width)]
