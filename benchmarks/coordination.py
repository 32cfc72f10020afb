"""How generated motions coordinate pelvis, lumbar spine, hips, knees and ankles, beside recorded people.

    python benchmarks/coordination.py MOTIONS [ACTIVITY ...]

MOTIONS holds the `.mot` files that the motion model was fitted to (`benchmarks/fit_motion_model.py`). Every figure is
computed per motion; printed are mean (SD) over motions. A mark stands where the generator's mean lies more than one of
people's SD off (M), and where its SD is less than half or more than twice people's (S). Generated motions are what
training sees: drawn, then changed in posture and range by `perturb`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from fit_motion_model import ACTIVITIES as FITTED

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.motion_fit import leading_right, without_heading
from trcaugment.body.motions import perturb, read_mot
from trcaugment.body.population import average_adult
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import COORDINATE_INDEX, POINT_INDEX
from trcaugment.markers import RATE_HZ, FloatArray

N_GENERATED = 60
FEWEST_PEOPLE = 4  # fewer tell no spread, and nothing is marked
SHOWN = ("pelvis_tilt", "lumbar_extension", "hip_flexion", "knee_angle", "ankle_angle", "hip_adduction", "hip_rotation")
BOTH_FEET = ("sit_to_stand", "squat", "bend", "stand", "reach")  # that stay where they are
ONE_LEG = ("lunge", "side_lunge", "hurdle_step", "leg_raise")
GAITS = ("walk", "run", "stairs", "pedal")
# Of people nobody recorded these; they are shown beside the law alone.
PEOPLE = {name: patterns for name, (_, patterns) in FITTED.items()} | {"bend": ("lift_stoop*",)}
ONLY_GENERATED = ("jump", "calf_raise", "stairs", "pedal", "kneel", "reach", "stand")


def slope(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope of y on x, and their correlation."""
    if x.std() < 1.0 or y.std() < 1e-6:
        return float("nan"), float("nan")
    r = float(np.corrcoef(x, y)[0, 1])
    return r * float(y.std() / x.std()), r


def figures(motion: FloatArray, activity: str) -> dict[str, float]:
    """Figures of one motion in degrees, degrees per second and cm; of a gait the mean of both legs'."""
    if activity not in GAITS:
        return figures_of(motion, activity, [0] if activity in ONE_LEG else [0, 1])
    right, left = (figures_of(motion, activity, [leg]) for leg in (0, 1))
    return {name: (right[name] + left[name]) / 2 for name in right}


def figures_of(motion: FloatArray, activity: str, leads: list[int]) -> dict[str, float]:
    """Figures of one motion, hips, knees and ankles averaged over the legs `leads` (0 right, 1 left)."""
    angle = {name: np.rad2deg(motion[:, k]) for name, k in COORDINATE_INDEX.items()}
    legs = {name: [angle[f"{name}_r"], angle[f"{name}_l"]] for name in SHOWN[2:]}
    tilt, lumbar = angle["pelvis_tilt"], angle["lumbar_extension"]
    both = {name: np.mean([legs[name][k] for k in leads], axis=0) for name in legs}
    one = {"pelvis_tilt": tilt, "lumbar_extension": lumbar, **both}
    found: dict[str, float] = {}
    for name in SHOWN:
        low, high = np.percentile(one[name], [2, 98])
        found[f"{name}, mean"], found[f"{name}, range"] = float(one[name].mean()), float(high - low)
        found[f"{name}, 95 % speed"] = float(np.percentile(np.abs(np.diff(one[name])) * RATE_HZ, 95))
    for name, other in (
        ("pelvis_tilt", "hip_flexion"),
        ("pelvis_tilt", "knee_angle"),
        ("lumbar_extension", "pelvis_tilt"),
        ("lumbar_extension", "hip_flexion"),
        ("hip_flexion", "knee_angle"),
        ("ankle_angle", "knee_angle"),
        ("hip_rotation", "knee_angle"),
        ("hip_adduction", "knee_angle"),
    ):
        found[f"{name} on {other}, slope"], found[f"{name} on {other}, r"] = slope(one[other], one[name])
    drivers = np.column_stack([both["hip_flexion"], both["knee_angle"], np.ones(len(tilt))])
    weight, *_ = np.linalg.lstsq(drivers, tilt, rcond=None)
    rest = tilt - drivers @ weight
    found["tilt on hip and knee, slope on hip"], found["tilt on hip and knee, slope on knee"] = map(float, weight[:2])
    found["tilt on hip and knee, R²"] = 1 - float(rest.var() / max(tilt.var(), 1e-9))
    found["tilt on hip and knee, residual SD"] = float(rest.std())
    found["trunk lean, greatest"] = float(-(tilt + lumbar).min())
    pitch = [tilt + legs["hip_flexion"][k] - legs["knee_angle"][k] + legs["ankle_angle"][k] for k in (0, 1)]
    found["foot pitch, mean"] = float(np.mean([pitch[k].mean() for k in leads]))
    found["foot pitch, SD within"] = float(np.mean([pitch[k].std() for k in leads]))
    for name in legs:
        found[f"{name}, left-right difference"] = float(np.abs(legs[name][0] - legs[name][1]).mean())
    if activity in BOTH_FEET:
        heels = [POINT_INDEX["RHeel"], POINT_INDEX["LHeel"]]
        place = forward_kinematics(average_adult(), torch.from_numpy(motion)[None], heels)[0].numpy()
        apart = 100 * (place[:, 0] - place[:, 1])
        found["distance of the heels, SD (cm)"] = float(np.linalg.norm(apart[:, [0, 2]], axis=1).std())
        found["one heel above the other (cm)"] = float(np.abs(apart[:, 1]).mean())
    return found


