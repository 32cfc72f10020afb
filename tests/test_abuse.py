"""Hostile input: files that the fuzzer found, model folders, and paths that cannot be read or written."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from tiny_models import CARD, random_network

from trcaugment import Markers, Subject, augment, load_model, read_trc
from trcaugment.chain.checks import watch
from trcaugment.chain.checks.findings import lasting
from trcaugment.chain.signals import fill_gaps
from trcaugment.cli import main
from trcaugment.errors import MarkersError, ModelError, TrcAugmentError, TrcError
from trcaugment.formats.trc import parse_trc
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.card import CARD_FILE, GRAPH_FILE, WEIGHTS_FILE, NetworkSizes
from trcaugment.model.folder import Model, add_graph, save_model

SQUAT = Path(__file__).parents[1] / "examples" / "squat_mm_with_gaps.trc"
SUBJECT = Subject(1.584, 58.32)
MEBIBYTE = 1 << 20
MOST_MEMORY = 2048 * MEBIBYTE
MOST_SECONDS = 10


# What the fuzzer and its handmade seeds found in the reader


def header(names: str = "Neck", *, n_frames: str = "2", n_markers: str = "1", unit: str = "m") -> str:
    return (
        "PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
        f"60\t60\t{n_frames}\t{n_markers}\t{unit}\nFrame#\tTime\t{names}\n\t\tX1\tY1\tZ1\n\n"
    )


def parse(text: str) -> Markers:
    return parse_trc(text.encode(), "a.trc")


def test_a_missing_first_sample_is_read_as_missing() -> None:
    found = parse(header() + "1\t0\t\t\t\n2\t0.1\t1.5\t2.5\t3.5\n")
    assert np.isnan(found.positions[0]).all()
    assert found.positions[1].tolist() == [[1.5, 2.5, 3.5]]


def test_a_fractional_marker_count_in_the_header_is_ignored() -> None:
    assert parse(header(n_markers="0.5") + "1\t0\n").names == ("Neck",)


def test_blank_lines_at_the_end_of_long_files_are_skipped() -> None:
    assert parse(header() + "1\t0\t1\t2\t3\n" + "\n" * 300_000 + "\t \t").n_frames == 1


@pytest.mark.parametrize("step", ["1e-12", "5e-324", "1e-300", "1e-6"])
def test_tiny_time_steps_are_refused_with_their_line(step: str) -> None:
    with pytest.raises(TrcError, match=r"line 8: expected a time after 0\.0 s .* by 1e-05 s or more"):
        parse(header() + f"1\t0\t1\t2\t3\n2\t{step}\t1\t2\t3\n")


@pytest.mark.parametrize("time", ["1e16", "-1e300", "9" * 400, "inf"])
def test_huge_times_are_refused_with_their_line(time: str) -> None:
    with pytest.raises(TrcError, match="line 7: expected a time in s in column 2, found"):
        parse(header() + f"1\t{time}\t1\t2\t3\n")


def test_markers_have_the_same_limits_without_a_file() -> None:
    one = np.zeros((2, 1, 3))
    for time_s in ([0, 1e-9], [0, 1e16], [0, np.nan], [0, np.inf]):
        with pytest.raises(MarkersError, match="time"):
            Markers(("Neck",), one, np.array(time_s))
    for far in (np.inf, -np.inf, 1e300):
        with pytest.raises(MarkersError, match="Neck farther away in frame 1"):
            Markers(("Neck",), np.full((1, 1, 3), far), np.zeros(1))


@pytest.mark.parametrize(
    "text",
    [
        header("N" * MEBIBYTE) + "1\t0\t1\tx\t3\n",
        header("\t".join("N" * MEBIBYTE + end for end in ("", "", "#1"))) + "1\t0" + "\t1" * 9 + "\n",
        header("N\x07" + "N" * MEBIBYTE) + "1\t0\t1\t2\t3\n",
        header(unit="m" * MEBIBYTE) + "1\t0\t1\t2\t3\n",
        header() + f"1\t0\t1\t{'x' * MEBIBYTE}\t3\n",
        header() + f"1\t{'9' * MEBIBYTE}\t1\t2\t3\n",
        "x" * MEBIBYTE,
    ],
    ids=["name", "equal names", "name with a bell", "unit", "cell", "time", "line"],
)
def test_refusals_stay_short_whatever_they_are_about(text: str) -> None:
    with pytest.raises(TrcError) as caught:
        parse(text)
    assert len(str(caught.value)) < 300


def test_notes_stay_short_too() -> None:
    names = "\t".join(["Neck", *(f"{k}" + "N" * 1000 for k in range(100))])
    assert all(len(note) < 400 for note in parse(header(names) + "1\t0\t1\t2\t3\n").notes)


BIG = {
    "a header that promises 10^9 frames and markers": header(n_frames="1000000000", n_markers="1000000000")
    + "1\t0\t1\t2\t3\n",
    "many names and one row": header("\t".join(f"{k:x}" for k in range(150_000)), n_markers="150000") + "1\t0\n",
    "many names like a keypoint's": header("\t".join(f"RHip{k}" for k in range(60_000))) + "1\t0\t1\t2\t3\n",
    "as many missing samples as are allowed": header("\t".join(f"{k:x}" for k in range(1500)), n_markers="1500")
    + "".join(f"{k}\t{k}\n" for k in range(1300)),
    "half a million blank columns": header() + "1\t0\t1\t2\t3" + "\t" * 500_000 + "\n",
    "a million returns": header() + "\r" * MEBIBYTE + "1\t0\t1\t2\t3\n",
}


@pytest.mark.parametrize("text", BIG.values(), ids=BIG.keys())
def test_a_hostile_megabyte_takes_bounded_memory_and_time(tmp_path: Path, text: str) -> None:
    (tmp_path / "big.trc").write_text(text)
    program = (
        "import resource, sys\nfrom trcaugment import read_trc\nfrom trcaugment.errors import TrcAugmentError\n"
        "from trcaugment.chain.keypoints import find_keypoints\n"
        "try:\n    find_keypoints(read_trc(sys.argv[1]))\nexcept TrcAugmentError as error:\n"
        "    assert len(str(error)) < 3000\n"
    )
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, tmp_path / "big.trc"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY)),
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime - before.ru_utime < MOST_SECONDS


# Any bytes, any positions


def test_gaps_beside_tiny_slopes_can_be_filled() -> None:
    x_m = np.array([0.0, 1e-320, np.nan, 3e-320, 0.5])
    filled, is_filled = fill_gaps(np.stack([x_m, x_m, x_m], axis=1)[:, None], np.arange(5) / 60)
    assert is_filled[:, 0].tolist() == [False, False, True, False, False]
    assert 0 <= filled[2, 0, 0] < 1e-300


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    save_model(folder, CARD, random_network())
    return load_model(folder, "cpu")


SMALL = SQUAT.read_bytes().split(b"\n")[:20]


@settings(max_examples=40)
@given(
    edits=st.lists(
        st.tuples(
            st.integers(0, 18),
            st.integers(0, 62),
            st.sampled_from([b"", b"nan", b"inf", b"1e308", b"5e-324", b"-0.0", b"0.29", b"1e9", b"\t", b"\xff", b"x"]),
        ),
        max_size=8,
    )
)
def test_changed_cells_give_an_augmentation_or_an_error_for_people(
    model: Model, edits: list[tuple[int, int, bytes]]
) -> None:
    rows = [line.split(b"\t") for line in SMALL]
    for line, column, cell in edits:
        rows[line][column % len(rows[line])] = cell
    try:
        markers = parse_trc(b"\n".join(b"\t".join(row) for row in rows), "a.trc")
        result = augment(markers, SUBJECT, model)
    except TrcAugmentError as error:
        assert len(str(error)) < 3000
    else:
        assert_missing_as_reported(result, markers)


BODY = read_trc(SQUAT).select(KEYPOINTS)[:12]


@settings(max_examples=25)
@given(
    n_frames=st.integers(1, 12),
    noise_m=npst.arrays(
        np.float64,
        (12, 15, 3),
        elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, 0.0]),
        fill=st.just(0.0),
    ),
    steps_s=npst.arrays(
        np.float64, 12, elements=st.sampled_from([1 / 60, 1.01e-5, 0.09, 0.29, 1e8]), fill=st.just(1 / 60)
    ),
)
def test_any_positions_give_an_augmentation_or_an_error_for_people(
    model: Model, n_frames: int, noise_m: np.ndarray, steps_s: np.ndarray
) -> None:
    positions = np.clip(BODY + noise_m, -1e6, 1e6)[:n_frames]
    try:
        markers = Markers(KEYPOINTS.names, positions, np.cumsum(steps_s)[:n_frames])
        result = augment(markers, SUBJECT, model)
    except TrcAugmentError:
        return
    assert_missing_as_reported(result, markers)


def assert_missing_as_reported(result: Any, markers: Markers) -> None:
    reported = np.zeros((markers.n_frames, len(result.markers.names)), dtype=bool)
    for start, stop in result.without_body:
        reported[start:stop] = True
    for name, spans in result.lost.items():
        for start, stop in spans:
            reported[start:stop, result.markers.names.index(name)] = True
    missing = np.isnan(result.markers.positions)
    assert np.array_equal(missing.any(axis=2), reported)
    assert np.array_equal(missing.all(axis=2), reported)


def test_coinciding_keypoints_are_judged() -> None:
    positions = np.tile(BODY[:1], (300, 1, 1))
    positions[:120, KEYPOINTS.index("RAnkle")] = positions[0, KEYPOINTS.index("RKnee")]
    found = watch(positions, np.arange(300) / 60, SUBJECT, CARD)
    assert any(finding.guard == "segments" and "right shank" in finding.message for finding in found)


def test_guards_are_fast_at_50_khz() -> None:
    odd = np.ones((60_000, 15), dtype=bool)
    odd[[7, 30_000]] = False
    started_s = time.process_time()
    kept = lasting(odd, 5_000)
    assert time.process_time() - started_s < 2  # a minute, when it grew with the duration
    assert np.flatnonzero(~kept[:, 0]).tolist() == [*range(8), 30_000]


# Model folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder without a graph, so that the weights are read."""
    save_model(tmp_path / "tiny", CARD, random_network())
    (tmp_path / "tiny" / GRAPH_FILE).unlink()
    edit_card(tmp_path / "tiny", graph_sha256=None)
    return tmp_path / "tiny"


