"""`trcaugment train`: from a recipe to a model folder."""

from __future__ import annotations

import logging
from pathlib import Path

import click
from rich.console import Console


@click.command()
@click.argument("recipe", metavar="RECIPE.toml", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the run.  [default: runs/RECIPE]")
@click.option("--resume", is_flag=True, help="Go on from the run's last checkpoint.")
def train(recipe: Path, output: Path | None, resume: bool) -> None:
    """Train a network on generated windows, as a recipe says.

    The run's folder gets checkpoints, the errors after every epoch (log/metrics.csv) and, in the end, the best network
    as a model folder (model/), ready for `trcaugment predict --model`.
    """
    from lightning.pytorch.callbacks import RichProgressBar

    from trcaugment.errors import ModelError, TrainingError, TrcAugmentError
    from trcaugment.training.run import train as run

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    folder = output or Path("runs") / recipe.stem
    console = Console(highlight=False)
    try:
        card = run(recipe, folder, resume=resume, callbacks=[RichProgressBar(leave=True)])
    except TrainingError as error:
        raise click.UsageError(str(error)) from error
    except (ModelError, TrcAugmentError) as error:
        raise click.ClickException(str(error)) from error
    console.print(
        f"{folder / 'model'}: RMSE {1e3 * card.validation_mse**0.5:.2f} mm per m of height on generated people"
    )
