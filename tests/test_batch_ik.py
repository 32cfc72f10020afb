"""Inverse kinematics in a batch: who is scaled by what, and when earlier angles are kept. Runs no OpenSim."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from trcaugment.cli import main
from trcaugment.conversion.angles import HowToSolve, plan_people
from trcaugment.osim.pipeline import Kit, _scaling_trials
from trcaugment.osim.setups import ScaleSetup
from trcaugment.subject import Subject


def planned(*targets):
    """Trials of anna and bert that were converted to the targets, and their sidecars."""
    sidecars = {
        Path(target): SimpleNamespace(subject=Subject(1.7, 70), output=SimpleNamespace(sha256=target))
        for target in targets
    }
    trials = [SimpleNamespace(subject_name=path.parts[0], conversion=SimpleNamespace(target=path)) for path in sidecars]
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
    found, notes = _scaling_trials(dict.fromkeys(names), None, ScaleSetup())
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
