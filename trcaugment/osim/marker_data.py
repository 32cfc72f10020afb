"""Finds where OpenSim's `MarkerData`, which the Scale tool uses, misreads a TRC file.

`TimeSeriesTableVec3`, which inverse kinematics uses, is not tried: with some files (a leading tab) it does not return.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trcaugment.errors import OsimError
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim

_MOST_FRAMES = 200  # frames compared in a long file; each sample takes a call of OpenSim
_SAME_M = 1e-5  # positions that differ by less are the same; files in mm have four decimals


class _Read(NamedTuple):
    """What MarkerData read: names, number of frames, frames compared (from 0), their times in s, and positions in m."""

    names: list[str]
    n_frames: int
    frames: list[int]
    time_s: FloatArray
    positions: FloatArray


def find_misread(path: Path, markers: Markers, log: OpensimLog) -> tuple[str, ...]:
    """Sentences on what the Scale tool would misread in a file; empty if it reads the same as `read_trc`.

    Args:
        path: the file.
        markers: the file as `read_trc` reads it.
        log: OpenSim's log.
    """
    opensim = load_opensim()
    try:
        data = log.checked(lambda: opensim.MarkerData(str(path)), "MarkerData")
        read = _copy(data, opensim)
    except OsimError as error:
        return (f"The Scale tool cannot read the file: {error}",)
    return tuple(_differences(read, markers))


def _copy(data: Any, opensim: Any) -> _Read:
    data.convertToUnits(opensim.Units("m"))
    n_markers, n_frames = data.getNumMarkers(), data.getNumFrames()
    names = [data.getMarkerNames().get(k) for k in range(n_markers)]
    frames = (
        np.unique(np.linspace(0, n_frames - 1, min(n_frames, _MOST_FRAMES)).astype(int)).tolist() if n_frames else []
    )
    rows = [data.getFrame(k) for k in frames]
    positions = np.array([[row.getMarker(m).to_numpy() for m in range(n_markers)] for row in rows])
    return _Read(names, n_frames, frames, np.array([row.getFrameTime() for row in rows]), positions)


def _differences(their: _Read, markers: Markers) -> Iterator[str]:
    if their.n_frames != markers.n_frames:
        yield f"The Scale tool reads {their.n_frames} frames, the file has {markers.n_frames}: NumFrames is wrong."
    blanks = [name for name in their.names if name != name.strip()]
    if blanks:
        yield (
            f"The Scale tool reads {len(blanks)} names with the blanks around them, such as '{blanks[0]}': no "
            f"measurement finds {blanks[0].strip()}. Remove the blanks."
        )
    read = [name.strip() for name in their.names]
    lost = [name for name in markers.names if name not in read and re.sub(r"#\d+$", "", name) not in read]
    if lost:
        yield f"The Scale tool reads no marker {', '.join(lost[:5])}{', ...' if len(lost) > 5 else ''}."
    both = [k for k, frame in enumerate(their.frames) if frame < markers.n_frames]
    frames = [their.frames[k] for k in both]
    shifted = np.abs(their.time_s[both] - markers.time_s[frames]) > 1e-6
    if shifted.any():
        k = int(np.argmax(shifted))
        yield (
            f"The Scale tool reads the time {their.time_s[both][k]:g} s in frame {frames[k] + 1}, which is at "
            f"{markers.time_s[frames[k]]:g} s: it takes the decimals of frame numbers such as 1.000 for the time. "
            "Write frame numbers without decimals."
        )
    names = [name for name in markers.names if name in read]
    if names and both:
        theirs = their.positions[both][:, [read.index(name) for name in names]]
        yield from _moved(theirs, markers.select(names)[frames], names, frames)


def _moved(theirs: FloatArray, ours: FloatArray, names: list[str], frames: list[int]) -> Iterator[str]:
    """Sentences on positions that OpenSim reads for missing samples, and on others that differ.

    `theirs` and `ours` are positions in m, (n_frames, n_markers, 3).
    """
    missing = np.isnan(ours).any(axis=2)
    invented = missing & np.isfinite(theirs).all(axis=2)
    if invented.any():
        frame, marker = np.unravel_index(int(np.argmax(invented)), invented.shape)
        yield (
            f"The Scale tool takes missing samples for positions, such as {names[marker]} in frame {frames[frame] + 1} "
            f"at ({', '.join(f'{value:g}' for value in theirs[frame, marker])}) m. Leave their cells blank."
        )
    distance_m = np.where(missing, 0, np.linalg.norm(np.nan_to_num(theirs, nan=np.inf) - ours, axis=2))
    if distance_m.max() > _SAME_M:
        frame, marker = np.unravel_index(int(np.argmax(distance_m)), distance_m.shape)
        n_moved = int((distance_m > _SAME_M).any(axis=0).sum())
        where = f"{distance_m[frame, marker]:.2g} m off" if np.isfinite(distance_m.max()) else "missing"
        yield (
            f"The Scale tool misreads the positions of {n_moved} markers; {names[marker]} is {where} in frame "
            f"{frames[frame] + 1}. Write the file anew, with trcaugment.write_trc for instance."
        )
