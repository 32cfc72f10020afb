"""What hostile TRC files of about 1 MB cost: time and memory to read and to augment, each in a process of its own.

Run from anywhere: python benchmarks/abuse.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from trcaugment.errors import TrcAugmentError
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import KEYPOINTS

WALK = Path(__file__).parents[1] / "examples" / "walk.trc"
MEGABYTE = 1_000_000


def _head(names: list[str], *, n_frames: str = "2", n_markers: str | None = None, unit: str = "m") -> str:
    count = n_markers or str(len(names))
    keys = "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits"
    title = "PathFileType\t4\t(X/Y/Z)\ta.trc"
    labels = "\t".join(["Frame#", "Time", *names])
    return f"{title}\n{keys}\n60\t60\t{n_frames}\t{count}\t{unit}\n{labels}\n\t\tX1\tY1\tZ1\n\n"


def _walk_rows() -> list[str]:
    """Cells of the 15 keypoints in every frame of the example, as short as they can be."""
    positions = read_trc(WALK).select(KEYPOINTS).reshape(-1, 45).tolist()
    return ["\t".join(f"{value:.2f}".replace("0.", ".", 1) for value in row) for row in positions]


def _trial(n_frames: int, steps_s: list[float], every: int = 1) -> str:
    """The walk, with time steps in turn, and keypoints in every so-manieth frame and in the last."""
    rows, time_s, lines = _walk_rows(), 0.0, []
    for k in range(n_frames):
        seen = k % every == 0 or k == n_frames - 1
        lines.append(f"{k}\t{time_s:.6g}" + (f"\t{rows[k // every % len(rows)]}" if seen else ""))
        time_s += steps_s[k % len(steps_s)]
    return _head(list(KEYPOINTS)) + "\n".join(lines) + "\n"


def _cases() -> Iterator[tuple[str, str]]:
    one, row = _head(["Neck"]), "1\t0\t1\t2\t3\n"
    many = [f"{k:x}" for k in range(150_000)]
    yield "10^9 frames and markers promised", _head(["Neck"], n_frames="1000000000", n_markers="1000000000") + row
    yield "one line", "x" * MEGABYTE
    yield "tabs", "\t" * MEGABYTE
    yield "tabs after a row", one + row.rstrip() + "\t" * MEGABYTE + "\n"
    yield "spaces in a row", one + "1\t0" + " " * MEGABYTE + "1\t2\t3\n"
    yield "newlines", one + "\n" * MEGABYTE + row
    yield "carriage returns", one + "\r" * MEGABYTE + row
    yield "digits in a cell", one + "1\t0\t" + "9" * MEGABYTE + "\t2\t3\n"
    yield "digits in the time", one + "1\t" + "9" * MEGABYTE + "\t1\t2\t3\n"
    yield "digits in NumMarkers", _head(["Neck"], n_markers="9" * MEGABYTE) + row
    yield "a long unit", _head(["Neck"], unit="m" * MEGABYTE) + row
    yield "a long name", _head(["N" * MEGABYTE]) + row
    yield "150,000 names, one row", _head(many) + "1\t0\n"
    yield "100,000 names like a keypoint's", _head([f"RHip{k}" for k in range(100_000)]) + "1\t0\n"
    yield "1,500 names, 1,300 blank rows", _head(many[:1500]) + "".join(f"{k}\t{k}\n" for k in range(1300))
    yield "1,500 names, 90,000 blank rows", _head(many[:1500]) + "".join(f"{k}\t{k}\n" for k in range(90_000))
    yield "time steps of 1e-12 s", _trial(4000, [1e-12])
    yield "time steps of 1e9 s", _trial(4000, [1e9])
    yield "50 kHz, most rows blank", _trial(66_000, [2e-5], every=7000)
    yield "1 kHz, most rows blank", _trial(60_000, [1e-3], every=190)
    yield "10 Hz", _trial(4500, [0.1])
    yield "a leap after every other frame", _trial(4500, [0.05, 0.35])


def _measure(path: str) -> str:
    """Time and memory of reading and augmenting one file, with what came of it."""

    from trcaugment import Subject, augment, load_model

    warnings.simplefilter("error")
    model = load_model(device="cpu")
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started_s, read_s = time.process_time(), float("nan")
    try:
        markers = read_trc(path)
        read_s = time.process_time() - started_s
        found = f"augmented, {augment(markers, Subject(1.584, 58.32), model).markers.n_frames} frames"
    except TrcAugmentError as error:
        found = type(error).__name__
    taken_s = time.process_time() - started_s
    memory_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    return f"{read_s:6.1f} {taken_s:6.1f} {memory_mib:6.0f}  {found}"


def main() -> None:
    """Print a table, or measure the one file that is named."""
    if len(sys.argv) > 1:
        print(_measure(sys.argv[1]))
        return
    print(f"{'file':34}{'MB':>5} {'read s':>6} {'all s':>6} {'MiB':>6}  result")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hostile.trc"
        for name, text in _cases():
            path.write_text(text, newline="")
            done = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, check=True)
            print(f"{name:34}{len(text) / MEGABYTE:5.1f} {done.stdout.rstrip()}", flush=True)


if __name__ == "__main__":
    main()
