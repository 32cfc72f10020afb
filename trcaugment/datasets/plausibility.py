"""Usable windows are kept, single unusable ones left out, and data that are wrong as a whole are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.datasets.dataset import Found, listed
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS, SIDES, MarkerSet
from trcaugment.subject import HEIGHT_RANGE_M, MASS_RANGE_KG

# From hips to neck, in heights, as the median over a window: 0.12 to 0.37 in generated windows, bad detectors included.
_TRUNK_SHARE = (0.08, 0.6)
# No point of a body lies farther from the hips, in heights, arms excepted.
_REACH = 1.0
# From neck to hips to knee to ankle, in heights, as the median over a subject: 0.70 to 0.81 in generated people.
_BODY_SHARE = (0.65, 0.92)
# A keypoint and the marker beside it, in heights, as the median over a subject: at most 0.06 in generated people, and
# 0.12 from one hip to the other.
_PAIR_SHARE = 0.09
_FEWEST_WINDOWS = 10  # of a subject to judge it by; fewer may all be of a bad moment
_BESIDE = {"Shoulder": "shoulder", "Knee": "knee", "Ankle": "ankle", "Heel": "calc", "BigToe": "toe", "Hip": "HJC"}
_PAIRS = [
    (KEYPOINTS.named(part, side), ANATOMICAL_MARKERS.named(marker, side))
    for side in SIDES
    for part, marker in _BESIDE.items()
]


def _pairs(markers: MarkerSet) -> list[tuple[str, str]]:
    """Keypoints and the markers beside them, of a set."""
    return [pair for pair in _PAIRS if pair[1] in markers]


# What is wrong with more windows than this is wrong with the data set.
_MOST_IMPLAUSIBLE = 0.1
_BLOCK_WINDOWS = 4096


def sift(path: Path, found: Found) -> tuple[WindowSet, tuple[str, ...]]:
    """Take out windows with missing samples, and the few that can be no body of the stated height.

    Args:
        path: the data set, for messages.
        found: its windows.

    Returns:
        What is left, and a sentence on each kind that was taken out.

    Raises:
        DatasetError: nothing is left, more than a tenth of the windows are no body (another unit, say), or a subject's
            keypoints and markers do not lie beside each other (columns in another order).
    """
    if not found.subjects:
        raise DatasetError(f"{path}: expected windows, found none")
    measured = _measure(found.windows)
    complete = measured.finite
    person = _within(found.windows.height_m, HEIGHT_RANGE_M) & _within(found.windows.mass_kg, MASS_RANGE_KG)
    body = _within(measured.trunk, _TRUNK_SHARE) & (measured.reach < _REACH)
    kinds = {
        "with missing samples": ~complete,
        "of no person": complete & ~person,
        "with no body in them": complete & person & ~body,
    }
    _refuse_systematic(path, found, measured, kinds)
    left_out = tuple(
        f"{_count(chosen)} {what}: {_listed(found.places, chosen)}" for what, chosen in kinds.items() if chosen.any()
    )
    kept = torch.nonzero(complete & person & body).flatten()
    if not len(kept):
        raise DatasetError(f"{path}: no window is usable: {'; '.join(left_out)}")
    index = kept.tolist()
    _check_sizes(path, found, measured, index)
    usable = found.windows if len(index) == len(found.subjects) else found.windows.select(kept)
    names = (tuple(values[k] for k in index) for values in (found.subjects, found.activities))
    return WindowSet(usable, *names), left_out


@dataclass(frozen=True)
class _Measures:
    """Sizes of every window in heights: finite (n,), trunk (n,), reach (n,), body (n,), pairs (n, n_pairs).

    And which pairs of a keypoint and a marker these are.
    """

    finite: Tensor
    trunk: Tensor
    reach: Tensor
    body: Tensor
    pairs: Tensor
    pair_names: list[tuple[str, str]]


def _measure(windows: Windows) -> _Measures:
    n = len(windows.height_m)
    blocks = [slice(first, first + _BLOCK_WINDOWS) for first in range(0, n, _BLOCK_WINDOWS)]
    parts = [_measure_block(windows, k) for k in blocks]
    finite = torch.isfinite(windows.height_m) & torch.isfinite(windows.mass_kg)
    complete, trunk, reach, body, pairs = (torch.cat([part[k] for part in parts]) for k in range(5))
    return _Measures(complete & finite, trunk, reach, body, pairs, _pairs(windows.marker_set))


def _measure_block(windows: Windows, block: slice) -> tuple[Tensor, ...]:
    keypoints, markers, height_m = windows.keypoints[block], windows.markers[block], windows.height_m[block]

    def seen(name: str) -> Tensor:
        return keypoints[:, :, KEYPOINTS.index(name)]

    def length(first: Tensor, second: Tensor) -> Tensor:
        """Median over the frames, in heights."""
        median: Tensor = (first - second).norm(dim=-1).median(dim=1).values / height_m
        return median

    hips = (seen("RHip") + seen("LHip")) / 2
    trunk = length(seen("Neck"), hips)
    legs = []
    for side in SIDES:
        hip, knee, ankle = (seen(KEYPOINTS.named(part, side)) for part in ("Hip", "Knee", "Ankle"))
        legs.append(length(hip, knee) + length(knee, ankle))
    points = torch.cat([keypoints, markers], dim=2)
    reach = (points - hips[:, :, None]).norm(dim=-1).amax(dim=(1, 2)) / height_m
    own = windows.marker_set
    pairs = [length(seen(first), markers[:, :, own.index(second)]) for first, second in _pairs(own)]
    finite = torch.isfinite(points).flatten(1).all(dim=1)
    return finite, trunk, reach, trunk + (legs[0] + legs[1]) / 2, torch.stack(pairs or [0 * trunk], dim=1)


def _refuse_systematic(path: Path, found: Found, measured: _Measures, kinds: dict[str, Tensor]) -> None:
    """Raises where too many windows are of no person, or no body of that height."""
    missing, nobody, shapeless = kinds.values()
    present = int((~missing).sum())
    heights_m, masses_kg = found.windows.height_m, found.windows.mass_kg
    if int(nobody.sum()) > _MOST_IMPLAUSIBLE * present:
        k = int(nobody.nonzero()[0])
        raise DatasetError(
            f"{path}: {_count(nobody)} of {present} have an impossible height or mass, such as {float(heights_m[k]):g} "
            f"m and {float(masses_kg[k]):g} kg in {found.places[k]}; are they in m and kg?"
        )
    if int(shapeless.sum()) > _MOST_IMPLAUSIBLE * present:
        k = int(shapeless.nonzero()[0])
        low, high = _TRUNK_SHARE
        raise DatasetError(
            f"{path}: {_count(shapeless)} of {present} are no body: expected {low:g} to {high:g} of height from hips "
            f"to neck and nothing farther than {_REACH:g} from the hips, found {float(measured.trunk[k]):.3g} and "
            f"{float(measured.reach[k]):.3g} in {found.places[k]}; another unit, or columns in another order?"
        )


def _check_sizes(path: Path, found: Found, measured: _Measures, kept: list[int]) -> None:
    """Raises where sizes are not those of the stated height, or markers not beside their keypoints: in all or one."""
    by_subject: dict[str, list[int]] = {}
    for k in kept:
        by_subject.setdefault(found.subjects[k], []).append(k)
    _check_group(path, "everybody" if len(by_subject) > 1 else found.subjects[kept[0]], measured, kept)
    for name, index in by_subject.items():
        if len(index) >= _FEWEST_WINDOWS:
            _check_group(path, f"{name} ({found.places[index[0]]}, say)", measured, index)


def _check_group(path: Path, whose: str, measured: _Measures, index: list[int]) -> None:
    low, high = _BODY_SHARE
    body = float(measured.body[index].median())
    if not low <= body <= high:
        raise DatasetError(
            f"{path}: {whose}: expected {low:g} to {high:g} of the stated height from neck to hips to ankle, found "
            f"{body:.3g}; another height or unit, or values that were not divided by height?"
        )
    apart = measured.pairs[index].median(dim=0).values
    worst = int(apart.argmax())
    if float(apart[worst]) > _PAIR_SHARE:
        keypoint, marker = measured.pair_names[worst]
        raise DatasetError(
            f"{path}: {whose}: mislabelled? Expected {marker} within {_PAIR_SHARE:g} of height from {keypoint}, found "
            f"it {float(apart[worst]):.2f} away; are the columns in another order, or left and right exchanged?"
        )


def _within(values: Tensor, limits: tuple[float, float]) -> Tensor:
    return (values >= limits[0]) & (values <= limits[1])


def _count(chosen: Tensor) -> str:
    n = int(chosen.sum())
    return f"{n} window{'s' if n != 1 else ''}"


def _listed(places: Sequence[str], chosen: Tensor) -> str:
    return listed([places[k] for k in chosen.nonzero().flatten().tolist()])
