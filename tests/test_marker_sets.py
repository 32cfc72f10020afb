import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trcaugment.chain.keypoints import find_keypoints, input_keypoints
from trcaugment.errors import MarkerSetError
from trcaugment.marker_sets import (
    ANATOMICAL_MARKERS,
    ARM_KEYPOINTS,
    ARM_MARKERS,
    INPUT_SETS,
    KEYPOINTS,
    LANDMARKS,
    OTHER_KEYPOINTS,
    OUTPUT_SETS,
    TRUNK,
    MarkerSet,
)
from trcaugment.markers import Markers

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no folder 'shared' beside the repository")

ARMS = ("RElbow", "RWrist", "LElbow", "LWrist")
HALPE_26 = (*KEYPOINTS, *ARMS, "Hip", "Head", "Nose")
COCO_133 = (*KEYPOINTS, *ARMS, "Hip", "Nose", "REye", "LEye", "RThumb", "RIndex", "LPinky", "Jaw1", "EyebrowR1")
BODY_25 = (*KEYPOINTS, *ARMS, "CHip", "Nose", "REye", "LEye", "REar", "LEar")
OPENCAP = (*KEYPOINTS, *ARMS, "midHip", *ANATOMICAL_MARKERS)
COCO_17 = (*KEYPOINTS.names[1:9], *ARMS, "Hip", "Neck", "Nose")
MMPOSE = tuple(
    {"r": "right_", "l": "left_"}[name[0].lower()] + part
    for name in KEYPOINTS.names[1:]
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


@pytest.mark.parametrize("markers", [KEYPOINTS, OTHER_KEYPOINTS, ANATOMICAL_MARKERS, ARM_MARKERS])
def test_partners_are_on_the_other_side(markers):
    order = markers.mirror_order
    assert [order[k] for k in order] == list(range(len(markers)))
    for mark, other in zip(markers.landmarks, (markers.landmarks[k] for k in order), strict=True):
        assert (mark.part, mark.kind) == (other.part, other.kind)
        assert {mark.side, other.side} == ({"middle"} if mark is other else {"right", "left"})
        assert mark.name[0].lower() == {"right": "r", "left": "l"}.get(mark.side, mark.name[0].lower())
        assert mark.name[1:] == other.name[1:]


def test_sizes_and_order_of_the_sets():
    assert len(set(KEYPOINTS)) == 15
    assert len(set(ANATOMICAL_MARKERS)) == 35
    assert KEYPOINTS.names[0] == "Neck"
    assert KEYPOINTS.names[-2:] == ("RBigToe", "LBigToe")
    assert ANATOMICAL_MARKERS.names[3] == "r.ASIS_study"
    assert ANATOMICAL_MARKERS.names[20:22] == ("L_5meta_study", "r_thigh1_study")
    assert ANATOMICAL_MARKERS.names[-1] == "LHJC_study"


# Weights of released models mean these names in this order: a set that has changed is another set.
@pytest.mark.parametrize(
    ("markers", "digest"),
    [
        (KEYPOINTS, "5b2522191a4255fb"),
        (ANATOMICAL_MARKERS, "98bc8b987ecc4a2b"),
        (ARM_KEYPOINTS, "2092aebf61a20605"),
        (ARM_MARKERS, "a8100bc1d34f04be"),
    ],
)
def test_sets_of_released_models_never_change(markers, digest):
    assert hashlib.sha256(" ".join(markers).encode()).hexdigest()[:16] == digest


@pytest.mark.parametrize("keypoints", INPUT_SETS.values(), ids=str)
def test_every_input_set_begins_with_the_trunk(keypoints):
    assert keypoints.names[:5] == TRUNK == ("Neck", "RShoulder", "LShoulder", "RHip", "LHip")


def test_what_a_set_knows_of_its_landmarks():
    markers = ANATOMICAL_MARKERS
    assert markers["r_knee_study"] == LANDMARKS["r_knee_study"]
    assert (markers.named("ASIS", "left"), markers.named("C7", "middle")) == ("L.ASIS_study", "C7_study")
    assert [markers.names[k] for k in markers.both("HJC")] == ["RHJC_study", "LHJC_study"]
    kinds = Counter(mark.kind for mark in markers.landmarks)
    assert kinds == {"bony landmark": 21, "cluster marker": 12, "joint center": 2}
    assert set(LANDMARKS) == {*KEYPOINTS, *OTHER_KEYPOINTS, *(n for s in OUTPUT_SETS.values() for n in s)}


def test_joined_sets_have_every_landmark_once_in_their_order():
    joined = MarkerSet.join("both", [ARM_MARKERS, ANATOMICAL_MARKERS, ARM_MARKERS])
    assert joined.names == (*ARM_MARKERS, *ANATOMICAL_MARKERS)
    shifted = tuple((a + 8, b + 8) for a, b in ANATOMICAL_MARKERS.rigid_pairs)
    assert joined.rigid_pairs == (*ARM_MARKERS.rigid_pairs, *shifted)


def test_a_set_needs_both_sides_and_every_name_once():
    right_knee = ANATOMICAL_MARKERS["r_knee_study"]
    with pytest.raises(MarkerSetError, match=r"both sides .*found r_knee_study without L_knee_study"):
        MarkerSet("half", (right_knee,))
    with pytest.raises(MarkerSetError, match="every name once"):
        MarkerSet("twice", ARM_MARKERS.landmarks * 2)


def test_no_name_belongs_to_two_keypoints():
    names = [alias.casefold() for mark in KEYPOINTS.landmarks for alias in mark.aliases]
    assert len(names) == len(set(names))
    assert all(KEYPOINTS[keypoint].aliases[0] == keypoint for keypoint in KEYPOINTS)


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
        alias = data.draw(st.sampled_from(KEYPOINTS[keypoint].aliases))
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
    markers = trial(KEYPOINTS.names[1:])
    positions = markers.positions.copy()
    positions[2, 0] = np.nan  # RShoulder
    found = find_keypoints(Markers(markers.names, positions, markers.time_s))
    np.testing.assert_array_equal(np.isnan(found.positions).any(axis=2)[2], [True, True, *[False] * 13])
    assert np.isfinite(found.positions[[0, 1, 3]]).all()


def test_augmented_markers_are_never_taken_for_keypoints():
    text = message(ANATOMICAL_MARKERS)
    joints = [mark.name for mark in KEYPOINTS.landmarks if mark.part not in ("Heel", "SmallToe", "BigToe")]
    assert all(f"\n  {keypoint}: " in text for keypoint in joints)
    assert "augmented already" in text
    found = find_keypoints(trial((*ANATOMICAL_MARKERS, *KEYPOINTS)))
    assert not any(name.endswith("_study") for name in found.sources.values())


def test_elbows_wrists_ears_and_eyes_are_not_proposed_as_heels_and_toes():
    others = [f"{side}_{part}" for side in ("left", "right") for part in ("eye", "ear", "elbow", "wrist")]
    own = [name for name in KEYPOINTS if "Heel" not in name and "Toe" not in name]
    assert not [sentence for sentence in find_keypoints(trial([*own, *others])).derived if "may be" in sentence]


def test_the_exact_name_wins_over_another_that_fits():
    names = ("r_ankle", "RToe", *KEYPOINTS)
    markers = trial(names)
    np.testing.assert_array_equal(find_keypoints(markers).positions, markers.select(KEYPOINTS))


def test_two_other_names_for_one_keypoint_are_an_error():
    names = ["R_Ankle" if name == "RAnkle" else name for name in KEYPOINTS]
    assert "RAnkle: R_Ankle and right_ankle fit; choose with --names RAnkle=R_Ankle" in message([*names, "right_ankle"])


def test_everything_missing_stands_in_one_message_with_accepted_and_nearest_names():
    kept = [name for name in KEYPOINTS if name not in ("RSmallToe", "LHeel")]
    markers = trial([*kept, "R_5th_Toe", "LHeal", "Nose"])
    assert find_keypoints(markers).derived[-2:] == (
        "LHeel may be LHeal: if so, add --names LHeel=LHeal",
        "RSmallToe may be R_5th_Toe: if so, add --names RSmallToe=R_5th_Toe",
    )
    with pytest.raises(MarkerSetError) as caught:
        find_keypoints(markers, complete=True)
    text = str(caught.value)
    assert (
        "RSmallToe: expected RSmallToe, RightSmallToe, RLittleToe, RightLittleToe; nearest in the file: R_5th_Toe"
        in text
    )
    assert "LHeel: expected LHeel, LeftHeel; nearest in the file: LHeal" in text
    assert "15 keypoints; 2 cannot" in text
    assert "Nose" not in text


@pytest.mark.parametrize(
    ("names", "absent"),
    [
        (COCO_17, {f"{side}{part}" for side in "RL" for part in ("Heel", "SmallToe", "BigToe")}),
        ([name for name in MMPOSE if "toe" not in name], {"RSmallToe", "LSmallToe", "RBigToe", "LBigToe"}),
        ([name.replace("big_toe", "foot_index") for name in MMPOSE if "small" not in name], {"RSmallToe", "LSmallToe"}),
    ],
)
def test_heels_and_toes_may_be_absent_and_are_named(names, absent):
    found = find_keypoints(trial(names))
    assert set(found.absent) == absent
    assert np.array_equal(np.isnan(found.positions).all(axis=(0, 2)), np.isin(KEYPOINTS.names, list(absent)))
    (told,) = [sentence for sentence in found.derived if "not in the file" in sentence]
    assert told.startswith(", ".join(found.absent))
    with pytest.raises(MarkerSetError, match=f"{len(absent)} cannot be taken from this file"):
        find_keypoints(trial(names), complete=True)


def test_the_marker_set_is_guessed_from_what_is_missing():
    assert "Shoulders, hips, knees and ankles must be there" in message([n for n in KEYPOINTS if "Knee" not in n])
    lower = message([*KEYPOINTS.names[3:], "Hip"])
    assert "HALPE_26_LOWER" in lower
    assert "Neck: expected Neck, NeckCenter or the two shoulders" in lower


def test_a_column_without_samples_counts_as_absent():
    positions = trial(KEYPOINTS).positions.copy()
    positions[:, 0] = np.nan  # Neck
    found = find_keypoints(Markers(KEYPOINTS.names, positions, np.arange(4) / 60))
    assert found.derived[0].startswith("Neck")
    assert np.isfinite(found.positions).all()
    positions[:, KEYPOINTS.index("LKnee")] = np.nan
    with pytest.raises(MarkerSetError, match="LKnee: no frame of LKnee has a sample"):
        find_keypoints(Markers(KEYPOINTS.names, positions, np.arange(4) / 60))


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
