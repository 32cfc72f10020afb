"""The body frame: invertible, right-handed, and blind to where and how the person stands in the lab."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.normalization import BodyFrame, body_frame, make_features, to_body, to_lab

NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP, R_ANKLE = (
    KEYPOINTS.index(name) for name in ("Neck", "RShoulder", "LShoulder", "RHip", "LHip", "RAnkle")
)
seeds = st.integers(0, 2**32 - 1)
lengths = st.sampled_from([1, 2, 3, 7, 30])


def people(seed, n_frames=30, n=3):
    """Upright bodies with Y up and Z to the right, every keypoint moving about its place, (n, n_frames, 15, 3)."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.3, (n, 1, len(KEYPOINTS), 3)) + rng.normal(0, 0.02, (n, n_frames, len(KEYPOINTS), 3))
    for k, place in {
        NECK: (0.0, 0.5, 0.0),
        R_SHOULDER: (0.0, 0.45, 0.2),
        L_SHOULDER: (0.0, 0.45, -0.2),
        R_HIP: (0.0, 0.0, 0.1),
        L_HIP: (0.0, 0.0, -0.1),
    }.items():
        points[:, :, k] = np.array(place) + rng.normal(0, 0.02, (n, n_frames, 3))
    return points


def heights(seed, n=3):
    return np.random.default_rng(seed).uniform(1.3, 2.1, n)


def rotations(seed, n=3):
    return Rotation.random(n, random_state=np.random.default_rng(seed)).as_matrix()


@given(seeds, lengths)
def test_what_goes_to_the_body_frame_comes_back(seed, n_frames):
    keypoints = people(seed, n_frames)
    frame = body_frame(keypoints, heights(seed))
    points = np.random.default_rng(seed).normal(0, 2, (3, n_frames, 35, 3))
    np.testing.assert_allclose(to_lab(to_body(points, frame), frame), points, rtol=0, atol=1e-12)
    np.testing.assert_allclose(to_body(to_lab(points, frame), frame), points, rtol=0, atol=1e-12)


@given(seeds, lengths)
def test_body_axes_are_a_right_handed_frame_along_trunk_and_hips(seed, n_frames):
    turn = rotations(seed)[:, None]
    keypoints = people(seed, n_frames) @ turn.swapaxes(-1, -2)
    rotation = body_frame(keypoints, heights(seed)).rotation
    np.testing.assert_allclose(
        rotation @ rotation.swapaxes(1, 2), np.broadcast_to(np.eye(3), (3, 3, 3)), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), np.ones(3), rtol=0, atol=1e-12)
    mean = keypoints.mean(axis=1)
    up = mean[:, NECK] - (mean[:, R_HIP] + mean[:, L_HIP]) / 2
    np.testing.assert_allclose(rotation[:, 1], up / np.linalg.norm(up, axis=-1, keepdims=True), rtol=0, atol=1e-12)
    across = mean[:, R_HIP] - mean[:, L_HIP] + mean[:, R_SHOULDER] - mean[:, L_SHOULDER]
    turned = np.einsum("nij,nj->ni", rotation, across)
    np.testing.assert_allclose(turned[:, 0], np.zeros(3), rtol=0, atol=1e-12)
    assert (turned[:, 2] > 0).all()


def test_an_upright_person_who_faces_x_is_not_turned_and_scales_by_height():
    keypoints = people(0, n=1)
    for k in (NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP):
        keypoints[:, :, k] = keypoints[:, :, k].mean(axis=1, keepdims=True).round(1)  # the noise away
    frame = body_frame(keypoints, np.array([2.0]))
    np.testing.assert_allclose(frame.rotation[0], np.eye(3), rtol=0, atol=1e-9)
    np.testing.assert_allclose(to_body(keypoints, frame), keypoints / 2, rtol=0, atol=1e-9)


@given(seeds, lengths, st.floats(-1e3, 1e3))
def test_features_know_neither_place_nor_direction(seed, n_frames, far_m):
    keypoints, height = people(seed, n_frames), heights(seed)
    mass = 40 * height
    features = make_features(keypoints, body_frame(keypoints, height), mass)
    turned = keypoints @ rotations(seed)[:, None].swapaxes(-1, -2) + far_m * np.array([1.0, -0.5, 0.2])
    again = make_features(turned, body_frame(turned, height), mass)
    assert features.shape == (3, n_frames, 47)
    np.testing.assert_allclose(again, features, rtol=0, atol=1e-9)


