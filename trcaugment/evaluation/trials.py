"""Trials with a truth: read from a folder of pairs, or from keypoint files and true files of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from trcaugment.datasets.dataset import listed
from trcaugment.datasets.paired import Pair, read_pairs
from trcaugment.errors import MarkersError, TrcAugmentError
from trcaugment.evaluation.truth import pair_files, rename, unused
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import MarkerSet
from trcaugment.subject import Subject


@dataclass(frozen=True)
class TrialSet:
    """Trials, and what could not be used.

    Attributes:
        trials: the trials; their true markers are some or all of those of the set.
        failed: trial -> why it cannot be used.
        notes: what else the user should know, one sentence each.
        marker_set: the markers that are compared.
    """

    trials: list[Pair]
    failed: dict[str, str]
    notes: tuple[str, ...]
    marker_set: MarkerSet


def read_paired_folder(folder: Path, names: Mapping[str, str], marker_set: MarkerSet) -> TrialSet:
    """The whole trials of a folder of paired TRCs with `subjects.csv`.

    Args:
        folder: the folder.
        names: our marker names -> those of the truth, where they differ.
        marker_set: the markers to compare.

    Raises:
        DatasetError: the folder or a file in it cannot be used.
        TrcError: a file cannot be read.
        MarkersError: a name is in no file.
    """
    return _gather(TrialSet(read_pairs(folder), {}, (), marker_set), names)


def read_person(
    inputs: Path, truth: Path, subject: Subject, names: Mapping[str, str], marker_set: MarkerSet
) -> TrialSet:
    """Trials of one person: a keypoint file and its truth, or a folder of keypoint files and the folder of their truth.

    Args:
        inputs: a TRC of keypoints or a folder of them.
        truth: a TRC of true markers or the folder of those of all inputs.
        subject: the person.
        names: our marker names -> those of the truth, where they differ.
        marker_set: the markers to compare.

    Raises:
        DatasetError: files do not go together.
        MarkersError: a name is in no file.
    """
    trials, failed = [], {}
    person = (inputs if inputs.is_dir() else inputs.parent).resolve().name
    for name, source, target in pair_files(inputs, truth):
        try:
            trials.append(Pair(name, person, subject, read_trc(source), read_trc(target)))
        except TrcAugmentError as error:
            failed[name] = str(error)
    return _gather(TrialSet(trials, failed, (), marker_set), names)


def _gather(read: TrialSet, names: Mapping[str, str]) -> TrialSet:
    """Trials with the truth under our names; those whose truth has none of them fail."""
    found, failed, marker_set = read.trials, read.failed, read.marker_set
    there = {marker for trial in found for marker in trial.markers.names}
    lost = [theirs for theirs in names.values() if theirs not in there]
    if found and lost:
        raise MarkersError(f"names: no true file has a marker {', '.join(lost)}; there are {', '.join(sorted(there))}")
    trials: list[Pair] = []
    left_out: set[str] = set()
    for trial in found:
        try:
            trials.append(replace(trial, markers=rename(trial.markers, names, marker_set)))
            left_out |= set(unused(trial.markers, names, marker_set))
        except MarkersError as error:
            failed[trial.name] = str(error)
    notes = [f"{len(left_out)} of the truth's markers are none of ours: {listed(sorted(left_out))}"] if left_out else []
    return TrialSet(trials, failed, tuple(notes), marker_set)
