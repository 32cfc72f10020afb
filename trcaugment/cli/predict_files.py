"""Inputs and outputs of `trcaugment predict`: files, folders, standard input and output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from trcaugment.cli.outputs import STANDARD
from trcaugment.cli.screen import counted
from trcaugment.conversion.trials import Conversion
from trcaugment.errors import OutputError, TrcError
from trcaugment.formats.files import SIDECAR_END, sidecar_path
from trcaugment.formats.outputs import check_folder_of, check_outputs
from trcaugment.formats.trials import C3D_END, TRIAL_ENDS, find_trials, is_c3d
from trcaugment.subject import StatedSubject

_STANDARD_INPUT, STANDARD_OUTPUT = "standard input", "standard output"
# Ends of names that promise another format than TRC and C3D.
_OTHER_FORMATS = frozenset((".csv", ".tsv", ".txt", ".mot", ".sto", ".osim", ".xlsx", ".npy", ".npz", ".mat"))


def find_inputs(inputs: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """The files of the command line, and of each folder its trials without outputs of this program.

    Of a TRC and a C3D file of one name in a folder, the TRC counts.

    Returns:
        The files, and a sentence for each folder.

    Raises:
        TrcError: a folder has no such file, or cannot be read.
    """
    files: list[Path] = []
    notes = []
    for path in inputs:
        if not path.is_dir():
            files.append(path)
            continue
        found = find_trials(path)
        own = [each for each in found if not each.name.startswith(".") and not _is_output(each)]
        if not own:
            raise TrcError(
                f"{path}: expected TRC or C3D files in the folder, found none; for folders in it: trcaugment batch."
            )
        left_out = f"; left out as outputs of trcaugment: {len(found) - len(own)}" if len(own) < len(found) else ""
        kind = "TRC or C3D" if any(map(is_c3d, own)) else "TRC"
        notes.append(f"{path}: {counted(len(own), f'{kind} file')}{left_out}")
        files += own
    return files, notes


@contextmanager
def plan(inputs: Sequence[Path], output: str, person: StatedSubject, *, folder: bool) -> Iterator[list[Conversion]]:
    """What is converted to what; standard output stands for a file in a folder that is gone in the end.

    Raises:
        OutputError: inputs and output do not go together, or the output is to be no TRC file.
    """
    to_screen = output == str(STANDARD)
    if STANDARD in inputs and len(inputs) > 1:
        raise OutputError("standard input (-) is one trial; give it without other inputs.")
    if STANDARD in inputs and folder:
        raise OutputError("a trial from standard input (-) has no name; name a file with -o, such as walk_aug.trc.")
    if to_screen and (folder or len(inputs) > 1):
        raise OutputError("standard output (-) takes the markers of one trial; name a folder with -o.")
    if not folder and Path(output).suffix.casefold() in _OTHER_FORMATS:
        raise OutputError(f"{output}: only TRC and C3D files are written; name it {Path(output).with_suffix('.trc')}.")
    with TemporaryDirectory() if to_screen else nullcontext(output) as place:
        conversions = []
        for source in inputs:
            name = "markers.trc" if source == STANDARD else _name(source)
            target = Path(place) / name if folder or to_screen else Path(place)
            if source == STANDARD:
                content = sys.stdin.buffer.read()
                conversions.append(Conversion(Path(_STANDARD_INPUT), target, person, content))
            else:
                conversions.append(Conversion(source, target, person))
        yield conversions


def _name(source: Path) -> str:
    """Of the output in a folder: the input's, but for an end that promises another format."""
    return source.with_suffix(".trc").name if source.suffix.casefold() in (*_OTHER_FORMATS, C3D_END) else source.name


def check_files(
    conversions: Sequence[Conversion], others: Sequence[Path], read: Sequence[Path], *, folder: bool, overwrite: bool
) -> None:
    """Refuse outputs that would be inputs or each other, that exist or cannot be written, before anything is computed.

    Args:
        conversions: what is converted to what.
        others: other files that are written.
        read: other files that are read.
        folder: whether the outputs lie in a folder that is made.
        overwrite: whether files that exist are replaced.

    Raises:
        OutputError: the reason.
    """
    targets = [each.target for each in conversions]
    for target in targets:
        if target.suffix.casefold() == SIDECAR_END:
            raise OutputError(f"the output {target} has the name of its sidecar; choose one that ends in .trc.")
    others = [file for file in others if file != STANDARD]
    files = [file for target in targets for file in (target, sidecar_path(target))] + others
    check_outputs(files, [*(each.source for each in conversions), *read], overwrite=overwrite, is_ours=_is_left_over)
    made = {target.parent for target in targets} if folder else set()
    for file in [*targets, *others]:
        if file.parent not in made:
            check_folder_of(file)


def _is_output(file: Path) -> bool:
    from trcaugment.conversion.sidecar import read_origin

    return read_origin(file) is not None


def _is_left_over(file: Path) -> bool:
    """Whether it is the sidecar of an output that was removed."""
    made = [file.with_suffix(end) for end in TRIAL_ENDS]
    return file.suffix == SIDECAR_END and not any(each.exists() for each in made) and any(map(_is_output, made))