def edit_card(folder: Path, **changes: object) -> None:
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps(card | changes))


def vouch_for(folder: Path, weights: bytes) -> None:
    (folder / WEIGHTS_FILE).write_bytes(weights)
    edit_card(folder, sha256=hashlib.sha256(weights).hexdigest())


def change_tensors(folder: Path, change: dict[str, torch.Tensor]) -> None:
    vouch_for(folder, save_tensors(load_tensors((folder / WEIGHTS_FILE).read_bytes()) | change))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(folder, "cpu")
    text = str(caught.value)
    assert str(folder) in text
    assert "\n" not in text
    assert len(text) < 600
    return text


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"rate_hz": 60.0}, "rate_hz"),
        ({"hop_frames": -5}, "hop_frames"),
        ({"hop_frames": 2**70}, "hop_frames"),
        ({"hop_frames": 10**9}, "hop_frames"),
        ({"outputs": ["a\tb", *CARD.outputs[1:]]}, "in their order"),
        ({"outputs": [CARD.outputs[1], *CARD.outputs[1:]]}, "in their order"),
        ({"outputs": [f"m{k}" for k in range(5000)]}, "in their order"),
        ({"outputs": []}, "in their order"),
        ({"output_set": "a\nb"}, "found 'a\\nb'"),
        ({"output_set": "x" * 10_000}, "expected the marker set anatomical-35"),
        ({"output_set": 35}, "output_set"),
        ({"height_m": [2.0, 1.4]}, "from low to high"),
        ({"height_m": [-1.0, 2.0]}, "from low to high"),
        ({"height_m": [1.4]}, "height_m"),
        ({"body_mass_index": [1e308, 15.0]}, "from low to high"),
        ({"sizes": {"n_layers": 0}}, "sizes"),
        ({"sizes": {"n_layers": 10**9}}, "sizes"),
        ({"sizes": {"hidden": 8192, "n_layers": 64}}, "not the weights"),
        ({"sha256": "x" * 10_000}, "SHA-256"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_cards_with_impossible_values_are_refused(folder: Path, change: dict[str, object], part: str) -> None:
    edit_card(folder, **change)
    assert part in refusal(folder)


@pytest.mark.parametrize(
    "card",
    [b"", b"\0" * 1000, b"{" + b" " * 100_000, b'{"a":' + b"[" * 100_000, b'{"rate_hz": 1e999}', b'{"rate_hz": NaN}'],
    ids=["empty", "zeros", "blank", "nested", "huge number", "NaN"],
)
def test_files_that_are_not_cards_are_refused(folder: Path, card: bytes) -> None:
    (folder / CARD_FILE).write_bytes(card)
    assert "not a model card" in refusal(folder)


@pytest.mark.parametrize("name", [CARD_FILE, WEIGHTS_FILE, GRAPH_FILE])
def test_files_that_promise_a_terabyte_are_not_read(folder: Path, name: str) -> None:
    if name == GRAPH_FILE:
        add_graph(folder)
    with (folder / name).open("r+b") as file:
        file.truncate(10**12)
    assert "bytes at most, found 1,000,000,000,000" in refusal(folder)


@pytest.mark.parametrize("name", [CARD_FILE, WEIGHTS_FILE, GRAPH_FILE])
@pytest.mark.parametrize("what", ["folder", "pipe", "link to itself", "link to nowhere", "device"])
def test_folders_pipes_and_devices_are_refused_at_once(folder: Path, name: str, what: str) -> None:
    if name == GRAPH_FILE:
        add_graph(folder)
    path = folder / name
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link to itself": path, "link to nowhere": "nowhere", "device": "/dev/zero"}[what])
    assert str(folder) in refusal(folder)


def header_of(promised: int, entries: bytes) -> bytes:
    return struct.pack("<Q", promised) + entries


@pytest.mark.parametrize(
    "weights",
    [
        header_of(10**12, b"{}"),
        header_of(2**64 - 1, b"{}"),
        header_of(2, b"{}"),
        header_of(2, b"[]"),
        header_of(100, b"[" * 100),
        *(
            header_of(len(entries), entries) + b"\0" * 4
            for entries in (
                b'{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4]}}',
                b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4000000000000]}}',
                b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}',
                b'{"a":{"dtype":"F8_E8M0","shape":[4],"data_offsets":[0,4]}}',
                b'{"a":{"dtype":"none","shape":[1],"data_offsets":[0,4]}}',
            )
        ),
    ],
)
def test_weights_with_false_headers_are_refused(folder: Path, weights: bytes) -> None:
    vouch_for(folder, weights)
    assert "not the weights" in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int8, torch.bool, torch.complex64])
