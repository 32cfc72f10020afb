"""The truth of a trial: pairing of files, names of markers, and time stamps."""

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
from trcaugment.formats.trials import find_trials
from trcaugment.marker_sets import MarkerSet
from trcaugment.markers import FloatArray, Markers

SAME_TIME_S = 0.001  # time stamps are written with three decimals
_INPUT_ENDING = "_keypoints"


def read_names(values: Sequence[str], marker_set: MarkerSet) -> dict[str, str]:
    """Read names in the truth by our names, from OURS=THEIRS or CSV files with two columns (ours, theirs).

    Args:
        values: OURS=THEIRS, or paths of CSV files.
        marker_set: our markers.

    Raises:
        MarkersError: a value has neither form, a file cannot be read, a name is not in our set, or is given twice.
    """
    name_map = read_name_map(values, marker_set.names)
    if name_map.affix is not None:
        raise MarkersError(f"names: expected the markers of the truth one by one, found '{name_map.affix.pattern}'")
    return name_map.theirs


def rename(truth: Markers, names: Mapping[str, str], marker_set: MarkerSet) -> Markers:
    """Rename the truth's markers to our names, and leave out all others.

    Args:
        truth: the markers of a file.
        names: names in the file by our names, where they differ.
        marker_set: our markers.

    Raises:
        MarkersError: no marker is in our set, or none of them has a sample.
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
    """Reorder positions of named markers to the order of a marker set, with NaN for missing markers.

    Returns (..., len(marker_set), 3) from (..., n_names, 3).
    """
    arranged = positions.new_full((*positions.shape[:-2], len(marker_set), 3), torch.nan)
    for k, name in enumerate(marker_set):
        if name in names:
            arranged[..., k, :] = positions[..., names.index(name), :]
    return arranged


def pair_files(inputs: Path, truth: Path) -> list[tuple[str, Path, Path]]:
    """Pair files: name, keypoint file and true file of each trial.

    A single file goes with a single file. In folders, the truth of NAME.trc or NAME_keypoints.trc is the one file
    called NAME.trc or NAME_....trc in the folder of the truth, which may be the same folder. C3D files are taken alike.

    Raises:
        TrcError: a folder cannot be read.
        DatasetError: one path is a file and the other a folder, there are no keypoint files, or a keypoint file has no
            true file or several.
    """
    if inputs.is_dir() != truth.is_dir():
        raise DatasetError(f"expected two files or two folders, found {inputs} and {truth}")
    if not inputs.is_dir():
        return [(_trial_name(inputs), inputs, truth)]
    there = find_trials(inputs)
    files = [file for file in there if file.stem.endswith(_INPUT_ENDING)] or there
    if not files:
        raise DatasetError(f"{inputs}: expected keypoint files (NAME.trc or NAME{_INPUT_ENDING}.trc), found none")
    names = [_trial_name(file) for file in files]
    return [(name, file, _find_truth(file, truth, names)) for name, file in zip(names, files, strict=True)]


def _trial_name(file: Path) -> str:
    return file.stem.removesuffix(_INPUT_ENDING)


def _find_truth(file: Path, folder: Path, names: Sequence[str]) -> Path:
    """The true file of one trial. With trials walk and walk_fast, walk_fast_optical.trc belongs to the latter."""
    name = _trial_name(file)
    longer = [other for other in names if other.startswith(f"{name}_")]
    candidates = [
        path
        for path in find_trials(folder)
        if _begins(path, name) and not any(_begins(path, other) for other in longer) and not path.samefile(file)
    ]
    if len(candidates) != 1:
        raise DatasetError(
            f"{file}: expected one true file {name}.trc or {name}_....trc in {folder}, found "
            f"{', '.join(path.name for path in candidates) or 'none'}"
        )
    return candidates[0]


def _begins(path: Path, name: str) -> bool:
    return path.stem == name or path.stem.startswith(f"{name}_")


def time_difference(predicted: Markers, truth: Markers) -> str:
    """A sentence on the first difference between the time stamps of prediction and truth; empty if they agree."""
    n_both = min(predicted.n_frames, truth.n_frames)
    apart = np.abs(predicted.time_s[:n_both] - truth.time_s[:n_both]) > SAME_TIME_S
    if apart.any():
        k = int(np.argmax(apart))
        return f"frame {k + 1} is at {predicted.time_s[k]:.4g} s in the input, at {truth.time_s[k]:.4g} s in the truth"
    if predicted.n_frames != truth.n_frames:
        return f"{predicted.n_frames} frames in the input, {truth.n_frames} in the truth"
    return ""


def at_times(predicted: Markers, time_s: FloatArray) -> Markers:
    """Interpolate predicted markers to other time stamps, with NaN outside the runs of predicted frames.

    Args:
        predicted: the prediction; in every frame either all markers or none are there.
        time_s: the truth's time stamps, (n_new_frames,).

    Raises:
        MarkersError: prediction and truth do not overlap in time.
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
