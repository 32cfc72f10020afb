"""Train on recordings of your own, beside generated people, and measure the result on people it never saw.

    python examples/train_on_own_data.py recordings/ runs/mine

The folder holds NAME_keypoints.trc and NAME_markers.trc for each trial, and subjects.csv with the columns path,
subject, height_m, mass_kg.
The defaults train for hours; --epochs and --batches make a trial run short.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from trcaugment import TrcAugmentError, load_model
from trcaugment.datasets.reading import load_dataset
from trcaugment.datasets.splits import read_split
from trcaugment.evaluation.run import evaluate_windows
from trcaugment.training.run import train

RECIPE = """
name = "{name}"
description = "generated people, and recordings of our laboratory"
licences = ["recordings: ours"]
generated = 1.0

[[datasets]]
path = "{recordings}"
weight = 1.0

[split]
validation = 0.2
test = 0.2

[optimization]
epochs = {epochs}
batches_per_epoch = {batches}
"""


def main(arguments: list[str] | None = None) -> None:
    """Check the data, train, and compare with the shipped model on the people of the test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", type=Path)
    parser.add_argument("run", type=Path, help="folder that does not exist yet")
    parser.add_argument("--epochs", type=int, default=75)
    parser.add_argument("--batches", type=int, default=250)
    given = parser.parse_args(arguments)
    try:
        dataset = load_dataset(given.recordings)
        print(f"{len(dataset.window_set)} windows of {len(set(dataset.window_set.subjects))} people")
        given.run.parent.mkdir(parents=True, exist_ok=True)
        recipe = given.run.with_suffix(".toml")
        recordings = given.recordings.resolve().as_posix()
        text = RECIPE.format(name=given.run.name, recordings=recordings, epochs=given.epochs, batches=given.batches)
        recipe.write_text(text, encoding="utf-8")
        train(recipe, given.run)
        test = read_split(given.run / "split.json").test
        unseen = replace(dataset, window_set=dataset.window_set.of_subjects(test))
        models = {given.run.name: load_model(given.run / "model"), "shipped": load_model()}
        found = evaluate_windows(unseen, models)
    except TrcAugmentError as error:
        raise SystemExit(f"failed: {error}") from error
    for score in found.scores:
        if (score.group_kind, score.metric) == ("overall", "mpme_mm"):
            print(f"{score.model}: {score.value:.1f} mm on {', '.join(sorted(test))}")


if __name__ == "__main__":
    main()
