"""What choices of training are worth on real people: short trainings that differ in one choice.

    python benchmarks/ablations.py PEOPLE FEW RUNS

PEOPLE and FEW are folders as `trcaugment evaluate` reads them: all people for the markers, those with markers that show
angles for the angles. Every training takes 8 minutes on a core and is kept in RUNS, so that the same command goes on
where it was. Two trainings with different seeds say what is chance.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

from trcaugment.model.card import DEFAULT_MODEL

RECIPE = """name = "ablation-{name}"
seed = {seed}

[motions]
procedural = 800

[population]
placement_m = 0.0

[keypoint_errors]
{keypoint_errors}

[network]
hidden = 128

[loss]
{loss}

[optimization]
epochs = 6
batches_per_epoch = 200
batch_windows = 128
learning_rate = 2e-3
patience = 40
average = 0.995
precision = "bf16"
"""
USUAL = {"seed": "3", "keypoint_errors": "", "loss": "axis_weight = 0.05"}
CHOICES = {
    "base": ("an eighth of its training", {}),
    "seed": ("the same with another seed", {"seed": "4"}),
    "no-axes": ("without directions of axes in the loss", {"loss": "axis_weight = 0"}),
    "mse": ("mean squared error in place of distance", {"loss": 'kind = "mse"\naxis_weight = 0.05'}),
    "no-missing": ("no missing keypoints", {"keypoint_errors": "missing_rate = 0"}),
    "no-offsets": ("detectors without offsets and shifts", {"keypoint_errors": "offset = 0"}),
    "no-noise": ("detectors without drift and noise", {"keypoint_errors": "drift_m = 0\nnoise_m = 0"}),
}
COLUMNS = {"mpme_mm": "markers (mm)", "angle_rmse_deg": "angles (°)", "angle_offset_free_rmse_deg": "offset-free (°)"}


def train(name: str, runs: Path) -> Path:
    """The model folder of a choice, trained unless it is there."""
    model = runs / name / "model"
    if not model.is_dir():
        recipe = runs / f"{name}.toml"
        recipe.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(RECIPE.format(name=name, **{**USUAL, **CHOICES[name][1]}), encoding="utf-8")
        resume = ["--resume"] if (runs / name).is_dir() else []
        subprocess.run(["trcaugment", "train", recipe, "-o", runs / name, *resume], check=True, stdout=sys.stderr)
    return model


def scores(people: Path, models: list[Path], table: Path, *options: str) -> dict[tuple[str, str], str]:
    """Mean and 95 % interval over people, by model and measure."""
    chosen = [word for model in models for word in ("--model", model)]
    command = ["trcaugment", "evaluate", people, "--model", DEFAULT_MODEL, *chosen, "--csv", table, "--overwrite"]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["group_kind"] == "overall" and row["metric"] in COLUMNS]
    return {
        (row["model"], row["metric"]): "{:.2f} ({:.1f}-{:.1f})".format(
            *(float(row[k]) for k in ("value", "low", "high"))
        )
        for row in rows
    }


def main() -> None:
    """Train what is not trained, and print one table."""
    people, few, runs = (Path(argument) for argument in sys.argv[1:])
    models = [train(name, runs) for name in CHOICES]
    found = scores(people, models, runs / "markers.csv")
    angles = scores(few, models, runs / "angles.csv", "--angles")
    found |= {key: value for key, value in angles.items() if key[1] != "mpme_mm"}
    print(f"{'':42s}" + "".join(f"{title:>19s}" for title in COLUMNS.values()))
    titles = {DEFAULT_MODEL: DEFAULT_MODEL} | {f"ablation-{name}": words for name, (words, _) in CHOICES.items()}
    for model, title in titles.items():
        print(f"{title:42s}" + "".join(f"{found[model, column]:>19s}" for column in COLUMNS))


if __name__ == "__main__":
    main()
