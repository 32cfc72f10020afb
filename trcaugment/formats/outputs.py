"""Checks, before anything is computed, that outputs overwrite no input, no other output and no file unasked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from trcaugment.errors import OutputError
from trcaugment.formats.files import why_not_written


def check_outputs(
    targets: Sequence[Path],
    inputs: Iterable[Path],
    *,
    overwrite: bool,
    is_ours: Callable[[Path], bool] = lambda _: False,
) -> None:
    """Check that files may be written.

    Args:
        targets: the files.
        inputs: files and folders that are read.
        overwrite: whether files that exist are replaced.
        is_ours: whether an existing file may be replaced without `overwrite`.

    Raises:
        OutputError: one is an input or another output, lies in a folder of inputs, or exists.
    """
    for reason in find_clashes(targets, inputs).values():
        raise OutputError(f"{reason}.")
    for target in targets:
        try:
            if target.exists() and not overwrite and not is_ours(target):
                raise OutputError(f"{target} exists; add --overwrite to replace it.")
        except OSError as error:
            raise OutputError(f"{target} {why_not_written(error)}") from error


def find_clashes(targets: Sequence[Path], inputs: Iterable[Path]) -> dict[Path, str]:
    """Outputs that would overwrite an input or each other (links followed), or lie in an input folder: target -> why.

    Names that differ in letter case alone count as the same: on many disks they are one file.
    """
    sources = [Path(os.path.realpath(source)) for source in inputs]
    files, folders = set(sources), [source for source in sources if source.is_dir()]
    real = {target: Path(os.path.realpath(target)) for target in targets}
    same: dict[str, list[Path]] = {}
    for target in targets:
        same.setdefault(str(real[target]).casefold(), []).append(target)
    clashes = {}
    for target, place in real.items():
        if place in files:
            clashes[target] = f"the output {target} is an input; choose another"
        elif any(place.is_relative_to(folder) for folder in folders):
            clashes[target] = f"the output {target} would lie among the data; choose another place"
        elif len(same[str(place).casefold()]) > 1:
            names = " and ".join(dict.fromkeys(map(str, same[str(place).casefold()])))
            clashes[target] = f"several outputs would become the one file {names}; choose other names"
    return clashes


def check_folder_of(target: Path) -> None:
    """Check that a file's folder exists and can be written.

    Raises:
        OutputError: it does not exist, or is read-only.
    """
    place = Path(os.path.realpath(target)).parent
    try:
        if place.exists() and not place.is_dir():
            raise OutputError(f"{target.parent} is a file, not a folder; choose another place.")
        if not place.is_dir():
            raise OutputError(f"there is no folder {target.parent}; create it first.")
        _check_writable(place)
    except OSError as error:
        raise OutputError(f"{target} {why_not_written(error)}") from error


def check_new_folder(folder: Path, inputs: Iterable[Path] = ()) -> None:
    """Check that a folder is new or empty, and can be made and filled.

    Raises:
        OutputError: it lies in a folder of inputs, is not empty, is not a folder, or cannot be made.
    """
    for reason in find_clashes([folder], inputs).values():
        raise OutputError(f"{reason}.")
    try:
        in_use = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
        if not in_use:
            _check_writable(next(path for path in (folder, *folder.absolute().parents) if path.exists()))
    except OSError as error:
        raise OutputError(f"{folder}: {why_not_written(error)}") from error
    if in_use:
        raise OutputError(f"{folder}: expected a new or empty folder, found one in use; choose another")


def in_the_way(path: Path, why: str) -> str:
    """Message about a file or folder that this program did not make and does not replace without --overwrite."""
    return f"{path} is in the way: {why}. Move it, or add --overwrite."


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, f"{folder} is read-only")
