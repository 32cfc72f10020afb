"""Fills missing keypoints at their most likely place, given the other keypoints and the same keypoint at other times.

Keypoints of many generated people, in the body frame and divided by height, have a mean and a covariance
(`filling.npz`, made by `benchmarks/make_filling.py`). The keypoints that are seen are rotated and translated to where
they are most likely; the missing ones are at their conditional mean, mu_M + S_MO S_OO^-1 (x_O - mu_O) (Petersen &
Pedersen, The Matrix Cookbook, 2012, eq. 353). Where the trial shows the same keypoint at other times, its difference
from the conditional mean there is added, fading with the time from there (`carry`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trcaugment.chain.signals import BoolArray
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray

FEWEST_OF_TRUNK = 3  # with fewer, the orientation of the body is not known
_TRUNK = np.isin(KEYPOINTS.names, ("Neck", "RShoulder", "LShoulder", "RHip", "LHip"))
_NOT_TRUNK = 0.1  # weight of other keypoints in the first alignment if fewer than three of the trunk are seen
_MOST_STEPS, _SMALL_STEP = 12, 1e-4  # in heights and rad; what remains after the last step is below 0.03 mm
_NOISE = 0.003  # in heights; without it, Neck would have to be exactly between the shoulders
_MEMORY_S = 0.3  # time constant of `carry`; 0.15 to 0.5 s do as well: docs/explanation/missing-keypoints.md
_BLOCK_FRAMES = 4096  # aligned at once, so that an hour of video needs little memory
_MOST_COMPARED = 100  # frames for the median difference of a keypoint


def can_be_filled(missing: BoolArray) -> BoolArray:
    """Frames with enough of the trunk to know the body's orientation, (n_frames,), from missing, (n_frames, 15)."""
    return np.asarray((~missing & _TRUNK).sum(axis=1) >= FEWEST_OF_TRUNK)


@dataclass(frozen=True, eq=False)
class Likely:
    """Most likely places of missing keypoints.

    Attributes:
        positions: places of the missing keypoints in m in the lab, (n_frames, n_missing, 3).
        rotation: from lab axes to body axes, multiplied from the right, (n_frames, 3, 3).
    """

    positions: FloatArray
    rotation: FloatArray

    def difference(self, seen: FloatArray) -> FloatArray:
        """From these places to the observed ones, in m along the axes of the body, (n_frames, n_missing, 3)."""
        return np.asarray((seen - self.positions) @ self.rotation)

    def moved(self, difference: FloatArray) -> FloatArray:
        """The places moved by a difference; inverse of `difference`."""
        return np.asarray(self.positions + difference @ self.rotation.transpose(0, 2, 1))


def most_likely(positions: FloatArray, missing: BoolArray, height_m: FloatArray) -> Likely:
    """Conditional mean of some keypoints given the others, frame by frame.

    Args:
        positions: keypoints in m, (n_frames, 15, 3); values of the missing ones are ignored.
        missing: which keypoints are missing in all these frames, (15,); at least three are not.
        height_m: the person's height in every frame, (n_frames,).
    """
    mean, covariance = _statistics()
    seen, of_seen = ~missing, np.repeat(~missing, 3)
    trusted = covariance[np.ix_(of_seen, of_seen)] + _NOISE**2 * np.eye(of_seen.sum())
    trust = np.asarray(np.linalg.inv(trusted), dtype=np.float64)
    unit = height_m[:, None, None]
    scaled = positions[:, seen] / unit
    rotation, shift = np.empty((len(scaled), 3, 3)), np.empty((len(scaled), 1, 3))
    for first in range(0, len(scaled), _BLOCK_FRAMES):
        block = slice(first, first + _BLOCK_FRAMES)
        rotation[block], shift[block] = _align(scaled[block], mean[seen], _TRUNK[seen], trust)
    away = (scaled @ rotation + shift - mean[seen]).reshape(len(scaled), of_seen.sum())
    gain = covariance[np.ix_(~of_seen, of_seen)] @ trust
    expected = mean[missing] + (away @ gain.T).reshape(len(scaled), missing.sum(), 3)
    return Likely((expected - shift) @ rotation.transpose(0, 2, 1) * unit, rotation)


