"""Data sets of four layouts: what was written is read, and what cannot be true is refused with its place."""

import builtins
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_files import mid_hip, write_hdf5, write_mot, write_npy
from scipy.interpolate import make_interp_spline

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.population import Population
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import BODIES, POINT_INDEX
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.datasets.building import write_dataset
from trcaugment.datasets.dataset import Split
from trcaugment.datasets.paired import read_pairs
from trcaugment.datasets.reading import load_dataset, read_trials
from trcaugment.datasets.window_set import WindowSet, generate_set
from trcaugment.errors import DatasetError, OutputError
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.markers import WINDOW_FRAMES, Markers

FIELDS = ("keypoints", "markers", "height_m", "mass_kg")


@pytest.fixture(scope="module")
def generator():
    return WindowGenerator(make_library([], 34, seed=1), Population(), KeypointErrors())


@pytest.fixture(scope="module")
def window_set(generator):
    """Four subjects with 14 windows each, subject after subject."""
    mixed = generate_set(generator, 4, 56, seed=8)
    return mixed.select(sorted(range(56), key=lambda k: mixed.subjects[k]))


def assert_same(found, expected, tolerance_m=1e-5):
    for name in FIELDS:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=tolerance_m)


def centered(windows):
    """What is left when every frame is moved to midHip."""
    origin = mid_hip(windows)
    return replace(windows, keypoints=windows.keypoints - origin, markers=windows.markers - origin)


# --- a: .npy files


@pytest.fixture
def npy(window_set, tmp_path):
    folder = tmp_path / "subset"
    folder.mkdir()
    write_npy(folder, window_set)
    return folder


def test_published_npy_files_are_read(window_set, npy):
    dataset = load_dataset(npy)
    assert_same(dataset.window_set.windows, centered(window_set.windows))
    assert dataset.layout == "windows in .npy files (marker-augmentation)"
    assert sorted(set(dataset.window_set.subjects)) == [f"dataset0-subject{k}" for k in range(4)]
    assert set(dataset.window_set.activities) == {"squats"}
    assert (dataset.left_out, dataset.split) == ((), None)
    # A subject's synthetic sizes are one subject: all 14 windows, five sizes, one name.
    assert dataset.window_set.subjects.count("dataset0-subject2") == 14
    assert dataset.notes == ("every subject at 5 synthetic sizes (0.9, 0.95, 1, 1.05, 1.1), kept together",)


@pytest.mark.parametrize("above", [False, True])
def test_the_split_beside_or_above_is_read(window_set, tmp_path, above):
    folder = tmp_path / "Data" / "subset"
    folder.mkdir(parents=True)
    write_npy(folder, window_set, {"training_0": [0, 3], "validation_0": [2], "test": [1]})
    if not above:
        shutil.move(folder.parent / "subjectSplit.npy", folder)
    names = [f"dataset0-subject{k}" for k in range(4)]
    assert load_dataset(folder).split == Split((names[0], names[3]), (names[2],), (names[1],))


def test_a_split_with_a_subject_in_two_parts_is_refused(window_set, npy):
    np.save(npy / "subjectSplit.npy", {"dataset0": {"training_0": [0, 1], "validation_0": [1], "test": [2]}})
    with pytest.raises(DatasetError, match=r"subjectSplit\.npy: expected every subject in one part, found .*subject1"):
        load_dataset(npy)


def test_files_are_found_by_their_indexes_not_by_their_row(window_set, npy):
    info = np.load(npy / "infoData.npy", allow_pickle=True).item()
    order = np.random.default_rng(1).permutation(len(window_set))
    np.save(npy / "infoData.npy", {name: values[order] for name, values in info.items()})
    found = load_dataset(npy).window_set
    expected = centered(window_set.windows)
    assert_same(found.windows, expected.select(torch.from_numpy(order)))


def change(folder, k, edit, kind="feature"):
    path = folder / f"{kind}_{k}.npy"
    values = np.load(path)
    edit(values)
    np.save(path, values)


def change_all(folder, edit, kind="feature"):
    for path in folder.glob(f"{kind}_*.npy"):
        change(folder, path.stem.split("_")[1], edit, kind)


