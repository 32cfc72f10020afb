"""Search a folder for TRC, C3D and metadata files in one walk that never leaves the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trcaugment.errors import SessionsError
from trcaugment.formats.trials import TRIAL_ENDS

OPENCAP_FILE, POSE2SIM_FILE = "sessionMetadata.yaml", "Config.toml"
_EXPECTED = f"expected OpenCap sessions ({OPENCAP_FILE}), Pose2Sim projects ({POSE2SIM_FILE}) or TRC files"


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that is not converted.

    Attributes:
        source: its path.
        name: the path relative to the folder of trials, with `/`.
        reason: a sentence for the user.
        failed: whether the user should act on it; otherwise it was left out on purpose.
    """

    source: Path
    name: str
    reason: str
    failed: bool


@dataclass(frozen=True)
class Tree:
    """Result of a walk. All names are relative to the folder, with `/`; the folder itself is "".

    Attributes:
        root: the folder.
        trial_names: the TRC and C3D files, sorted.
        json_names: the JSON files.
        opencap: folders with OpenCap's metadata.
        pose2sim: folders with a configuration of Pose2Sim.
        left_out: links, folders and files that cannot be used.
    """

    root: Path
    trial_names: tuple[str, ...]
    json_names: frozenset[str]
    opencap: frozenset[str]
    pose2sim: frozenset[str]
    left_out: tuple[LeftOut, ...]


def parent(name: str) -> str:
    """Name of the folder that holds a file or folder."""
    return name.rpartition("/")[0]


def upwards(name: str) -> Iterator[str]:
    """Names of a folder and of all folders above it, up to the root."""
    while name:
        yield name
        name = parent(name)
    yield ""


def leads_out(path: str | Path, folder: str | Path) -> bool:
    """Whether a path, after resolving links, is outside a folder."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def walk(root: Path, outputs: Path | None) -> Tree:
    """Walk through all files below a folder, except hidden ones and the output folder, if there is one of its own.

    Raises:
        SessionsError: `root` is no folder, cannot be read, is inside the output folder, or holds no TRC file.
    """
    if not root.is_dir():
        found = "a file" if root.exists() else "nothing"
        raise SessionsError(f"{root}: expected a folder of trials, found {found}")
    if outputs is not None and not leads_out(root, outputs):
        raise SessionsError(f"{root}: expected another output folder than the folder of trials or one that holds it")
    walker = _Walker(root, outputs)
    walker.run()
    names = tuple(sorted(walker.trial_names + walker.only_links()))
    if not names and not walker.left_out:
        raise SessionsError(f"{root}: {_EXPECTED}, found no TRC file")
    opencap, pose2sim = (frozenset(map(parent, walker.metadata[file])) for file in (OPENCAP_FILE, POSE2SIM_FILE))
    return Tree(root, names, frozenset(walker.json_names), opencap, pose2sim, tuple(walker.left_out))


class _Walker:
    def __init__(self, root: Path, outputs: Path | None) -> None:
        self.root = root
        self.real_root = Path(os.path.realpath(root))
        self.real_outputs = None if outputs is None else Path(os.path.realpath(outputs))
        self.trial_names: list[str] = []
        self.json_names: list[str] = []
        self.links: list[str] = []
        self.metadata: dict[str, list[str]] = {OPENCAP_FILE: [], POSE2SIM_FILE: []}
        self.left_out: list[LeftOut] = []

    def run(self) -> None:
        """Walk with a stack instead of recursion, so that depth is not limited."""
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    folders += [name for entry in entries if (name := self._folder_to_enter(entry, folder))]
            except OSError as error:
                if not folder:
                    raise SessionsError(f"{self.root}: cannot be read ({error.strerror})") from error
                self._leave(folder, f"the folder cannot be read ({error.strerror})", failed=True)

    def only_links(self) -> list[str]:
        """Links to files that the walk did not find themselves; only the first of several links to one file."""
        if not self.links:
            return []
        name_of = {self.real_root / name: name for name in self.trial_names}
        taken = []
        for name in sorted(self.links):
            first = name_of.setdefault(Path(os.path.realpath(self.root / name)), name)
            if first == name:
                taken.append(name)
            else:
                self._leave(name, f"a link to the same file as {first}", failed=False)
        return taken

    def _folder_to_enter(self, entry: os.DirEntry[str], folder: str) -> str:
        """Record an entry; returns its name if it is a folder to enter, else ""."""
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            return ""
        name = f"{folder}/{entry.name}" if folder else entry.name
        is_trial = entry.name.lower().endswith(TRIAL_ENDS)
        try:
            if entry.name in self.metadata:
                self.metadata[entry.name].append(name)
            elif entry.is_symlink():
                self._take_link(entry, name, is_trial=is_trial)
            elif entry.is_dir():
                return self._checked_folder(name)
            elif is_trial:
                self._take_trial(entry, name)
            elif entry.name.endswith(".json"):
                self.json_names.append(name)
        except OSError as error:
            self._leave(name, f"cannot be read ({error.strerror})", failed=is_trial)
        return ""

    def _checked_folder(self, name: str) -> str:
        if not _is_text(name):
            self._leave(name, "expected a folder name in UTF-8", failed=True)
            return ""
        return "" if self.real_root / name == self.real_outputs else name

    def _take_trial(self, entry: os.DirEntry[str], name: str) -> None:
        if not _is_text(name):
            self._leave(name, "expected a file name in UTF-8", failed=True)
        elif entry.is_file():
            self.trial_names.append(name)
        else:
            self._leave(name, "expected a file, found a pipe or a device", failed=True)

    def _take_link(self, entry: os.DirEntry[str], name: str, *, is_trial: bool) -> None:
        is_folder = entry.is_dir()
        if not is_trial and not is_folder:
            return
        what, target = "folder" if is_folder else "file", Path(os.path.realpath(entry.path))
        if not target.is_relative_to(self.real_root):
            reason = f"a link to a {what} outside the folder of trials is not followed; copy or move it there"
            self._leave(name, reason, failed=is_trial)
        elif is_folder:
            self._leave(name, "a link to a folder is not followed; trials are found where they lie", failed=False)
        elif self.real_outputs is not None and target.is_relative_to(self.real_outputs):
            self._leave(name, "a link into the output folder is no input", failed=False)
        elif not entry.is_file():
            self._leave(name, "a link that leads to no file", failed=True)
        elif _is_text(name):
            self.links.append(name)
        else:
            self._leave(name, "expected a file name in UTF-8", failed=True)

    def _leave(self, name: str, reason: str, *, failed: bool) -> None:
        shown = name.encode("utf-8", "backslashreplace").decode()
        self.left_out.append(LeftOut(self.root / name, shown, reason, failed))


def _is_text(name: str) -> bool:
    """Whether a name is valid text; on Linux it may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