def carry(known: FloatArray, known_s: FloatArray, time_s: FloatArray, usual: FloatArray) -> FloatArray:
    """Interpolate a slowly changing value, which fades to its usual value away from the times at which it is known.

    This is the conditional mean of an Ornstein-Uhlenbeck process given its nearest known values before and after. It
    passes through these, so that filled gaps have no steps at their ends.

    Args:
        known: values, (n_known, 3).
        known_s: increasing times of these in s, (n_known,).
        time_s: times to interpolate at, (n_frames,).
        usual: the usual value, (3,) or at these times, (n_frames, 3).
    """
    if not len(known):
        return usual
    after = np.searchsorted(known_s, time_s)
    first, last = np.maximum(after - 1, 0), np.minimum(after, len(known) - 1)
    since = np.where(after > 0, time_s - known_s[first], np.inf)[:, None] / _MEMORY_S
    until = np.where(after < len(known), known_s[last] - time_s, np.inf)[:, None] / _MEMORY_S
    whole = since + until
    weight_first = (np.exp(-since) - np.exp(-whole - until)) / -np.expm1(-2 * whole)
    weight_last = (np.exp(-until) - np.exp(-whole - since)) / -np.expm1(-2 * whole)
    return usual + weight_first * (known[first] - usual) + weight_last * (known[last] - usual)


def fill_missing(positions: FloatArray, missing: BoolArray, time_s: FloatArray, height_m: float) -> FloatArray:
    """Fill the missing keypoints of a trial with their most likely places.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        missing: samples to fill, (n_frames, 15).
        time_s: increasing time stamps in s, (n_frames,).
        height_m: the person's height.

    Returns:
        the same with the missing samples replaced where the frame `can_be_filled`, (n_frames, 15, 3).
    """
    filled = positions.copy()
    for pattern in np.unique(missing[missing.any(axis=1) & can_be_filled(missing)], axis=0):
        wanted = np.flatnonzero((missing == pattern).all(axis=1))
        # Samples of the missing keypoints in frames that show all the others, for comparison.
        known = ~missing[:, pattern] & ~(missing & ~pattern).any(axis=1, keepdims=True)
        compared = _worth_comparing(known, wanted)
        there, here = (most_likely(positions[at], pattern, np.full(len(at), height_m)) for at in (compared, wanted))
        own = there.difference(positions[compared][:, pattern])
        carried = np.zeros_like(here.positions)
        for k in range(known.shape[1]):
            at = known[compared, k]
            usual = np.median(own[at, k], axis=0) if at.any() else np.zeros(3)
            carried[:, k] = carry(own[at, k], time_s[compared[at]], time_s[wanted], usual)
        filled[np.ix_(wanted, pattern)] = here.moved(carried)
    return filled


