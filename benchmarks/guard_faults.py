"""Faults of known size, planted in trials: what benchmarks/guards.py lets the guards look for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from trcaugment import Subject
from trcaugment.chain.checks.postures import joint_angles_deg, unit
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, FloatArray


@dataclass(frozen=True)
class Trial:
    """Keypoints in m (n_frames, 15, 3), time stamps in s (n_frames,) and the person of one trial."""

    name: str
    positions: FloatArray
    time_s: FloatArray
    subject: Subject


# Planted faults: a trial and a size in, the trial with the fault out.
Plant = Callable[[Trial, float, Generator], Trial]


def part(trial: Trial, duration_s: float, rng: Generator) -> slice:
    """Frames of a span of the trial at a random place."""
    n = min(max(round(duration_s * RATE_HZ), 1), len(trial.positions))
    start = int(rng.integers(0, len(trial.positions) - n + 1))
    return slice(start, start + n)


def scaled(trial: Trial, factor: float, rng: Generator) -> Trial:
    """Positions in another unit."""
    return replace(trial, positions=trial.positions * factor)


def misstated(trial: Trial, percent: float, rng: Generator) -> Trial:
    """A stated height too large or too small."""
    factor = 1 + rng.choice([-1, 1]) * percent / 100
    height_m = float(np.clip(trial.subject.height_m * factor, 0.5, 2.5))
    return replace(trial, subject=Subject(height_m, trial.subject.mass_kg * (height_m / trial.subject.height_m) ** 2))


def hyperextended(trial: Trial, angle_deg: float, rng: Generator) -> Trial:
    """The right knee bent backward for a second."""
    return _turned_to(trial, -angle_deg, ("Knee", "Ankle", "Heel", "SmallToe", "BigToe"), part(trial, 1.0, rng))


def swung_back(trial: Trial, angle_deg: float, rng: Generator) -> Trial:
    """The right hip extended for a second."""
    below = ("Hip", "Knee", "Ankle", "Heel", "SmallToe", "BigToe")
    return _turned_to(trial, -angle_deg, below, part(trial, 1.0, rng))


def _turned_to(trial: Trial, angle_deg: float, parts: Sequence[str], frames: slice) -> Trial:
    """The right leg below a joint turned about the line through the hips until the joint has an angle."""
    seen = trial.positions[frames]
    is_deg = joint_angles_deg(seen)[f"right {parts[0].lower()} flexion"]
    axis = unit(seen[:, KEYPOINTS.index("RHip")] - seen[:, KEYPOINTS.index("LHip")])
    sign = 1.0 if parts[0] == "Hip" else -1.0
    turn = Rotation.from_rotvec(np.radians(sign * (angle_deg - is_deg))[:, None] * axis)
    joint = seen[:, KEYPOINTS.index("R" + parts[0])]
    positions = trial.positions.copy()
    for name in parts[1:]:
        k = KEYPOINTS.index("R" + name)
        positions[frames, k] = joint + turn.apply(seen[:, k] - joint)
    return replace(trial, positions=positions)


def sped_up(trial: Trial, factor: float, rng: Generator) -> Trial:
    """Played too fast: a wrong data rate."""
    return replace(trial, time_s=trial.time_s / factor)


def shaken(trial: Trial, noise_mm: float, rng: Generator) -> Trial:
    """White noise on every coordinate."""
    return replace(trial, positions=trial.positions + noise_mm / 1000 * rng.standard_normal(trial.positions.shape))


def exchanged(kinds: Sequence[str]) -> Plant:
    """Left and right of kinds of keypoints exchanged for a number of frames."""

    def plant(trial: Trial, n_frames: float, rng: Generator) -> Trial:
        other = KEYPOINTS.mirror_order
        order = [other[k] if mark.part in kinds else k for k, mark in enumerate(KEYPOINTS.landmarks)]
        frames = part(trial, n_frames / RATE_HZ, rng)
        positions = trial.positions.copy()
        positions[frames] = trial.positions[frames][:, order]
        return replace(trial, positions=positions)

    return plant


LEGS = ("Knee", "Ankle", "Heel", "SmallToe", "BigToe")


def one_frozen(trial: Trial, duration_s: float, rng: Generator) -> Trial:
    """One keypoint held."""
    frames, k = part(trial, duration_s, rng), int(rng.integers(len(KEYPOINTS)))
    positions = trial.positions.copy()
    positions[frames, k] = positions[frames.start, k]
    return replace(trial, positions=positions)


def all_frozen(trial: Trial, duration_s: float, rng: Generator) -> Trial:
    """All keypoints held."""
    frames = part(trial, duration_s, rng)
    positions = trial.positions.copy()
    positions[frames] = positions[frames.start]
    return replace(trial, positions=positions)


def stretched(name: str, course: Callable[[int, slice], FloatArray], side: str = "R") -> Plant:
    """A limb's segment longer by some percent, all below it moved along; `course` says how much in which frame."""
    upper, lower = {"thigh": ("Hip", "Knee"), "shank": ("Knee", "Ankle"), "foot": ("Heel", "BigToe")}[name]
    order = ["Hip", "Knee", "Ankle"]
    moved = ["BigToe", "SmallToe"] if name == "foot" else [*order[order.index(lower) :], "Heel", "SmallToe", "BigToe"]

    def plant(trial: Trial, percent: float, rng: Generator) -> Trial:
        share = percent / 100 * course(len(trial.positions), part(trial, 0.5, rng))
        segment = trial.positions[:, KEYPOINTS.index(side + lower)] - trial.positions[:, KEYPOINTS.index(side + upper)]
        positions = trial.positions.copy()
        positions[:, [KEYPOINTS.index(side + kind) for kind in moved]] += (share[:, None] * segment)[:, None]
        return replace(trial, positions=positions)

    return plant