def test_weights_of_another_type_are_refused(folder: Path, dtype: torch.dtype) -> None:
    change_tensors(folder, {"output.bias": torch.zeros(105, dtype=dtype)})
    assert "output.bias" in refusal(folder)


def test_weights_that_divide_by_zero_are_refused(folder: Path) -> None:
    for value in (0.0, -1.0):
        change_tensors(folder, {"deviation": torch.full((47,), value)})
        assert "deviations must be above 0" in refusal(folder)


def test_thousands_of_other_tensors_are_refused_in_one_line(folder: Path) -> None:
    change_tensors(folder, {f"{k}" + "x" * 50: torch.zeros(1) for k in range(3000)})
    assert "not the weights" in refusal(folder)


def test_sizes_in_a_card_take_no_memory(folder: Path) -> None:
    sizes = NetworkSizes(hidden=8192, n_layers=64)
    edit_card(folder, sizes={name: getattr(sizes, name) for name in sizes.__struct_fields__})
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "not the weights" in refusal(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


# Through the command


def predict(*arguments: object) -> Result:
    person = ["--height", "1.584", "--mass", "58"]
    return CliRunner().invoke(main, ["predict", *map(str, arguments), *person])


def test_a_hostile_model_folder_is_wrong_usage_and_nothing_is_written(tmp_path: Path, folder: Path) -> None:
    (folder / WEIGHTS_FILE).unlink()
    os.mkfifo(folder / WEIGHTS_FILE)
    result = predict(SQUAT, "-o", tmp_path / "out" / "", "--model", folder)
    assert result.exit_code == 2, result.output
    assert "it is a pipe or a device" in result.output
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_paths_that_are_not_utf_8_work(tmp_path: Path, folder: Path) -> None:
    source, output = (Path(os.fsdecode(os.fsencode(tmp_path) + name)) for name in (b"/in\xff \xfe.trc", b"/out\xff"))
    try:
        source.write_bytes(SQUAT.read_bytes())
    except OSError:
        pytest.skip("this file system takes only Unicode")
    result = predict(source, "-o", str(output) + "/", "--model", folder)
    assert result.exit_code == 0, result.output
    assert len(read_trc(output / source.name).names) == 35
    assert "in? ?.trc" in (output / source.name).with_suffix(".json").read_text()


def test_a_pipe_as_input_is_refused(tmp_path: Path, folder: Path) -> None:
    os.mkfifo(tmp_path / "pipe.trc")
    result = predict(tmp_path / "pipe.trc", "-o", tmp_path / "out.trc", "--model", folder)
    assert result.exit_code == 1
    assert "found a pipe or a device" in result.output


def test_a_disk_that_is_full_keeps_what_was_there(tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "out.trc"
    output.write_text("precious")
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        result = predict(SQUAT, "-o", output, "--overwrite", "--model", folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1
    assert "cannot be written: File too large" in result.output
    assert output.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.trc", folder.name]


def test_circular_links_are_reported(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "loop.trc").symlink_to("loop.trc")
    result = predict(tmp_path / "loop.trc", "-o", tmp_path / "out.trc", "--model", folder)
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    assert not (tmp_path / "out.trc").exists()
