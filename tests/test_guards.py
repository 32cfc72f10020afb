"""Guards: planted faults are found in their frames, ordinary trials have no findings, and axes do not matter."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.chain.checks import check_size, watch
from trcaugment.chain.checks.findings import spans_of
from trcaugment.chain.checks.frozen import watch_still
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.errors import MarkersError
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

N_FRAMES = 300
TIME_S = np.arange(N_FRAMES) / 60
ADULT = Subject(GENERIC_HEIGHT_M, 70)
LEGS = ("Knee", "Ankle", "Heel", "SmallToe", "BigToe")


@pytest.fixture(scope="module")
def card():
    return load_model(device="cpu").card


def act(activity):
    """The average adult, seen with 3 mm of noise, (300, 15, 3)."""
    motion = make_motion(activity, np.random.default_rng(5))
    motion = np.pad(motion, ((0, max(N_FRAMES - len(motion), 0)), (0, 0)), mode="reflect")[:N_FRAMES]
    points = [POINT_INDEX[name] for name in KEYPOINTS]
    positions = forward_kinematics(average_adult(), torch.from_numpy(motion)[None], points)[0].numpy()
    return positions + 0.003 * np.random.default_rng(4).standard_normal(positions.shape)


@pytest.fixture(scope="module")
def walk():
    return act("walk")


def at(*names):
    return [KEYPOINTS.index(name) for name in names]


def exchange(positions, kinds, frames=slice(100, 140)):
    other = KEYPOINTS.mirror_order
    order = [other[k] if name[1:] in kinds else k for k, name in enumerate(KEYPOINTS)]
    changed = positions.copy()
    changed[frames] = positions[frames][:, order]
    return changed


def freeze(positions, names, frames=slice(100, 140)):
    changed = positions.copy()
    changed[frames, at(*names)] = positions[frames.start, at(*names)]
    return changed


def stretch_shank(positions, share):
    """The right shank longer by a share, (n_frames,), the foot moved along."""
    changed = positions.copy()
    shank = positions[:, at("RAnkle")] - positions[:, at("RKnee")]
    changed[:, at("RAnkle", "RHeel", "RSmallToe", "RBigToe")] += np.asarray(share)[:, None, None] * shank
    return changed


def bend_knee_backward(positions):
    """Right shank and foot mirrored at the plane across the thigh's end: a flexed knee becomes an overextended one."""
    changed = positions.copy()
    hip, knee, ankle = (positions[100:140, k] for k in at("RHip", "RKnee", "RAnkle"))
    axis = positions[100:140, at("RHip")[0]] - positions[100:140, at("LHip")[0]]
    axis = axis / np.linalg.norm(axis, axis=1, keepdims=True)
    turn = Rotation.from_rotvec(np.radians(60) * axis)
    straight = knee + (knee - hip) / np.linalg.norm(knee - hip, axis=1, keepdims=True) * 0.4
    changed[100:140, at("RAnkle")[0]] = knee + turn.apply(straight - knee)
    for k in at("RHeel", "RSmallToe", "RBigToe"):
        changed[100:140, k] += changed[100:140, at("RAnkle")[0]] - ankle
    return changed


def kick(positions):
    """The right leg's lower half thrown back and forth by 1 m at 4 Hz, as no leg moves."""
    changed = positions.copy()
    swing = np.sin(2 * np.pi * 4 * TIME_S[100:140])
    changed[100:140, at("RAnkle", "RHeel", "RSmallToe", "RBigToe"), 0] += swing[:, None]
    return changed


