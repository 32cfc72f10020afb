"""Where the time goes: one table, each row a ratio of processor times measured in turn in one run.

Run from anywhere:

    python benchmarks/speed.py [ROWS ...] [--pose2sim PYTHON] [--turns 3] [--picture docs/images/speed.png]

ROWS are imports, files, chain, predict, lengths, batch, training and ik; without any, all are run. Processor time
counts (user and system, children included), because other work on the machine lengthens it least; ratios are medians.
--pose2sim names the Python of an environment with Pose2Sim; pandas, polars and opensim are compared where installed.
--picture draws the tables of lengths and batch.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from batch import write_cohort
from readers import readers

from trcaugment import Markers, Subject, load_model, read_trc, write_trc
from trcaugment.chain.augmentation import augment_prepared
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.chain.preparation import prepare
from trcaugment.formats.trc import format_trc
from trcaugment.model.card import NetworkSizes

EXAMPLES = Path(__file__).parents[1] / "examples"
SUBJECT = Subject(1.584, 58.32)
PERSON = ("--height", "1.584", "--mass", "58.32")
SHORT, MIDDLE, LONG = 600, 1609, 16_090
LENGTHS = {"1 s": 60, "10 s": 600, "1 min": 3600, "10 min": 36_000, "1 h": 216_000}
N_TRIALS, JOBS = (1, 10, 100, 300), 2
POSE2SIM = """
import sys
from Pose2Sim.markerAugmentation import augment_markers_all
augment_markers_all({"project": {"project_dir": sys.argv[1], "participant_height": [1.584],
                                 "participant_mass": [58.32]}, "markerAugmentation": {"make_c3d": False}})
