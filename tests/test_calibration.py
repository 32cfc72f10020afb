"""A person's calibration: planted offsets are learnt and taken out; what does not belong together is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from short_trials import lose, short_walk, write_tiny_model

from trcaugment import Subject, load_model, read_trc, write_trc
from trcaugment.chain.augmentation import augment
from trcaugment.chain.calibration import calibrated, parse_calibration
from trcaugment.chain.offsets import USUAL, SeenMarker, learn_offset
from trcaugment.chain.segment_frames import knee_bends, segment_axes
from trcaugment.cli import main
from trcaugment.errors import CalibrationError
from trcaugment.formats.c3d import format_c3d
from trcaugment.marker_sets import ANATOMICAL_MARKERS, LANDMARKS
from trcaugment.markers import Markers

ADULT = ("--height", "1.584", "--mass", "58.32")
SEEN = ("r_knee_study", "L_knee_study", "r.ASIS_study", "C7_study", "L_toe_study")
PLANTED_MM = dict(zip(SEEN, ([10, 5, -8], [3, -20, 4], [0, 12, 12], [-15, 0, 6], [5, 5, 5]), strict=True))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@cache
def predict(first: int, n_frames: int) -> Markers:
    return augment(short_walk(first, n_frames), Subject(1.584, 58.32), load_model()).markers


def planted(predicted: Markers) -> Markers:
    """Optical markers of a person whose places differ by planted offsets, under the aliases of a laboratory."""
    axes = segment_axes(predicted.positions, predicted.names)
    positions = predicted.select(SEEN)
    for k, name in enumerate(SEEN):
        positions[:, k] += np.array(PLANTED_MM[name]) / 1000 @ axes[:, predicted.names.index(name)]
    return replace(predicted, names=tuple(LANDMARKS[name].aliases[1] for name in SEEN), positions=positions)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keypoints, optical markers and the calibration that these give."""
    folder = tmp_path_factory.mktemp("lab")
    write_trc(folder / "walk.trc", short_walk(0, 90))
    write_trc(folder / "other.trc", short_walk(200, 60))
    predicted = predict(0, 90)
    write_trc(folder / "optical.trc", planted(predicted))
    done = run("calibrate", folder / "walk.trc", folder / "optical.trc", *ADULT, "-o", folder / "anna.json")
    assert done.exit_code == 0, done.output
    assert "5 markers seen in 90 frames of 1 trial" in done.output
    assert "most L_knee_study" in done.output and "not seen, left as predicted: r_shoulder_study" in done.output
    return folder


def test_planted_offsets_are_learnt_and_shrunk(place: Path) -> None:
    made = parse_calibration((place / "anna.json").read_bytes())
    assert set(made.markers) == set(SEEN)
    for name, learnt in made.markers.items():
        assert 0.5 < learnt.share < 1 and learnt.n_trials == 1 and learnt.seen_s == pytest.approx(1.5)
        np.testing.assert_allclose(learnt.offset_mm, learnt.share * np.array(PLANTED_MM[name]), atol=0.06)


def seen(offset_mm: list[float], n_frames: int, bend_deg: float | np.ndarray = 0.0) -> SeenMarker:
    error_m = np.tile(np.array(offset_mm) / 1000, (n_frames, 1))
    return SeenMarker(error_m, np.broadcast_to(np.asarray(bend_deg, dtype=float), n_frames), 60.0)


@pytest.mark.parametrize("seen_s", [0.2, 3.0, 60.0])
def test_the_share_is_that_of_a_normal_mean_with_a_normal_prior(seen_s: float) -> None:
    trials = [seen(offset, round(20 * seen_s)) for offset in ([10, 0, 0], [14, 2, 0], [12, 4, 0])]
    for part, kind in {"knee": "leg", "C7": "trunk", "ASIS": "pelvis", "lelbow": "trunk"}.items():
        learnt = learn_offset(part, trials)
        usual = USUAL[kind]
        people, error = usual.people_mm**2, usual.trials_mm**2 / 3 + usual.within_mm**2 * 0.5 / max(seen_s, 0.5)
        assert learnt.share == pytest.approx(people / (people + error), abs=1e-3)
        assert learnt.remaining_mm == pytest.approx((1 / (1 / people + 1 / error)) ** 0.5, abs=0.01)
        assert learnt.offset_mm == pytest.approx([12 * learnt.share, 2 * learnt.share, 0], abs=0.02)


