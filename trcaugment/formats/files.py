"""Files are replaced whole or left alone."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

SIDECAR_END = ".json"
TEMPORARY_END = ".trcaugment.tmp"  # of files that are not yet whole
ADVICE = {
    errno.EISDIR: "Add a file name.",
    errno.ENOENT: "Create the folder first.",
    errno.ENOTDIR: "Choose a folder.",
    errno.EACCES: "Make it writable, or choose another place.",
    errno.EROFS: "Choose another disk.",
    errno.ENOSPC: "Free some space, or choose another disk.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` beside the file, then put it in its place in one step; after an error everything is as before.

    Raises:
        OSError: the file cannot be written; see `why_not_written`.
    """
    with _written_beside(path, data) as (target, temporary):
        temporary.replace(target)


def replace_with_sidecar(path: Path, data: bytes, sidecar: bytes) -> None:
    """Write a file and its sidecar, such that no file ever stands beside the sidecar of another.

    Whatever ends the program half-way, there is the old pair, the new one, or a sidecar alone.

    Raises:
        OSError: one cannot be written.
    """
    account = sidecar_path(path)
    with _written_beside(path, data) as (target, new), _written_beside(account, sidecar) as (account, new_account):
        target.unlink(missing_ok=True)
        new_account.replace(account)
        new.replace(target)


@contextlib.contextmanager
def _written_beside(path: str | os.PathLike[str], data: bytes) -> Iterator[tuple[Path, Path]]:
    """The file that will be replaced, and a new one beside it that holds the data; it is gone in the end."""
    target = Path(os.path.realpath(path))  # through a link, to what it points at
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "something else than a file has this name")  # /dev/null must stay
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    temporary = target.with_name(f".{secrets.token_hex(8)}{TEMPORARY_END}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield target, temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sidecar_path(output: Path) -> Path:
    """Where the account of a marker file is: `walk_aug.json` beside `walk_aug.trc`."""
    return output.with_suffix(SIDECAR_END)


def read_file(path: Path) -> bytes:
    """Content of a file; a pipe or device is none, and reading it might never end.

    Raises:
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    return path.read_bytes()


def as_json(value: object) -> bytes:
    """Content of a JSON file that people can read too; NaN, which JSON does not know, becomes null.

    Of a path that is not UTF-8, question marks stand for what is not.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        encoded = msgspec.json.encode(json.loads(text.encode(errors="replace")))
    return msgspec.json.format(encoded, indent=1) + b"\n"


def as_csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Content of a CSV file; empty cells for None."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="replace")  # of paths that are not UTF-8


def why_not_written(error: OSError) -> str:
    """A sentence on why a file could not be written, and one on what to do."""
    return f"cannot be written: {error.strerror or error}. {ADVICE.get(error.errno or 0, 'Choose another place.')}"
