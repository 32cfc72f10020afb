"""The how-to on muscles and joint moments runs as it stands, with LaiUhlrich2022 and somebody who stands."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trcaugment.formats.mot import read_table
from trcaugment.formats.trc import read_trc
from trcaugment.osim.pipeline import Kit, scale_person, solve
from trcaugment.subject import Subject

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "muscles.md"
MASS_KG, GRAVITY = 72.0, 9.80665
N_FRAMES = 30


def posed(opensim, folder, row):
    """The scaled model and its state in a row of the motion file."""
    labels, values, *_ = read_table(folder / "walk_aug.mot")
    model = opensim.Model(str(folder / "scaled.osim"))
    state = model.initSystem()
    for label, value in zip(labels[1:], values[row, 1:], strict=True):
        is_length = label.endswith(("_tx", "_ty", "_tz"))
        model.getCoordinateSet().get(label).setValue(state, value if is_length else np.deg2rad(value), False)
    model.realizePosition(state)
    return model, state


def write_forces(path, time_s, center):
    """Half of the weight on either side of the center of mass."""
    prefixes = ("ground_force_v", "ground_force_p", "ground_torque_")
    labels = [f"{side}{prefix}{axis}" for side in ("", "1_") for prefix in prefixes for axis in "xyz"]
    row = []
    for sign in (1, -1):
        row += [0, MASS_KG * GRAVITY / 2, 0, center[0], 0, center[2] + sign * 0.1, 0, 0, 0]
    lines = ["forces", "version=1", f"nRows={len(time_s)}", f"nColumns={len(row) + 1}", "inDegrees=no", "endheader"]
    lines += ["\t".join(["time", *labels])]
    lines += ["\t".join(f"{value:.6f}" for value in (time, *row)) for time in time_s]
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_muscle_analysis_and_inverse_dynamics_run_on_what_osim_ik_wrote(opensim, shared_data, tmp_path, monkeypatch):
    opencap = shared_data / "opensim" / "opencap"
    kit = Kit(
        opencap / "LaiUhlrich2022.osim",
        opencap / "LaiUhlrich2022_markers_augmenter.xml",
        opencap / "Setup_scaling_LaiUhlrich2022.xml",
        opencap / "Setup_IK.xml",
        by_measurements=True,  # minutes less; the muscles do not know the difference
    )
    trial = read_trc(shared_data / "sessions" / "opencap_subject0" / "MarkerData" / "neutral.trc")
    trial = replace(trial, positions=trial.positions[:N_FRAMES], time_s=trial.time_s[:N_FRAMES])
    folder = tmp_path / "walk"
    folder.mkdir()
    scaled = scale_person({"walk_aug": trial}, None, Subject(1.78, MASS_KG), kit, folder)
    solve("walk_aug", trial, scaled.tasks, folder)
    middle = N_FRAMES // 2
    model, state = posed(opensim, folder, middle)
    center = model.calcMassCenterPosition(state).to_numpy()
    write_forces(tmp_path / "walk_forces.mot", trial.time_s, center)

    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)

    labels, lengths, *_ = read_table(folder / "muscles" / "walk_aug_MuscleAnalysis_Length.sto")
    row = int(np.argmin(np.abs(lengths[:, 0] - trial.time_s[middle])))
    assert len(labels) == 81
    for name, length in zip(labels[1:], lengths[row, 1:], strict=True):
        assert model.getMuscles().get(name).getLength(state) == pytest.approx(length, abs=1e-3)
    labels, arms, *_ = read_table(folder / "muscles" / "walk_aug_MuscleAnalysis_MomentArm_hip_flexion_r.sto")
    hip = model.getCoordinateSet().get("hip_flexion_r")
    for name in ("psoas_r", "recfem_r", "bflh_r"):
        arm = model.getMuscles().get(name).computeMomentArm(state, hip)
        assert abs(arm) > 0.01
        assert arms[row, labels.index(name)] == pytest.approx(arm, abs=1e-3)

    weight_n = MASS_KG * GRAVITY
    labels, moments, *_ = read_table(folder / "walk_aug_moments.sto")
    assert np.abs(moments[:, labels.index("pelvis_ty_force")]).mean() < 0.05 * weight_n
    # A second run of the same tool crashes OpenSim 4.6.
    lines = [line for line in blocks[1].splitlines() if "setExternalLoadsFileName" not in line]
    exec("\n".join(lines).replace("_moments.sto", "_without.sto"), names)
    labels, without, *_ = read_table(folder / "walk_aug_without.sto")
    assert without[:, labels.index("pelvis_ty_force")].mean() == pytest.approx(weight_n, rel=0.05)
    knee = labels.index("knee_angle_r_moment")
    assert abs(without[:, knee].mean()) < abs(moments[:, knee].mean()) < 0.1 * weight_n
