"""Memory grows slowly with the length of a trial: an hour of video fits a small computer."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from short_trials import PERSON, walk, write_tiny_model

from trcaugment import load_model, write_trc
from trcaugment.conversion.convert import convert
from trcaugment.conversion.trials import Conversion, Settings

# Measured: 2.0 kB, of which the predicted markers are 0.84 and the keypoints of the file 0.48. With 216,000 frames that
# is 430 MB, beside 100 MB for Python and its packages.
MOST_BYTES_PER_FRAME = 2300


@pytest.fixture
def peak_bytes(tmp_path):
    """Largest memory of converting a trial of so many frames."""
    model = load_model(write_tiny_model(tmp_path))

    def measured(n_frames):
        frames = np.arange(n_frames) % 300
        frames = np.where(frames < 150, frames, 299 - frames)  # forward and backward
        trial = replace(walk(), positions=walk().positions[frames], time_s=np.arange(n_frames) / 60)
        source = tmp_path / "long.trc"
        write_trc(source, trial)
        tracemalloc.start()
        try:
            (outcome,) = convert([Conversion(source, tmp_path / "out.trc", PERSON)], model, Settings(overwrite=True))
            assert outcome.failure is None
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured


@pytest.mark.slow
def test_an_hour_of_video_fits(peak_bytes):
    peak_bytes(100)  # what is made once
    short, long = 2000, 6000
    assert (peak_bytes(long) - peak_bytes(short)) / (long - short) < MOST_BYTES_PER_FRAME
