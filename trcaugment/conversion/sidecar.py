"""Sidecars: how an output was made, in a JSON file beside it. The same input gives the same one, but for `made`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from trcaugment import __version__
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.signals import Span
from trcaugment.chain.time_range import TimeRange
from trcaugment.formats.files import read_file, sidecar_path
from trcaugment.markers import RATE_HZ
from trcaugment.model.card import Card
from trcaugment.subject import StatedSubject

if TYPE_CHECKING:
    from trcaugment.chain.augmentation import Augmentation  # which loads torch

FORMAT_VERSION = 2
_PROGRAM = "trcaugment"
FrameRange = tuple[int, int]  # first and last frame, counted from 1 as a TRC does


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a sidecar."""


class UsedModel(_Part, frozen=True):
    """The model: its name, the checksum of its weights, and the rate that the trial was brought to."""

    name: str
    sha256: str
    rate_hz: float


class InputFile(_Part, frozen=True):
    """The keypoint file: checksum, unit, rate (None for a single frame), what was odd about it, and `--names`.

    Of the frames that lie in the time range: their number, and the place of the first one in the file.
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
    """The person: as stated, and by whom; with an error (95 % of people within) if the height was estimated."""

    height_m: float
    height_source: str
    height_error_m: float | None
    mass_kg: float
    mass_source: str


class OutputFile(_Part, frozen=True):
    """The marker file: checksum, and what is in it."""

    sha256: str
    n_markers: int
    with_keypoints: bool
    n_frames_predicted: int


class GuardFinding(_Part, frozen=True):
    """A finding of a guard, its frames counted from 1; none stand for the whole trial."""

    guard: str
    message: str
    frames: tuple[FrameRange, ...]


class Made(_Part, frozen=True):
    """Time (UTC) and place."""

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
        sources: keypoint -> the input's name that it came from.
        derived: one sentence for each point computed from others.
        preparation: how the keypoints were prepared.
        up: the axis of the input that is Y in the output; None if nothing was turned.
        repaired: where left and right were exchanged back, part of the body -> frames.
        outliers: samples that leave their path and come back, keypoint -> frames.
        filled: short gaps that were filled, keypoint -> frames.
        missing: longer gaps, keypoint -> frames; its most likely place given the others was used there.
        lost: markers that cannot be known there, and are NaN, marker -> frames.
        without_body: frames whose keypoints are no body of this height; no marker is predicted there either.
        findings: of the guards.
        made: when, from which file, to which.
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
    up: str | None
    repaired: dict[str, tuple[FrameRange, ...]]
    outliers: dict[str, tuple[FrameRange, ...]]
    filled: dict[str, tuple[FrameRange, ...]]
    missing: dict[str, tuple[FrameRange, ...]]
    lost: dict[str, tuple[FrameRange, ...]]
    without_body: tuple[FrameRange, ...]
    findings: tuple[GuardFinding, ...]
    made: Made


class _AnyOutput(msgspec.Struct, frozen=True):
    sha256: str


class _AnyMade(msgspec.Struct, frozen=True):
    input: str


class Origin(msgspec.Struct, frozen=True):
    """What sidecars of every format hold: enough to recognise an output of this program, whichever version made it."""

    tool: str
    output: _AnyOutput
    made: _AnyMade


def read_sidecar(output: Path) -> Sidecar | None:
    """The sidecar beside an output; None if there is none, or it is not one of this format."""
    try:
        sidecar = msgspec.json.decode(read_file(sidecar_path(output)), type=Sidecar)
    except (OSError, msgspec.DecodeError):
        return None
    return sidecar if sidecar.format_version == FORMAT_VERSION else None


def read_origin(output: Path) -> Origin | None:
    """What the sidecar beside an output says of any format; None if there is none, or it is another program's file."""
    try:
        origin = msgspec.json.decode(read_file(sidecar_path(output)), type=Origin)
    except (OSError, msgspec.DecodeError):
        return None
    return origin if origin.tool.startswith(f"{_PROGRAM} ") else None


def sha256_of(data: bytes) -> str:
    """Checksum of a file's content, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def make_sidecar(
    card: Card, result: Augmentation, *, source: InputFile, subject: UsedSubject, output: OutputFile, made: Made
) -> Sidecar:
    """An account of a prediction, with frames counted from 1."""
    return Sidecar(
        format_version=FORMAT_VERSION,
        tool=this_tool(),
        model=UsedModel(name=card.name, sha256=card.sha256, rate_hz=RATE_HZ),
        input=source,
        subject=subject,
        output=output,
        sources=result.sources,
        derived=result.derived,
        preparation=result.preparation,
        up=result.up,
        repaired=_by_name(result.repaired),
        outliers=_by_name(result.outliers),
        filled=_by_name(result.filled),
        missing=_by_name(result.missing),
        lost=_by_name(result.lost),
        without_body=_frames(result.without_body),
        findings=tuple(
            GuardFinding(guard=each.guard, message=each.message, frames=_frames(each.frames))
            for each in result.findings
        ),
        made=made,
    )


def was_made_so(sidecar: Sidecar, input_sha256: str, card: Card, person: StatedSubject) -> bool:
    """Whether an output was made by this program from this input and model for this person."""
    subject = sidecar.subject
    stated_m = subject.height_m if subject.height_error_m is None else None
    return (sidecar.tool, sidecar.input.sha256, sidecar.model.sha256) == (this_tool(), input_sha256, card.sha256) and (
        StatedSubject(stated_m, subject.mass_kg, subject.height_source, subject.mass_source) == person
    )


def this_tool() -> str:
    """Name and version of this program."""
    return f"{_PROGRAM} {__version__}"


def _by_name(spans: dict[str, list[Span]]) -> dict[str, tuple[FrameRange, ...]]:
    return {name: _frames(each) for name, each in spans.items()}


def _frames(spans: Iterable[Span]) -> tuple[FrameRange, ...]:
    return tuple((start + 1, stop) for start, stop in spans)
