"""`trcaugment train`: from a recipe to a model folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape


@click.command(short_help="Train a network as a recipe says.")
@click.argument("recipe", metavar="[RECIPE.toml]", default="recipe.toml", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/RECIPE]")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
@click.option("--devices", type=click.IntRange(min=1), default=1, show_default=True, help="GPUs, or else processes.")
@click.option("--example", is_flag=True, help="Write a commented recipe with all defaults to RECIPE.toml, and end.")
def train(recipe: Path, output: Path | None, resume: bool, devices: int, example: bool) -> None:
    """Train a network as a recipe says (without a name: recipe.toml).

    The run's folder gets checkpoints, the errors after every epoch (log/metrics.csv), the
    training curves (curves.png) and, in the end, the best network as a model folder (model/), ready for
    `trcaugment predict --model`.
    """
    if example:
        _write_example(recipe)
        return
    from trcaugment.errors import RecipeError, TrcAugmentError

    folder = output or Path("runs") / recipe.stem
    console = Console(highlight=False, soft_wrap=True)
    try:
        from trcaugment.cli.train_progress import TrainProgress
        from trcaugment.figures.curves import TrainingCurves
        from trcaugment.training.run import train as run

        with TrainProgress(console) as progress:
            card = run(recipe, folder, resume=resume, devices=devices, callbacks=[progress, TrainingCurves(folder)])
    except RecipeError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo(f"Interrupted; {_how_to_go_on(recipe, folder, devices)}", err=True)
        sys.exit(1)
    error_mm = 1e3 * card.validation_mse**0.5
    console.print(f"{escape(str(folder / 'model'))}: RMSE {error_mm:.2f} mm per m of height on validation windows")


def _write_example(path: Path) -> None:
    from trcaugment.formats.files import replace_file, why_not_written
    from trcaugment.training.recipe import example_recipe

    try:
        if path.exists():
            raise click.UsageError(f"{path} exists; name another file for the example.")
        replace_file(path, example_recipe())
    except OSError as error:
        raise click.UsageError(f"{path} {why_not_written(error)}") from error
    click.echo(f"{path} is written; change what you like, then: {shlex.join(['trcaugment', 'train', str(path)])}")


def _how_to_go_on(recipe: Path, folder: Path, devices: int) -> str:
    if not (folder / "last.ckpt").exists():
        return "no epoch was finished yet, so nothing is kept."
    together = ["--devices", str(devices)] if devices > 1 else []
    return "go on with: " + shlex.join(["trcaugment", "train", str(recipe), "-o", str(folder), *together, "--resume"])
