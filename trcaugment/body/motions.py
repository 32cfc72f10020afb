"""Joint angles over time: reads `.mot` files, and draws windows from a library of motions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES, other_side
from trcaugment.errors import MotionError
from trcaugment.formats.mot import read_table
from trcaugment.markers import RATE_HZ, FloatArray

_MIDLINE_FLIPS = ("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation")


def read_mot(path: Path) -> FloatArray:
    """Read joint angles from an OpenSim `.mot` or `.sto` file.

    Coordinates that the file lacks are zero; columns that are not coordinates of the skeleton are left out.

    Returns:
        Values of all coordinates in rad or m, resampled to 60 Hz, (n_frames, n_coordinates).

    Raises:
        MotionError: not a motion file, too short, or without any known coordinate.
    """
    labels, table, in_degrees, _ = read_table(path).with_unit(path)
    known = [(k, COORDINATE_INDEX[label]) for k, label in enumerate(labels) if label in COORDINATE_INDEX]
    if not known:
        raise MotionError(f"{path}: expected coordinates such as hip_flexion_r, found {', '.join(labels[1:6])}")
    time_s = table[:, 0]
    if len(time_s) < 2 or not (np.diff(time_s) > 0).all() or not np.isfinite(table).all():
        raise MotionError(f"{path}: expected at least two frames, increasing time and no missing values")
    new_time_s = np.arange(time_s[0], time_s[-1], 1 / RATE_HZ)
    if len(new_time_s) < 2:
        raise MotionError(f"{path}: expected at least two frames at 60 Hz, found {time_s[-1] - time_s[0]:g} s")
    values = np.zeros((len(new_time_s), len(COORDINATES)))
    for column, index in known:
        values[:, index] = np.interp(new_time_s, time_s, table[:, column])
        if COORDINATES[index].rotational and in_degrees:
            values[:, index] = np.deg2rad(values[:, index])
    return values


def _mirror_table() -> tuple[list[int], FloatArray]:
    order, sign = [], []
    for coordinate in COORDINATES:
        name = coordinate.name
        order.append(COORDINATE_INDEX[other_side(name)])
        sign.append(-1.0 if name in _MIDLINE_FLIPS else 1.0)
    return order, np.array(sign)


_MIRROR_ORDER, _MIRROR_SIGN = _mirror_table()


def mirror(coordinates: Tensor) -> Tensor:
    """The same motion with left and right exchanged, (..., n_coordinates)."""
    return coordinates[..., _MIRROR_ORDER] * torch.from_numpy(_MIRROR_SIGN).to(coordinates)


def mirror_array(coordinates: FloatArray) -> FloatArray:
    """`mirror` of an array."""
    return coordinates[..., _MIRROR_ORDER] * _MIRROR_SIGN


@dataclass(frozen=True)
class MotionLibrary:
    """Motions, one after the other in one array.

    Attributes:
        frames: values of all coordinates in rad or m at 60 Hz, (n_all_frames, n_coordinates).
        first: index of the first frame of every motion, (n_motions,).
        length: number of frames of every motion, (n_motions,).
        weight: relative frequency of every motion, (n_motions,).
        activities: activity of every motion, (n_motions,).
    """

    frames: Tensor
    first: Tensor
    length: Tensor
    weight: Tensor
    activities: tuple[str, ...]

    @classmethod
    def from_motions(cls, motions: list[FloatArray], weight: list[float], activities: list[str]) -> MotionLibrary:
        """Library of motions (n_frames, n_coordinates) drawn with the given weights."""
        length = torch.tensor([len(motion) for motion in motions])
        first = torch.cumsum(length, 0) - length
        frames = torch.from_numpy(np.concatenate(motions)).float()
        return cls(frames, first, length, torch.tensor(weight), tuple(activities))

    def choose(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw n motions by weight; returns their indices in the library, (n,)."""
        return torch.multinomial(self.weight, n, replacement=True, generator=generator)

    def play(self, which: Tensor, n_frames: int, generator: torch.Generator) -> Tensor:
        """Draw a window of each of the motions, at 0.7 to 1.4 times its speed, half of them mirrored.

        Args:
            which: indices in the library, (n,).
            n_frames: frames in a window.
            generator: source of all randomness.

        Returns:
            Values of all coordinates in rad or m, (n, n_frames, n_coordinates).
        """
        n = len(which)
        speed = 0.7 * 2 ** torch.rand(n, generator=generator)
        # Motions shorter than a window are played more slowly.
        span = torch.minimum(speed * (n_frames - 1), (self.length[which] - 1).float())
        start = torch.rand(n, generator=generator) * (self.length[which] - 1 - span)
        position = start[:, None] + span[:, None] * torch.linspace(0, 1, n_frames)
        below = position.floor().long().clamp(max=(self.length[which] - 2)[:, None])
        share = (position - below).unsqueeze(-1)
        index = self.first[which][:, None] + below
        drawn = torch.lerp(self.frames[index], self.frames[index + 1], share)
        mirrored = torch.rand(n, 1, 1, generator=generator) < 0.5
        return torch.where(mirrored, mirror(drawn), drawn)


