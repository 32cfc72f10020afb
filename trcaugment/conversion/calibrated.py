"""Uses a person's calibration: moves predicted markers to where the person has them, and says so in the sidecar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trcaugment.chain.calibration import Calibration, calibrated, check_model, check_person, parse_calibration
from trcaugment.conversion.sidecar import UsedCalibration, by_name, read_sidecar, sha256_of
from trcaugment.conversion.trials import Conversion
from trcaugment.errors import CalibrationError
from trcaugment.formats.files import read_file
from trcaugment.markers import Markers
from trcaugment.model.card import Card
from trcaugment.subject import Subject

if TYPE_CHECKING:
    from trcaugment.chain.augmentation import Augmentation, Spread


@dataclass(frozen=True, eq=False)
class StoredCalibration:
    """A calibration, with the path and the checksum of its file."""

    file: str
    sha256: str
    content: Calibration


def find_calibration(conversion: Conversion, card: Card) -> StoredCalibration | None:
    """Read the calibration of a trial's person.

    Raises:
        CalibrationError: it cannot be read, or is another person's or model's.
    """
    path, person = conversion.calibration, conversion.person
    if path is None:
        return None
    stored = _read_for(path, person.height_m, person.mass_kg)
    try:
        check_model(stored.content, card.name, card.sha256)
    except CalibrationError as error:
        raise CalibrationError(error.about(path)) from error
    return stored


def calibrated_trial(path: Path, trial: Markers, calibration: Path | None, subject: Subject) -> Markers:
    """A trial that was predicted without calibration, with it.

    Args:
        path: of the trial, beside which its sidecar lies.
        trial: its markers.
        calibration: the file; None to leave the trial as it is.
        subject: whose trial it is.

    Raises:
        CalibrationError: the file cannot be read, is of another person or model, or the trial was not predicted here,
            or is calibrated already.
    """
    if calibration is None:
        return trial
    stored = _read_for(calibration, subject.height_m, subject.mass_kg)
    sidecar = read_sidecar(path)
    if sidecar is None:
        raise CalibrationError("expected markers from trcaugment predict to calibrate, found no sidecar beside them")
    if sidecar.calibration is not None:
        raise CalibrationError(f"calibrated already, by {sidecar.calibration.file}; leave --calibration out")
    check_model(stored.content, sidecar.model.name, sidecar.model.sha256)
    return calibrated(trial, stored.content)[0]


def _read_for(path: Path, height_m: float | None, mass_kg: float) -> StoredCalibration:
    try:
        data = read_file(path)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        made = parse_calibration(data)
        check_person(made, height_m, mass_kg)
    except CalibrationError as error:
        raise CalibrationError(error.about(path)) from error
    return StoredCalibration(str(path), sha256_of(data), made)


def apply_calibration(
    result: Augmentation, stored: StoredCalibration | None
) -> tuple[Augmentation, UsedCalibration | None]:
    """The prediction with calibrated markers, and what the sidecar says of it."""
    if stored is None:
        return result, None
    markers, unmoved = calibrated(result.markers, stored.content)
    n_moved = len(set(markers.names) & set(stored.content.markers))
    used = UsedCalibration(file=stored.file, sha256=stored.sha256, n_markers=n_moved, unmoved=by_name(unmoved))
    spread = result.spread and _surer(result.spread, markers.names, stored.content)
    return replace(result, markers=markers, spread=spread), used


def _surer(spread: Spread, names: tuple[str, ...], calibration: Calibration) -> Spread:
    """The same with the constant part that remains after calibration."""
    constant_m = spread.constant_m.copy()
    for k, name in enumerate(names):
        if name in calibration.markers:
            constant_m[k] = np.fmin(constant_m[k], calibration.markers[name].remaining_mm / 1000)
    return replace(spread, constant_m=constant_m)