def to_meters(values):
    values[:, :63] *= values[0, 63]


def to_millimeters(values):
    values[:, :63] *= 1000


def exchange_sides(values):
    order = np.arange(65)
    for first in (3, 9, 15, 21, 27, 33, 39):
        order[first : first + 3], order[first + 3 : first + 6] = range(first + 3, first + 6), range(first, first + 3)
    values[:] = values[:, order]


def shift_columns(values):
    values[:, :63] = np.roll(values[:, :63], 3, axis=1)


def in_cm(values):
    values[:, 63] *= 100


@pytest.mark.parametrize(
    ("edit", "kind", "message"),
    [
        (
            to_meters,
            "feature",
            "from neck to hips to ankle.*values that were not divided by height",
        ),
        (to_millimeters, "feature", r"56 windows of 56 are no body: .* feature_0\.npy; another unit"),
        (exchange_sides, "feature", "mislabelled.*left and right exchanged"),
        (in_cm, "feature", r"impossible height or mass, such as 1\d\d\.?\d* m .*in m and kg"),
        (shift_columns, "responses", "mislabelled.*in another order"),
        (lambda values: np.multiply(values, 1.4, out=values), "responses", "mislabelled"),
    ],
    ids=["not divided by height", "mm", "sides exchanged", "height in cm", "shifted columns", "responses scaled"],
)
def test_data_in_another_unit_or_order_are_refused(npy, edit, kind, message):
    change_all(npy, edit, kind)
    with pytest.raises(DatasetError, match=message):
        load_dataset(npy)


def test_one_mislabelled_subject_among_others_is_named(npy):
    for k in range(28, 42):
        change(npy, k, exchange_sides)
    with pytest.raises(DatasetError, match=r"dataset0-subject2 \(feature_28\.npy, say\): mislabelled"):
        load_dataset(npy)


def test_windows_with_missing_samples_or_no_body_are_counted_and_left_out(window_set, npy):
    def hole(values):
        values[4, 7] = np.nan

    def infinite(values):
        values[2, 100] = np.inf

    def fly(values):
        values[3, 40] = 5.0

    change(npy, 3, hole)
    change(npy, 5, infinite, "responses")
    change(npy, 8, fly)
    change(npy, 9, lambda values: values.__setitem__((slice(None), 64), 900.0))
    change(npy, 12, lambda values: values.__setitem__((0, 50), np.nan))  # an elbow, which nobody needs
    dataset = load_dataset(npy)
    assert dataset.left_out == (
        "2 windows with missing samples: feature_3.npy, feature_5.npy",
        "1 window of no person: feature_9.npy",
        "1 window with no body in them: feature_8.npy",
    )
    kept = [k for k in range(56) if k not in (3, 5, 8, 9)]
    assert_same(dataset.window_set.windows, centered(window_set.select(kept).windows))


def test_damaged_and_missing_files_are_refused_by_name(npy):
    def refused(message):
        with pytest.raises(DatasetError, match=message):
            load_dataset(npy)

    whole = (npy / "feature_7.npy").read_bytes()
    (npy / "feature_7.npy").write_bytes(whole[:300])
    refused(r"feature_7\.npy: damaged")
    np.save(npy / "feature_7.npy", np.zeros((30, 47)))
    refused(r"feature_7\.npy: expected shape \(30, 65\), found \(30, 47\)")
    np.save(npy / "feature_7.npy", np.full((30, 65), "x"))
    refused(r"feature_7\.npy: expected an array of numbers")
    (npy / "feature_7.npy").unlink()
    refused(r"expected the files that infoData\.npy names, did not find feature_7\.npy")
    (npy / "feature_7.npy").write_bytes(whole)
    change(npy, 7, lambda values: values.__setitem__((3, 63), 1.2))
    refused(r"feature_7\.npy: expected height and mass in the last two columns, found values that change")
    (npy / "feature_7.npy").write_bytes(whole)
    info = np.load(npy / "infoData.npy", allow_pickle=True).item()
    np.save(npy / "infoData.npy", {**info, "datasets": info["datasets"][:-1]})
    refused(r"infoData\.npy: expected 56 'datasets' as there are 'subjects', found 55")
    np.save(npy / "infoData.npy", {"indexes": info["indexes"]})
    refused(r"infoData\.npy: expected a list 'datasets', found indexes")
    np.save(npy / "infoData.npy", {**info, "subjects": [[1], [2, 3]]})
    refused(r"infoData\.npy: expected lists of numbers or strings")
    np.save(npy / "infoData.npy", {**info, "subjects": [{}] * 56})
    refused(r"infoData\.npy: expected lists of numbers or strings, found dict")
    np.save(npy / "infoData.npy", np.arange(5))
    refused(r"infoData\.npy: expected a dict of lists, found ndarray")
    (npy / "infoData.npy").unlink()
    refused(r"expected infoData\.npy, which says whose the windows are")