def always(n_frames: int, frames: slice) -> FloatArray:
    """All along."""
    return np.ones(n_frames)


def growing(n_frames: int, frames: slice) -> FloatArray:
    """From nothing to everything."""
    return np.linspace(0, 1, n_frames)


def for_a_while(n_frames: int, frames: slice) -> FloatArray:
    """In half a second."""
    inside = np.zeros(n_frames)
    inside[frames] = 1
    return inside


def swelling(trial: Trial, percent: float, rng: Generator) -> Trial:
    """The whole body grows over the trial, as when a calibration slips."""
    factor = 1 + percent / 100 * np.linspace(-0.5, 0.5, len(trial.positions))
    return replace(trial, positions=trial.positions * factor[:, None, None])


CASES: tuple[tuple[str, str, tuple[float, ...], Plant], ...] = (
    ("unit", "positions times", (0.001, 0.01, 0.1, 10, 100, 1000), scaled),
    ("height", "stated height off by %", (5, 10, 15, 20, 30), misstated),
    ("posture", "knee bent backward by °", (10, 20, 30, 45, 60), hyperextended),
    ("posture", "hip extended by °", (30, 50, 70, 90), swung_back),
    ("speed", "played faster, times", (2, 4, 8, 16), sped_up),
    ("speed", "noise of mm", (20, 50, 100, 200), shaken),
    ("swap", "everything, frames", (1, 5, 30, 10_000), exchanged((*LEGS, "Hip", "Shoulder"))),
    ("swap", "legs, frames", (1, 5, 30, 10_000), exchanged(LEGS)),
    ("swap", "ankles and feet, frames", (1, 5, 30, 10_000), exchanged(LEGS[1:])),
    ("swap", "shoulders, frames", (1, 5, 30, 10_000), exchanged(("Shoulder",))),
    ("frozen", "one keypoint, s", (0.1, 0.25, 0.5, 1.0, 2.0), one_frozen),
    ("frozen", "all keypoints, s", (0.1, 0.25, 0.5), all_frozen),
    ("segments", "one shank longer, %", (5, 10, 15, 20, 30), stretched("shank", always)),
    ("segments", "one thigh longer, %", (10, 20, 30, 40), stretched("thigh", always)),
    ("segments", "one shank grows by %", (5, 10, 15, 20), stretched("shank", growing)),
    ("segments", "one thigh grows by %", (10, 20, 30, 50), stretched("thigh", growing)),
    ("segments", "the body grows by %", (5, 10, 15, 20), swelling),
    ("segments", "shank longer for 0.5 s, %", (10, 20, 30, 50), stretched("shank", for_a_while)),
    ("segments", "thigh longer for 0.5 s, %", (20, 40, 60, 80), stretched("thigh", for_a_while)),
)
