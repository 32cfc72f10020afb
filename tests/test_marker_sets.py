from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trcaugment.chain.keypoints import find_keypoints, input_keypoints
from trcaugment.errors import MarkerSetError
from trcaugment.marker_sets import (
    ALIASES,
    ANATOMICAL_MARKERS,
    KEYPOINTS,
    mirror_order,
)
from trcaugment.markers import Markers

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder 'shared' beside the repository")

ARMS = ("RElbow", "RWrist", "LElbow", "LWrist")
HALPE_26 = (*KEYPOINTS, *ARMS, "Hip", "Head", "Nose")
COCO_133 = (*KEYPOINTS, *ARMS, "Hip", "Nose", "REye", "LEye", "RThumb", "RIndex", "LPinky", "Jaw1", "EyebrowR1")
BODY_25 = (*KEYPOINTS, *ARMS, "CHip", "Nose", "REye", "LEye", "REar", "LEar")
OPENCAP = (*KEYPOINTS, *ARMS, "midHip", *ANATOMICAL_MARKERS)
FEET = KEYPOINTS[9:]
COCO_17 = (*KEYPOINTS[1:9], *ARMS, "Hip", "Neck", "Nose")
MMPOSE = tuple(
    {"r": "right_", "l": "left_"}[name[0].lower()] + part
    for name in KEYPOINTS[1:]
    for part in [name[1:].replace("Toe", "_toe").lower()]
)


def trial(names, n_frames=4):
    """Markers with different positions everywhere."""
    values = np.random.default_rng(len(names)).normal(size=(n_frames, len(names), 3))
    return Markers(tuple(names), values, np.arange(n_frames) / 60)


def message(names):
    with pytest.raises(MarkerSetError) as error:
        find_keypoints(trial(names))
    return str(error.value)


def test_mirror_order_pairs_left_and_right():
    for names in (KEYPOINTS, ANATOMICAL_MARKERS):
        order = mirror_order(names)
        assert [order[k] for k in order] == list(range(len(names)))
        alone = [name for k, name in enumerate(names) if order[k] == k]
        assert alone == [name for name in ("Neck", "C7_study") if name in names]
    assert mirror_order(("r.ASIS_study", "Nose", "L.ASIS_study", "RAnkle")) == [2, 1, 0, 3]


def test_sizes_and_order_of_the_sets():
    assert len(set(KEYPOINTS)) == 15
    assert len(set(ANATOMICAL_MARKERS)) == 35
    assert KEYPOINTS[0] == "Neck"
    assert KEYPOINTS[-2:] == ("RBigToe", "LBigToe")
    assert ANATOMICAL_MARKERS[3] == "r.ASIS_study"
    assert ANATOMICAL_MARKERS[20:22] == ("L_5meta_study", "r_thigh1_study")
    assert ANATOMICAL_MARKERS[-1] == "LHJC_study"


def test_no_name_belongs_to_two_keypoints():
    names = [alias.casefold() for aliases in ALIASES.values() for alias in aliases]
    assert len(names) == len(set(names))
    assert all(ALIASES[keypoint][0] == keypoint for keypoint in KEYPOINTS)


@pytest.mark.parametrize("names", [HALPE_26, COCO_133, BODY_25, OPENCAP])
def test_the_names_of_known_marker_sets_are_found_in_any_order(names):
    shuffled = tuple(np.random.default_rng(0).permutation(names).tolist())
    markers = trial(shuffled)
    found = find_keypoints(markers)
    np.testing.assert_array_equal(found.positions, markers.select(KEYPOINTS))
    assert found.sources == {keypoint: keypoint for keypoint in KEYPOINTS}
    assert found.derived == ()


@given(st.data())
def test_case_and_separators_do_not_matter(data):
    spelled = {}
    for keypoint in KEYPOINTS:
        alias = data.draw(st.sampled_from(ALIASES[keypoint]))
        separators = data.draw(st.lists(st.sampled_from(["", "_", "-", ".", " "]), min_size=1, max_size=4))
        letters = [separators[i % len(separators)] + letter for i, letter in enumerate(alias)]
        spelled[keypoint] = data.draw(st.sampled_from([str.lower, str.upper, str]))("".join(letters))
    markers = trial([*spelled.values(), "mid_hip"])
    found = find_keypoints(markers)
    assert found.sources == spelled
    np.testing.assert_array_equal(found.positions, markers.select(spelled.values()))


def test_neck_and_midhip_are_derived_and_said_to_be():
    markers = trial(MMPOSE)
    found = find_keypoints(markers)
    right, left = MMPOSE.index("right_shoulder"), MMPOSE.index("left_shoulder")
    np.testing.assert_allclose(found.positions[:, 0], (markers.positions[:, right] + markers.positions[:, left]) / 2)
    np.testing.assert_array_equal(found.positions[:, 1:], markers.positions)
    assert found.derived == ("Neck: midpoint of RShoulder and LShoulder", "midHip: midpoint of RHip and LHip")
    assert "Neck" not in found.sources
    assert found.sources["RBigToe"] == "right_big_toe"