INSIDE = [(100, 140)]
PLANTED = {
    "everything exchanged": (
        "swap",
        lambda p: exchange(p, (*LEGS, "Hip", "Shoulder")),
        INSIDE,
        r"everything \(40 of 300",
    ),
    "legs exchanged": ("swap", lambda p: exchange(p, LEGS), INSIDE, r"legs \(40 of 300 frames\);"),
    "hips exchanged": ("swap", lambda p: exchange(p, ("Hip",)), INSIDE, r"hips \(40"),
    "shoulders exchanged": ("swap", lambda p: exchange(p, ("Shoulder",)), INSIDE, r"shoulders \(40"),
    "ankles exchanged": ("swap", lambda p: exchange(p, LEGS[1:]), INSIDE, r"ankles and feet \("),
    "one frame": ("swap", lambda p: exchange(p, LEGS, slice(7, 8)), [(7, 8)], r"legs \(1 of 300"),
    "whole trial": ("swap", lambda p: exchange(p, (*LEGS, "Hip", "Shoulder"), slice(None)), [], "everything"),
    "mirror image": ("swap", lambda p: p * [1, 1, -1], [], "mirror image"),
    "one frozen": ("frozen", lambda p: freeze(p, ["RKnee"]), INSIDE, r"stand still: RKnee \(40 of 300 frames\);"),
    "all frozen": ("frozen", lambda p: freeze(p, KEYPOINTS), INSIDE, "and 11 more"),
    "long shank": (
        "segments",
        lambda p: stretch_shank(p, np.full(N_FRAMES, 0.25)),
        [],
        "right shank 1.2. times the left",
    ),
    "drifting shank": (
        "segments",
        lambda p: stretch_shank(p, np.linspace(-0.1, 0.1, N_FRAMES)),
        [],
        "at the end as at",
    ),
    "jumping shank": (
        "segments",
        lambda p: stretch_shank(p, 0.5 * ((TIME_S >= 1) & (TIME_S < 1.5))),
        [(60, 90)],
        "right shank 1.5. times its usual length",
    ),
    "knee bent backward": ("posture", bend_knee_backward, INSIDE, "right knee flexion -6.°"),
    "kick": ("speed", kick, INSIDE, "RAnkle"),
}


@pytest.mark.parametrize("activity", ["walk", "run", "squat", "sit_to_stand", "bend", "lie", "kneel", "stand"])
def test_ordinary_trials_are_left_alone(activity, card):
    assert watch(act(activity), TIME_S, ADULT, card) == []


