"""Inverse kinematics in a batch: who is scaled by what, and when earlier angles are kept. Runs no OpenSim."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from trcaugment.cli import main
from trcaugment.conversion.people import HowToSolve, plan_people
from trcaugment.conversion.plan import PlannedTrial
from trcaugment.osim.pipeline import Kit
from trcaugment.osim.scaling_trials import scaling_trials
from trcaugment.osim.setups import ScaleSetup
from trcaugment.sessions.layouts import places
from trcaugment.subject import Subject


def planned(*targets):
    """Trials of anna and bert that were converted to the targets, and their sidecars."""
    sidecars = {
        Path(target): SimpleNamespace(subject=Subject(1.7, 70), output=SimpleNamespace(sha256=target))
        for target in targets
    }
    trials = [
        PlannedTrial(str(path), path.parts[0], SimpleNamespace(target=path), places(Path(), str(path), "own", ""))
        for path in sidecars
    ]
    return trials, sidecars


def test_the_trial_that_scales_is_found_for_everybody_who_has_it(tmp_path):
    model = tmp_path / "own.osim"
    model.write_text("a model")
    how = HowToSolve("neutral", Kit(model=model))
    anna, bert = plan_people(*planned("anna/neutral.trc", "anna/walk.trc", "bert/walk.trc"), how)
    assert anna.person.static == Path("anna/neutral.trc")
    assert bert.person.static is None
    assert anna.person.kit.model == model
    assert anna.how["static"] == "neutral" and len(anna.how["model"]) == 64


def test_a_person_of_several_folders_is_scaled_once():
    """As a Pose2Sim participant is, whose trials have a folder each; nobody else's trials are drawn in."""
    outputs = ["anna/day1/walk.trc", "anna/day2/walk.trc", "anna/day2/more/run.trc", "bert/a/b_c.trc", "bert/a_b/c.trc"]
    anna, bert = plan_people(*planned(*outputs), HowToSolve("walk"))
    assert anna.person.folder == Path("anna/ik_anna")
    assert anna.person.trials == {
        "day1_walk": Path("anna/day1/walk.trc"),
        "day2_walk": Path("anna/day2/walk.trc"),
        "day2_more_run": Path("anna/day2/more/run.trc"),
    }
    assert anna.person.static == Path("anna/day1/walk.trc")
    assert anna.sha256 == {name: str(path) for name, path in anna.person.trials.items()}
    assert bert.person.trials == {"a_b_c": Path("bert/a/b_c.trc"), "a_b_c_2": Path("bert/a_b/c.trc")}
    (one,) = plan_people(*planned("anna/day1/walk.trc", "anna/day1/walk.1.trc"), HowToSolve())
    assert one.person.folder == Path("anna/day1/ik_anna")
    assert set(one.person.trials) == {"walk", "walk.1"}


def test_another_choice_is_another_record(tmp_path):
    model = tmp_path / "own.osim"
    records = []
    for text, static in (("a model", None), ("another", None), ("another", "neutral")):
        model.write_text(text)
        records.append(HowToSolve(static, Kit(model=model)).as_made())
    assert HowToSolve().as_made() == {}
    assert records[0] != records[1] != records[2]


@pytest.mark.parametrize(
    ("names", "used"),
    [
        (("walk", "neutral"), ("neutral",)),
        (("walk", "S01_Static2", "static1"), ("S01_Static2", "static1")),
        (("walk", "ecstatic", "neutralized"), ("walk", "ecstatic", "neutralized")),
        (("static",), ("static",)),
    ],
)
def test_trials_called_static_or_neutral_scale_by_themselves_and_that_is_said(names, used):
    found, notes = scaling_trials(dict.fromkeys(names), None, ScaleSetup())
    assert tuple(found) == used
    said = f"scaled by {' and '.join(used)} alone, by its name a static trial"
    assert notes == ([said] if len(used) < len(names) else [])


@pytest.mark.parametrize("command", ["predict", "batch"])
def test_a_static_trial_without_ik_is_wrong_usage(command, tmp_path):
    (tmp_path / "a.trc").write_text("")
    person = ["--height", "1.7", "--mass", "70"] if command == "predict" else []
    source = tmp_path / "a.trc" if command == "predict" else tmp_path
    done = CliRunner().invoke(
        main, [command, str(source), "--static", str(tmp_path / "a.trc"), *person, "-o", str(tmp_path / "out")]
    )
    assert done.exit_code == 2
    assert "add --ik" in done.output