# Standard deviations in rad of a window's constant change of posture: common to both sides, and of each side.
_POSTURE_SPREAD = {
    "knee_angle": (0.05, 0.02),
    "ankle_angle": (0.05, 0.02),
    "hip_adduction": (0.04, 0.03),
    "hip_rotation": (0.06, 0.04),
    "subtalar_angle": (0.06, 0.10),
}
_TILT_SPREAD = 0.06
_PITCH_SPREAD = (0.035, 0.015)  # of the feet against the floor
# One degree more of forward pelvic tilt goes with half a degree more of lumbar extension (people sitting, squatting).
_LUMBAR_ON_TILT = -0.5
_LUMBAR_SPREAD = {"lumbar_extension": 0.09, "lumbar_bending": 0.05, "lumbar_rotation": 0.07}


def perturb(coordinates: Tensor, generator: torch.Generator) -> Tensor:
    """Vary the range of motion and the posture of motions, as between people, (n, n_frames, n_coordinates).

    Hip flexion makes up for changes of knee, ankle and pelvis, so that the foot's pitch changes by 2 degrees only.
    """
    n = len(coordinates)
    mean = coordinates.mean(dim=1, keepdim=True)
    gain = 1 + 0.10 * torch.randn(n, 1, 1, generator=generator)
    changed = mean + gain * (coordinates - mean)
    # Pelvis translations follow from the legs and keep their size.
    changed[..., 3:6] = coordinates[..., 3:6]

    def normal(spread: float) -> Tensor:
        return spread * torch.randn(n, 1, generator=generator)

    def shift(name: str, by: Tensor) -> Tensor:
        """Add to a coordinate in place, up to 0.1 rad beyond its range; returns what was actually added."""
        index, coordinate = COORDINATE_INDEX[name], COORDINATES[COORDINATE_INDEX[name]]
        after = (changed[..., index] + by).clamp(coordinate.low - 0.1, coordinate.high + 0.1)
        added = after - changed[..., index]
        changed[..., index] = after
        return added

    tilt = normal(_TILT_SPREAD)
    shift("pelvis_tilt", tilt)
    for name, spread in _LUMBAR_SPREAD.items():
        shift(name, normal(spread) + (_LUMBAR_ON_TILT * tilt if name == "lumbar_extension" else 0.0))
    pitch = normal(_PITCH_SPREAD[0])
    common = {name: normal(spread) for name, (spread, _) in _POSTURE_SPREAD.items()}
    for side in "rl":
        turned = {
            name: shift(f"{name}_{side}", common[name] + normal(own)) for name, (_, own) in _POSTURE_SPREAD.items()
        }
        kept = turned["knee_angle"] - turned["ankle_angle"] - tilt
        shift(f"hip_flexion_{side}", kept + pitch + normal(_PITCH_SPREAD[1]))
    return changed
