"""Simulates a pose detector's errors: offsets, drift, noise, swapped legs, bursts and filled gaps.

The figures are our choice and bracket what real files show: shoulders 0.17-0.23 of height apart, hips 0.10-0.14, ankle
to heel 0.03-0.05, heel to big toe 0.11-0.135, distances that wander by 3-15 mm within a trial, noise that is often
low-pass filtered. `benchmarks/fit_detector.py` fits their sizes to recordings of two people, which move none of them by
more than a fifth.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import torch
from torch import Tensor

from trcaugment.body.shaking import drift, noise, uniform
from trcaugment.body.soft_tissue import draw_keypoint_shifts
from trcaugment.marker_sets import KEYPOINTS, SIDES, TRUNK, MarkerSet

# Standard deviation of a person's constant offset along (forward, up, right), in m; mirrored on the left.
_OFFSET_SPREAD_M = {
    "Neck": (0.010, 0.012, 0.002),
    "Shoulder": (0.012, 0.014, 0.018),
    "Hip": (0.012, 0.012, 0.010),
    "Knee": (0.010, 0.012, 0.009),
    "Ankle": (0.008, 0.009, 0.007),
    "Heel": (0.012, 0.008, 0.007),
    "SmallToe": (0.011, 0.007, 0.010),
    "BigToe": (0.012, 0.007, 0.009),
    "Elbow": (0.010, 0.014, 0.010),  # along the upper arm more than across it
    "Wrist": (0.010, 0.016, 0.010),
}
# Shoulders are often seen nearer to the neck than the joint; never much farther out.
_SHOULDER_INWARD_M = 0.018
# Shares of people whose small toes are seen beside the big ones, and in a random place.
_NEAR, _ASTRAY = 0.25, 0.15
# The limit of one meter refuses values in other units.
_Length = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]


class KeypointErrors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the detector's errors; lengths in m for a height of 1.70 m.

    Attributes:
        offset: size of a person's constant offsets and soft-tissue shifts (1 = as real detectors, 0 = keypoints as in
            the skeleton).
        drift_m: largest standard deviation of the slow drift.
        noise_m: largest standard deviation of the noise along each axis.
        accident_rate: share of windows with swapped legs; also that with a burst, and that with one point for both
            toes. Filled gaps are twice as frequent.
        misjudged_rate: share of windows with a flattened body; also that with one kind of joint misplaced for a while.
            Shortened feet are twice as frequent.
        missing_rate: share of training windows (those of data sets too) in which keypoints are missing and filled as
            prediction fills them (`training/missing.py`).
    """

    offset: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0
    drift_m: _Length = 0.008
    noise_m: _Length = 0.020
    accident_rate: _Rate = 0.03
    misjudged_rate: _Rate = 0.10
    missing_rate: _Rate = 0.20


def draw_offsets(
    errors: KeypointErrors, n: int, generator: torch.Generator, keypoints: MarkerSet = KEYPOINTS
) -> tuple[Tensor, Tensor]:
    """Draw constant offsets and soft-tissue shifts of n people's keypoints.

    Half the people are detected well (a third of the spread, hardly any shifts), the other half as in the field.

    Returns:
        Offsets in the frames of the bodies that carry the keypoints, (n, n_keypoints, 3), and shifts per right angle,
        (n, n_drivers, n_points, 3) as in `soft_tissue.py`, both in m.
    """
    well = torch.rand(n, generator=generator) < 0.5
    size = errors.offset * torch.where(well, 0.35, 1.0)
    shift_size = errors.offset * torch.where(well, 0.1, 1.0) * (0.3 + 1.2 * torch.rand(n, generator=generator))
    shared = {part: torch.randn(n, 3, generator=generator) for part in _parts(keypoints)}
    offsets = torch.zeros(n, len(keypoints), 3)
    for k, keypoint in enumerate(keypoints.landmarks):
        part = keypoint.part
        own = torch.randn(n, 3, generator=generator)
        mirror = torch.tensor([1.0, 1.0, -1.0 if keypoint.side == "left" else 1.0])
        offset = (0.9 * shared[part] + 0.45 * own) * torch.tensor(_OFFSET_SPREAD_M[part])
        if part == "Shoulder":
            offset[:, 2] -= _SHOULDER_INWARD_M
        offsets[:, k] = offset * mirror * size[:, None]
    return offsets, draw_keypoint_shifts(n, generator) * shift_size[:, None, None, None]


def _parts(keypoints: MarkerSet) -> list[str]:
    return list(dict.fromkeys(mark.part for mark in keypoints.landmarks))


