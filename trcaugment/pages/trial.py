"""A trial as pages show it: the markers, the account of how they were made, and the keypoints they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trcaugment.chain.keypoints import input_keypoints
from trcaugment.chain.time_range import cut_time
from trcaugment.chain.vertical import turn_to_y_up
from trcaugment.conversion.sidecar import Sidecar, read_sidecar, sha256_of
from trcaugment.errors import MarkersError, TrcAugmentError
from trcaugment.formats.files import read_file
from trcaugment.formats.name_map import read_name_map
from trcaugment.formats.trc import read_trc_bytes
from trcaugment.formats.trials import parse_trial
from trcaugment.formats.units import check_unit
from trcaugment.markers import Markers


@dataclass(frozen=True, eq=False)
class Trial:
    """A marker file, and what is known of it.

    Attributes:
        path: the file.
        markers: its markers; with `with_keypoints`, its keypoints too.
        sidecar: how it was made; None if no sidecar of this program fits the file.
        keypoints: the input that the sidecar names, at the output's frames and axes; None if it is not there unchanged.
        notes: what is not shown, and why, one sentence each.
    """

    path: Path
    markers: Markers
    sidecar: Sidecar | None = None
    keypoints: Markers | None = None
    notes: tuple[str, ...] = ()


def open_trial(path: Path) -> Trial:
    """Read a marker file (TRC or C3D), its sidecar, and the input from which it was made.

    Raises:
        TrcAugmentError: the file cannot be read.
    """
    data = read_trc_bytes(path)
    markers = parse_trial(data, path)
    notes = tuple(_odd_unit(markers))
    sidecar = read_sidecar(path)
    if sidecar is None:
        return Trial(path, markers, notes=notes)
    if sidecar.output.sha256 != sha256_of(data):
        changed = "The sidecar is left out: the file was changed since it was made."
        return Trial(path, markers, notes=(*notes, changed))
    keypoints = _find_input(sidecar, path.parent)
    if keypoints is None:
        notes += (f"The keypoints are not shown: {sidecar.made.input} is not there, or was changed since.",)
    return Trial(path, markers, sidecar, keypoints, notes)


def _odd_unit(markers: Markers) -> Iterator[str]:
    try:
        check_unit(markers)
    except MarkersError as error:
        yield f"The unit may be wrong: {error}."


def _find_input(sidecar: Sidecar, folder: Path) -> Markers | None:
    """The sidecar's input where it was, or beside the output, if it is still the same."""
    named = Path(sidecar.made.input)
    for place in (named, folder / named.name):
        with suppress(OSError, ValueError, TrcAugmentError):
            data = read_file(place)
            if sha256_of(data) == sidecar.input.sha256:
                names = read_name_map(sidecar.input.names)
                whole = names.apply(parse_trial(data, place))
                used = cut_time(input_keypoints(whole), sidecar.input.time_range)
                return turn_to_y_up(used, sidecar.up or "y")
    return None
