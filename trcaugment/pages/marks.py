"""What is marked on a time line: findings, frames without markers, and keypoints that were filled or guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
import numpy as np

from trcaugment.chain.signals import BoolArray, Span, find_gaps
from trcaugment.conversion.sidecar import FrameRange
from trcaugment.pages.trial import Trial

Kind = Literal["finding", "lost", "guessed", "filled", "outlier", "repaired"]
TITLES: dict[Kind, str] = {
    "finding": "look twice",
    "lost": "markers not known",
    "guessed": "keypoint missing, most likely place instead",
    "filled": "short gap filled",
    "outlier": "outlier left out",
    "repaired": "left and right exchanged back",
}


class Mark(msgspec.Struct, frozen=True):
    """Frames of which something is to be said.

    Attributes:
        kind: what it is.
        label: the keypoint, marker, body part or guard concerned.
        spans: first frame, counted from 0, and the frame after the last; none for a finding about the whole trial.
        message: of a finding, in full.
    """

    kind: Kind
    label: str
    spans: tuple[Span, ...]
    message: str = ""


def find_marks(trial: Trial) -> list[Mark]:
    """All marks of a trial: from its sidecar; without one, the frames in which its markers are missing."""
    sidecar = trial.sidecar
    if sidecar is None:
        missing = np.asarray(~np.isfinite(trial.markers.positions).all(axis=2))
        names = trial.markers.names
        return [Mark("lost", names[k], tuple(find_gaps(missing[:, k]))) for k in np.flatnonzero(missing.any(axis=0))]
    marks = [Mark("finding", each.guard, _spans(each.frames), each.message) for each in sidecar.findings]
    if sidecar.without_body:
        marks.append(Mark("lost", "all markers", _spans(sidecar.without_body)))
    marks += _named("lost", sidecar.lost)
    marks += _named("guessed", sidecar.missing)
    marks += _named("filled", sidecar.filled)
    marks += _named("outlier", sidecar.outliers)
    marks += _named("repaired", sidecar.repaired)
    return marks


def joined(marks: Iterable[Mark], n_frames: int) -> dict[Kind, list[Span]]:
    """Of each kind that occurs in single frames, the frames in which any of its marks is."""
    marked: dict[Kind, BoolArray] = {}
    for mark in marks:
        if not mark.spans:
            continue
        frames = marked.setdefault(mark.kind, np.zeros(n_frames, dtype=np.bool_))
        for start, stop in mark.spans:
            frames[start:stop] = True
    return {kind: find_gaps(marked[kind]) for kind in TITLES if kind in marked}


def _named(kind: Kind, frames: Mapping[str, tuple[FrameRange, ...]]) -> list[Mark]:
    return [Mark(kind, name, _spans(ranges)) for name, ranges in frames.items()]


def _spans(ranges: Iterable[FrameRange]) -> tuple[Span, ...]:
    """Frames counted from 0, from those counted from 1."""
    return tuple((first - 1, last) for first, last in ranges)
