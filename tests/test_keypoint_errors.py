"""Errors of the simulated detector, each measured on planted keypoints that separate it from the others."""

import math
from itertools import groupby

import numpy as np
import pytest
import torch

from trcaugment.body.detector import KeypointErrors, disturb, draw_offsets, misplace_small_toes
from trcaugment.chain.noise import smooth, white_noise
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, SMALL_NOISE_M

N, N_FRAMES = 6000, 30
NONE = {"offset": 0.0, "drift_m": 0.0, "noise_m": 0.0, "accident_rate": 0.0, "misjudged_rate": 0.0}
NECK = KEYPOINTS.index("Neck")
# The detector makes Neck from the shoulders in most windows, whatever else it does.
NOT_NECK = [k for k in range(len(KEYPOINTS)) if k != NECK]


def only(**errors):
    return KeypointErrors(**(NONE | errors))


def disturbed(errors, keypoints, seed=0):
    before = keypoints.clone()
    seen = disturb(errors, keypoints, torch.Generator().manual_seed(seed))
    assert torch.equal(keypoints, before)  # never in place
    assert seen.shape == keypoints.shape
    return seen


def random_bodies(n, size_m=1.0, seed=1):
    """Keypoints anywhere, standing still."""
    places = size_m * torch.randn(n, 1, len(KEYPOINTS), 3, generator=torch.Generator().manual_seed(seed))
    return places.expand(-1, N_FRAMES, -1, -1).clone()


def share(flags):
    return float(flags.double().mean())


def index(*names):
    return [KEYPOINTS.index(name) for name in names]


def test_without_errors_keypoints_stay_and_three_necks_of_four_are_between_the_shoulders():
    keypoints = random_bodies(N)
    seen = disturbed(only(), keypoints)
    assert torch.equal(seen[:, :, NOT_NECK], keypoints[:, :, NOT_NECK])
    midpoint = keypoints[:, :, index("RShoulder", "LShoulder")].mean(dim=2)
    moved = (seen[:, :, NECK] - midpoint).abs().amax(dim=(1, 2)) < 1e-6
    assert share(moved) == pytest.approx(0.75, abs=0.03)
    assert torch.equal(seen[~moved][:, :, NECK], keypoints[~moved][:, :, NECK])
    assert not any(part.any() for part in draw_offsets(only(), 100, torch.Generator()))


def test_the_same_seed_gives_the_same_errors():
    errors, keypoints = KeypointErrors(), random_bodies(20)
    assert torch.equal(disturbed(errors, keypoints, 5), disturbed(errors, keypoints, 5))
    assert not torch.equal(disturbed(errors, keypoints, 5), disturbed(errors, keypoints, 6))
    first, again, other = (draw_offsets(errors, 20, torch.Generator().manual_seed(s)) for s in (5, 5, 6))
    for k in range(2):  # offsets, shifts
        assert torch.equal(first[k], again[k])
        assert not torch.equal(first[k], other[k])


# --- offsets


def test_offsets_are_a_centimetre_or_two_mirrored_on_both_sides_and_follow_their_size():
    offsets, shifts = draw_offsets(only(offset=1.0), N, torch.Generator().manual_seed(0))
    flip = torch.tensor([1.0, 1.0, -1.0])
    spread = offsets.std(dim=0)
    assert 0.001 < float(spread.min()) < float(spread.max()) < 0.02
    for part in ("Shoulder", "Hip", "Knee", "Ankle", "Heel", "SmallToe", "BigToe"):
        right, left = offsets[:, KEYPOINTS.index("R" + part)], offsets[:, KEYPOINTS.index("L" + part)] * flip
        for axis in range(3):
            # Shared and own parts of 0.9 and 0.45: 0.81 of 1.0125 is common.
            both = torch.corrcoef(torch.stack([right[:, axis], left[:, axis]]))
            assert float(both[0, 1]) == pytest.approx(0.8, abs=0.05)
        assert float((right.mean(dim=0) - left.mean(dim=0)).abs().max()) < 0.001
        inward = -0.018 * (1 + 0.35) / 2 if part == "Shoulder" else 0.0
        assert float(right[:, 2].mean()) == pytest.approx(inward, abs=0.001)
    double, double_shifts = draw_offsets(only(offset=2.0), N, torch.Generator().manual_seed(0))
    torch.testing.assert_close(double, 2 * offsets)
    torch.testing.assert_close(double_shifts, 2 * shifts)


def test_half_the_people_are_seen_with_a_third_of_the_offsets():
    # Every person's size over the spread of all, averaged over many keypoints: two groups.
    offsets, _ = draw_offsets(only(offset=1.0), N, torch.Generator().manual_seed(0))
    size = (offsets / offsets.std(dim=0)).square().mean(dim=(1, 2)).sqrt()
    assert share(size < 0.75) == pytest.approx(0.5, abs=0.06)
    assert float(size.quantile(0.85) / size.quantile(0.15)) > 2


