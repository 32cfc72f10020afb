"""Streams: what is predicted while a trial is recorded, beside what `augment` says of the whole trial."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline
from short_trials import HEIGHT_M, MASS_KG, walk

from trcaugment.chain.augmentation import augment
from trcaugment.chain.noise import smooth
from trcaugment.chain.preparation import Preparation
from trcaugment.errors import MarkersError, MarkerSetError
from trcaugment.live.stream import Stream
from trcaugment.markers import Markers
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

PERSON, MODEL = Subject(HEIGHT_M, MASS_KG), load_model()
END_S = 0.6  # of a trial that goes on: its last windows are other ones


def part(n_frames, rate_hz=60.0):
    """The walk's beginning at some rate, without noise, whose size a stream learns only with time."""
    trial = walk()
    calm = smooth(trial.positions[:300], np.full(len(trial.names), 0.004))
    time_s = trial.time_s[0] + np.arange(n_frames) / rate_hz
    return Markers(trial.names, make_interp_spline(trial.time_s[:300], calm)(time_s), time_s)


def stream(trial, **how):
    """All that a stream gives, and the number of frames of every answer."""
    made = Stream(MODEL, PERSON, trial.names, **how)
    answers = [made.push(time_s, frame) for time_s, frame in zip(trial.time_s, trial.positions, strict=True)]
    counts = [0 if answer is None else answer.n_frames for answer in answers]
    answers = [answer for answer in [*answers, made.finish()] if answer is not None]
    given = Markers(
        answers[0].names,
        np.concatenate([answer.positions for answer in answers]),
        np.concatenate([answer.time_s for answer in answers]),
    )
    np.testing.assert_array_equal(given.time_s, trial.time_s)
    return given, counts


def farthest_m(given, offline, until_s=np.inf):
    """Largest distance before a time; NaN in the same places."""
    inside = given.time_s <= until_s
    np.testing.assert_array_equal(np.isnan(given.positions[inside]), np.isnan(offline.positions[inside]))
    return np.nanmax(np.abs(given.positions[inside] - offline.positions[inside]))


def test_a_stream_gives_a_frame_a_second_later_and_it_is_that_of_the_whole_trial():
    trial = part(180)
    given, counts = stream(trial)
    assert set(counts[:60]) == {0}
    assert set(counts[60:]) == {1}
    offline = augment(trial, PERSON, MODEL).markers
    assert farthest_m(given, offline, trial.time_s[-1] - END_S) < 1e-5
    assert farthest_m(given, offline) < 0.001


@pytest.mark.parametrize("rate_hz", [30.0, 120.0])
def test_other_rates(rate_hz):
    trial = part(round(3 * rate_hz), rate_hz)
    given, _ = stream(trial)
    assert farthest_m(given, augment(trial, PERSON, MODEL).markers, trial.time_s[-1] - END_S) < 1e-4


def broken(toe):
    """A trial in which an ankle is lost for 0.13 s, a toe for some frames, and the toe leaps in one."""
    trial = part(220)
    positions = trial.positions.copy()
    positions[100:108, trial.names.index("RAnkle")] = np.nan
    positions[toe, trial.names.index("LBigToe")] = np.nan
    positions[150, trial.names.index("LBigToe")] += 0.4
    return replace(trial, positions=positions)


@pytest.mark.parametrize(("toe", "tolerance_m"), [(slice(170, 182), 1e-4), (slice(170, 200), 5e-4)])
def test_gaps_and_outliers(toe, tolerance_m):
    trial = broken(toe)
    given, _ = stream(trial)
    # A keypoint that is lost for longer than gaps are filled is placed with its median in the trial: not known yet.
    assert farthest_m(given, augment(trial, PERSON, MODEL).markers, trial.time_s[-1] - END_S) < tolerance_m


class Recording:
    """An engine that notes every window that it is given."""

    def __init__(self):
        self.seen = []

    def run(self, features, output):
        self.seen += [window.tobytes() for window in features]
        return MODEL.engine.run(features, output)