def test_the_usual_deviations_are_those_that_the_benchmark_printed() -> None:
    record = (Path(__file__).parents[1] / "docs" / "numbers" / "calibration.txt").read_text(encoding="utf-8")
    for kind, usual in USUAL.items():
        (row,) = (line for line in record.splitlines() if line.startswith(f"| {kind} |") and " to " not in line)
        printed = [float(cell) for cell in row.split("|")[2:-1] if cell.strip()]
        assert printed == [each for each in vars(usual).values() if each]


def test_what_changes_with_the_knee_is_learnt_and_not_carried_further() -> None:
    bend_deg = np.linspace(10, 60, 600)
    planted_mm = np.outer(bend_deg - 35, [0.2, 0.0, -0.3]) + np.array([4.0, 0.0, 8.0])
    learnt = learn_offset("knee", [SeenMarker(planted_mm / 1000, bend_deg, 60.0)])
    variance = (bend_deg - 35) @ (bend_deg - 35) / 30  # frames of half a second count as one
    share = variance / (variance + (USUAL["leg"].within_mm / USUAL["leg"].per_degree_mm) ** 2)
    assert share > 0.9
    assert learnt.per_degree_mm == pytest.approx([0.2 * share, 0, -0.3 * share], abs=1e-4)
    assert learnt.bend_deg == pytest.approx((10, 35, 60))
    at = learnt.at(np.array([0.0, 10.0, 35.0, 90.0, np.nan]))
    np.testing.assert_allclose(
        at[[0, 3, 4]], at[[1, 2, 2]] + [[0, 0, 0], 25 * np.array(learnt.per_degree_mm) / 1000, [0, 0, 0]]
    )
    np.testing.assert_allclose(1000 * at[2], learnt.offset_mm)


def test_knees_bend_by_the_angle_between_thigh_and_shank() -> None:
    place_of = {"r_knee_study": (0, 0.5, 0.15), "r_mknee_study": (0, 0.5, 0.05), "RHJC_study": (0, 0.9, 0.1)}
    place_of |= {"r_ankle_study": (-0.2, 0.5 - 0.2 * 3**0.5, 0.14), "r_mankle_study": (-0.2, 0.5 - 0.2 * 3**0.5, 0.06)}
    names = [*place_of, "r_calc_study", "L_calc_study", "r.ASIS_study"]
    points = np.array([[*place_of.values(), *3 * [(0, 0, 0)]]], dtype=float)
    np.testing.assert_allclose(knee_bends(points, names)[0], [30, 30, 0, 30, 30, 30, np.nan, 0], atol=1e-9)


def test_predict_moves_other_trials_by_the_offsets_and_says_so(place: Path) -> None:
    done = run("predict", place / "other.trc", *ADULT, "-o", place / "plain.trc", "--overwrite")
    assert done.exit_code == 0, done.output
    done = run("predict", place / "other.trc", *ADULT, "--calibration", place / "anna.json", "-o", place / "own.trc")
    assert done.exit_code == 0, done.output
    assert "calibrated: 5 of 35 markers" in done.output
    plain, own = read_trc(place / "plain.trc"), read_trc(place / "own.trc")
    true = planted(plain)
    away = np.linalg.norm(own.select(SEEN) - true.positions, axis=2).mean(axis=0)
    before = np.linalg.norm(plain.select(SEEN) - true.positions, axis=2).mean(axis=0)
    made = parse_calibration((place / "anna.json").read_bytes())
    shares = np.array([made.markers[name].share for name in SEEN])
    np.testing.assert_allclose(away, (1 - shares) * before, atol=2e-4)
    rest = [name for name in plain.names if name not in SEEN]
    np.testing.assert_array_equal(own.select(rest), plain.select(rest))
    used = json.loads((place / "own.json").read_bytes())["calibration"]
    assert (used["n_markers"], used["unmoved"], used["file"]) == (5, {}, str(place / "anna.json"))
    assert json.loads((place / "plain.json").read_bytes())["calibration"] is None


