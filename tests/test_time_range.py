"""Part of a trial: `--from` and `--to`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from short_trials import WALK, walk, write_tiny_model

from trcaugment import read_trc
from trcaugment.chain.time_range import WHOLE, TimeRange, cut_time
from trcaugment.cli import main
from trcaugment.conversion.convert import convert
from trcaugment.conversion.trials import Conversion, Settings
from trcaugment.errors import MarkersError
from trcaugment.model.folder import load_model
from trcaugment.subject import StatedSubject


@given(st.floats(-1, 11), st.floats(0, 12))
def test_a_range_keeps_the_frames_in_it_and_no_others(begin: float, length: float) -> None:
    trial = walk()
    end = begin + length
    inside = (trial.time_s >= begin - 5e-6) & (trial.time_s <= end + 5e-6)
    if not inside.any():
        with pytest.raises(MarkersError, match=r"time stamps go from 0 s to 9\.98333 s"):
            cut_time(trial, TimeRange(begin, end))
        return
    found = cut_time(trial, TimeRange(begin, end))
    np.testing.assert_array_equal(found.time_s, trial.time_s[inside])
    np.testing.assert_array_equal(found.positions, trial.positions[inside])
    assert found.names == trial.names


def test_open_ends_and_rounded_time_stamps() -> None:
    trial = walk()
    assert cut_time(trial, WHOLE).n_frames == trial.n_frames
    assert cut_time(trial, TimeRange(to_s=0.016667)).n_frames == 2  # which the file has as 0.016667, or so
    assert TimeRange(from_s=0.016667).span(trial) == (1, trial.n_frames)


@pytest.mark.parametrize(
    ("begin", "end"), [(2.0, 1.0), (float("nan"), None), (None, float("nan")), (float("inf"), None)]
)
def test_what_is_no_range_is_refused(begin: float | None, end: float | None) -> None:
    with pytest.raises(MarkersError, match="begins before it ends"):
        TimeRange(begin, end)


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments), "--height", "1.584", "--mass", "58.32"])


def test_predict_writes_just_those_frames_and_says_which(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path)
    done = predict(WALK, "-o", tmp_path / "out.trc", "--from", 2, "--to", 2.5, "--model", model)
    assert done.exit_code == 0, done.output
    assert "cut: frames 121 to 151 of the file" in done.output
    written = read_trc(tmp_path / "out.trc")
    assert written.time_s[[0, -1]].tolist() == [2.0, 2.5]
    assert written.n_frames == 31
    told = json.loads((tmp_path / "out.json").read_bytes())["input"]
    assert (told["time_range"], told["first_frame"], told["n_frames"]) == ({"from_s": 2.0, "to_s": 2.5}, 121, 31)


def test_an_empty_range_fails_with_that_of_the_file_and_a_wrong_one_is_wrong_usage(tmp_path: Path) -> None:
    done = predict(WALK, "-o", tmp_path / "out.trc", "--from", 60)
    assert done.exit_code == 1
    assert "expected frames from 60 s, found none: the time stamps go from 0 s to 9.98333 s" in done.output
    done = predict(WALK, "-o", tmp_path / "out.trc", "--from", 3, "--to", 2)
    assert done.exit_code == 2
    assert not (tmp_path / "out.trc").exists()


def test_a_batch_makes_an_output_of_a_part_anew(tmp_path: Path) -> None:
    model = load_model(str(write_tiny_model(tmp_path)))
    trial = [Conversion(WALK, tmp_path / "out.trc", StatedSubject(1.584, 58.32, "a test", "a test"))]
    list(convert(trial, model, Settings(time_range=TimeRange(0, 1))))
    assert read_trc(tmp_path / "out.trc").n_frames == 61
    (outcome,) = convert(trial, model, Settings(resume=True))
    assert not outcome.kept
    assert read_trc(tmp_path / "out.trc").n_frames == 600
    (outcome,) = convert(trial, model, Settings(resume=True))
    assert outcome.kept
