"""Sidecars: a JSON file beside each output, with its provenance. Equal inputs give equal ones, except for `made`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from trcaugment import __version__
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.signals import Span
from trcaugment.chain.time_range import TimeRange
from trcaugment.chain.vertical import Axis
from trcaugment.formats.files import read_file, sidecar_path
from trcaugment.formats.trials import is_c3d
from trcaugment.markers import RATE_HZ
from trcaugment.model.card import ARMS_MODEL, Card, find_folder, read_card
from trcaugment.subject import StatedSubject

if TYPE_CHECKING:
    from trcaugment.chain.augmentation import Augmentation

FORMAT_VERSION = 2
_PROGRAM = "trcaugment"
_Kind = TypeVar("_Kind")
FrameRange = tuple[int, int]  # first and last frame, counted from 1 as a TRC does


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a sidecar."""


class UsedModel(_Part, frozen=True):
    """The model: name, checksum of its weights, and the rate in Hz that the trial was resampled to."""

    name: str
    sha256: str
    rate_hz: float


class InputFile(_Part, frozen=True):
    """The keypoint file: checksum, unit, rate (None for a single frame), what was repaired or odd, and `--names`.

    Of the time range: the number of frames, and the frame of the file with which it begins.
    """

    sha256: str
    unit: str
    rate_hz: float | None
    time_range: TimeRange
    first_frame: int
    n_frames: int
    notes: tuple[str, ...]
    names: tuple[str, ...] = ()


class UsedSubject(_Part, frozen=True):
    """The person: height and mass, and their sources. An estimated height has the half width of its 95 % interval."""

    height_m: float
    height_source: str
    height_error_m: float | None
    mass_kg: float
    mass_source: str


class OutputFile(_Part, frozen=True):
    """The marker file: checksum, number of markers and predicted frames, and whether it includes the keypoints."""

    sha256: str
    n_markers: int
    with_keypoints: bool
    n_frames_predicted: int


class GuardFinding(_Part, frozen=True):
    """A guard's finding. Frames are counted from 1; no frames means the whole trial."""

    guard: str
    message: str
    frames: tuple[FrameRange, ...]


class UsedSpread(_Part, frozen=True):
    """How far the markers may be off: standard deviations in mm along forward, up and outward of the marker's segment.

    Attributes:
        sha256: checksum of the table with every frame.
        constant_mm: marker -> of the part that is the same in all trials of the person.
        moving_mm: marker -> of the rest, the root mean square over the frames.
    """

    sha256: str
    constant_mm: dict[str, tuple[float, ...]]
    moving_mm: dict[str, tuple[float, ...]]


class UsedCalibration(_Part, frozen=True):
    """The person's calibration.

    Attributes:
        file: its path.
        sha256: its checksum.
        n_markers: markers that were moved.
        unmoved: marker -> frames in which it was not moved, because its segment's frame is not known there.
    """

    file: str
    sha256: str
    n_markers: int
    unmoved: dict[str, tuple[FrameRange, ...]]


class Made(_Part, frozen=True):
    """When (UTC) the output was made, and the paths of input and output."""

    at: str
    input: str
    output: str


class Sidecar(_Part, frozen=True):
    """How an output was made.

    Attributes:
        format_version: version of this layout.
        tool: name and version of this program.
        model: the model.
        input: the keypoint file.
        subject: the person.
        output: the marker file.
        sources: keypoint -> name of the input marker that it was read from.
        derived: one sentence for each keypoint that was computed from others.
        preparation: how the keypoints were prepared.
        up: the axis of the input that is Y in the output; None if nothing was turned.
        repaired: part of the body -> frames where left and right were exchanged back.
        outliers: keypoint -> frames whose samples leap away from their path and back.
        smoothed: keypoint -> standard deviation of its white noise in m, where that was large enough to smooth it.
        filled: keypoint -> frames of short gaps that were filled.
        missing: keypoint -> frames of longer gaps, where the most likely place given the other keypoints was used.
        lost: marker -> frames where it cannot be predicted, and is NaN.
        without_body: frames whose keypoints do not form a body of this height; all markers are NaN there.
        findings: what the guards found.
        made: when the output was made, and the paths of input and output.
        uncertainty: how far the markers may be off; None if that was not asked for.
        arms: the model of the arms; None if they were not asked for.
        calibration: the person's calibration; None without one.
    """

    format_version: int
    tool: str
    model: UsedModel
    input: InputFile
    subject: UsedSubject
    output: OutputFile
    sources: dict[str, str]
    derived: tuple[str, ...]
    preparation: Preparation
    up: Axis | None
    repaired: dict[str, tuple[FrameRange, ...]]
    outliers: dict[str, tuple[FrameRange, ...]]
    smoothed: dict[str, float]
    filled: dict[str, tuple[FrameRange, ...]]
    missing: dict[str, tuple[FrameRange, ...]]
    lost: dict[str, tuple[FrameRange, ...]]
    without_body: tuple[FrameRange, ...]
    findings: tuple[GuardFinding, ...]
    made: Made
    uncertainty: UsedSpread | None = None
    arms: UsedModel | None = None
    calibration: UsedCalibration | None = None


