"""A folder of paired TRCs (`NAME_keypoints.trc`, `NAME_markers.trc`) and `subjects.csv` with their subjects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trcaugment.datasets.published_columns import activity
from trcaugment.errors import DatasetError
from trcaugment.formats.subjects_csv import SUBJECTS_FILE, SubjectRow, find_subject, read_subjects, write_subjects
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.markers import Markers
from trcaugment.subject import Subject

LAYOUT = "paired TRC files"
KEYPOINTS_SUFFIX, MARKERS_SUFFIX = "_keypoints.trc", "_markers.trc"


@dataclass(frozen=True)
class Pair:
    """One trial: keypoints and true markers.

    Attributes:
        name: name of the trial with its path from the folder, with `/`.
        subject_name: name of the subject.
        subject: height and mass of the subject.
        keypoints: the keypoints, under names of any known pose model.
        markers: the true markers; some of the 35 may be missing, and there may be others.
    """

    name: str
    subject_name: str
    subject: Subject
    keypoints: Markers
    markers: Markers

    @property
    def activity(self) -> str:
        """The activity: the trial's name without folder and number."""
        return activity(self.name.rpartition("/")[2])


def is_paired(path: Path) -> bool:
    """Whether the folder or a subfolder has keypoint files of this layout.

    Raises:
        DatasetError: a folder in it cannot be read.
    """
    try:
        return path.is_dir() and any(True for _ in path.rglob(f"*{KEYPOINTS_SUFFIX}"))
    except OSError as error:
        raise DatasetError(f"{error.filename or path}: cannot be read ({error.strerror})") from error


def read_pairs(folder: Path) -> list[Pair]:
    """Read the trials of a folder and its subfolders, without checks of their content.

    Raises:
        DatasetError: there are no trials, or one of the two files is missing.
        SubjectsError: `subjects.csv` is missing, or has no row for a trial.
        TrcError: a file cannot be read.
    """
    rows = read_subjects(folder / SUBJECTS_FILE)
    pairs = []
    for file in sorted(folder.rglob(f"*{KEYPOINTS_SUFFIX}")):
        stem = file.name.removesuffix(KEYPOINTS_SUFFIX)
        truth = file.with_name(stem + MARKERS_SUFFIX)
        if not truth.is_file():
            raise DatasetError(f"{file}: expected {truth.name} beside it, found none")
        person, subject = find_subject(rows, folder, file)
        name = file.with_name(stem).relative_to(folder).as_posix()
        pairs.append(Pair(name, person, subject, read_trc(file), read_trc(truth)))
    if not pairs:
        raise DatasetError(f"{folder}: expected files named NAME{KEYPOINTS_SUFFIX}, found none")
    return pairs


def write_pairs(folder: Path, pairs: list[Pair]) -> None:
    """Write trials into a folder in this layout, and make subfolders as needed.

    Raises:
        TrcError: a file cannot be written.
    """
    for pair in pairs:
        stem = folder / pair.name
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_trc(stem.with_name(stem.name + KEYPOINTS_SUFFIX), pair.keypoints)
        write_trc(stem.with_name(stem.name + MARKERS_SUFFIX), pair.markers)
    write_subjects(folder, _rows(pairs))


def _rows(pairs: list[Pair]) -> list[SubjectRow]:
    """Rows of `subjects.csv`: one per folder if all its trials have one subject, else one per trial; deepest first."""
    by_folder: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_folder.setdefault(pair.name.rpartition("/")[0], []).append(pair)
    rows = []
    for inside in sorted(by_folder, key=lambda name: -name.count("/")):
        trials = by_folder[inside]
        if inside and len({pair.subject_name for pair in trials}) == 1:
            rows.append(SubjectRow(f"{_escaped(inside)}/*", *_person(trials[0])))
        else:
            named = [SubjectRow(f"{_escaped(p.name)}_*", *_person(p)) for p in trials]
            rows = rows + named if inside else named + rows
    return rows


def _person(pair: Pair) -> tuple[str, float, float]:
    return pair.subject_name, pair.subject.height_m, pair.subject.mass_kg


def _escaped(name: str) -> str:
    """A pattern that matches this name only."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
