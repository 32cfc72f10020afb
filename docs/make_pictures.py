"""Draws the pictures of README and docs from the example trials and the shipped model.

python docs/make_pictures.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from trcaugment import Markers, Subject, augment, load_model, read_trc

ROOT = Path(__file__).parents[1]
FRAMES = (30, 42, 54, 66, 78)
BONES = [
    *(("Neck", f"{s}Shoulder") for s in "RL"),
    *((f"{s}Shoulder", f"{s}Elbow") for s in "RL"),
    *((f"{s}Elbow", f"{s}Wrist") for s in "RL"),
    ("Neck", "midHip"),
    *(("midHip", f"{s}Hip") for s in "RL"),
    *((f"{s}Hip", f"{s}Knee") for s in "RL"),
    *((f"{s}Knee", f"{s}Ankle") for s in "RL"),
    *((f"{s}Ankle", f"{s}Heel") for s in "RL"),
    *((f"{s}Heel", f"{s}BigToe") for s in "RL"),
    *((f"{s}BigToe", f"{s}SmallToe") for s in "RL"),
]
# Seen from the front right, so that both legs show.
VIEW = np.array([[0.80, 0.0, -0.60], [-0.08, 1.0, -0.10]])


def project(points: np.ndarray) -> np.ndarray:
    """Places in the picture, (n, 2), of points in m relative to the hips, (n, 3)."""
    return points @ VIEW.T


def draw_moment(axes: Axes, keypoints: Markers, truth: Markers, predicted: Markers, frame: int) -> None:
    """One moment: keypoints and bones, true and predicted markers."""
    origin = keypoints.select(["midHip"])[frame, 0] * [1, 0, 1]
    for a, b in BONES:
        ends = project(keypoints.select([a, b])[frame] - origin)
        axes.plot(*ends.T, color="#9db4d6", lw=1.5, zorder=1)
    seen = project(keypoints.positions[frame] - origin).T
    axes.scatter(*seen, s=22, color="#2b5fa8", zorder=2, label="keypoints (in)")
    true = project(truth.positions[frame] - origin).T
    axes.scatter(*true, s=34, facecolors="none", edgecolors="#333333", lw=0.8, zorder=3, label="true markers")
    out = project(predicted.positions[frame] - origin).T
    axes.scatter(*out, s=14, color="#d1495b", zorder=4, label="predicted markers (out)")
    axes.set_aspect("equal")
    axes.set_xlim(-0.5, 0.5)
    axes.set_ylim(-0.08, 1.52)
    axes.axis("off")


# Floors of the package from the ground up, each with its rooms and what they do; the numbers are the way of a trial.
FLOORS = (
    {
        "errors": "messages for people",
        "subject": "height and mass",
        "markers": "named trajectories",
        "marker_sets": "names, sides, aliases",
    },
    {"formats": "① bytes to Markers: TRC, .mot, names\n⑥ Markers to bytes, written whole or not at all"},
    {
        "model": "④ network, card, body frame",
        "sessions": "whose trials these are",
        "body": "generated people: skeleton, motions,\nsoft tissue, detectors",
    },
    {"chain": "② keypoints by name   ③ outliers, gaps, missing keypoints, checks, 60 Hz   ⑤ windows blended"},
    {
        "live": "while a trial is recorded",
        "osim": "⑧ scale, inverse kinematics, compare",
        "datasets": "training data in files",
    },
    {
        "evaluation": "errors of markers, budget",
        "training": "recipe, loop, experiments",
        "figures": "pictures as files",
    },
    {"conversion": "one trial or a cohort: plan, pools, outputs, ⑦ sidecars, joint angles, report"},
    {"pages": "what a browser shows: the moving body, the report of a trial, the cohort"},
    {"cli": "one thin file per command; click and rich live only here"},
)
WIDE = {"body": 1.6, "evaluation": 1.2, "training": 1.2, "osim": 1.2, "marker_sets": 1.3}


def draw_rooms() -> None:
    """The rooms of the package as a house: a room may import from the floors below it."""
    figure, axes = plt.subplots(figsize=(10, 6.2), layout="constrained")
    for y, floor in enumerate(FLOORS):
        total, left = sum(WIDE.get(name, 1.0) for name in floor), 0.0
        for name, does in floor.items():
            width = WIDE.get(name, 1.0) / total
            axes.add_patch(
                Rectangle((left, y), width, 1, facecolor="#eaf0f8" if y % 2 else "#f7f9fc", edgecolor="#2b5fa8")
            )
            axes.text(left + 0.01, y + 0.72, name, fontsize=11, weight="bold", color="#1f4e79", va="center")
            axes.text(left + 0.01, y + 0.3, does, fontsize=8.5, color="#333333", va="center")
            left += width
    axes.set_xlim(-0.005, 1.005)
    axes.set_ylim(-0.05, len(FLOORS) + 0.05)
    axes.axis("off")
    figure.savefig(ROOT / "docs" / "images" / "rooms.png", dpi=110)
    plt.close(figure)


def main() -> None:
    """Draw all pictures."""
    draw_rooms()
    keypoints, truth = (read_trc(ROOT / "examples" / f"walk{part}.trc") for part in ("", "_markers"))
    predicted = augment(keypoints, Subject(1.584, 58.32), load_model(device="cpu")).markers
    figure, row = plt.subplots(1, len(FRAMES), figsize=(12, 4.6), layout="constrained")
    for axes, frame in zip(row, FRAMES, strict=True):
        draw_moment(axes, keypoints, truth, predicted, frame)
        axes.set_title(f"{keypoints.time_s[frame]:.1f} s", fontsize=10, color="#555555")
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(ROOT / "docs" / "images" / "walk.png", dpi=110)


if __name__ == "__main__":
    main()
