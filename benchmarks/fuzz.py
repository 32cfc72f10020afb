"""Coverage-guided fuzzing of the TRC reader and of the whole chain with a tiny random model; see docs/abuse.md.

Run from anywhere, after pip install atheris: python benchmarks/fuzz.py read|augment [--minutes 20] [--corpus FOLDER]
It ends with 0 when the time is up, and with a traceback and the input in a crash-... file at the first of: an exception
other than TrcAugmentError, a warning, 10 s for one input, 2 GiB of memory, a result that is not what was promised.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["trcaugment"]):
    import trcaugment.trc

    from trcaugment.errors import TrcAugmentError
    from trcaugment.formats.trc import read_trc, write_trc
    from trcaugment.markers import Markers

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
SECONDS_PER_INPUT, MEMORY_MIB, LONGEST_INPUT = 10, 2048, 1 << 20
SEED_FRAMES = (1, 2, 40, 130)
HEADER_LINES = 5
# What goes wrong in cells, and what a program may have meant by them.
CELLS = [
    *(b"", b" ", b"nan", b"NaN", b"inf", b"-inf", b"-", b".", b"_", b"1_0", b"1,5", b"1e308", b"-1e308", b"1e999"),
    *(b"5e-324", b"1e-300", b"1e-12", b"0", b"-0.0", b"0.0000000", b"1000001", b"1000000000", b"-1", b"1e15", b"1e16"),
    *(b"99999999.9999999", b"0.3", b"9" * 400, b"\xef\xbc\x91", b"1.#QNAN", b"None", b"mm", b"cm", b"meters"),
    *(b"1000", b"59.94", b"0.5", b"1e9"),
]
NAMES = [b"Neck", b"RHip", b"LHip", b"r_hip", b"RightHip", b"midHip", b"C7_study", b"Hip", b"a\x07b", b"\xff", b"X1"]
SEPARATORS = [b"\t", b"\n", b"\r", b"\r\n", b" ", b"\t\t\t", b"\x0b", b"\x1c", b"\0", b"\xc2\x85", b"\xe2\x80\xa8"]

Edit = Callable[[random.Random, list[bytes]], None]


# Mutations that keep the structure: of lines and cells.


def _rows(lines: list[bytes]) -> range:
    return range(min(HEADER_LINES, len(lines) - 1), len(lines))


def _change_cell(rng: random.Random, lines: list[bytes]) -> None:
    k = rng.randrange(len(lines))
    cells = lines[k].split(b"\t")
    cells[rng.randrange(len(cells))] = rng.choice(CELLS + NAMES)
    lines[k] = b"\t".join(cells)


def _change_header(rng: random.Random, lines: list[bytes]) -> None:
    k = min(rng.randrange(4), len(lines) - 1)
    cells = lines[k].split(b"\t")
    cells[rng.randrange(len(cells))] = rng.choice(NAMES if k == 3 else CELLS)
    lines[k] = b"\t".join(cells)


def _change_column(rng: random.Random, lines: list[bytes]) -> None:
    """One value, or blanks, in a column of many rows."""
    column, value, share = rng.randrange(2, 70), rng.choice(CELLS), rng.random()
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if column < len(cells) and rng.random() < share:
            cells[column] = value
            lines[k] = b"\t".join(cells)


def _change_sample(rng: random.Random, lines: list[bytes]) -> None:
    """Blank one marker over some rows: gaps, short and long."""
    marker, start = rng.randrange(20), rng.choice(_rows(lines))
    for k in range(start, min(start + rng.randrange(1, 40), len(lines))):
        cells = lines[k].split(b"\t")
        if len(cells) > 4 + 3 * marker:
            cells[2 + 3 * marker : 5 + 3 * marker] = [b"", b"", b""]
            lines[k] = b"\t".join(cells)


def _change_times(rng: random.Random, lines: list[bytes]) -> None:
    """Another step, some of the steps tiny, or leaps."""
    step_s = rng.choice([5e-324, 1e-300, 1e-12, 1e-9, 1e-6, 1e-3, 0.005, 1 / 60, 0.04, 0.1, 0.29, 1, 1e9])
    other_s = rng.choice([5e-324, 1e-300, 1e-15, 1e-9, 1e-4, 0.21, 0.3, 10, 1e12])
    share, time_s = rng.choice([0, 0, 0.02, 0.3]), rng.choice([0.0, 0.0, -1.0, 1e6, 9e14])
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if len(cells) > 2:
            time_s += other_s if rng.random() < share else step_s
            cells[1] = repr(time_s).encode()
            lines[k] = b"\t".join(cells)


def _collapse_body(rng: random.Random, lines: list[bytes]) -> None:
    """All keypoints of a row in one place or on one line, in some rows."""
    share, on_line = rng.random(), rng.random() < 0.5
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        if len(cells) > 5 and rng.random() < share:
            places = [[b"%.3f" % (0.01 * m), cells[3], cells[4]] if on_line else cells[2:5] for m in range(20)]
            lines[k] = b"\t".join([*cells[:2], *(cell for place in places for cell in place)])


def _scale_rows(rng: random.Random, lines: list[bytes]) -> None:
    factor = rng.choice([-1.0, 0.001, 1000.0, 1e6, 1e-9, 0.5])
    for k in _rows(lines):
        cells = lines[k].split(b"\t")
        try:
            lines[k] = b"\t".join([*cells[:2], *(repr(factor * float(cell)).encode() for cell in cells[2:])])
        except ValueError:
            continue


def _repeat_or_drop(rng: random.Random, lines: list[bytes]) -> None:
    start = rng.randrange(len(lines))
    stop = start + rng.randrange(1, 30)
    if rng.random() < 0.5 and len(lines) > stop:
        del lines[start:stop]
    else:
        lines[start:start] = lines[start:stop] * rng.randrange(1, 4)


def _cut_line(rng: random.Random, lines: list[bytes]) -> None:
    k = rng.randrange(len(lines))
    lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)] + rng.choice([*SEPARATORS, b""])


EDITS: list[Edit] = [
    *(_change_cell, _change_header, _change_column, _change_sample, _change_times, _collapse_body, _scale_rows),
    *(_repeat_or_drop, _cut_line),
]


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """One to three edits of lines and cells, or libFuzzer's own mutation of bytes."""
    rng = random.Random(seed)
    if rng.random() < 0.3 or not data:
        return bytes(atheris.Mutate(data, max_size))
    lines = data.split(b"\n")
    for _ in range(rng.randrange(1, 4)):
        rng.choice(EDITS)(rng, lines)
        lines = lines or [b""]
    return b"\n".join(lines)[:max_size]


