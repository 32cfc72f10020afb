"""Height from keypoints is within the stated error for generated people, whatever their motion and posture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trcaugment.body.detector import KeypointErrors, disturb
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.motions import perturb
from trcaugment.body.population import Population
from trcaugment.body.skeleton import POINT_INDEX
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.chain.height import SEGMENTS, estimate_height, segment_lengths
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.errors import MarkersError
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import KEYPOINTS


@pytest.fixture(scope="module")
def seen():
    """Three seconds of 100 people who do all sorts of things, seen with all errors of detectors, and their heights."""
    errors, library = KeypointErrors(), make_library([], 30, 5)
    generator = torch.Generator().manual_seed(3)
    people = WindowGenerator(library, Population(), errors).draw_people(100, generator)
    coordinates = perturb(library.play(library.choose(100, generator), 180, generator), generator)
    true = forward_kinematics(people, coordinates, [POINT_INDEX[name] for name in KEYPOINTS])
    return disturb(errors, true, generator).double().numpy(), people.height_m.numpy()


@pytest.fixture(scope="module")
def person(seen):
    """One of them, (180, 15, 3) in m."""
    return seen[0][0]


def test_most_generated_people_are_within_the_stated_error_and_none_is_far_off(seen):
    estimates = [estimate_height(positions) for positions in seen[0]]
    off_m = np.array([estimate.height_m for estimate in estimates]) - seen[1]
    stated_m = np.array([estimate.error_m for estimate in estimates])
    assert (np.abs(off_m) <= stated_m).mean() >= 0.9
    assert (np.abs(off_m) <= 3 * stated_m).all()
    assert abs(off_m.mean()) < 0.02


@settings(max_examples=25)
@given(factor=st.floats(0.7, 1.2), seed=st.integers(0, 2**16), shift_m=st.tuples(*[st.floats(-50, 50)] * 3))
def test_it_grows_with_the_body_and_no_turn_or_move_changes_it(person, factor, seed, shift_m):
    turned = Rotation.random(rng=np.random.default_rng(seed)).apply(person.reshape(-1, 3)).reshape(person.shape)
    expected_m = factor * estimate_height(person).height_m
    assert estimate_height(factor * turned + shift_m).height_m == pytest.approx(expected_m, rel=1e-9)


def test_missing_samples_elsewhere_or_one_missing_side_change_little(person):
    expected_m = estimate_height(person).height_m
    gappy = np.concatenate([person, np.full_like(person, np.nan)])
    assert estimate_height(gappy).height_m == pytest.approx(expected_m)
    one_sided = person.copy()
    one_sided[:, [KEYPOINTS.index(name) for name in ("LKnee", "LAnkle", "LBigToe")]] = np.nan
    assert estimate_height(one_sided).height_m == pytest.approx(expected_m, rel=0.04)


def test_bursts_and_noise_do_not_carry_it_away(person):
    rng = np.random.default_rng(0)
    noisy = person + 0.02 * rng.standard_normal(person.shape)
    noisy[::20, KEYPOINTS.index("RKnee")] += 1.0
    assert estimate_height(noisy).height_m == pytest.approx(estimate_height(person).height_m, rel=0.03)


@pytest.mark.parametrize(
    ("names", "unseen"), [(("RAnkle", "LAnkle"), "shank"), (("Neck",), "trunk"), (("RHip", "LHip"), "trunk and thigh")]
)
def test_what_is_never_seen_is_named(person, names, unseen):
    without = person.copy()
    without[:, [KEYPOINTS.index(name) for name in names]] = np.nan
    with pytest.raises(MarkersError, match=f"found none of the {unseen}; state the height"):
        estimate_height(without)


def test_another_unit_is_no_persons_height(person):
    with pytest.raises(MarkersError, match="is the file's unit right"):
        estimate_height(1000 * person)


def test_segment_lengths_are_distances_between_the_named_points():
    positions = np.random.default_rng(1).standard_normal((4, 15, 3))
    lengths = segment_lengths(positions)
    place = {name: positions[:, k] for k, name in enumerate(KEYPOINTS)}
    place["hips"] = (place["RHip"] + place["LHip"]) / 2
    for k, (first, second) in enumerate(SEGMENTS.values()):
        np.testing.assert_allclose(lengths[:, k], np.sqrt(((place[first] - place[second]) ** 2).sum(axis=1)))


def test_three_real_people_are_within_the_stated_error(shared_data):
    files = {
        1.96: sorted((shared_data / "keypoints").glob("*.trc")),
        1.78: sorted((shared_data / "sessions" / "opencap_subject0" / "MarkerData").glob("*.trc")),
        1.68: sorted((shared_data / "lab" / "subject4").glob("*_keypoints.trc")),
    }
    for height_m, paths in files.items():
        assert paths
        for path in paths:
            estimate = estimate_height(find_keypoints(read_trc(path)).positions)
            assert abs(estimate.height_m - height_m) <= estimate.error_m, path.name
