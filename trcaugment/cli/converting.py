"""Options on how trials are converted, the same in `predict` and `batch`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from trcaugment.cli.names import keypoint_map, names_option
from trcaugment.cli.options import handing_on, model_option
from trcaugment.cli.preparing import PREPARATION_OPTIONS, make_preparation

if TYPE_CHECKING:
    from trcaugment.conversion.trials import Settings


@dataclass(frozen=True)
class Converting:
    """How trials are converted.

    Attributes:
        model: name of a shipped model, or folder.
        device: "cpu", "cuda" or "mps".
        settings: all else.
        names: values of `--names`, of which some are files.
    """

    model: str
    device: str
    settings: Settings
    names: tuple[str, ...]


def _converting(
    model_name: str | None, device: str, with_keypoints: bool, strict: bool, names: tuple[str, ...], **prepared: Any
) -> Converting:
    from trcaugment.conversion.trials import Settings
    from trcaugment.model.card import DEFAULT_MODEL

    settings = Settings(with_keypoints, strict, preparation=make_preparation(**prepared), names=keypoint_map(names))
    return Converting(DEFAULT_MODEL if model_name is None else model_name, device, settings, names)


conversion_options = handing_on(
    "how",
    _converting,
    (
        model_option,
        click.option(
            "--device",
            default="cpu",
            show_default=True,
            type=click.Choice(["cpu", "cuda", "mps"]),
            help="Where the network runs.",
        ),
        click.option("--with-keypoints", is_flag=True, help="Also write the input's keypoints."),
        *PREPARATION_OPTIONS,
        names_option,
        click.option("--strict", is_flag=True, help="Refuse trials in which a guard finds something."),
    ),
)