def test_calibration_turns_with_the_person(place: Path) -> None:
    made = parse_calibration((place / "anna.json").read_bytes())
    predicted = predict(200, 40)
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    turned, _ = calibrated(replace(predicted, positions=predicted.positions @ turn.T), made)
    np.testing.assert_allclose(turned.positions, calibrated(predicted, made)[0].positions @ turn.T, atol=1e-12)


def test_a_marker_whose_segment_is_not_known_stays_and_is_named(place: Path) -> None:
    made = parse_calibration((place / "anna.json").read_bytes())
    predicted = predict(200, 40)
    gone = lose(predicted, "L_5meta_study", 10, 5)
    moved, unmoved = calibrated(gone, made)
    assert unmoved == {"L_toe_study": [(10, 15)]}
    k = gone.names.index("L_toe_study")
    np.testing.assert_array_equal(moved.positions[10:15, k], gone.positions[10:15, k])
    assert (moved.positions[:10, k] != gone.positions[:10, k]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--height", "1.75", "--mass", "58.32"), "of a person of 1.584 m and 58.32 kg, the trials are of one of 1.75"),
        (("--height", "1.584", "--mass", "80"), "the trials are of one of 1.584 m and 80 kg"),
        (("--height", "auto", "--mass", "58.32"), "state this height"),
        ((*ADULT, "--model", "tiny"), "belongs to bilstm-attention-v3, the model is tiny; calibrate again"),
    ],
)
def test_other_people_and_other_models_are_refused(place: Path, arguments: tuple[str, ...], message: str) -> None:
    if "tiny" in arguments and not (place / "tiny").exists():
        write_tiny_model(place)
    stated = [str(place / "tiny") if each == "tiny" else each for each in arguments]
    done = run("predict", place / "walk.trc", *stated, "--calibration", place / "anna.json", "-o", place / "x.trc")
    assert done.exit_code == 2 and message in " ".join(done.output.split())
    assert not (place / "x.trc").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [("{}", "expected a file of trcaugment calibrate"), ("no", "expected a file of trcaugment calibrate")],
)
def test_what_is_no_calibration_is_refused(place: Path, content: str, message: str) -> None:
    (place / "wrong.json").write_text(content)
    done = run("predict", place / "walk.trc", *ADULT, "--calibration", place / "wrong.json", "-o", place / "x.trc")
    assert done.exit_code == 2 and message in done.output


