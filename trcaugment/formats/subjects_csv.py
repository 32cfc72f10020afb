"""`subjects.csv`: the subject of each trial in a folder. Columns path (a pattern), subject, height_m and mass_kg."""

from __future__ import annotations

import csv
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trcaugment.errors import DatasetError, SubjectError
from trcaugment.formats.files import read_file
from trcaugment.subject import Subject

SUBJECTS_FILE = "subjects.csv"
_COLUMNS = ("path", "subject", "height_m", "mass_kg")
_ADVICE = "separate columns by commas, decimals by points"


@dataclass(frozen=True)
class SubjectRow:
    """One row.

    Attributes:
        pattern: pattern of paths relative to the folder, with `/`; `*` matches any characters, `/` too.
        name: name of the subject.
        subject: height and mass.
        line: line number in the file, for messages.
    """

    pattern: str
    name: str
    subject: Subject
    line: int = 0

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(fnmatch.translate(self.pattern))  # fnmatch caches few patterns only

    def fits(self, relative: str) -> bool:
        """Whether the pattern matches a file; `relative` is its path from the folder, with `/`."""
        return self._regex.match(relative) is not None


def read_subjects(path: Path) -> list[SubjectRow]:
    """Read a table of subjects.

    Raises:
        DatasetError: there is no such file, a column is missing, a value is invalid, or one subject has two heights
            or masses.
    """
    try:
        text = read_file(path).decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(
            f"{path.parent}: expected {path.name} with the columns {', '.join(_COLUMNS)} ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: expected text in UTF-8 ({error})") from error
    if "\0" in text:
        raise DatasetError(f"{path}: expected text, found a binary file")
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    try:
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "none"
            advice = f"; {_ADVICE}" if ";" in found or "\t" in found else ""
            raise DatasetError(f"{path}: expected the columns {', '.join(_COLUMNS)}, found {found}{advice}")
        rows = [_row(path, reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise DatasetError(f"{path}: expected rows of a CSV file ({error})") from error
    people: dict[str, Subject] = {}
    for row in rows:
        if people.setdefault(row.name, row.subject) != row.subject:
            raise DatasetError(f"{path}: {row.name} has two heights or masses; give two people two names")
    return rows


def _row(path: Path, line: int, row: dict[str | None, str | None]) -> SubjectRow:
    place = f"{path}, line {line}"
    if None in row:
        raise DatasetError(f"{place}: expected as many values as columns, found more; {_ADVICE}")
    values = {name: (row[name] or "").strip() for name in _COLUMNS}
    empty = [name for name, value in values.items() if not value]
    if empty:
        raise DatasetError(f"{place}: expected a value for {', '.join(empty)}")
    try:
        subject = Subject(float(values["height_m"]), float(values["mass_kg"]))
    except ValueError as error:
        raise DatasetError(f"{place}: {error}; {_ADVICE}") from error
    except SubjectError as error:
        raise DatasetError(f"{place}: {error}") from error
    return SubjectRow(values["path"], values["subject"], subject, line)


def first_fitting(rows: Iterable[SubjectRow], relative: str) -> SubjectRow | None:
    """The first row whose pattern matches a path, or None."""
    return next((row for row in rows if row.fits(relative)), None)


def find_row(rows: list[SubjectRow], folder: Path, file: Path) -> SubjectRow:
    """The first row whose pattern matches the file.

    Raises:
        DatasetError: no pattern matches.
    """
    relative = file.relative_to(folder).as_posix()
    row = first_fitting(rows, relative)
    if row is None:
        raise DatasetError(f"{folder / SUBJECTS_FILE}: no path in it fits {relative}; patterns such as S1/* do")
    return row


def write_subjects(folder: Path, rows: list[SubjectRow]) -> None:
    """Write `subjects.csv` into the folder."""
    with (folder / SUBJECTS_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        # csv writes floats by repr, so height and mass are read back exactly.
        writer.writerows((row.pattern, row.name, row.subject.height_m, row.subject.mass_kg) for row in rows)
