"""Arm markers: predicted beside the body's from elbows and wrists, and NaN, by name, where these are not seen."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from golden_walk import EXAMPLES, GOLDEN_ARMS, SUBJECT, part

from trcaugment import Subject, load_model, read_trc, write_trc
from trcaugment.body.arms import move_arms
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import COORDINATE_INDEX, GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.chain.augmentation import Augmentation, augment
from trcaugment.chain.keypoints import find_arms
from trcaugment.chain.preparation import AS_USUAL, Preparation
from trcaugment.cli import main
from trcaugment.errors import MarkerSetError, ModelError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, KEYPOINTS
from trcaugment.markers import Markers

N_FRAMES = 90
TIME_S = np.arange(N_FRAMES) / 60
ADULT = Subject(GENERIC_HEIGHT_M, 70)
ELBOWS_AND_WRISTS = ("RElbow", "LElbow", "RWrist", "LWrist")
RIGHT, LEFT = ARM_MARKERS.names[::2], ARM_MARKERS.names[1::2]
ARMS = replace(AS_USUAL, arms=True)


@cache
def person() -> tuple[Markers, Markers]:
    """Keypoints and true arm markers of an average adult who stands and bends both elbows."""
    motion = make_motion("stand", np.random.default_rng(1))[:1].repeat(N_FRAMES, axis=0)
    for side in "rl":
        motion[:, COORDINATE_INDEX[f"elbow_flex_{side}"]] = np.radians(np.linspace(15, 100, N_FRAMES))
        motion[:, COORDINATE_INDEX[f"arm_add_{side}"]] = np.radians(-15)
        motion[:, COORDINATE_INDEX[f"pro_sup_{side}"]] = np.radians(95)
    names = (*KEYPOINTS, *ELBOWS_AND_WRISTS, *ARM_MARKERS)
    points = [POINT_INDEX[name] for name in names]
    places = forward_kinematics(average_adult(), torch.from_numpy(motion)[None], points)[0].numpy()
    n = len(KEYPOINTS) + 4
    return Markers(names[:n], places[:, :n], TIME_S), Markers(names[n:], places[:, n:], TIME_S)


@cache
def usual() -> Augmentation:
    return augment(person()[0], ADULT, load_model(), ARMS)


def changed(**gaps: slice) -> Markers:
    """The keypoints, of which some are not seen in some frames."""
    keypoints = person()[0]
    positions = keypoints.positions.copy()
    for name, frames in gaps.items():
        positions[frames, keypoints.names.index(name)] = np.nan
    return replace(keypoints, positions=positions)


def test_arm_markers_of_a_known_person() -> None:
    made, true = usual().markers, person()[1]
    assert made.names == (*ANATOMICAL_MARKERS, *ARM_MARKERS)
    away_mm = 1000 * np.linalg.norm(made.select(ARM_MARKERS) - true.positions, axis=2).mean(axis=0)
    assert away_mm.mean() < 20 and away_mm.max() < 35
    for joint, width_m in (("elbow", 0.078), ("wrist", 0.060)):
        for side in "rL":
            ends = made.select([f"{side}_l{joint}_study", f"{side}_m{joint}_study"])
            assert np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1) == pytest.approx(width_m, rel=0.2)


def test_golden_output_of_the_shipped_arms() -> None:
    walk = part(read_trc(EXAMPLES / "walk.trc"), 0, 60)
    made = augment(walk, SUBJECT, load_model(), ARMS).markers.select(ARM_MARKERS)
    np.testing.assert_allclose(made, np.load(GOLDEN_ARMS), atol=1e-4)


def test_the_body_is_the_same_with_arms() -> None:
    plain = augment(person()[0], ADULT, load_model())
    np.testing.assert_array_equal(usual().markers.select(ANATOMICAL_MARKERS), plain.markers.positions)
    assert plain.markers.names == ANATOMICAL_MARKERS.names


def test_heading_does_not_matter() -> None:
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    turned = replace(person()[0], positions=person()[0].positions @ turn.T)
    made = augment(turned, ADULT, load_model(), ARMS).markers.select(ARM_MARKERS)
    np.testing.assert_allclose(made, usual().markers.select(ARM_MARKERS) @ turn.T, atol=1e-4)


def test_left_and_right_are_treated_alike() -> None:
    keypoints = person()[0]
    mirrored = tuple({"R": "L", "L": "R"}.get(n[0], n[0]) + n[1:] if n != "Neck" else n for n in keypoints.names)
    flipped = Markers(mirrored, keypoints.positions * np.array([1.0, 1.0, -1.0]), TIME_S)
    made = augment(flipped, ADULT, load_model(), ARMS).markers
    expected = usual().markers.select(RIGHT) * np.array([1.0, 1.0, -1.0])
    np.testing.assert_allclose(made.select(LEFT), expected, atol=1e-4)


def test_a_gap_of_one_wrist_takes_that_arm_and_no_other() -> None:
    made = augment(changed(RWrist=slice(30, 60)), ADULT, load_model(), ARMS)
    right, left = made.markers.select(RIGHT), made.markers.select(LEFT)
    assert np.isnan(right[30:60]).all() and np.isfinite(right[:30]).all() and np.isfinite(right[60:]).all()
    assert {name: made.lost[name] for name in RIGHT} == {name: [(30, 60)] for name in RIGHT}
    assert made.missing["RWrist"] == [(30, 60)]
    assert np.linalg.norm(left - usual().markers.select(LEFT), axis=2).max() < 0.025
    beside = np.r_[:28, 62:N_FRAMES]
    assert np.linalg.norm(right - usual().markers.select(RIGHT), axis=2)[beside].max() < 0.03
    np.testing.assert_array_equal(made.markers.select(ANATOMICAL_MARKERS), usual().markers.select(ANATOMICAL_MARKERS))


def test_a_short_gap_is_filled_and_an_outlier_is_one() -> None:
    made = augment(changed(LElbow=slice(40, 44)), ADULT, load_model(), ARMS)
    assert made.filled["LElbow"] == [(40, 44)] and not set(LEFT) & set(made.lost)
    assert np.linalg.norm(made.markers.positions - usual().markers.positions, axis=2).max() < 0.005
    keypoints = person()[0]
    positions = keypoints.positions.copy()
    positions[50, keypoints.names.index("LWrist")] += 0.8
    spoiled = replace(keypoints, positions=positions)
    assert augment(spoiled, ADULT, load_model(), ARMS).outliers["LWrist"] == [(50, 51)]


def without(*names: str) -> Markers:
    keypoints = person()[0]
    kept = tuple(name for name in keypoints.names if name not in names)
    return replace(keypoints, names=kept, positions=keypoints.select(kept))


def test_an_arm_that_is_not_in_the_file_is_named() -> None:
    made = augment(without("LElbow"), ADULT, load_model(), ARMS)
    assert np.isnan(made.markers.select(LEFT)).all() and np.isfinite(made.markers.select(RIGHT)).all()
    assert "LElbow: not in the file, so the left arm's markers are not predicted" in made.derived
    assert np.linalg.norm(made.markers.select(RIGHT) - usual().markers.select(RIGHT), axis=2).max() < 0.025
    with pytest.raises(MarkerSetError, match=r"--arms needs elbow and wrist .* RElbow, LWrist"):
        augment(without("LWrist", "RElbow"), ADULT, load_model(), ARMS)


def test_arms_have_the_names_of_other_pose_models() -> None:
    keypoints = person()[0]
    others = dict(zip(ELBOWS_AND_WRISTS, ("right_elbow", "Elbow.L", "WristRight", "LeftWrist"), strict=True))
    found = find_arms(replace(keypoints, names=tuple(others.get(name, name) for name in keypoints.names)))
    assert found.sources == others
    np.testing.assert_array_equal(found.positions, keypoints.select(ELBOWS_AND_WRISTS))
    twice = Markers((*keypoints.names, "R_Elbow"), np.pad(keypoints.positions, ((0, 0), (0, 1), (0, 0))), TIME_S)
    assert find_arms(twice).sources["RElbow"] == "RElbow"  # its exact name comes first
    odd = replace(keypoints, names=tuple("rightelbow" if n == "RElbow" else n for n in keypoints.names))
    twice = Markers((*odd.names, "elbow_r"), np.pad(odd.positions, ((0, 0), (0, 1), (0, 0))), TIME_S)
    with pytest.raises(MarkerSetError, match="RElbow: rightelbow and elbow_r fit; choose with --names"):
        find_arms(twice)


def test_arm_markers_are_less_sure_the_more_elbows_shake() -> None:
    keypoints = person()[0]
    shaken = keypoints.positions.copy()
    elbow = keypoints.names.index("RElbow")
    shaken[:, elbow] += np.random.default_rng(0).normal(0, 0.02, (N_FRAMES, 3))
    calm, shaky = (
        augment(each, ADULT, load_model(), ARMS, uncertainty=True).spread
        for each in (keypoints, replace(keypoints, positions=shaken))
    )
    assert calm is not None and shaky is not None and calm.moving_m.shape == (N_FRAMES, 43, 3)
    assert (calm.constant_m[35:] > 0.003).all() and (calm.constant_m[35:] < 0.04).all()
    right = [k for k, name in enumerate(ARM_MARKERS, start=35) if name.startswith("r_")]
    assert np.median(shaky.moving_m[:, right] / calm.moving_m[:, right]) > 1.03
    np.testing.assert_array_equal(shaky.moving_m[:, :35], calm.moving_m[:, :35])


def test_what_a_filled_shoulder_adds_to_an_arm_is_not_known() -> None:
    keypoints = person()[0]
    positions = keypoints.positions.copy()
    positions[10:20, keypoints.names.index("Neck")] = np.nan
    made = augment(
        replace(keypoints, positions=positions),
        ADULT,
        load_model(),
        Preparation(arms=True, max_gap_s=0.05),
        uncertainty=True,
    )
    assert made.spread is not None and made.missing["Neck"] == [(10, 20)]
    assert np.isnan(made.spread.moving_m[10:20, 35:]).all() and np.isfinite(made.spread.moving_m[25:, 35:]).all()


def test_the_model_of_the_arms_is_no_model_of_the_body() -> None:
    with pytest.raises(ModelError, match=r"arms-v1 reads Neck, .* see --arms"):
        augment(person()[0], ADULT, load_model("arms-v1"), AS_USUAL)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_predict_writes_43_markers_on_request_and_says_by_which_models(tmp_path: Path) -> None:
    write_trc(tmp_path / "stand.trc", person()[0])
    stated = ("--height", "1.70", "--mass", "70")
    for option, n_markers in ((), 35), (("--arms",), 43):
        output = tmp_path / f"{n_markers}.trc"
        done = run("predict", tmp_path / "stand.trc", *stated, *option, "-o", output)
        assert done.exit_code == 0 and f"{n_markers} markers" in done.output, done.output
        assert len(read_trc(output).names) == n_markers
        sidecar = json.loads(output.with_suffix(".json").read_bytes())
        assert (sidecar["arms"] or {}).get("name") == ("arms-v1" if option else None)
        assert ("RWrist" in sidecar["sources"]) is bool(option)
    write_trc(tmp_path / "armless.trc", without(*ELBOWS_AND_WRISTS))
    done = run("predict", tmp_path / "armless.trc", *stated, "--arms", "-o", tmp_path / "no.trc")
    assert done.exit_code == 1 and "--arms needs elbow and wrist of at least one side" in done.output
    assert not (tmp_path / "no.trc").exists()


def test_a_preparation_without_arms_is_the_default() -> None:
    assert Preparation() == AS_USUAL and not AS_USUAL.arms
    still = torch.zeros(2, 30, len(COORDINATE_INDEX))
    assert move_arms(still, torch.Generator().manual_seed(0)).shape == still.shape