class _AnyOutput(msgspec.Struct, frozen=True):
    sha256: str


class _AnyMade(msgspec.Struct, frozen=True):
    input: str
    output: str = ""


class Origin(msgspec.Struct, frozen=True):
    """What sidecars of every format version hold: enough to recognize an output of this program."""

    tool: str
    output: _AnyOutput
    made: _AnyMade


def read_sidecar(output: Path) -> Sidecar | None:
    """The sidecar beside an output; None if there is none, it is damaged, or it has another format version."""
    sidecar = _decode(output, Sidecar)
    return sidecar if sidecar is not None and sidecar.format_version == FORMAT_VERSION else None


def read_origin(output: Path) -> Origin | None:
    """The sidecar beside an output, of any format version; None if there is none, or another program wrote the file.

    `walk.json` beside `walk.trc` and `walk.c3d` is that of the one of the kind that it says was made.
    """
    origin = _decode(output, Origin)
    if (
        origin is None
        or not origin.tool.startswith(f"{_PROGRAM} ")
        or is_c3d(output) != is_c3d(Path(origin.made.output))
    ):
        return None
    return origin


def _decode(output: Path, kind: type[_Kind]) -> _Kind | None:
    """The sidecar beside an output, as far as it is of this kind."""
    try:
        return msgspec.json.decode(read_file(sidecar_path(output)), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # the last if nested without end
        return None


def sha256_of(data: bytes) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def make_sidecar(
    card: Card, result: Augmentation, *, source: InputFile, subject: UsedSubject, output: OutputFile, made: Made
) -> Sidecar:
    """The sidecar of a prediction, without uncertainty; its frames are counted from 1."""
    return Sidecar(
        format_version=FORMAT_VERSION,
        tool=this_tool(),
        model=_used(card),
        input=source,
        subject=subject,
        output=output,
        sources=result.sources,
        derived=result.derived,
        preparation=result.preparation,
        up=result.up,
        repaired=by_name(result.repaired),
        outliers=by_name(result.outliers),
        smoothed={name: round(noise_m, 5) for name, noise_m in result.smoothed.items()},
        filled=by_name(result.filled),
        missing=by_name(result.missing),
        lost=by_name(result.lost),
        without_body=_frames(result.without_body),
        findings=tuple(
            GuardFinding(guard=each.guard, message=each.message, frames=_frames(each.frames))
            for each in result.findings
        ),
        made=made,
        arms=_used(_arms_card()) if result.preparation.arms else None,
    )


def _used(card: Card) -> UsedModel:
    return UsedModel(name=card.name, sha256=card.sha256, rate_hz=RATE_HZ)


@cache
def _arms_card() -> Card:
    return read_card(find_folder(ARMS_MODEL))


def was_made_so(sidecar: Sidecar, input_sha256: str, card: Card, person: StatedSubject) -> bool:
    """Whether this version of the program made the output, from this input, with this model, for this person."""
    subject = sidecar.subject
    stated_m = subject.height_m if subject.height_error_m is None else None
    if sidecar.arms is not None and sidecar.arms != _used(_arms_card()):
        return False
    return (sidecar.tool, sidecar.input.sha256, sidecar.model.sha256) == (this_tool(), input_sha256, card.sha256) and (
        StatedSubject(stated_m, subject.mass_kg, subject.height_source, subject.mass_source) == person
    )


def this_tool() -> str:
    """Name and version of this program."""
    return f"{_PROGRAM} {__version__}"


def by_name(spans: dict[str, list[Span]]) -> dict[str, tuple[FrameRange, ...]]:
    """Frames, counted from 1, by name."""
    return {name: _frames(each) for name, each in spans.items()}


def _frames(spans: Iterable[Span]) -> tuple[FrameRange, ...]:
    return tuple((start + 1, stop) for start, stop in spans)