@pytest.mark.parametrize("name", ["Hip", "MidHip", "midHip", "CHip", "mid_hip", "hip center"])
def test_a_midhip_of_any_name_is_not_derived_and_not_taken_for_a_hip(name):
    found = find_keypoints(trial([*KEYPOINTS, name]))
    assert found.derived == ()
    assert name not in found.sources.values()


def test_missing_samples_stay_missing():
    markers = trial(KEYPOINTS[1:])
    positions = markers.positions.copy()
    positions[2, 0] = np.nan  # RShoulder
    found = find_keypoints(Markers(markers.names, positions, markers.time_s))
    np.testing.assert_array_equal(np.isnan(found.positions).any(axis=2)[2], [True, True, *[False] * 13])
    assert np.isfinite(found.positions[[0, 1, 3]]).all()


def test_augmented_markers_are_never_taken_for_keypoints():
    text = message(ANATOMICAL_MARKERS)
    assert all(f"\n  {keypoint}: " in text for keypoint in KEYPOINTS)
    assert "augmented already" in text
    found = find_keypoints(trial((*ANATOMICAL_MARKERS, *KEYPOINTS)))
    assert not any(name.endswith("_study") for name in found.sources.values())


def test_the_exact_name_wins_over_another_that_fits():
    names = ("r_ankle", "RToe", *KEYPOINTS)
    markers = trial(names)
    np.testing.assert_array_equal(find_keypoints(markers).positions, markers.select(KEYPOINTS))


def test_two_other_names_for_one_keypoint_are_an_error():
    names = ["R_Ankle" if name == "RAnkle" else name for name in KEYPOINTS]
    assert "RAnkle: R_Ankle and right_ankle fit; name the right one RAnkle" in message([*names, "right_ankle"])


def test_everything_missing_stands_in_one_message_with_accepted_and_nearest_names():
    kept = [name for name in KEYPOINTS if name not in ("RSmallToe", "LHeel")]
    text = message([*kept, "R_5th_Toe", "LHeal", "Nose"])
    assert (
        "RSmallToe: expected RSmallToe, RightSmallToe, RLittleToe, RightLittleToe; nearest in the file: R_5th_Toe"
        in text
    )
    assert "LHeel: expected LHeel, LeftHeel; nearest in the file: LHeal" in text
    assert "15 keypoints; 2 cannot" in text
    assert "Nose" not in text


def test_the_marker_set_is_guessed_from_what_is_missing():
    assert "COCO_17, which has no foot points" in message(COCO_17)
    assert "COCO_17" in message([name for name in MMPOSE if "toe" not in name and "heel" not in name])
    blazepose = [name.replace("big_toe", "foot_index") for name in MMPOSE if "small" not in name]
    assert "BLAZEPOSE" in message(blazepose)
    lower = message([*KEYPOINTS[3:], "Hip"])
    assert "HALPE_26_LOWER" in lower
    assert "Neck: expected Neck or the two shoulders" in lower


def test_a_column_without_samples_counts_as_absent():
    positions = trial(KEYPOINTS).positions.copy()
    positions[:, 0] = np.nan  # Neck
    found = find_keypoints(Markers(KEYPOINTS, positions, np.arange(4) / 60))
    assert found.derived[0].startswith("Neck")
    assert np.isfinite(found.positions).all()
    positions[:, KEYPOINTS.index("LSmallToe")] = np.nan
    with pytest.raises(MarkerSetError, match="LSmallToe: no frame of LSmallToe has a sample"):
        find_keypoints(Markers(KEYPOINTS, positions, np.arange(4) / 60))


def test_input_keypoints_are_all_but_the_augmented_markers():
    markers = trial(OPENCAP)
    kept = input_keypoints(markers)
    assert kept.names == (*KEYPOINTS, *ARMS, "midHip")
    np.testing.assert_array_equal(kept.positions, markers.select(kept.names))
    assert input_keypoints(trial(ANATOMICAL_MARKERS)).names == ()


def header_names(path):
    """Marker names from a TRC's fourth line."""
    return [name for name in path.read_text().splitlines()[3].split("\t")[2:] if name.strip()]


@needs_shared
def test_real_keypoint_files_and_opencap_sessions_have_all_keypoints():
    files = [*SHARED.glob("keypoints/*.trc"), *SHARED.glob("sessions/*/MarkerData/*.trc")]
    assert files
    for path in files:
        found = find_keypoints(trial(header_names(path)))
        assert found.sources == {keypoint: keypoint for keypoint in KEYPOINTS}
        assert found.derived == ()


@needs_shared
def test_real_optical_files_are_refused():
    files = [*SHARED.glob("odd_trc/*.trc"), *SHARED.glob("lab/*/*_optical.trc"), *SHARED.glob("lab/*/static1.trc")]
    assert files
    for path in files:
        with pytest.raises(MarkerSetError, match="cannot be taken from this file"):
            find_keypoints(trial(header_names(path)))
