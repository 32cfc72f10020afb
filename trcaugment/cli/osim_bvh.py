"""`trcaugment osim bvh`: a motion for animation programs."""

from __future__ import annotations

from pathlib import Path

import click

from trcaugment.cli.outputs import STANDARD, check_outputs, write_output
from trcaugment.errors import TrcAugmentError

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("motion", metavar="IN.mot", type=_FOUND)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The BVH file.")
@click.option(
    "--model", "model_file", type=_FOUND, metavar="OSIM", help="The scaled model; else that beside the motion."
)
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def bvh(motion: Path, output: Path, model_file: Path | None, overwrite: bool) -> None:
    """Write a motion as BVH, for Blender and other animation programs.

    The model is scaled.osim of the motion's folder, where osim ik puts it, or IN.osim. Lengths are in m, Y points up;
    each body is a joint of its name.
    """
    from trcaugment.osim.bvh import make_bvh, model_beside

    found = model_file or model_beside(motion)
    if found is None:
        raise click.UsageError(f"there is no scaled model beside {motion}; name it with --model.")
    check_outputs([output], [motion, found], overwrite)
    try:
        made = make_bvh(found, motion)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    write_output(output, made.data)
    click.echo(
        f"{output}: {made.n_segments} segments in {made.n_frames} frames, {found.name} as {motion.name} moves it.",
        err=output == STANDARD,
    )
