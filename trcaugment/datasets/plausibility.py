"""Checks of a data set: single unusable windows are left out, and data that are wrong as a whole are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.datasets.dataset import RawWindows, listed
from trcaugment.datasets.window_set import WindowSet
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS, SIDES, MarkerSet
from trcaugment.subject import HEIGHT_RANGE_M, MASS_RANGE_KG

# Distance from hips to neck in multiples of height, median over a window; 0.12 to 0.37 in generated windows with all
# detector errors.
_TRUNK_SHARE = (0.08, 0.6)
# Largest distance of a point from the hips in multiples of height; only arms can reach farther.
_REACH = 1.0
# Length from neck to hips to knee to ankle in multiples of height, median over a subject; 0.70 to 0.81 in generated
# people.
_BODY_SHARE = (0.65, 0.92)
# Largest distance from a keypoint to the marker beside it in multiples of height, median over a subject; at most 0.06
# in generated people. The hips, which may be exchanged, are 0.12 apart.
_PAIR_SHARE = 0.09
_FEWEST_WINDOWS = 10  # needed to judge a subject; fewer may all come from one bad moment
_BESIDE = {"Shoulder": "shoulder", "Knee": "knee", "Ankle": "ankle", "Heel": "calc", "BigToe": "toe", "Hip": "HJC"}
_PAIRS = [
    (KEYPOINTS.named(part, side), ANATOMICAL_MARKERS.named(marker, side))
    for side in SIDES
    for part, marker in _BESIDE.items()
]


def _pairs(markers: MarkerSet) -> list[tuple[str, str]]:
    """Pairs of a keypoint and the marker beside it, for markers of this set."""
    return [pair for pair in _PAIRS if pair[1] in markers]


# If more than this share of windows is implausible, the whole data set is refused.
_MOST_IMPLAUSIBLE = 0.1
_BLOCK_WINDOWS = 4096


def sift(path: Path, raw: RawWindows) -> tuple[WindowSet, tuple[str, ...]]:
    """Leave out windows with missing samples, and windows that cannot show a body of the stated height.

    Args:
        path: the data set, for messages.
        raw: its windows, not yet checked.

    Returns:
        The usable windows, and one sentence for each kind of window that was left out.

    Raises:
        DatasetError: no window is usable, more than a tenth of them is implausible (perhaps another unit), or a
            subject's markers are far from the keypoints beside them (perhaps columns in another order).
    """
    if not raw.subjects:
        raise DatasetError(f"{path}: expected windows, found none")
    measured = _measure(raw.windows)
    complete = measured.finite
    person = _within(raw.windows.height_m, HEIGHT_RANGE_M) & _within(raw.windows.mass_kg, MASS_RANGE_KG)
    body = _within(measured.trunk, _TRUNK_SHARE) & (measured.reach < _REACH)
    kinds = {
        "with missing samples": ~complete,
        "of no person": complete & ~person,
        "with no body in them": complete & person & ~body,
    }
    _refuse_systematic(path, raw, measured, kinds)
    left_out = tuple(
        f"{_count(chosen)} {what}: {_listed(raw.places, chosen)}" for what, chosen in kinds.items() if chosen.any()
    )
    kept = torch.nonzero(complete & person & body).flatten()
    if not len(kept):
        raise DatasetError(f"{path}: no window is usable: {'; '.join(left_out)}")
    index = kept.tolist()
    _check_sizes(path, raw, measured, index)
    usable = raw.windows if len(index) == len(raw.subjects) else raw.windows.select(kept)
    names = (tuple(values[k] for k in index) for values in (raw.subjects, raw.activities))
    return WindowSet(usable, *names), left_out


@dataclass(frozen=True)
class _Measures:
    """Lengths in every window in multiples of height.

    Attributes:
        finite: whether no sample, height or mass is missing, (n_windows,).
        trunk: from hips to neck, (n_windows,).
        reach: from the hips to the farthest point, (n_windows,).
        body: from neck to hips to ankle, mean of both sides, (n_windows,).
        pairs: from keypoints to the markers beside them, (n_windows, n_pairs).
        pair_names: names of these keypoints and markers.
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
        """Median distance over the frames, in multiples of height."""
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


def _refuse_systematic(path: Path, raw: RawWindows, measured: _Measures, kinds: dict[str, Tensor]) -> None:
    """Raise if too many windows have an impossible height or mass, or show no body of that height."""
    missing, nobody, shapeless = kinds.values()
    present = int((~missing).sum())
    heights_m, masses_kg = raw.windows.height_m, raw.windows.mass_kg
    if int(nobody.sum()) > _MOST_IMPLAUSIBLE * present:
        k = int(nobody.nonzero()[0])
        raise DatasetError(
            f"{path}: {_count(nobody)} of {present} have an impossible height or mass, such as {float(heights_m[k]):g} "
            f"m and {float(masses_kg[k]):g} kg in {raw.places[k]}; are they in m and kg?"
        )
    if int(shapeless.sum()) > _MOST_IMPLAUSIBLE * present:
        k = int(shapeless.nonzero()[0])
        low, high = _TRUNK_SHARE
        raise DatasetError(
            f"{path}: {_count(shapeless)} of {present} are no body: expected {low:g} to {high:g} of height from hips "
            f"to neck and nothing farther than {_REACH:g} from the hips, found {float(measured.trunk[k]):.3g} and "
            f"{float(measured.reach[k]):.3g} in {raw.places[k]}; another unit, or columns in another order?"
        )


def _check_sizes(path: Path, raw: RawWindows, measured: _Measures, kept: list[int]) -> None:
    """Raise if lengths do not fit the height, or markers are not beside their keypoints, overall or in a subject."""
    by_subject: dict[str, list[int]] = {}
    for k in kept:
        by_subject.setdefault(raw.subjects[k], []).append(k)
    _check_group(path, "everybody" if len(by_subject) > 1 else raw.subjects[kept[0]], measured, kept)
    for name, index in by_subject.items():
        if len(index) >= _FEWEST_WINDOWS:
            _check_group(path, f"{name} ({raw.places[index[0]]}, say)", measured, index)


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
