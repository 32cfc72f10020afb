"""Markers are left out where the keypoints that they need are missing, as measured, and nowhere else."""

import numpy as np
import pytest

from trcaugment.chain.dependence import MOST_ADDED_MM, REGIONS, lost_markers
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, KEYPOINTS

NEVER = np.zeros(15, dtype=bool)


def lost(*names, never=False, outputs=ANATOMICAL_MARKERS.names):
    missing = np.isin(KEYPOINTS.names, names)[None]
    found = lost_markers(missing, missing[0] & never, outputs)
    return set(np.compress(found[0], outputs).tolist())


def test_every_keypoint_belongs_to_one_region():
    assert sorted(name for region in REGIONS for name in region) == sorted(KEYPOINTS)


@pytest.mark.parametrize("never", [False, True])
def test_nothing_is_lost_where_nothing_or_a_small_toe_is_missing(never):
    assert lost(never=never) == set()
    assert lost("RSmallToe", never=never) == lost("RSmallToe", "LSmallToe", never=never) == set()
    assert lost("Neck", never=never) == set()


def test_a_marker_is_lost_with_its_keypoint_on_the_same_side():
    assert {"r_knee_study", "r_mknee_study"} <= lost("RKnee") <= {n for n in ANATOMICAL_MARKERS if n[0] != "L"}
    mirrored = {ANATOMICAL_MARKERS[name].partner for name in lost("RKnee")}
    assert lost("LKnee") == mirrored
    assert lost("RKnee", never=True) >= lost("RKnee")


def test_ankles_and_feet_are_lost_without_a_foot():
    foot = {"r_ankle_study", "r_mankle_study", "r_calc_study", "r_toe_study", "r_5meta_study"}
    for never in (False, True):
        assert lost("RHeel", "RSmallToe", "RBigToe", never=never) == foot
    assert lost(*(f"{side}{part}" for side in "RL" for part in ("Heel", "SmallToe", "BigToe")), never=True) == {
        name for each in foot for name in (each, ANATOMICAL_MARKERS[each].partner)
    }


def test_what_is_missing_in_several_regions_adds_up():
    both = lost("RShoulder", "LShoulder", "RHip", "LKnee")
    assert both >= lost("RShoulder", "LShoulder", "RHip") | lost("LKnee")
    assert lost(*KEYPOINTS) == set(ANATOMICAL_MARKERS)
    assert MOST_ADDED_MM > 0


def test_markers_that_were_not_measured_depend_on_everything():
    outputs = (*ARM_MARKERS.names, "C7_study")
    assert lost("RSmallToe", outputs=outputs) == set(ARM_MARKERS)
    assert lost(outputs=outputs) == set()


def test_frames_are_judged_one_by_one():
    missing = np.zeros((5, 15), dtype=bool)
    missing[1:3, KEYPOINTS.index("RKnee")] = True
    found = lost_markers(missing, NEVER, ANATOMICAL_MARKERS.names)
    assert found.any(axis=1).tolist() == [False, True, True, False, False]
