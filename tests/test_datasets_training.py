"""Training on local data sets: subjects stay in one part, sources are mixed by weight, and the split is recorded."""

import json

import pytest
import torch

import trcaugment.training.data
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.motion_model import model_sources
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.datasets.dataset import Dataset, Split
from trcaugment.datasets.npy_layout import write_npy_layout
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.splits import split_subjects
from trcaugment.datasets.window_set import WindowSet, generate_set
from trcaugment.errors import DatasetError, RecipeError
from trcaugment.model.folder import load_model
from trcaugment.training.data import DrawnData
from trcaugment.training.recipe import read_recipe
from trcaugment.training.run import train
from trcaugment.training.sources import make_sources

PARTS = ("training", "validation", "test")
RECIPE = """
name = "mixed"
seed = 5
{keys}
[motions]
procedural = 6

[network]
hidden = 8
n_layers = 1

[optimization]
epochs = 2
batches_per_epoch = 4
batch_windows = 8
validation_windows = 32

{tables}
"""


@pytest.fixture(scope="module")
def generator():
    return WindowGenerator(make_library([], 16, seed=1), Population(), KeypointErrors())


@pytest.fixture(scope="module")
def window_set(generator):
    return generate_set(generator, 10, 60, seed=2)


@pytest.fixture(scope="module")
def folder(window_set, tmp_path_factory):
    made = tmp_path_factory.mktemp("data")
    write_npy_layout(made, window_set)
    return made


def recipe_file(base, keys="", tables=""):
    path = base / "mixed.toml"
    path.write_text(RECIPE.format(keys=keys, tables=tables), encoding="utf-8")
    return path


def sources_of(path):
    return make_sources(read_recipe(path), path.parent)


def table(folder, more=""):
    return f'[[datasets]]\npath = "{folder}"\n{more}\n'


def draw(source, n, seed=0):
    return source.draw(n, torch.Generator().manual_seed(seed))


def people(window_set, names):
    return {round(float(mass), 3) for mass in window_set.of_subjects(names).windows.mass_kg}


def dataset(window_set, split=None, path="data"):
    return Dataset(path, "made up", window_set, split)


# --- splits


@pytest.mark.parametrize(
    ("n", "expected"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (10, (8, 1, 1)), (100, (80, 10, 10))]
)
def test_subjects_are_shared_out_80_10_10(generator, n, expected):
    few = generate_set(generator, n, n, seed=1)
    split = split_subjects([dataset(few)], shares=(0.1, 0.1), seed=1)
    assert tuple(len(getattr(split, part)) for part in PARTS) == expected
    together = [name for part in PARTS for name in getattr(split, part)]
    assert sorted(together) == sorted(set(few.subjects))


def test_the_seed_decides_who_and_nothing_else_does(window_set):
    first, again = (split_subjects([dataset(window_set)], shares=(0.2, 0.2), seed=1) for _ in range(2))
    assert first == again
    turned = window_set.select(list(reversed(range(len(window_set)))))
    assert split_subjects([dataset(turned)], shares=(0.2, 0.2), seed=1) == first
    others = {split_subjects([dataset(window_set)], shares=(0.2, 0.2), seed=seed).test for seed in range(10)}
    assert len(others) > 4


def test_a_subject_of_two_data_sets_is_in_one_part(window_set):
    first, second = window_set.select(range(30)), window_set.select(range(30, 60))
    split = split_subjects([dataset(first), dataset(second)], shares=(0.3, 0.3), seed=3)
    together = [name for part in PARTS for name in getattr(split, part)]
    assert sorted(together) == sorted(set(window_set.subjects))


