"""Scores of planted errors, intervals against those of statistics, and the command from end to end."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch
from click.testing import CliRunner

import trcaugment.evaluation.baselines as baselines
from trcaugment import Subject, augment, load_model, read_trc, write_trc
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.cli import main
from trcaugment.datasets.dataset import Dataset, Split
from trcaugment.datasets.npy_layout import write_npy_layout
from trcaugment.datasets.paired import Pair, write_pairs
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.window_set import WindowSet, generate_set
from trcaugment.errors import DatasetError, MarkersError
from trcaugment.evaluation.metrics import mpme
from trcaugment.evaluation.run import TRUTH, evaluate_trials, evaluate_windows, predict_arranged
from trcaugment.evaluation.scores import Score, score
from trcaugment.evaluation.sums import JITTER, MPME, NOT_PREDICTED, RIGID, RMSE, join, sum_errors
from trcaugment.evaluation.truth import at_times, pair_files, read_names, rename
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import Markers

EXAMPLES = Path(__file__).parents[1] / "examples"
MODEL = "bilstm-attention-v1"
WALKER = Subject(1.584, 58.32)
OFFSET_M = np.array([0.003, 0.004, 0.0])
OURS = ANATOMICAL_MARKERS
N = len(OURS)


def scored(sums, subjects, labels):
    return score("m", OURS.names, sums, subjects, labels)


TOE = ANATOMICAL_MARKERS.index("r_toe_study")


def truth(n_pieces=3, n_frames=30, seed=0):
    return torch.randn(n_pieces, n_frames, N, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def values(scores, **wanted):
    """Group -> value of the scores that match."""
    return {s.group: s.value for s in scores if all(getattr(s, name) == value for name, value in wanted.items())}


def overall(scores, metric, model="m"):
    (found,) = [s for s in scores if (s.group_kind, s.metric, s.model) == ("overall", metric, model)]
    return found


# --- sums and scores


def test_a_constant_offset_scores_five_millimetres_in_every_group():
    true = truth()
    sums = sum_errors(true + torch.from_numpy(OFFSET_M), true, OURS, 1 / 60)
    scores = scored(sums, ["a", "b", "b"], {"activity": ["walk", "walk", "sit"]})
    groups = values(scores, metric=MPME)
    assert set(groups) == {"all", "a", "b", "walk", "sit", *ANATOMICAL_MARKERS}
    np.testing.assert_allclose(list(groups.values()), 5)
    np.testing.assert_allclose(list(values(scores, metric=RMSE).values()), 5 / math.sqrt(3))
    assert overall(scores, MPME).n == 3 * 30 * N


def test_a_perfect_prediction_scores_zero():
    scores = score(
        "m",
        ANATOMICAL_MARKERS.names,
        sum_errors(truth(), truth(), OURS, 1 / 60),
        ["a"] * 3,
        {"activity": [""] * 3},
    )
    assert {s.value for s in scores if s.metric in (MPME, RMSE, NOT_PREDICTED)} == {0}
    assert not any(s.group_kind == "activity" for s in scores)


def test_missing_truth_is_left_out_and_missing_predictions_are_counted():
    true, lost = truth(2), truth(2) + torch.from_numpy(OFFSET_M)
    true[0, :10, 4] = torch.nan
    true[1, 3, 7, 1] = torch.nan  # one coordinate is enough
    lost[0, 5:25] = torch.nan
    scores = scored(sum_errors(lost, true, OURS, 1 / 60), ["a", "b"], {})
    n_true = 2 * 30 * N - 10 - 1
    n_missed = 20 * N - 5  # five of those have no truth either
    assert (overall(scores, NOT_PREDICTED).value, overall(scores, NOT_PREDICTED).n) == (n_missed, n_true)
    assert overall(scores, MPME).n == n_true - n_missed
    assert overall(scores, MPME).value == pytest.approx(5)
    assert values(scores, metric=NOT_PREDICTED, group_kind="subject") == {"a": n_missed, "b": 0}


def test_a_marker_without_truth_has_no_score_and_changes_no_mean():
    true = truth(1)
    true[..., 1:, :] = torch.nan
    scores = score(
        "m",
        ANATOMICAL_MARKERS.names,
        sum_errors(truth(1) + torch.from_numpy(OFFSET_M), true, OURS, 1 / 60),
        ["a"],
        {},
    )
    assert list(values(scores, metric=MPME, group_kind="marker")) == ["C7_study"]
    assert overall(scores, MPME).value == pytest.approx(5)
    assert math.isnan(overall(scores, RIGID).value)


def test_markers_count_alike_however_often_they_are_seen():
    true = truth(1, 100)
    true[..., 2:, :] = torch.nan
    true[:, 10:, 0] = torch.nan
    offset = torch.zeros(N, 3)
    offset[0, 0], offset[1, 2] = 0.010, 0.020
    scores = score("m", ANATOMICAL_MARKERS.names, sum_errors(truth(1, 100) + offset, true, OURS, 1 / 60), ["a"], {})
    assert overall(scores, MPME).value == pytest.approx(15)
    assert overall(scores, RMSE).value == pytest.approx(math.sqrt((10**2 + 20**2) / 2 / 3))


def test_a_foot_that_stretches_shows_in_the_rigid_distances():
    still = torch.zeros(1, 60, N, 3, dtype=torch.float64)
    still[..., 0] = torch.arange(N)
    stretched = still.clone()
    stretched[0, :, TOE, 0] += 0.01 * torch.sin(torch.arange(60) * 2 * math.pi / 30)
    scores = scored(sum_errors(stretched, still, OURS, 1 / 60), ["a"], {})
    n_touched = sum(TOE in pair for pair in ANATOMICAL_MARKERS.rigid_pairs)
    expected_mm = 10 / math.sqrt(2) * math.sqrt(n_touched / len(ANATOMICAL_MARKERS.rigid_pairs))
    assert overall(scores, RIGID).value == pytest.approx(expected_mm)
    assert (
        overall(
            scored(sum_errors(still, stretched, OURS, 1 / 60), ["a"], {}),
            RIGID,
        ).value
        == 0
    )


def test_distances_may_differ_between_trials_and_people():
    wide = truth(1, 1).expand(-1, 20, -1, -1)
    sums = join([sum_errors(wide, wide, OURS, 1 / 60), sum_errors(1.2 * wide, wide, OURS, 1 / 60)])
    assert overall(scored(sums, ["a", "b"], {}), RIGID).value == pytest.approx(0, abs=1e-9)


def test_jitter_is_the_planted_acceleration_and_leaves_out_leaps_in_time():
    time_s = torch.arange(40, dtype=torch.float64) / 100
    fall = torch.zeros(1, 40, N, 3, dtype=torch.float64)
    fall[..., 1] = -9.81 / 2 * time_s[None, :, None] ** 2
    assert overall(scored(sum_errors(fall, fall, OURS, 0.01), ["a"], {}), JITTER).value == pytest.approx(9.81)
    fall[:, 20:] += 1.0  # as after dropped frames
    even = np.ones(38, dtype=bool)
    even[18:20] = False
    leaping = scored(sum_errors(fall, fall, OURS, 0.01, even), ["a"], {})
    assert overall(leaping, JITTER).value == pytest.approx(9.81)
    assert overall(leaping, JITTER).n == 36 * N


# --- intervals


def planted_people(n_people, n_pieces_each=1, seed=3):
    """Sums of people whose errors are constant and normally distributed between them, and these errors in mm."""
    errors_mm = np.random.default_rng(seed).normal(20, 4, n_people)
    true = torch.zeros(1, 3, N, 3, dtype=torch.float64)
    parts = [sum_errors(true + torch.tensor([e / 1000, 0, 0]), true, OURS, 1 / 60) for e in errors_mm]
    subjects = [f"s{k}" for k in range(n_people) for _ in range(n_pieces_each)]
    return join([part for part in parts for _ in range(n_pieces_each)]), subjects, errors_mm


def test_the_interval_is_that_of_the_mean_over_people():
    sums, subjects, errors_mm = planted_people(200)
    found = overall(scored(sums, subjects, {}), MPME)
    assert found.value == pytest.approx(errors_mm.mean())
    half_width = 1.96 * errors_mm.std(ddof=1) / math.sqrt(200)
    assert found.low == pytest.approx(found.value - half_width, abs=0.08 * half_width)
    assert found.high == pytest.approx(found.value + half_width, abs=0.08 * half_width)
    theirs = scipy.stats.bootstrap((errors_mm,), np.mean, method="percentile", n_resamples=5000, rng=1)
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.08 * half_width)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.08 * half_width)


def test_more_windows_of_the_same_people_make_no_narrower_interval():
    once, often = (scored(*planted_people(12, n)[:2], {}) for n in (1, 10))
    for metric in (MPME, RMSE):
        assert overall(once, metric).low == pytest.approx(overall(often, metric).low)
        assert overall(once, metric).high == pytest.approx(overall(often, metric).high)


def test_one_person_gives_no_interval_and_neither_does_each_person_alone():
    sums, subjects, errors_mm = planted_people(1)
    assert all(s.low is None and s.high is None for s in scored(sums, subjects, {"activity": ["walk"]}))
    sums, subjects, errors_mm = planted_people(5)
    scores = scored(sums, subjects, {"activity": [*["walk"] * 4, "sit"]})
    alone = [s for s in scores if s.group_kind == "subject" or s.group == "sit"]
    assert all(s.low is None for s in alone)
    np.testing.assert_allclose(list(values(scores, metric=MPME, group_kind="subject").values()), errors_mm)
    assert overall(scores, MPME).low < errors_mm.mean() < overall(scores, MPME).high


# --- windows


@pytest.fixture(scope="module")
def model():
    return load_model(MODEL, "cpu")


@pytest.fixture(scope="module")
def walk():
    return read_trc(EXAMPLES / "walk.trc")


@pytest.fixture(scope="module")
def predicted_walk(walk, model):
    return augment(walk, WALKER, model).markers


@pytest.fixture(scope="module")
def walk_windows(walk, model):
    """Windows of the walk whose truth is what the model says of them, 3-4-0 mm aside."""
    keypoints = torch.from_numpy(find_keypoints(walk).positions[:300].reshape(10, 30, 15, 3))
    people = (torch.full((10,), WALKER.height_m), torch.full((10,), WALKER.mass_kg))
    unknown = Windows(keypoints, torch.zeros(10, 30, N, 3), *people)
    markers = predict_arranged(unknown, model) + torch.from_numpy(OFFSET_M)
    windows = WindowSet(replace(unknown, markers=markers), tuple("aabbbccccc"), ("walk",) * 10)
    return Dataset(Path("walk"), "windows", windows, Split(("a",), (), ("b", "c")), left_out=("a window",))


def test_windows_of_a_known_error_score_it_and_the_truth_has_its_own_row(walk_windows, model):
    found = evaluate_windows(walk_windows, {"m": model, "same": model})
    assert (found.pieces, found.n_pieces, found.n_people, found.models) == ("windows", 10, 3, ("m", "same"))
    assert overall(found.scores, MPME).value == pytest.approx(5, abs=1e-3)
    assert overall(found.scores, MPME, "same") == replace(overall(found.scores, MPME), model="same")
    assert values(found.scores, model="m", group_kind="subject", metric=MPME) == pytest.approx(
        dict.fromkeys("abc", 5), abs=1e-3
    )
    for metric in (RIGID, JITTER):  # an offset changes neither
        assert overall(found.scores, metric, TRUTH).value == pytest.approx(
            overall(found.scores, metric).value, rel=1e-4
        )
    assert {s.metric for s in found.scores if s.model == TRUTH} == {RIGID, JITTER}
    parts = {s.group: s for s in found.scores if (s.group_kind, s.metric, s.model) == ("part", MPME, "m")}
    assert {name: s.n for name, s in parts.items()} == {"training": 2 * 30 * N, "test": 8 * 30 * N}
    assert parts["training"].low is None
    assert parts["test"].low <= parts["test"].value <= parts["test"].high
    assert found.notes == ("left out: a window", "95 % intervals from only 3 subjects are too narrow")


# --- trials and their truth


def trial(walk, markers, name="walk1"):
    return Pair(name, "w", WALKER, walk, markers)


def test_truth_at_another_rate_is_compared_at_its_own_times(walk, predicted_walk, model):
    shifted = replace(predicted_walk, positions=predicted_walk.positions + OFFSET_M)
    time_s = np.arange(0.005, 9.9, 0.01)
    found = evaluate_trials([trial(walk, at_times(shifted, time_s))], {"m": model}, OURS)
    assert overall(found.scores, MPME).value == pytest.approx(5, abs=1e-6)
    assert overall(found.scores, MPME).n == len(time_s) * N
    assert "different time stamps (walk1: frame 1 is at" in found.notes[0]
    assert "both clocks" in found.notes[0]


def test_true_markers_with_each_others_names_are_noticed(walk, predicted_walk, model):
    names = list(predicted_walk.names)
    j, k = names.index("L_toe_study"), names.index("L_5meta_study")
    names[j], names[k] = names[k], names[j]
    swapped = replace(predicted_walk, names=tuple(names))
    found = evaluate_trials(
        [trial(walk, swapped), trial(walk, predicted_walk, "good")], {"m": model}, ANATOMICAL_MARKERS
    )
    (note,) = (note for note in found.notes if "exchanged" in note)
    assert "(walk1: L_toe_study and L_5meta_study)" in note


def test_a_truth_in_another_coordinate_system_is_noticed(walk, predicted_walk, model):
    turned = replace(predicted_walk, positions=predicted_walk.positions[..., [2, 0, 1]])
    found = evaluate_trials(
        [trial(walk, turned, "turned"), trial(walk, predicted_walk)], {"m": model}, ANATOMICAL_MARKERS
    )
    (note,) = [note for note in found.notes if "far off" in note]
    assert note.startswith("in 1 of 2 trials all models are far off (turned: ")
    assert "axes" in note


def test_jitter_minds_neither_rounded_time_stamps_nor_dropped_frames(walk, predicted_walk, model):
    def jitter(keep, decimals):
        both = [
            replace(each, positions=each.positions[keep], time_s=np.round(each.time_s[keep], decimals))
            for each in (walk, predicted_walk)
        ]
        return overall(evaluate_trials([trial(*both)], {"m": model}, OURS).scores, JITTER, TRUTH)

    frames = np.arange(600)
    exact = jitter(frames, 9)
    assert jitter(frames, 3).value == pytest.approx(exact.value, rel=1e-3)
    dropped = jitter(np.delete(frames, [200, 201, 202, 400]), 9)
    assert dropped.value == pytest.approx(exact.value, rel=0.02)
    assert dropped.n == (600 - 4 - 2 - 4) * N  # both neighbours of each leap are left out


def test_frames_that_the_prediction_lacks_stay_missing_at_other_times():
    time_s = np.arange(60) / 60
    positions = np.sin(2 * np.pi * time_s)[:, None, None] * np.ones((60, 2, 3))
    positions[20:40] = np.nan
    new_s = np.arange(-0.1, 1.1, 0.007)
    found = at_times(Markers(("a", "b"), positions, time_s), new_s)
    inside = ((new_s >= 0) & (new_s <= time_s[19])) | ((new_s >= time_s[40]) & (new_s <= time_s[-1]))
    np.testing.assert_array_equal(np.isfinite(found.positions).all(axis=(1, 2)), inside)
    np.testing.assert_allclose(found.positions[inside, 0, 0], np.sin(2 * np.pi * new_s[inside]), atol=1e-4)
    with pytest.raises(MarkersError, match=r"0 to 0.9833 s and 5 to 6 s; give both the same clock"):
        at_times(Markers(("a", "b"), positions, time_s), np.array([5.0, 6.0]))


def test_frames_without_a_body_are_counted_as_not_predicted(model):
    source = read_trc(EXAMPLES / "squat_mm_with_gaps.trc")
    positions = source.positions.copy()
    positions[90:110] = np.nan
    source = replace(source, positions=positions)
    markers = read_trc(EXAMPLES / "squat_mm_with_gaps_markers.trc")
    found = evaluate_trials([trial(source, markers)], {"m": model}, OURS)
    n_true = int(np.isfinite(markers.positions).all(axis=2).sum())
    missed = overall(found.scores, NOT_PREDICTED)
    assert (missed.value, missed.n) == (20 * len(markers.names), n_true)  # frames 91 to 110
    assert overall(found.scores, JITTER, TRUTH).n == overall(found.scores, JITTER).n


def test_a_trial_that_cannot_be_predicted_fails_alone(walk, predicted_walk, model):
    tall = replace(trial(walk, predicted_walk, "bad"), keypoints=replace(walk, positions=walk.positions * 5))
    found = evaluate_trials([tall, trial(walk, predicted_walk)], {"m": model}, OURS)
    assert list(found.failed) == ["bad"]
    assert "from hips to neck" in found.failed["bad"]
    assert found.n_pieces == 1
    assert overall(found.scores, MPME).value == pytest.approx(0, abs=1e-9)
    nothing = evaluate_trials([tall], {"m": model}, OURS)
    assert (nothing.scores, nothing.n_pieces) == ([], 0)


# --- names and files


def test_names_are_read_from_options_and_files(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("ours,theirs\nRHJC_study, hip right \n\nr.ASIS_study,RASI\n", encoding="utf-8")
    names = read_names([str(path), "C7_study=C7"], OURS)
    assert names == {"RHJC_study": "hip right", "r.ASIS_study": "RASI", "C7_study": "C7"}
    theirs = Markers(("C7", "RASI", "L.ASIS_study", "box"), np.arange(12.0).reshape(1, 4, 3), np.zeros(1))
    ours = rename(theirs, names, OURS)
    assert ours.names == ("C7_study", "r.ASIS_study", "L.ASIS_study")
    np.testing.assert_array_equal(ours.positions, theirs.positions[:, :3])
    with pytest.raises(MarkersError, match="found C7, RASI"):
        rename(replace(theirs, names=("C7", "RASI", "LASI", "box")), {}, OURS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C7=C7_study", "expected one of our markers, found 'C7'"),
        ("C7_study=", "expected names as OURS=THEIRS"),
        ("C7_study", "expected names as OURS=THEIRS"),
        ("nowhere.csv", "nowhere.csv: expected a CSV file of names, cannot read it"),
    ],
)
def test_wrong_names_are_refused(text, message):
    with pytest.raises(MarkersError, match=message):
        read_names([text], OURS)


def test_names_twice_and_broken_rows_are_refused_with_their_line(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("C7_study,C7\nRHJC_study\n", encoding="utf-8")
    with pytest.raises(MarkersError, match=r"map.csv, line 2: expected two names"):
        read_names([str(path)], OURS)
    path.write_text(f"C7_study,{200_000 * 'x'}\n", encoding="utf-8")
    with pytest.raises(MarkersError, match=r"map.csv: expected rows of a CSV file"):
        read_names([str(path)], OURS)
    with pytest.raises(MarkersError, match="C7_study is named twice"):
        read_names(["C7_study=a", "C7_study=b"], OURS)
    with pytest.raises(MarkersError, match="a is named twice"):
        read_names(["C7_study=a", "RHJC_study=a"], OURS)


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_files_are_paired_by_name(tmp_path):
    one = touch(
        tmp_path / "one", "walk_keypoints.trc", "walk_optical.trc", "walk_fast_keypoints.trc", "walk_fast_x.trc"
    )
    assert [(name, a.name, b.name) for name, a, b in pair_files(one, one)] == [
        ("walk_fast", "walk_fast_keypoints.trc", "walk_fast_x.trc"),
        ("walk", "walk_keypoints.trc", "walk_optical.trc"),
    ]
    video, lab = touch(tmp_path / "video", "sit.trc", "walk.trc"), touch(tmp_path / "lab", "sit.trc", "walk_mocap.trc")
    assert [(name, b.name) for name, _, b in pair_files(video, lab)] == [("sit", "sit.trc"), ("walk", "walk_mocap.trc")]
    assert pair_files(video / "sit.trc", lab / "sit.trc") == [("sit", video / "sit.trc", lab / "sit.trc")]
    with pytest.raises(DatasetError, match="expected two files or two folders"):
        pair_files(video / "sit.trc", lab)
    touch(lab, "walk_mocap.c3d", "jump.C3D")  # of a TRC and a C3D file of one name, the TRC counts
    touch(video, "jump.c3d")
    assert [b.name for _, _, b in pair_files(video, lab)] == ["jump.C3D", "sit.trc", "walk_mocap.trc"]
    touch(lab, "sit_other.trc")
    with pytest.raises(DatasetError, match=r"found sit.trc, sit_other.trc"):
        pair_files(video, lab)
    with pytest.raises(DatasetError, match="expected keypoint files"):
        pair_files(touch(tmp_path / "empty"), lab)


# --- baselines


def test_mean_offsets_find_the_keypoint_that_a_marker_hangs_on():
    random = torch.Generator().manual_seed(1)
    features = torch.randn(500, 47, generator=random, dtype=torch.float64) * 0.1 + 1
    keypoints = features[:, :45].reshape(-1, 15, 3)
    keypoint = torch.arange(N) % 15
    offset = torch.randn(N, 3, generator=random, dtype=torch.float64)
    targets = keypoints[:, keypoint] + offset + 0.01 * torch.randn(500, N, 3, generator=random)
    offsets, linear = baselines.fit_baselines(features, targets, OURS)
    with torch.inference_mode():
        said, mapped = (m.engine.network(features.float()[None])[0].reshape(-1, N, 3) for m in (offsets, linear))
    mean_offset = (targets - keypoints[:, keypoint]).mean(dim=0)
    torch.testing.assert_close(said.double(), keypoints[:, keypoint] + mean_offset, rtol=0, atol=1e-5)
    residual = (mapped - targets).square().mean().sqrt()
    assert 0.009 < float(residual) < 0.0101  # no more than the noise is left


def test_baselines_are_always_the_same_and_leave_the_random_numbers_alone(monkeypatch):
    shrink(monkeypatch)
    torch.manual_seed(5)
    first, again = baselines.make_baselines(ANATOMICAL_MARKERS), baselines.make_baselines(ANATOMICAL_MARKERS)
    after = torch.rand(3)
    torch.manual_seed(5)
    torch.testing.assert_close(after, torch.rand(3))
    assert [m.card.name for m in first] == ["mean offsets", "linear map"]
    for one, other in zip(first, again, strict=True):
        features = torch.randn(2, 30, 47).numpy()
        np.testing.assert_array_equal(one.predict(features), other.predict(features))


# --- the command


def shrink(monkeypatch):
    """Baselines from fewer windows than in earnest, which would take most of the time."""
    monkeypatch.setattr(baselines, "_N_MOTIONS", 17)
    monkeypatch.setattr(baselines, "_N_WINDOWS", 128)


@pytest.fixture
def command(monkeypatch):
    shrink(monkeypatch)
    return lambda *words: CliRunner().invoke(main, ["evaluate", *map(str, words)])


@pytest.fixture
def pair(tmp_path, predicted_walk):
    """Keypoints of the walk, and a truth that is 5 mm off what the model says, some of it missing."""
    data = touch(tmp_path / "data")
    (data / "walk.trc").write_bytes((EXAMPLES / "walk.trc").read_bytes())
    positions = predicted_walk.positions[:, :20] + OFFSET_M
    positions[100:110, 3] = np.nan
    write_trc(data / "true.trc", replace(predicted_walk, names=predicted_walk.names[:20], positions=positions))
    return data / "walk.trc", data / "true.trc"


SIZE = ("--height", WALKER.height_m, "--mass", WALKER.mass_kg)


def test_the_command_prints_and_writes_a_known_error(command, pair, tmp_path):
    files = [tmp_path / name for name in ("out.json", "out.csv", "out.png")]
    options = [word for kind, file in zip(("--json", "--csv", "--figure"), files, strict=True) for word in (kind, file)]
    result = command(pair[0], "--truth", pair[1], *SIZE, "--model", MODEL, *options)
    assert result.exit_code == 0, result.output
    (line,) = [line for line in result.output.splitlines() if "MPME (mm)  " in line and "by" not in line]
    assert line.split()[2] == "5.0"
    assert "the truth has 20 of 35 markers" in result.output
    assert "in 10 of 12000 samples of these markers the truth has a gap" in result.output
    assert "one subject" in result.output
    written = json.loads(files[0].read_text())
    (found,) = [s for s in written["scores"] if (s["model"], s["group"], s["metric"]) == (MODEL, "all", MPME)]
    assert found["value"] == pytest.approx(5, abs=1e-3)
    assert (found["low"], found["n"]) == (None, 11990)
    assert written["models"] == [MODEL, "mean offsets", "linear map"]
    assert written["sha256"][MODEL] == load_model(MODEL, "cpu").card.sha256
    with files[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["model", "group_kind", "group", "metric", "value", "low", "high", "n"]
    assert len(rows) == len(written["scores"])
    by_marker = [r for r in rows if (r["model"], r["group_kind"], r["metric"]) == (MODEL, "marker", MPME)]
    assert len(by_marker) == 20
    assert "error budget of" in result.output
    budget = {
        r["metric"]: float(r["value"])
        for r in rows
        if (r["model"], r["group_kind"], r["group"]) == (MODEL, "budget", "all")
    }
    # What stays in the lab turns with a walking person's segments, by some degrees.
    assert budget["constant_per_person_mm"] == pytest.approx(5, abs=0.5)
    assert 0.5 < budget["moving_mm"] < 3
    np.testing.assert_allclose([float(r["value"]) for r in by_marker], 5, atol=1e-3)
    assert files[2].read_bytes().startswith(b"\x89PNG")
    again = command(pair[0], "--truth", pair[1], *SIZE, "--csv", files[1])
    assert again.exit_code == 2
    assert "add --overwrite" in again.output


def test_json_goes_to_standard_output_alone_and_tables_fit_eighty_columns(command, pair, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = command(pair[0], "--truth", pair[1], *SIZE, "--json", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["models"][1:] == ["mean offsets", "linear map"]
    tables = [line for line in result.stderr.splitlines() if line.startswith(" ")]  # the others are sentences
    assert len(tables) > 30
    assert max(map(len, tables)) <= 80


def test_other_names_are_mapped_and_unknown_ones_told(command, pair):
    true = read_trc(pair[1])
    names = ("C7", "box", *true.names[2:])
    write_trc(pair[1], replace(true, names=names))
    result = command(pair[0], "--truth", pair[1], *SIZE, "--names", "C7_study=C7")
    assert result.exit_code == 0, result.output
    assert "the truth has 19 of 35 markers" in result.output
    assert "left out, since they are not among our markers: box" in result.output
    assert "C7_study" in result.output
    lost = command(pair[0], "--truth", pair[1], *SIZE, "--names", "C7_study=c7")
    assert lost.exit_code == 1
    assert "no true file has a marker c7" in lost.output


def test_gaps_are_no_truth_and_a_read_only_folder_is_told_first(command, pair, tmp_path, monkeypatch):
    true = read_trc(pair[1])
    write_trc(pair[1], replace(true, positions=np.full_like(true.positions, np.nan)))
    result = command(pair[0], "--truth", pair[1], *SIZE)
    assert result.exit_code == 1
    assert "expected samples of the true markers, found gaps only" in result.output
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != tmp_path.resolve() / "kept")
    (tmp_path / "kept").mkdir()
    result = command(pair[0], "--truth", pair[1], *SIZE, "--csv", tmp_path / "kept" / "e.csv")
    assert result.exit_code == 2
    assert "kept is read-only" in result.output


def test_a_folder_of_pairs_is_scored_by_subject_and_activity(command, tmp_path, walk, predicted_walk):
    """Two people, one of whom is 5 mm off in one trial and 10 mm in the other, and one 15 mm."""
    planted = {("p1", "walk1"): 1, ("p1", "sit1"): 2, ("p2", "walk1"): 3}
    first = replace(walk, positions=walk.positions[:120], time_s=walk.time_s[:120])
    pairs = []
    for (person, name), size in planted.items():
        own = augment(first, WALKER, load_model(MODEL, "cpu")).markers
        truth = replace(own, positions=own.positions + size * OFFSET_M)
        pairs.append(Pair(f"{person}/{name}", person, WALKER, first, truth))
    folder = touch(tmp_path / "pairs")
    write_pairs(folder, pairs)
    output = tmp_path / "out.csv"
    result = command(folder, "--model", MODEL, "--csv", output)
    assert result.exit_code == 0, result.output
    assert "3 trials of 2 subjects; in brackets 95 % intervals" in result.output
    with output.open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["model"], r["metric"]) == (MODEL, MPME)]
    found = {(r["group_kind"], r["group"]): float(r["value"]) for r in rows if r["group_kind"] != "marker"}
    expected = {("overall", "all"): 10, ("activity", "sit"): 10, ("activity", "walk"): 10}
    assert found == pytest.approx(expected | {("subject", "p1"): 7.5, ("subject", "p2"): 15}, abs=1e-3)
    (everybody,) = [r for r in rows if r["group"] == "all"]
    # Drawn twice the one or twice the other: those are the ends.
    assert (float(everybody["low"]), float(everybody["high"])) == pytest.approx((7.5, 15), abs=1e-3)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["p1"], "validation": [], "test": ["p2"], "datasets": []}))
    unseen = tmp_path / "unseen.json"
    result = command(folder, "--model", MODEL, "--test-of", split, "--json", unseen)
    assert (result.exit_code, "1 trial of 1 subject" in result.output) == (0, True)
    scores = [Score(**one) for one in json.loads(unseen.read_text())["scores"]]
    assert overall(scores, MPME, MODEL).value == pytest.approx(15, abs=1e-3)
    split.write_text(json.dumps({"training": ["p1"], "validation": ["p2"], "test": ["p3"]}))
    nobody = command(folder, "--test-of", split)
    assert (nobody.exit_code, "expected test subjects of this data set, found p3" in nobody.output) == (1, True)
    split.write_text("[]")
    wrong = command(folder, "--test-of", split)
    assert (wrong.exit_code, "expected the split.json of a training run" in wrong.output) == (1, True)


def test_a_data_set_of_windows_is_scored_as_metrics_say(command, tmp_path, monkeypatch, model):
    shrink(monkeypatch)
    library = make_library([], 17, 1)
    people = generate_set(WindowGenerator(library, Population(), KeypointErrors()), 5, 20, seed=1)
    folder = touch(tmp_path / "npy")
    write_npy_layout(folder, people)
    output = tmp_path / "out.json"
    result = command(folder, "--model", MODEL, "--json", output)
    assert result.exit_code == 0, result.output
    assert "20 windows of 5 subjects" in result.output
    windows = load_dataset(folder).window_set.windows
    expected = float(1000 * mpme(predict_arranged(windows, model), windows.markers.double()))
    scores = [Score(**one) for one in json.loads(output.read_text())["scores"]]
    assert overall(scores, MPME, MODEL).value == pytest.approx(expected)
    refused = command(folder, "--names", "C7_study=C7")
    assert (refused.exit_code, "--names is for true TRC files" in refused.output) == (2, True)
    (folder / "feature_3.npy").write_bytes(b"nonsense")
    broken = command(folder)
    assert (broken.exit_code, "feature_3.npy" in broken.output) == (1, True)


def test_a_broken_trial_is_told_and_the_others_are_scored(command, tmp_path, pair):
    data = touch(tmp_path / "both")
    for name, source in (("walk1", pair[0]), ("walk2", pair[0])):
        (data / f"{name}_keypoints.trc").write_bytes(source.read_bytes())
        (data / f"{name}_optical.trc").write_bytes(pair[1].read_bytes())
    (data / "walk2_optical.trc").write_text("nonsense")
    result = command(data, "--truth", data, *SIZE)
    assert result.exit_code == 1
    assert "1 trial of 1 subject" in result.output
    assert "walk2_optical.trc: line 1: expected PathFileType" in result.output
    assert "1 of 2 trials are left out" in result.output


def test_wrong_usage_is_told_before_anything_is_computed(command, tmp_path, pair, monkeypatch):
    monkeypatch.setattr(baselines, "make_baselines", lambda: pytest.fail("too late"))
    keypoints, true = pair
    for words, message in (
        ([keypoints], "say with --truth"),
        ([keypoints, "--truth", true], "--truth needs --height and --mass"),
        ([keypoints.parent, "--height", 1.7], "--height and --mass go with --truth"),
        ([keypoints, "--truth", true, "--height", 158, "--mass", 58], "1.58 (m)"),
        ([keypoints, "--truth", true, *SIZE, "--model", "nonsense"], "no model 'nonsense'"),
        ([keypoints, "--truth", true, *SIZE, "--names", "nonsense"], "expected names as OURS=THEIRS"),
        ([keypoints, "--truth", true, *SIZE, "--csv", true, "--overwrite"], "is an input"),
        ([keypoints, "--truth", true, *SIZE, "--csv", tmp_path / "no" / "x.csv"], "there is no folder"),
        ([keypoints, "--truth", true, *SIZE, "--csv", tmp_path / "x", "--json", tmp_path / "x"], "several outputs"),
        ([keypoints, "--truth", true, *SIZE, "--figure", tmp_path / "x.jpeg"], "expected a figure named"),
        ([tmp_path / "nowhere"], "does not exist"),
    ):
        result = command(*words)
        assert (result.exit_code, message in result.output.replace("\n", " ")) == (2, True), (words, result.output)
    for words in ([keypoints.parent, "--truth", true, *SIZE],):
        result = command(*words)
        assert (result.exit_code, "expected two files or two folders" in result.output) == (1, True), result.output


def test_the_lab_subject_scores_as_the_independent_script_says(command, shared_data, tmp_path):
    lab = shared_data / "lab" / "subject4"
    output = tmp_path / "lab.json"
    person = json.loads((lab / "subject.json").read_text())
    size = ("--height", person["height_m"], "--mass", person["mass_kg"])
    result = command(lab, "--truth", lab, *size, "--model", MODEL, "--json", output)
    assert result.exit_code == 0, result.output
    scores = json.loads(output.read_text())["scores"]
    found = {s["metric"]: s["value"] for s in scores if (s["model"], s["group"]) == (MODEL, "all")}
    # tools/lab_score.py: frames first, then markers (MPME); all coordinates together (RMSE).
    assert found[MPME] == pytest.approx(13.24, abs=0.01)
    assert found[RMSE] == pytest.approx(8.98, abs=0.01)
