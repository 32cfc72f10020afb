"""Read trials with true markers from a folder of paired TRCs, or from keypoint and true files of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trcaugment.datasets.dataset import listed
from trcaugment.datasets.paired import Pair, read_pairs
from trcaugment.errors import MarkersError, TrcAugmentError
from trcaugment.evaluation.truth import pair_files, rename, unused
from trcaugment.formats.trials import read_trial
from trcaugment.marker_sets import MarkerSet
from trcaugment.subject import Subject


@dataclass(frozen=True)
class TrialSet:
    """Trials with true markers, and what could not be used.

    Attributes:
        trials: the trials; the truth has some or all markers of the set.
        failed: reason for every trial that cannot be used, by the trial's name.
        notes: further sentences for the user.
        marker_set: the markers that are compared.
    """

    trials: list[Pair]
    failed: dict[str, str]
    notes: tuple[str, ...]
    marker_set: MarkerSet


def read_paired_folder(folder: Path, names: Mapping[str, str], marker_set: MarkerSet) -> TrialSet:
    """Read the trials of a folder of paired TRCs with `subjects.csv`.

    Args:
        folder: the folder.
        names: names in the truth by our names, where they differ.
        marker_set: the markers to compare.

    Raises:
        DatasetError: the folder or a file in it cannot be used.
        TrcError: a file cannot be read.
        MarkersError: a name of the truth is in no file.
    """
    return _gather(TrialSet(read_pairs(folder), {}, (), marker_set), names)


def read_person(
    inputs: Path, truth: Path, subject: Subject, names: Mapping[str, str], marker_set: MarkerSet
) -> TrialSet:
    """Read trials of one person: a keypoint file and a true file, or a folder of each.

    Args:
        inputs: a TRC or C3D file of keypoints, or a folder of them.
        truth: a TRC or C3D file of true markers, or a folder with one for each keypoint file.
        subject: the person.
        names: names in the truth by our names, where they differ.
        marker_set: the markers to compare.

    Raises:
        TrcError: a folder cannot be read.
        DatasetError: a keypoint file has no true file, or several (see `pair_files`).
        MarkersError: a name of the truth is in no file.
    """
    trials, failed = [], {}
    person = (inputs if inputs.is_dir() else inputs.parent).resolve().name
    for name, source, target in pair_files(inputs, truth):
        try:
            trials.append(Pair(name, person, subject, read_trial(source), read_trial(target)))
        except TrcAugmentError as error:
            failed[name] = str(error)
    return _gather(TrialSet(trials, failed, (), marker_set), names)


def _gather(read: TrialSet, names: Mapping[str, str]) -> TrialSet:
    """Rename the truth's markers to our names; trials whose truth has none of our markers fail."""
    failed, marker_set = read.failed, read.marker_set
    known = {marker for trial in read.trials for marker in trial.markers.names}
    lost = [theirs for theirs in names.values() if theirs not in known]
    if read.trials and lost:
        raise MarkersError(f"names: no true file has a marker {', '.join(lost)}; there are {', '.join(sorted(known))}")
    trials: list[Pair] = []
    left_out: set[str] = set()
    for trial in read.trials:
        try:
            trials.append(replace(trial, markers=rename(trial.markers, names, marker_set)))
            left_out |= set(unused(trial.markers, names, marker_set))
        except MarkersError as error:
            failed[trial.name] = str(error)
    notes = [f"left out, since they are not among our markers: {listed(sorted(left_out))}"] if left_out else []
    return TrialSet(trials, failed, tuple(notes), marker_set)