# What is fuzzed, and what must hold


class Target:
    """A file in memory, and what is done to it."""

    def __init__(self, folder: Path, *, chain: bool) -> None:
        self.source, self.written = folder / "in.trc", folder / "out.trc"
        self.augment = _make_chain(folder) if chain else None

    def __call__(self, data: bytes) -> None:
        """One input; raises what nobody should ever see."""
        self.source.write_bytes(data)
        try:
            markers = read_trc(self.source)
            if self.augment is not None:
                self.augment(markers)
        except TrcAugmentError:
            return
        if self.augment is None:
            write_trc(self.written, markers, unit=markers.unit)
            _check_same(read_trc(self.written), markers)


def _check_same(again: Markers, markers: Markers) -> None:
    if again.names != markers.names or not np.array_equal(again.time_s, markers.time_s):
        raise AssertionError("names or times changed on the way to a file and back")
    np.testing.assert_allclose(again.positions, markers.positions, rtol=1e-9, atol=2e-7)


def _make_chain(folder: Path) -> Callable[[Markers], None]:
    with atheris.instrument_imports(include=["trcaugment"]):
        import torch

        from trcaugment.chain.augmentation import augment
        from trcaugment.model.card import NetworkSizes, read_card
        from trcaugment.model.folder import load_model, save_model
        from trcaugment.model.network import MarkerNetwork
        from trcaugment.subject import Subject
    import msgspec

    torch.manual_seed(0)
    torch.set_num_threads(1)
    trcaugment.model.folder._BATCH_WINDOWS = 8  # most inputs are short, and a batch is always filled up
    sizes = NetworkSizes(hidden=4, n_layers=1)
    card = read_card(Path(__file__).parents[1] / "models" / trcaugment.model.card.DEFAULT_MODEL)
    save_model(
        folder / "tiny",
        msgspec.structs.replace(card, name="tiny", sizes=sizes),
        MarkerNetwork(sizes, len(card.inputs), len(card.outputs)),
    )
    model, subject = load_model(folder / "tiny", "cpu"), Subject(1.584, 58.32)

    def check(markers: Markers) -> None:
        result = augment(markers, subject, model)
        absent = np.zeros(markers.n_frames, dtype=bool)
        for start, stop in [*result.without_body, *(span for spans in result.missing.values() for span in spans)]:
            absent[start:stop] = True
        found = np.isnan(result.markers.positions)
        if not (found.any(axis=(1, 2)) == absent).all() or not (found.all(axis=(1, 2)) == absent).all():
            raise AssertionError("NaN in other frames than those that are said to be missing or odd")
        if not np.array_equal(result.markers.time_s, markers.time_s):
            raise AssertionError("time stamps changed")

    return check


