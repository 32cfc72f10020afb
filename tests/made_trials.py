"""An output of predict with findings and gaps, for tests of pages."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result
from short_trials import freeze, lose, short_walk, write_tiny_model

from trcaugment import write_trc
from trcaugment.cli import main


def run(*arguments: object, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == code, done.output
    return done


def make_output(folder: Path) -> Path:
    """60 frames: the right knee freezes, the left hip is lost for 5 frames, the right ankle for 20."""
    trial = lose(lose(freeze(short_walk(0, 60), "RKnee", 10), "LHip", 40, 5), "RAnkle", 20, 20)
    (folder / "in").mkdir()
    write_trc(folder / "in" / "walk.trc", trial)
    model = write_tiny_model(folder)
    person = ["--height", "1.584", "--mass", "58.32"]
    run("predict", folder / "in" / "walk.trc", *person, "-o", folder / "walk_aug.trc", "--model", model)
    return folder / "walk_aug.trc"
