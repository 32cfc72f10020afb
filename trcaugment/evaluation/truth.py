"""The truth beside a trial: which file it is, which of its markers are ours, and its time stamps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trcaugment.chain.signals import find_segments, resample
from trcaugment.datasets.dataset import listed
from trcaugment.errors import DatasetError, MarkersError
from trcaugment.formats.name_map import read_name_map
from trcaugment.marker_sets import MarkerSet
from trcaugment.markers import FloatArray, Markers

SAME_TIME_S = 0.001  # time stamps are written with three decimals
_INPUT_ENDING = "_keypoints"


def read_names(values: Sequence[str], marker_set: MarkerSet) -> dict[str, str]:
    """Our marker names -> those of the truth, from OURS=THEIRS or CSV files with two columns (ours, theirs).

    Args:
        values: names or paths of CSV files.
        marker_set: our markers.

    Raises:
        MarkersError: neither form fits, a file cannot be read, a name is none of ours, or is given twice.
    """
    found = read_name_map(values, marker_set.names)
    if found.affix is not None:
        raise MarkersError(f"names: expected the markers of the truth one by one, found '{found.affix.pattern}'")
    return found.theirs


def rename(truth: Markers, names: Mapping[str, str], marker_set: MarkerSet) -> Markers:
    """The truth's markers under our names; others are left out.

    Args:
        truth: the markers of a file.
        names: our names -> those of the file, where they differ.
        marker_set: our markers.

    Raises:
        MarkersError: none of the markers is one of ours, or none of them has a sample.
    """
    columns = {ours: names.get(ours, ours) for ours in marker_set if names.get(ours, ours) in truth.names}
    if not columns:
        raise MarkersError(
            f"expected true markers under our names ({', '.join(marker_set.names[:3])}, ...), found "
            f"{listed(truth.names)}; say which is which with --names OURS=THEIRS or a CSV file"
        )
    positions = truth.select(columns.values())
    if np.isnan(positions).any(axis=2).all():
        raise MarkersError("expected samples of the true markers, found gaps only")
    return replace(truth, names=tuple(columns), positions=positions)


def unused(truth: Markers, names: Mapping[str, str], marker_set: MarkerSet) -> tuple[str, ...]:
    """The truth's markers that `rename` leaves out."""
    used = {names.get(ours, ours) for ours in marker_set}
    return tuple(name for name in truth.names if name not in used)


def arrange(positions: Tensor, names: Sequence[str], marker_set: MarkerSet) -> Tensor:
    """Positions of the named markers in the order of a marker set, NaN for those that are not there.

    (..., len(marker_set), 3) from (..., n_names, 3).
    """
    arranged = positions.new_full((*positions.shape[:-2], len(marker_set), 3), torch.nan)
    for k, name in enumerate(marker_set):
        if name in names:
            arranged[..., k, :] = positions[..., names.index(name), :]
    return arranged


def pair_files(inputs: Path, truth: Path) -> list[tuple[str, Path, Path]]:
    """Name, keypoint file and true file of each trial.

    A single file goes with a single file. In folders, the truth of NAME.trc or NAME_keypoints.trc is the one file
    called NAME.trc or NAME_....trc in the folder of the truth, which may be the same folder.

    Raises:
        DatasetError: a file meets a folder, there are no keypoint files, or a trial has no truth or several.
    """
    if inputs.is_dir() != truth.is_dir():
        raise DatasetError(f"expected two files or two folders, found {inputs} and {truth}")
    if not inputs.is_dir():
        return [(_trial_name(inputs), inputs, truth)]
    files = sorted(inputs.glob(f"*{_INPUT_ENDING}.trc")) or sorted(inputs.glob("*.trc"))
    if not files:
        raise DatasetError(f"{inputs}: expected keypoint files (NAME.trc or NAME{_INPUT_ENDING}.trc), found none")
    names = [_trial_name(file) for file in files]
    return [(name, file, _find_truth(file, truth, names)) for name, file in zip(names, files, strict=True)]


def _trial_name(file: Path) -> str:
    return file.stem.removesuffix(_INPUT_ENDING)


def _find_truth(file: Path, folder: Path, names: Sequence[str]) -> Path:
    """The truth of one of the named trials; walk_fast_optical.trc is not that of walk where there is a walk_fast."""
    name = _trial_name(file)
    longer = [other for other in names if other.startswith(f"{name}_")]
    found = [
        path
        for path in sorted(folder.glob("*.trc"))
        if _begins(path, name) and not any(_begins(path, other) for other in longer) and not path.samefile(file)
    ]
    if len(found) != 1:
        raise DatasetError(
            f"{file}: expected one true file {name}.trc or {name}_....trc in {folder}, found "
            f"{', '.join(path.name for path in found) or 'none'}"
        )
    return found[0]


def _begins(path: Path, name: str) -> bool:
    return path.stem == name or path.stem.startswith(f"{name}_")


def time_difference(predicted: Markers, truth: Markers) -> str:
    """Where the time stamps of a prediction and its truth first differ, in words; empty where they do not."""
    n_both = min(predicted.n_frames, truth.n_frames)
    apart = np.abs(predicted.time_s[:n_both] - truth.time_s[:n_both]) > SAME_TIME_S
    if apart.any():
        k = int(np.argmax(apart))
        return f"frame {k + 1} is at {predicted.time_s[k]:.4g} s in the input, at {truth.time_s[k]:.4g} s in the truth"
    if predicted.n_frames != truth.n_frames:
        return f"{predicted.n_frames} frames in the input, {truth.n_frames} in the truth"
    return ""


def at_times(predicted: Markers, time_s: FloatArray) -> Markers:
    """Predicted markers at other time stamps, NaN where they lie outside the runs of predicted frames.

    Args:
        predicted: markers that are complete or NaN as a whole in every frame.
        time_s: the truth's time stamps, (n_new_frames,).

    Raises:
        MarkersError: the two have no time in common.
    """
    if time_s[-1] < predicted.time_s[0] or time_s[0] > predicted.time_s[-1]:
        raise MarkersError(
            f"expected input and truth to overlap in time, found {predicted.time_s[0]:.4g} to "
            f"{predicted.time_s[-1]:.4g} s and {time_s[0]:.4g} to {time_s[-1]:.4g} s; give both the same clock"
        )
    positions = np.full((len(time_s), *predicted.positions.shape[1:]), np.nan)
    complete = np.asarray(np.isfinite(predicted.positions).all(axis=(1, 2)))
    for start, stop in find_segments(complete, predicted.time_s):
        own_s = predicted.time_s[start:stop]
        inside = (time_s >= own_s[0]) & (time_s <= own_s[-1])
        if inside.any():
            positions[inside] = resample(predicted.positions[start:stop], own_s, time_s[inside])
    return replace(predicted, positions=positions, time_s=time_s)