"""
MEASURED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "trcaugment", *sys.argv[1:]], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
Timed = Callable[[], float]  # does the work and returns its processor time in s
Curve = list[tuple[int, float]]  # of some quantity: processor time in s


def here(work: Callable[[], object]) -> Timed:
    """Work in this process."""

    def timed() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return timed


def process(*command: object, **environment: str | None) -> Timed:
    """A command with all of its processes."""

    def timed() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        kept = {name: value for name, value in (os.environ | environment).items() if value is not None}
        subprocess.run(
            list(map(str, command)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=kept
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return timed


def tell(what: str, ours: Timed, other_name: str, other: Timed, turns: int) -> None:
    """A row: two works in turn."""
    pairs = [(ours(), other()) for _ in range(turns)]
    own_s, other_s = np.median(pairs, axis=0)
    ratio = np.median([own / other for own, other in pairs])
    print(f"| {what} | {own_s:.3f} | {other_name} | {other_s:.3f} | {ratio:.3f} |", flush=True)


def title() -> None:
    """The head of the table."""
    print("\n| what | s | beside | s | ratio |\n| --- | --- | --- | --- | --- |")


def trial(n_frames: int) -> Markers:
    """The walking example forward and backward, over and over, with 1 mm of noise."""
    walk = read_trc(EXAMPLES / "walk.trc")
    turn = walk.n_frames - 1
    frames = turn - np.abs(np.arange(n_frames) % (2 * turn) - turn)
    noise_m = np.random.default_rng(0).normal(0, 0.001, (n_frames, len(walk.names), 3))
    return replace(walk, positions=walk.positions[frames] + noise_m, time_s=np.arange(n_frames) / 60)


def predict(path: Path, folder: Path) -> Timed:
    """The whole command."""
    out = ("-o", folder / "out.trc", "--overwrite", "--quiet")
    return process(sys.executable, "-m", "trcaugment", "predict", path, *PERSON, *out)


def imports(turns: int) -> None:
    """What commands load, beside torch."""
    title()
    torch = process(sys.executable, "-c", "import torch")
    for code in ("numpy", "onnxruntime", "scipy.interpolate", "scipy.signal", "trcaugment.cli.predict"):
        tell(f"import {code}", process(sys.executable, "-c", f"import {code}"), "import torch", torch, turns)


def files(turns: int, folder: Path) -> None:
    """Reading and writing."""
    title()
    markers = trial(LONG)
    path, rows = folder / "long.trc", slice(0, LONG // 8)
    write_trc(path, markers)
    for name, read in readers(path).items():
        tell(f"read_trc, {LONG} frames", here(lambda: read_trc(path)), name, here(read), turns)
    part = replace(markers, positions=markers.positions[rows], time_s=markers.time_s[rows])
    table = part.positions.reshape(len(part.positions), -1)
    row = "\t".join(["%.7f"] * table.shape[1])
    plain = here(lambda: "\n".join(row % tuple(each) for each in table.tolist()).encode())
    format_rows = here(lambda: b"".join(format_trc("part.trc", part)))
    tell(f"format {len(table)} rows of a TRC", format_rows, "the same numbers by %", plain, turns)
    content = b"".join(format_trc("part.trc", part))
    tell(f"format {len(table)} rows", format_rows, "write these bytes", here(lambda: path.write_bytes(content)), turns)


def chain(turns: int) -> None:
    """Steps of a prediction beside its network, and the network beside a matrix product."""
    title()
    model, markers = load_model(), trial(LONG // 4)
    ready = prepare(markers, find_keypoints(markers), subject=SUBJECT, card=model.card)
    windows = np.random.default_rng(0).normal(0, 0.3, (128, 30, 47)).astype(np.float32)
    n_windows = sum(len(segment.starts) for segment in ready.segments)
    network = here(lambda: [model.engine.run(windows, "markers") for _ in range(0, 2 * n_windows, len(windows))])
    prepared = here(lambda: prepare(markers, find_keypoints(markers), subject=SUBJECT, card=model.card))
    tell(f"prepare {markers.n_frames} frames", prepared, "network alone", network, turns)
    whole = here(lambda: augment_prepared([ready], model))
    tell("windows, mirror image, network and blending", whole, "network alone", network, turns)
    size = 1024
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    flops = flops_of(model.card.sizes, len(model.card.inputs), len(model.card.outputs)) * len(windows)
    n_products = round(flops / (2 * size**3))
    product = here(lambda: [matrix @ matrix for _ in range(n_products)])
    once = here(lambda: model.engine.run(windows, "markers"))
    tell(f"network, {flops / 1e9:.1f} GFLOP", once, "matrix products of as many", product, max(5, turns))


def flops_of(sizes: NetworkSizes, n_keypoints: int, n_markers: int) -> int:
    """Floating-point operations of matrix products for a window of 30 frames, without self-attention."""
    n_features, n_directions = 3 * n_keypoints + 2, sizes.n_states // sizes.hidden

    def lstm(n_in: int) -> int:
        return n_directions * 4 * sizes.hidden * (n_in + sizes.hidden)

    products = lstm(n_features) + (sizes.n_layers - 1) * lstm(sizes.n_states) + sizes.n_states * 3 * n_markers
    products += (lstm(n_features) + sizes.n_states * n_keypoints) * sizes.spatial_attention
    products += n_features * 3 * n_markers * sizes.linear_path
    return 30 * 2 * products


def predicting(turns: int, folder: Path, pose2sim: str | None) -> None:
    """The whole command beside `import torch`, and beside Pose2Sim's marker augmentation."""
    title()
    path = folder / "short.trc"
    write_trc(path, trial(SHORT))
    torch = process(sys.executable, "-c", "import torch")
    tell(f"predict, {SHORT} frames", predict(path, folder), "import torch", torch, turns)
    for n_frames in (MIDDLE, LONG) if pose2sim else ():
        markers = trial(n_frames)
        path = folder / f"{n_frames}.trc"
        write_trc(path, markers)
        theirs = folder / str(n_frames)
        (theirs / "pose-3d").mkdir(parents=True)
        names = tuple("Hip" if name == "midHip" else name for name in markers.names)
        write_trc(theirs / "pose-3d" / "trial.trc", replace(markers, names=names))
        other = process(pose2sim, "-c", POSE2SIM, theirs, PYTHONPATH=None)
        tell(f"predict, {n_frames} frames", predict(path, folder), "Pose2Sim", other, turns)


def lengths(folder: Path) -> Curve:
    """Processor time and memory against the length of a trial; gives frames and seconds."""
    curve: Curve = []
    print("\n| trial | frames | s | µs a frame | largest memory (MiB) |\n| --- | --- | --- | --- | --- |")
    for name, n_frames in LENGTHS.items():
        path = folder / f"{n_frames}.trc"
        write_trc(path, trial(n_frames))
        out = ("-o", folder / "out.trc", "--overwrite", "--quiet")
        command = [sys.executable, "-c", MEASURED, "predict", path, *PERSON, *out]
        used_s, used_kib = map(float, subprocess.check_output(list(map(str, command))).split())
        print(
            f"| {name} | {n_frames} | {used_s:.2f} | {1e6 * used_s / n_frames:.0f} | {used_kib / 1024:.0f} |",
            flush=True,
        )
        curve.append((n_frames, used_s))
    return curve


