"""Trials with a truth: read from a folder of pairs, or from keypoint files and true files of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trcaugment.errors import MarkersError, TrcAugmentError
from trcaugment.evaluation.truth import pair_files, rename, shorten, unused
from trcaugment.markers import Markers
from trcaugment.subject import Subject
from trcaugment.trc import read_trc


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial whose anatomical markers are known.

    Attributes:
        name: the trial's name.
        person: name of the subject.
        subject: their height and mass.
        keypoints: the input.
        truth: some or all of `ANATOMICAL_MARKERS`, under our names, at any time stamps.
    """

    name: str
    person: str
    subject: Subject
    keypoints: Markers
    truth: Markers

    @property
    def activity(self) -> str:
        """The trial's name without its folder and the number at its end: walking of walking3 and walking_3."""
        last = Path(self.name).name
        return last.rstrip("0123456789").rstrip("_-. ") or last


@dataclass(frozen=True)
class TrialSet:
    """Trials, and what could not be used.

    Attributes:
        trials: the trials.
        failed: trial -> why it could not be read.
        notes: what else the user should know, one sentence each.
    """

    trials: list[Trial]
    failed: dict[str, str]
    notes: tuple[str, ...]


def read_paired_folder(folder: Path, names: Mapping[str, str]) -> TrialSet:
    """The whole trials of a folder of paired TRCs with `subjects.csv`.

    Args:
        folder: the folder.
        names: our marker names -> those of the truth, where they differ.

    Raises:
        DatasetError: the folder or a file in it cannot be used.
        MarkersError: a name is in no file.
    """
    from trcaugment.datasets.paired import read_pairs

    found = [(pair.name, pair.subject_name, pair.subject, pair.keypoints, pair.markers) for pair in read_pairs(folder)]
    return _gather(found, {}, names)


def read_trials(inputs: Path, truth: Path, subject: Subject, names: Mapping[str, str]) -> TrialSet:
    """Trials of one person: a keypoint file and its truth, or a folder of keypoint files and the folder of their truth.

    Args:
        inputs: a TRC of keypoints or a folder of them.
        truth: a TRC of true markers or the folder of those of all inputs.
        subject: the person.
        names: our marker names -> those of the truth, where they differ.

    Raises:
        DatasetError: files do not go together.
        MarkersError: a name is in no file.
    """
    found, failed = [], {}
    person = (inputs if inputs.is_dir() else inputs.parent).resolve().name
    for name, source, target in pair_files(inputs, truth):
        try:
            found.append((name, person, subject, read_trc(source), read_trc(target)))
        except TrcAugmentError as error:
            failed[name] = str(error)
    return _gather(found, failed, names)


def _gather(
    found: list[tuple[str, str, Subject, Markers, Markers]], failed: dict[str, str], names: Mapping[str, str]
) -> TrialSet:
    """Trials with the truth under our names; those whose truth has none of them fail."""
    there = {marker for *_, truth in found for marker in truth.names}
    lost = [theirs for theirs in names.values() if theirs not in there]
    if found and lost:
        raise MarkersError(f"names: no true file has a marker {', '.join(lost)}; there are {', '.join(sorted(there))}")
    trials, left_out = [], set()
    for name, person, subject, keypoints, truth in found:
        try:
            trials.append(Trial(name, person, subject, keypoints, rename(truth, names)))
            left_out |= set(unused(truth, names))
        except MarkersError as error:
            failed[name] = str(error)
    notes = (
        [f"{len(left_out)} of the truth's markers are none of ours: {shorten(sorted(left_out))}"] if left_out else []
    )
    return TrialSet(trials, failed, tuple(notes))