def test_small_toes_lie_beside_the_big_ones_in_a_quarter_of_the_people_and_anywhere_in_some():
    places = torch.zeros(N, len(KEYPOINTS), 3)
    (right, left), (big, big_left) = index("RSmallToe", "LSmallToe"), index("RBigToe", "LBigToe")
    places[:, right, 2], places[:, left, 2] = 0.06, -0.06
    moved = misplace_small_toes(only(offset=1.0), places, torch.Generator().manual_seed(0))
    assert torch.equal(moved[:, [big, big_left]], places[:, [big, big_left]])
    torch.testing.assert_close(moved[:, left], moved[:, right] * torch.tensor([1.0, 1.0, -1.0]))
    away, apart = (moved - places)[:, right].norm(dim=1), moved[:, right].norm(dim=1)
    near = apart < 0.0191
    assert share(near) == pytest.approx(0.25, abs=0.02)
    assert 0.003 <= float(apart[near].min()) < 0.0035
    assert float(apart[near].max()) > 0.0185
    assert share(away == 0) == pytest.approx(0.6, abs=0.02)
    assert float((moved - places)[~near & (away > 0)][:, right].std()) == pytest.approx(0.015, abs=0.001)
    assert torch.equal(misplace_small_toes(only(), places, torch.Generator().manual_seed(0)), places)


# --- noise and drift


def lag_one(noise):
    return (noise[:, 1:] * noise[:, :-1]).sum(dim=(1, 2, 3)) / noise.square().sum(dim=(1, 2, 3))


def test_small_noise_is_white_or_low_passed_in_halves():
    noise = disturbed(only(noise_m=SMALL_NOISE_M), torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3))[:, :, NOT_NECK]
    assert float(noise.mean().abs()) < 0.01 * SMALL_NOISE_M
    deviation = noise.std(dim=(1, 2, 3)) / SMALL_NOISE_M
    white = lag_one(noise) < 0.3
    assert share(white) == pytest.approx(0.5, abs=0.03)
    assert 0.95 < float(deviation.max()) < 1.1
    # The square of what is even from 0 to 1, times the largest; in a quarter of the windows a tenth of it.
    expected = (0.75 + 0.25 * 0.1) / 3
    assert float(deviation[white].mean()) == pytest.approx(expected, abs=0.02)
    assert share(deviation[white] < 0.1) == pytest.approx(0.25 + 0.75 * 0.1**0.5, abs=0.03)
    assert float(deviation[~white].mean()) < 0.8 * expected
    axes = noise[white].std(dim=(0, 1, 2))
    torch.testing.assert_close(axes, axes.mean().expand(3), rtol=0.02, atol=0)


def test_large_white_noise_is_what_smoothing_leaves_of_it():
    noise = disturbed(only(noise_m=0.020), torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3))[:, :, NOT_NECK]
    deviation, rough = noise.std(dim=(1, 2, 3)), lag_one(noise)
    assert float(deviation[rough < 0.3].max()) < 1.1 * SMALL_NOISE_M
    # Prediction measures 20 mm of white noise in a long trial, and smooths it.
    white = 0.020 * np.random.default_rng(0).standard_normal((2000, 5, 3))
    left = smooth(white, white_noise(white, RATE_HZ))[50:-50]
    alike = (left[1:] * left[:-1]).sum() / np.square(left).sum()
    smoothed = (rough - alike).abs() < 0.02
    assert float(deviation[smoothed].max()) == pytest.approx(left.std(), rel=0.1)


def test_drift_is_slow_and_at_most_as_stated():
    drift = disturbed(only(drift_m=0.008), torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3))[:, :, NOT_NECK]
    size = drift.square().mean(dim=(1, 2, 3)).sqrt()
    assert 0.007 < float(size.max()) < 0.011  # a window's own, from 42 waves
    assert float(size.mean()) == pytest.approx(0.5 * 0.008, rel=0.05)
    # No wave is shorter than half a second: per frame it turns by at most 2 pi / 30.
    bend = drift.diff(n=2, dim=1).abs().max()
    assert float(bend) < 0.008 * 5.5 * (2 * math.pi / 30) ** 2
    assert float(lag_one(drift).min()) > 0.85


# --- accidents


