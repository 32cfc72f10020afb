"""How far joint angles from predicted markers may be off: what is constant for the person, and what moves.

Figures are those of the model that predicted the markers, for the shipped body. The constant part is its table. The
moving part is its table times how much more than usual the markers of the neighbouring segments move about in this
trial, where the sidecar says so (`predict --uncertainty`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trcaugment.conversion.sidecar import Sidecar, read_sidecar, sha256_of
from trcaugment.errors import ModelError
from trcaugment.formats.files import as_csv, read_file
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.model.card import find_folder, read_card
from trcaugment.model.uncertainty import ANGLES, Uncertainty, read_uncertainty

ANGLE_UNCERTAINTY = "angle_uncertainty.csv"
# Between two values, each with the same error; 1.96 for 95 % (Weir 2005, doi 10.1519/15184.1).
_CHANGE = 1.96 * math.sqrt(2)
_PELVIS, _TRUNK = ("ASIS", "PSIS", "HJC"), ("C7", "shoulder")
_THIGH, _SHANK, _FOOT = ("knee", "mknee", "thigh"), ("ankle", "mankle", "sh"), ("calc", "toe", "5meta")
_BESIDE = {
    "pelvis": _PELVIS,
    "lumbar": _PELVIS + _TRUNK,
    "hip": _PELVIS + _THIGH,
    "knee": _THIGH + _SHANK,
    "ankle": _SHANK + _FOOT,
    "subtalar": _SHANK + _FOOT,
}


@dataclass(frozen=True)
class AngleSpread:
    """Standard deviations of an angle's error, in degrees.

    Attributes:
        constant_deg: of the part that is the same in all trials of the person.
        moving_deg: of the rest.
    """

    constant_deg: float
    moving_deg: float

    @property
    def smallest_change_deg(self) -> float:
        """Smallest difference between two trials of the person that is more than chance in 95 % of cases."""
        return _CHANGE * self.moving_deg


def angle_spreads(trial: Path) -> dict[str, AngleSpread]:
    """How far the angles of a marker file may be off, by coordinate.

    Empty unless a sidecar says that a shipped model with known uncertainty predicted the file as it is, and that no
    calibration moved its markers: how far angles are then off was not measured.
    """
    sidecar = read_sidecar(trial)
    if sidecar is not None and sidecar.calibration is not None:
        return {}
    known = None if sidecar is None else _known(sidecar, trial)
    if sidecar is None or known is None:
        return {}
    return spreads_of(known, {} if sidecar.uncertainty is None else sidecar.uncertainty.moving_mm)


def spreads_of(known: Uncertainty, moving_mm: Mapping[str, Sequence[float]]) -> dict[str, AngleSpread]:
    """How far angles may be off, by coordinate.

    Args:
        known: the uncertainty of the model that predicted the markers.
        moving_mm: marker -> its moving part in this trial, along the axes of its segment; none where not stated.
    """
    return {
        name: AngleSpread(constant, moving * _more_than_usual(name, moving_mm, known))
        for name, (constant, moving) in zip(ANGLES, known.angles_deg.tolist(), strict=True)
    }


def _known(sidecar: Sidecar, trial: Path) -> Uncertainty | None:
    """The uncertainty of the model that predicted a file; None if it is not known, or the file was changed since."""
    try:
        folder = find_folder(sidecar.model.name)
        card = read_card(folder)
        same = (sidecar.model.sha256, sidecar.output.sha256) == (card.sha256, sha256_of(read_file(trial)))
        return read_uncertainty(folder, card) if same else None
    except (ModelError, OSError):
        return None


def _more_than_usual(coordinate: str, stated_mm: Mapping[str, Sequence[float]], known: Uncertainty) -> float:
    """Root mean square of the trial's moving part over the usual one, of markers beside a joint; 1 if not stated."""
    joint, sides = coordinate.partition("_")[0], {"r": "right", "l": "left"}
    side = sides.get(coordinate.rpartition("_")[2])
    now, usual = [], []
    for k, mark in enumerate(ANATOMICAL_MARKERS.landmarks):
        part = mark.part.rstrip("123")
        if part in _BESIDE[joint] and mark.name in stated_mm and (side in (None, mark.side) or part in _PELVIS):
            now.append(stated_mm[mark.name])
            usual.append(1000 * known.usual_moving_m[k])
    return float(np.sqrt(np.mean(np.square(now)) / np.mean(np.square(usual)))) if now else 1.0


def angle_spreads_csv(trials: Mapping[str, Mapping[str, AngleSpread]]) -> bytes:
    """Content of the table: a row for each trial and coordinate, in degrees."""
    rows = [
        (
            name,
            coordinate,
            *(f"{value:.1f}" for value in (each.constant_deg, each.moving_deg, each.smallest_change_deg)),
        )
        for name, spreads in trials.items()
        for coordinate, each in spreads.items()
    ]
    return as_csv([("trial", "coordinate", "constant_deg", "moving_deg", "smallest_change_deg"), *rows])
