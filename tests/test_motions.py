"""Joint angles from files with planted truths, from procedures, and drawn from the library."""

import math

import numpy as np
import pytest
import torch

from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.motions import MotionLibrary, mirror, perturb, read_mot
from trcaugment.body.procedural import ACTIVITIES, make_motion
from trcaugment.body.skeleton import BODIES, COORDINATE_INDEX, COORDINATES, POINT_INDEX
from trcaugment.body.windows import make_library
from trcaugment.errors import MotionError

HIP, KNEE, TILT, TX = (COORDINATE_INDEX[name] for name in ("hip_flexion_r", "knee_angle_r", "pelvis_tilt", "pelvis_tx"))


def write_mot(path, labels, rows, in_degrees=True):
    head = f"Motion\nversion=1\nnRows={len(rows)}\nnColumns={len(labels)}\ninDegrees={'yes' if in_degrees else 'no'}\n"
    lines = ["\t".join(f"{value:.10g}" for value in row) for row in rows]
    path.write_text(head + "\nendheader\n" + "\t".join(labels) + "\n" + "\n".join(lines) + "\n")
    return path


def planted_rows(rate_hz, factor, duration_s=2.0, start_s=1.5):
    """A hip that swings at 1 Hz, a knee that bends steadily, a pelvis that walks at 1.2 m/s."""
    t = start_s + np.arange(round(duration_s * rate_hz) + 1) / rate_hz
    return np.column_stack([t, factor * 0.5 * np.sin(2 * np.pi * t), 1.2 * t, factor * 0.3 * t, 7.0 + 0 * t])


@pytest.mark.parametrize("in_degrees", [True, False])
@pytest.mark.parametrize("rate_hz", [60, 100, 240, 1000])
def test_planted_angles_come_out_in_radians_at_60_hz(tmp_path, rate_hz, in_degrees):
    factor = 180 / math.pi if in_degrees else 1.0
    labels = ["time", "hip_flexion_r", "pelvis_tx", "knee_angle_r", "hamstrings_activation"]
    values = read_mot(write_mot(tmp_path / "a.mot", labels, planted_rows(rate_hz, factor), in_degrees))
    assert values.shape[1] == len(COORDINATES)
    assert len(values) in (120, 121)  # two seconds, with or without the last instant
    t = 1.5 + np.arange(len(values)) / 60
    # Straight lines between samples miss a sine by at most (2 pi h)^2 / 8 of its amplitude.
    slack = 0.5 * (2 * np.pi / rate_hz) ** 2 / 8 + 1e-6
    np.testing.assert_allclose(values[:, HIP], 0.5 * np.sin(2 * np.pi * t), rtol=0, atol=slack)
    np.testing.assert_allclose(values[:, KNEE], 0.3 * t, rtol=0, atol=1e-6)
    np.testing.assert_allclose(values[:, TX], 1.2 * t, rtol=0, atol=1e-6)  # metres, never degrees
    others = [k for k in range(len(COORDINATES)) if k not in (HIP, KNEE, TX)]
    assert not values[:, others].any()


def test_header_spelling_and_blank_lines_do_not_matter(tmp_path):
    path = tmp_path / "a.sto"
    path.write_text("x\ninDegrees=YES\n  EndHeader \nTime hip_flexion_r\n\n0 90\n1 90\n\n")
    assert read_mot(path)[:, HIP] == pytest.approx(math.pi / 2)


