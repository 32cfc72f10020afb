"""The table of `predict --uncertainty`: how far every marker may be off; what is constant, and what moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from trcaugment.conversion.sidecar import UsedSpread
from trcaugment.formats.files import as_csv
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.uncertainty import AXES

if TYPE_CHECKING:
    from trcaugment.chain.augmentation import Spread

CONSTANT, MOVING = "constant", "moving"


def spread_csv(markers: Markers, spread: Spread) -> bytes:
    """Content of the table, in mm: a row for what is constant, then one for each frame.

    Columns are `part` (constant or moving), `frame`, `time_s`, and three for each marker, such as
    `r.ASIS_study_forward_mm`; cells of a marker that is not predicted are empty.

    Args:
        markers: the predicted markers.
        spread: how far they may be off.
    """
    return as_csv(_rows(markers, spread))


def _rows(markers: Markers, spread: Spread) -> Iterator[list[str]]:
    columns = (f"{name}_{axis}_mm" for name in markers.names for axis in AXES)
    yield ["part", "frame", "time_s", *columns]
    yield [CONSTANT, "", "", *_cells(spread.constant_m)]
    for k, time_s in enumerate(markers.time_s):
        yield [MOVING, str(k + 1), f"{time_s:.6f}", *_cells(spread.moving_m[k])]


def _cells(deviation_m: FloatArray) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.1f}" for value in (1000 * deviation_m).ravel()]


def summarize(markers: Markers, spread: Spread, sha256: str) -> UsedSpread:
    """The sidecar's summary of a table with this checksum."""
    return UsedSpread(
        sha256=sha256,
        constant_mm=_by_marker(markers.names, spread.constant_m),
        moving_mm=_by_marker(markers.names, usual_moving_m(spread)),
    )


def _by_marker(names: Sequence[str], deviation_m: FloatArray) -> dict[str, tuple[float, ...]]:
    """Rounded values in mm by marker, without markers that have none."""
    known = {name: each for name, each in zip(names, 1000 * deviation_m, strict=True) if np.isfinite(each).all()}
    return {name: tuple(round(float(mm), 1) for mm in each) for name, each in known.items()}


def usual_moving_m(spread: Spread) -> FloatArray:
    """Root mean square of the moving part over the frames, in m, (n_markers, 3); NaN for a marker never predicted."""
    seen = np.isfinite(spread.moving_m)
    total, n = np.where(seen, spread.moving_m, 0.0) ** 2, seen.sum(axis=0)
    return np.asarray(np.sqrt(np.where(n > 0, total.sum(axis=0) / np.maximum(n, 1), np.nan)))
