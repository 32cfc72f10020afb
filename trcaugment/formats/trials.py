"""Files of a trial's markers: TRC, or C3D where the name ends so."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trcaugment.errors import TrcError
from trcaugment.formats.c3d import format_c3d, parse_c3d
from trcaugment.formats.trc import format_trc, parse_trc, read_trc_bytes
from trcaugment.markers import Markers

TRC_END, C3D_END = ".trc", ".c3d"
TRIAL_ENDS = (TRC_END, C3D_END)


def is_c3d(path: Path) -> bool:
    """Whether a file is C3D by its name."""
    return path.suffix.casefold() == C3D_END


def find_trials(folder: Path) -> list[Path]:
    """The TRC and C3D files of a folder, sorted; of two of one name, the TRC.

    Raises:
        TrcError: the folder cannot be read.
    """
    try:
        found = sorted(each for each in folder.iterdir() if each.suffix.casefold() in TRIAL_ENDS and each.is_file())
    except OSError as error:
        raise TrcError(f"{folder}: the folder cannot be read ({error.strerror}).") from error
    return [each for each in found if not is_c3d(each) or not each.with_suffix(TRC_END).exists()]


def read_trial(path: Path) -> Markers:
    """Read a file of markers.

    Raises:
        TrcError: a TRC file cannot be read.
        C3dError: a C3D file cannot be read.
    """
    return parse_trial(read_trc_bytes(path), path)


def parse_trial(data: bytes, path: Path) -> Markers:
    """The markers in a file's content; its name says the format.

    Raises:
        TrcError: a TRC file cannot be read.
        C3dError: a C3D file cannot be read.
    """
    return parse_c3d(data, path) if is_c3d(path) else parse_trc(data, path)


def format_trial(path: Path, markers: Markers, *, unit: str) -> Iterable[bytes]:
    """The bytes of a file of markers in parts; its name says the format.

    Raises:
        TrcError: the markers do not fit a TRC file.
        C3dError: they do not fit a C3D file.
    """
    return [format_c3d(path, markers, unit=unit)] if is_c3d(path) else format_trc(path, markers, unit=unit)