def test_files_that_nobody_names_are_reported(npy):
    shutil.copy(npy / "feature_1.npy", npy / "feature_999.npy")
    assert load_dataset(npy).left_out == ("1 feature files that infoData.npy does not name: feature_999.npy",)


class _System:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("name", ["infoData.npy", "subjectSplit.npy", "feature_4.npy", "responses_4.npy"])
def test_code_in_any_file_is_refused_and_not_run(npy, tmp_path, name):
    proof = tmp_path / "proof"
    content = {"indexes": _System(proof)} if "_" not in name else np.array([_System(proof)], dtype=object)
    np.save(npy / name, content, allow_pickle=True)
    with pytest.raises(DatasetError, match=rf"{name}: refused, it names the function .*system.*Nothing was run"):
        load_dataset(npy)
    assert not proof.exists()


# --- b: HDF5


@pytest.mark.parametrize("arms", [True, False])
def test_hdf5_is_read_and_cut_in_half(window_set, tmp_path, arms):
    pytest.importorskip("h5py")
    write_hdf5(tmp_path / "h5_dataset7_60_openpose", window_set, arms=arms)
    for path in (tmp_path, tmp_path / "h5_dataset7_60_openpose" / "time_sequences.h5"):
        dataset = load_dataset(path)
        assert_same(dataset.window_set.windows, window_set.windows)
        assert dataset.window_set.subjects == tuple(
            f"dataset7-subject{int(name[-1]) - 1}" for name in window_set.subjects
        )
        assert (dataset.layout, dataset.left_out) == ("windows in HDF5 (marker-enhancer)", ())


def test_several_hdf5_files_are_one_data_set_with_the_split_above(window_set, tmp_path):
    pytest.importorskip("h5py")
    for k in (1, 2):
        write_hdf5(tmp_path / "training_data" / f"h5_dataset{k}_60_openpose", window_set)
    split = {"dataset7": {"training_0": [0, 1], "validation_0": [2], "test": [3]}}
    np.save(tmp_path / "subjectSplit_curated.npy", split)
    dataset = load_dataset(tmp_path / "training_data")
    assert len(dataset.window_set) == 2 * len(window_set)
    assert dataset.split is not None
    assert set(dataset.split.test) == {"dataset7-subject3"}


def test_hdf5_that_cannot_be_is_refused(window_set, tmp_path):
    h5py = pytest.importorskip("h5py")

    def refused(message):
        with pytest.raises(DatasetError, match=message):
            load_dataset(tmp_path)

    write_hdf5(tmp_path, window_set)
    path = tmp_path / "time_sequences.h5"
    with h5py.File(path, "a") as file:
        labels = file["data/labels"][:]
        file["data/labels"][:, :, :54] = np.roll(labels[:, :, :54], 3, axis=2)
    refused("mislabelled")
    with h5py.File(path, "a") as file:
        file["data/labels"][:] = 1000 * labels
        file["data/features"][:, :, :-2] *= 1000
    refused(r"no body: .*row 0 of .*time_sequences\.h5; another unit")
    with h5py.File(path, "a") as file:
        del file["data/labels"]
        file["data/labels"] = labels[:, :, :99]
    refused(r"expected labels as numbers of shape \(windows, 60, 129 or 105\), found float64 of shape \(28, 60, 99\)")
    with h5py.File(path, "a") as file:
        del file["data/labels"]
        file["data/labels"] = labels[:-1]
    refused(r"expected 28 windows as in infoData\.npy, found features of 28 and labels of 27")
    with h5py.File(path, "a") as file:
        del file["data"]
        file["other"] = [1]
    refused("expected tables data/features and data/labels, found other")
    path.write_bytes(b"no HDF5")
    refused(r"time_sequences\.h5: damaged, or no HDF5 file")
    (tmp_path / "infoData.npy").unlink()
    refused(r"infoData\.npy: cannot be read")