def _worth_comparing(known: BoolArray, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frames to compare with, (n_compared,): those nearest to the wanted ones, and some from the whole trial.

    Args:
        known: frames that show each keypoint, (n_frames, n_missing).
        wanted: frames to fill, (n_wanted,).
    """
    groups = [np.zeros(0, dtype=np.int64)]
    for frames in map(np.flatnonzero, known.T):
        if len(frames):
            after = np.searchsorted(frames, wanted)
            some = np.linspace(0, len(frames) - 1, min(len(frames), _MOST_COMPARED)).astype(np.int64)
            groups += [frames[np.maximum(after - 1, 0)], frames[np.minimum(after, len(frames) - 1)], frames[some]]
    return np.unique(np.concatenate(groups))


def _align(
    scaled: FloatArray, mean: FloatArray, of_trunk: BoolArray, trust: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Rotation and translation of the least Mahalanobis distance of the seen keypoints, by the Gauss-Newton method.

    If the whole trunk is seen, the result is close to the body frame of `trcaugment.model.normalization`.

    Args:
        scaled: seen keypoints in multiples of height, (n_frames, n_seen, 3).
        mean: their mean in the body frame, (n_seen, 3).
        of_trunk: which of them belong to the trunk, (n_seen,).
        trust: inverse of their covariance, (3 n_seen, 3 n_seen).

    Returns:
        rotation, to be multiplied from the right, (n_frames, 3, 3), and translation afterwards, (n_frames, 1, 3).
    """
    others = _NOT_TRUNK if of_trunk.sum() < FEWEST_OF_TRUNK else 0.0
    rotation, shift = _procrustes(scaled, mean, np.where(of_trunk, 1.0, others))
    for _ in range(_MOST_STEPS):
        placed = scaled @ rotation + shift
        middle = placed.mean(axis=1, keepdims=True)
        arm = placed - middle
        zero = np.zeros(arm.shape[:2])
        # Derivatives of every keypoint's x, y, z with respect to rotation about and translation along x, y, z.
        turn = np.stack(
            [zero, arm[..., 2], -arm[..., 1], -arm[..., 2], zero, arm[..., 0], arm[..., 1], -arm[..., 0], zero], axis=-1
        )
        change = np.concatenate([turn.reshape(*arm.shape, 3), np.broadcast_to(np.eye(3), (*arm.shape, 3))], axis=-1)
        change = change.reshape(len(arm), 3 * len(mean), 6)
        pull = change.transpose(0, 2, 1) @ trust
        away = (placed - mean).reshape(len(arm), 3 * len(mean), 1)
        step = -_solve(pull @ change, pull @ away)[..., 0]
        by = _turned_by(step[:, :3]).transpose(0, 2, 1)
        rotation = rotation @ by
        shift = (shift - middle) @ by + middle + step[:, None, 3:]
        if np.abs(step).max(initial=0.0) < _SMALL_STEP:
            break
    return rotation, shift


def _turned_by(vectors: FloatArray) -> FloatArray:
    """Matrices of rotations about axes by their lengths in rad, (n, 3) to (n, 3, 3) (Rodrigues' formula)."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = vectors.T
    zero = np.zeros(len(vectors))
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    # sin(a) / a and (1 - cos(a)) / a², which have no division by zero in this form: sinc(t) is sin(pi t) / (pi t)
    turned = np.eye(3) + np.sinc(angle / np.pi) * cross + np.sinc(angle / (2 * np.pi)) ** 2 / 2 * cross @ cross
    return np.asarray(turned, dtype=np.float64)


def _solve(matrices: FloatArray, values: FloatArray) -> FloatArray:
    """Solutions of linear equations, (n, 6, 1); the shortest where keypoints on one line leave a turn undecided."""
    try:
        return np.asarray(np.linalg.solve(matrices, values))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(matrices, hermitian=True) @ values)


def _procrustes(points: FloatArray, mean: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotation and translation of least weighted squared distance (Kabsch 1976), as `_align` returns them."""
    share = (weight / weight.sum())[:, None]
    middle, goal = (share * points).sum(axis=1, keepdims=True), (share * mean).sum(axis=0)
    left, _, right = np.linalg.svd((points - middle).transpose(0, 2, 1) @ (share * (mean - goal)))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    rotation = left @ right
    return rotation, goal - middle @ rotation


@cache
def _statistics() -> tuple[FloatArray, FloatArray]:
    """Mean, (15, 3), and covariance, (45, 45), of keypoints in the body frame in multiples of height."""
    with np.load(Path(__file__).with_name("filling.npz")) as stored:
        lower = np.tril_indices(3 * len(KEYPOINTS))
        covariance = np.zeros((3 * len(KEYPOINTS),) * 2)
        covariance[lower] = covariance[lower[::-1]] = stored["covariance"]
        return stored["mean"].astype(np.float64), covariance
