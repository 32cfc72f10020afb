"""A guard's finding, and helpers that the guards share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from trcaugment.chain.signals import BoolArray, Span, by_known, find_gaps, medians
from trcaugment.markers import FloatArray

Guard = Literal[
    "height", "population", "posture", "speed", "swap", "frozen", "segments", "outliers", "leap", "vertical"
]

_JOINED_S = 0.5  # spans with shorter pauses are joined to one
_MOST_LISTED = 4


class Finding(msgspec.Struct, frozen=True):
    """Something that looks wrong in a trial.

    Attributes:
        guard: the guard that found it.
        message: what was expected, what was found, at which keypoints, and what to do.
        frames: spans of the frames concerned (first, after last); an empty list means the whole trial.
    """

    guard: Guard
    message: str
    frames: list[Span] = []


def frames_in(duration_s: float, time_s: FloatArray) -> int:
    """Number of frames in a duration, at the median step of the time stamps (n_frames,); at least two."""
    step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else duration_s
    return max(2, round(duration_s / step_s))


def lasting(odd: BoolArray, n_least: int) -> BoolArray:
    """Keep only runs of at least `n_least` odd frames, (n_frames, ...)."""
    if not odd.any():
        return odd
    columns = odd.reshape(len(odd), -1).T
    edges = np.diff(np.pad(columns.astype(np.int8), ((0, 0), (1, 1))), axis=1)  # 1 at a run's start, -1 after its end
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    short = stops - starts < n_least
    edges.flat[starts[short]] = edges.flat[stops[short]] = 0
    return np.cumsum(edges[:, :-1], axis=1, dtype=np.int8).T.reshape(odd.shape).astype(np.bool_)


def spans_of(odd: BoolArray, time_s: FloatArray) -> list[Span]:
    """Runs of odd frames, (n_frames,); runs less than half a second apart are joined."""
    n_joined = frames_in(_JOINED_S, time_s)
    joined: list[Span] = []
    for start, stop in find_gaps(odd):
        if joined and start - joined[-1][1] < n_joined:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def listed(things: Sequence[str]) -> str:
    """The first four things, and how many more there are."""
    more = len(things) - _MOST_LISTED
    return ", ".join(things[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


def medians_of(values: FloatArray) -> FloatArray:
    """Median of each column's values that are not NaN, (k,), from (n, k); NaN if there are none."""
    found = np.full(values.shape[1], np.nan)
    for columns, known, places in by_known(values.T[:, None]):
        if len(places):
            found[columns] = medians(known)[:, 0]
    return found
