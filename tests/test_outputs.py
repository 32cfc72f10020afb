"""Outputs never overwrite an input, each other or an existing file, and are not written among the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from trcaugment.errors import OutputError
from trcaugment.formats.outputs import check_folder_of, check_new_folder, check_outputs, find_clashes


def test_what_harms_nothing_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    targets = [tmp_path / "a.trc", tmp_path / "a.json", tmp_path / "input.trc"]
    check_outputs(targets, [tmp_path / "in", tmp_path / "in.trc"], overwrite=False)


def test_a_link_to_an_input_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "in.trc").touch()
    (tmp_path / "link.trc").symlink_to(tmp_path / "in.trc")
    (tmp_path / "here").symlink_to(tmp_path)
    for name in ("in.trc", "link.trc", "here/in.trc"):
        with pytest.raises(OutputError, match="is an input"):
            check_outputs([tmp_path / name], [tmp_path / "in.trc"], overwrite=True)
    with pytest.raises(OutputError, match="would lie among the data"):
        check_outputs([tmp_path / "here" / "new" / "a.trc"], [tmp_path], overwrite=True)


def test_outputs_that_would_be_one_file_are_named_letter_case_aside(tmp_path: Path) -> None:
    names = ["a.trc", "b.trc", "A.trc"]
    clashes = find_clashes([tmp_path / name for name in names], [])
    assert [path.name for path in clashes] == ["a.trc", "A.trc"]
    assert f"{tmp_path / 'a.trc'} and {tmp_path / 'A.trc'}" in clashes[tmp_path / "A.trc"]


def test_files_that_exist_stay_unless_overwritten_or_ours(tmp_path: Path) -> None:
    file = tmp_path / "a.trc"
    file.touch()
    with pytest.raises(OutputError, match=r"a\.trc exists; add --overwrite"):
        check_outputs([file], [], overwrite=False)
    check_outputs([file], [], overwrite=True)
    check_outputs([file], [], overwrite=False, is_ours=lambda path: path == file)
    with pytest.raises(OutputError, match="cannot be written"):
        check_outputs([tmp_path / ("x" * 300)], [], overwrite=False)


def test_folders_are_there_or_new(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    check_folder_of(tmp_path / "a.csv")
    check_new_folder(tmp_path / "used")
    check_new_folder(tmp_path / "new" / "deep")
    (tmp_path / "used" / "file").touch()
    for name in ("used", "used/file"):
        with pytest.raises(OutputError, match="expected a new or empty folder, found one in use"):
            check_new_folder(tmp_path / name)
    with pytest.raises(OutputError, match="there is no folder"):
        check_folder_of(tmp_path / "none" / "a.csv")