def test_features_are_body_coordinates_then_height_and_mass():
    keypoints, height = people(1), heights(1)
    frame = body_frame(keypoints, height)
    features = make_features(keypoints, frame, np.array([50.0, 60.0, 70.0]))
    expected = Rotation.from_matrix(frame.rotation[2]).apply(keypoints[2, 11, R_ANKLE] - frame.origin[2, 11])
    first = 3 * R_ANKLE
    np.testing.assert_allclose(features[2, 11, first : first + 3], expected / float(height[2]), atol=1e-12)
    np.testing.assert_array_equal(features[..., 45], np.broadcast_to(height[:, None], (3, 30)))
    assert features[2, 0, 46] == 70


def test_targets_turn_with_the_person():
    keypoints, height, markers = people(2), heights(2), people(3)
    turn = rotations(4)[:, None].swapaxes(-1, -2)
    first = to_body(markers, body_frame(keypoints, height))
    second = to_body(markers @ turn, body_frame(keypoints @ turn, height))
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 30])
def test_the_origin_is_the_parabola_through_the_hips(n_frames):
    keypoints = people(5, n_frames)
    middle = (keypoints[:, :, R_HIP] + keypoints[:, :, L_HIP]) / 2
    time = np.arange(n_frames)
    for k in range(3):
        fit = np.polynomial.Polynomial.fit(time, middle[k, :, 0], min(2, n_frames - 1)) if n_frames > 1 else None
        expected = fit(time) if fit else middle[k, :, 0]
        np.testing.assert_allclose(body_frame(keypoints, heights(5)).origin[k, :, 0], expected, atol=1e-12)


def test_the_origin_follows_a_flight_but_not_the_noise():
    time = np.arange(30) / 60
    keypoints = people(6, n=1) * 0
    flight = np.stack([2.0 * time, 1 + 2.4 * time - 4.9 * time**2, 0 * time], axis=-1)
    noise = 0.02 * np.random.default_rng(0).normal(size=(30, 3))
    keypoints[0, :, R_HIP] = flight + noise
    keypoints[0, :, L_HIP] = flight + noise
    origin = body_frame(keypoints, heights(6, n=1)).origin[0]
    assert float(np.sqrt(((origin - flight) ** 2).mean())) < 0.4 * 0.02


def degenerate(kind):
    keypoints = people(7, n=1)
    line = np.array([0.3, 1.1, -0.7])
    if kind == "one point":
        keypoints[:] = 1.0
    elif kind == "one line":
        for k, place in ((NECK, 0.5), (R_SHOULDER, 0.6), (L_SHOULDER, 0.4), (R_HIP, 0.1), (L_HIP, -0.1)):
            keypoints[:, :, k] = place * line + np.array([1.7, 0.3, -2.9])
    elif kind == "neck between the hips":
        keypoints[:, :, NECK] = (keypoints[:, :, R_HIP] + keypoints[:, :, L_HIP]) / 2
    elif kind == "no width":
        keypoints[:, :, L_HIP] = keypoints[:, :, R_HIP]
        keypoints[:, :, L_SHOULDER] = keypoints[:, :, R_SHOULDER]
    return keypoints


@pytest.mark.parametrize("kind", ["one point", "one line", "neck between the hips", "no width"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_there_is_no_body_the_rotation_is_not_a_number_and_other_windows_are_unharmed(kind, dtype):
    whole = people(8, n=1)
    keypoints = np.concatenate([whole, degenerate(kind)]).astype(dtype)
    rotation = body_frame(keypoints, heights(8, n=2).astype(dtype)).rotation
    assert np.isnan(rotation[1]).any()
    alone = body_frame(whole.astype(dtype), heights(8, n=1).astype(dtype)).rotation
    np.testing.assert_allclose(rotation[0], alone[0], atol=1e-6)


def test_precision_is_that_of_the_keypoints():
    for dtype in (np.float32, np.float64):
        keypoints = people(9).astype(dtype)
        frame = body_frame(keypoints, heights(9).astype(dtype))
        assert isinstance(frame, BodyFrame)
        assert frame.origin.dtype == frame.rotation.dtype == dtype
        assert make_features(keypoints, frame, heights(9).astype(dtype)).dtype == dtype
