"""Files that `fuzz.py` starts from: the examples cut short, small ones by hand, and oddities."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
SEED_FRAMES = (1, 2, 40, 130)


def make_seeds(target: str, corpus: Path) -> None:
    """Write them into a folder."""
    makers = {"mot": _motions, "subjects": _subjects, "names": _maps, "sidecar": _sidecars}
    for name, data in makers.get(target, _trials)():
        (corpus / name).write_bytes(data)


def _trials() -> Iterator[tuple[str, bytes]]:
    for path in sorted(EXAMPLES.glob("*.trc")):
        lines = path.read_bytes().split(b"\n")
        for n in SEED_FRAMES:
            yield f"{path.stem}_{n}.trc", b"\n".join([*lines[: 6 + n], b""])
    head = b"PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    small = head + b"60\t60\t2\t1\tmm\nFrame#\tTime\tNeck\n\t\tX1\tY1\tZ1\n\n1\t0.0\t1.0\t2.0\t3.0\n2\t0.1\t1\t\tnan\n"
    yield "small.trc", small
    yield "spaces.trc", small.replace(b"\t", b"  ")
    yield "commas.trc", small.replace(b"\t", b",")
    yield "utf16.trc", small.decode().encode("utf-16")
    yield "returns.trc", small.replace(b"\n", b"\r")
    yield "stamps.trc", small.replace(b"Time\t", b"Time\tTimeStamp\t").replace(b".0\t1.0", b".0\t7\t1.0")
    yield "tabs.trc", small.replace(b"\n1\t", b"\n\t1\t").replace(b"\n2\t", b"\n\t2\t")


def _motions() -> Iterator[tuple[str, bytes]]:
    head = b"Coordinates\nversion=1\nnRows=3\nnColumns=4\ninDegrees=yes\nendheader\n"
    table = b"time\tpelvis_tx\tknee_angle_r\t/jointset/hip_r/hip_flexion_r/value\n"
    rows = b"0\t0.1\t10\t350\n0.1\t0.2\t20\t359.9\n0.2\t0.3\t-30.5\t1\n"
    yield "small.mot", head + table + rows
    yield "radians.mot", (head + table + rows).replace(b"=yes", b"=no")
    yield "simm.mot", (head + table + rows).replace(b"inDegrees=yes\n", b"")
    yield "twice.mot", head + table + rows.replace(b"0.1\t0.2", b"0\t0.2")
    yield "utf16.mot", (head + table + rows).decode().encode("utf-16")


def _subjects() -> Iterator[tuple[str, bytes]]:
    text = "path,subject,height_m,mass_kg\nS1/*,José,1.584,58.32\nS[2-3]/**/walk?.trc,b,1.8,80\n*,c,2.0,100\n"
    yield "small.csv", text.encode()
    yield "bom.csv", text.encode("utf-8-sig")
    yield "latin.csv", text.encode("cp1252")
    yield "semicolons.csv", text.replace(".", "?").replace(",", ";").replace("?", ",").encode()
    yield "auto.csv", text.replace("1.8", "auto").encode()
    yield "quotes.csv", text.replace("José", '"a, ""b"""').replace("\n", "\r\n").encode()


def _maps() -> Iterator[tuple[str, bytes]]:
    text = "ours,theirs\nRHip,hanche droite\nLHip,L7\n"
    yield "small.csv", text.encode()
    yield "prefix.csv", b"*,P1_*\n"
    yield "both.csv", (text + "*,P1_*\n").encode()
    yield "suffix.csv", b"*,*_filtered\n"
    yield "semicolons.csv", text.replace(",", ";").encode()
    yield "utf16.csv", text.encode("utf-16")


def _sidecars() -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        size = ["--height", "1.584", "--mass", "58.32"]
        trial = EXAMPLES / "squat_mm_with_gaps.trc"
        words = [sys.executable, "-m", "trcaugment", "predict", str(trial), *size, "-o", f"{folder}/out.trc"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        yield "squat.json", (Path(folder) / "out.json").read_bytes()
    yield "origin.json", b'{"tool": "trcaugment 1",\n"output": {"sha256": "a"},\n"made": {"input": "x"}}'
    yield "empty.json", b"{}"