def test_no_window_goes_through_the_network_twice():
    trial, engine = part(180), Recording()
    made = Stream(replace(MODEL, engine=engine), PERSON, trial.names)
    given = [made.push(time_s, frame) for time_s, frame in zip(trial.time_s, trial.positions, strict=True)]
    given = [*filter(None, given), made.finish()]
    assert len(engine.seen) == len(set(engine.seen)) >= 2 * (180 - 30) // MODEL.card.hop_frames
    expected, _ = stream(trial)
    np.testing.assert_array_equal(np.concatenate([each.positions for each in given]), expected.positions)


def test_without_delay_every_frame_is_answered_at_once_and_nearly_right():
    trial = part(45)
    given, counts = stream(trial, delay_s=0.0)
    assert set(counts) == {1}
    away = np.linalg.norm(given.positions - augment(trial, PERSON, MODEL).markers.positions, axis=2)
    assert np.mean(away[15:]) < 0.006


def test_frames_that_show_nobody_are_nan_and_the_stream_goes_on():
    trial = part(60)
    positions = trial.positions.copy()
    positions[:30] = np.nan
    given, _ = stream(replace(trial, positions=positions))
    assert np.isnan(given.positions[:30]).all()
    assert np.isfinite(given.positions[30:]).all()


def test_a_late_frame_and_one_in_another_unit_are_refused_and_left_out():
    trial = part(30)
    made = Stream(MODEL, PERSON, trial.names, delay_s=0.0)
    for k in range(20):
        assert made.push(trial.time_s[k], trial.positions[k]).n_frames == 1
    with pytest.raises(MarkersError, match="late frame"):
        made.push(trial.time_s[10], trial.positions[10])
    with pytest.raises(MarkersError, match="time"):
        made.push(np.nan, trial.positions[20])
    with pytest.raises(MarkersError, match="unit"):
        made.push(trial.time_s[20], 1000 * trial.positions[20])
    with pytest.raises(MarkersError, match="shape"):
        made.push(trial.time_s[20], trial.positions[20].T)
    assert made.push(trial.time_s[20], trial.positions[20]).time_s[0] == trial.time_s[20]


def test_what_cannot_be_streamed_is_refused_at_the_start():
    with pytest.raises(MarkerSetError, match="RHip"):
        Stream(MODEL, PERSON, ("Neck", "LHip"))
    with pytest.raises(MarkersError, match="delay"):
        Stream(MODEL, PERSON, walk().names, delay_s=-1.0)
    with pytest.raises(MarkersError, match="auto"):
        Stream(MODEL, PERSON, walk().names, how=Preparation(up="auto"))


def test_infinite_positions_are_refused_and_poison_nothing_that_follows():
    trial = part(20)
    made = Stream(MODEL, PERSON, trial.names, delay_s=0.0)
    bad = trial.positions[5].copy()
    bad[trial.names.index("LKnee"), 1] = np.inf
    for k in range(20):
        if k == 5:
            with pytest.raises(MarkersError, match="LKnee farther away"):
                made.push(trial.time_s[k], bad)
        else:
            assert np.isfinite(made.push(trial.time_s[k], trial.positions[k]).positions).all()


def test_frames_that_come_too_slowly_are_named():
    trial = part(4)
    made = Stream(MODEL, PERSON, trial.names, delay_s=0.0)
    with pytest.raises(MarkersError, match="at least 10 frames per second"):
        for k in range(4):
            made.push(0.5 * k, trial.positions[k])


@pytest.mark.parametrize("delay_s", [0.0, 0.7])
def test_memory_does_not_grow_with_the_trial(delay_s):
    trial = part(100, 20.0)
    made = Stream(MODEL, PERSON, trial.names, delay_s=delay_s)
    for time_s, frame in zip(trial.time_s, trial.positions, strict=True):
        made.push(time_s, frame)
    assert len(made._seen) < 80
