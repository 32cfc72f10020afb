"""Joint angles of an OpenCap session beside OpenCap's own: its markers with three models, and ours from its keypoints.

    python benchmarks/opencap_angles.py ../shared/data

Offset-free RMSE in degrees by coordinate. All models are scaled by `neutral`, as its name says. LaiUhlrich2022 with
OpenCap's set-ups is solved in every twelfth frame, for it takes fourteen times as long.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from trcaugment import Subject, augment, load_model, read_trc
from trcaugment.markers import Markers
from trcaugment.osim.compare import compare, read_motion
from trcaugment.osim.pipeline import Kit, scale_person, solve

TRIALS, STATIC = ("Squats_0", "Asym_0"), "neutral"
SUBJECT = Subject(1.78, 72.0)
EVERY = 12


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    session = data / "sessions" / "opencap_subject0"
    read = {name: read_trc(session / "MarkerData" / f"{name}.trc") for name in (STATIC, *TRIALS)}
    theirs = {name: _only(trial, study=True) for name, trial in read.items()}
    few = {name: replace(t, positions=t.positions[::EVERY], time_s=t.time_s[::EVERY]) for name, t in theirs.items()}
    model = load_model()
    ours = {name: augment(_only(trial, study=False), SUBJECT, model).markers for name, trial in read.items()}
    with TemporaryDirectory() as made:
        lai = _opencap(data / "opensim" / "opencap", Path(made))
        columns = {
            "OpenCap's markers, LaiUhlrich2022": _errors(few, lai, session),
            "the same, shipped model": _errors(theirs, Kit(), session),
            "the same, `--place-markers`": _errors(theirs, Kit(placing=True), session),
            "our markers, shipped model": _errors(ours, Kit(), session),
        }
    _show(columns)


def _only(trial: Markers, *, study: bool) -> Markers:
    names = tuple(name for name in trial.names if name.endswith("_study") == study)
    return replace(trial, names=names, positions=trial.select(names))


def _opencap(folder: Path, made: Path) -> Kit:
    """OpenCap's model and set-ups, without their time ranges, which are of another trial."""
    setups = []
    for name in ("Setup_scaling_LaiUhlrich2022.xml", "Setup_IK.xml"):
        text = (folder / name).read_text(encoding="utf-8")
        setups.append(made / name)
        setups[-1].write_text(re.sub(r"<time_range>[^<]*</time_range>", "", text), encoding="utf-8")
    scaling, ik = setups
    return Kit(folder / "LaiUhlrich2022.osim", folder / "LaiUhlrich2022_markers_augmenter.xml", scaling, ik)


def _errors(trials: dict[str, Markers], kit: Kit, session: Path) -> dict[str, dict[str, float]]:
    """Trial -> coordinate -> offset-free RMSE in degrees, of coordinates that move in both."""
    found = {}
    with TemporaryDirectory() as made:
        scaled = scale_person(trials, None, SUBJECT, kit, Path(made))
        for name in TRIALS:
            solve(name, trials[name], scaled.tasks, Path(made), max_gap_s=10)
            own = read_motion(session / "OpenSimData" / "Kinematics" / f"{name}.mot")
            compared = compare(read_motion(Path(made) / f"{name}.mot"), own)
            found[name] = {d.coordinate: d.offset_free_rmse for d in compared.shown if d.unit == "deg"}
    return found


def _show(columns: dict[str, dict[str, dict[str, float]]]) -> None:
    each = [(title, name, errors[name]) for title, errors in columns.items() for name in TRIALS]
    shared = [c for c in each[0][2] if all(c in errors for _, _, errors in each)]
    print("| coordinate | " + " | ".join(f"{title}: {name}" for title, name, _ in each) + " |")
    for coordinate in shared:
        print(f"| {coordinate} | " + " | ".join(f"{errors[coordinate]:.1f}" for *_, errors in each) + " |")
    means = (np.mean([errors[c] for c in shared]) for *_, errors in each)
    print(f"| **mean of {len(shared)}** | " + " | ".join(f"**{mean:.1f}**" for mean in means) + " |")


if __name__ == "__main__":
    main()