def wrong(predicted: Markers, how: str) -> Markers:
    true = planted(predicted)
    if how == "elsewhere":
        return replace(true, positions=true.positions + np.array([0.5, 0, 0]))
    if how == "later":
        return replace(true, time_s=true.time_s + 100)
    if how == "sides":
        return replace(true, names=("L_knee", "r_knee", *true.names[2:]))
    return replace(true, names=tuple(f"m{k}" for k in range(len(true.names))))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("elsewhere", "mm away; give both files the same axes"),
        ("later", "give both files the same clock"),
        ("sides", "look exchanged: each lies where the other is expected"),
        ("names", "say which is which with --names OURS=THEIRS"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(place: Path, how: str, message: str) -> None:
    predicted = predict(0, 90)
    write_trc(place / f"{how}.trc", wrong(predicted, how))
    done = run("calibrate", place / "walk.trc", place / f"{how}.trc", *ADULT, "-o", place / "x.json")
    assert done.exit_code == 1 and message in done.output
    assert not (place / "x.json").exists()
    if how == "names":
        named = [f"--names={ours}=m{k}" for k, ours in enumerate(SEEN)]
        done = run("calibrate", place / "walk.trc", place / "names.trc", *ADULT, *named, "-o", place / "named.json")
        assert done.exit_code == 0, done.output


def test_an_odd_number_of_files_is_wrong_usage(place: Path) -> None:
    done = run("calibrate", place / "walk.trc", *ADULT, "-o", place / "x.json")
    assert done.exit_code == 2 and "expected pairs of files" in done.output


def test_a_sidecar_does_not_replace_the_calibration(place: Path) -> None:
    before = (place / "anna.json").read_bytes()
    who = (*ADULT, "--calibration", place / "anna.json")
    done = run("predict", place / "other.trc", *who, "-o", place / "anna.trc", "--overwrite")
    assert done.exit_code == 2
    assert "anna.json is an input; choose another" in done.output
    assert (place / "anna.json").read_bytes() == before and not (place / "anna.trc").exists()


def test_a_recording_is_believed_once(place: Path) -> None:
    pair = (place / "walk.trc", place / "optical.trc")
    twice = run("calibrate", *pair, *pair, *ADULT, "-o", place / "twice.json")
    assert twice.exit_code == 1
    assert "expected another trial in each pair" in twice.output


def test_optical_markers_may_be_c3d(place: Path) -> None:
    pytest.importorskip("ezc3d", reason="the extra c3d is not installed")
    (place / "optical.c3d").write_bytes(format_c3d("optical.c3d", read_trc(place / "optical.trc")))
    done = run("calibrate", place / "walk.trc", place / "optical.c3d", *ADULT, "-o", place / "c3d.json")
    assert done.exit_code == 0, done.output


def test_a_marker_far_away_is_another_one() -> None:
    with pytest.raises(CalibrationError, match="found 150 mm away: another marker"):
        learn_offset("knee", [seen([150, 0, 0], 120)])


def test_a_batch_calibrates_each_subject_by_the_file_of_its_name(place: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    for name in ("a", "b"):
        write_trc(study / f"{name}.trc", short_walk(200, 40))
    rows = "path,subject,height_m,mass_kg\na.trc,anna,1.584,58.32\nb.trc,bert,1.584,58.32\n"
    (study / "subjects.csv").write_text(rows)
    own = tmp_path / "own"
    own.mkdir()
    (own / "anna.json").write_bytes((place / "anna.json").read_bytes())
    (own / "carl.json").write_bytes((place / "anna.json").read_bytes())
    command = ("batch", study, "-o", tmp_path / "out", "--jobs", "1")
    done = run(*command, "--calibrations", own)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert f"not calibrated, no file in {own}: bert" in said
    assert "calibrations of no subject of this batch: carl" in said
    with_it = {name: json.loads((tmp_path / "out" / f"{name}.json").read_bytes())["calibration"] for name in "ab"}
    assert with_it["a"]["n_markers"] == 5 and with_it["b"] is None
    # The same command keeps both; without calibrations, the one is made anew.
    calibrated_content = (tmp_path / "out" / "a.trc").read_bytes()
    assert "kept" in run(*command, "--calibrations", own).output
    assert run(*command).exit_code == 0
    assert (tmp_path / "out" / "a.trc").read_bytes() != calibrated_content


def test_every_axis_of_an_arm_is_that_of_its_segment() -> None:
    place_of = {
        "r_shoulder_study": (0, 1.4, 0.2),
        "r_lelbow_study": (0, 1.1, 0.24),
        "r_melbow_study": (0, 1.1, 0.16),
        "r_lwrist_study": (0.25, 1.13, 0.2),
        "r_mwrist_study": (0.25, 1.07, 0.2),
    }
    axes = segment_axes(np.array([[*place_of.values()]], dtype=float), list(place_of))[0]
    elbow, wrist = axes[1], axes[3]
    np.testing.assert_allclose(elbow, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(wrist, [[0, 0, -1], [-1, 0, 0], [0, 1, 0]], atol=1e-12)
    assert np.isnan(axes[0]).all()  # the trunk's frame needs the hips
    assert len(ANATOMICAL_MARKERS) == 35


def test_one_frame_is_counted_as_one_and_gives_numbers(tmp_path: Path) -> None:
    write_trc(tmp_path / "walk.trc", short_walk(0, 1))
    write_trc(tmp_path / "optical.trc", planted(predict(0, 1)))
    done = run("calibrate", tmp_path / "walk.trc", tmp_path / "optical.trc", *ADULT, "-o", tmp_path / "anna.json")
    assert done.exit_code == 0, done.output
    assert "5 markers seen in 1 frame of 1 trial" in done.output
    assert "null" not in (tmp_path / "anna.json").read_text()
