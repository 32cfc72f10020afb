"""Formats rows of a TRC file: frame number, time stamp and coordinates.

Why not a library: it takes a quarter to a half of the time that % takes (`python benchmarks/speed.py`). Coordinates are
rounded to whole numbers of the last decimal. Each gets a cell of 16 characters: a tab, a minus, six digits, a point,
seven digits. Four characters at a time are looked up in tables; those that are not needed are set to zero and taken
out in the end, from all rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trcaugment.markers import FloatArray

_N_WHOLE, _MOST_DECIMALS = 6, 7
_WORDS = 4  # in a cell, of four characters each
_UNUSED = b"\0"


def _table(texts: Iterator[str]) -> NDArray[np.uint32]:
    """Texts of four characters each as words."""
    return np.frombuffer("".join(texts).encode(), dtype=np.uint32)


_FIRST_TWO = _table(f"\t-{k:02d}" for k in range(100))
_FOUR = _table(f"{k:04d}" for k in range(10_000))
_POINT_THREE = _table(f".{k:03d}" for k in range(1000))
_NAN = _table(iter(["\tnan", "\0\0\0\0", "\0\0\0\0", "\0\0\0\0"]))
_NEWLINE = _table(iter(["\n\0\0\0", "\0\0\0\0"]))
# Which of the last four characters are needed, by how many decimals fewer than the most there are.
_LAST = np.frombuffer(b"".join(b"\xff" * (4 - k) + _UNUSED * k for k in range(4)), dtype=np.uint32)
# Which of the first eight characters are needed, by 2 x (digits before the point) + (1 if negative).
_NEEDED = np.frombuffer(
    b"".join(
        b"\xff" + (b"\xff" if negative else _UNUSED) + _UNUSED * (_N_WHOLE - n) + b"\xff" * n
        for n in range(_N_WHOLE + 1)
        for negative in (False, True)
    ),
    dtype=np.uint64,
)


def format_rows(first: int, time_s: FloatArray, values: FloatArray, decimals: int) -> bytes:
    """Rows of a file, each with a newline at its end.

    Args:
        first: number of the first frame.
        time_s: time stamps in s, (n_frames,).
        values: coordinates in the file's unit, NaN where missing, (n_frames, n_columns).
        decimals: of coordinates, 4 to 7.
    """
    heads = [f"{k}\t{t!r}" for k, t in enumerate(time_s.tolist(), first)]
    missing = np.isnan(values)
    some_missing = bool(missing.any())
    known = np.where(missing, 0.0, values) if some_missing else values
    if max(known.max(), -known.min()) >= 10**_N_WHOLE - 1:
        row = "%s" + f"\t%.{decimals}f" * values.shape[1] + "\n"
        return "".join(row % (head, *each) for head, each in zip(heads, values.tolist(), strict=True)).encode()
    width = 2 * -(-max(map(len, heads)) // 8)  # even, because words are changed in pairs
    words = np.empty((len(values), width + _WORDS * values.shape[1] + 2), dtype=np.uint32)
    words[:, :width] = np.array(heads, dtype=f"S{4 * width}").view(np.uint32).reshape(-1, width)
    words[:, -2:] = _NEWLINE
    cells = words[:, width:-2].reshape(*values.shape, _WORDS)
    _fill_cells(cells, np.rint(known * 10**decimals), decimals)
    if some_missing:
        cells[missing] = _NAN
    return words.tobytes().translate(None, _UNUSED)


def _fill_cells(cells: NDArray[np.uint32], scaled: FloatArray, decimals: int) -> None:
    """Write numbers, each with a tab before it.

    Args:
        cells: where to, (n_frames, n_columns, 4).
        scaled: the numbers in units of their last decimal, whole, (n_frames, n_columns).
        decimals: how many there are.
    """
    distance = np.abs(scaled)
    kind = np.uint32 if distance.max() < 2**32 else np.uint64  # the former is twice as fast
    one = kind(10**decimals)
    size: NDArray[Any] = distance.astype(kind)
    whole = (size // one).astype(np.uint32)
    fraction = ((size - whole * one) * kind(10 ** (_MOST_DECIMALS - decimals))).astype(np.uint32)
    sort = 2 + (scaled < 0).astype(np.uint8)
    for k in range(1, len(str(whole.max()))):
        sort += 2 * (whole >= 10**k).astype(np.uint8)
    thousands, ten_thousandths = whole // np.uint32(10_000), fraction // np.uint32(10_000)
    cells[..., 0] = _FIRST_TWO.take(thousands)
    cells[..., 1] = _FOUR.take(whole - thousands * np.uint32(10_000))
    cells.view(np.uint64)[..., 0] &= _NEEDED.take(sort)
    cells[..., 2] = _POINT_THREE.take(ten_thousandths)
    cells[..., 3] = _FOUR.take(fraction - ten_thousandths * np.uint32(10_000)) & _LAST[_MOST_DECIMALS - decimals]
