"""Batches that fill the folders of OpenCap and Pose2Sim: everything lies where these look, and nothing is replaced."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from short_trials import short_walk, write_tiny_model

import trcaugment.conversion.angles
import trcaugment.conversion.pools
from trcaugment.cli import main
from trcaugment.conversion.ik import Person, ScaledPerson, SolvedTrial
from trcaugment.formats.trc import read_trc, write_trc
from trcaugment.osim.factors import Scaling
from trcaugment.osim.ik import MarkerErrors
from trcaugment.osim.parts import Part, part_names
from trcaugment.osim.pipeline import SCALING_FILES, trial_files
from trcaugment.sessions.layouts import places

CONFIG = "[project]\nmulti_person = true\nparticipant_height = [1.584, 1.7]\nparticipant_mass = [58.32, 70.0]\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(autouse=True)
def solver(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Stands for OpenSim: writes the files that it would; the dictionary says into how many parts a trial falls."""
    n_parts: dict[str, int] = {}

    def scale_and_solve(people: list[Person], *_: object) -> Iterator[ScaledPerson | SolvedTrial]:
        for person in people:
            for file in SCALING_FILES:
                (person.folder / file).write_text(f"{file} of {person.subject.height_m} m")
            yield ScaledPerson(person, Scaling((), {}, (), ()))
            for name in person.trials:
                n = n_parts.get(name, 1)
                for file in trial_files(name, n):
                    (person.folder / file).write_text(file)
                (person.folder / f"{name}_ik.trc").write_bytes(next(iter(person.trials.values())).read_bytes())
                parts = tuple(Part(part, (0, 2), np.arange(2.0), np.ones(2, bool)) for part in part_names(name, n))
                yield SolvedTrial(person, name, MarkerErrors(("a",), np.arange(2.0), np.zeros((2, 1)), parts=parts))

    monkeypatch.setattr(trcaugment.conversion.angles, "scale_and_solve", scale_and_solve)
    monkeypatch.setattr(trcaugment.conversion.pools, "local_pool", lambda jobs, apart=False: ThreadPoolExecutor(jobs))
    return n_parts


def batch(folder: Path, output: Path, *options: object) -> Result:
    arguments = ["batch", folder, "-o", output, "--jobs", "1", *options]
    return CliRunner(env={"COLUMNS": "250"}).invoke(main, [str(each) for each in arguments])


def report(output: Path) -> dict[str, dict[str, str]]:
    with (output / "batch_report.csv").open() as file:
        return {row["trial"]: row for row in csv.DictReader(file)}


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".", "batch_"))
    }


def project(folder: Path) -> Path:
    (folder / "pose-3d").mkdir(parents=True)
    (folder / "Config.toml").write_text(CONFIG)
    for k in (1, 2):
        for end in ("", "_filt_butterworth"):
            write_trc(folder / "pose-3d" / f"duo_P{k}_0-40{end}.trc", short_walk(20 * k))
    return folder


def session(folder: Path) -> Path:
    (folder / "MarkerData" / "PreAugmentation").mkdir(parents=True)
    (folder / "sessionMetadata.yaml").write_text("height_m: 1.584\nmass_kg: 58.32\nopenSimModel: LaiUhlrich2022\n")
    for k, name in enumerate(("neutral", "walk")):
        write_trc(folder / "MarkerData" / "PreAugmentation" / f"{name}.trc", short_walk(20 * k))
    return folder