def of_people(folder: Path, activity: str) -> list[dict[str, float]]:
    """Figures of the recordings, turned to heading 0."""
    found = []
    for path in sorted(path for pattern in PEOPLE[activity] for path in folder.glob(f"{pattern}.mot")):
        motion = without_heading(read_mot(path))
        leading = FITTED[activity][0].leading if activity in FITTED else ""
        found.append(figures(leading_right(motion, leading) if leading else motion, activity))
    return found


def of_generator(activity: str) -> list[dict[str, float]]:
    """Figures of generated motions."""
    rng, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    found = []
    for _ in range(N_GENERATED):
        motion = torch.from_numpy(make_motion(activity, rng))
        found.append(figures(perturb(motion[None], generator)[0].numpy(), activity))
    return found


def spread(found: list[dict[str, float]], name: str) -> tuple[float, float]:
    """Mean and SD over motions."""
    values = np.array([its[name] for its in found])
    values = values[np.isfinite(values)]
    return (float(values.mean()), float(values.std())) if len(values) else (float("nan"), float("nan"))


def shown(mean: float, sd: float) -> str:
    """Mean (SD), with two decimals if small."""
    return f"{mean:.2f} ({sd:.2f})" if abs(mean) < 10 else f"{mean:.0f} ({sd:.0f})"


def main() -> None:
    """Print a table per activity, and how much lies within people's spread."""
    folder, chosen = Path(sys.argv[1]), sys.argv[2:]
    n_figures = n_inside = 0
    for activity in chosen or (*PEOPLE, *ONLY_GENERATED):
        people = of_people(folder, activity) if activity in PEOPLE else []
        generated = of_generator(activity)
        print(f"\n### {activity}\n\n| figure | people ({len(people)}) | generator ({len(generated)}) | |")
        print("|---|---|---|---|")
        for name in generated[0]:
            mean, sd = spread(generated, name)
            its_mean, its_sd = spread(people, name)
            mark = ""
            if len(people) >= FEWEST_PEOPLE:
                mark = "M" * (abs(mean - its_mean) > its_sd) + "S" * (not 0.5 <= sd / max(its_sd, 1e-9) <= 2)
                n_figures, n_inside = n_figures + 1, n_inside + ("M" not in mark)
            print(f"| {name} | {shown(its_mean, its_sd) if people else ''} | {shown(mean, sd)} | {mark} |")
    print(f"\nWithin one SD of people: {n_inside} of {n_figures} figures")


if __name__ == "__main__":
    main()
