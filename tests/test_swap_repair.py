"""Left and right exchanged back: planted exchanges disappear to the last bit, and nothing else changes."""

import numpy as np
import pytest
from acting import ADULT, N_FRAMES, act, noisy, trial

from trcaugment import augment
from trcaugment.chain.preparation import Preparation
from trcaugment.chain.sides import exchange, repair_sides
from trcaugment.model.folder import load_model


@pytest.mark.parametrize("part", ["everything", "legs", "ankles and feet", "shoulders"])
@pytest.mark.parametrize("activity", ["walk", "squat", "run"])
@pytest.mark.parametrize("n_frames", [6, 30, 90])
def test_planted_exchanges_are_undone(part, activity, n_frames):
    if (part, activity) == ("ankles and feet", "run"):
        pytest.skip("the guard sees them by the lengths of the shanks, and not here: docs/explanation/guards.md")
    truth = noisy(act(activity), 0.003)
    seen = truth.copy()
    seen[70 : 70 + n_frames] = exchange(truth[70 : 70 + n_frames], part)
    repaired, done = repair_sides(seen, ADULT.height_m)
    assert np.array_equal(repaired, truth)
    assert {name: np.flatnonzero(frames).tolist() for name, frames in done.items()} == {
        part: list(range(70, 70 + n_frames))
    }


@pytest.mark.parametrize("activity", ["walk", "squat", "run", "jump"])
def test_nothing_is_exchanged_in_ordinary_trials(activity):
    positions = noisy(act(activity), 0.015)
    repaired, done = repair_sides(positions, ADULT.height_m)
    assert np.array_equal(repaired, positions) and not done


def test_exchanged_sides_are_repaired_on_request_and_reported():
    model = load_model(device="cpu")
    truth = act("walk")[:N_FRAMES]
    seen = truth.copy()
    seen[70:100] = exchange(truth[70:100], "legs")
    plain, as_seen, repaired = (
        augment(trial(positions), ADULT, model, Preparation(repair_swaps=asked))
        for positions, asked in ((truth, False), (seen, False), (seen, True))
    )
    assert repaired.repaired == {"legs": [(70, 100)]} and as_seen.repaired == {}
    assert np.array_equal(repaired.markers.positions, plain.markers.positions)
    assert all("swap" in [finding.guard for finding in each.findings] for each in (as_seen, repaired))
