"""A person's calibration: where their markers are, constantly, beside where a model predicts them.

An offset is constant in the frame of the marker's segment (`segment_frames.py`); that of a leg's marker changes with
the bend of the knee besides. `offsets.py` learns them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np

from trcaugment.chain.segment_frames import knee_bends, segment_axes
from trcaugment.chain.signals import Span, find_gaps
from trcaugment.errors import CalibrationError
from trcaugment.marker_sets import LANDMARKS
from trcaugment.markers import FloatArray, Markers

FORMAT_VERSION = 1
FARTHEST_MM = 100.0  # a marker farther off is another one, or another person's
_SAME_HEIGHT_M, _SAME_MASS = 0.0051, 0.1  # what counts as the same person: rounding, and some weight gained

_Offset = Annotated[float, msgspec.Meta(ge=-FARTHEST_MM, le=FARTHEST_MM)]
_Slope = Annotated[float, msgspec.Meta(ge=-5, le=5)]
_Bend = Annotated[float, msgspec.Meta(ge=0, le=180)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a calibration file."""


class SeenTrial(_Part, frozen=True):
    """A trial that was learnt from: paths and checksums of keypoints and optical markers, and frames with both."""

    keypoints: str
    keypoints_sha256: str
    markers: str
    markers_sha256: str
    n_frames: int


class MarkerOffset(_Part, frozen=True):
    """What was learnt of one marker.

    Attributes:
        offset_mm: from the predicted place, along forward, up and outward of its segment.
        per_degree_mm: its change for each degree that the knee bends; zero but for markers of legs.
        bend_deg: least, middle and largest bend of the knee that was seen. `offset_mm` is that of the middle one, and
            beyond the others it does not change further.
        share: what was believed of the mean offset that was seen, 0 to 1.
        n_trials: trials in which it was seen.
        seen_s: time in which it was seen.
        remaining_mm: standard deviation, along each axis, of what stays constant and unknown.
    """

    offset_mm: tuple[_Offset, _Offset, _Offset]
    per_degree_mm: tuple[_Slope, _Slope, _Slope]
    bend_deg: tuple[_Bend, _Bend, _Bend]
    share: Annotated[float, msgspec.Meta(ge=0, le=1)]
    n_trials: int
    seen_s: float
    remaining_mm: Annotated[float, msgspec.Meta(ge=0)]

    def at(self, bend_deg: FloatArray) -> FloatArray:
        """The offset in m in frames in which the knee bends so, (n_frames, 3); of the middle bend where it is NaN."""
        least, middle, most = self.bend_deg
        beside = np.nan_to_num(np.clip(bend_deg, least, most) - middle)
        return np.asarray((np.array(self.offset_mm) + beside[:, None] * np.array(self.per_degree_mm)) / 1000)


class Calibration(_Part, frozen=True):
    """A calibration file.

    Attributes:
        format_version: version of this layout.
        tool: name and version of the program.
        models: name of each model whose markers are calibrated -> checksum of its weights.
        height_m: the person's height.
        mass_kg: the person's mass.
        trials: what was learnt from.
        markers: marker -> what was learnt of it. Markers that were not seen are not here.
    """

    format_version: int
    tool: str
    models: dict[str, str]
    height_m: float
    mass_kg: float
    trials: tuple[SeenTrial, ...]
    markers: dict[str, MarkerOffset]


def parse_calibration(data: bytes) -> Calibration:
    """The content of a calibration file.

    Raises:
        CalibrationError: it is none, or of another version.
    """
    try:
        made = msgspec.json.decode(data, type=Calibration)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CalibrationError(f"expected a file of trcaugment calibrate ({error})") from error
    if made.format_version != FORMAT_VERSION:
        raise CalibrationError(f"expected version {FORMAT_VERSION}, found {made.format_version}; calibrate again")
    unknown = [name for name in made.markers if name not in LANDMARKS]
    if unknown:
        raise CalibrationError(f"no marker of ours is called {', '.join(unknown[:3])}")
    return made


def check_person(calibration: Calibration, height_m: float | None, mass_kg: float) -> None:
    """Check that a calibration is of the person whose trials are predicted.

    Raises:
        CalibrationError: height or mass is another one, or the height is not stated.
    """
    theirs = f"the calibration is of a person of {calibration.height_m:g} m and {calibration.mass_kg:g} kg"
    if height_m is None:
        raise CalibrationError(f"{theirs}: state this height, for it is not known to be the same person otherwise")
    same_height = abs(height_m - calibration.height_m) <= _SAME_HEIGHT_M
    if not same_height or abs(mass_kg / calibration.mass_kg - 1) > _SAME_MASS:
        raise CalibrationError(f"{theirs}, the trials are of one of {height_m:g} m and {mass_kg:g} kg")


def check_model(calibration: Calibration, name: str, sha256: str) -> None:
    """Check that a calibration was learnt beside a model's predictions.

    Raises:
        CalibrationError: it was learnt beside another model's.
    """
    if sha256 not in calibration.models.values():
        other = " with other weights" if name in calibration.models else ""
        raise CalibrationError(
            f"the calibration belongs to {', '.join(calibration.models)}, the model is {name}{other}; calibrate again"
        )


def calibrated(markers: Markers, calibration: Calibration) -> tuple[Markers, dict[str, list[Span]]]:
    """Move predicted markers to where the person has them.

    Args:
        markers: as a model predicts them.
        calibration: of this person and model.

    Returns:
        The markers, and by marker the spans of frames in which it was predicted but not moved, because a marker that
        defines its segment's frame is missing.
    """
    known = [name for name in markers.names if name in calibration.markers]
    if not known:
        return markers, {}
    ours = [k for k, name in enumerate(markers.names) if name in LANDMARKS and LANDMARKS[name].kind != "keypoint"]
    names = [markers.names[k] for k in ours]
    axes = segment_axes(markers.positions[:, ours], names)
    bends = knee_bends(markers.positions[:, ours], names)
    moved = markers.positions.copy()
    unmoved: dict[str, list[Span]] = {}
    for name in known:
        k = markers.names.index(name)
        offset_m = calibration.markers[name].at(bends[:, names.index(name)])
        shift = np.einsum("ti,tij->tj", offset_m, axes[:, names.index(name)])
        there = np.asarray(np.isfinite(shift).all(axis=1))
        moved[:, k] += np.where(there[:, None], shift, 0.0)
        left = np.asarray(~there & np.isfinite(moved[:, k]).all(axis=1))
        if left.any():
            unmoved[name] = find_gaps(left)
    return replace(markers, positions=moved), unmoved
