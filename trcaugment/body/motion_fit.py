"""Fits the statistical motion model: cuts recordings into repetitions, aligns these in time, and finds components.

A recording is cut where its driver (such as the knee angle) crosses levels of its range; these landmarks get the same
phase in every repetition. Curves, and log durations of the parts between landmarks, form one vector. The model is its
mean, its principal components between people, and those between the repetitions of a person. Vectors are linear in the
angles, so a linear relation that holds in every recording (soles flat on the floor: hip_flexion + pelvis_tilt -
knee_angle + ankle_angle about 0) also holds in generated motions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from trcaugment.body.motion_model import DURATION_SCALE, N_PHASES, ActivityModel
from trcaugment.body.motions import mirror_array
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.errors import MotionError
from trcaugment.markers import RATE_HZ, FloatArray

_PELVIS = slice(0, 3)
_STILL_DEG = 0.3  # a coordinate with a smaller SD in a recording was not measured
_SHORTEST_S, _LONGEST_S = 0.03, 6.0  # of a part between two landmarks
_KEPT_VARIANCE = 0.98
_MOST_COMPONENTS = 24


@dataclass(frozen=True)
class Activity:
    """How recordings of one activity are cut.

    Attributes:
        driver: coordinates whose sum rises and falls once per repetition; those with a leading "-" are subtracted.
        levels: shares of the driver's range that define landmarks, on the way up and down.
        coordinates: coordinates in the model.
        leading: coordinate (without side) with the larger range on the leading side, which is mirrored to the right;
            empty for symmetric activities.
    """

    driver: tuple[str, ...]
    levels: tuple[float, ...]
    coordinates: tuple[str, ...]
    leading: str = ""

    @property
    def cyclic(self) -> bool:
        """Whether repetitions follow each other without a rest."""
        return len(self.levels) == 1


def without_heading(motion: FloatArray) -> FloatArray:
    """The motion in rad, turned about the vertical so that the pelvis faces forward on average."""
    turned = motion.copy()
    pelvis = Rotation.from_euler("ZXY", motion[:, _PELVIS])
    forward = pelvis.apply([1.0, 0.0, 0.0]).mean(axis=0)
    heading = np.arctan2(-forward[2], forward[0])
    turned[:, _PELVIS] = (Rotation.from_euler("Y", -heading) * pelvis).as_euler("ZXY")
    return turned


def leading_right(motion: FloatArray, name: str) -> FloatArray:
    """The motion, or its mirror image where the left side has the larger range of the coordinate."""
    right, left = (np.ptp(motion[:, COORDINATE_INDEX[f"{name}_{side}"]]) for side in "rl")
    return motion if right >= left else mirror_array(motion)


def find_landmarks(driver: FloatArray, levels: tuple[float, ...]) -> FloatArray:
    """Frames at which the driver crosses the levels of its range, up and down, in every repetition.

    Args:
        driver: a signal that rises and falls once per repetition, (n_frames,).
        levels: shares of the range of a repetition, increasing.

    Returns:
        Fractional frames, (n_repetitions, 2 * len(levels)).
    """
    smooth = gaussian_filter1d(driver, 2.0)
    low, high = np.percentile(smooth, [5, 95])
    above = smooth > (low + high) / 2
    ups = (np.flatnonzero(~above[:-1] & above[1:]) + 1).tolist()
    rows, before = [], 0
    for k, up in enumerate(ups):
        end = ups[k + 1] if k + 1 < len(ups) else len(smooth)
        below = np.flatnonzero(~above[up:end])
        if not len(below):
            break
        down = up + int(below[0])
        rows.append(_crossings(smooth, (before, up, down, end), levels))
        before = down
    return np.array(rows).reshape(-1, 2 * len(levels))


def _crossings(driver: FloatArray, ends: tuple[int, int, int, int], levels: tuple[float, ...]) -> list[float]:
    """Crossings of one repetition; `ends`: previous fall through the middle, rise, fall, and next rise or end."""
    before, up, down, end = ends
    peak = up + int(driver[up:down].argmax())
    first, last = before + int(driver[before:up].argmin()), down + int(driver[down:end].argmin())
    found = []
    for start, levels_there in ((first, levels), (last, levels[::-1])):
        step = 1 if start == first else -1
        way = driver[start : peak + step : step] if step == 1 else driver[peak : start + 1][::-1]
        for level in levels_there:
            threshold = way[0] + level * (way[-1] - way[0])
            # Low levels: the last crossing before the peak; high levels: the first.
            under = np.flatnonzero(way < threshold)
            k = int(under[-1]) if level < 0.5 else int(np.flatnonzero(way >= threshold)[0]) - 1
            k = min(max(k, 0), len(way) - 2) if len(way) > 1 else 0
            rise = way[k + 1] - way[k] if len(way) > 1 else 1.0
            share = float(np.clip((threshold - way[k]) / rise, 0, 1)) if rise > 0 else 0.0
            found.append(start + step * (k + share))
    return found


def repetitions(motion: FloatArray, activity: Activity) -> tuple[list[FloatArray], FloatArray]:
    """Landmarks and durations of one recording.

    Returns:
        Frames of the landmarks of every repetition, each (n_landmarks,), and the durations in s of the parts that
        begin at them, the last one the rest until the next repetition, (n_repetitions, n_landmarks).
    """
    driver = np.zeros(len(motion))
    for name in activity.driver:
        driver += -motion[:, COORDINATE_INDEX[name[1:]]] if name[0] == "-" else motion[:, COORDINATE_INDEX[name]]
    landmarks = find_landmarks(driver, activity.levels)
    following = np.r_[landmarks[1:, 0], np.nan] if len(landmarks) else np.zeros(0)
    durations = np.diff(np.c_[landmarks, following], axis=1) / RATE_HZ
    if len(landmarks):  # the last rest has no end: take the median of the others, or of the parts
        durations[-1, -1] = np.median(durations[:-1, -1] if len(landmarks) > 1 else durations[-1, :-1])
    sound = ((durations > _SHORTEST_S) & (durations < _LONGEST_S)).all(axis=1)
    if activity.cyclic:  # `register` wraps a cycle around, so it must fit in the recording
        sound &= RATE_HZ * durations.sum(axis=1) < len(motion)
    return list(landmarks[sound]), durations[sound]


def landmark_phases(durations: FloatArray) -> FloatArray:
    """Phases of the landmarks by mean durations, (n_landmarks,); a repetition begins and ends in mid-rest."""
    shares = durations.mean(axis=0) / durations.mean(axis=0).sum()
    return np.asarray(shares[-1] / 2 + np.r_[0.0, np.cumsum(shares[:-1])])


def register(
    motion: FloatArray, landmarks: FloatArray, durations: FloatArray, phases: FloatArray, *, cyclic: bool
) -> FloatArray:
    """One repetition at equal steps of phase, (N_PHASES, n_coordinates of `motion`)."""
    rest = durations[-1] * RATE_HZ
    frames = np.interp(
        np.arange(N_PHASES) / N_PHASES,
        np.r_[0.0, phases, 1.0],
        np.r_[landmarks[0] - rest / 2, landmarks, landmarks[-1] + rest / 2],
    )
    if cyclic:
        period = durations.sum() * RATE_HZ
        frames = frames + period * (frames < 0) - period * (frames > len(motion) - 1)
    frames = np.clip(frames, 0, len(motion) - 1)
    return np.column_stack([np.interp(frames, np.arange(len(motion)), column) for column in motion.T])


def fit_activity(people: list[list[FloatArray]], activity: Activity) -> ActivityModel:
    """Fit the mean and components of an activity.

    Args:
        people: recordings of every person, each (n_frames, n_coordinates) in rad or m.
        activity: how recordings are cut.

    Raises:
        MotionError: fewer than two people have a whole repetition.
    """
    prepared = [_prepared(own, activity) for own in people]
    if not activity.leading:  # add everybody's mirror image, so that the model is symmetric
        prepared += [[mirror_array(motion) for motion in own] for own in prepared]
    cut = [[(motion, *repetitions(motion, activity)) for motion in own] for own in prepared]
    cut = [own for own in cut if any(len(durations) for _, _, durations in own)]
    if len(cut) < 2:
        raise MotionError(f"expected two people with a whole repetition, found {len(cut)}")
    phases = landmark_phases(np.concatenate([durations for own in cut for _, _, durations in own]))
    index = [COORDINATE_INDEX[name] for name in activity.coordinates]
    vectors = []
    for own in cut:
        rows = []
        for motion, landmarks, durations in own:
            both = list(zip(landmarks, durations, strict=True))
            curves = [register(motion[:, index], *one, phases, cyclic=activity.cyclic) for one in both]
            rows += [
                np.r_[np.rad2deg(curve).ravel(), DURATION_SCALE * np.log(duration)]
                for curve, duration in zip(curves, durations, strict=True)
            ]
        vectors.append(_with_gaps(np.array(rows), own[0][0][:, index]))
    return _components(_filled(vectors), phases, activity.coordinates, n_twins=1 if activity.leading else 2)


def _prepared(recordings: list[FloatArray], activity: Activity) -> list[FloatArray]:
    prepared = []
    for recording in recordings:
        motion = without_heading(recording)
        if activity.leading:
            motion = leading_right(motion, activity.leading)
        for side in "rl":  # the mean depends on marker placement
            motion[:, COORDINATE_INDEX[f"subtalar_angle_{side}"]] -= motion[
                :, COORDINATE_INDEX[f"subtalar_angle_{side}"]
            ].mean()
        prepared.append(motion)
    return prepared


def _with_gaps(rows: FloatArray, motion: FloatArray) -> FloatArray:
    """Vectors with NaN where a coordinate was not measured, (n_repetitions, n_values)."""
    still = np.rad2deg(motion.std(axis=0)) < _STILL_DEG
    n_angles = N_PHASES * motion.shape[1]
    rows[:, :n_angles].reshape(len(rows), N_PHASES, -1)[:, :, still] = np.nan
    return rows


def _filled(vectors: list[FloatArray]) -> list[FloatArray]:
    """Fill values that a person's recording lacks with the mean of the others; 0 if no recording has them."""
    means = np.array([rows.mean(axis=0) for rows in vectors])
    known = np.isfinite(means)
    mean = np.where(known, means, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return [np.where(np.isfinite(rows), rows, mean) for rows in vectors]


def _components(
    vectors: list[FloatArray], phases: FloatArray, coordinates: tuple[str, ...], *, n_twins: int
) -> ActivityModel:
    """Mean over people, and components between and within people, each as long as its standard deviation."""
    means = np.array([rows.mean(axis=0) for rows in vectors])
    residuals = np.concatenate([rows - rows.mean(axis=0) for rows in vectors])
    return ActivityModel(
        coordinates,
        phases,
        means.mean(axis=0),
        principal(means - means.mean(axis=0), len(means) - n_twins),
        principal(residuals, max(len(residuals) - len(vectors), 1)),
    )


def principal(deviations: FloatArray, n_free: int) -> FloatArray:
    """Principal components of deviations (n, n_values), each as long as its standard deviation, largest first.

    Those that together hold 98 % of the weighted variance are kept, 24 at most; an angle counts once in all phases.
    """
    n_values = deviations.shape[1]
    _, size, direction = np.linalg.svd(deviations / np.sqrt(n_free), full_matrices=False)
    share = np.cumsum(size**2) / max(float((size**2).sum()), 1e-12)
    n_kept = min(int(np.searchsorted(share, _KEPT_VARIANCE)) + 1, _MOST_COMPONENTS, len(size))
    return np.asarray(size[:n_kept, None] * direction[:n_kept]).reshape(-1, n_values)


def modelled(*, arms: bool) -> tuple[str, ...]:
    """Names of the coordinates in a whole-body model, with or without the arms."""
    left_out = ("pelvis_t", "mtp", "pro_sup") if arms else ("pelvis_t", "mtp", "pro_sup", "arm_", "elbow")
    return tuple(c.name for c in COORDINATES if c.name == "pelvis_tilt" or not c.name.startswith(left_out))
