"""Marker sets: the names of keypoints and markers, their order, their sides and the aliases that files use.

A model's inputs and outputs are one of `INPUT_SETS` and one of `OUTPUT_SETS`. Once a model with a set is released,
the set's names and their order never change: a model with other names gets a new set.

Names read from public sources: OpenPose BODY_25 and BODY_25B, OpenCap's TRC files, and the marker sets of Pose2Sim
(`skeletons.py`, 2026: HALPE_26, COCO_133, BLAZEPOSE, COCO_17, BODY_25), MMPose's `right_big_toe` style, MediaPipe's
`right_foot_index`, FreeMoCap's `neck_center`, and Blender's `Hip.R` with the side at the end. Names are compared
without letter case, `_`, `-`, `.` and spaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Literal, NamedTuple

from trcaugment.errors import MarkerSetError

Side = Literal["right", "left", "middle"]
Kind = Literal["keypoint", "bony landmark", "cluster marker", "joint center"]
SIDES: tuple[Side, Side] = ("right", "left")


SegmentAxis = tuple[tuple[str, ...], tuple[str, ...]]


class Landmark(NamedTuple):
    """One marker or keypoint.

    Attributes:
        name: its name in files.
        part: the body part that it marks, such as "knee", the same for both sides.
        side: the side of the body that it is on.
        partner: name of the same landmark on the other side; its own name if it is in the middle.
        kind: "keypoint" of a pose model, skin marker ("bony landmark" or "cluster marker") or "joint center".
        aliases: all names that files use for it, its own name first.
    """

    name: str
    part: str
    side: Side
    partner: str
    kind: Kind
    aliases: tuple[str, ...]


@dataclass(frozen=True)
class MarkerSet:
    """Landmarks in the order that arrays and networks use. Iterating gives their names.

    Attributes:
        name: name of the set in model cards and recipes.
        landmarks: the landmarks in order, (n_landmarks,).
        rigid_groups: groups of names; landmarks of a group are on one rigid segment and keep their distances.
        segment_axes: axes that determine joint angles, each from the mean of its first landmarks to the mean of its
            second ones.

    Raises:
        MarkerSetError: a name is repeated, or a partner or a name in a group or axis is not in the set.
    """

    name: str
    landmarks: tuple[Landmark, ...] = field(repr=False)
    rigid_groups: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    segment_axes: tuple[SegmentAxis, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        groups = (*self.rigid_groups, *(end for axis in self.segment_axes for end in axis))
        needed = [*(mark.partner for mark in self.landmarks), *(name for group in groups for name in group)]
        lost = [name for name in needed if name not in self.names]
        if lost or len(set(self.names)) != len(self.names):
            raise MarkerSetError(
                f"marker set {self.name}: expected every name once and both sides of each landmark, "
                f"found {', '.join(self.names)}" + (f" without {', '.join(lost)}" if lost else "")
            )

    @classmethod
    def join(cls, name: str, sets: Sequence[MarkerSet]) -> MarkerSet:
        """A new set with the landmarks, rigid groups and axes of several sets in order, without repetitions."""
        landmarks = dict.fromkeys(mark for each in sets for mark in each.landmarks)
        groups = dict.fromkeys(group for each in sets for group in each.rigid_groups)
        axes = dict.fromkeys(axis for each in sets for axis in each.segment_axes)
        return cls(name, tuple(landmarks), tuple(groups), tuple(axes))

    def __len__(self) -> int:
        return len(self.landmarks)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Landmark:
        return self.landmarks[self.index(name)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(mark.name for mark in self.landmarks)

    @cached_property
    def mirror_order(self) -> list[int]:
        """Index of every landmark's partner, (n_landmarks,)."""
        return [self.index(mark.partner) for mark in self.landmarks]

    @cached_property
    def rigid_pairs(self) -> tuple[tuple[int, int], ...]:
        """Indices of the two landmarks of every pair within a rigid group."""
        pairs = (pair for group in self.rigid_groups for pair in combinations(group, 2))
        return tuple((self.index(first), self.index(second)) for first, second in pairs)

    @cached_property
    def axes(self) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
        """Indices of the landmarks at the start and at the end of every segment axis."""
        ends = [[tuple(self.index(name) for name in end) for end in axis] for axis in self.segment_axes]
        return tuple((first, last) for first, last in ends)

    def index(self, name: str) -> int:
        """Index of a name."""
        return self.names.index(name)

    def named(self, part: str, side: Side) -> str:
        """Name of a part's landmark on one side, such as r_knee_study for the right knee."""
        return next(mark.name for mark in self.landmarks if (mark.part, mark.side) == (part, side))

    def both(self, part: str) -> list[int]:
        """Indices of a part's right and left landmark."""
        return [self.index(self.named(part, side)) for side in SIDES]