def misplace_small_toes(errors: KeypointErrors, places: Tensor, generator: torch.Generator) -> Tensor:
    """Misplace the small toes of some people, on both sides alike, so that they tell nothing about the foot.

    In 25 % of people they are 3-19 mm from the big toes, in any direction, as in some HRNet sessions; in 15 % they are
    some centimeters from their true place.

    Args:
        errors: sizes of the errors; without offsets the toes stay.
        places: keypoints of n people in the bodies that carry them, in m for a height of 1.70 m, (n, n_keypoints, 3).
        generator: source of all randomness.
    """
    n = len(places)
    kind = torch.rand(n, 1, generator=generator) / max(min(errors.offset, 1.0), 1e-9)
    any_way = torch.randn(n, 3, generator=generator)
    beside = (0.003 + 0.016 * torch.rand(n, 1, generator=generator)) * any_way / any_way.norm(dim=1, keepdim=True)
    moved = places.clone()
    for side, mirror in (("R", 1.0), ("L", -1.0)):
        small, big = (KEYPOINTS.index(f"{side}{toe}Toe") for toe in ("Small", "Big"))
        flip = torch.tensor([1.0, 1.0, mirror])
        astray = places[:, small] + 0.015 * any_way * flip
        near = places[:, big] + beside * flip
        moved[:, small] = torch.where(kind < _NEAR, near, torch.where(kind < _NEAR + _ASTRAY, astray, moved[:, small]))
    return moved


def disturb(
    errors: KeypointErrors, keypoints: Tensor, generator: torch.Generator, named: MarkerSet = KEYPOINTS
) -> Tensor:
    """Add misjudged depth, drift, noise and accidents to windows of keypoints in m.

    Args:
        errors: sizes of the errors.
        keypoints: true places in the lab in m, (n_windows, n_frames, n_keypoints, 3).
        generator: source of all randomness.
        named: the keypoints' names, one of `INPUT_SETS`; errors of feet are for sets with feet.
    """
    has_feet = "BigToe" in _parts(named)
    seen = _stray(errors.misjudged_rate, keypoints, generator, named)
    if has_feet:
        seen = _shorten_feet(2 * errors.misjudged_rate, seen, generator)
    seen = _flatten(errors.misjudged_rate, seen, generator)
    if has_feet:
        seen = _merge_toes(errors.accident_rate, seen, generator)
    seen = seen + drift(errors.drift_m, seen, generator) + noise(errors.noise_m, seen, generator)
    seen = _swap_limbs(errors.accident_rate, seen, generator, named)
    seen = _burst(errors.accident_rate, seen, generator)
    seen = _bridge_gap(errors.accident_rate, seen, generator)
    return _neck_from_shoulders(seen, generator)


def _merge_toes(rate: float, seen: Tensor, generator: torch.Generator) -> Tensor:
    """One point for both toes, in some windows: some pipelines write one point under two names."""
    merged = seen.clone()
    merged[:, :, KEYPOINTS.both("SmallToe")] = seen[:, :, KEYPOINTS.both("BigToe")]
    return torch.where(uniform(len(seen), generator) < rate, merged, seen)


def _neck_from_shoulders(seen: Tensor, generator: torch.Generator) -> Tensor:
    """Neck as the midpoint of the shoulders in three of four windows, as most pipelines report it."""
    neck, (right, left) = KEYPOINTS.index("Neck"), KEYPOINTS.both("Shoulder")
    midpoint = seen.clone()
    midpoint[:, :, neck] = (seen[:, :, right] + seen[:, :, left]) / 2
    return torch.where(uniform(len(seen), generator) < 0.75, midpoint, seen)


