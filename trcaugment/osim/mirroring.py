"""Markers of the pelvis that only one side has, mirrored for the distances that scale a model.

The distance from one ASIS to the middle of the PSIS is as much breadth as depth, and people's ASIS are not as far apart
as the rest of the pelvis is wide. Mirrored at the middle of the pelvis, both sides are there again. The model's markers
are mirrored in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from trcaugment.marker_sets import ANATOMICAL_MARKERS, SIDES
from trcaugment.markers import Markers

_RIGHT, _LEFT = SIDES
_PAIRS = [
    (ANATOMICAL_MARKERS.named(part, _RIGHT), ANATOMICAL_MARKERS.named(part, _LEFT)) for part in ("ASIS", "PSIS", "HJC")
]


class Mirror(NamedTuple):
    """What is mirrored, and by what.

    Attributes:
        other: marker that is missing -> the same of the other side.
        whole: pairs that tell where the mirror is, right and left.
    """

    other: dict[str, str]
    whole: tuple[tuple[str, str], ...]


def find_mirror(there: Collection[str]) -> Mirror:
    """What can be mirrored; nothing where no pair is whole.

    Args:
        there: names of the markers that both the trials and the model have.
    """
    whole = tuple(pair for pair in _PAIRS if set(pair) <= set(there))
    halves = [(first, second) for pair in _PAIRS for first, second in (pair, pair[::-1])]
    other = {first: second for first, second in halves if second in there and first not in there}
    return Mirror(other if whole else {}, whole)


def mirrored(markers: Markers, mirror: Mirror) -> Markers:
    """The same with markers mirrored from the other side; what stood under their names is replaced.

    The mirror is at right angles to the mean of the whole pairs, right minus left, and goes through their middle.

    Args:
        markers: of a person or a model.
        mirror: as `find_mirror` gives it.
    """
    if not mirror.other:
        return markers
    right, left = (markers.select(names) for names in zip(*mirror.whole, strict=True))
    across = (right - left).mean(axis=1, keepdims=True)
    across /= np.linalg.norm(across, axis=2, keepdims=True)
    middle = (right + left).mean(axis=1, keepdims=True) / 2
    others = markers.select(list(mirror.other.values()))
    beyond = np.sum((others - middle) * across, axis=2, keepdims=True)
    kept = [name for name in markers.names if name not in mirror.other]
    positions = np.concatenate([markers.select(kept), others - 2 * beyond * across], axis=1)
    return Markers((*kept, *mirror.other), positions, markers.time_s)