def test_a_data_sets_own_split_is_kept_and_leaving_out_goes_before_it(window_set):
    names = sorted(set(window_set.subjects))
    own = Split(tuple(names[:7]), (names[7],), (names[8],))
    split = split_subjects([dataset(window_set, own)], shares=(0.0, 0.0), seed=1)
    assert split == Split((*names[:7], names[9]), (names[7],), (names[8],))  # nobody said where the last one belongs
    for name in names:  # leave one subject out
        split = split_subjects([dataset(window_set, own)], shares=(0.1, 0.1), leave_out=[name], seed=1)
        assert (split.test, len(split.validation), len(split.training)) == ((name,), 1, 8)


def test_splits_that_cannot_be_are_refused(window_set):
    with pytest.raises(DatasetError, match="no subject named nobody; there are generated01, generated02"):
        split_subjects([dataset(window_set)], shares=(0.1, 0.1), leave_out=["nobody"], seed=1)
    names = tuple(sorted(set(window_set.subjects)))
    with pytest.raises(DatasetError, match="no subject is left for training"):
        split_subjects([dataset(window_set)], shares=(0.1, 0.1), leave_out=names, seed=1)
    both = [dataset(window_set, Split(names, (), ())), dataset(window_set, Split((), names, ()))]
    with pytest.raises(DatasetError, match=r"its split has generated.* for validation, another for training"):
        split_subjects(both, shares=(0.1, 0.1), seed=1)


# --- sources


def test_windows_come_from_the_generator_and_the_data_set_by_weight(folder, window_set, tmp_path):
    path = recipe_file(tmp_path, "generated = 3.0", table(folder))
    sources = sources_of(path)
    known = people(window_set, set(window_set.subjects))
    drawn = draw(sources.training, 800)
    share = sum(round(float(mass), 3) in known for mass in drawn.mass_kg) / 800
    assert share == pytest.approx(0.25, abs=0.05)


def test_nobody_in_training_is_in_validation_or_test(folder, window_set, tmp_path):
    sources = sources_of(recipe_file(tmp_path, "generated = 0", table(folder)))
    record = sources.record
    drawn = {part: {round(float(m), 3) for m in draw(getattr(sources, part), 500).mass_kg} for part in PARTS[:2]}
    for part in PARTS[:2]:
        assert drawn[part] == people(window_set, record[part])
    assert not drawn["training"] & drawn["validation"]
    assert [len(record[part]) for part in PARTS] == [8, 1, 1]
    assert record["datasets"][0]["windows"] == {"training": 48, "validation": 6, "test": 6}
    height_m = window_set.of_subjects(record["training"]).windows.height_m
    assert sources.height_m == pytest.approx((float(height_m.min()), float(height_m.max())))
    assert sources.described == (f"48 windows of 8 subjects in {folder.name}",)


def test_a_subject_that_is_left_out_is_never_drawn(folder, window_set, tmp_path):
    text = '[split]\nvalidation = 0.2\nleave_out = ["generated04"]\n'
    sources = sources_of(recipe_file(tmp_path, "generated = 0", table(folder) + text))
    left_out = people(window_set, ["generated04"])
    for source in (sources.training, sources.validation):
        assert not left_out & {round(float(mass), 3) for mass in draw(source, 500).mass_kg}
    assert sources.record["test"] == ["generated04"]
    assert len(sources.record["validation"]) == 2


def test_errors_are_added_where_the_recipe_says_so(folder, tmp_path):
    drawn = []
    for more in ("", "add_errors = true"):
        drawn.append(draw(sources_of(recipe_file(tmp_path, "generated = 0", table(folder, more))).training, 40))
    assert torch.equal(drawn[0].markers, drawn[1].markers)
    assert float((drawn[0].keypoints - drawn[1].keypoints).abs().mean()) > 1e-3
    unseen = load_dataset(folder).window_set.windows.keypoints
    assert all(bool((unseen == window).flatten(1).all(dim=1).any()) for window in drawn[0].keypoints)


def test_without_data_sets_nothing_is_split(tmp_path):
    path = recipe_file(tmp_path)
    sources = sources_of(path)
    assert sources.training is sources.validation
    assert isinstance(sources.training, WindowGenerator)
    assert (sources.record, sources.height_m) == ({}, (1.25, 2.10))
    assert DrawnData(sources.training, read_recipe(path)).validation is sources.training


