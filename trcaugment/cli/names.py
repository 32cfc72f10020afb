"""`--names`: the option that says which marker of a file is which of ours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import click

from trcaugment.errors import MarkersError

if TYPE_CHECKING:
    from trcaugment.formats.name_map import NameMap

names_option = click.option(
    "--names",
    multiple=True,
    metavar="CSV|OURS=THEIRS",
    help="A marker's name in the file, or a CSV file of them; *=P1_* for all; repeat.",
)


def name_map(values: Sequence[str], ours: Collection[str] | None = None) -> NameMap:
    """The map; what it says wrongly is wrong usage."""
    from trcaugment.formats.name_map import read_name_map

    try:
        return read_name_map(values, ours)
    except MarkersError as error:
        raise click.UsageError(f"--names: {error}") from error


def keypoint_map(values: Sequence[str]) -> NameMap:
    """The map of keypoints."""
    from trcaugment.marker_sets import KEYPOINTS, OTHER_KEYPOINTS

    return name_map(values, (*KEYPOINTS, *OTHER_KEYPOINTS))
