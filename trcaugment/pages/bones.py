"""Which markers of a file are joined by lines, and on which side of the body they are, so that one sees a body."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from trcaugment.errors import MarkerSetError
from trcaugment.formats.affixes import find_affix
from trcaugment.marker_sets import (
    ANATOMICAL_MARKERS,
    ARM_MARKERS,
    KEYPOINTS,
    LANDMARKS,
    OTHER_KEYPOINTS,
    Landmark,
    Side,
    name_key,
)

_KEYPOINT_OF = {
    name_key(alias): mark for each in (KEYPOINTS, OTHER_KEYPOINTS) for mark in each.landmarks for alias in mark.aliases
}
_MARKER_OF = {
    alias: mark for each in (ANATOMICAL_MARKERS, ARM_MARKERS) for mark in each.landmarks for alias in mark.aliases
}
_ONLY_MARKERS = {alias for alias in _MARKER_OF if name_key(alias) not in _KEYPOINT_OF}

# Pairs of parts, joined on each side of the body; a part in the middle is joined with both sides.
_KEYPOINT_BONES = (
    *(("Neck", "Shoulder"), ("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Shoulder", "Hip"), ("Hip", "Knee")),
    *(("Knee", "Ankle"), ("Ankle", "Heel"), ("Heel", "BigToe"), ("BigToe", "SmallToe"), ("Ankle", "BigToe")),
)
_MARKER_BONES = (
    *(("C7", "shoulder"), ("shoulder", "lelbow"), ("shoulder", "melbow"), ("lelbow", "melbow"), ("lelbow", "lwrist")),
    *(("melbow", "mwrist"), ("lwrist", "mwrist"), ("shoulder", "ASIS"), ("C7", "PSIS"), ("ASIS", "PSIS")),
    *(("HJC", "knee"), ("HJC", "mknee"), ("knee", "mknee"), ("knee", "ankle"), ("mknee", "mankle")),
    *(("ankle", "mankle"), ("ankle", "calc"), ("mankle", "calc"), ("calc", "toe"), ("calc", "5meta"), ("toe", "5meta")),
)
_ACROSS = ("Hip", "ASIS", "PSIS")  # joined from right to left


def identify(names: Sequence[str]) -> list[Landmark | None]:
    """The landmark that each name of a file stands for, None for a name that is not known, (n_names,).

    In a file with skin markers such as `r.ASIS`, `r_knee` is the marker on the side of the knee; in others it is the
    keypoint in the knee.
    """
    try:
        affix = find_affix(names)
    except MarkerSetError:  # several people in a file
        affix = None
    own = [affix.remove(name) if affix is not None and affix.fits(name) else name for name in names]
    of_skin = bool(_ONLY_MARKERS & set(own))
    return [
        LANDMARKS.get(name) or (_MARKER_OF.get(name) if of_skin else None) or _KEYPOINT_OF.get(name_key(name))
        for name in own
    ]


def sides(names: Sequence[str]) -> list[Side]:
    """The side of the body that each name is on; of names that are not known by their end (OpenSim's `knee_r`)."""
    ends: dict[str, Side] = {"_r": "right", "_l": "left"}
    return [
        ends.get(name[-2:], "middle") if mark is None else mark.side
        for name, mark in zip(names, identify(names), strict=True)
    ]


def is_keypoint(mark: Landmark | None) -> bool:
    """Whether it is a keypoint of a pose model, as inputs have them."""
    return mark is not None and mark.kind == "keypoint"


def bones(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of indices of names that are joined by a line."""
    places: dict[tuple[bool, str, str], int] = {}
    for k, mark in enumerate(identify(names)):
        if mark is not None:
            places.setdefault((is_keypoint(mark), mark.part, mark.side), k)
    found = []
    for keypoints, pairs in ((True, _KEYPOINT_BONES), (False, _MARKER_BONES)):
        for (first, second), side in product(pairs, ("right", "left")):
            ends = [
                places.get((keypoints, part, side), places.get((keypoints, part, "middle"))) for part in (first, second)
            ]
            found.append(tuple(ends))
        found += [tuple(places.get((keypoints, part, side)) for side in ("right", "left")) for part in _ACROSS]
    joined = [(first, second) for first, second in found if first is not None and second is not None]
    return list(dict.fromkeys(joined))