@pytest.mark.parametrize(("guard", "plant", "spans", "pattern"), PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found_by_its_guard_in_its_frames(guard, plant, spans, pattern, walk, card):
    found = {finding.guard: finding for finding in watch(plant(walk), TIME_S, ADULT, card)}
    assert guard in found
    finding = found[guard]
    assert len(finding.frames) == len(spans)
    assert np.allclose(finding.frames, spans, atol=6)
    assert re.search(pattern, finding.message), finding.message


@pytest.mark.parametrize("factor", [0.85, 1.2])
def test_a_wrong_height_is_found_with_the_likely_one_and_blames_no_segment(factor, walk, card):
    stated = Subject(factor * GENERIC_HEIGHT_M, 70 * factor**2)
    (finding,) = watch(walk, TIME_S, stated, card)
    assert finding.guard == "height"
    assert f"stated height of {stated.height_m:.2f} m" in finding.message
    assert finding.frames == []


def test_a_person_outside_the_population_is_reported(walk, card):
    (finding,) = watch(walk, TIME_S, Subject(GENERIC_HEIGHT_M, 200), card)
    assert finding.guard == "population"
    assert "body mass index of 69.2" in finding.message


@pytest.mark.parametrize(("factor", "unit"), [(1000, "mm"), (100, "cm")])
def test_a_wrong_unit_is_refused_and_the_likely_one_named(factor, unit, walk):
    with pytest.raises(MarkersError, match=f"fits if the positions are in {unit}: write {unit} under Units"):
        check_size(factor * walk, ADULT, "m")
    with pytest.raises(MarkersError, match="fits if the positions are in m: write m under Units"):
        check_size(walk / factor, ADULT, unit)
    with pytest.raises(MarkersError, match=r"this person's\?$"):
        check_size(3 * walk, ADULT, "m")


@settings(max_examples=20)
@given(name=st.sampled_from(sorted(PLANTED)), seed=st.integers(0, 2**16), shift_m=st.tuples(*[st.floats(-20, 20)] * 3))
def test_neither_heading_nor_place_nor_which_way_is_up_matters(name, seed, shift_m, walk, card):
    positions = PLANTED[name][1](walk)
    turn = Rotation.random(rng=np.random.default_rng(seed))
    moved = turn.apply(positions.reshape(-1, 3)).reshape(positions.shape) + shift_m
    here, there = ({(f.guard, tuple(f.frames)) for f in watch(p, TIME_S, ADULT, card)} for p in (positions, moved))
    assert here == there


@settings(max_examples=20)
@given(name=st.sampled_from(sorted(n for n in PLANTED if "shank" not in n)), data=st.data())
def test_missing_samples_elsewhere_do_not_matter(name, data, walk, card):
    guard, plant, _, _ = PLANTED[name]
    positions = plant(walk)
    spans = {f.guard: f.frames for f in watch(positions, TIME_S, ADULT, card)}[guard]
    gappy = positions.copy()
    start = data.draw(st.integers(200, 280))
    gappy[start : start + data.draw(st.integers(1, 20)), data.draw(st.lists(st.integers(0, 14), min_size=1))] = np.nan
    found = {f.guard: f.frames for f in watch(gappy, TIME_S, ADULT, card)}
    assert set(found) == {f.guard for f in watch(positions, TIME_S, ADULT, card)}
    assert found[guard] == spans if spans else True


def test_many_faults_are_one_finding_of_each_guard(walk, card):
    rng = np.random.default_rng(0)
    found = watch(walk + 0.3 * rng.standard_normal(walk.shape), TIME_S, Subject(2.2, 20), card)
    guards = [finding.guard for finding in found]
    assert len(guards) == len(set(guards)) >= 3
    assert all(len(finding.message) < 500 for finding in found)


@pytest.mark.parametrize("n_frames", [1, 2, 5])
@pytest.mark.parametrize("missing", [False, True])
def test_short_or_empty_trials_are_watched_without_errors(n_frames, missing, walk, card):
    positions = np.full((n_frames, 15, 3), np.nan) if missing else walk[:n_frames]
    assert watch(positions, TIME_S[:n_frames], ADULT, card) == []


def test_coinciding_keypoints_do_not_crash(card):
    guards = {finding.guard for finding in watch(np.zeros((N_FRAMES, 15, 3)), TIME_S, ADULT, card)}
    assert {"frozen", "segments"} <= guards


def test_standing_still_is_not_frozen(card):
    """Filtered keypoints of somebody who stands move by a tenth of a millimetre."""
    rng = np.random.default_rng(0)
    still = np.repeat(act("stand")[:1], N_FRAMES, axis=0) + 1e-4 * rng.standard_normal((N_FRAMES, 15, 3))
    assert watch(still, TIME_S, ADULT, card) == []


def test_in_a_file_rounded_to_millimetres_only_all_keypoints_at_once_are_frozen():
    stand = act("stand")
    sway = np.repeat(stand[:1], N_FRAMES, axis=0) + 0.1 * np.linspace(0, 1, N_FRAMES)[:, None, None]
    sway += 5e-5 * np.random.default_rng(0).standard_normal(sway.shape)
    sway[:, at("RHeel", "LHeel")] = stand[0, at("RHeel", "LHeel")]
    assert [finding.guard for finding in watch_still(sway, TIME_S)] == ["frozen"]
    assert watch_still(np.round(sway, 3), TIME_S) == []
    assert [finding.frames for finding in watch_still(np.round(freeze(sway, KEYPOINTS), 3), TIME_S)] == [INSIDE]


def test_spans_close_together_are_one():
    odd = np.zeros(300, dtype=bool)
    odd[[0, 20, 200, 299]] = True
    assert spans_of(odd, TIME_S) == [(0, 21), (200, 201), (299, 300)]


def test_of_real_recordings_only_the_one_with_lost_feet_is_reported(shared_data, card):
    people = {
        "keypoints/*.trc": Subject(1.96, 78.2),
        "sessions/opencap_subject0/MarkerData/*.trc": Subject(1.78, 72),
        "lab/subject4/*_keypoints.trc": Subject(1.68, 62.6),
    }
    findings = {}
    for pattern, person in people.items():
        for path in sorted(shared_data.glob(pattern)):
            file = read_trc(path)
            found = watch(find_keypoints(file).positions, file.time_s, person, card)
            findings |= {path.stem: [finding.guard for finding in found]} if found else {}
    assert findings == {"lying": ["segments"]}


def test_keypoints_of_a_single_camera_are_refused(walk):
    flat = walk.copy()
    flat[..., 2] = 0
    turned = flat @ Rotation.from_euler("xyz", [20, 40, 60], degrees=True).as_matrix().T
    for positions in (flat, turned):
        with pytest.raises(MarkersError, match="three dimensions, found one that is flat"):
            check_size(positions, ADULT, "m")
    check_size(walk, ADULT, "m")
    check_size(np.full_like(walk, np.nan), ADULT, "m")
