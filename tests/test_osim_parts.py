"""Motion files of trials with gaps: a row for each frame, no NaN, and what is not measured is said."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from planted_people import NAMES, STILL, draw_factors, grown, move

from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES
from trcaugment.errors import OsimError
from trcaugment.formats.mot import read_table
from trcaugment.markers import MAX_GAP_S
from trcaugment.osim.compare import compare, read_motion
from trcaugment.osim.parts import find_parts, interpolate
from trcaugment.osim.pipeline import Kit, earlier_parts, scale_person, solve, trial_files
from trcaugment.subject import Subject

SHORT, LONG = slice(12, 18), slice(30, 90)  # 0.1 s and 1 s
N_FRAMES = 110
FOOT = ("calc", "toe", "5meta", "ankle")
LEGS = ("knee", "ankle", "toe", "thigh", "_sh1", "_sh2", "_sh3")  # heel and fifth metatarsal are left
LEG = ["hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle"]
FOOT_COORDINATES = ["ankle_angle_r", "subtalar_angle_r", "ankle_angle_l", "subtalar_angle_l"]


def time_of(n_frames, rate_hz=60):
    return np.arange(n_frames) / rate_hz


def spans(usable, time_s=None, max_gap_s=MAX_GAP_S):
    usable = np.asarray(usable, dtype=bool)
    found = find_parts("walk", usable, time_of(len(usable)) if time_s is None else time_s, max_gap_s)
    return {part.name: part.span for part in found}


def test_short_gaps_are_bridged_and_long_ones_part():
    usable = np.ones(60, dtype=bool)
    usable[:3] = usable[10:21] = False  # 11 frames at 60 Hz are less than 0.2 s
    assert spans(usable) == {"walk": (3, 60)}
    assert spans(usable, max_gap_s=0) == {"walk_part1": (3, 10), "walk_part2": (21, 60)}
    usable[21] = False
    assert spans(usable) == {"walk_part1": (3, 10), "walk_part2": (22, 60)}
    assert spans(usable, max_gap_s=0.3) == {"walk": (3, 60)}


def test_leaps_of_the_time_stamps_part_and_jitter_does_not():
    time_s = time_of(40)
    time_s[20:] += 0.5
    assert spans(np.ones(40), time_s) == {"walk_part1": (0, 20), "walk_part2": (20, 40)}
    jittered = time_of(40) + np.random.default_rng(0).uniform(-0.006, 0.006, 40)
    assert spans(np.ones(40), jittered, max_gap_s=0) == {"walk": (0, 40)}


def test_single_frames_are_no_part_unless_there_is_nothing_else():
    usable = np.zeros(80, dtype=bool)
    usable[[20, 40, 41, 79]] = True
    assert spans(usable) == {"walk": (40, 42)}
    assert spans([True]) == {"walk": (0, 1)}
    usable[41] = False
    with pytest.raises(OsimError, match="two frames or more in a row"):
        spans(usable)


def test_interpolation_keeps_what_was_solved_and_follows_a_parabola():
    time_s = time_of(30)
    usable = np.ones(30, dtype=bool)
    usable[12:18] = False
    (part,) = find_parts("walk", usable, time_s, MAX_GAP_S)
    truth = np.stack([time_s, 100 * time_s**2], axis=1)
    made = interpolate(truth[usable], part)
    np.testing.assert_array_equal(made[usable], truth[usable])
    np.testing.assert_allclose(made, truth, atol=0.05)


@pytest.fixture(scope="module")
def solved(opensim, tmp_path_factory):
    """A person who squats: with gaps, and without feet, scaled by the whole trial."""
    folder = tmp_path_factory.mktemp("parts")
    rng = np.random.default_rng(3)
    motion, trial = move(grown(draw_factors(rng)), "squat", rng, N_FRAMES)
    with_gaps = trial.positions.copy()
    with_gaps[SHORT] = with_gaps[LONG] = np.nan
    feet = [k for k, name in enumerate(NAMES) if any(part in name for part in FOOT)]
    without_feet, for_a_time = trial.positions[:40].copy(), trial.positions[:40].copy()
    without_feet[:, feet] = np.nan
    for_a_time[10:20, feet] = np.nan
    no_legs = trial.positions[:40].copy()
    no_legs[:, [k for k, name in enumerate(NAMES) if any(part in name for part in LEGS)]] = np.nan
    scaled = scale_person({"squat": trial}, None, Subject(1.7, 70), Kit(), folder)
    (folder / "squat.mot").write_text("of an earlier run, without gaps")
    (folder / "squat_part7.mot").write_text("of an earlier run, with more gaps")
    shorter = replace(trial, time_s=trial.time_s[:40], positions=trial.positions[:40])
    trials = {
        "squat": replace(trial, positions=with_gaps),
        "no_feet": replace(shorter, positions=without_feet),
        "some_feet": replace(shorter, positions=for_a_time),
        "no_legs": replace(shorter, positions=no_legs),
    }
    errors = {name: solve(name, each, scaled.tasks, folder) for name, each in trials.items()}
    return folder, motion, errors, trials, scaled


def read(path):
    labels, table, in_degrees, _ = read_table(path)
    assert in_degrees and np.isfinite(table).all()
    return {label: table[:, k] for k, label in enumerate(labels)}


def test_a_second_without_markers_makes_two_parts_with_even_steps(solved):
    folder, motion, errors, *_ = solved
    shown = [c.name for c in COORDINATES if c.rotational and not c.name.startswith(STILL)]
    for name, span in (("squat_part1", slice(0, LONG.start)), ("squat_part2", slice(LONG.stop, N_FRAMES))):
        found = read(folder / f"{name}.mot")
        np.testing.assert_allclose(found["time"], time_of(N_FRAMES)[span], atol=1e-6)
        truth = np.rad2deg(motion[span])
        worst = {each: np.abs(found[each] - truth[:, COORDINATE_INDEX[each]]).max() for each in shown}
        assert max(worst.values()) < 1, worst
    assert errors["squat"].n_left_out == 60
    assert list(errors["squat"].notes) == [
        "interpolated, too few markers: 6 frames (0.20-0.28 s)",
        "in 2 parts, for longer gaps lie between: squat_part1.mot 0.00-0.48 s, squat_part2.mot 1.50-1.82 s",
        "left out, too few markers: 60 frames (0.50-1.48 s)",
    ]
    with (folder / "squat_errors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    assert [k for k, row in enumerate(rows) if row["mark"] == "interpolated"] == list(range(12, 18))
    assert {row["rms_mm"] + row["C7_study"] for row in rows[SHORT]} == {""}


def test_parts_replace_what_an_earlier_run_made_of_the_trial(solved):
    folder, *_ = solved
    assert not (folder / "squat.mot").exists() and not (folder / "squat_part7.mot").exists()
    made = {path.name for path in earlier_parts(folder, "squat")}
    assert {"squat_part1.mot", "squat_part2_ik_setup.xml"} <= made
    there = [(folder / name).is_file() for name in trial_files("squat", 2) if not name.endswith(".png")]
    assert len(there) == 8 and all(there)


def test_no_part_takes_the_name_of_another_trial(solved):
    folder, _, _, trials, scaled = solved
    before = (folder / "squat_part1.mot").read_bytes()
    with pytest.raises(OsimError, match="squat_part2 is the name of another trial"):
        solve("squat", trials["squat"], scaled.tasks, folder, others={"squat_part2"})
    assert (folder / "squat_part1.mot").read_bytes() == before


def test_without_feet_there_are_no_ankles_in_the_motion_file(opensim, solved):
    folder, motion, errors, *_ = solved
    assert list(errors["no_feet"].notes) == [f"nothing measures {', '.join(FOOT_COORDINATES)}: not in the motion file"]
    found = read(folder / "no_feet.mot")
    assert not set(FOOT_COORDINATES) & set(found)
    assert opensim.TimeSeriesTable(str(folder / "no_feet.mot")).getNumColumns() == len(found) - 1
    compared = compare(read_motion(folder / "no_feet.mot"), read_motion(folder / "some_feet.mot"))
    assert set(FOOT_COORDINATES) <= set(compared.only_in_second)
    truth = np.rad2deg(motion[:40, COORDINATE_INDEX["knee_angle_r"]])
    np.testing.assert_allclose(found["knee_angle_r"], truth, atol=0.5)


def test_a_leg_that_heel_and_toe_alone_do_not_determine_is_left_out_and_moves_nothing_else(solved):
    folder, motion, errors, *_ = solved
    legs = [f"{name}_{side}" for side in "rl" for name in LEG]
    assert list(errors["no_legs"].notes) == [
        f"not determined by {side}_calc_study, {side}_5meta_study alone, which are not followed: "
        f"{', '.join(f'{name}_{side.lower()}' for name in LEG)}; not in the motion file"
        for side in ("r", "L")
    ]
    found = read(folder / "no_legs.mot")
    assert not set(legs) & set(found)
    for name in ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension", "lumbar_rotation"):
        np.testing.assert_allclose(found[name], np.rad2deg(motion[:40, COORDINATE_INDEX[name]]), atol=0.5)
    assert not {"r_calc_study", "L_5meta_study"} & set(errors["no_legs"].names)


def test_feet_that_are_gone_for_a_time_are_named(solved):
    _, _, errors, *_ = solved
    assert list(errors["some_feet"].notes) == [
        f"nothing measures {', '.join(FOOT_COORDINATES)} for a time; what stands there is no finding: "
        "10 frames (0.17-0.32 s)"
    ]


def test_what_nothing_measures_in_any_trial_is_said_with_the_scaling(solved):
    *_, scaled = solved
    (said,) = [note for note in scaled.scaling.notes if note.startswith("nothing measures")]
    assert "elbow_flex_r" in said and "mtp_angle_l" in said and "ankle" not in said
