"""What a guard found, and the steps that all guards share: what lasts, where it is, and how it is put in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from scipy.ndimage import grey_closing, grey_opening

from trcaugment.chain.signals import BoolArray, Span, find_gaps
from trcaugment.markers import FloatArray

Guard = Literal[
    "height", "population", "posture", "speed", "swap", "frozen", "segments", "outliers", "leap", "vertical"
]

_JOINED_S = 0.5  # what pauses for less is one thing
_MOST_LISTED = 4


class Finding(msgspec.Struct, frozen=True):
    """Something about a trial that its user should know.

    Attributes:
        guard: the guard that found it.
        message: what was expected, what was found, at which keypoints, and what to do.
        frames: spans of the frames concerned (first, after last); none means the whole trial.
    """

    guard: Guard
    message: str
    frames: list[Span] = []


def frames_in(duration_s: float, time_s: FloatArray) -> int:
    """How many frames a duration has at the typical rate of the time stamps (n_frames,); two at least."""
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else duration_s
    return max(2, round(duration_s / step_s))


def lasting(odd: BoolArray, n_least: int) -> BoolArray:
    """What is odd for at least so many frames in a row, (n_frames, ...)."""
    # The grey ones: the time of the binary ones grows with the duration, and at 50 kHz they take a minute.
    size = (n_least, *[1] * (odd.ndim - 1))
    return np.asarray(grey_opening(odd.astype(np.uint8), size, mode="constant"), dtype=np.bool_)


def spans_of(odd: BoolArray, time_s: FloatArray) -> list[Span]:
    """Runs of odd frames, those close together joined, from (n_frames,)."""
    n_joined = frames_in(_JOINED_S, time_s)
    padded = np.pad(odd.astype(np.uint8), n_joined)
    joined = grey_closing(padded, n_joined, mode="constant")[n_joined:-n_joined]
    return find_gaps(np.asarray(joined, dtype=np.bool_))


def listed(things: Sequence[str]) -> str:
    """The first few of the things, and how many more there are."""
    more = len(things) - _MOST_LISTED
    return ", ".join(things[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def median_of(values: FloatArray) -> float:
    """Median of what is not NaN, from (n,); NaN where nothing is."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
