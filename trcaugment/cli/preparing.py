"""Options on how keypoints are prepared and markers smoothed, the same in `predict`, `batch` and `calibrate`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from trcaugment.cli.options import Seconds, handing_on
from trcaugment.markers import MAX_GAP_S

if TYPE_CHECKING:
    from trcaugment.chain.preparation import Preparation

AXES = ("x", "y", "z", "-x", "-y", "-z", "auto")
LOWEST_HZ = 0.5  # of the low-pass filter


def _cut_off(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    """The filter's frequency; lower ones would leave no motion, and one in kHz is among them."""
    if value is not None and not LOWEST_HZ <= value < math.inf:
        raise click.BadParameter(f"expected a frequency of {LOWEST_HZ} Hz or more, found {value:g}")
    return value


lowpass_option = click.option(
    "--lowpass",
    "lowpass_hz",
    type=float,
    callback=_cut_off,
    metavar="HZ",
    help="Smooth the markers by a zero-phase filter with this cut-off.",
)
PREPARATION_OPTIONS = (
    click.option(
        "--max-gap",
        "max_gap_s",
        type=Seconds(0, 10),
        default=MAX_GAP_S,
        show_default=True,
        metavar="SECONDS",
        help="Fill shorter gaps of a keypoint along its own path; 0 for none.",
    ),
    click.option("--keep-outliers", is_flag=True, help="Leave samples that leave their path; else they are gaps."),
    click.option("--repair-swaps", is_flag=True, help="Exchange left and right back where they are exchanged."),
    click.option("--up", type=click.Choice(AXES), help="Axis that points up, or auto: the output gets OpenSim's Y up."),
    lowpass_option,
    click.option("--arms", is_flag=True, help="Predict the 8 markers of the arms, too, from elbows and wrists."),
)


def make_preparation(**chosen: Any) -> Preparation:
    """What the values of the options say."""
    from trcaugment.chain.preparation import Preparation

    return Preparation(**chosen)


preparation_options = handing_on("preparation", make_preparation, PREPARATION_OPTIONS)
