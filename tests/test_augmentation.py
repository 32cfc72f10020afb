from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden_walk import EXAMPLES, GOLDEN, SUBJECT, part
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation

from trcaugment import Markers, Model, Subject, augment, load_model, read_trc
from trcaugment.chain import blending
from trcaugment.chain.preparation import Preparation
from trcaugment.errors import MarkersError, MarkerSetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, LANDMARKS

TOLERANCE_M = 1e-4


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def walk() -> Markers:
    return read_trc(EXAMPLES / "walk.trc")


def without(markers: Markers, name: str, start: int, stop: int) -> Markers:
    positions = markers.positions.copy()
    positions[start:stop, markers.names.index(name)] = np.nan
    return replace(markers, positions=positions)


def at_times(markers: Markers, time_s: np.ndarray) -> Markers:
    """The same motion, as cameras with other time stamps would have seen it."""
    spline = make_interp_spline(markers.time_s, markers.positions)
    return replace(markers, positions=spline(time_s), time_s=time_s)


def test_output_has_the_35_markers_at_the_inputs_time_stamps(model: Model, walk: Markers) -> None:
    result = augment(walk, SUBJECT, model).markers
    assert result.names == ANATOMICAL_MARKERS.names
    assert np.array_equal(result.time_s, walk.time_s)
    assert np.isfinite(result.positions).all()


def test_golden_output_of_the_shipped_model(model: Model, walk: Markers) -> None:
    result = augment(part(walk, 0, 60), SUBJECT, model).markers
    np.testing.assert_allclose(result.positions, np.load(GOLDEN), atol=TOLERANCE_M)


@pytest.mark.parametrize("name", ["walk", "squat_mm_with_gaps"])
def test_markers_lie_near_the_true_ones(model: Model, name: str) -> None:
    truth = read_trc(EXAMPLES / f"{name}_markers.trc")
    result = augment(read_trc(EXAMPLES / f"{name}.trc"), SUBJECT, model).markers
    distance = np.linalg.norm(result.positions - truth.select(result.names), axis=-1)
    # The person's offsets and marker placement cannot be known from the keypoints: that leaves 1-2 cm.
    assert np.nanmean(distance) < 0.022


def test_turning_and_moving_the_input_turns_and_moves_the_output(model: Model, walk: Markers) -> None:
    trial = part(walk, 0, 120)
    turn = Rotation.from_rotvec([0.7, -1.9, 1.1]).as_matrix()
    shift = np.array([12.0, -3.0, 40.0])
    moved = replace(trial, positions=trial.positions @ turn.T + shift)
    expected = augment(trial, SUBJECT, model).markers.positions @ turn.T + shift
    np.testing.assert_allclose(augment(moved, SUBJECT, model).markers.positions, expected, atol=TOLERANCE_M)


def test_mirroring_the_input_mirrors_the_output(model: Model, walk: Markers) -> None:
    trial = part(walk, 0, 120)
    flip = np.array([1.0, 1.0, -1.0])
    other = [trial.names.index(LANDMARKS[name].partner) for name in trial.names]
    mirrored = replace(trial, positions=trial.positions[:, other] * flip)
    expected = augment(trial, SUBJECT, model).markers.positions[:, ANATOMICAL_MARKERS.mirror_order] * flip
    np.testing.assert_allclose(augment(mirrored, SUBJECT, model).markers.positions, expected, atol=TOLERANCE_M)


def test_a_short_gap_is_filled_and_changes_nothing_30_frames_away(model: Model, walk: Markers) -> None:
    complete = augment(walk, SUBJECT, model).markers.positions
    result = augment(without(walk, "RKnee", 200, 205), SUBJECT, model)
    assert result.filled == {"RKnee": [(200, 205)]}
    assert result.missing == {}
    changed = np.abs(result.markers.positions - complete).max(axis=(1, 2))
    assert np.isfinite(changed).all()
    assert changed[:170].max() == 0
    assert changed[235:].max() == 0
    assert 0 < changed[200:205].max() < 0.05


def test_a_long_gap_gives_nan_in_its_frames_where_a_marker_needs_the_keypoint(model: Model, walk: Markers) -> None:
    result = augment(without(walk, "RKnee", 300, 360), SUBJECT, model)
    assert result.missing == {"RKnee": [(300, 360)]}
    assert set(result.lost) > {"r_knee_study", "r_mknee_study"}
    assert set(map(tuple, result.lost.values())) == {((300, 360),)}
    lost = np.isin(result.markers.names, list(result.lost))
    missing = np.isnan(result.markers.positions).any(axis=2)
    assert np.array_equal(missing[300:360], np.tile(lost, (60, 1)))
    assert not missing[:300].any()
    assert not missing[360:].any()
    whole = augment(walk, SUBJECT, model).markers.positions
    np.testing.assert_array_equal(result.markers.positions[:270], whole[:270])
    np.testing.assert_array_equal(result.markers.positions[390:], whole[390:])
    assert np.linalg.norm(result.markers.positions - whole, axis=2)[:, ~lost].max() < 0.06