def twin_legs(n, apart_m=0.0):
    """Everything at the origin, but the legs from the knee down `apart_m` to the right and to the left."""
    keypoints = torch.zeros(n, N_FRAMES, len(KEYPOINTS), 3)
    keypoints[:, :, index("RKnee", "RAnkle", "RHeel", "RSmallToe", "RBigToe"), 2] = apart_m
    keypoints[:, :, index("LKnee", "LAnkle", "LHeel", "LSmallToe", "LBigToe"), 2] = -apart_m
    return keypoints


def runs(flags):
    """Lengths of the runs of True in every window."""
    return [len(list(run)) for row in flags.tolist() for value, run in groupby(row) if value]


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_legs_are_swapped_at_the_stated_rate_for_up_to_five_frames(rate):
    seen = disturbed(only(accident_rate=rate), twin_legs(N, apart_m=10.0))
    # Four of five: one keypoint may have had another accident at the same time.
    swapped = (seen[:, :, index("RKnee", "RAnkle", "RHeel", "RSmallToe", "RBigToe"), 2] < -5).sum(dim=2) >= 4
    assert share(swapped.any(dim=1)) == pytest.approx(rate, abs=0.25 * rate)
    lengths = runs(swapped)
    assert set(lengths) == {1, 2, 3, 4, 5}
    upper = seen[:, :, index("RHip", "LHip", "RShoulder", "LShoulder")]
    assert float(upper.abs().max()) <= 0.2 + 1e-6  # never swapped


@pytest.mark.parametrize("rate", [0.03, 0.3])
def test_one_keypoint_jumps_by_5_to_20_cm_for_up_to_four_frames_at_the_stated_rate(rate):
    seen = disturbed(only(accident_rate=rate), twin_legs(N))[:, :, NOT_NECK].norm(dim=-1)
    jumped = (seen > 1e-6).any(dim=1)
    assert share(jumped.any(dim=1)) == pytest.approx(rate * 14 / 15, abs=0.25 * rate)
    assert int(jumped.sum(dim=1).max()) == 1
    size = seen.amax(dim=(1, 2))[jumped.any(dim=1)]
    assert 0.05 - 1e-6 <= float(size.min()) < 0.07
    assert 0.18 < float(size.max()) <= 0.20 + 1e-6
    # A gap may start inside the jump and draw it out as a ramp; a jump itself is level.
    level = (seen - seen.amax(dim=(1, 2), keepdim=True)).abs() < 1e-6
    level &= seen > 1e-6
    assert sorted(set(runs(level.any(dim=2)))) == [1, 2, 3, 4]


@pytest.mark.parametrize("rate", [0.03, 0.2])
def test_gaps_bridged_by_a_straight_line_come_at_twice_the_rate(rate):
    """All keypoints fly along one parabola: under a bridge from s to s + L it misses just (t - s)(s + L - t)."""
    frame = torch.arange(N_FRAMES, dtype=torch.float64)
    keypoints = torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3, dtype=torch.float64)
    keypoints[..., 0] = (frame**2)[:, None]
    seen = disturbed(only(accident_rate=rate), keypoints)
    away = (seen - keypoints)[:, :, NOT_NECK]
    jumped = (away[..., 1:].abs().amax(dim=(1, 2, 3))) > 1e-9
    bridged = away[..., 0].abs() > 0.5
    clear = ~jumped
    assert share(bridged[clear].any(dim=2).any(dim=1)) == pytest.approx(2 * rate * 14 / 15, rel=0.25)
    lengths = []
    for window in away[clear & bridged.any(dim=2).any(dim=1), :, :, 0][:50]:
        track = window[:, int(window.abs().sum(dim=0).argmax())]
        lost = torch.nonzero(track.abs() > 0.5).flatten()
        s, end = int(lost[0]) - 1, int(lost[-1]) + 1
        expected = torch.where((frame > s) & (frame < end), (frame - s) * (end - frame), 0.0)
        torch.testing.assert_close(track, expected, rtol=0, atol=1e-3)
        lengths.append(end - s - 1)
    assert 1 <= min(lengths) <= max(lengths) <= 11


# --- misjudged bodies: planted 1000 m large, so that 3-8 cm of a joint gone astray do not count

SOLID = index("RHip", "LHip", "RShoulder", "LShoulder", "RKnee", "LKnee", "RAnkle", "LAnkle", "RHeel", "LHeel")


