"""Draws the moving picture of the README: one stride of the example walk, keypoints in and markers out.

python docs/make_animation.py
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from trcaugment import Markers, Subject, augment, load_model, read_trc
from trcaugment.markers import FloatArray

ROOT = Path(__file__).parents[1]
FIRST, STEP = 60, 2
BONES = [
    ("RShoulder", "LShoulder"),
    ("Neck", "midHip"),
    ("RHip", "LHip"),
    *((f"{s}{a}", f"{s}{b}") for s in "RL" for a, b in (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Hip", "Knee"))),
    *((f"{s}{a}", f"{s}{b}") for s in "RL" for a, b in (("Knee", "Ankle"), ("Ankle", "Heel"), ("Heel", "BigToe"))),
]
# Seen from the front right and a little above.
VIEW = np.array([[0.80, 0.0, -0.60], [-0.08, 1.0, -0.10]])
BLUE, GREEN, GREY = "#2b5fa8", "#1e8449", "#c3cede"


def last_of_stride(keypoints: Markers) -> int:
    """The frame at which the posture of FIRST comes back, between 0.8 and 1.6 s later."""
    bent = keypoints.positions - keypoints.select(["midHip"])
    apart = np.linalg.norm(bent[FIRST + 48 : FIRST + 96] - bent[FIRST], axis=-1).mean(axis=-1)
    return FIRST + 48 + int(apart.argmin())


def draw(figure: Figure, keypoints: Markers, predicted: Markers, frame: int) -> Image.Image:
    """One frame as a picture: the keypoints on the left, the markers on the right."""
    figure.clf()
    origin = keypoints.select(["midHip"])[frame, 0] * [1, 0, 1]
    for axes, points, color, title in zip(
        figure.subplots(1, 2),
        (keypoints, predicted),
        (BLUE, GREEN),
        ("20 keypoints in", "35 anatomical markers out"),
        strict=True,
    ):
        for bone in BONES:
            ends: FloatArray = (keypoints.select(bone)[frame] - origin) @ VIEW.T
            axes.plot(*ends.T, color=GREY, lw=2.5, zorder=1, solid_capstyle="round")
        axes.scatter(*((points.positions[frame] - origin) @ VIEW.T).T, s=24, color=color, zorder=2)
        axes.set(xlim=(-0.55, 0.55), ylim=(-0.1, 1.5), aspect="equal", title=title)
        axes.axis("off")
    with io.BytesIO() as file:
        figure.savefig(file, dpi=80)
        return Image.open(file).convert("RGB").quantize(32)


def main() -> None:
    """Draw every second frame of a stride and join the pictures."""
    keypoints = read_trc(ROOT / "examples" / "walk.trc")
    predicted = augment(keypoints, Subject(1.584, 58.32), load_model(device="cpu")).markers
    figure = plt.figure(figsize=(6.4, 4.6), layout="constrained")
    first, *others = (draw(figure, keypoints, predicted, k) for k in range(FIRST, last_of_stride(keypoints), STEP))
    target = ROOT / "docs" / "images" / "walk.gif"
    first.save(target, save_all=True, append_images=others, duration=1000 * STEP // 60, loop=0, optimize=True)


if __name__ == "__main__":
    main()