@pytest.mark.parametrize(
    ("layout", "name", "markers", "motion", "scaled"),
    [
        ("own", "a/b.1.TRC", "a/b.1.TRC", None, None),
        (
            "pose2sim",
            "P/T/pose-3d/w_P1_0-9_filt_x.trc",
            "P/T/pose-3d/w_P1_0-9_filt_x_LSTM.trc",
            "P/T/kinematics/w_P1_0-9_filt_x_LSTM",
            "P/T/kinematics/w_P1_0-9_filt_x_LSTM.osim",
        ),
        ("pose2sim", "a/w.trc", "a/pose-3d/w_LSTM.trc", "a/kinematics/w_LSTM", "a/kinematics/w_LSTM.osim"),
        (
            "opencap",
            "S/MarkerData/mmpose_0.8/PreAugmentation/w.trc",
            "S/MarkerData/mmpose_0.8/PostAugmentation/w.trc",
            "S/OpenSimData/mmpose_0.8/Kinematics/w",
            "S/OpenSimData/mmpose_0.8/Model/M_scaled.osim",
        ),
        (
            "opencap",
            "MarkerData/PostAugmentation_v0.2/w_LSTM.trc",
            "MarkerData/PostAugmentation/w.trc",
            "OpenSimData/Kinematics/w",
            "OpenSimData/Model/M_scaled.osim",
        ),
    ],
)
def test_places(layout: str, name: str, markers: str, motion: str | None, scaled: str | None) -> None:
    found = places(Path("out"), name, layout, "M")  # type: ignore[arg-type]
    assert found.markers == Path("out") / markers
    assert found.motion == (Path("out") / motion if motion else None)
    assert found.model == (Path("out") / scaled if scaled else None)


def test_a_pose2sim_project_is_filled_and_kept(tmp_path: Path, model: Path, solver: dict[str, int]) -> None:
    folder = project(tmp_path / "duo")
    before = contents(folder)
    options = ("--layout", "pose2sim", "--ik", "--model", model)
    solver["duo_P2_0-40_filt_butterworth_LSTM"] = 2
    result = batch(folder, folder, *options)
    assert result.exit_code == 0, result.output
    made = contents(folder)
    assert made.items() >= before.items()
    stems = [f"duo_P{k}_0-40_filt_butterworth_LSTM" for k in (1, 2)]
    copies = {f"kinematics/{stems[0]}.mot", *(f"kinematics/{stems[1]}_part{k}.mot" for k in (1, 2))}
    copies |= {f"kinematics/{stem}.osim" for stem in stems}
    markers = {f"pose-3d/{stem}{end}" for stem in stems for end in (".trc", ".json")}
    assert copies | markers == {name for name in made.keys() - before.keys() if "/ik_" not in name}
    # Pose2Sim scales its model by keypoints: they are there under the names of the input.
    names = read_trc(folder / "pose-3d" / f"{stems[0]}.trc").names
    assert {"RShoulder", "LShoulder", "RBigToe", "r.ASIS_study"} <= set(names)
    for k, height_m in enumerate((1.584, 1.7)):
        assert (folder / f"kinematics/{stems[k]}.osim").read_text() == f"scaled.osim of {height_m} m"
        sidecar = json.loads((folder / f"pose-3d/{stems[k]}.json").read_text())
        assert sidecar["subject"]["height_source"].endswith(f"value {k + 1} of 2 in order of the files)")

    again = batch(folder, folder, *options)
    assert again.exit_code == 0, again.output
    assert contents(folder) == made
    rows = report(folder)
    assert [row["trial"] for row in rows.values() if row["result"] == "kept" and row["angles"] == "kept"] == [
        f"pose-3d/duo_P{k}_0-40_filt_butterworth.trc" for k in (1, 2)
    ]
    assert len(rows) == 4  # and the raw versions: no output counts as a trial

    # The trial no longer falls into parts: their copies go, but not what Pose2Sim wrote meanwhile.
    solver.clear()
    (folder / f"kinematics/{stems[0]}.mot").write_text("Pose2Sim's own")
    (folder / f"kinematics/ik_duo_P2/{stems[1]}_ik.log").unlink()
    result = batch(folder, folder, *options)
    assert result.exit_code == 1
    assert (folder / f"kinematics/{stems[0]}.mot").read_text() == "Pose2Sim's own"
    first, second = (report(folder)[f"pose-3d/duo_P{k}_0-40_filt_butterworth.trc"] for k in (1, 2))
    assert first["angles"] == "failed" and f"{stems[0]}.mot is in the way" in first["angles_reason"]
    assert second["angles"] == "solved"
    assert (folder / f"kinematics/{stems[1]}.mot").exists()
    assert not list(folder.glob("kinematics/*_part*"))


