"""Tiny recipes, ways to break off their training, and what to compare two runs by."""

import csv

import torch
from lightning.pytorch import Callback

from trcaugment.model.torch_engine import load_network

TINY = """
name = "tiny"
description = "far too small"
seed = 3
licences = ["none needed"]

[motions]
procedural = 6

[network]
hidden = 8
n_layers = 1

[optimization]
epochs = 3
batches_per_epoch = 4
batch_windows = 8
learning_rate = 5e-3
validation_windows = 32
"""
LONG = TINY.replace("epochs = 3", "epochs = 5000\npatience = 5000")


def write_recipe(folder, text=TINY):
    folder.mkdir(exist_ok=True)
    path = folder / "tiny.toml"
    path.write_text(text, encoding="utf-8")
    return path


def weights_of(folder):
    return load_network(folder / "model").state_dict()


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=0, atol=0, msg=name)


def logged(folder, column="val_mse"):
    """Every epoch's value; no epoch stands there twice."""
    rows = list(csv.DictReader((folder / "log" / "metrics.csv").read_text(encoding="utf-8").splitlines()))
    values = {int(row["epoch"]): float(row[column]) for row in rows}
    assert len(values) == len(rows)
    return values


class Stop(Callback):
    """Ends the run in the middle of an epoch."""

    def __init__(self, how, epoch=1, batch=2):
        self.how, self.epoch, self.batch = how, epoch, batch

    def on_train_batch_end(self, trainer, *args):
        if (trainer.current_epoch, args[-1]) == (self.epoch, self.batch):
            self.how()


class PowerCut(BaseException):
    pass


def raising(error):
    def stop(*_):
        raise error

    return stop