def batch(folder: Path) -> Curve:
    """Processor time of a cohort against the number of its trials, which it gives with the seconds."""
    curve: Curve = []
    print("\n| trials of 10 s | frames | processor s | ms a trial | frames per processor s |")
    print("| --- | --- | --- | --- | --- |")
    for n_trials in N_TRIALS:
        cohort = folder / f"cohort{n_trials}"
        write_cohort(cohort, n_trials)
        command = ("batch", cohort, "-o", folder / f"out{n_trials}", "--jobs", JOBS)
        used_s = process(sys.executable, "-m", "trcaugment", *command)()
        frames = n_trials * SHORT
        row = f"| {n_trials} | {frames} | {used_s:.2f} | {1000 * used_s / n_trials:.0f} | {frames / used_s:,.0f} |"
        print(row, flush=True)
        curve.append((n_trials, used_s))
    return curve


def draw(path: Path, curves: dict[str, Curve]) -> None:
    """Processor time against each quantity, on logarithmic axes."""
    from matplotlib.figure import Figure

    from trcaugment.figures.figures import as_file

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    for axes, (name, curve) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        axes.loglog(*zip(*curve, strict=True), "o-")
        axes.set(xlabel=name, ylabel="Processor time (s)")
        axes.grid(alpha=0.3)
    path.write_bytes(as_file(figure, "png"))


def training(turns: int) -> None:
    """Windows generated and trained per second of processor time on one thread."""
    import torch

    from trcaugment.body.detector import KeypointErrors
    from trcaugment.body.population import Population
    from trcaugment.body.windows import WindowGenerator, make_library
    from trcaugment.training.data import make_batch
    from trcaugment.training.recipe import Recipe
    from trcaugment.training.run import new_network

    torch.set_num_threads(1)
    generator = WindowGenerator(make_library([], 60, 1), Population(), KeypointErrors())
    random, n = torch.Generator().manual_seed(1), 128
    recipe = Recipe("speed", network=load_model().card.sizes)
    network, made = new_network(recipe), make_batch(generator.draw(n, random))

    def step() -> None:
        network.zero_grad()
        (network(made.features) - made.targets).square().mean().backward()

    title()
    drawn = here(lambda: make_batch(generator.draw(n, random)))
    tell(f"generate {n} windows", drawn, "one step of training on them (32 bits)", here(step), max(3, turns))


def ik(turns: int, folder: Path) -> None:
    """Inverse kinematics beside prediction."""
    if not find_spec("opensim"):
        return
    title()
    path, out = folder / "ik.trc", folder / "ik"
    write_trc(path, trial(120))
    plain = predict(path, folder)
    with_ik = process(
        *(sys.executable, "-m", "trcaugment", "predict", path, *PERSON, "-o", out, "--ik", "--overwrite", "--quiet")
    )
    tell("predict --ik, 120 frames", with_ik, "predict", plain, min(turns, 2))


def rows_of(given: Iterable[str]) -> set[str]:
    """The rows that were asked for, or all."""
    known = {"imports", "files", "chain", "predict", "lengths", "batch", "training", "ik"}
    wanted = set(given)
    if wanted - known:
        sys.exit(f"expected rows out of {', '.join(sorted(known))}, found {', '.join(sorted(wanted - known))}")
    return wanted or known


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*")
    parser.add_argument("--pose2sim")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    rows = rows_of(given.rows)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        works: dict[str, Callable[[], Curve | None]] = {
            "imports": lambda: imports(given.turns),
            "files": lambda: files(given.turns, folder),
            "chain": lambda: chain(given.turns),
            "predict": lambda: predicting(given.turns, folder, given.pose2sim),
            "lengths": lambda: lengths(folder),
            "batch": lambda: batch(folder),
            "training": lambda: training(given.turns),
            "ik": lambda: ik(given.turns, folder),
        }
        curves = {row: work() for row, work in works.items() if row in rows}
    if given.picture:
        titles = {"lengths": "Frames of a trial (predict)", "batch": "Trials of 10 s (batch)"}
        drawn = {title: curve for row, title in titles.items() if (curve := curves.get(row))}
        draw(given.picture, drawn)


if __name__ == "__main__":
    main()
