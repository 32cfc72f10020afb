"""The log of a run, for spreadsheets and the eye: one curve, however often the run was resumed."""

import struct

import pytest
from click.testing import CliRunner
from lightning.pytorch import Callback
from training_runs import TINY, PowerCut, Stop, logged, raising, write_recipe

from trcaugment.cli import main
from trcaugment.errors import TrainingError
from trcaugment.figures import curves
from trcaugment.training.log import read_log
from trcaugment.training.run import train

pytestmark = pytest.mark.usefixtures("short_fit")


def test_the_log_has_a_row_per_epoch(finished):
    rows = read_log(finished[1] / "log" / "metrics.csv")
    assert [(row["epoch"], row["step"]) for row in rows] == [("0", "4"), ("1", "8"), ("2", "12")]
    assert {"train_loss", "val_mse", "val_mpme_mm", "val_rmse_mm", "val_distance_mm"} <= set(rows[0])


class _CutAfterTheLog(Callback):
    """The power fails when an epoch is logged and its checkpoint not yet written."""

    def on_train_epoch_end(self, trainer, module):
        if trainer.current_epoch == 1:
            raise PowerCut


@pytest.mark.parametrize("how", [_CutAfterTheLog(), Stop(raising(PowerCut()))], ids=["after the log", "in an epoch"])
def test_a_resumed_run_goes_on_in_the_same_curve(finished, tmp_path, how):
    recipe, whole, _ = finished
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", callbacks=[how])
    assert list(logged(tmp_path / "run")) == ([0, 1] if isinstance(how, _CutAfterTheLog) else [0])
    train(recipe, tmp_path / "run", resume=True)
    assert read_log(tmp_path / "run" / "log" / "metrics.csv") == read_log(whole / "log" / "metrics.csv")


def test_a_file_that_is_no_log_is_kept_and_named(finished, tmp_path):
    with pytest.raises(PowerCut):
        train(finished[0], tmp_path / "run", callbacks=[Stop(raising(PowerCut()))])
    path = tmp_path / "run" / "log" / "metrics.csv"
    path.write_text("time,val_mse\n1,2\n", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"metrics\.csv: expected a log with one row per epoch; move it away"):
        train(finished[0], tmp_path / "run", resume=True)
    assert path.read_text(encoding="utf-8") == "time,val_mse\n1,2\n"


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\n", b"epoch,x\none,2\n", b"epoch\n1\n,\n", b"x,epoch\n1\n", b"epoch\n\xff\n"]
)
def test_other_files_are_no_logs(tmp_path, data):
    (tmp_path / "metrics.csv").write_bytes(data)
    with pytest.raises(TrainingError, match="expected a log with one row per epoch"):
        read_log(tmp_path / "metrics.csv")


def test_a_lost_log_begins_again(finished, tmp_path):
    with pytest.raises(PowerCut):
        train(finished[0], tmp_path / "run", callbacks=[Stop(raising(PowerCut()))])
    (tmp_path / "run" / "log" / "metrics.csv").unlink()
    train(finished[0], tmp_path / "run", resume=True)
    assert list(logged(tmp_path / "run")) == [1, 2]


# --- curves


def test_the_command_line_draws_curves(tmp_path):
    folder = tmp_path / "run"
    result = CliRunner().invoke(main, ["train", str(write_recipe(tmp_path, TINY)), "-o", str(folder)])
    assert result.exit_code == 0, result.output
    picture = (folder / "curves.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (840, 720)


def test_curves_show_every_epoch_of_the_log(tmp_path, monkeypatch):
    drawn = {}

    def record(axes, title, told):
        drawn[title] = told

    monkeypatch.setattr(curves, "_draw", record)
    # As the first version logged: training and validation in rows of their own, empty cells between.
    (tmp_path / "metrics.csv").write_text(
        "epoch,step,train_loss,val_mpme_mm,val_rmse_mm\n0,3,,90.5,70\n0,3,0.5,,\n1,7,,80,60.25\n1,7,0.25,,\n"
    )
    curves.draw_curves(tmp_path / "metrics.csv")
    assert drawn == {
        "Loss": {"training": ([1, 2], [0.5, 0.25])},
        "Validation error (mm)": {"MPME": ([1, 2], [90.5, 80.0]), "coordinate RMSE": ([1, 2], [70.0, 60.25])},
    }