def test_a_participant_of_two_trials_is_scaled_once(tmp_path: Path, model: Path) -> None:
    (tmp_path / "P0").mkdir()
    for folder in ("", "P0", "P0/T0", "P0/T1"):
        if folder[-2:] in ("T0", "T1"):
            (tmp_path / folder / "pose-3d").mkdir(parents=True)
            write_trc(tmp_path / folder / "pose-3d" / "walk.trc", short_walk())
        (tmp_path / folder / "Config.toml").write_text("")
    (tmp_path / "Config.toml").write_text("[project]\nparticipant_height = 1.584\nparticipant_mass = 58.32\n")
    result = batch(tmp_path, tmp_path, "--layout", "pose2sim", "--ik", "--model", model)
    assert result.exit_code == 0, result.output
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("scaled.osim")] == [Path("P0/ik_P0/scaled.osim")]
    for trial in ("T0", "T1"):
        made = tmp_path / "P0" / trial / "kinematics"
        assert (made / "walk_LSTM.mot").read_text() == f"{trial}_walk_LSTM.mot"
        assert (made / "walk_LSTM.osim").read_text() == "scaled.osim of 1.584 m"


def test_an_opencap_session_is_filled_and_what_is_there_stays(tmp_path: Path, model: Path) -> None:
    folder = session(tmp_path / "S1")
    options = ("--layout", "opencap", "--ik", "--model", model)
    own = folder / "OpenSimData" / "Kinematics" / "walk.mot"
    own.parent.mkdir(parents=True)
    own.write_text("OpenCap's")
    before = contents(folder)
    result = batch(tmp_path, tmp_path, *options)
    assert result.exit_code == 1
    assert contents(folder).items() >= before.items()
    rows = report(tmp_path)
    for name in ("neutral", "walk"):
        row = rows[f"S1/MarkerData/PreAugmentation/{name}.trc"]
        assert (row["result"], row["angles"]) == ("converted", "failed")
        assert "walk.mot is in the way: it was not made here" in row["angles_reason"]
    assert not list(folder.rglob("*.osim"))

    elsewhere = tmp_path / "again"
    assert batch(folder, elsewhere, *options).exit_code == 0
    assert {name for name in contents(elsewhere) if "/ik_" not in name and not name.endswith(".json")} == {
        "MarkerData/PostAugmentation/neutral.trc",
        "MarkerData/PostAugmentation/walk.trc",
        "OpenSimData/Kinematics/neutral.mot",
        "OpenSimData/Kinematics/walk.mot",
        "OpenSimData/Model/trcaugment_full_body_scaled.osim",
    }


def test_the_same_folder_takes_outputs_only_with_a_layout(tmp_path: Path, model: Path) -> None:
    folder = session(tmp_path / "S1")
    result = batch(folder, folder, "--model", model)
    assert result.exit_code == 2
    assert "expected another output folder" in result.output
    # A pattern for all files of the session does not make trials of outputs.
    (folder / "subjects.csv").write_text("path,subject,height_m,mass_kg\n*,Anna,1.6,60\n")
    for _ in range(2):
        assert batch(folder, folder, "--layout", "opencap", "--ik", "--model", model).exit_code == 0
        assert len(report(folder)) == 2


def test_another_programs_markers_are_never_replaced(tmp_path: Path, model: Path) -> None:
    folder = project(tmp_path / "duo")
    theirs = folder / "pose-3d" / "duo_P1_0-40_filt_butterworth_LSTM.trc"
    write_trc(theirs, short_walk())
    before = theirs.read_bytes()
    result = batch(folder, folder, "--layout", "pose2sim", "--model", model)
    assert result.exit_code == 1
    assert theirs.read_bytes() == before
    row = report(folder)["pose-3d/duo_P1_0-40_filt_butterworth.trc"]
    assert row["result"] == "failed" and "duo_P1_0-40_filt_butterworth_LSTM.trc is in the way" in row["reason"]
    assert report(folder)["pose-3d/duo_P2_0-40_filt_butterworth.trc"]["result"] == "converted"
