"""Pose2Sim's own kinematics runs on the outputs. It lives in an environment of its own, for it needs its own packages.

python -m venv ~/pose2sim && ~/pose2sim/bin/pip install pose2sim
POSE2SIM_PYTHON=~/pose2sim/bin/python pytest -m slow tests/test_pose2sim.py
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from short_trials import short_walk

from trcaugment.cli import main
from trcaugment.formats.mot import read_table
from trcaugment.formats.trc import write_trc

PYTHON = os.environ.get("POSE2SIM_PYTHON", "")
HEIGHTS_M, MASSES_KG = (1.584, 1.663), (58.32, 66.0)
CONFIG = f"""
[project]
multi_person = true
participant_height = {list(HEIGHTS_M)}
participant_mass = {list(MASSES_KG)}
[pose]
pose_model = 'Body_with_feet'
[kinematics]
use_augmentation = true
use_simple_model = true
parallel_workers_kinematics = 1
[logging]
use_custom_logging = false
"""
MASS = "import opensim, sys; m = opensim.Model(sys.argv[1]); print('mass', m.getTotalMass(m.initSystem()))"


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": "", "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [PYTHON, "-c", *arguments],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="POSE2SIM_PYTHON names no Python with Pose2Sim")
def test_pose2sims_kinematics_runs_on_a_filled_project(tmp_path: Path) -> None:
    (tmp_path / "pose-3d").mkdir()
    (tmp_path / "Config.toml").write_text(CONFIG)
    for k, height_m in enumerate(HEIGHTS_M, 1):
        trial = short_walk(20 * k)
        grown = replace(trial, positions=trial.positions * height_m / HEIGHTS_M[0])
        write_trc(tmp_path / "pose-3d" / f"duo_P{k}_0-40_filt_butterworth.trc", grown)
    done = CliRunner().invoke(
        main, ["batch", str(tmp_path), "-o", str(tmp_path), "--layout", "pose2sim", "--jobs", "1"]
    )
    assert done.exit_code == 0, done.output
    run(tmp_path, "from Pose2Sim import Pose2Sim; Pose2Sim.kinematics()")
    masses = []
    for k in (1, 2):
        made = tmp_path / "kinematics" / f"duo_P{k}_0-40_filt_butterworth_LSTM.mot"
        table = read_table(made)
        assert len(table.values) == 40
        knee = table.values[:, table.labels.index("knee_angle_r")]
        assert table.in_degrees and np.isfinite(table.values).all() and 0 < np.ptp(knee) < 80
        masses.append(float(run(tmp_path, MASS, str(made.with_suffix(".osim"))).split("mass ")[1]))
    # Which is whose is up to Pose2Sim 0.10.49, which takes files as the disk lists them.
    assert sorted(masses) == pytest.approx(sorted(MASSES_KG))
