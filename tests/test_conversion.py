"""Conversions and sidecars: fields are true, equal inputs give equal files, no file of others is overwritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from short_trials import HEIGHT_M, MASS_KG, PERSON, contents, freeze, lose, short_walk, write_tiny_model
from tiny_models import random_network

import trcaugment.chain.blending
import trcaugment.conversion.convert
import trcaugment.conversion.sidecar
import trcaugment.formats.files
from trcaugment.cli import main
from trcaugment.conversion.convert import convert
from trcaugment.conversion.sidecar import read_origin, read_sidecar
from trcaugment.conversion.trials import Conversion, Outcome, Settings
from trcaugment.formats.files import sidecar_path
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.markers import Markers
from trcaugment.model.folder import Model, load_model, save_model
from trcaugment.subject import StatedSubject

RESUME = Settings(resume=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, "cpu")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_trc(tmp_path / "in.trc", short_walk())
    return tmp_path / "in.trc"


def convert_one(
    source: Path, target: Path, model: Model, how: Settings = RESUME, person: StatedSubject = PERSON
) -> Outcome:
    (outcome,) = convert([Conversion(source, target, person)], model, how)
    return outcome


def reproducible(target: Path) -> dict[str, object]:
    """The sidecar without time and place."""
    sidecar = json.loads(sidecar_path(target).read_bytes())
    del sidecar["made"]
    return dict(sidecar)


# What a sidecar says


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\0", b"[]", b'{"tool": "\xff"}', b'{"a":' + b"[" * 100_000, b"[" * 100_000, b'{"tool": "trcaugment 9"}'],
    ids=["empty", "zero", "list", "not UTF-8", "nested field", "nested", "lines lost"],
)
def test_a_damaged_sidecar_is_none(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "out.json").write_bytes(damaged)
    assert read_origin(tmp_path / "out.trc") is None
    assert read_sidecar(tmp_path / "out.trc") is None


def renamed(trial: Markers, **names: str) -> Markers:
    return replace(trial, names=tuple(names.get(name, name) for name in trial.names))


def without(trial: Markers, *names: str) -> Markers:
    kept = tuple(name for name in trial.names if name not in names)
    return replace(trial, names=kept, positions=trial.select(kept))


def test_every_field_of_a_sidecar_is_true(tmp_path: Path, folder: Path, model: Model) -> None:
    trial = lose(lose(short_walk(n_frames=90), "RSmallToe", 9, 5), "LHeel", 60, 20)
    trial = renamed(without(freeze(trial, "LAnkle", 20), "Neck", "midHip"), RHip="right_hip", LKnee="L.Knee")
    source, target = tmp_path / "in.trc", tmp_path / "out.trc"
    write_trc(source, trial, unit="mm")
    outcome = convert_one(source, target, model, Settings(with_keypoints=True))
    assert outcome.failure is None
    sidecar = json.loads(sidecar_path(target).read_bytes())
    assert sidecar["tool"] == f"trcaugment {trcaugment.__version__}"
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert sidecar["model"] == {"name": "tiny", "sha256": weights, "rate_hz": 60.0}
    assert sidecar["input"] == {
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "unit": "mm",
        "rate_hz": 60.0,
        "n_frames": 90,
        "notes": [],
        "names": [],
        "time_range": {"from_s": None, "to_s": None},
        "first_frame": 1,
    }
    usual = {
        "max_gap_s": 0.2,
        "keep_outliers": False,
        "repair_swaps": False,
        "up": None,
        "lowpass_hz": None,
        "arms": False,
    }
    assert sidecar["preparation"] == usual
    assert (sidecar["up"], sidecar["repaired"], sidecar["outliers"]) == (None, {}, {})
    assert sidecar["subject"] == {
        "height_m": HEIGHT_M,
        "height_source": "a test",
        "height_error_m": None,
        "mass_kg": MASS_KG,
        "mass_source": "a scale",
    }
    written = read_trc(target)
    assert sidecar["output"] == {
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "n_markers": len(written.names),
        "with_keypoints": True,
        "n_frames_predicted": 90,
    }
    assert np.isfinite(written.select(ANATOMICAL_MARKERS)).all(axis=(1, 2)).sum() == 90
    assert sidecar["sources"]["RHip"] == "right_hip"
    assert sidecar["sources"]["LKnee"] == "L.Knee"
    assert sidecar["sources"]["LHip"] == "LHip"
    assert sidecar["derived"] == ["Neck: midpoint of RShoulder and LShoulder", "midHip: midpoint of RHip and LHip"]
    assert sidecar["filled"] == {"RSmallToe": [[10, 14]]}  # counted from 1, as in the file
    assert sidecar["missing"] == {"LHeel": [[61, 80]]}
    assert sidecar["lost"] == {}
    assert sidecar["without_body"] == []
    (frozen,) = [finding for finding in sidecar["findings"] if finding["guard"] == "frozen"]
    assert "LAnkle (30 of 90 frames)" in frozen["message"]
    assert frozen["frames"] == [[21, 50]]
    assert sidecar["made"]["input"] == str(source)
    assert sidecar["made"]["output"] == str(target)


def test_frames_without_a_body_are_reported(tmp_path: Path, model: Model) -> None:
    trial = short_walk()
    positions = trial.positions.copy()
    positions[10:15] *= 20
    write_trc(tmp_path / "in.trc", replace(trial, positions=positions))
    outcome = convert_one(tmp_path / "in.trc", tmp_path / "out.trc", model)
    assert outcome.sidecar is not None, outcome.failure
    assert outcome.sidecar.without_body == ((11, 15),)


def test_the_same_input_gives_the_same_sidecar_wherever_and_whenever(
    tmp_path: Path, source: Path, model: Model
) -> None:
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "copy.trc"
    copy.write_bytes(source.read_bytes())
    convert_one(source, tmp_path / "a.trc", model)
    convert_one(copy, tmp_path / "elsewhere" / "a.trc", model)
    assert reproducible(tmp_path / "a.trc") == reproducible(tmp_path / "elsewhere" / "a.trc")
    assert (tmp_path / "a.trc").read_bytes() == (tmp_path / "elsewhere" / "a.trc").read_bytes()


def test_an_estimated_height_comes_with_its_error(tmp_path: Path, source: Path, model: Model) -> None:
    person = replace(PERSON, height_m=None)
    outcome = convert_one(source, tmp_path / "out.trc", model, person=person)
    assert outcome.sidecar is not None, outcome.failure
    subject = outcome.sidecar.subject
    assert subject.height_error_m is not None
    assert abs(subject.height_m - HEIGHT_M) < subject.height_error_m < 0.3
    assert convert_one(source, tmp_path / "out.trc", model, person=person).kept
    assert not convert_one(source, tmp_path / "out.trc", model).kept  # stated now


# What is kept, made anew, or refused


PEOPLE = {
    "height": replace(PERSON, height_m=1.59),
    "height's source": replace(PERSON, height_source="somebody else"),
    "estimated height": replace(PERSON, height_m=None),
    "mass": replace(PERSON, mass_kg=58.33),
    "mass's source": replace(PERSON, mass_source="somebody else"),
}


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_another_person_is_another_output(tmp_path: Path, source: Path, model: Model, person: StatedSubject) -> None:
    target = tmp_path / "out.trc"
    assert not convert_one(source, target, model).kept
    assert convert_one(source, target, model).kept
    outcome = convert_one(source, target, model, person=person)
    assert outcome.sidecar is not None, outcome.failure
    assert not outcome.kept
    assert outcome.sidecar.subject.mass_source == person.mass_source
    assert convert_one(source, target, model, person=person).kept


def test_another_input_model_or_program_is_another_output(
    tmp_path: Path, source: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.trc"
    convert_one(source, target, model)
    write_trc(source, short_walk(first=1))
    assert not convert_one(source, target, model).kept
    other = random_network()
    other.output.bias.data += 0.01
    save_model(tmp_path / "other", model.card, other)
    assert not convert_one(source, target, load_model(tmp_path / "other", "cpu")).kept
    assert not convert_one(source, target, model).kept
    assert not convert_one(source, target, model, Settings(with_keypoints=True, resume=True)).kept
    assert convert_one(source, target, model, Settings(with_keypoints=True, resume=True)).kept
    assert len(read_trc(target).names) == 20 + 35
    assert not convert_one(source, target, model).kept
    monkeypatch.setattr(trcaugment.conversion.sidecar, "__version__", "99.0")
    assert not convert_one(source, target, model).kept
    assert reproducible(target)["tool"] == "trcaugment 99.0"


def test_without_resume_all_is_made_anew(tmp_path: Path, source: Path, model: Model) -> None:
    for _ in range(2):
        outcome = convert_one(source, tmp_path / "out.trc", model, Settings())
        assert outcome.sidecar is not None
        assert not outcome.kept


def edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))


FOREIGN = {
    "an edited output": lambda target: edit(target),
    "an output without a sidecar": lambda target: sidecar_path(target).unlink(),
    "an output with another's sidecar": lambda target: sidecar_path(target).write_text('{"tool": "another"}'),
    "a sidecar that is cut short": lambda target: sidecar_path(target).write_bytes(
        sidecar_path(target).read_bytes()[:100]
    ),
    "another program's JSON alone": lambda target: (target.unlink(), sidecar_path(target).write_text("[1, 2]")),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
def test_files_of_others_are_replaced_only_with_overwrite(
    tmp_path: Path, source: Path, model: Model, make: object
) -> None:
    target = tmp_path / "out.trc"
    convert_one(source, target, model)
    whole = contents(tmp_path)
    make(target)  # type: ignore[operator]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    outcome = convert_one(source, target, model)
    assert outcome.failure is not None
    assert "in the way" in outcome.failure
    assert "--overwrite" in outcome.failure
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    outcome = convert_one(source, target, model, Settings(resume=True, overwrite=True))
    assert outcome.sidecar is not None, outcome.failure
    assert not outcome.kept
    assert contents(tmp_path) == whole


def test_an_output_of_an_earlier_format_is_known_and_made_anew(tmp_path: Path, source: Path, model: Model) -> None:
    target = tmp_path / "out.trc"
    convert_one(source, target, model)
    now = target.read_bytes()
    earlier = json.loads(sidecar_path(target).read_bytes())
    earlier |= {"format_version": 1, "tool": "trcaugment 0.1.0", "names": earlier.pop("sources")}
    earlier["guards"] = [
        {"name": each["guard"], "found": each["message"], "frames": each["frames"]} for each in earlier.pop("findings")
    ]
    sidecar_path(target).write_text(json.dumps(earlier), encoding="utf-8")
    outcome = convert_one(source, target, model)
    assert (outcome.failure, outcome.kept) == (None, False)
    assert target.read_bytes() == now
    assert json.loads(sidecar_path(target).read_bytes())["format_version"] == 2
    sidecar_path(target).write_text(json.dumps(earlier), encoding="utf-8")
    target.write_bytes(now + b"changed since\n")
    assert "in the way" in str(convert_one(source, target, model).failure)


def test_a_sidecar_alone_is_a_batch_that_was_killed(tmp_path: Path, source: Path, model: Model) -> None:
    target = tmp_path / "out.trc"
    convert_one(source, target, model)
    whole = contents(tmp_path)
    target.unlink()
    assert not convert_one(source, target, model).kept
    assert contents(tmp_path) == whole


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("n_steps", range(3))
@pytest.mark.parametrize("before", [True, False], ids=["replaced", "new"])
def test_a_kill_between_any_two_steps_of_writing_leaves_no_false_pair(
    tmp_path: Path, source: Path, model: Model, monkeypatch: pytest.MonkeyPatch, n_steps: int, before: bool
) -> None:
    target = tmp_path / "out.trc"
    if before:
        convert_one(source, target, model)
        write_trc(source, short_walk(first=3))
    old = contents(tmp_path)
    steps = [n_steps]

    def step(real: object) -> object:
        def run(path: Path, *args: object, **options: object) -> object:
            if path.parent == tmp_path and (path == target or args):
                if not steps[0]:
                    raise KilledError
                steps[0] -= 1
            return real(path, *args, **options)  # type: ignore[operator]

        return run

    with monkeypatch.context() as patched:
        for name in ("unlink", "replace"):
            patched.setattr(Path, name, step(getattr(Path, name)))
        with pytest.raises(KilledError):
            convert_one(source, target, model)
    left = contents(tmp_path)
    if "out.trc" in left:
        assert left == {**old, "in.trc": left["in.trc"]}  # the old pair
    outcome = convert_one(source, target, model)
    assert outcome.sidecar is not None, outcome.failure
    assert not outcome.kept
    resumed = contents(tmp_path)
    target.unlink()
    convert_one(source, target, model)
    assert contents(tmp_path) == resumed


# Strictness


def test_strict_refuses_what_a_guard_finds_and_writes_nothing(tmp_path: Path, model: Model) -> None:
    write_trc(tmp_path / "in.trc", freeze(short_walk(n_frames=60), "LAnkle", 10))
    outcome = convert_one(tmp_path / "in.trc", tmp_path / "out.trc", model, Settings(strict=True))
    assert outcome.sidecar is None
    assert outcome.failure is not None
    assert "--strict" in outcome.failure
    assert "LAnkle (30 of 60 frames)" in outcome.failure
    assert [path.name for path in tmp_path.iterdir()] == ["in.trc"]
    convert_one(tmp_path / "in.trc", tmp_path / "out.trc", model)
    strict = convert_one(tmp_path / "in.trc", tmp_path / "out.trc", model, Settings(strict=True, resume=True))
    assert strict.failure is not None  # what was made without --strict too
    assert convert_one(tmp_path / "in.trc", tmp_path / "out.trc", model).kept


# Many at a time


def test_outcomes_come_in_order(tmp_path: Path, model: Model) -> None:
    conversions = []
    for k in range(12):
        source = tmp_path / f"in{k}.trc"
        if k % 3 == 1:
            source.write_text("no trial")
        elif k % 4:
            write_trc(source, short_walk(10 * k))
        conversions.append(Conversion(source, tmp_path / f"out{k}.trc", PERSON))
    list(convert(conversions[3:5], model, RESUME))
    outcomes = list(convert(conversions, model, RESUME))
    assert [outcome.conversion for outcome in outcomes] == conversions
    assert [outcome.kept for outcome in outcomes] == [k == 3 for k in range(12)]
    whole = [k for k in range(12) if k % 3 != 1 and k % 4]
    assert [k for k, outcome in enumerate(outcomes) if outcome.sidecar] == whole
    assert all(str(outcome.conversion.source) in (outcome.failure or "") for outcome in outcomes if not outcome.sidecar)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, model: Model) -> tuple[Sequence[Conversion], dict[str, object]]:
    """Trials of many lengths and people, each converted on its own."""
    folder = tmp_path_factory.mktemp("cohort")
    conversions = []
    for k, n_frames in enumerate((1, 7, 29, 30, 31, 64, 100)):
        trial = lose(short_walk(20 * k, n_frames), "RKnee", 20, 14) if n_frames > 60 else short_walk(20 * k, n_frames)
        write_trc(folder / f"t{k}.trc", trial, unit="mm" if k % 2 else "m")
        person = replace(PERSON, height_m=1.55 + 0.01 * k if k % 3 else None)
        conversions.append(Conversion(folder / f"t{k}.trc", folder / "alone" / f"t{k}.trc", person))
    (folder / "alone").mkdir()
    for conversion in conversions:
        (outcome,) = convert([conversion], model, Settings())
        assert outcome.sidecar is not None, outcome.failure
    return conversions, contents(folder / "alone")


@settings(max_examples=10)
@given(
    order=st.permutations(range(7)),
    n_trials=st.integers(1, 7),
    bytes_at_once=st.integers(1, 100_000),
    block_windows=st.integers(1, 40),
)
def test_a_trial_is_the_same_to_the_bit_whatever_shares_its_batch(
    cohort: tuple[Sequence[Conversion], dict[str, object]],
    model: Model,
    order: list[int],
    n_trials: int,
    bytes_at_once: int,
    block_windows: int,
) -> None:
    conversions, alone = cohort
    with pytest.MonkeyPatch.context() as patched, TemporaryDirectory() as name:
        patched.setattr(trcaugment.conversion.convert, "_BYTES_AT_ONCE", bytes_at_once)
        patched.setattr(trcaugment.chain.blending, "BLOCK_WINDOWS", block_windows)
        chosen = [replace(conversions[k], target=Path(name) / f"t{k}.trc") for k in order[:n_trials]]
        outcomes = list(convert(chosen, model, Settings()))
        found = contents(Path(name))
    assert [outcome.conversion for outcome in outcomes] == chosen
    assert found == {f"t{k}{end}": alone[f"t{k}{end}"] for k in order[:n_trials] for end in (".trc", ".json")}


# Through the command


def predict(*arguments: object, height: str = str(HEIGHT_M)) -> tuple[int, str]:
    command = ["predict", *map(str, arguments), "--height", height, "--mass", str(MASS_KG)]
    result = CliRunner().invoke(main, command)
    return result.exit_code, result.output


def test_predict_writes_what_convert_does(tmp_path: Path, source: Path, folder: Path, model: Model) -> None:
    stated = StatedSubject(HEIGHT_M, MASS_KG, "--height", "--mass")
    (tmp_path / "a").mkdir()
    convert_one(source, tmp_path / "a" / source.name, model, person=stated)
    code, output = predict(source, "-o", f"{tmp_path}/b/", "--model", folder)
    assert code == 0, output
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_no_name_of_a_file_or_folder_is_too_odd(
    tmp_path: Path, source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "-Lab 2.1 #%[ü]").mkdir()
    monkeypatch.chdir(tmp_path / "-Lab 2.1 #%[ü]")
    names = ["trial.1.2", "a b", "é#%[1]", "-lead", "x&y.trc", "end."]
    for name in names:
        Path(f"{name}.trc").write_bytes(source.read_bytes())
    options = ["-o", "-out.b #[1]/", "--model", folder, "--height", HEIGHT_M, "--mass", MASS_KG]
    files = [f"{name}.trc" for name in names]
    result = CliRunner().invoke(main, ["predict", *map(str, options), "--", *files])
    assert result.exit_code == 0, result.output
    written = {path.name: path.read_bytes() for path in Path("-out.b #[1]").iterdir()}
    assert written.keys() == {name + end for name in names for end in (".trc", ".json")}
    assert json.loads(written["trial.1.2.json"])["made"]["input"] == str(Path("trial.1.2.trc").absolute())
    markers = [read_trc(Path("-out.b #[1]", file)).positions for file in files]
    assert all((each == markers[0]).all() for each in markers)


def test_predict_estimates_a_height_and_says_how_well(tmp_path: Path, source: Path, folder: Path) -> None:
    code, output = predict(source, "-o", tmp_path / "out.trc", "--model", folder, height="auto")
    assert code == 0, output
    assert "height estimated: 1." in output
    assert "for 95 % of people" in output
    subject = json.loads((tmp_path / "out.json").read_bytes())["subject"]
    assert abs(subject["height_m"] - HEIGHT_M) < subject["height_error_m"]
    code, output = predict(source, "-o", tmp_path / "out.trc", height="tall")
    assert code == 2
    assert "expected a number of metres such as 1.75, or auto, found 'tall'" in output


def test_predict_reports_findings_and_refuses_them_when_strict(tmp_path: Path, folder: Path) -> None:
    write_trc(tmp_path / "odd.trc", freeze(short_walk(n_frames=60), "LAnkle", 10))
    write_trc(tmp_path / "fine.trc", short_walk(n_frames=60))
    trials = tmp_path / "odd.trc", tmp_path / "fine.trc"
    code, output = predict(*trials, "-o", tmp_path / "out", "--model", folder)
    assert code == 0, output
    assert "look twice, frozen: expected keypoints that move" in output
    assert "(11-40)" in output
    code, output = predict(*trials, "-o", tmp_path / "strict", "--model", folder, "--strict")
    assert code == 1
    assert "refused, as --strict asks: expected" in output
    assert "LAnkle (30 of 60 frames)" in output
    assert sorted(path.name for path in (tmp_path / "strict").iterdir()) == ["fine.json", "fine.trc"]
