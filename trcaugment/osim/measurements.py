"""Which distances between markers size which segments."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, KEYPOINTS, SIDES, Side
from trcaugment.markers import FloatArray

# The mean position of some markers; (medial, lateral) gives a joint center.
Place = tuple[str, ...]


class Measurement(NamedTuple):
    """Distances that scale segments.

    Attributes:
        name: what is measured; it ends in _r or _l for one side.
        pairs: the distances, each between two places; their ratios to the model's distances are averaged.
        sizes: bodies, each with the axes that the measurement scales, such as ("pelvis", "XY").
    """

    name: str
    pairs: tuple[tuple[Place, Place], ...]
    sizes: tuple[tuple[str, str], ...]

    def markers(self) -> tuple[str, ...]:
        """All markers of all distances."""
        return tuple(dict.fromkeys(name for pair in self.pairs for place in pair for name in place))

    def among(self, names: set[str]) -> Measurement:
        """The measurement with only the named markers; distances that lose a place are left out."""
        reduced = (tuple(tuple(m for m in place if m in names) for place in pair) for pair in self.pairs)
        return self._replace(pairs=tuple((first, second) for first, second in reduced if first and second))


_ASIS, _PSIS, _HIPS, _SHOULDERS = (
    tuple(ANATOMICAL_MARKERS.named(part, side) for side in SIDES) for part in ("ASIS", "PSIS", "HJC", "shoulder")
)


def _leg(side: str, marker_side: Side) -> tuple[Measurement, ...]:
    """Measurements of a leg between joint centers, whose distances do not change as joints bend."""
    hip, knee, ankle, heel, toes = (
        tuple(ANATOMICAL_MARKERS.named(part, marker_side) for part in parts)
        for parts in (("HJC",), ("knee", "mknee"), ("ankle", "mankle"), ("calc",), ("toe", "5meta"))
    )
    foot = tuple((f"{name}_{side}", "XYZ") for name in ("talus", "calcn", "toes"))
    return (
        Measurement(f"thigh length_{side}", ((hip, knee),), ((f"femur_{side}", "XYZ"), (f"patella_{side}", "XYZ"))),
        Measurement(f"shank length_{side}", ((knee, ankle),), ((f"tibia_{side}", "XYZ"),)),
        Measurement(f"foot length_{side}", ((heel, toes),), foot),
    )


def _arm(side: str, marker_side: Side) -> tuple[Measurement, ...]:
    """Measurements of an arm, as OpenCap's: from the shoulder's skin marker, in the posture of every frame."""
    shoulder = (ANATOMICAL_MARKERS.named("shoulder", marker_side),)
    elbow, wrist = (
        tuple(ARM_MARKERS.named(f"{end}{joint}", marker_side) for end in "lm") for joint in ("elbow", "wrist")
    )
    forearm = tuple((f"{name}_{side}", "XYZ") for name in ("ulna", "radius", "hand"))
    return (
        Measurement(f"upper arm length_{side}", ((shoulder, elbow),), ((f"humerus_{side}", "XYZ"),)),
        Measurement(f"forearm length_{side}", ((elbow, wrist),), forearm),
    )


_C7 = (ANATOMICAL_MARKERS.named("C7", "middle"),)
_TRUNK_DEPTH = Measurement("trunk depth", ((_C7, _SHOULDERS),), (("torso", "X"),))
_SHOULDER_WIDTH = Measurement("shoulder width", ((_SHOULDERS[:1], _SHOULDERS[1:]),), (("torso", "Z"),))

# Each distance is nearly parallel to the axis that it scales.
MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement("pelvis depth", ((_ASIS, _PSIS),), (("pelvis", "X"),)),
    Measurement("pelvis height", ((_HIPS, _ASIS + _PSIS),), (("pelvis", "Y"),)),
    Measurement("hip width", ((_HIPS[:1], _HIPS[1:]),), (("pelvis", "Z"),)),
    _TRUNK_DEPTH,
    Measurement("trunk height", ((_ASIS + _PSIS, _C7 + _SHOULDERS),), (("torso", "Y"),)),
    _SHOULDER_WIDTH,
    *_leg("r", "right"),
    *_leg("l", "left"),
    *_arm("r", "right"),
    *_arm("l", "left"),
)


def for_shoulders(measurements: tuple[Measurement, ...], there: Collection[str]) -> tuple[Measurement, ...]:
    """The same where there is one shoulder alone: its distance from C7 is nearly all width, and tells no depth."""
    shoulders = tuple(name for name in _SHOULDERS if name in there)
    if len(shoulders) != 1:
        return measurements
    width = _SHOULDER_WIDTH._replace(pairs=((_C7, shoulders),))
    return tuple(width if each is _SHOULDER_WIDTH else each for each in measurements if each is not _TRUNK_DEPTH)


_HIP_KEYPOINTS, _SHOULDER_KEYPOINTS = (
    tuple(KEYPOINTS.named(part, side) for side in SIDES) for part in ("Hip", "Shoulder")
)


def _leg_of_keypoints(side: str, keypoint_side: Side) -> tuple[Measurement, ...]:
    hip, knee, ankle, heel, small_toe, big_toe = (
        (KEYPOINTS.named(part, keypoint_side),) for part in ("Hip", "Knee", "Ankle", "Heel", "SmallToe", "BigToe")
    )
    sizes = {each.name: each.sizes for each in MEASUREMENTS}
    lengths = {"thigh": (hip, knee), "shank": (knee, ankle), "foot": (heel, small_toe + big_toe)}
    return tuple(
        Measurement(f"{part} length_{side}", (pair,), sizes[f"{part} length_{side}"]) for part, pair in lengths.items()
    )


# The same for keypoints of video without augmentation: they show fewer distances, so a factor sizes more axes.
KEYPOINT_MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement("hip width", ((_HIP_KEYPOINTS[:1], _HIP_KEYPOINTS[1:]),), (("pelvis", "XYZ"),)),
    Measurement("trunk height", ((_HIP_KEYPOINTS, ("Neck", *_SHOULDER_KEYPOINTS)),), (("torso", "XY"),)),
    Measurement("shoulder width", ((_SHOULDER_KEYPOINTS[:1], _SHOULDER_KEYPOINTS[1:]),), (("torso", "Z"),)),
    *_leg_of_keypoints("r", "right"),
    *_leg_of_keypoints("l", "left"),
)


def distance_m(positions: FloatArray, names: tuple[str, ...], pair: tuple[Place, Place]) -> FloatArray:
    """Distance between two places in every frame, NaN where a marker is missing.

    Args:
        positions: positions of markers in m, (n_frames, n_markers, 3).
        names: names of the markers.
        pair: the two places, of these markers.

    Returns:
        Distances in m, (n_frames,).
    """
    first, second = (positions[:, [names.index(name) for name in place]].mean(axis=1) for place in pair)
    return np.asarray(np.linalg.norm(second - first, axis=1))