def _make_seeds(corpus: Path) -> None:
    """The examples, cut short, in mm and m, and a few oddities by hand."""
    for path in sorted(EXAMPLES.glob("*.trc")):
        lines = path.read_bytes().split(b"\n")
        for n in SEED_FRAMES:
            (corpus / f"{path.stem}_{n}.trc").write_bytes(b"\n".join([*lines[: 6 + n], b""]))
    head = b"PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    small = head + b"60\t60\t2\t1\tmm\nFrame#\tTime\tNeck\n\t\tX1\tY1\tZ1\n\n1\t0.0\t1.0\t2.0\t3.0\n2\t0.1\t1\t\tnan\n"
    (corpus / "small.trc").write_bytes(small)
    (corpus / "spaces.trc").write_bytes(small.replace(b"\t", b"  "))
    (corpus / "utf16.trc").write_bytes(small.decode().encode("utf-16"))
    (corpus / "returns.trc").write_bytes(small.replace(b"\n", b"\r"))


def _make_dictionary(path: Path) -> None:
    words = [*CELLS, *NAMES, *SEPARATORS, b"PathFileType", b"NumMarkers", b"Units", b"DataRate", b"Frame#\tTime\t"]
    lines = ["".join(f"\\x{byte:02X}" for byte in word) for word in words if word]
    path.write_text("".join(f'"{line}"\n' for line in lines))


def main() -> None:
    """Fuzz one target until the time is up or something is found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["read", "augment"])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--corpus", type=Path, help="keep the inputs found here, and start from them")
    parser.add_argument("--length", type=int, default=LONGEST_INPUT, help="longest input in bytes")
    parser.add_argument("inputs", nargs="*", help="run these files once, and do not fuzz")
    chosen = parser.parse_args()
    warnings.simplefilter("error")
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as name:
        folder = Path(name)
        target = Target(folder, chain=chosen.target == "augment")
        if chosen.inputs:
            for path in chosen.inputs:
                target(Path(path).read_bytes())
            return
        corpus = chosen.corpus or folder / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        _make_seeds(corpus)
        _make_dictionary(folder / "words")
        limits = [f"-timeout={SECONDS_PER_INPUT}", f"-rss_limit_mb={MEMORY_MIB}", f"-max_len={chosen.length}"]
        ends = [f"-max_total_time={60 * chosen.minutes:.0f}", "-print_final_stats=1", f"-dict={folder / 'words'}"]
        atheris.Setup([sys.argv[0], *limits, *ends, str(corpus)], target, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