def _bump(rate: float, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Gaussian bumps from 0 to 1 in some windows, from 0.2 s to longer than the window, (n, n_frames)."""
    n, n_frames = shape
    middle = -10 + (n_frames + 20) * torch.rand(n, 1, generator=generator)
    width = 4 + 26 * torch.rand(n, 1, generator=generator)
    chosen = torch.rand(n, 1, generator=generator) < rate
    bump: Tensor = chosen * torch.exp(-0.5 * ((torch.arange(n_frames) - middle) / width) ** 2)
    return bump


def _stray(rate: float, seen: Tensor, generator: torch.Generator, named: MarkerSet) -> Tensor:
    """One kind of joint, similarly on both sides, misplaced by 3-8 cm for a while, like the hips in a deep squat."""
    n, n_frames, n_keypoints, _ = seen.shape
    strayed = seen
    for part in _parts(named):
        bump = _bump(rate / len(_parts(named)), (n, n_frames), generator)
        away = 0.035 * torch.randn(n, 1, 3, generator=generator) * bump[..., None]
        for k, keypoint in enumerate(named.landmarks):
            if keypoint.part == part:
                own = 0.3 + 0.9 * torch.rand(n, 1, 1, generator=generator)
                strayed = strayed + own[..., None] * away[:, :, None] * (torch.arange(n_keypoints) == k)[:, None]
    return strayed


def _shorten_feet(rate: float, seen: Tensor, generator: torch.Generator) -> Tensor:
    """Feet seen too short, pointing at the camera or hidden: toes near the ankle, toes and heel displaced."""
    n, n_frames, _, _ = seen.shape
    shortened = seen.clone()
    both = torch.rand(n, 1, generator=generator) < 0.6
    first = _bump(rate, (n, n_frames), generator)
    for side in SIDES:
        share = torch.where(both, first, _bump(rate, (n, n_frames), generator))
        share = share * (0.1 + 0.6 * torch.rand(n, 1, generator=generator))
        ankle = seen[:, :, KEYPOINTS.index(KEYPOINTS.named("Ankle", side))]
        for part in ("Heel", "SmallToe", "BigToe"):
            k = KEYPOINTS.index(KEYPOINTS.named(part, side))
            nearer = 0.0 if part == "Heel" else 1.0
            astray = 0.08 * torch.randn(n, 1, 3, generator=generator)
            shortened[:, :, k] += share[..., None] * (nearer * (ankle - seen[:, :, k]) + astray)
    return shortened


def _flatten(rate: float, seen: Tensor, generator: torch.Generator) -> Tensor:
    """The body squeezed by up to 30 %, or stretched by up to 10 %, along the depth that neighboring cameras misjudge.

    In half the cases this is the line through the hips, because lying on one side hides half of the body.
    """
    n, n_frames, _, _ = seen.shape
    direction = torch.randn(n, 1, 1, 3, generator=generator)
    right, left = KEYPOINTS.both("Hip")
    sideways = (seen[:, :, right] - seen[:, :, left]).mean(dim=1)[:, None, None]
    direction = torch.where(uniform(n, generator) < 0.5, direction, sideways)
    direction = direction / direction.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    share = _bump(rate, (n, n_frames), generator)[:, :, None, None] * (0.4 * uniform(n, generator) - 0.1)
    depth = ((seen - seen.mean(dim=2, keepdim=True)) * direction).sum(dim=-1, keepdim=True)
    flat: Tensor = seen - share * depth * direction
    return flat


def _span(rate: float, shape: tuple[int, int], longest: int, generator: torch.Generator) -> Tensor:
    """One run of frames in some of the windows, (n_windows, n_frames), True inside."""
    n, n_frames = shape
    start = torch.randint(0, n_frames, (n, 1), generator=generator)
    length = torch.randint(1, longest + 1, (n, 1), generator=generator)
    frame = torch.arange(n_frames)
    chosen = torch.rand(n, 1, generator=generator) < rate
    inside: Tensor = (frame >= start) & (frame < start + length) & chosen
    return inside


def _swap_limbs(rate: float, seen: Tensor, generator: torch.Generator, named: MarkerSet) -> Tensor:
    """Left and right legs (arms) exchanged from the knee (elbow) down, for up to 5 frames, in some windows."""
    order = [*range(len(TRUNK)), *named.mirror_order[len(TRUNK) :]]
    inside = _span(rate, (seen.shape[0], seen.shape[1]), 5, generator)
    return torch.where(inside[:, :, None, None], seen[:, :, order], seen)


def _one_keypoint(n: int, n_keypoints: int, generator: torch.Generator) -> Tensor:
    """One keypoint in every window, (n, 1, n_keypoints, 1), True at it."""
    which = torch.randint(0, n_keypoints, (n, 1), generator=generator)
    return (torch.arange(n_keypoints) == which)[:, None, :, None]


def _burst(rate: float, seen: Tensor, generator: torch.Generator) -> Tensor:
    """One keypoint displaced by 5-20 cm for up to 4 frames, in some windows."""
    n, n_frames, n_keypoints, _ = seen.shape
    inside = _span(rate, (n, n_frames), 4, generator)[:, :, None, None] & _one_keypoint(n, n_keypoints, generator)
    jump = torch.randn(n, 1, 1, 3, generator=generator)
    jump = jump / jump.norm(dim=-1, keepdim=True) * (0.05 + 0.15 * uniform(n, generator))
    jumped: Tensor = seen + inside * jump
    return jumped


def _bridge_gap(rate: float, seen: Tensor, generator: torch.Generator) -> Tensor:
    """One keypoint lost for up to 11 frames and filled by a straight line, as the gap filler roughly does."""
    n, n_frames, n_keypoints, _ = seen.shape
    length = torch.randint(2, 13, (n, 1), generator=generator)
    start = (torch.rand(n, 1, generator=generator) * (n_frames - 1 - length)).long()
    frame = torch.arange(n_frames)
    inside = (frame > start) & (frame < start + length) & (torch.rand(n, 1, generator=generator) < 2 * rate)
    rows = torch.arange(n)
    before, after = seen[rows, start[:, 0]][:, None], seen[rows, (start + length)[:, 0]][:, None]
    share = ((frame - start) / length)[:, :, None, None].to(seen)
    chosen = inside[:, :, None, None] & _one_keypoint(n, n_keypoints, generator)
    return torch.where(chosen, before + share * (after - before), seen)
