"""Options of `trcaugment osim ik` on the model and how it is scaled, handed on as one object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.options import handing_on

if TYPE_CHECKING:
    from trcaugment.osim.pipeline import Kit

_FOUND = click.Path(path_type=Path, dir_okay=False, exists=True)


def _make_kit(
    *,
    model: Path | None,
    marker_set: Path | None,
    scale_setup: Path | None,
    ik_setup: Path | None,
    measurements_only: bool,
    place_markers: bool,
    no_scaling: bool,
) -> Kit:
    from trcaugment.osim.pipeline import Kit

    if no_scaling and (model is None or scale_setup or measurements_only):
        raise click.UsageError("--no-scaling needs your own --model, and no --scale-setup or --measurements-only.")
    if place_markers and (model or measurements_only):
        raise click.UsageError(
            "--place-markers is for the shipped model, without --measurements-only; your own model's are placed anyway."
        )
    return Kit(
        model, marker_set, scale_setup, ik_setup, no_scaling, by_measurements=measurements_only, placing=place_markers
    )


kit_options = handing_on(
    "kit",
    _make_kit,
    (
        click.option("--model", type=_FOUND, metavar="OSIM", help="Your own model; else the shipped full-body model."),
        click.option("--marker-set", type=_FOUND, metavar="XML", help="Markers for your model, where it has none."),
        click.option("--scale-setup", type=_FOUND, metavar="XML", help="Scale Tool set-up with your measurements."),
        click.option(
            "--measurements-only",
            is_flag=True,
            help="End scaling with what the measurements give, as OpenSim's tool; no posture, no placing.",
        ),
        click.option(
            "--place-markers",
            is_flag=True,
            help="Move the shipped model's markers to where the trials have them, as those of your own model are.",
        ),
        click.option("--no-scaling", is_flag=True, help="Your model is the person's already: it stays as it is."),
        click.option("--ik-setup", type=_FOUND, metavar="XML", help="Inverse kinematics set-up with your weights."),
    ),
)
