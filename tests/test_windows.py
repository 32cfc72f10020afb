import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trcaugment.chain.windows import add_windows, blend_weights, cut, window_starts

LENGTH, HOP = 30, 10


def blend(windows, starts, n_frames):
    joined = np.zeros((n_frames, *windows.shape[2:]))
    add_windows(joined, windows, starts, blend_weights(starts, windows.shape[1], n_frames))
    return joined


@st.composite
def plans(draw):
    length = draw(st.integers(1, 40))
    return draw(st.integers(1, 200)), length, draw(st.integers(1, length)), draw(st.integers(0, 500))


@given(plans())
def test_weights_of_every_frame_sum_to_one(plan):
    n_frames, length, hop, first = plan
    starts = window_starts(n_frames, length=length, hop=hop, first_frame=first)
    weights = blend_weights(starts, length, n_frames)
    total = np.zeros(n_frames)
    for start, row in zip(starts, weights, strict=True):  # the slow way, as an oracle
        for k, weight in enumerate(row):
            if 0 <= start + k < n_frames:
                assert weight > 0
                total[start + k] += weight
            else:
                assert weight == 0
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-12)


@given(plans())
def test_blending_what_was_cut_returns_the_segment(plan):
    n_frames, length, hop, first = plan
    values = np.random.default_rng(n_frames).normal(size=(n_frames, 2, 3))
    starts = window_starts(n_frames, length=length, hop=hop, first_frame=first)
    np.testing.assert_allclose(blend(cut(values, starts, length), starts, n_frames), values, rtol=0, atol=1e-12)


@given(plans())
def test_a_long_segment_starts_and_ends_with_a_window_and_the_others_are_anchored_to_the_trial(plan):
    n_frames, length, hop, first = plan
    n_frames += length
    starts = window_starts(n_frames, length=length, hop=hop, first_frame=first)
    assert starts[0] == 0
    assert starts[-1] == n_frames - length
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= hop).all()
    assert ((starts[1:-1] + first) % hop == 0).all()


def test_a_gap_elsewhere_moves_no_window():
    whole = window_starts(1000, length=LENGTH, hop=HOP)
    after_gap = window_starts(1000 - 417, length=LENGTH, hop=HOP, first_frame=417) + 417
    assert set(after_gap) - set(whole) == {417}
    assert {start for start in whole if start >= 417} <= set(after_gap)


@pytest.mark.parametrize("n_frames", [1, 2, 3, 16, 29])
def test_a_short_segment_is_one_window_reflected_as_numpy_pads(n_frames):
    values = np.random.default_rng(0).normal(size=(n_frames, 3))
    starts = window_starts(n_frames, length=LENGTH, hop=HOP, first_frame=7)
    assert len(starts) == 1
    before = -int(starts[0])
    after = LENGTH - n_frames - before
    assert abs(after - before) <= 1
    expected = np.pad(values, ((before, after), (0, 0)), mode="reflect" if n_frames > 1 else "edge")
    np.testing.assert_array_equal(cut(values, starts, LENGTH)[0], expected)


def test_blend_matches_a_weighted_mean_and_ignores_what_lies_outside():
    starts = np.array([-2, 1, 3])
    windows = np.random.default_rng(1).normal(size=(3, 5, 2))
    windows[0, :2] = np.nan
    taper = np.sin(np.pi * (np.arange(5) + 0.5) / 5) ** 2
    expected = [
        np.average([w[f - s] for s, w in zip(starts, windows, strict=True) if 0 <= f - s < 5], axis=0,
                   weights=[taper[f - s] for s in starts if 0 <= f - s < 5])
        for f in range(8)
    ]  # fmt: skip
    np.testing.assert_allclose(blend(windows, starts, 8), expected, atol=1e-14)


def test_windows_that_disagree_are_joined_without_a_seam():
    starts = window_starts(300, length=LENGTH, hop=HOP)
    windows = np.random.default_rng(2).normal(size=(len(starts), 1, 1)) * np.ones((1, LENGTH, 1))
    steps = np.abs(np.diff(blend(windows, starts, 300)[:, 0]))
    jump = np.abs(np.diff(windows[:, 0, 0])).max()
    assert steps.max() < 0.25 * jump


def test_uncovered_frames_equal_starts_and_bad_hops_are_refused():
    with pytest.raises(ValueError, match="frame 5 of 12 lies in no window"):
        blend(np.zeros((2, 5, 1)), np.array([0, 7]), 12)
    with pytest.raises(ValueError, match="different frames"):
        blend(np.zeros((2, 5, 1)), np.array([0, 0]), 5)
    for n_frames, hop in [(0, 1), (10, 0), (10, 6)]:
        with pytest.raises(ValueError, match="hop"):
            window_starts(n_frames, length=5, hop=hop)


def test_a_hundred_thousand_frames_take_seconds_at_most():
    values = np.random.default_rng(3).normal(size=(100_000, 45))
    begun_s = time.process_time()
    starts = window_starts(len(values), length=LENGTH, hop=HOP)
    joined = blend(cut(values, starts, LENGTH), starts, len(values))
    assert time.process_time() - begun_s < 10
    np.testing.assert_allclose(joined, values, rtol=0, atol=1e-12)