_IGNORED = str.maketrans("", "", "_-. ")


@lru_cache(1000)
def name_key(name: str) -> str:
    """The name as it is compared: in lower case, without `_`, `-`, `.` and spaces."""
    return name.casefold().translate(_IGNORED)


def _middle(name: str, part: str, kind: Kind, aliases: tuple[str, ...]) -> tuple[Landmark, ...]:
    return (Landmark(name, part, "middle", name, kind, aliases),)


def _keypoints(part: str, *other_parts: str) -> tuple[Landmark, ...]:
    """Right and left keypoint of a part, with all spellings as aliases: RHip, RightHip, HipR, HipRight, LHip, ..."""
    right, left = (
        tuple(
            name
            for each in (part, *other_parts)
            for name in (*(side + each for side in sides), *(each + side for side in sides))
        )
        for sides in (("R", "Right"), ("L", "Left"))
    )
    return (
        Landmark(right[0], part, "right", left[0], "keypoint", right),
        Landmark(left[0], part, "left", right[0], "keypoint", left),
    )


def _markers(part: str, right: str, left: str, kind: Kind = "bony landmark") -> tuple[Landmark, ...]:
    """Right and left marker of a part; `right` and `left` are the prefixes of their names."""
    names = {side: (f"{first}{part}_study", f"{first}{part}") for side, first in (("right", right), ("left", left))}
    return (
        Landmark(names["right"][0], part, "right", names["left"][0], kind, names["right"]),
        Landmark(names["left"][0], part, "left", names["right"][0], kind, names["left"]),
    )


# Input of every body model. midHip is the origin of a window, so as an input it would always be zero.
KEYPOINTS = MarkerSet(
    "keypoints-15",
    (
        *_middle("Neck", "Neck", "keypoint", ("Neck", "NeckCenter")),
        *(mark for part in ("Shoulder", "Hip", "Knee", "Ankle", "Heel") for mark in _keypoints(part)),
        *_keypoints("SmallToe", "LittleToe"),
        *_keypoints("BigToe", "Toe", "FootIndex"),
    ),
)
# Further keypoints of pose models that the skeleton of `trcaugment.body` has as well.
OTHER_KEYPOINTS = MarkerSet(
    "other keypoints",
    (
        *_middle(
            "midHip", "Hip", "keypoint", ("midHip", "Hip", "CHip", "HipCenter", "HipsCenter", "CenterHip", "Pelvis")
        ),
        *_keypoints("Elbow"),
        *_keypoints("Wrist"),
    ),
)
# Every input set begins with the trunk, from which a window's body frame is measured.
TRUNK = KEYPOINTS.names[:5]
ARM_KEYPOINTS = MarkerSet(
    "keypoints-9", (*(KEYPOINTS[name] for name in TRUNK), *(m for m in OTHER_KEYPOINTS.landmarks if m.name != "midHip"))
)
# Values of a recipe's `keypoint_set`.
INPUT_SETS = {each.name: each for each in (KEYPOINTS, ARM_KEYPOINTS)}

_SEGMENTS = {
    "foot": ("calc", "toe", "5meta"),
    "thigh": ("knee", "mknee", "thigh1", "thigh2", "thigh3"),
    "shank": ("ankle", "mankle", "sh1", "sh2", "sh3"),
}


