"""`trcaugment export`: a model's network as an ONNX graph, for its folder or for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from trcaugment.errors import ModelError


@click.command(short_help="Write a model's network as an ONNX graph.")
@click.argument("model_name", metavar="MODEL")
@click.option(
    "--onnx", "output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to write it."
)
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def export(model_name: str, output: Path | None, overwrite: bool) -> None:
    """Write the network of a MODEL (a shipped one's name, or a folder) as an ONNX graph.

    Without --onnx, the graph goes into the model's folder and its checksum into the card: prediction then need not
    make one at every start. Training does this itself.
    """
    from trcaugment.cli.outputs import STANDARD, check_outputs, write_output
    from trcaugment.model.card import GRAPH_FILE, find_folder, read_card
    from trcaugment.model.engines import graph_of
    from trcaugment.model.folder import add_graph

    try:
        folder = find_folder(model_name)
        if output is None:
            add_graph(folder)
            output = folder / GRAPH_FILE
        else:
            check_outputs([output], [folder / GRAPH_FILE], overwrite)
            write_output(output, graph_of(folder, read_card(folder)))
    except ModelError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{model_name} -> {output}", err=output == STANDARD)
