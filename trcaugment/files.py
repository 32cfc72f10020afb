"""Files are replaced whole or left alone."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import msgspec

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
    target = Path(os.path.realpath(path))  # through a link, to what it points at
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "something else than a file has this name")  # /dev/null must stay
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_file(path: Path) -> bytes:
    """Content of a file; a pipe or device is none, and reading it might never end.

    Raises:
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    return path.read_bytes()


def as_json(value: object) -> bytes:
    """Content of a JSON file that people can read too; NaN, which JSON does not know, becomes null."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def as_csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Content of a CSV file; empty cells for None."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def why_not_written(error: OSError) -> str:
    """A sentence on why a file could not be written, and one on what to do."""
    return f"cannot be written: {error.strerror or error}. {ADVICE.get(error.errno or 0, 'Choose another place.')}"