def test_without_h5py_the_extra_is_named(window_set, tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    write_hdf5(tmp_path, window_set)
    there = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return there(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DatasetError, match=r"needs h5py; install it with: pip install trcaugment\[hdf5\]"):
        load_dataset(tmp_path)


# --- what is built is read again


def test_built_npy_files_give_the_same_windows_back(window_set, tmp_path):
    named = replace(window_set, activities=("walk",) * len(window_set))
    write_dataset(tmp_path / "out", named, "npy")
    found = load_dataset(tmp_path / "out").window_set
    assert_same(found.windows, centered(window_set.windows), 1e-6)
    assert (found.subjects, found.activities) == (named.subjects, named.activities)


def test_built_trcs_give_the_same_windows_back(window_set, tmp_path):
    named = replace(window_set, activities=("walk",) * len(window_set))
    write_dataset(tmp_path / "out", named, "trc")
    found = load_dataset(tmp_path / "out").window_set
    assert_same(found.windows, window_set.windows, 1e-6)
    assert (found.subjects, found.activities) == (named.subjects, named.activities)


def test_nothing_is_built_over_something_nor_left_after_an_error(window_set, tmp_path, monkeypatch):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    for name in ("used", "used/file"):
        with pytest.raises(OutputError, match="expected a new or empty folder, found one in use"):
            write_dataset(tmp_path / name, window_set, "npy")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(DatasetError, match="No space left on device"):
        write_dataset(tmp_path / "new", window_set, "npy")
    assert [path.name for path in tmp_path.iterdir()] == ["used"]


def test_an_empty_working_folder_is_filled_and_stays_the_same_one(window_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_dataset(Path(), window_set, "npy")
    assert len(load_dataset(Path()).window_set) == len(window_set)
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_and_devices_are_no_files_and_nobody_waits_for_them(trial, window_set, tmp_path):
    write_npy(tmp_path, window_set)
    for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        (tmp_path / "feature_3.npy").unlink()
        make(tmp_path / "feature_3.npy")
        with pytest.raises(DatasetError, match=r"feature_3\.npy: cannot be read \(it is a pipe or a device"):
            load_dataset(tmp_path)
    write_trial(tmp_path / "trials", "a", *trial)
    for name in ("a_keypoints.trc", "subjects.csv"):
        (tmp_path / "trials" / name).unlink()
        os.mkfifo(tmp_path / "trials" / name)
        with pytest.raises(DatasetError, match=name):
            load_dataset(tmp_path / "trials")


# --- c: paired TRCs


@pytest.fixture(scope="module")
def trial():
    """A squat of one person as keypoints and markers, 2 s at 60 Hz, with the truth at any time."""
    sizes = BodySizes.from_scale(
        torch.ones(1, len(BODIES), 3, dtype=torch.float64), *(torch.tensor([v]) for v in (1.7, 70.0))
    )
    motion = make_motion("squat", np.random.default_rng(2))
    points = [POINT_INDEX[name] for name in (*KEYPOINTS, *ANATOMICAL_MARKERS)]
    places = forward_kinematics(sizes, torch.from_numpy(motion)[None], points)[0].numpy()
    time_s = np.arange(len(places)) / 60
    return Markers(KEYPOINTS.names, places[:, :15], time_s), Markers(ANATOMICAL_MARKERS.names, places[:, 15:], time_s)


def write_trial(folder, name, keypoints, markers, subjects="*,Anna,1.7,70"):
    stem = folder / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_trc(f"{stem}_keypoints.trc", keypoints)
    write_trc(f"{stem}_markers.trc", markers)
    (folder / "subjects.csv").write_text(f"path,subject,height_m,mass_kg\n{subjects}\n", encoding="utf-8")


def test_a_trial_is_cut_into_windows_one_after_the_other(trial, tmp_path):
    write_trial(tmp_path, "S1/squat_01", *trial)
    found = load_dataset(tmp_path).window_set
    n = trial[0].n_frames // WINDOW_FRAMES
    assert len(found) == n >= 3
    expected = trial[1].positions[: n * WINDOW_FRAMES].reshape(n, WINDOW_FRAMES, 35, 3)
    np.testing.assert_allclose(found.windows.markers.numpy(), expected, atol=2e-6)
    assert set(found.subjects) == {"Anna"}
    assert set(found.activities) == {"squat"}
    assert set(found.windows.mass_kg.tolist()) == {70.0}


@pytest.mark.parametrize(("rate_hz", "tolerance_m"), [(100, 5e-4), (240, 5e-4), (30, 5e-3)])
def test_other_rates_and_another_start_of_the_truth_come_together(trial, tmp_path, rate_hz, tolerance_m):
    keypoints, markers = trial
    time_s = np.arange(0.2, markers.time_s[-1] - 0.1, 1 / rate_hz)
    resampled = Markers(markers.names, make_interp_spline(markers.time_s, markers.positions)(time_s), time_s)
    write_trial(tmp_path, "squat", keypoints, resampled)
    found = load_dataset(tmp_path).window_set
    assert len(found) >= 2
    start = 12  # 0.2 s
    expected = markers.positions[start : start + len(found) * WINDOW_FRAMES].reshape(-1, WINDOW_FRAMES, 35, 3)
    np.testing.assert_allclose(found.windows.markers.numpy(), expected, atol=tolerance_m)
    np.testing.assert_allclose(
        found.windows.keypoints.numpy(),
        keypoints.positions[start : start + len(found) * WINDOW_FRAMES].reshape(-1, WINDOW_FRAMES, 15, 3),
        atol=2e-6,
    )


def with_gap(markers, start, stop, k=5):
    positions = markers.positions.copy()
    positions[start:stop, k] = np.nan
    return Markers(markers.names, positions, markers.time_s)


def test_long_gaps_are_left_out_and_counted_short_ones_filled(trial, tmp_path):
    keypoints, markers = trial
    n = keypoints.n_frames
    write_trial(tmp_path, "short", with_gap(keypoints, 20, 25), markers)
    assert len(load_dataset(tmp_path).window_set) == n // WINDOW_FRAMES
    shutil.rmtree(tmp_path)
    write_trial(tmp_path, "long", keypoints, with_gap(markers, 35, 75))
    dataset = load_dataset(tmp_path)
    assert len(dataset.window_set) == 35 // 30 + (n - 75) // 30
    assert any("s in frames with missing samples" in sentence for sentence in dataset.left_out)


def test_trials_without_all_markers_are_left_out_and_the_markers_named(trial, tmp_path):
    keypoints, markers = trial
    fewer = Markers(markers.names[1:-1], markers.positions[:, 1:-1], markers.time_s)
    write_trial(tmp_path, "whole", keypoints, markers)
    write_trial(tmp_path, "part", keypoints, fewer)
    dataset = load_dataset(tmp_path)
    assert dataset.missing_markers == ("C7_study", "LHJC_study")
    assert dataset.left_out == ("part: expected all 35 markers, did not find C7_study, LHJC_study",)
    for pair in read_pairs(tmp_path):  # as whole trials they are all there
        assert len(pair.markers.names) == (33 if pair.name == "part" else 35)


def test_pairs_that_cannot_be_are_refused(trial, tmp_path):
    keypoints, markers = trial

    def refused(message, path=tmp_path):
        with pytest.raises(DatasetError, match=message):
            load_dataset(path)
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()

    write_trial(tmp_path, "a", keypoints, markers)
    (tmp_path / "a_markers.trc").unlink()
    refused(r"a_keypoints\.trc: expected a_markers\.trc beside it, found none")
    write_trial(tmp_path, "a", keypoints, markers, "S2/*,Anna,1.7,70")
    refused(r"subjects\.csv: no path in it fits a_keypoints\.trc")
    write_trial(tmp_path, "a", keypoints, markers, "*,Anna,170,70")
    refused(r"subjects\.csv, line 2: height must lie between .* found 170. If that is in cm, write 1\.7 \(m\)")
    write_trial(tmp_path, "a", keypoints, markers, "*,Anna,,70")
    refused(r"subjects\.csv, line 2: expected a value for height_m")
    write_trial(tmp_path, "a", keypoints, markers, "*,Anna,1.7,70\nb*,Anna,1.8,70")
    refused(r"subjects\.csv: Anna has two heights or masses")
    write_trial(tmp_path, "a", keypoints, markers, "*,Anna,1,7,70")
    refused(r"subjects\.csv, line 2: .*; separate columns by semicolons if decimals have commas")
    write_trial(tmp_path, "a", keypoints, markers, "*,Anna,auto,70")
    refused(r"subjects\.csv, line 2: a data set needs the height in m, found auto")
    write_trial(tmp_path, "a", keypoints, markers)
    (tmp_path / "subjects.csv").write_text("path,subject,height\n*,Anna,1.7\n")
    refused(r"subjects\.csv: expected the columns path, subject, height_m, mass_kg, found path, subject, height")
    write_trial(tmp_path, "a", keypoints, markers)
    (tmp_path / "subjects.csv").unlink()
    refused(r"expected subjects\.csv with the columns path, subject, height_m, mass_kg")
    write_trial(tmp_path, "a", keypoints, Markers(markers.names, markers.positions, markers.time_s + 100))
    refused("no trial is usable:\na: keypoints and markers share no time")
    write_trial(tmp_path, "a", keypoints, Markers(markers.names, markers.positions * 1000, markers.time_s))
    refused("windows of 4 are no body|windows of . are no body")
    write_trial(tmp_path, "a", Markers(KEYPOINTS.names, keypoints.positions * 1000, keypoints.time_s), markers)
    refused("no trial is usable:\na: .*from hips to neck")
    sides = {"L": "r", "r": "L"}
    swapped = tuple(sides[n[0]] + n[1:] if n[:2] in ("r_", "L_") else n for n in markers.names)
    write_trial(tmp_path, "a", keypoints, Markers(swapped, markers.positions, markers.time_s))
    refused("Anna: mislabelled.*left and right exchanged")
    write_trial(tmp_path, "a", keypoints, markers)
    (tmp_path / "a_markers.trc").write_text("not a TRC")
    refused(r"a_markers\.trc")


def test_first_fitting_row_tells_whose_a_trial_is(trial, tmp_path):
    for name in ("S1/a", "S1/sub/b", "S2/[c]"):
        write_trial(tmp_path, name, *trial, "S1/sub/*,Ben,1.7,70\nS1/*,Anna,1.7,70\n*,Cleo,1.7,70")
    assert {pair.name: pair.subject_name for pair in read_pairs(tmp_path)} == {
        "S1/a": "Anna",
        "S1/sub/b": "Ben",
        "S2/[c]": "Cleo",
    }


# --- d: OpenSim motions


@pytest.fixture
def motions(opensim, tmp_path):
    """Two people in two folders, each with a model of their own, and where their points truly go."""
    from trcaugment.osim.build import build_model

    truth = {}
    for k, name in enumerate(("Anna", "Ben")):
        folder = tmp_path / "study" / name
        folder.mkdir(parents=True)
        scale = torch.full((1, len(BODIES), 3), 1.0 + 0.05 * k, dtype=torch.float64)
        sizes = BodySizes.from_scale(scale, torch.tensor([1.7 + 0.085 * k]), torch.tensor([70.0]))
        build_model(sizes).printToXML(str(folder / "model.osim"))
        motion = make_motion("squat", np.random.default_rng(k))
        write_mot(folder / "squat_1.mot", motion)
        points = [POINT_INDEX[point] for point in (*KEYPOINTS, *ANATOMICAL_MARKERS)]
        truth[name] = forward_kinematics(sizes, torch.from_numpy(motion)[None], points)[0]
    rows = "Anna/*,Anna,1.7,70\nBen/*,Ben,1.785,70"
    (tmp_path / "study" / "subjects.csv").write_text(f"path,subject,height_m,mass_kg\n{rows}\n")
    return tmp_path / "study", truth


def test_motions_drive_the_model_of_their_folder(motions):
    folder, truth = motions
    dataset = load_dataset(folder)
    assert dataset.layout == "OpenSim motions"
    assert set(dataset.window_set.activities) == {"squat"}
    for name, points in truth.items():
        windows = dataset.window_set.of_subjects([name]).windows
        n = len(windows.height_m)
        assert n == (len(points) - 1) // WINDOW_FRAMES
        expected = points[: n * WINDOW_FRAMES].reshape(n, WINDOW_FRAMES, -1, 3).float()
        torch.testing.assert_close(torch.cat([windows.keypoints, windows.markers], dim=2), expected, rtol=0, atol=1e-5)


def test_trials_and_windows_are_built_from_motions(motions, tmp_path):
    folder, _ = motions
    pairs = read_trials(folder)[1]
    direct = load_dataset(folder).window_set
    write_dataset(tmp_path / "trc", direct, "trc", pairs)
    assert (tmp_path / "trc" / "Anna" / "squat_1_keypoints.trc").is_file()
    assert read_trc(tmp_path / "trc" / "Ben" / "squat_1_markers.trc").names == ANATOMICAL_MARKERS.names
    found = load_dataset(tmp_path / "trc").window_set
    assert_same(found.windows, direct.windows, 2e-6)
    assert found.subjects == direct.subjects
    write_dataset(tmp_path / "npy", direct, "npy", pairs)
    assert_same(load_dataset(tmp_path / "npy").window_set.windows, centered(direct.windows), 2e-6)


def test_motions_that_cannot_be_are_refused(motions, opensim):
    folder, _ = motions

    def refused(message):
        with pytest.raises(DatasetError, match=message):
            load_dataset(folder)

    mot, osim = folder / "Ben" / "squat_1.mot", folder / "Ben" / "model.osim"
    good, model = mot.read_text(), osim.read_text()
    mot.write_text("no motion")
    refused(r"squat_1\.mot: expected a line 'endheader'")
    mot.write_text("t\nnRows=1\nnColumns=2\ninDegrees=yes\nendheader\ntime\tx\n0\t1\n0.1\t1\n")
    refused(r"squat_1\.mot: expected coordinates of model\.osim, found x")
    mot.write_text(good)
    shutil.copy(osim, folder / "Ben" / "other.osim")
    refused(r"Ben: expected one \.osim model, found model\.osim, other\.osim")
    (folder / "Ben" / "other.osim").unlink()
    osim.write_text("<x>")
    refused(r"model\.osim: no model that OpenSim can use")
    osim.write_text(model.replace('<Marker name="C7_study">', '<Marker name="C7">'))
    refused(r"model\.osim: expected the 35 markers, without C7_study")
    osim.write_text(model.replace('<Marker name="RKnee">', '<Marker name="RKn">'))
    refused("RKnee: expected RKnee")
    osim.unlink()
    refused(r"squat_1\.mot: expected an \.osim model in its folder or above it in .*study, found none")


def test_without_opensim_the_package_is_named(motions, monkeypatch):
    there = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "opensim":
            raise ImportError(name)
        return there(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(DatasetError, match=r"needs the package opensim\. Install it with"):
        load_dataset(motions[0])


# --- anything else


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="nowhere: there is no such file or folder"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"no known data set; expected feature_0\.npy"):
        load_dataset(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(DatasetError, match="no known data set, but a file; name the folder that it lies in"):
        load_dataset(tmp_path / "a.txt")


def test_nothing_usable_is_refused(window_set, tmp_path):
    holed = Windows(*(getattr(window_set.windows, name).clone() for name in FIELDS))
    write_npy(tmp_path, WindowSet(holed, window_set.subjects, window_set.activities))
    change_all(tmp_path, lambda values: values.__setitem__((3, 3), np.nan))
    with pytest.raises(DatasetError, match="no window is usable: 56 windows with missing samples: feature_0"):
        load_dataset(tmp_path)
