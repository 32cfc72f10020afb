"""`trcaugment train`: from a recipe to a model folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape


@click.command()
@click.argument("recipe", metavar="RECIPE.toml", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/RECIPE]")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def train(recipe: Path, output: Path | None, resume: bool) -> None:
    """Train a network on generated windows, as a recipe says.

    The run's folder gets checkpoints, the errors after every epoch (log/metrics.csv) and, in the end, the best network
    as a model folder (model/), ready for `trcaugment predict --model`.
    """
    from trcaugment.errors import RecipeError, TrcAugmentError

    folder = output or Path("runs") / recipe.stem
    console = Console(highlight=False, soft_wrap=True)
    try:
        from trcaugment.cli.train_progress import TrainProgress
        from trcaugment.training.run import train as run

        with TrainProgress(console) as progress:
            card = run(recipe, folder, resume=resume, callbacks=[progress])
    except RecipeError as error:
        raise click.UsageError(str(error)) from error
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo(f"Interrupted; {_how_to_go_on(recipe, folder)}", err=True)
        sys.exit(1)
    error_mm = 1e3 * card.validation_mse**0.5
    console.print(f"{escape(str(folder / 'model'))}: RMSE {error_mm:.2f} mm per m of height on generated people")


def _how_to_go_on(recipe: Path, folder: Path) -> str:
    if not (folder / "last.ckpt").exists():
        return "no epoch was finished yet, so nothing is kept."
    return "go on with: " + shlex.join(["trcaugment", "train", str(recipe), "-o", str(folder), "--resume"])
