"""`trcaugment osim`: from markers to joint angles with OpenSim."""

from __future__ import annotations

from pathlib import Path

import click

from trcaugment.cli.outputs import check_outputs
from trcaugment.errors import TrcAugmentError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def osim() -> None:
    """Go from markers to joint angles with OpenSim, and check what comes out."""


@osim.command()
@click.argument("output", metavar="OUT.osim", type=_FILE)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def model(output: Path, overwrite: bool) -> None:
    """Write the shipped full-body model: no muscles, the 35 markers, an average adult of 1.70 m."""
    from trcaugment.osim.model import write_shipped_model

    check_outputs([output], [], overwrite)
    try:
        write_shipped_model(output)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{output}: full-body model, 35 markers, 1.70 m.")