@pytest.mark.parametrize(
    ("absent", "known"),
    [
        (("SmallToe",), ANATOMICAL_MARKERS.names),
        (
            ("SmallToe", "BigToe", "Heel"),
            [m.name for m in ANATOMICAL_MARKERS.landmarks if m.part not in ("ankle", "mankle", "calc", "toe", "5meta")],
        ),
    ],
)
def test_heels_and_toes_may_be_absent(model: Model, walk: Markers, absent: tuple[str, ...], known: list[str]) -> None:
    trial = part(walk, 0, 120)
    kept = [name for name in trial.names if not name.endswith(absent)]
    result = augment(replace(trial, names=tuple(kept), positions=trial.select(kept)), SUBJECT, model)
    assert "not in the file" in result.derived[0]
    found = np.isfinite(result.markers.positions).all(axis=2)
    assert np.array_equal(found, np.tile(np.isin(result.markers.names, known), (120, 1)))
    whole = augment(trial, SUBJECT, model).markers
    assert np.linalg.norm(result.markers.select(known) - whole.select(known), axis=2).mean() < 0.01


def test_gaps_are_filled_up_to_the_length_that_is_asked_for(model: Model, walk: Markers) -> None:
    trial = without(part(walk, 0, 200), "RKnee", 50, 56)
    as_usual, none, longer = (
        augment(trial, SUBJECT, model, Preparation(max_gap_s=seconds)) for seconds in (0.2, 0.0, 0.05)
    )
    assert (as_usual.filled, as_usual.missing) == ({"RKnee": [(50, 56)]}, {})
    for each in (none, longer):
        assert (each.filled, each.missing) == ({}, {"RKnee": [(50, 56)]})
    long = without(part(walk, 0, 200), "RKnee", 50, 90)
    assert augment(long, SUBJECT, model, Preparation(max_gap_s=0.7)).filled == {"RKnee": [(50, 90)]}


def test_frames_that_show_too_little_of_the_trunk_are_left_out(model: Model, walk: Markers) -> None:
    trial = part(walk, 0, 200)
    for name in ("Neck", "RShoulder", "LHip"):
        trial = without(trial, name, 100, 140)
    result = augment(trial, SUBJECT, model)
    missing = np.isnan(result.markers.positions)
    assert missing[100:140].all()
    assert not missing[:100].any() and not missing[140:].any()
    assert set(result.lost) == set(result.markers.names)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7, 15, 29, 30, 31])
def test_short_trials_work(model: Model, walk: Markers, n_frames: int) -> None:
    whole = augment(walk, SUBJECT, model).markers.positions
    short = augment(part(walk, 100, 100 + n_frames), SUBJECT, model).markers.positions
    assert np.linalg.norm(short - whole[100 : 100 + n_frames], axis=-1).mean() < 0.03


@pytest.mark.parametrize("rate_hz", [30, 50, 59.94, 100, 120, 240])
def test_other_rates_give_the_same_markers(model: Model, walk: Markers, rate_hz: float) -> None:
    at_60 = augment(walk, SUBJECT, model).markers
    time_s = np.arange(0, walk.time_s[-1], 1 / rate_hz)
    result = augment(at_times(walk, time_s), SUBJECT, model).markers
    assert np.array_equal(result.time_s, time_s)
    distance = np.linalg.norm(result.positions - at_times(at_60, time_s).positions, axis=-1)
    # The keypoints carry noise up to 30 Hz, of which every rate keeps another part.
    assert distance.mean() < 0.003


def test_irregular_times_give_the_same_markers(model: Model, walk: Markers) -> None:
    at_60 = augment(walk, SUBJECT, model).markers
    jitter = np.random.default_rng(0).uniform(-0.006, 0.006, walk.n_frames - 2)
    time_s = walk.time_s[1:-1] + jitter
    result = augment(at_times(walk, time_s), SUBJECT, model).markers
    distance = np.linalg.norm(result.positions - at_times(at_60, time_s).positions, axis=-1)
    assert distance.mean() < 0.003


def test_absent_neck_and_mid_hip_are_derived_and_reported(model: Model, walk: Markers) -> None:
    kept = [name for name in walk.names if name not in ("Neck", "midHip")]
    result = augment(replace(walk, names=tuple(kept), positions=walk.select(kept)), SUBJECT, model)
    assert [sentence.split(":")[0] for sentence in result.derived] == ["Neck", "midHip"]


