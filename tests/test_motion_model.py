"""The motion model: the fit recovers planted people, and generated people keep their feet flat on the floor."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from trcaugment.body.motion_fit import Activity, find_landmarks, fit_activity, principal, without_heading
from trcaugment.body.motion_model import N_PHASES, model_sources, motion_models, read_models, write_models
from trcaugment.body.motions import perturb
from trcaugment.body.procedural import ACTIVITIES, make_motion
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.errors import MotionError

TILT, LUMBAR, HIP, KNEE = (
    COORDINATE_INDEX[name] for name in ("pelvis_tilt", "lumbar_extension", "hip_flexion_r", "knee_angle_r")
)
SQUAT = Activity(("knee_angle_r",), (0.15, 0.85), ("pelvis_tilt", "hip_flexion_r", "knee_angle_r"), "knee_angle")


def bumps(depths, rest_s=1.0, move_s=1.0):
    """A coordinate that rises to each depth, stays for half a second, falls and rests, at 60 Hz."""
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(round(60 * move_s)) / (60 * move_s))
    rest, hold = np.zeros(round(60 * rest_s)), np.ones(30)
    return np.concatenate([*(np.r_[rest, depth * np.r_[rise, hold, rise[::-1]]] for depth in depths), rest])


def person(depths, lean):
    """Squats in rad whose pelvis tilts by `lean` of the knee; the hip keeps the foot flat with a still ankle."""
    motion = np.zeros((len(bumps(depths)), len(COORDINATES)))
    motion[:, KNEE] = bumps(depths)
    motion[:, TILT] = -lean * motion[:, KNEE]
    motion[:, HIP] = motion[:, KNEE] - motion[:, TILT]
    return motion


def test_landmarks_lie_where_the_levels_are_passed():
    driver = bumps([1.0, 2.0, 1.5])
    found = find_landmarks(driver, (0.15, 0.85))
    assert found.shape == (3, 4)
    share = np.interp(found.ravel(), np.arange(len(driver)), driver).reshape(3, 4) / np.array([[1.0], [2.0], [1.5]])
    np.testing.assert_allclose(share, [[0.15, 0.85, 0.85, 0.15]] * 3, atol=0.02)
    assert (np.diff(found.ravel()) > 0).all()


def test_the_fit_recovers_planted_people():
    rng = np.random.default_rng(1)
    leans = rng.normal(0.3, 0.1, 40)
    people = [[person(rng.normal(1.5, 0.2, 6).clip(0.8), lean)] for lean in leans]
    model = fit_activity(people, SQUAT)
    curves = model.mean[: N_PHASES * 3].reshape(N_PHASES, 3)
    assert curves[:, 2].max() == pytest.approx(np.rad2deg(1.5), rel=0.03)
    assert -curves[:, 0].min() / curves[:, 2].max() == pytest.approx(leans.mean(), abs=0.01)
    drawn = [model.draw(np.random.default_rng(seed), 12.0) for seed in range(300)]
    lean = [np.polyfit(motion[:, KNEE], -motion[:, TILT], 1)[0] for motion in drawn]
    assert np.mean(lean) == pytest.approx(leans.mean(), abs=0.03)
    assert np.std(lean) == pytest.approx(leans.std(ddof=1), rel=0.25)
    assert np.std([motion[:, KNEE].max() for motion in drawn]) == pytest.approx(0.15, rel=0.5)
    pitch = np.concatenate([motion[:, HIP] + motion[:, TILT] - motion[:, KNEE] for motion in drawn])
    assert np.abs(pitch).max() < np.deg2rad(1.0)  # a law that every recording obeys, every generated motion obeys


def test_components_are_those_of_the_covariance():
    rng = np.random.default_rng(2)
    planted = np.array([[3.0, 0, 0, 4.0], [0, 1.0, -1.0, 0]])
    deviations = rng.standard_normal((4000, 2)) @ planted
    found = principal(deviations, 4000)
    np.testing.assert_allclose(found.T @ found, planted.T @ planted, atol=0.9)
    np.testing.assert_allclose(found[0] @ found[1], 0, atol=1e-9)


def test_one_person_alone_is_no_model():
    with pytest.raises(MotionError, match="two people"):
        fit_activity([[person([1.0, 1.2], 0.3)]], SQUAT)


def test_a_heading_is_taken_away_and_nothing_else():
    rng = np.random.default_rng(3)
    motion = np.zeros((100, len(COORDINATES)))
    motion[:, :3] = rng.normal(0, 0.1, (100, 3))
    turned = motion.copy()
    turn = Rotation.from_euler("Y", 80, degrees=True)
    turned[:, :3] = (turn * Rotation.from_euler("ZXY", motion[:, :3])).as_euler("ZXY")
    assert np.abs(turned[:, :2] - motion[:, :2]).max() > 0.2  # tilt and list have changed places
    np.testing.assert_allclose(without_heading(turned), without_heading(motion), atol=1e-9)


def test_models_survive_their_file(tmp_path):
    model = fit_activity([[person([1.0, 1.2], 0.3)], [person([1.1, 1.4], 0.4)]], SQUAT)
    write_models(tmp_path / "models.npz", {"squat": model}, ["planted"])
    again = read_models(tmp_path / "models.npz")["squat"]
    assert again.coordinates == model.coordinates
    for part in ("phases", "mean", "between", "within"):
        np.testing.assert_allclose(getattr(again, part), getattr(model, part), rtol=1e-3, atol=1e-3)


def pitches_deg(motion):
    """Pitch of both feet against a flat floor, (n_frames, 2)."""
    hip, knee, ankle = (
        motion[:, [COORDINATE_INDEX[f"{name}_{side}"] for side in "rl"]]
        for name in ("hip_flexion", "knee_angle", "ankle_angle")
    )
    return np.rad2deg(motion[:, [TILT]] + hip - knee + ankle)


@pytest.mark.parametrize("activity", ["squat", "sit_to_stand", "bend", "reach", "stand"])
def test_feet_on_the_floor_are_flat_for_everybody(activity):
    rng, generator = np.random.default_rng(4), torch.Generator().manual_seed(4)
    plain = [make_motion(activity, rng) for _ in range(15)]
    seen = [perturb(torch.from_numpy(motion)[None], generator)[0].numpy() for motion in plain]
    for motions in (plain, seen):
        pitch = [pitches_deg(motion) for motion in motions]
        assert np.median([own.std(axis=0).mean() for own in pitch]) < 4.5  # recorded people: 3 to 4 degrees
        assert abs(np.mean([own.mean() for own in pitch])) < 7.0  # -5 to -2
        assert np.std([own.mean() for own in pitch]) < 8.0  # 4 to 5.5


def test_thighs_turn_inward_over_feet_that_stay():
    rng = np.random.default_rng(5)
    turn = COORDINATE_INDEX["hip_rotation_r"]
    slopes = [
        np.polyfit(motion[:, KNEE], motion[:, turn], 1)[0] for motion in (make_motion("squat", rng) for _ in range(20))
    ]
    assert 0.1 < np.mean(slopes) < 0.3  # recorded people: 0.20 (0.10)


def test_lumbar_spine_and_pelvis_of_squatting_people_move_apart():
    """At the bottom the pelvis tucks under while the back rounds: correlation over people -0.58 in recordings."""
    rng = np.random.default_rng(6)
    lowest = [motion[motion[:, KNEE].argmax()] for motion in (make_motion("squat", rng) for _ in range(80))]
    assert np.corrcoef([pose[TILT] for pose in lowest], [pose[LUMBAR] for pose in lowest])[0, 1] < -0.3


def test_every_activity_of_the_model_has_a_share_and_says_its_sources():
    assert set(motion_models()) <= set(ACTIVITIES)
    for model in motion_models().values():
        assert model.mean.shape[-1] == N_PHASES * len(model.coordinates) + len(model.phases)
    assert any("PDDL" in source for source in model_sources())
    assert not any("GPL" in source for source in model_sources())
