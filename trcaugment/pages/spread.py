"""Reads the table of `predict --uncertainty`: how far each marker may be off in each frame."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from trcaugment.conversion.sidecar import sha256_of
from trcaugment.errors import MarkersError
from trcaugment.formats.files import decode_text, read_file
from trcaugment.markers import FloatArray
from trcaugment.model.uncertainty import AXES
from trcaugment.pages.trial import Trial


def read_spread(path: Path, trial: Trial) -> FloatArray:
    """The moving part of a trial's uncertainty: one standard deviation in space, in mm, (n_frames, n_markers).

    It is NaN for keypoints in the file, and where a marker is not known.

    Raises:
        MarkersError: the table cannot be read, or is not that of the trial.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise MarkersError(f"{path}: cannot be read ({error.strerror})") from error
    known = trial.sidecar.uncertainty if trial.sidecar is not None else None
    if known is None or known.sha256 != sha256_of(data):
        raise MarkersError(
            f"{path}: expected the table that predict --uncertainty wrote for {trial.path.name}, found another"
        )
    head, _, *rows = csv.reader(io.StringIO(decode_text(data)))
    names = [column.removesuffix(f"_{AXES[0]}_mm") for column in head[3 :: len(AXES)]]
    values = np.array([[float(cell or "nan") for cell in row[3:]] for row in rows]).reshape(
        len(rows), len(names), len(AXES)
    )
    spread_mm = np.full(trial.markers.positions.shape[:2], np.nan)
    spread_mm[:, [trial.markers.names.index(name) for name in names]] = np.linalg.norm(values, axis=2)
    return spread_mm