def test_nobody_left_for_validation_is_said(folder, tmp_path):
    one = WindowSet(*(getattr(load_dataset(folder).window_set, name) for name in ("windows", "subjects", "activities")))
    (tmp_path / "one").mkdir()
    write_npy_layout(tmp_path / "one", one.of_subjects(["generated01"]))
    with pytest.raises(RecipeError, match="no subject is left for validation"):
        sources_of(recipe_file(tmp_path, "generated = 0", table("one")))
    sources = sources_of(recipe_file(tmp_path, "", table("one")))  # generated people are enough
    assert isinstance(sources.validation, WindowGenerator)


# --- a run


@pytest.fixture
def short_fit(monkeypatch):
    monkeypatch.setattr(trcaugment.training.data, "_LINEAR_PATH_BATCHES", 20)


def test_a_run_on_a_data_set_records_its_split_and_its_card_says_what_it_saw(folder, tmp_path, short_fit):
    card = train(recipe_file(tmp_path, "", table(folder, "weight = 0.5")), tmp_path / "run")
    split = json.loads((tmp_path / "run" / "split.json").read_text())
    assert [len(split[part]) for part in PARTS] == [8, 1, 1]
    assert split["datasets"][0]["path"] == str(folder)
    assert split["datasets"][0]["left_out"] == []
    assert card.training_data == (
        "generated windows (trcaugment.body)",
        "motions after a model of recorded people: " + "; ".join(model_sources()),
        f"48 windows of 8 subjects in {folder.name}",
    )
    assert load_model(tmp_path / "run" / "model", "cpu").card == card


def test_a_run_goes_on_only_with_the_same_data(window_set, tmp_path, short_fit):
    (tmp_path / "data").mkdir()
    write_npy_layout(tmp_path / "data", window_set)
    path = recipe_file(tmp_path, "generated = 0", table("data"))
    train(path, tmp_path / "run")
    for name in ("card.json", "model.safetensors"):  # as if it had been interrupted
        (tmp_path / "run" / "model" / name).unlink()
    longer = path.read_text().replace("epochs = 2", "epochs = 3")
    path.write_text(longer)
    kept = (tmp_path / "run" / "split.json").read_text()
    for file in (tmp_path / "data").iterdir():
        file.unlink()
    write_npy_layout(tmp_path / "data", window_set.select(range(55)))
    with pytest.raises(RecipeError, match=r"split\.json: a data set of this run has changed since it began"):
        train(path, tmp_path / "run", resume=True)
    write_npy_layout(tmp_path / "data", window_set)
    train(path, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "split.json").read_text() == kept


@pytest.mark.parametrize(
    ("keys", "tables", "message"),
    [
        ("generated = 0", "", "no windows; name datasets or set generated above 0"),
        ("generated = -1", "", r"\$\.generated"),
        ("", table("x", "weight = 0"), r"datasets\[0\]\.weight"),
        ("", table("x", "wait = 1"), r"unknown key wait in \[datasets\]; did you mean weight"),
        ("", "[split]\nvalidation = 1.0", r"split\.validation"),
        ("", table("nowhere"), "expected the recipe's data set .*nowhere, found no such file or folder"),
    ],
)
def test_wrong_keys_are_refused_before_anything_is_made(tmp_path, keys, tables, message):
    with pytest.raises(RecipeError, match=message):
        train(recipe_file(tmp_path, keys, tables), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_no_data_set_ends_the_run(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="empty: no known data set"):
        train(recipe_file(tmp_path, "", table("empty")), tmp_path / "run")
    (tmp_path / "full").mkdir()
    with pytest.raises(DatasetError, match="full: no known data set"):  # another recipe may have the folder now
        train(recipe_file(tmp_path, "", table("full")), tmp_path / "run")
