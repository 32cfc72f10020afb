"""Markers: named trajectories of one trial, checked when made and never edited in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trcaugment.errors import MarkersError

FloatArray = NDArray[np.float64]

# Every model reads windows of 30 frames at 60 Hz, which is half a second.
RATE_HZ, WINDOW_FRAMES = 60.0, 30
# Shorter gaps are filled: a point moves little in that time, and PCHIP follows it.
MAX_GAP_S = 0.2
# White noise of less than this stays: the network sees through it, and a filter would cost as much as it takes.
SMALL_NOISE_M = 0.002

# Limits far outside any recording, chosen so that no computation on times and positions can overflow.
FARTHEST_M = 1e6  # beyond this a coordinate is garbage, whatever the unit
LATEST_S = 4e9  # Unix time until 2096
SHORTEST_STEP_S = 1e-5  # 100 kHz


@dataclass(frozen=True, eq=False)
class Markers:
    """Trajectories of named markers over one trial; NaN means missing.

    Attributes:
        names: marker names, all different, (n_markers,).
        positions: marker positions in m, (n_frames, n_markers, 3), read-only.
        time_s: strictly increasing time stamps in s, (n_frames,), read-only.
        unit: length unit of the file the markers came from ("m", "cm" or "mm").
        notes: sentences on what the file reader repaired or found unusual.

    Raises:
        MarkersError: shapes disagree, a name is repeated, time does not increase by 10 µs or more, there are no
            frames, or a position is infinite or farther than 1000 km away.

    Example:
        >>> import numpy as np
        >>> from trcaugment import Markers
        >>> two = Markers(("RHip", "LHip"), np.zeros((3, 2, 3)), np.array([0.0, 0.02, 0.04]))
        >>> two.n_frames, round(two.rate_hz)
        (3, 50)
        >>> two.select(["LHip"]).shape
        (3, 1, 3)
    """

    names: tuple[str, ...]
    positions: FloatArray
    time_s: FloatArray
    unit: str = "m"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "positions", _read_only(self.positions))
        object.__setattr__(self, "time_s", _read_only(self.time_s))
        object.__setattr__(self, "notes", tuple(self.notes))
        _check(self.names, self.positions, self.time_s)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.time_s)

    @property
    def rate_hz(self) -> float:
        """Data rate in Hz of the usual time step; NaN for a single frame."""
        return 1 / usual_step_s(self.time_s) if self.n_frames > 1 else float("nan")

    def select(self, names: Iterable[str]) -> FloatArray:
        """Positions in m of the named markers, in that order, (n_frames, len(names), 3).

        Raises:
            MarkersError: a name is not among the markers.
        """
        wanted = tuple(names)
        missing = [name for name in wanted if name not in self.names]
        if missing:
            raise MarkersError(f"no marker named {', '.join(missing)}; there are {', '.join(self.names)}")
        return self.positions[:, [self.names.index(name) for name in wanted]]


def usual_step_s(time_s: FloatArray) -> float:
    """The usual step between time stamps: the median, or the mean without leaps where rounding makes steps uneven.

    At 60 Hz with two decimals (0.02, 0.03, 0.05 s) the median is 0.02 s, that of 50 Hz.

    Args:
        time_s: two time stamps or more, (n_frames,).
    """
    steps_s = np.diff(time_s)
    median_s = float(np.median(steps_s))
    mean_s = float(steps_s[steps_s <= 1.5 * median_s + 0.001].mean())
    return median_s if abs(mean_s - median_s) < 0.01 * median_s else mean_s


def _read_only(array: FloatArray) -> FloatArray:
    """A read-only float64 copy, so that nobody can change the trial from outside; itself if nobody can change it."""
    if isinstance(array, np.ndarray) and array.dtype == np.float64 and not array.flags.writeable:
        owner = array if array.base is None else array.base
        if isinstance(owner, np.ndarray) and owner.base is None and not owner.flags.writeable:
            return array
    copy = np.array(array, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def _check(names: tuple[str, ...], positions: FloatArray, time_s: FloatArray) -> None:
    if time_s.ndim != 1 or len(time_s) == 0:
        raise MarkersError(f"expected at least one frame and one time stamp each, found time of shape {time_s.shape}")
    expected = (len(time_s), len(names), 3)
    if positions.shape != expected:
        raise MarkersError(f"expected positions of shape {expected} (frames, markers, xyz), found {positions.shape}")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise MarkersError(f"expected every marker name once, found {', '.join(twice[:5])} more than once")
    _check_times(time_s)
    # NaN means missing and passes. The first look needs no memory.
    if (
        max(np.fmax.reduce(positions, axis=None, initial=0.0), -np.fmin.reduce(positions, axis=None, initial=0.0))
        > FARTHEST_M
    ):
        far = np.abs(positions) > FARTHEST_M
        frame, marker, _ = np.unravel_index(np.argmax(far), far.shape)
        raise MarkersError(
            f"expected positions within 1000 km, found {names[marker]} farther away in frame {frame + 1}; "
            "set it to NaN if it is missing"
        )


def _check_times(time_s: FloatArray) -> None:
    unknown = np.flatnonzero(~(np.abs(time_s) <= LATEST_S))
    if unknown.size:
        k = int(unknown[0])
        raise MarkersError(f"expected a time in s at frame {k + 1}, found {time_s[k]:g}")
    backward = np.flatnonzero(np.diff(time_s) < SHORTEST_STEP_S)
    if backward.size:
        k = int(backward[0])
        raise MarkersError(
            f"time must increase by {SHORTEST_STEP_S:g} s or more: frame {k + 1} is at {time_s[k]:.9g} s and frame "
            f"{k + 2} at {time_s[k + 1]:.9g} s"
        )


def smoothing_hz(noise_m: FloatArray) -> FloatArray:
    """Frequencies in Hz at which smoothing halves motion, for white noise of standard deviations in m (same shape).

    12 Hz for 2 mm, 9.5 for 4, 7.6 for 8, 6.1 for 15: about the best on lab recordings of walking, squats and drop jumps
    to which noise was added (docs, "noise" in the page on guards). Prediction smooths so, and training imitates it.
    """
    return np.asarray(12.0 * (SMALL_NOISE_M / noise_m) ** (1 / 3))
