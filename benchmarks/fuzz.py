"""Coverage-guided fuzzing of all that is read: TRC files, the chain with a tiny random model, motions, people, names,
sidecars; see docs/explanation/abuse.md.

Run from anywhere, after pip install atheris: python benchmarks/fuzz.py TARGET [--minutes 20] [--corpus FOLDER]
It ends with 0 when the time is up, and with a traceback and the input in a crash-... file at the first of: an exception
other than TrcAugmentError, a warning, a message of more than 2500 characters, 10 s for one input, 2 GiB of memory, a
result that is not what was promised.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trcaugment"]):
    from trcaugment.chain.keypoints import find_keypoints
    from trcaugment.conversion.sidecar import read_origin, read_sidecar
    from trcaugment.errors import TrcAugmentError
    from trcaugment.formats.files import as_json, sidecar_path
    from trcaugment.formats.name_map import read_name_map
    from trcaugment.formats.subjects_csv import read_subjects, write_subjects
    from trcaugment.formats.trc import read_trc, write_trc
    from trcaugment.marker_sets import KEYPOINTS
    from trcaugment.markers import Markers
    from trcaugment.osim.compare import compare, read_motion

import numpy as np
from fuzz_edits import CELLS, CSV_EDITS, JSON_EDITS, JSON_VALUES, MOT_EDITS, NAMES, SEPARATORS, TRC_EDITS, edit
from fuzz_seeds import make_seeds

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS_PER_INPUT, MEMORY_MIB, LONGEST_INPUT, LONGEST_MESSAGE = 10, 2048, 1 << 20, 2500

Check = Callable[[Path], None]


# What is done to a file, and what must hold


def check_reading(path: Path) -> None:
    """A trial comes back from a file as it went there."""
    markers = read_trc(path)
    written = path.with_name("out.trc")
    write_trc(written, markers, unit=markers.unit)
    again = read_trc(written)
    if again.names != markers.names or not np.array_equal(again.time_s, markers.time_s):
        raise AssertionError("names or times changed on the way to a file and back")
    np.testing.assert_allclose(again.positions, markers.positions, rtol=1e-9, atol=2e-7)


def check_motion(path: Path) -> None:
    """A motion is the same as itself."""
    motion = read_motion(path)
    for found in compare(motion, motion).differences:
        if found.n_frames and not found.rmse < 1e-6:
            raise AssertionError(f"{found.coordinate} differs from itself by {found.rmse}")


def check_subjects(path: Path) -> None:
    """People come back from a file as they went there."""
    rows = read_subjects(path)
    folder = path.with_name("written")
    folder.mkdir(exist_ok=True)
    write_subjects(folder, rows)
    again = read_subjects(folder / "subjects.csv")
    if [replace(row, line=0) for row in again] != [replace(row, line=0) for row in rows]:
        raise AssertionError("people changed on the way to a file and back")
    for row in rows:
        row.fits("S1/MarkerData/walk 1.trc")


def check_names(path: Path) -> None:
    """Whatever a map says, names stay different, and no position is invented."""
    names = (*(f"P1_{name}" for name in KEYPOINTS), "x", "hanche droite", "L7", "RHip")
    grid = np.arange(len(names) * 6.0).reshape(2, -1, 3)
    markers = Markers(names, grid, np.arange(2.0))
    renamed = read_name_map([str(path)]).apply(markers)
    there = {tuple(place) for place in grid[0]}
    if not {tuple(place) for place in renamed.positions[0]} <= there:
        raise AssertionError("positions that no marker of the file has")
    find_keypoints(renamed)


def check_sidecar(path: Path) -> None:
    """Whatever stands beside an output is read, or is none; what was read comes back."""
    output = path.with_suffix(".trc")
    read_origin(output)
    sidecar = read_sidecar(output)
    if sidecar is not None:
        again = path.with_name("again.trc")
        sidecar_path(again).write_bytes(as_json(sidecar))
        if read_sidecar(again) != sidecar:
            raise AssertionError("a sidecar changed on the way to a file and back")


def make_chain(folder: Path) -> Check:
    """A check of all that `augment` promises, with a tiny random model."""
    with atheris.instrument_imports(include=["trcaugment"]):
        import torch

        from trcaugment.chain.augmentation import augment
        from trcaugment.model import folder as model_folder
        from trcaugment.model.card import DEFAULT_MODEL, NetworkSizes, read_card
        from trcaugment.model.network import MarkerNetwork
        from trcaugment.subject import Subject
    import msgspec

    torch.manual_seed(0)
    sizes = NetworkSizes(hidden=4, n_layers=1)
    card = read_card(Path(__file__).parents[1] / "models" / DEFAULT_MODEL)
    model_folder.save_model(
        folder / "tiny",
        msgspec.structs.replace(card, name="tiny", sizes=sizes),
        MarkerNetwork(sizes, len(card.inputs), len(card.outputs)),
    )
    model, subject = model_folder.load_model(folder / "tiny", "cpu"), Subject(1.584, 58.32)

    def check(path: Path) -> None:
        markers = read_trc(path)
        result = augment(markers, subject, model)
        lost = np.zeros((markers.n_frames, len(result.markers.names)), dtype=bool)
        for start, stop in result.without_body:
            lost[start:stop] = True
        for name, spans in result.lost.items():
            for start, stop in spans:
                lost[start:stop, result.markers.names.index(name)] = True
        if not np.array_equal(np.isnan(result.markers.positions), np.repeat(lost[:, :, None], 3, axis=2)):
            raise AssertionError("NaN elsewhere than in what is said to be lost or no body")
        if not np.array_equal(result.markers.time_s, markers.time_s):
            raise AssertionError("time stamps changed")

    return check


TARGETS = {
    "read": (".trc", TRC_EDITS, lambda _: check_reading),
    "augment": (".trc", TRC_EDITS, make_chain),
    "mot": (".mot", MOT_EDITS, lambda _: check_motion),
    "subjects": (".csv", CSV_EDITS, lambda _: check_subjects),
    "names": (".csv", CSV_EDITS, lambda _: check_names),
    "sidecar": (".json", JSON_EDITS, lambda _: check_sidecar),
}


def run_on(data: bytes, path: Path, check: Check) -> None:
    """One input; raises what nobody should ever see."""
    path.write_bytes(data)
    try:
        check(path)
    except TrcAugmentError as error:
        if len(str(error)) > LONGEST_MESSAGE + 5 * len(str(path)):
            raise AssertionError(f"a message of {len(str(error))} characters") from error


def make_dictionary(path: Path) -> None:
    """Words that libFuzzer puts in."""
    words = [*CELLS, *NAMES, *SEPARATORS, *JSON_VALUES, b"PathFileType", b"NumMarkers", b"Units", b"Frame#\tTime\t"]
    words += [b"endheader", b"inDegrees=yes", b"height_m", b"ours,theirs"]
    lines = ["".join(f"\\x{byte:02X}" for byte in word) for word in words if 0 < len(word) < 60]
    path.write_text("".join(f'"{line}"\n' for line in lines))


def main() -> None:
    """Fuzz one target until the time is up or something is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--corpus", type=Path, help="keep the inputs found here, and start from them")
    parser.add_argument("--length", type=int, default=LONGEST_INPUT, help="longest input in bytes")
    parser.add_argument("inputs", nargs="*", help="run these files once, and do not fuzz")
    chosen = parser.parse_args()
    warnings.simplefilter("error")
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as name:
        folder = Path(name)
        ending, edits, make = TARGETS[chosen.target]
        check, place = make(folder), folder / f"in{ending}"
        if chosen.inputs:
            for path in chosen.inputs:
                run_on(Path(path).read_bytes(), place, check)
            return
        corpus = chosen.corpus or folder / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        make_seeds(chosen.target, corpus)
        make_dictionary(folder / "words")
        limits = [f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={chosen.length}"]
        ends = [f"-max_total_time={60 * chosen.minutes:.0f}", "-print_final_stats=1", f"-dict={folder / 'words'}"]

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            """Edits of lines and cells, or libFuzzer's own mutation of bytes."""
            rng = random.Random(seed)
            if rng.random() < 0.3 or not data:
                return bytes(atheris.Mutate(data, max_size))
            return edit(data, edits, rng)[:max_size]

        atheris.Setup(
            [sys.argv[0], *limits, *ends, str(corpus)],
            lambda data: run_on(data, place, check),
            custom_mutator=mutate,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