@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_bodies_are_flattened_along_one_direction_and_feet_shortened_at_the_stated_rates(rate):
    n = 600
    keypoints = random_bodies(n, size_m=1000.0).double()
    seen = disturbed(only(misjudged_rate=rate), keypoints).double()
    # The linear map of every frame, from the joints that keep their places in the body.
    before, after = (p[:, :, SOLID] - p[:, :, SOLID].mean(dim=2, keepdim=True) for p in (keypoints, seen))
    linear = torch.linalg.lstsq(before, after).solution
    stretch = torch.linalg.svdvals(linear)
    squeezed = (stretch - 1).abs().amax(dim=2) > 2e-3
    assert share(squeezed.any(dim=1)) == pytest.approx(rate, abs=0.12 * rate + 0.02)
    assert float(stretch.min()) > 0.7 - 0.01
    assert float(stretch.max()) < 1.1 + 0.01
    torch.testing.assert_close(stretch[..., 1], torch.ones_like(stretch[..., 1]), rtol=0, atol=2e-3)  # one direction
    # What is left of the feet once the squeeze is undone.
    feet = []
    for side in "RL":
        for toe in ("SmallToe", "BigToe"):
            ankle, tip = index(side + "Ankle", side + toe)
            true = ((keypoints[:, :, tip] - keypoints[:, :, ankle]).unsqueeze(2) @ linear).squeeze(2)
            feet.append((seen[:, :, tip] - seen[:, :, ankle]).norm(dim=-1) / true.norm(dim=-1))
    length = torch.stack(feet, dim=-1)
    torch.testing.assert_close(length[..., [0, 2]], length[..., [1, 3]], rtol=0, atol=5e-3)  # both toes of a foot
    assert float(length.min()) > 0.3 - 0.01
    assert float(length.max()) < 1.01
    for foot in (length[..., 0], length[..., 2]):
        shortened = share((foot < 0.99).any(dim=1))
        # Feet are shortened twice as often as bodies; a touch of less than 1 % is not counted.
        assert shortened == pytest.approx(min(1.0, 2 * rate), abs=0.05)
    if rate < 0.5:
        right, left = ((length[..., k] < 0.99).any(dim=1) for k in (0, 2))
        assert 0.4 < share(left[right]) < 0.85  # mostly both feet


def test_one_kind_of_joint_goes_astray_by_centimetres_on_both_sides_at_the_stated_rate():
    rate = 0.2
    joints = index(*(side + kind for kind in ("Shoulder", "Hip", "Knee", "Ankle") for side in "RL"))
    seen = disturbed(only(misjudged_rate=rate), torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3))[:, :, joints]
    seen = seen - seen.median(dim=2, keepdim=True).values  # flattening shifts all joints of a body that lost its feet
    away = seen.norm(dim=-1).amax(dim=1)  # (n, 8), in pairs of right and left
    strayed = away.reshape(N, 4, 2).amax(dim=2) > 1e-3
    # Eight kinds, neck and feet among them, each in an eighth of the rate; a touch of under a millimetre is not one.
    assert share(strayed) == pytest.approx(rate / 8, abs=0.2 * rate / 8)
    size = away[away > 1e-3]
    assert 0.02 < float(size.median()) < 0.08
    assert float(size.max()) < 0.25
    right, left = seen[:, :, 0::2].flatten(1), seen[:, :, 1::2].flatten(1)
    alike = torch.nn.functional.cosine_similarity(right, left, dim=1)[strayed.sum(dim=1) == 1]
    assert float(alike.median()) > 0.95


def test_of_a_lost_foot_heel_and_toes_are_out_of_place_each_its_own_way_at_twice_the_rate():
    rate = 0.1
    seen = disturbed(only(misjudged_rate=rate), torch.zeros(N, N_FRAMES, len(KEYPOINTS), 3))
    feet = [seen[:, :, index(s + "Heel", s + "SmallToe", s + "BigToe")] for s in "RL"]
    lost = torch.stack([(foot.norm(dim=-1).amax(dim=1) > 2e-3).all(dim=1) for foot in feet])
    assert [share(foot) for foot in lost] == pytest.approx([2 * rate, 2 * rate], abs=0.25 * rate)
    assert share(lost[1][lost[0]]) == pytest.approx(0.6 + 0.4 * 2 * rate, abs=0.05)  # mostly both feet
    size = torch.cat([foot[gone].norm(dim=-1).amax(dim=1) for foot, gone in zip(feet, lost, strict=True)])
    assert 0.02 < float(size.median()) < 0.08
    assert float(size.max()) < 0.4
    middle = feet[0][lost[0]].mean(dim=1)
    heel, toe = middle[:, 0], middle[:, 1]
    assert abs(float(torch.nn.functional.cosine_similarity(heel, toe, dim=1).mean())) < 0.1


def test_with_all_errors_at_their_defaults_most_keypoints_stay_within_centimetres():
    keypoints = random_bodies(2000, size_m=0.4)
    seen = disturbed(KeypointErrors(), keypoints)
    assert torch.isfinite(seen).all()
    error = (seen - keypoints)[:, :, NOT_NECK].norm(dim=-1)
    assert 0.005 < float(error.median()) < 0.03
    assert float(error.max()) < 3.0
