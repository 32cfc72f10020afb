"""Where a trial's results lie: at the trial's own path, or where OpenCap or Pose2Sim look for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trcaugment.formats.trials import TRC_END, is_c3d
from trcaugment.sessions.variants import OPENCAP_FOLDER, POSE2SIM_FOLDER

Layout = Literal["own", "pose2sim", "opencap"]
IK_RECORD = "ik.json"  # in folders of inverse kinematics
LAYOUTS: tuple[Layout, ...] = ("pose2sim", "opencap")  # to choose from
_PRE, _POST = "PreAugmentation", "PostAugmentation"
_AUGMENTED = "_LSTM"  # what Pose2Sim calls augmented files, and takes for its kinematics


@dataclass(frozen=True)
class Places:
    """Where a trial's results lie.

    Attributes:
        markers: the marker file.
        home: the folder by which a person's trials of one name are told apart.
        work: the folder in which the person's folder of scaling and inverse kinematics is made.
        motion: copy of the motion, without `.mot`; None if there is none.
        model: copy of the scaled model; None if there is none.
    """

    markers: Path
    home: Path
    work: Path
    motion: Path | None = None
    model: Path | None = None


def places(root: Path, name: str, layout: Layout, model_name: str) -> Places:
    """Where the results of a trial lie below a folder.

    Pose2Sim: `pose-3d/NAME_LSTM.trc` and `kinematics/NAME_LSTM.mot` and `.osim` (0.10.49, markerAugmentation.py and
    kinematics.py). OpenCap: `MarkerData/PostAugmentation/NAME.trc`, `OpenSimData/Kinematics/NAME.mot` and
    `OpenSimData/Model/MODEL_scaled.osim` (opencap-core, main.py).

    Args:
        root: the output folder.
        name: of the trial, its path from the folder of trials, with `/`.
        layout: whose.
        model_name: name of the model that is scaled, for OpenCap's.
    """
    if layout == "own":
        markers = root / name
        markers = markers.with_suffix(TRC_END) if is_c3d(markers) else markers
        return Places(markers, markers.parent, markers.parent)
    home, setup = _home(name)
    stem = Path(name).stem.removesuffix(_AUGMENTED)
    if layout == "pose2sim":
        project, name = root / home / setup, stem + _AUGMENTED
        work = project / "kinematics"
        markers = project / POSE2SIM_FOLDER / f"{name}.trc"
        return Places(markers, project, work, work / name, work / f"{name}.osim")
    work = root / home / "OpenSimData" / setup
    return Places(
        root / home / OPENCAP_FOLDER / setup / _POST / f"{stem}.trc",
        root / home / setup,
        work,
        work / "Kinematics" / stem,
        work / "Model" / f"{model_name}_scaled.osim",
    )


def _home(name: str) -> tuple[Path, Path]:
    """The session or project of a trial, and the folder of OpenCap's detector and cameras in it, if there is one."""
    folder = Path(name).parent
    if folder.name == POSE2SIM_FOLDER:
        return folder.parent, Path()
    if OPENCAP_FOLDER not in folder.parts:
        return folder, Path()
    last = len(folder.parts) - 1 - folder.parts[::-1].index(OPENCAP_FOLDER)
    setup = [part for part in folder.parts[last + 1 :] if not part.startswith((_PRE, _POST))]
    return Path(*folder.parts[:last]), Path(*setup)
