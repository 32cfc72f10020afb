"""Reports: the numbers are those that were planted, and the page holds all that is known of a trial."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trials import make_output, run
from short_trials import WALK, short_walk

from trcaugment import Markers, read_trc, write_trc
from trcaugment.conversion.sidecar import UsedCalibration, UsedModel
from trcaugment.errors import MarkersError, MotionError
from trcaugment.pages.angles import angle_charts, cycle_charts, find_motion, marker_errors, read_solved
from trcaugment.pages.charts import Chart, Curve, draw, ticks
from trcaugment.pages.gait import find_cycles, over_cycles
from trcaugment.pages.html import environment
from trcaugment.pages.measures import lengths, motions
from trcaugment.pages.methods import sentences
from trcaugment.pages.report import Extras, make_report
from trcaugment.pages.spread import read_spread
from trcaugment.pages.trial import Trial, open_trial

TRUTH = WALK.with_name("walk_markers.trc")
SQUAT = WALK.with_name("squat_mm_with_gaps_markers.trc")


# --- charts


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e5))
def test_ticks_are_a_few_round_numbers_within_the_axis(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 6
    assert low - 1e-6 * width <= found[0] <= found[-1] <= low + width * (1 + 1e-6)


def test_no_peak_of_a_long_curve_is_lost_and_gaps_stay_gaps() -> None:
    values = np.zeros(20_000)
    values[7_777] = 1.0
    values[12_000:14_000] = np.nan
    drawn = draw(Chart("a", "mm", np.arange(20_000.0), [Curve("", "first", values)]))
    assert drawn is not None
    ((_, path),) = drawn.lines
    places = np.array(re.findall(r"([\d.]+) ([\d.]+)", path), dtype=float)
    assert len(places) < 1500
    assert path.count("M") == 2
    top = {label: y for y, label in drawn.y_ticks}["1"]
    assert places[:, 1].min() == pytest.approx(top, abs=0.1)
    banded = draw(Chart("a", "mm", np.arange(20_000.0), [Curve("", "first", values, values - 1, values + 1)]))
    assert banded is not None
    assert banded.bands[0][1].count("M") == banded.bands[0][1].count("Z") == 2
    assert draw(Chart("a", "mm", np.arange(3.0), [Curve("", "first", np.full(3, np.nan))])) is None
    one = draw(Chart("a", "mm", np.arange(1.0), [Curve("", "first", np.zeros(1))]))
    assert one is not None
    assert one.words == "a in mm over time (s): values from 0 to 0"


# --- measures


def test_lengths_are_those_between_markers() -> None:
    truth = read_trc(TRUTH)
    found = lengths(truth)
    knees = truth.select(["r_knee_study", "r_mknee_study"]).mean(axis=1)
    expected = np.linalg.norm(knees - truth.select(["RHJC_study"])[:, 0], axis=1)
    np.testing.assert_allclose(found["thigh"]["right"], expected)
    assert set(found) == {"thigh", "shank", "foot", "pelvis width", "shoulder width", "trunk"}
    assert set(found["trunk"]) == {""}
    assert lengths(short_walk()) == {}


@pytest.mark.parametrize("noise_mm", [0.5, 3.0])
def test_shake_is_the_noise_that_was_planted_and_not_the_motion(noise_mm: float) -> None:
    walk = read_trc(WALK)
    noise = np.random.default_rng(1).normal(0, noise_mm / 1000, walk.positions.shape)
    noise[200:260] = np.nan
    smooth = np.array([each.shake_mm for each in motions(replace(walk, positions=walk.positions))])
    found = np.array([each.shake_mm for each in motions(replace(walk, positions=walk.positions + noise))])
    np.testing.assert_allclose(found, np.hypot(smooth, noise_mm), rtol=0.2)
    assert motions(short_walk(0, 3))[0].shake_mm != motions(short_walk(0, 3))[0].shake_mm  # NaN: too short


def test_speed_is_that_of_a_marker_that_was_pushed() -> None:
    time_s = np.arange(50) / 100
    (moving,) = motions(Markers(("a",), np.outer(time_s, [3, 4, 0])[:, None], time_s))
    assert (moving.mean_speed, moving.max_speed, moving.known) == pytest.approx((5, 5, 1))


# --- gait cycles


def test_steps_are_found_where_they_were_planted_and_nowhere_else() -> None:
    time_s = np.arange(600) / 100
    phase = 2 * np.pi * (time_s - 0.3) / 1.2  # the right heel is foremost at 0.3, 1.5, 2.7, 3.9, 5.1 s
    names = ("r_calc_study", "L_calc_study", "RHJC_study", "LHJC_study")
    places = np.zeros((600, 4, 3))
    places[:, :, 0] = 1.3 * time_s[:, None]
    places[:, 0, 0] += 0.3 * np.cos(phase)
    places[:, 1, 0] -= 0.3 * np.cos(phase)
    places[:, 2, 2], places[:, 3, 2] = 0.1, -0.1
    places[:, 2:, 1] = 0.9
    found = find_cycles(Markers(names, places, time_s))
    np.testing.assert_allclose(found["right"], [(0.3 + 1.2 * k, 1.5 + 1.2 * k) for k in range(4)], atol=0.011)
    np.testing.assert_allclose(found["left"], [(0.9 + 1.2 * k, 2.1 + 1.2 * k) for k in range(4)], atol=0.011)
    turned = places[:, :, [2, 1, 0]] * [1, 1, -1]
    assert find_cycles(Markers(names, turned, time_s)) == found
    down = places.copy()
    down[350:, 2:, 1] = 0.3
    assert find_cycles(Markers(names, down, time_s))["right"] == found["right"][:2]
    together = places.copy()
    together[:, 1, 0] = together[:, 0, 0]
    assert find_cycles(Markers(names, together, time_s)) == {"right": [], "left": []}
    assert find_cycles(read_trc(SQUAT)) == {"right": [], "left": []}
    assert len(find_cycles(read_trc(TRUTH))["right"]) == 5
    assert find_cycles(Markers(("a",), places[:, :1], time_s)) == {"right": [], "left": []}


def test_curves_are_stretched_over_their_cycles() -> None:
    time_s = np.arange(500) / 100
    rows = over_cycles(time_s, time_s, [(1.0, 2.0), (2.0, 3.5), (4.0, 9.0)])
    np.testing.assert_allclose(rows, [np.linspace(1, 2, 101), np.linspace(2, 3.5, 101)])
    with_gap = np.where((time_s > 1.4) & (time_s < 1.5), np.nan, time_s)
    assert len(over_cycles(with_gap, time_s, [(1.0, 2.0), (2.0, 3.5)])) == 1


# --- angles


def write_motion(path: Path, start_s: float = 0.0) -> Path:
    time_s = start_s + np.arange(100) / 50
    rows = "\n".join(f"{t}\t{30 * np.sin(t)}\t{20 * np.sin(t)}\t0.1\t1.0" for t in time_s)
    head = "m\nversion=1\nnRows=100\nnColumns=5\ninDegrees=yes\nendheader\n"
    path.write_text(f"{head}time\tknee_angle_r\tknee_angle_l\tarm_add_r\tpelvis_tx\n{rows}\n")
    return path


def write_errors(path: Path) -> Path:
    path.write_text("time_s,rms_mm,max_mm,mark,a,b\n0.0,5.0,7.0,,1.0,7.0\n0.02,,,interpolated,,\n0.04,3.0,3.0,,3.0,\n")
    return path


def test_parts_of_a_motion_are_joined_with_a_gap_between_and_errors_come_with_them(tmp_path: Path) -> None:
    for part, start_s in ((1, 0.0), (2, 5.0)):
        write_motion(tmp_path / f"walk_part{part}.mot", start_s)
    write_errors(tmp_path / "walk_errors.csv")
    found = find_motion(tmp_path / "walk.trc")
    assert found == tmp_path / "walk_part1.mot"
    solved = read_solved(found)
    assert len(solved.files) == 2
    assert np.isnan(solved.motion.values["knee_angle_r"][100])
    assert len(solved.motion.time_s) == 202
    assert solved.rms_mm == pytest.approx(np.sqrt((1 + 49 + 9) / 3))
    assert solved.max_mm == 7
    assert marker_errors(solved) == [("b", 7, 7), ("a", pytest.approx(np.sqrt(5)), 3)]
    (chart,) = angle_charts(solved)  # neither what rests nor translations
    assert (chart.title, [curve.label for curve in chart.curves]) == ("knee angle", ["right", "left"])
    table = tmp_path / "angle_uncertainty.csv"
    head = "trial,coordinate,constant_deg,moving_deg,smallest_change_deg\n"
    table.write_text(f"{head}run,knee_angle_r,9,9,9\nwalk,knee_angle_r,4.0,1.5,4.2\n")
    (chart,) = angle_charts(read_solved(found))
    right, left = chart.curves
    assert right.high is not None
    np.testing.assert_allclose(right.high - right.values, np.where(np.isnan(right.values), np.nan, 1.5))
    assert left.high is None
    table.write_text("trial,coordinate\n")
    with pytest.raises(MotionError, match="expected the table of angles"):
        read_solved(found)
    table.unlink()
    (over_cycle,) = cycle_charts(solved.motion, {"right": [(0.5, 1.5)], "left": []})
    assert [curve.label for curve in over_cycle.curves] == ["right, 1 cycle"]
    assert list(cycle_charts(solved.motion, {"right": [], "left": []})) == []
    (tmp_path / "walk_errors.csv").write_text("time_s,rms_mm\n1,2\n,\n")
    with pytest.raises(MotionError, match="expected the table of marker errors"):
        read_solved(found)


# --- the page


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_output(tmp_path_factory.mktemp("made"))


def test_the_methods_paragraph_says_what_was_filled_and_guessed(made: Path) -> None:
    sidecar = open_trial(made).sidecar
    assert sidecar is not None
    text = " ".join(sentences(sidecar, None))
    assert "for a person of 1.58 m and 58.32 kg" in text
    assert "60 frames at 60 Hz" in text
    assert "5 samples (0.6 %) of keypoints in gaps shorter than 0.2 s were filled by PCHIP" in text
    assert "20 samples (2.2 %) of keypoints in longer gaps were replaced by the most likely place" in text
    assert sidecar.model.sha256[:12] in text


def test_the_report_says_all_that_a_sidecar_holds(made: Path) -> None:
    """A new field of the sidecar or of the preparation needs its words in `methods.sentences` and `report._done`."""
    trial = open_trial(made)
    assert trial.sidecar is not None
    told = {
        *("format_version", "tool", "model", "input", "subject", "output", "sources", "derived", "preparation", "up"),
        *("repaired", "outliers", "smoothed", "filled", "missing", "lost", "without_body", "findings", "made"),
        *("uncertainty", "arms", "calibration"),
    }
    assert set(trial.sidecar.__struct_fields__) == told
    settings = {"keep_outliers", "max_gap_s", "repair_swaps", "up", "lowpass_hz", "arms"}
    assert {field.name for field in fields(trial.sidecar.preparation)} == settings
    preparation = replace(trial.sidecar.preparation, lowpass_hz=6.0)
    own = UsedCalibration(file="anna.json", sha256="", n_markers=9, unmoved={"r_knee_study": ((3, 7),)})
    arms = UsedModel(name="arms-v0", sha256="0123456789abcdef", rate_hz=60)
    changed = {"smoothed": {"RHip": 0.0123}, "preparation": preparation, "calibration": own, "arms": arms}
    whole = replace(trial, sidecar=msgspec.structs.replace(trial.sidecar, **changed))
    text = make_report(whole, Extras()).decode()
    assert "9 of the markers were moved by the person&#39;s calibration, except in 5 samples" in text
    assert "anna.json, 9 markers moved" in text
    assert text.count("arms-v0 (SHA-256 0123456789ab)") == 2
    assert "white noise of up to 12.3 mm SD) were smoothed: RHip." in text
    assert text.count("6 Hz") == 2


def test_report_says_all_there_is_in_one_page(made: Path) -> None:
    motion = write_motion(made.with_suffix(".mot"))
    write_errors(made.with_name("walk_aug_errors.csv"))
    page = made.with_name("walk_aug_report.html")
    assert run("report", made).output == f"{made} -> {page}\n"
    text = page.read_text(encoding="utf-8")
    for part in ("timeline", "lengths", "speeds", "ik", "angles", "done", "methods"):
        assert text.count(f'id="{part}"') == 1
        assert f'href="#{part}"' in text
    assert "Attention is not shown" in text  # the tiny model is not among those that are shipped
    assert "short gap filled: LHip" in text
    assert "marker error RMS 4.4 mm, largest 7.0 mm" in text
    assert set(re.findall(r"src=\"([^\"]{5})", text)) <= {"data:"}
    assert "add --overwrite" in run("report", made, code=2).output
    motion.write_text("nonsense")
    assert "expected a line 'endheader'" in run("report", made, "--overwrite", code=1).output
    write_motion(motion, 100.0)
    assert "expected joint angles of the trial's time, 0 to 0.98" in run("report", made, "--overwrite", code=1).output
    assert page.read_text(encoding="utf-8") == text
    motion.unlink()


def test_a_lab_file_without_a_sidecar_has_a_report_too(tmp_path: Path) -> None:
    walk = short_walk()
    write_trc(tmp_path / "lab.trc", Markers(("a", "b"), walk.positions[:, :2], walk.time_s))
    text = make_report(open_trial(tmp_path / "lab.trc"), Extras()).decode()
    assert "how it was made is not known" in text
    assert 'id="methods"' not in text
    one = Trial(Path("one.trc"), Markers(("a",), walk.positions[:1, :1], walk.time_s[:1]))
    assert b"frame" in make_report(one, Extras())


def test_the_table_of_another_trial_is_refused(made: Path, tmp_path: Path) -> None:
    table = tmp_path / "spread.csv"
    table.write_text("part,frame\n")
    with pytest.raises(MarkersError, match=r"expected the table that predict --uncertainty wrote for walk_aug.trc"):
        read_spread(table, open_trial(made))


def contrast(first: str, second: str) -> float:
    """WCAG 2.2, success criterion 1.4.3."""
    lights = []
    for color in (first, second):
        part = np.array([int(color[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        lights.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_all_text_can_be_read_in_light_and_dark() -> None:
    for scheme in environment().get_template("base.css").render().split("@media (prefers", 1):
        colors = dict(re.findall(r"--(\w+): (#\w{6})", scheme))
        grounds = [colors.pop(name) for name in ("bg", "panel")]
        for name, color in colors.items():
            if name not in ("line", "grid"):
                assert min(contrast(color, ground) for ground in grounds) >= 4.5, name