def _sided(parts: Sequence[str], kind: Kind = "bony landmark") -> tuple[Landmark, ...]:
    """Right and left marker of each part."""
    return tuple(mark for part in parts for mark in _markers(part, "r_", "L_", kind))


def _cluster(parts: Sequence[str]) -> tuple[Landmark, ...]:
    """Cluster markers: all right ones, then all left ones."""
    marks = _sided(parts, "cluster marker")
    return marks[::2] + marks[1::2]


def _leg_axes(side: str) -> tuple[SegmentAxis, ...]:
    """Long and transverse axes of thigh, shank and foot of one side, whose markers' names begin with `side`."""
    hip, knee, ankle = (
        (f"{side.upper()}HJC_study",),
        _lateral_and_medial(f"{side}_", "knee"),
        _lateral_and_medial(f"{side}_", "ankle"),
    )
    heel, toe, fifth = ((f"{side}_{part}_study",) for part in ("calc", "toe", "5meta"))
    return (hip, knee), (knee[:1], knee[1:]), (knee, ankle), (ankle[:1], ankle[1:]), (heel, toe), (toe, fifth)


def _lateral_and_medial(prefix: str, joint: str) -> tuple[str, str]:
    """Names of the lateral and the medial marker of a joint."""
    return f"{prefix}{joint}_study", f"{prefix}m{joint}_study"


# OpenCap's names in the order of its first published data set; OpenCap's newest network has another order.
ANATOMICAL_MARKERS = MarkerSet(
    "anatomical-35",
    (
        *_middle("C7_study", "C7", "bony landmark", ("C7_study", "C7")),
        *_sided(["shoulder"]),
        *_markers("ASIS", "r.", "L."),
        *_markers("PSIS", "r.", "L."),
        *_sided(["knee", "mknee", "ankle", "mankle", "calc", "toe", "5meta"]),
        *_cluster(["thigh1", "thigh2", "thigh3"]),
        *_cluster(["sh1", "sh2", "sh3"]),
        *_markers("HJC", "R", "L", "joint center"),
    ),
    (
        ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study", "RHJC_study", "LHJC_study"),
        *(tuple(f"{side}_{part}_study" for part in parts) for parts in _SEGMENTS.values() for side in "rL"),
    ),
    (
        (("r.PSIS_study", "L.PSIS_study"), ("r.ASIS_study", "L.ASIS_study")),
        (("L.PSIS_study", "L.ASIS_study"), ("r.PSIS_study", "r.ASIS_study")),
        (("r.PSIS_study", "L.PSIS_study"), ("C7_study", "r_shoulder_study", "L_shoulder_study")),
        (("L_shoulder_study",), ("r_shoulder_study",)),
        *(axis for side in "rL" for axis in _leg_axes(side)),
    ),
)


def _arm_axes(side: str) -> tuple[SegmentAxis, ...]:
    """Long axis of a forearm, transverse axes of elbow and wrist."""
    elbow, wrist = (tuple(f"{side}_{end}{joint}_study" for end in "lm") for joint in ("elbow", "wrist"))
    return (elbow, wrist), (elbow[:1], elbow[1:]), (wrist[:1], wrist[1:])


# OpenCap's arm markers: epicondyles and styloid processes, "l" the lateral (radial) and "m" the medial (ulnar) one.
ARM_MARKERS = MarkerSet(
    "arms-8",
    _sided(["lelbow", "melbow", "lwrist", "mwrist"]),
    tuple(tuple(f"{side}_{end}{joint}_study" for end in "lm") for joint in ("elbow", "wrist") for side in "rL"),
    tuple(axis for side in "rL" for axis in _arm_axes(side)),
)

# Values of a recipe's `marker_set`.
OUTPUT_SETS = {each.name: each for each in (ANATOMICAL_MARKERS, ARM_MARKERS)}

LANDMARKS = {mark.name: mark for each in (KEYPOINTS, OTHER_KEYPOINTS, *OUTPUT_SETS.values()) for mark in each.landmarks}
