"""`subjects.csv`: the subject of each trial in a folder. Columns path (a pattern), subject, height_m and mass_kg."""

from __future__ import annotations

import csv
import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trcaugment.errors import SubjectError, SubjectsError
from trcaugment.formats.files import read_file
from trcaugment.subject import StatedSubject, Subject

SUBJECTS_FILE = "subjects.csv"
AUTO = "auto"  # a height to be estimated from the keypoints
_COLUMNS = ("path", "subject", "height_m", "mass_kg")
_SEPARATORS = ",;\t"
_ADVICE = "separate columns by semicolons if decimals have commas"


@dataclass(frozen=True)
class SubjectRow:
    """One row.

    Attributes:
        pattern: pattern of paths relative to the folder, with `/`; `*` matches any characters, `/` too.
        name: name of the subject.
        height_m: standing height in m; None if it has to be estimated from the keypoints.
        mass_kg: body mass in kg.
        line: line number in the file, for messages.
    """

    pattern: str
    name: str
    height_m: float | None
    mass_kg: float
    line: int = 0

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(fnmatch.translate(self.pattern))  # fnmatch caches few patterns only

    def fits(self, relative: str) -> bool:
        """Whether the pattern matches a file; `relative` is its path from the folder, with `/`."""
        return self._regex.match(relative) is not None


def read_subjects(path: Path) -> list[SubjectRow]:
    """Read a table of subjects.

    Columns are separated by commas, semicolons or tabs, decimals by points or commas; the text is UTF-8 or cp1252.

    Raises:
        SubjectsError: there is no such file, a column is missing, a value is invalid, or one subject has two heights
            or masses.
    """
    lines = _text(path).splitlines()
    reader = csv.DictReader(lines, delimiter=_separator(lines), skipinitialspace=True)
    try:
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "none"
            raise SubjectsError(f"{path}: expected the columns {', '.join(_COLUMNS)}, found {found}")
        rows = [_row(path, reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise SubjectsError(f"{path}: expected rows of a CSV file ({error})") from error
    people: dict[str, tuple[float | None, float]] = {}
    for row in rows:
        size = row.height_m, row.mass_kg
        if people.setdefault(row.name, size) != size:
            raise SubjectsError(f"{path}: {row.name} has two heights or masses; give two people two names")
    return rows


def _text(path: Path) -> str:
    try:
        data = read_file(path)
    except OSError as error:
        raise SubjectsError(
            f"{path.parent}: expected {path.name} with the columns {', '.join(_COLUMNS)} ({error.strerror})"
        ) from error
    if b"\0" in data:
        raise SubjectsError(f"{path}: expected text in UTF-8, found a binary file or UTF-16; save it as CSV UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # as Excel saves it on Windows


def _separator(lines: list[str]) -> str:
    """The most frequent separator in the line of column names."""
    return max(_SEPARATORS, key=(lines[0] if lines else "").count)


def _row(path: Path, line: int, row: dict[str | None, str | None]) -> SubjectRow:
    place = f"{path}, line {line}"
    if None in row:
        raise SubjectsError(f"{place}: expected as many values as columns, found more; {_ADVICE}")
    values = {name: (row[name] or "").strip() for name in _COLUMNS}
    empty = [name for name, value in values.items() if not value]
    if empty:
        raise SubjectsError(f"{place}: expected a value for {', '.join(empty)}")
    height = values["height_m"]
    try:
        height_m = None if height.casefold() == AUTO else _number(height, "height_m in m, or auto")
        mass_kg = _number(values["mass_kg"], "mass_kg in kg")
        StatedSubject(height_m, mass_kg, place, place).check()
    except (ValueError, SubjectError) as error:
        raise SubjectsError(f"{place}: {error}") from error
    return SubjectRow(values["path"], values["subject"], height_m, mass_kg, line)


def _number(text: str, what: str) -> float:
    """A number, with a decimal point or comma.

    Raises:
        ValueError: the text is not a number.
    """
    try:
        return float(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    except ValueError as error:
        raise ValueError(f"expected {what}, found {text[:40]!r}") from error


def first_fitting(rows: Iterable[SubjectRow], relative: str) -> SubjectRow | None:
    """The first row whose pattern matches a path, or None."""
    return next((row for row in rows if row.fits(relative)), None)


def find_subject(rows: Iterable[SubjectRow], folder: Path, file: Path) -> tuple[str, Subject]:
    """Name and size of the person of a file, from the first row whose pattern matches it.

    Raises:
        SubjectsError: no pattern matches, or the row has no height.
    """
    relative = file.relative_to(folder).as_posix()
    row = first_fitting(rows, relative)
    if row is None:
        raise SubjectsError(f"{folder / SUBJECTS_FILE}: no path in it fits {relative}; patterns such as S1/* do")
    if row.height_m is None:
        raise SubjectsError(
            f"{folder / SUBJECTS_FILE}, line {row.line}: a data set needs the height in m, found {AUTO}"
        )
    return row.name, Subject(row.height_m, row.mass_kg)


def write_subjects(folder: Path, rows: Iterable[SubjectRow]) -> None:
    """Write `subjects.csv` into the folder."""
    with (folder / SUBJECTS_FILE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in rows:  # csv writes floats by repr, so height and mass are read back exactly
            writer.writerow((row.pattern, row.name, AUTO if row.height_m is None else row.height_m, row.mass_kg))
