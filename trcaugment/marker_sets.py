"""Marker sets: ordered names, left and right, and the names that pose models give their keypoints.

Names read from public sources: OpenPose BODY_25 and BODY_25B, OpenCap's TRC files, and the marker sets of Pose2Sim
(`skeletons.py`, 2026: HALPE_26, COCO_133, BLAZEPOSE, COCO_17, BODY_25), MMPose's `right_big_toe` style, MediaPipe's
`right_foot_index`. Letter case, `_`, `-`, `.` and spaces never matter.
"""

from __future__ import annotations

from itertools import combinations

# The order of the network's inputs. midHip is not among them: as the origin it would always be zero.
KEYPOINTS = (
    *("Neck", "RShoulder", "LShoulder", "RHip", "LHip", "RKnee", "LKnee", "RAnkle", "LAnkle"),
    *("RHeel", "LHeel", "RSmallToe", "LSmallToe", "RBigToe", "LBigToe"),
)

# OpenCap's names in the order of its first data set, which is not the order of its newest network.
ANATOMICAL_MARKERS = (
    *("C7_study", "r_shoulder_study", "L_shoulder_study", "r.ASIS_study", "L.ASIS_study", "r.PSIS_study"),
    *("L.PSIS_study", "r_knee_study", "L_knee_study", "r_mknee_study", "L_mknee_study", "r_ankle_study"),
    *("L_ankle_study", "r_mankle_study", "L_mankle_study", "r_calc_study", "L_calc_study", "r_toe_study"),
    *("L_toe_study", "r_5meta_study", "L_5meta_study", "r_thigh1_study", "r_thigh2_study", "r_thigh3_study"),
    *("L_thigh1_study", "L_thigh2_study", "L_thigh3_study", "r_sh1_study", "r_sh2_study", "r_sh3_study"),
    *("L_sh1_study", "L_sh2_study", "L_sh3_study", "RHJC_study", "LHJC_study"),
)

# Pairs of markers of one rigid segment (pelvis, feet, thighs, shanks), as indices into ANATOMICAL_MARKERS.
RIGID_PAIRS = tuple(
    (ANATOMICAL_MARKERS.index(first), ANATOMICAL_MARKERS.index(second))
    for segment in (
        ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study", "RHJC_study", "LHJC_study"),
        *((f"{s}_calc_study", f"{s}_toe_study", f"{s}_5meta_study") for s in "rL"),
        *(tuple(f"{s}_{m}_study" for m in ("knee", "mknee", "thigh1", "thigh2", "thigh3")) for s in "rL"),
        *(tuple(f"{s}_{m}_study" for m in ("ankle", "mankle", "sh1", "sh2", "sh3")) for s in "rL"),
    )
    for first, second in combinations(segment, 2)
)

_SIDES = {"R": ("R", "Right"), "L": ("L", "Left")}
_OTHER_PARTS = {"SmallToe": ("LittleToe",), "BigToe": ("Toe", "FootIndex")}

# Every name that a file may use for a keypoint, the package's own name first.
ALIASES: dict[str, tuple[str, ...]] = {
    keypoint: tuple(
        f"{side}{part}" for part in (keypoint[1:], *_OTHER_PARTS.get(keypoint[1:], ())) for side in _SIDES[keypoint[0]]
    )
    for keypoint in KEYPOINTS[1:]
} | {"Neck": ("Neck",)}
MID_HIP_NAMES = ("midHip", "Hip", "CHip", "HipCenter", "CenterHip", "Pelvis")


def mirror_order(names: tuple[str, ...]) -> list[int]:
    """For every name the index of the other side's, or its own if it has none: RKnee and LKnee, r.ASIS and L.ASIS."""
    return [names.index(_other_side(name, names)) for name in names]


def _other_side(name: str, names: tuple[str, ...]) -> str:
    """The two of a pair differ in their first letter."""
    others = [first + name[1:] for first in "RrL" if first != name[0]] if name[0] in "RrL" else []
    return next((other for other in others if other in names), name)
