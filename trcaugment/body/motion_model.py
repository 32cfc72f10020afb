"""The statistical motion model: each activity's mean curve, and principal components of people and repetitions.

`motion_model.npz` holds numbers only, fitted by `benchmarks/fit_motion_model.py` to recordings that its `sources` lists
with their licenses. A motion is the mean, plus a person's components, plus those of each repetition.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.markers import RATE_HZ, FloatArray

Rng = np.random.Generator
N_PHASES = 40
# Degrees that weigh as much as a factor of e in duration, so that timing and shape share components.
DURATION_SCALE = 60.0
_FILE = Path(__file__).with_name("motion_model.npz")
_MOST_SD = 2.2  # scores are clipped there, because ten people do not show the tails
_BLENDED = 0.12  # share of a repetition, at each end, that is blended with its neighbor


@dataclass(frozen=True)
class ActivityModel:
    """Model of one activity.

    A vector holds angles in degrees at `N_PHASES` equal steps of phase, then `DURATION_SCALE` times the logarithms of
    the durations in s of the parts that begin at the landmarks; n_values = N_PHASES * n_modelled + n_landmarks.

    Attributes:
        coordinates: names of the modelled coordinates, (n_modelled,).
        phases: phases of the landmarks, between 0 and 1, (n_landmarks,).
        mean: the mean person's mean repetition, (n_values,).
        between: components of people, each as long as its standard deviation, (n_components, n_values).
        within: components of the repetitions of one person, likewise.
    """

    coordinates: tuple[str, ...]
    phases: FloatArray
    mean: FloatArray
    between: FloatArray
    within: FloatArray

    def draw(self, rng: Rng, duration_s: float) -> FloatArray:
        """Draw a new person's repetitions in rad, pelvis at the origin, (n_frames, n_coordinates).

        They last `duration_s`, or longer by up to one repetition.
        """
        person = self.mean + _scores(len(self.between), rng) @ self.between
        curves: list[FloatArray] = []
        parts: list[FloatArray] = []
        while sum(part.sum() for part in parts) < duration_s or len(parts) < 2:
            vector = person + _scores(len(self.within), rng) @ self.within
            curves.append(vector[: -len(self.phases)].reshape(N_PHASES, -1))
            parts.append(np.exp(vector[-len(self.phases) :] / DURATION_SCALE))
        angles = self._played(np.array(curves), np.array(parts))
        motion = np.zeros((len(angles), len(COORDINATES)))
        motion[:, [COORDINATE_INDEX[name] for name in self.coordinates]] = np.deg2rad(angles)
        return motion

    def _played(self, curves: FloatArray, parts: FloatArray) -> FloatArray:
        """Join curves (n_repetitions, N_PHASES, n_modelled) at 60 Hz, timed by the durations of their parts."""
        n = len(curves)
        at_phase = (np.arange(n)[:, None] + self.phases).ravel()
        at_time = np.r_[0.0, np.cumsum(parts.ravel())[:-1]]
        time_s = np.arange(0.0, at_time[-1], 1 / RATE_HZ)
        phase = PchipInterpolator(at_time, at_phase)(time_s)
        rows = _blended(curves).reshape(n * N_PHASES, -1)
        return np.asarray(CubicSpline(np.arange(len(rows)) / N_PHASES, rows)(np.clip(phase, 0, n - 1 / N_PHASES)))


def _scores(n: int, rng: Rng) -> FloatArray:
    return np.clip(rng.standard_normal(n), -_MOST_SD, _MOST_SD)


def _blended(curves: FloatArray) -> FloatArray:
    """Blend each repetition into its neighbors during the rest between them."""
    phase = np.arange(N_PHASES) / N_PHASES
    to_last = 0.5 * np.clip(1 - phase / _BLENDED, 0, None)[:, None]
    to_next = 0.5 * np.clip(1 - (1 - phase) / _BLENDED, 0, None)[:, None]
    last, following = curves[[0, *range(len(curves) - 1)]], curves[[*range(1, len(curves)), -1]]
    return np.asarray(curves + to_last * (last - curves) + to_next * (following - curves))


@cache
def motion_models() -> dict[str, ActivityModel]:
    """The shipped models by activity."""
    return read_models(_FILE)


def read_models(path: Path) -> dict[str, ActivityModel]:
    """Models from a file of `write_models`."""
    with np.load(path) as file:
        names = [key.removesuffix("/mean") for key in file.files if key.endswith("/mean")]
        return {
            name: ActivityModel(
                tuple(file[f"{name}/coordinates"].tolist()),
                *(file[f"{name}/{part}"].astype(float) for part in ("phases", "mean", "between", "within")),
            )
            for name in names
        }


def model_sources() -> tuple[str, ...]:
    """Recordings that the shipped models were fitted to, with their licenses."""
    with np.load(_FILE) as file:
        return tuple(file["sources"].tolist())


def write_models(path: Path, models: dict[str, ActivityModel], sources: list[str]) -> None:
    """Write models in half precision, with one sentence for each source."""
    arrays: dict[str, np.ndarray] = {"sources": np.array(sources)}
    for name, model in models.items():
        arrays[f"{name}/coordinates"] = np.array(model.coordinates)
        for part in ("phases", "mean", "between", "within"):
            arrays[f"{name}/{part}"] = getattr(model, part).astype(np.float16)
    np.savez_compressed(path, allow_pickle=False, **arrays)
