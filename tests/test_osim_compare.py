"""Two motions side by side: planted differences come back, on the circle and in time; figures, tables and errors."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from trcaugment.cli import main
from trcaugment.errors import MotionError, OsimError
from trcaugment.osim.compare import Motion, compare, read_motion

TIME_S = np.arange(0, 3, 1 / 60)
KNEE = 30 - 30 * np.cos(2 * np.pi * TIME_S)


def motion(time_s=TIME_S, **values):
    return Motion(time_s, {name: np.broadcast_to(value, time_s.shape).astype(float) for name, value in values.items()})


def difference(first, second, time_s=TIME_S, name="knee_angle_r"):
    found = compare(motion(time_s, **{name: first}), motion(time_s, **{name: second}))
    assert [d.coordinate for d in found.differences] == [name]
    return found.differences[0]


def write_mot(path, time_s=TIME_S, header="inDegrees=yes\n", **columns):
    rows = np.column_stack([time_s, *columns.values()])
    labels = "\t".join(["time", *(name.replace("__", "/") for name in columns)])
    body = "\n".join("\t".join(f"{v:.8f}" for v in row) for row in rows)
    path.write_text(f"Coordinates\nversion=1\n{header}endheader\n{labels}\n{body}\n")
    return path


def test_a_constant_offset_is_all_in_the_offset():
    found = difference(KNEE, KNEE + 5)
    assert (found.rmse, found.offset) == pytest.approx((5, 5))
    assert found.offset_free_rmse == pytest.approx(0, abs=1e-9)
    assert found.correlation == pytest.approx(1)
    assert (found.unit, found.n_frames, found.moves) == ("deg", len(TIME_S), True)


def test_a_planted_wave_is_found_by_its_known_rms():
    wave = 4 * np.sin(2 * np.pi * 3 * TIME_S)
    found = difference(KNEE, KNEE + wave - 2)
    assert found.offset == pytest.approx(-2)
    assert found.offset_free_rmse == pytest.approx(4 / np.sqrt(2))
    assert found.rmse == pytest.approx(np.sqrt(4 + 8))
    assert difference(KNEE, -KNEE).correlation == pytest.approx(-1)


def test_359_and_minus_1_degrees_are_the_same():
    found = difference(359.0, -1.0, name="pelvis_rotation")
    assert found.rmse == found.offset == found.offset_free_rmse == 0
    assert np.isnan(found.correlation)
    assert not found.moves


@given(offset=st.floats(-180, 179), first=st.integers(-3, 3), second=st.integers(-3, 3))
def test_turning_motions_are_compared_on_the_circle(offset, first, second):
    turning = 200 * TIME_S  # passes half a turn several times
    wobble = 3 * np.sin(2 * np.pi * TIME_S)
    one = (turning + 360 * first + 180) % 360 - 180
    two = (turning + offset + wobble) % 360 + 360 * second
    found = difference(one, two, name="pelvis_rotation")
    assert found.offset_free_rmse == pytest.approx(3 / np.sqrt(2), abs=1e-6)
    assert (found.offset - offset) % 360 == pytest.approx(0, abs=1e-6) or (found.offset - offset) % 360 > 360 - 1e-6
    assert found.rmse <= 180
    if abs(offset) < 170:
        assert found.rmse == pytest.approx(np.sqrt(offset**2 + 4.5), abs=1e-6)


def test_translations_are_not_wrapped_and_come_in_millimeters(tmp_path):
    path = write_mot(tmp_path / "a.mot", pelvis_tx=np.zeros(len(TIME_S)), knee_angle_r=KNEE)
    other = write_mot(tmp_path / "b.mot", pelvis_tx=np.full(len(TIME_S), 0.4), knee_angle_r=KNEE)
    found = compare(read_motion(path), read_motion(other)).differences[0]
    assert (found.unit, found.offset) == ("mm", pytest.approx(400))


def test_motions_meet_in_the_time_that_both_have():
    def knee(time_s):
        return 40 * np.sin(3 * time_s)

    early, late = np.arange(0, 200) / 60, 1.0 + np.arange(0, 300) / 60
    found = compare(motion(early, knee_angle_r=knee(early)), motion(late, knee_angle_r=knee(late)))
    assert found.time_s[0] == pytest.approx(1.0)
    assert found.time_s[-1] == pytest.approx(early[-1])
    assert found.differences[0].rmse == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rate_hz", [30, 59.94, 100, 240])
def test_rates_may_differ(rate_hz):
    def knee(time_s):
        return 40 * np.sin(3 * time_s)

    other = np.arange(0, 3, 1 / rate_hz)
    found = compare(motion(knee_angle_r=knee(TIME_S)), motion(other, knee_angle_r=knee(other) + 1))
    # A straight line between samples is off by the second derivative times step squared over eight at most.
    assert found.differences[0].offset_free_rmse < 40 * 9 / rate_hz**2 / 8
    assert found.differences[0].offset == pytest.approx(1, abs=0.05)


def test_frames_that_are_missing_in_either_count_in_neither():
    one, two = KNEE.copy(), KNEE + 7
    one[10:20], two[50] = np.nan, np.nan
    found = difference(one, two)
    assert found.n_frames == len(TIME_S) - 11
    assert (found.offset, found.offset_free_rmse) == pytest.approx((7, 0), abs=1e-9)
    empty = difference(one, np.nan)
    assert empty.n_frames == 0
    assert np.isnan(empty.rmse)


def test_coordinates_of_one_motion_only_are_named_and_still_ones_stay_out_of_the_mean():
    first = motion(knee_angle_r=KNEE, mtp_angle_r=0, arm_rot_r=1, pelvis_tx=KNEE, arm_add_r=0)
    second = motion(arm_rot_r=1, arm_add_r=KNEE, knee_angle_r=KNEE + 3, knee_angle_r_beta=KNEE, pelvis_tx=KNEE + 9)
    found = compare(first, second)
    assert (found.only_in_first, found.only_in_second) == (("mtp_angle_r",), ("knee_angle_r_beta",))
    assert found.mean() == (1, pytest.approx(3), pytest.approx(0, abs=1e-9))
    assert found.mean("mm") == (1, pytest.approx(9), pytest.approx(0, abs=1e-9))


def test_radians_degrees_and_states_are_the_same_motion(tmp_path):
    degrees = write_mot(tmp_path / "d.mot", knee_angle_r=KNEE)
    radians = write_mot(tmp_path / "r.mot", header="inDegrees=no\n", knee_angle_r=np.deg2rad(KNEE))
    states = write_mot(
        tmp_path / "s.sto",
        header="inDegrees=no\n",
        __jointset__knee_r__knee_angle_r__value=np.deg2rad(KNEE),
        __jointset__knee_r__knee_angle_r__speed=KNEE,
    )
    for other in (radians, states):
        found = compare(read_motion(degrees), read_motion(other))
        assert found.differences[0].rmse == pytest.approx(0, abs=1e-5)
        assert found.only_in_second == ()


def test_opensims_own_header_is_read(tmp_path):
    said = "inDegrees=yes\n\nIf the header above contains a line with 'inDegrees', this tells whether ... (yes).\n\n"
    path = write_mot(tmp_path / "a.mot", header=said, knee_angle_r=KNEE)
    np.testing.assert_allclose(read_motion(path).values["knee_angle_r"], KNEE, atol=1e-7)


def test_a_time_stamp_that_stands_twice_and_a_header_without_a_unit_are_noted(tmp_path):
    good = read_motion(write_mot(tmp_path / "good.mot", knee_angle_r=KNEE))
    twice = write_mot(tmp_path / "twice.mot", time_s=[*TIME_S[:5], *TIME_S[4:]], knee_angle_r=[*KNEE[:5], *KNEE[4:]])
    found = read_motion(twice)
    np.testing.assert_array_equal(found.time_s, good.time_s)
    np.testing.assert_array_equal(found.values["knee_angle_r"], good.values["knee_angle_r"])
    (note,) = found.notes
    line = twice.read_text().splitlines().index("endheader") + 1 + 1 + 6
    assert note == f"1 row has the time stamp of the row before (first: line {line}): left out."
    simm = read_motion(write_mot(tmp_path / "simm.mot", header="datacolumns 2\n", knee_angle_r=KNEE))
    np.testing.assert_array_equal(simm.values["knee_angle_r"], good.values["knee_angle_r"])
    assert simm.notes == ("The header has no inDegrees: angles are taken for degrees.",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n0.", "\nnan\t0.", "expected one value per label"),
        ("\t1.5", "\tinf", "line 8: expected a number in column 2, found inf; correct it, or remove the line"),
        ("\t1.5", "\t1e308", r"line 8: expected a number in column 2, found 1e\+308"),
        ("\n0.5", "\nnan", "line 8: expected a time in s in column 1, found nan"),
        ("\t1.5", "\t1,5", "line 8: expected numbers in 2 columns, found '1,5'; export it with decimal points"),
        ("\t1.5", "\t" + "x" * 1_000_000, "line 8: expected numbers in 2 columns, found 'xxx"),
        ("yes", "y" * 1_000_000, "expected one header line inDegrees=yes or inDegrees=no, found yyy"),
        ("time", "x" * 1_000_000, "expected a column 'time' and others in line 6, found xxx"),
    ],
)
def test_damaged_motions_are_refused_in_one_short_line(tmp_path, old, new, message):
    text = "a\nversion=1\ninDegrees=yes\n\nendheader\ntime\tknee_angle_r\n0\t1\n0.5\t1.5\n1\t2\n"
    path = tmp_path / "a.mot"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(MotionError, match=message) as caught:
        read_motion(path)
    assert len(str(caught.value)) < len(str(path)) + 200


def test_motions_without_common_time_or_coordinates_and_time_that_runs_back_are_refused(tmp_path):
    with pytest.raises(OsimError, match=r"at least two frames in common, found 0 to 2.98333 s and 10 to 12.9833 s"):
        compare(motion(knee_angle_r=KNEE), motion(TIME_S + 10, knee_angle_r=KNEE))
    with pytest.raises(OsimError, match=r"no coordinate is in both motions: knee_angle_r and hip_flexion_r"):
        compare(motion(knee_angle_r=KNEE), motion(hip_flexion_r=KNEE))
    back = write_mot(tmp_path / "back.mot", time_s=TIME_S[::-1], knee_angle_r=KNEE)
    with pytest.raises(MotionError, match=r"back.mot: expected increasing time"):
        read_motion(back)
    twice = write_mot(tmp_path / "twice.sto", knee_angle_r=KNEE, __jointset__knee_r__knee_angle_r__value=KNEE)
    with pytest.raises(MotionError, match=r"twice.sto: the coordinate knee_angle_r is there more than once"):
        read_motion(twice)


@pytest.fixture
def two(tmp_path):
    """Two files: a knee 5 degrees apart, a locked toe joint, an arm that only one of them has measured."""
    toe = np.zeros(len(TIME_S))
    write_mot(tmp_path / "a.mot", knee_angle_r=KNEE, mtp_angle_r=toe, arm_rot_r=toe)
    write_mot(tmp_path / "b.mot", knee_angle_r=KNEE + 5, mtp_angle_r=toe, arm_rot_r=KNEE)
    return tmp_path


def run(*args):
    return CliRunner().invoke(main, ["osim", "compare", *map(str, args)])


def test_the_command_shows_a_table_and_writes_csv_and_figure(two):
    done = run(two / "a.mot", two / "b.mot", "--csv", two / "c.csv", "--figure", two / "c.png")
    assert done.exit_code == 0, done.output
    assert "knee_angle_r" in done.output
    assert "At rest in one, left out: mtp_angle_r, arm_rot_r." in done.output
    rows = list(csv.DictReader((two / "c.csv").read_text().splitlines()))
    assert [row["coordinate"] for row in rows] == ["knee_angle_r", "mtp_angle_r", "arm_rot_r"]
    (mean,) = [line.split() for line in done.output.splitlines() if line.startswith("mean of")]
    assert mean == ["mean", "of", "1", "moving", "deg", "5.00", "0.00"]
    assert float(rows[0]["rmse"]) == pytest.approx(5)
    assert float(rows[0]["offset_free_rmse"]) == pytest.approx(0, abs=1e-6)
    assert rows[1]["correlation"] == ""
    assert (two / "c.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_refuses_what_it_must(two):
    assert run(two / "a.mot", two / "nothing.mot").exit_code == 2
    assert run(two / "a.mot", two / "b.mot", "--csv", two / "a.mot", "--overwrite").exit_code == 2
    assert run(two / "a.mot", two / "b.mot", "--figure", two / "c.gif").exit_code == 2
    (two / "c.csv").write_text("mine")
    assert run(two / "a.mot", two / "b.mot", "--csv", two / "c.csv").exit_code == 2
    (two / "d.mot").write_text("no motion")
    done = run(two / "a.mot", two / "d.mot", "--csv", two / "c.csv", "--overwrite")
    assert done.exit_code == 1
    assert "d.mot: expected a line 'endheader'" in done.output
    assert (two / "c.csv").read_text() == "mine"


def test_json_holds_the_differences_and_quiet_leaves_the_table_out(two):
    done = run(two / "a.mot", two / "b.mot", "--json", "-", "--quiet")
    assert done.exit_code == 0, done.output
    knee, *_ = json.loads(done.stdout)["differences"]
    assert (knee["coordinate"], knee["unit"], knee["rmse"]) == ("knee_angle_r", "deg", pytest.approx(5))
    assert done.stderr == ""
    done = run(two / "a.mot", two / "b.mot", "--json", two / "c.json")
    assert "knee_angle_r" in done.stdout
    assert json.loads((two / "c.json").read_text())["n_frames"] == len(TIME_S)
    assert run(two / "a.mot", two / "b.mot", "--json", two / "c.json").exit_code == 2
