"""Reading and writing files. A file is replaced whole or left alone, never written in part."""

from __future__ import annotations

import codecs
import contextlib
import csv
import errno
import hashlib
import io
import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

SIDECAR_END = ".json"
REPORT_END = "_report.html"
TEMPORARY_END = ".trcaugment.tmp"  # of files that are being written
ADVICE = {
    errno.EISDIR: "Add a file name.",
    errno.ENOENT: "Create the folder first.",
    errno.ENOTDIR: "Choose a folder.",
    errno.EACCES: "Make it writable, or choose another place.",
    errno.EROFS: "Choose another disk.",
    errno.ENOSPC: "Free some space, or choose another disk.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
}


def replace_file(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> None:
    """Write data, whole or in parts, to a temporary file, then rename it to `path` in one step.

    After an error, while the parts are made too, nothing has changed.

    Raises:
        OSError: the file cannot be written; see `why_not_written`.
    """
    with _written_beside(path, data) as (target, temporary):
        temporary.replace(target)


def replace_with_sidecar(path: Path, data: Iterable[bytes], make_sidecar: Callable[[str], bytes]) -> None:
    """Write a file and its sidecar so that a file never stands beside the sidecar of another.

    If the program is killed half-way, there is the old pair, the new pair, or a sidecar alone.

    Args:
        path: the file.
        data: its content in parts.
        make_sidecar: gives the sidecar's content from the SHA-256 of the file's.

    Raises:
        OSError: one cannot be written.
    """
    digest = hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for part in data:
            digest.update(part)
            yield part

    with _written_beside(path, hashed()) as (target, new):
        sidecar = make_sidecar(digest.hexdigest())
        with _written_beside(sidecar_path(path), sidecar) as (beside, new_sidecar):
            target.unlink(missing_ok=True)
            new_sidecar.replace(beside)
            new.replace(target)


@contextlib.contextmanager
def _written_beside(path: str | os.PathLike[str], data: bytes | Iterable[bytes]) -> Iterator[tuple[Path, Path]]:
    """Write the data to a temporary file beside the target; yields both. The temporary file is removed at the end."""
    target = Path(os.path.realpath(path))  # a link stays, and its target is replaced
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "something else than a file has this name")  # such as /dev/null
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "the file is read-only")
    temporary = target.with_name(f".{secrets.token_hex(8)}{TEMPORARY_END}")
    try:
        with temporary.open("xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        yield target, temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sidecar_path(output: Path) -> Path:
    """Path of a marker file's sidecar: `walk_aug.json` beside `walk_aug.trc`."""
    return output.with_suffix(SIDECAR_END)


def report_path(output: Path) -> Path:
    """Path of a marker file's report: `walk_aug_report.html` beside `walk_aug.trc`."""
    return output.with_name(output.stem + REPORT_END)


def read_file(path: Path) -> bytes:
    """Content of a file.

    Raises:
        OSError: it cannot be read, or is a pipe or device, of which reading might never end.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    return path.read_bytes()


def decode_text(data: bytes) -> str:
    """Text that people saved, with plain newlines: UTF-8, UTF-16 with its mark, or else cp1252, as Excel saves it."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def as_json(value: object) -> bytes:
    """Content of an indented JSON file. NaN, which JSON does not know, becomes null.

    Characters of a path that are not valid Unicode become question marks.
    """
    try:
        encoded = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        encoded = msgspec.json.encode(json.loads(text.encode(errors="replace")))
    return msgspec.json.format(encoded, indent=1) + b"\n"


def as_csv(rows: Iterable[Iterable[object]]) -> bytes:
    """Content of a CSV file; None becomes an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(errors="replace")  # paths may not be valid Unicode


def why_not_written(error: OSError) -> str:
    """Why a file could not be written, and what to do: the end of a message that begins with its path."""
    return f"cannot be written: {error.strerror or error}. {ADVICE.get(error.errno or 0, 'Choose another place.')}"