GOOD = "inDegrees=no\nendheader\ntime hip_flexion_r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time hip_flexion_r\n0 1\n1 1\n", "endheader"),
        ("", "endheader"),
        ("endheader", "column 'time'"),
        (GOOD, "expected rows"),
        (GOOD + "0 1\n", "at least two frames"),
        (GOOD + "0 1\n0.001 1\n", "at least two frames"),
        (GOOD + "0 1\n1 2\n0.5 3\n", "increasing time"),
        (GOOD + "0 1\n2 2\n1 3\n", "increasing time"),
        (GOOD + "0 1\n1 nan\n2 3\n", "no missing values"),
        (GOOD + "0 1\n1 inf\n2 3\n", "line 5: expected a number in column 2, found inf"),
        (GOOD + "0 1\n1 2 3\n", r"line 5: expected one value per label \(2\), found 3"),
        (GOOD + "0 1 1\n1 2 3\n", "line 4: expected one value per label"),
        (GOOD + "0 1\n1 2,5\n", "line 5: .*decimal points"),
        (GOOD.replace("inDegrees=no\n", "") + "0 1\n1 2\n", "inDegrees=yes or inDegrees=no, found none"),
        (GOOD.replace("no", "perhaps") + "0 1\n1 2\n", "inDegrees=yes or inDegrees=no, found perhaps"),
        (GOOD + "0 1\n1 much\n", "expected numbers in 2 columns"),
        ("endheader\nhip_flexion_r knee_angle_r\n0 1\n1 1\n", "column 'time'"),
        (
            "inDegrees=no\nendheader\ntime right_hip arm9\n0 1 1\n1 1 1\n",
            "such as hip_flexion_r, found right_hip, arm9",
        ),
    ],
)
def test_a_file_that_is_no_motion_is_refused_with_its_name_and_the_reason(tmp_path, text, message):
    path = tmp_path / "bad.mot"
    path.write_text(text)
    with pytest.raises(MotionError, match=message) as caught:
        read_mot(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.mot", tmp_path):
        with pytest.raises(MotionError, match=r"cannot be read|expected a motion file, found a folder"):
            read_mot(path)


def test_real_motions_lie_within_the_skeletons_ranges(shared_data):
    files = sorted((shared_data / "motions").glob("*.mot"))
    if not files:
        pytest.skip("needs .mot files in ../shared/data/motions")
    for path in files[:8]:
        values = read_mot(path)
        assert len(values) >= 30
        angles = values[:, [c.rotational for c in COORDINATES]]
        assert np.isfinite(values).all()
        assert 0.2 < np.abs(angles).max() < 2 * math.pi  # radians: neither still nor in degrees


# --- procedural motions

_GENERIC = BodySizes.from_scale(
    torch.ones(1, len(BODIES), 3, dtype=torch.float64), torch.tensor([1.7]).double(), torch.tensor([75.0]).double()
)
_FEET = [POINT_INDEX[side + part] for side in "RL" for part in ("Heel", "SmallToe", "BigToe")]


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_every_activity_is_a_motion_of_seconds_on_the_ground_within_widened_ranges(activity):
    for seed in range(4):
        motion = make_motion(activity, np.random.default_rng(seed))
        assert motion.shape[1] == len(COORDINATES)
        assert 0.8 * 60 < len(motion) < 15 * 60
        assert np.isfinite(motion).all()
        for coordinate, values in zip(COORDINATES, motion.T, strict=True):
            if coordinate.rotational:
                assert values.min() > coordinate.low - 0.35, coordinate.name
                assert values.max() < coordinate.high + 0.35, coordinate.name
        feet = forward_kinematics(_GENERIC, torch.from_numpy(motion)[None], _FEET)[0].numpy()
        lowest = feet[..., 1].min(axis=1)
        assert np.abs(lowest).max() < 0.06  # of a sprinter's feet
        assert abs(np.median(lowest)) < 0.005
        speed = np.abs(np.diff(motion[:, [c.rotational for c in COORDINATES]], axis=0)).max() * 60
        assert 0.05 < speed < 25  # rad/s: it moves, and no faster than sprinters


def test_standing_feet_do_not_slide():
    motion = make_motion("squat", np.random.default_rng(5))
    feet = forward_kinematics(_GENERIC, torch.from_numpy(motion)[None], _FEET)[0].numpy()
    lowest = feet[..., 1].argmin(axis=1)[1:]
    steps = np.diff(feet, axis=0)[np.arange(len(lowest)), lowest]
    assert np.median(np.linalg.norm(steps[:, [0, 2]], axis=1)) < 0.001  # m per frame


def test_walking_moves_forward_on_alternating_legs():
    motion = make_motion("walk", np.random.default_rng(6))
    speed_m_s = (motion[-1, TX] - motion[0, TX]) / (len(motion) / 60)
    assert 0.3 < speed_m_s < 2.5
    left = motion[:, COORDINATE_INDEX["hip_flexion_l"]]
    assert np.corrcoef(motion[:, HIP], left)[0, 1] < -0.5


def test_the_same_random_state_gives_the_same_motion():
    for activity in ACTIVITIES:
        first, again, other = (make_motion(activity, np.random.default_rng(seed)) for seed in (7, 7, 8))
        np.testing.assert_array_equal(first, again)
        assert first.shape != other.shape or np.abs(first - other).max() > 1e-3


# --- the library


def constant_motion(n_frames, value):
    """A motion that a window can be told by."""
    return np.full((n_frames, len(COORDINATES)), 0.0) + value * (np.arange(len(COORDINATES)) == KNEE)


def ramp_motion(n_frames):
    """The knee angle counts frames, the left one counts them from 1000."""
    motion = np.zeros((n_frames, len(COORDINATES)))
    motion[:, KNEE] = np.arange(n_frames)
    motion[:, COORDINATE_INDEX["knee_angle_l"]] = 1000 + np.arange(n_frames)
    return motion


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(library, n, n_frames, generator):
    return library.play(library.choose(n, generator), n_frames, generator)


def test_motions_are_drawn_as_often_as_their_weights_say():
    library = MotionLibrary.from_motions(
        [constant_motion(40, 1.0), constant_motion(400, 2.0), constant_motion(100, 3.0)],
        [1.0, 2.0, 5.0],
        ["a", "b", "c"],
    )
    drawn = draw(library, 8000, 30, generator())
    value = (drawn[:, 0, KNEE] + drawn[:, 0, COORDINATE_INDEX["knee_angle_l"]]).round()  # mirrored or not
    shares = [float((value == k).double().mean()) for k in (1, 2, 3)]
    assert shares == pytest.approx([0.125, 0.25, 0.625], abs=0.02)


def test_windows_are_played_at_0_7_to_1_4_times_the_speed_and_half_of_them_are_mirrored():
    drawn = draw(MotionLibrary.from_motions([ramp_motion(300)], [1.0], ["ramp"]), 4000, 30, generator())
    right, left = drawn[..., KNEE], drawn[..., COORDINATE_INDEX["knee_angle_l"]]
    mirrored = right[:, 0] > 900
    assert float(mirrored.double().mean()) == pytest.approx(0.5, abs=0.03)
    plain = torch.where(mirrored[:, None], left, right)
    torch.testing.assert_close(torch.where(mirrored[:, None], right, left), plain + 1000, rtol=0, atol=1e-2)
    steps = plain.diff(dim=1)
    speed = steps.mean(dim=1)
    torch.testing.assert_close(steps, speed[:, None].expand_as(steps), rtol=0, atol=1e-3)  # even
    assert 0.7 - 1e-3 <= float(speed.min()) < 0.72
    assert 1.38 < float(speed.max()) <= 1.4 + 1e-3
    assert float(speed.log().mean()) == pytest.approx(math.log(0.7) + 0.5 * math.log(2), abs=0.01)
    assert float(plain.min()) >= 0
    assert float(plain.max()) <= 299
    assert float(plain[:, 0].min()) < 5  # the whole motion is used
    assert float(plain[:, -1].max()) > 294


@pytest.mark.parametrize("n_frames", [2, 10, 29])
def test_short_motions_are_played_slower_and_never_run_into_the_next(n_frames):
    library = MotionLibrary.from_motions(
        [constant_motion(50, 500.0), ramp_motion(n_frames), constant_motion(50, 500.0)],
        [0.0, 1.0, 0.0],
        ["a", "b", "a"],
    )
    drawn = draw(library, 500, 30, generator())
    plain = torch.minimum(drawn[..., KNEE], drawn[..., COORDINATE_INDEX["knee_angle_l"]])
    assert float(plain.min()) >= 0
    assert float(plain.max()) <= n_frames - 1 + 1e-3
    assert (plain.diff(dim=1) > 0).all()


def test_the_same_seed_draws_the_same_windows():
    library = make_library([], 18, seed=3)
    again = make_library([], 18, seed=3)
    assert torch.equal(library.frames, again.frames)
    assert torch.equal(draw(library, 20, 30, generator(1)), draw(again, 20, 30, generator(1)))
    assert not torch.equal(draw(library, 20, 30, generator(1)), draw(library, 20, 30, generator(2)))
    assert not torch.equal(library.frames[:10], make_library([], 18, seed=4).frames[:10])


def test_files_and_procedural_motions_are_drawn_equally_often_and_long_files_oftener(tmp_path):
    labels = ["time", "knee_angle_r"]
    files = []
    for name, n_frames in (("short", 101), ("long", 901)):
        rows = [(k / 60, 1.0) for k in range(n_frames)]
        files.append(write_mot(tmp_path / f"{name}.mot", labels, rows, in_degrees=False))
    library = make_library(files, 7, seed=1)
    weight = library.weight / library.weight.sum()
    assert len(weight) == 9
    assert float(weight[:2].sum()) == pytest.approx(0.5)
    assert float(weight[1] / weight[0]) == pytest.approx(3.0, abs=0.02)  # root of the length
    torch.testing.assert_close(weight[2:], weight[2:3].expand(7))


def test_a_library_of_files_alone_needs_no_procedural_motions(tmp_path):
    rows = [(k / 60, 0.01 * k) for k in range(90)]
    library = make_library([write_mot(tmp_path / "a.mot", ["time", "knee_angle_r"], rows, False)], 0, seed=1)
    assert len(library.weight) == 1
    assert torch.isfinite(draw(library, 5, 30, generator())).all()


def test_perturbed_motions_stay_near_and_within_ranges_but_the_pelvis_path_is_kept():
    library = make_library([], 34, seed=2)
    coordinates = draw(library, 1000, 30, generator(1))
    before = coordinates.clone()
    changed = perturb(coordinates, generator(2))
    assert torch.equal(coordinates, before)  # never in place
    assert torch.equal(changed[..., 3:6], coordinates[..., 3:6])
    assert torch.equal(changed, perturb(coordinates, generator(2)))
    law = [TILT, HIP, KNEE, COORDINATE_INDEX["ankle_angle_r"]]
    pitch = (changed - coordinates).mean(dim=1)[:, law] @ torch.tensor([1.0, 1.0, -1.0, 1.0])
    assert float(pitch.abs().quantile(0.7)) < 0.05  # a foot on the floor stays flat but for 2 degrees
    hip = (changed - coordinates)[..., COORDINATE_INDEX["hip_rotation_r"]].mean(dim=1)
    assert 0.06 < float(hip.std()) < 0.13  # 0.10 rad, less where the range ends
    for name in ("hip_flexion_r", "knee_angle_l", "ankle_angle_r", "lumbar_extension"):
        coordinate, values = COORDINATES[COORDINATE_INDEX[name]], changed[..., COORDINATE_INDEX[name]]
        assert float(values.min()) >= coordinate.low - 0.1 - 1e-5
        assert float(values.max()) <= coordinate.high + 0.1 + 1e-5


def test_mirrored_windows_are_what_mirror_makes():
    library = make_library([], 17, seed=5)
    windows = mirror(draw(library, 3, 30, generator()))
    right, left = COORDINATE_INDEX["hip_flexion_r"], COORDINATE_INDEX["hip_flexion_l"]
    original = draw(library, 3, 30, generator())
    assert torch.equal(windows[..., right], original[..., left])
    list_ = COORDINATE_INDEX["pelvis_list"]
    assert torch.equal(windows[..., list_], -original[..., list_])
