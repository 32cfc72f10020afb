"""Fits the motion model that ships in the package.

    python benchmarks/fit_motion_model.py MOTIONS trcaugment/body/motion_model.npz

MOTIONS holds `.mot` files of the names below. Only recordings under BSD, MIT, Apache-2.0, CC BY or PDDL are read;
others that lie there (walk_s01*, walk_arnold*, walk_rajagopal*) are not.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from trcaugment.body.motion_fit import Activity, fit_activity, modelled
from trcaugment.body.motion_model import N_PHASES, write_models
from trcaugment.body.motions import read_mot

SOURCES = [
    "uiprmd_*: own inverse kinematics of UI-PRMD (Vakanski 2018, University of Idaho), PDDL 1.0",
    "walk_gaitalytics_*: DART-Lab gaitalytics, MIT",
    "walk_btk_functional: BTKData, BSD",
    "walk_loaded05_noload: opensim-org, Apache-2.0",
    "run_welk*, run_0*, sprint_ja1: keenon/nimblephysics, BSD",
    "run*_hamner: stanfordnmbl/mocopaper, Apache-2.0",
    "run_bmc2018: BMClab, Fukuchi 2017, CC BY 4.0",
]
_DISCRETE, _CYCLIC = (0.15, 0.85), (0.5,)
_BODY, _ALL = modelled(arms=False), modelled(arms=True)
_KNEES = ("knee_angle_r", "knee_angle_l")
_HIPS = ("hip_flexion_r", "-hip_flexion_l")
_WALKS = ("walk_btk_functional", "walk_gaitalytics_small", "walk_gaitalytics_treadmill", "walk_loaded05_noload")
_RUNS = ("run_welk002", "run_welk007_a", "run_welk007_b", "run_0350cms", "run_0500cms", "run_0700cms", "run_bmc2018")
ACTIVITIES: dict[str, tuple[Activity, tuple[str, ...]]] = {
    "sit_to_stand": (Activity(_KNEES, _DISCRETE, _BODY), ("uiprmd_sittostand*",)),
    "squat": (Activity(_KNEES, _DISCRETE, _BODY), ("uiprmd_deepsquat*",)),
    "lunge": (Activity(_KNEES, _DISCRETE, _BODY, "hip_flexion"), ("uiprmd_inlinelunge*",)),
    "side_lunge": (Activity(_KNEES[:1], _DISCRETE, _BODY, "knee_angle"), ("uiprmd_sidelunge*",)),
    "hurdle_step": (Activity(_HIPS[:1], _DISCRETE, _BODY, "hip_flexion"), ("uiprmd_hurdlestep*",)),
    "leg_raise": (Activity(_HIPS[:1], _DISCRETE, _BODY, "hip_flexion"), ("uiprmd_legraise*",)),
    "walk": (Activity(_HIPS, _CYCLIC, _ALL), _WALKS),
    "run": (Activity(_HIPS, _CYCLIC, _ALL), (*_RUNS, "run_0900cms", "sprint_ja1", "run200_hamner", "run300_hamner")),
}
# Recordings of one person that count as one; the deliberately wrong movements count as another's.
_TOGETHER = {"run_welk007_b": "run_welk007_a", "sprint_ja1": "run_0900cms"}


def main() -> None:
    """Fit every activity and say how large it is."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    models = {}
    for name, (activity, patterns) in ACTIVITIES.items():
        people = defaultdict(list)
        for path in sorted(path for pattern in patterns for path in folder.glob(f"{pattern}.mot")):
            people[_TOGETHER.get(path.stem, path.stem)].append(read_mot(path))
        model = models[name] = fit_activity(list(people.values()), activity)
        print(f"{name:16s}{len(people):3d} people, {len(model.between):3d} + {len(model.within):3d} components")
    write_models(out, models, SOURCES)
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, {N_PHASES} phases")


if __name__ == "__main__":
    main()