def test_missing_keypoints_are_refused_together(model: Model, walk: Markers) -> None:
    kept = [name for name in walk.names if "Knee" not in name]
    with pytest.raises(MarkerSetError, match=r"RKnee[\s\S]*LKnee"):
        augment(replace(walk, names=tuple(kept), positions=walk.select(kept)), SUBJECT, model)


@pytest.mark.parametrize("factor", [1000, 100, 0.01, 0.001])
def test_a_wrong_unit_is_refused(model: Model, walk: Markers, factor: float) -> None:
    with pytest.raises(MarkersError, match="is the file's unit really m"):
        augment(replace(walk, positions=walk.positions * factor), SUBJECT, model)


def test_a_trial_without_any_body_is_refused(model: Model, walk: Markers) -> None:
    positions = walk.positions.copy()
    # Neck and hips stay where they are; the rest of the body, hips and shoulders too, lies on the line between them.
    middle = walk.select(["midHip"])
    share = np.linspace(0.1, 0.5, 6)[None, :, None]
    line = middle + share * np.array([0.0, 1.0, 0.0])
    names = ["RHip", "LHip", "RShoulder", "LShoulder"]
    positions[:, [walk.names.index(name) for name in names]] = line[:, [0, 0, 5, 5]]
    positions[:, walk.names.index("Neck")] = line[:, 5]
    with pytest.raises(MarkersError, match="found none"):
        augment(replace(walk, positions=positions), SUBJECT, model)


def test_frames_that_are_no_body_are_left_out_and_listed(model: Model, walk: Markers) -> None:
    positions = walk.positions.copy()
    positions[100:130] = positions[100:130].mean(axis=1, keepdims=True)
    result = augment(replace(walk, positions=positions), SUBJECT, model)
    assert result.without_body == [(100, 130)]
    missing = np.isnan(result.markers.positions).any(axis=(1, 2))
    assert np.flatnonzero(missing).tolist() == list(range(100, 130))


def test_a_trial_without_a_body_in_any_frame_is_refused(model: Model, walk: Markers) -> None:
    trial = without(walk, "Neck", 0, 600)
    for side, start in (("R", 0), ("L", 300)):
        for part_ in ("Hip", "Shoulder"):
            trial = without(trial, side + part_, start, start + 300)
    with pytest.raises(MarkersError, match=r"3 of Neck, shoulders and hips, found none; .*Neck \(100 %\), RShoulder"):
        augment(trial, SUBJECT, model)


def test_a_very_slow_trial_is_refused(model: Model, walk: Markers) -> None:
    with pytest.raises(MarkersError, match="at least 10 frames per second"):
        augment(replace(walk, time_s=walk.time_s * 60), SUBJECT, model)


def test_people_outside_the_training_are_noted(model: Model, walk: Markers) -> None:
    small = replace(walk, positions=walk.positions * 0.5)
    (found,) = (each for each in augment(small, Subject(0.8, 60), model).findings if each.guard == "population")
    assert [sentence.split(" of ")[0] for sentence in found.message.split("; ")] == ["a height", "a body mass index"]
    assert augment(walk, SUBJECT, model).findings == ()


def test_long_trials_are_done_in_blocks(model: Model, walk: Markers, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = augment(walk, SUBJECT, model).markers.positions
    monkeypatch.setattr(blending, "BLOCK_WINDOWS", 7)
    np.testing.assert_allclose(augment(walk, SUBJECT, model).markers.positions, whole, atol=1e-6)


RIGID = [
    ("r.ASIS_study", "L.ASIS_study"),
    ("r.PSIS_study", "L.PSIS_study"),
    ("r_calc_study", "r_toe_study"),
    ("L_calc_study", "L_toe_study"),
]
REAL_TRIALS = [
    *((f"keypoints/{name}.trc", 1.96, 78.2) for name in ("bending", "calf_raise_fast", "lying", "squats")),
    *((f"sessions/opencap_subject0/MarkerData/{n}.trc", 1.78, 72.0) for n in ("Asym_0", "Squats_0", "neutral")),
]


@pytest.mark.parametrize(("name", "height_m", "mass_kg"), REAL_TRIALS)
def test_real_trials_convert_and_keep_rigid_distances(
    model: Model, shared_data: Path, name: str, height_m: float, mass_kg: float
) -> None:
    markers = read_trc(shared_data / name)
    result = augment(markers, Subject(height_m, mass_kg), model).markers
    assert np.isfinite(result.positions).all()
    for a, b in RIGID:
        first, second = result.select([a, b]).transpose(1, 0, 2)
        assert np.linalg.norm(first - second, axis=-1).std() < 0.015, (a, b)
