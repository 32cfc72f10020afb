"""Names with a common beginning or end, several people in one file, and names that the user maps to ours."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trcaugment.chain.keypoints import find_keypoints
from trcaugment.errors import MarkersError, MarkerSetError
from trcaugment.formats.affixes import Affix, find_affix, with_known_names
from trcaugment.formats.name_map import AS_THEY_ARE, read_name_map
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS, OTHER_KEYPOINTS
from trcaugment.markers import Markers

PERSON = (*KEYPOINTS, *OTHER_KEYPOINTS)
BLAZEPOSE = [f"{side}_{part}" for part in ("shoulder", "hip", "knee") for side in ("LEFT", "RIGHT")]


def trial(names):
    """Markers with different positions everywhere."""
    values = np.random.default_rng(len(names)).normal(size=(3, len(names), 3))
    return Markers(tuple(names), values, np.arange(3) / 60)


@pytest.mark.parametrize("affix", ["Patient01:", "Subject36_", "P1", "body.", "Her ", "Athlete-2 / "])
@pytest.mark.parametrize("names", [PERSON, ANATOMICAL_MARKERS.names, BLAZEPOSE])
def test_what_all_names_begin_with_is_found(affix, names):
    given_names = [affix + name for name in names]
    assert find_affix([*given_names, "box", "C_17"]) == Affix(affix, "")
    assert find_affix([*given_names, *names]) is None
    found = with_known_names(trial([*given_names, "box"]))
    assert found.names == (*names, "box")
    assert found.notes == (f"Names begin with '{affix}': read without it.",)


@pytest.mark.parametrize("affix", ["_filtered", ":P1", "_1", "#2", ".mean"])
def test_what_all_names_end_in_is_found(affix):
    assert find_affix([name + affix for name in PERSON]) == Affix("", affix)


@given(
    affix=st.text(st.characters(categories=["Lu", "Ll", "Nd"], include_characters="_:-."), min_size=1, max_size=8),
    at_end=st.booleans(),
)
def test_any_affix_gives_the_keypoints_or_is_asked_about(affix, at_end):
    names = [name + affix if at_end else affix + name for name in PERSON]
    plain, markers = trial(PERSON), trial(names)
    try:
        found = find_keypoints(markers)
    except MarkerSetError:
        return
    np.testing.assert_array_equal(found.positions, plain.select(KEYPOINTS))
    assert list(found.sources.values()) == [names[PERSON.index(keypoint)] for keypoint in KEYPOINTS]


@pytest.mark.parametrize(
    "names", [PERSON, ANATOMICAL_MARKERS.names, ("RASI", "LASI", "SACR", "RKNE"), ("vRHip", "vLHip")]
)
def test_names_that_are_known_or_unknown_as_they_stand_have_no_affix(names):
    assert find_affix(names) is None
    markers = trial(names)
    assert with_known_names(markers) is markers


@pytest.mark.parametrize(
    ("people", "pattern"),
    [(("P1_{}", "P2_{}"), r"\*=P1_\*"), (("{}_A", "{}_B"), r"\*=\*_A"), (("{}#1", "{}#2"), r"\*=\*#1")],
)
def test_two_people_in_one_file_are_told_apart_by_choice(people, pattern):
    names = [person.format(name) for person in people for name in PERSON]
    markers = trial(names)
    with pytest.raises(
        MarkerSetError, match=f"one person, found the same names 2 times.*--names '{pattern}'"
    ) as caught:
        find_keypoints(markers)
    assert "\n" not in str(caught.value)
    for k, person in enumerate(people):
        chosen = read_name_map(["*=" + person.format("*")], PERSON).apply(markers)
        found = find_keypoints(chosen)
        np.testing.assert_array_equal(found.positions, markers.positions[:, [len(PERSON) * k + i for i in range(15)]])


def test_skin_markers_beside_keypoints_are_not_taken_for_joints():
    skin = ("r_knee", "L_knee", "r_ankle", "L_ankle", "r.ASIS", "L.ASIS")
    kept = [name for name in KEYPOINTS if "Knee" not in name and "Ankle" not in name]
    with pytest.raises(MarkerSetError) as caught:
        find_keypoints(trial([*kept, *skin]))
    first, *_, last = str(caught.value).splitlines()
    assert "4 cannot be taken from this file: RKnee, LKnee, RAnkle, LAnkle" in first
    assert "skin markers (L.ASIS, L_ankle, L_knee, r.ASIS, ...)" in last and "--names RKnee=NAME" in last
    pairs = [f"{keypoint}={keypoint[0] if keypoint[0] == 'L' else 'r'}_knee" for keypoint in ("RKnee", "LKnee")]
    pairs += ["RAnkle=r_ankle", "LAnkle=L_ankle"]
    markers = read_name_map(pairs, PERSON).apply(trial([*kept, *skin]))
    assert "RKnee is r_knee, as --names says." in markers.notes
    find_keypoints(markers)
    # Of a pose model, they are keypoints.
    assert find_keypoints(trial([*kept, *skin[:4]])).sources["RKnee"] == "r_knee"


def test_a_name_that_is_needed_and_stands_twice_is_asked_about():
    names = [*[name for name in KEYPOINTS if name != "RHip"], "RHip#1", "RHip#2"]
    markers = trial(names)
    with pytest.raises(MarkerSetError, match=r"RHip: RHip#1 and RHip#2 fit; choose with --names RHip=RHip#1"):
        find_keypoints(markers)
    found = find_keypoints(read_name_map(["RHip=RHip#2"], PERSON).apply(markers))
    np.testing.assert_array_equal(found.positions[:, KEYPOINTS.index("RHip")], markers.positions[:, -1])


def test_only_names_of_the_same_side_come_near():
    names = [*[name for name in KEYPOINTS if "Heel" not in name], "LHeal", "Heal_R", "Nose"]
    with pytest.raises(MarkerSetError) as caught:
        find_keypoints(trial(names), complete=True)
    first, right, left, *_ = str(caught.value).splitlines()
    assert first.endswith("2 cannot be taken from this file: RHeel, LHeel")
    assert right.strip() == "RHeel: expected RHeel, RightHeel; nearest in the file: Heal_R"
    assert left.strip() == "LHeel: expected LHeel, LeftHeel; nearest in the file: LHeal"


def test_freemocap_and_sides_at_the_end_have_aliases():
    spelled = ["neck_center", "hips_center", *(f"{name[1:]}.{name[0]}" for name in KEYPOINTS if name != "Neck")]
    found = find_keypoints(trial(spelled))
    assert found.sources["Neck"] == "neck_center"
    assert found.sources["LSmallToe"] == "SmallToe.L"
    assert found.derived == ()


def test_only_what_must_be_there_is_asked_for():
    with pytest.raises(MarkerSetError) as caught:
        find_keypoints(trial([name for name in KEYPOINTS if name[1:] not in ("Ankle", "Heel", "SmallToe", "BigToe")]))
    first, *_ = str(caught.value).splitlines()
    assert first == "the model needs 9 keypoints; 2 cannot be taken from this file: RAnkle, LAnkle"


def test_a_trial_without_any_sample_is_refused_in_one_line():
    empty = trial(KEYPOINTS)
    with pytest.raises(MarkerSetError, match=r"^expected keypoints, found no marker with a sample in any frame\. \S+"):
        find_keypoints(replace(empty, positions=np.full_like(empty.positions, np.nan)))


@pytest.mark.parametrize("second", ["P2_{}", "{}_2"])
def test_a_second_person_beside_one_with_plain_names_is_noted(second):
    names = [*KEYPOINTS, *(second.format(name) for name in KEYPOINTS)]
    pattern = "*=" + second.format("*")
    found = AS_THEY_ARE.apply(trial(names))
    assert found.names == tuple(names)
    (note,) = found.notes
    assert "The same names are there again" in note and pattern in note
    chosen = read_name_map([pattern]).apply(trial(names))
    assert set(KEYPOINTS) <= set(chosen.names)


# --- the user's map


def test_a_marker_with_our_name_gives_way_to_the_one_that_the_user_names():
    markers = trial(["RHip", "RHJC", "LHip"])
    found = read_name_map(["RHip=RHJC"], PERSON).apply(markers)
    assert found.names == ("RHip", "LHip")
    np.testing.assert_array_equal(found.positions, markers.positions[:, 1:])
    swapped = read_name_map(["RHip=LHip", "LHip=RHip"], PERSON).apply(markers)
    assert swapped.names == ("LHip", "RHJC", "RHip")
    np.testing.assert_array_equal(swapped.positions, markers.positions)


def test_names_that_are_not_in_the_file_are_reported():
    markers = trial(["a", "b"])
    found = read_name_map(["RHip=a", "LHip=nowhere"], PERSON).apply(markers)
    assert found.names == ("RHip", "b")
    assert "No marker nowhere of --names is in the file." in found.notes
    with pytest.raises(MarkersError, match="found no A2"):
        read_name_map(["RHip=A2"], PERSON).apply(markers)
    with pytest.raises(MarkersError, match="begin with 'P1_', as --names says, found a, b"):
        read_name_map(["*=P1_*"], PERSON).apply(markers)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_maps_come_from_files_and_options(tmp_path, delimiter, encoding, end):
    path = tmp_path / "map.csv"
    lines = [f"ours{delimiter}theirs", f"RHip{delimiter} hanche liée ", "", f"LHip{delimiter}left"]
    path.write_bytes(end.join(lines).encode(encoding))
    found = read_name_map([str(path), "Neck=C7", "*=S_*"], PERSON)
    assert found.theirs == {"RHip": "hanche liée", "LHip": "left", "Neck": "C7"}
    assert found.affix == Affix("S_", "")


def test_a_map_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "map.csv").write_bytes(b"PK\0\0")
    with pytest.raises(MarkersError, match="expected a CSV file of names, found a binary file"):
        read_name_map([str(tmp_path / "map.csv")])
    (tmp_path / "map.csv").write_text("ours,theirs\n")
    with pytest.raises(MarkersError, match="expected rows of two names"):
        read_name_map([str(tmp_path / "map.csv")])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["RHop=a"], "expected one of our markers, found 'RHop'; nearest is R"),
        (["x=a"], "expected one of our markers, found 'x'; there are"),
        (["RHip"], "expected names as OURS=THEIRS"),
        (["RHip=a", "RHip=b"], "RHip is named twice"),
        (["*=P1"], "expected .*PREFIX"),
        (["*=*"], "expected .*PREFIX"),
        (["*=a*", "*=b*"], "once"),
    ],
)
def test_ambiguous_maps_are_refused(values, message):
    with pytest.raises(MarkersError, match=message):
        read_name_map(values, PERSON)


def test_without_a_list_of_ours_any_name_goes():
    markers = trial(["a", "b"])
    assert read_name_map(["RASI=a"]).apply(markers).names == ("RASI", "b")
    assert read_name_map([]).apply(markers).names == ("a", "b")
