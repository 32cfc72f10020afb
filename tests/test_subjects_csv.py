"""`subjects.csv` as people write it: Excel's semicolons, decimal commas, encodings."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from trcaugment.cli import main
from trcaugment.errors import SubjectsError
from trcaugment.formats.subjects_csv import SubjectRow, find_subject, read_subjects, write_subjects

HEAD = "path,subject,height_m,mass_kg\n"


def read(folder: Path, content: str | bytes) -> list[SubjectRow]:
    file = folder / "subjects.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_subjects(file)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("text", [
    HEAD + "Bj\u00f6rn/*,Bj\u00f6rn,1.82,81.5\n",
    HEAD.replace(",", ";") + "Bj\u00f6rn/*;Bj\u00f6rn;1,82;81,5\r\n",
    HEAD.replace(",", "\t") + "Bj\u00f6rn/*\tBj\u00f6rn\t1.82\t81,5\n",
    HEAD + 'Bj\u00f6rn/*,Bj\u00f6rn,"1,82","81,5"\n',
    "mass_kg, height_m, subject, path, remark\n81.5, 1.82, Bj\u00f6rn, Bj\u00f6rn/*, \n",
], ids=["commas", "semicolons", "tabs", "quoted decimal commas", "other columns"])  # fmt: skip
def test_separators_decimals_and_encodings(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, text.encode(encoding)) == [SubjectRow("Bj\u00f6rn/*", "Bj\u00f6rn", 1.82, 81.5, line=2)]


def test_auto_stands_for_a_height_to_be_estimated(tmp_path: Path) -> None:
    (row,) = read(tmp_path, HEAD + "a/*,Anna,Auto,51\n")
    assert (row.height_m, row.mass_kg) == (None, 51)
    with pytest.raises(SubjectsError, match=r"line 2: a data set needs the height in m, found auto"):
        find_subject([row], tmp_path, tmp_path / "a" / "w.trc")
    write_subjects(tmp_path, [row])
    assert read_subjects(tmp_path / "subjects.csv") == [row]


@pytest.mark.parametrize(("row", "message"), [
    ("*,Anna,tall,51", r"line 2: expected height_m in m, or auto, found 'tall'"),
    ("*,Anna,1.61,", r"line 2: expected a value for mass_kg"),
    ("*,Anna,1.61,1.234,5", r"line 2: expected as many values as columns, found more; separate columns by semicolons"),
    ("*,Anna,161,51", r"line 2: height must lie between .* If that is in cm, write 1\.61 \(m\)"),
    ("*,Anna,auto,510000", r"line 2: mass must lie between"),
    ("*,Anna,1.6,51\nx,Anna,auto,51", r"Anna has two heights or masses"),
], ids=["no number", "none", "too many", "cm", "mass", "two"])  # fmt: skip
def test_what_is_wrong_has_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(SubjectsError, match=message):
        read(tmp_path, HEAD + row + "\n")


@pytest.mark.parametrize("content", [b"", b"path;subject\n", b"\xff\xfep\0a\0"], ids=["empty", "columns", "UTF-16"])
def test_no_table_is_wrong_usage_of_a_batch(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.trc").touch()
    (tmp_path / "in" / "subjects.csv").write_bytes(content)
    done = CliRunner().invoke(main, ["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--dry-run"])
    assert done.exit_code == 2
    assert "subjects.csv: expected" in done.output


def test_a_batch_plans_with_an_estimated_height(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.trc").touch()
    (tmp_path / "in" / "subjects.csv").write_text(HEAD.replace(",", ";") + "*;Anna;auto;51,5\n")
    wide = CliRunner(env={"COLUMNS": "250"})  # for the long paths of tests
    done = wide.invoke(main, ["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "to be estimated" in done.output
    assert "51.5 kg" in done.output
