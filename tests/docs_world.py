"""A folder with the files that the pages' commands name, small ones, so that the commands run as they stand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from docs_pages import ROOT, Block
from short_trials import short_walk
from training_runs import TINY

from trcaugment import Markers, read_trc, write_trc
from trcaugment.formats.c3d import format_c3d

_OPENCAP = "mass_kg: 58.32\nheight_m: 1.584\nsubjectID: S01\n"
_POSE2SIM = "[project]\nparticipant_height = 1.584\nparticipant_mass = 58.32\n"


def make_world(folder: Path) -> Path:
    """The folder with everything; runs/recipe is a real, tiny training run."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    markers = read_trc(ROOT / "examples" / "walk_markers.trc")
    markers = replace(markers, positions=markers.positions[:60], time_s=markers.time_s[:60])
    walk = short_walk(0, 280)
    write_trc(folder / "walk.trc", walk)
    (folder / "walk.c3d").write_bytes(format_c3d("walk.c3d", walk))
    for name in ("walk_aug", "walk_optical", "standing", "a", "b", "c"):
        write_trc(folder / f"{name}.trc", markers)
    _write_recordings(folder)
    (folder / "subjects.csv").write_text("path,subject,height_m,mass_kg\n*,anna,1.584,58.32\n", encoding="utf-8")
    for name in ("my_recordings", "study"):
        write_pairs(folder / name, short_walk(0, 60), markers)
    recipe = TINY.replace('"tiny"', '"recipe"').replace(
        "[motions]", '[[datasets]]\npath = "my_recordings"\n\n[motions]'
    )
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    run("trcaugment train recipe.toml", folder)
    run("trcaugment osim model my_model.osim", folder)
    run("trcaugment osim ik walk_aug.trc --height 1.584 --mass 58.32 -o ik/", folder)
    for name in ("A", "B"):
        shutil.copy(folder / "ik" / "walk_aug.mot", folder / f"{name}.mot")
    shutil.copy(folder / "ik" / "scaled.osim", folder / "scaled.osim")
    return folder


def _write_recordings(folder: Path) -> None:
    """Trials alone (session), an OpenCap session, a Pose2Sim project; cohort and sessions hold both."""
    for name in ("session", "opencap/MarkerData", "project/pose-3d", "cohort/S01/MarkerData", "cohort/P01/pose-3d"):
        (folder / name).mkdir(parents=True)
        for k in range(2):
            write_trc(folder / name / f"walk{k + 1}.trc", short_walk(30 * k, 60))
    for name in ("opencap", "cohort/S01"):
        (folder / name / "sessionMetadata.yaml").write_text(_OPENCAP, encoding="utf-8")
    for name in ("project", "cohort/P01"):
        (folder / name / "Config.toml").write_text(_POSE2SIM, encoding="utf-8")
    shutil.copytree(folder / "cohort", folder / "sessions")


def write_pairs(folder: Path, walk: Markers, markers: Markers) -> None:
    """A data set of paired TRCs: three subjects with a trial each."""
    for name in ("anna", "ben", "cleo"):
        (folder / name).mkdir(parents=True)
        write_trc(folder / name / "walk_keypoints.trc", walk)
        write_trc(folder / name / "walk_markers.trc", markers)
    rows = [f"{name}/*,{name},1.584,58.32" for name in ("anna", "ben", "cleo")]
    (folder / "subjects.csv").write_text("\n".join(["path,subject,height_m,mass_kg", *rows, ""]), encoding="utf-8")


def run(script: str, folder: Path) -> str:
    """What a shell script prints; it fails with the first command that fails."""
    bin_folder = folder / ".bin"
    if not bin_folder.is_dir():
        bin_folder.mkdir()
        for name, begins in (("python", ""), ("trcaugment", "-m trcaugment ")):
            (bin_folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {begins}"$@"\n')
            (bin_folder / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "110",
        "BROWSER": "true",
    }
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"exit code {done.returncode}\n{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_block(block: Block, folder: Path) -> None:
    """Run a block as it stands; what it writes is not there before."""
    if not block.continues:
        outputs = re.findall(r"(?:-o|--output|>) (\S+)", block.script)
        inputs = re.sub(r"(?:-o|--output|>) \S+", "", block.script).split()
        for output in [*(each for each in outputs if each not in inputs), *block.without]:
            shutil.rmtree(folder / output) if (folder / output).is_dir() else (folder / output).unlink(missing_ok=True)
    if block.language == "python":
        (folder / "block.py").write_text(block.script, encoding="utf-8")
        run("python block.py", folder)
    else:
        run(block.script, folder)
