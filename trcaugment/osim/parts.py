"""Parts of a trial that become a motion file each, with a row for every frame.

OpenSim's splines take no missing values, so frames that cannot be solved are interpolated if they are few, and part the
trial if they are many. Interpolated are the angles, not the markers: these say nothing about frames without them, and
the sets of markers on both sides of a gap may differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from trcaugment.chain.signals import BoolArray, Span, find_gaps, find_segments, find_short_gaps
from trcaugment.errors import OsimError
from trcaugment.markers import FloatArray

_FEWEST_FRAMES = 2  # one row is no motion


@dataclass(frozen=True, eq=False)
class Part:
    """A run of a trial's frames whose angles are one motion file.

    Attributes:
        name: of its files, without ending: the trial's, or with `_part1`, `_part2`, ...
        span: its first frame in the trial, and the frame after its last.
        time_s: its time stamps, (n_frames,).
        solved: whether each frame has enough markers to be solved; the others are interpolated, (n_frames,).
    """

    name: str
    span: Span
    time_s: FloatArray
    solved: BoolArray

    def as_data(self) -> dict[str, object]:
        """For JSON: the file, its times in s, and how many of its frames are interpolated."""
        return {
            "motion": f"{self.name}.mot",
            "start_s": float(self.time_s[0]),
            "end_s": float(self.time_s[-1]),
            "n_frames": len(self.time_s),
            "n_interpolated": int((~self.solved).sum()),
        }


def find_parts(name: str, usable: BoolArray, time_s: FloatArray, max_gap_s: float) -> tuple[Part, ...]:
    """Parts of a trial with at least two frames, or the only frame there is.

    Args:
        name: the trial's.
        usable: whether each frame can be solved, (n_frames,), one at least.
        time_s: increasing time stamps in s, (n_frames,). Where they leap, as `find_segments` has it, a part ends too.
        max_gap_s: shortest gap in s that parts the trial; shorter ones are interpolated.

    Raises:
        OsimError: there are several parts, and none has two frames.
    """
    runs: list[Span] = []
    for first, stop in find_segments(np.ones_like(usable), time_s):
        bridged = usable[first:stop].copy()
        for a, b in find_short_gaps(~bridged, time_s[first:stop], max_gap_s):
            bridged[a:b] = True
        runs += [(first + a, first + b) for a, b in find_gaps(bridged)]
    long = [(a, b) for a, b in runs if b - a >= _FEWEST_FRAMES or len(runs) == 1]
    if not long:
        raise OsimError(
            f"expected two frames or more in a row with enough markers, found {len(runs)} single ones: no motion"
        )
    names = part_names(name, len(long))
    return tuple(Part(each, (a, b), time_s[a:b], usable[a:b]) for each, (a, b) in zip(names, long, strict=True))


def part_names(name: str, n_parts: int) -> tuple[str, ...]:
    """Names of the files of a trial's parts: its own if there is one part."""
    return (name,) if n_parts == 1 else tuple(f"{name}_part{number}" for number in range(1, n_parts + 1))


def interpolate(values: FloatArray, part: Part) -> FloatArray:
    """Values in every frame of a part, from those in its solved frames.

    By Akima's method. On generated motions with gaps of 0.1 s it is nearer to the truth than PCHIP, and where angles
    are noisy nearer than a cubic spline (`benchmarks/gap_angles.py`; figures in docs/howto/osim.md).

    Args:
        values: (n_solved, n_columns).
        part: whose frames they are.

    Returns:
        (n_frames, n_columns); in solved frames the same as before.
    """
    made = np.empty((len(part.time_s), values.shape[1]))
    made[part.solved] = values
    if not part.solved.all():
        made[~part.solved] = Akima1DInterpolator(part.time_s[part.solved], values)(part.time_s[~part.solved])
    return made


def notes_on_parts(parts: Sequence[Part], usable: BoolArray, time_s: FloatArray) -> Iterator[str]:
    """Sentences on what was interpolated, left out and parted.

    Args:
        parts: of the trial.
        usable: whether each frame can be solved, (n_frames,).
        time_s: time stamps, (n_frames,).
    """
    made = np.zeros_like(usable)
    covered = np.zeros_like(usable)
    for part in parts:
        first, stop = part.span
        covered[first:stop] = True
        made[first:stop] = ~part.solved
    if made.any():
        yield f"interpolated, too few markers: {_times(made, time_s)}"
    if len(parts) > 1:
        ends = (f"{part.name}.mot {_range(part.time_s[0], part.time_s[-1])}" for part in parts)
        yield f"in {len(parts)} parts, for longer gaps lie between: {', '.join(ends)}"
    if (~covered & ~usable).any():
        yield f"left out, too few markers: {_times(~covered & ~usable, time_s)}"
    if (~covered & usable).any():
        yield f"left out, single frames between gaps: {_times(~covered & usable, time_s)}"


def notes_on_unmeasured(unmeasured: dict[str, BoolArray], parts: Sequence[Part], time_s: FloatArray) -> Iterator[str]:
    """Sentences on coordinates that no marker shows for a time.

    Args:
        unmeasured: coordinate -> whether no marker shows it, in every frame of the trial, (n_frames,).
        parts: of the trial.
        time_s: time stamps, (n_frames,).
    """
    solved = np.zeros(len(time_s), dtype=np.bool_)
    for part in parts:
        solved[slice(*part.span)] = part.solved
    by_frames: dict[bytes, list[str]] = {}
    for coordinate, frames in unmeasured.items():
        by_frames.setdefault((frames & solved).tobytes(), []).append(coordinate)
    for frames_bytes, coordinates in by_frames.items():
        frames = np.frombuffer(frames_bytes, dtype=np.bool_)
        if frames[solved].all():
            yield f"nothing measures {', '.join(coordinates)}: not in the motion file"
        elif frames.any():
            listed = ", ".join(coordinates)
            yield f"nothing measures {listed} for a time; what stands there is no finding: {_times(frames, time_s)}"


def notes_on_undetermined(shown_by: dict[str, tuple[str, ...]], followed: Collection[str]) -> Iterator[str]:
    """Sentences on coordinates that have markers, but too few: many postures fit.

    Args:
        shown_by: such a coordinate -> the trial's markers that move with it.
        followed: the trial's markers that inverse kinematics follows.
    """
    by_markers: dict[tuple[str, ...], list[str]] = {}
    for coordinate, markers in shown_by.items():
        by_markers.setdefault(markers, []).append(coordinate)
    for markers, coordinates in by_markers.items():
        idle = "" if set(markers) & set(followed) else ", which are not followed"
        yield f"not determined by {', '.join(markers)} alone{idle}: {', '.join(coordinates)}; not in the motion file"


def _times(frames: BoolArray, time_s: FloatArray) -> str:
    """Runs of frames as times, such as "5 frames (0.17-0.23 s)"."""
    ranges = ", ".join(_range(time_s[a], time_s[b - 1]) for a, b in find_gaps(frames))
    n = int(frames.sum())
    return f"{n} frame{'s' if n > 1 else ''} ({ranges})"


def _range(start_s: float, end_s: float) -> str:
    return f"{start_s:.2f} s" if start_s == end_s else f"{start_s:.2f}-{end_s:.2f} s"
