"""What `trcaugment osim ik` shows: scale factors with the distances behind them, and marker errors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from trcaugment.conversion.angle_uncertainty import AngleSpread
    from trcaugment.osim.factors import Scaling
    from trcaugment.osim.ik import MarkerErrors


_PROOF = (
    "A low marker RMS of predicted markers proves nothing: the network has put them where they fit a body. Angles "
    "beside those of optical markers do."
)


def show_scaling(console: Console, scaling: Scaling, folder: Path) -> None:
    """Print every factor with its distances, and what is odd."""
    table = _table("scale factors", ("factor", "from", "to", "mm", "frames"))
    for factor in scaling.factors:
        first = (factor.measurement.name, f"{factor.value:.3f}")
        for d in factor.distances:
            table.add_row(*first, _place(d.first), _place(d.second), f"{1000 * d.measured_m:.0f}", str(d.n_frames))
            first = ("", "")
    if scaling.factors:
        console.print(table)
    for source in dict.fromkeys(each.source for each in scaling.unmeasured):
        places = [
            each.body + ("" if len(each.axes) == len("XYZ") else f" {each.axes}")
            for each in scaling.unmeasured
            if each.source == source
        ]
        console.print(f"not measured, takes {source}: {', '.join(places)}")
    if scaling.manual:
        console.print(f"factors given by hand: {', '.join(scaling.manual)}")
    for note in scaling.notes:
        console.print(escape(note))
    for warning in scaling.warnings:
        console.print(f"[yellow]warning[/]: {escape(warning)}")
    console.print(f"scaled model: {folder / 'scaled.osim'}\n")


def _place(markers: tuple[str, ...]) -> str:
    """One marker, or the first of several and how many more; all are in the CSV."""
    more = f" +{len(markers) - 1}" if len(markers) > 1 else ""
    return markers[0].removesuffix("_study") + more


def show_errors(console: Console, trials: Mapping[str, MarkerErrors], folder: Path) -> None:
    """Print the errors of every marker over all trials, then those of every trial, with the usual limits."""
    from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M

    markers = list(dict.fromkeys(name for errors in trials.values() for name in errors.names))
    table = _table("marker errors (mm)", ("RMS", "max", "at"))
    for marker in markers:
        squares, largest = [], (0.0, "")
        for name, errors in trials.items():
            if marker in errors.names:
                distance = errors.distance_m[:, errors.names.index(marker)]
                squares.append(distance[np.isfinite(distance)] ** 2)
                most = float(np.nanmax(distance, initial=0.0))
                if most > largest[0]:
                    largest = (most, f"{name}, {errors.time_s[np.nanargmax(distance)]:.2f} s")
        rms = float(np.sqrt(np.mean(np.concatenate(squares))))
        table.add_row(marker, _limited(rms, RMS_LIMIT_M), _limited(largest[0], MAX_LIMIT_M), largest[1])
    console.print(table)
    for errors in trials.values():
        most = float(np.nanmax(errors.distance_m))
        frame, k = np.unravel_index(np.nanargmax(errors.distance_m), errors.distance_m.shape)
        names = list(dict.fromkeys(f"{errors.parts[k].name}.mot" for k in (0, -1)))
        n_frames = sum(len(part.time_s) for part in errors.parts)
        left_out = f" ({errors.n_left_out} left out)" if errors.n_left_out else ""
        left_out += f" ({errors.n_outside} outside the set-up's time range)" if errors.n_outside else ""
        console.print(
            f"[bold]{folder / ' to '.join(names)}[/]: {n_frames} frames{left_out}, marker RMS "
            f"{_limited(errors.rms_m, RMS_LIMIT_M)} mm (limit {1000 * RMS_LIMIT_M:g}), max "
            f"{_limited(most, MAX_LIMIT_M)} mm (limit {1000 * MAX_LIMIT_M:g}; {errors.names[k]} at "
            f"{errors.time_s[frame]:.2f} s)"
        )
        for note in errors.notes:
            console.print(f"  {escape(note)}")
    over = {name: errors.over_limits for name, errors in trials.items() if errors.over_limits}
    if over:
        listed = "; ".join(f"{name}: {what}" for name, what in over.items())
        console.print(f"[yellow]look twice[/], over the limits: {escape(listed)}")
    console.print(_PROOF)


def show_angle_spreads(console: Console, trials: Mapping[str, Mapping[str, AngleSpread]], folder: Path) -> None:
    """Print how far angles may be off: the largest of both sides and of all trials. Nothing if that is not known."""
    from trcaugment.conversion.angle_uncertainty import ANGLE_UNCERTAINTY

    if not trials:
        return
    table = _table("uncertainty of angles (degrees)", ("constant", "moving", "smallest change"))
    both: dict[str, list[AngleSpread]] = {}
    for spreads in trials.values():
        for coordinate, spread in spreads.items():
            both.setdefault(coordinate.removesuffix("_r").removesuffix("_l"), []).append(spread)
    for coordinate, spreads_of in both.items():
        values = np.max([(s.constant_deg, s.moving_deg, s.smallest_change_deg) for s in spreads_of], axis=0)
        table.add_row(coordinate, *(f"{value:.1f}" for value in values))
    console.print(table)
    console.print(
        "One standard deviation: constant in all trials of this person (counts between people), moving within them; "
        f"smallest change between two trials that is more than chance. Every trial: {folder / ANGLE_UNCERTAINTY}\n"
    )


def _limited(value_m: float, limit_m: float) -> str:
    text = f"{1000 * value_m:.1f}"
    return text if value_m <= limit_m else f"[red]{text} ![/]"


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table("", pad_edge=False, title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, justify="right" if column not in ("from", "to", "at") else "left")
    return table
