"""The parts of a trial's report that have charts and tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from trcaugment.conversion.sidecar import UsedSpread
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.uncertainty import AXES
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M
from trcaugment.pages.angles import Solved, angle_charts, cycle_charts, error_charts, marker_errors
from trcaugment.pages.charts import Chart, Curve, Drawn, draw
from trcaugment.pages.gait import find_cycles
from trcaugment.pages.measures import Motion, lengths, over_markers, speeds
from trcaugment.pages.methods import root_mean_square

_STYLES = {"right": "first", "left": "second", "": "first"}
_LENGTHS = (
    "Between predicted markers; a knee or an ankle is the middle of its two markers. Bones keep their length: what "
    "changes here is error, soft tissue, or a joint center that moves."
)
_SHAKE = (
    "Shake is the standard deviation, along one axis, of what is independent from frame to frame, as at 60 Hz. It is "
    "estimated from fifth differences, which are nearly zero for a smooth path. Keypoints that shake by more than 2 mm "
    "are smoothed before markers are predicted."
)
_CONSTANT = (
    "The constant part does not average out over frames or repetitions; changes within a person hardly have it. "
    "One standard deviation is exceeded in about one case of three."
)
_GAIT = (
    "From one heel strike to the next of the same side: mean and standard deviation over the cycles. A heel strikes "
    "where it is farthest before the pelvis (Zeni et al. 2008). Angles in the middle of the body are over the right "
    "side's cycles."
)
_BANDS = (
    "Bands are one standard deviation of the moving part of the uncertainty. The constant part, which is the same in "
    "all trials of the person, comes on top; it counts between people. Two trials of a person differ by more than "
    "chance from the smallest change on."
)


class Table(msgspec.Struct, frozen=True):
    """A table: its caption, column heads, and rows of text; all columns but the first are numbers."""

    caption: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Section(msgspec.Struct, frozen=True):
    """A part of the report: an anchor, a title, sentences, charts and tables."""

    anchor: str
    title: str
    text: list[str]
    charts: list[Drawn] = []
    tables: list[Table] = []


def length_section(markers: Markers, height_m: float | None) -> Iterator[Section]:
    """Lengths of segments between markers; nothing if the markers of no segment are there."""
    charts, rows = [], []
    for name, sides in lengths(markers).items():
        curves = [Curve(side, _STYLES[side], 1000 * own) for side, own in sides.items()]
        charts.append(Chart(name, "mm", markers.time_s, curves, least_span=40))
        for side, own in sides.items():
            seen = 1000 * own[np.isfinite(own)]
            if len(seen):
                share = "–" if height_m is None else f"{seen.mean() / (10 * height_m):.1f}"
                rows.append((f"{side} {name}".strip(), f"{seen.mean():.0f}", f"{seen.std():.1f}", share))
    drawn = _drawn(charts)
    if drawn:
        table = Table("Lengths", ("segment", "mean (mm)", "SD (mm)", "% of height"), rows)
        yield Section("lengths", "Segment lengths", [_LENGTHS], drawn, [table])


def speed_section(markers: Markers, moving: Mapping[str, Sequence[Motion]]) -> Section:
    """Speeds over time, and a table for each kind of marker in `moving`."""
    middle, most = over_markers(speeds(markers))
    curves = (Curve("fastest marker", "second", most), Curve("median of markers", "first", middle))
    between_s = (markers.time_s[1:] + markers.time_s[:-1]) / 2
    head = ("known (%)", "mean speed (m/s)", "largest (m/s)", "shake (mm)")
    tables = [
        Table(f"All {len(own)} {what}", (what.removesuffix("s"), *head), [_motion_row(each) for each in own])
        for what, own in moving.items()
    ]
    return Section("speeds", "Speed and shake", [_SHAKE], _drawn([Chart("speed", "m/s", between_s, curves)]), tables)


def uncertainty_section(spread: UsedSpread, spread_mm: FloatArray | None, time_s: FloatArray) -> Section:
    """What the sidecar says of uncertainty, and over time if its table is there, (n_frames, n_markers)."""
    charts = []
    if spread_mm is not None:
        middle, most = over_markers(spread_mm)
        curves = (Curve("least sure marker", "second", most), Curve("median of markers", "first", middle))
        charts = [Chart("moving part", "mm", time_s, curves)]
    rows = [
        (name, *(f"{mm:.1f}" for mm in (*constant, *spread.moving_mm.get(name, ()))))
        for name, constant in spread.constant_mm.items()
    ]
    head = ("marker", *(f"{part}, {axis}" for part in ("constant", "moving") for axis in AXES))
    constant_mm, moving_mm = (root_mean_square(each) for each in (spread.constant_mm, spread.moving_mm))
    text = (
        f"One standard deviation in space, root mean square over the markers: {constant_mm:.0f} mm that is the same in "
        f"all trials of the person, and {moving_mm:.0f} mm that changes from frame to frame."
    )
    table = Table("Along the axes of each marker's segment, in mm", head, rows)
    return Section("uncertainty", "Uncertainty", [text, _CONSTANT], _drawn(charts), [table])


def kinematics_sections(solved: Solved, markers: Markers) -> Iterator[Section]:
    """Marker errors, angles over gait cycles if the person walks, and angles over time."""
    rows = [(name, f"{rms:.1f}", f"{most:.1f}") for name, rms, most in marker_errors(solved)]
    if rows:
        text = (
            f"How far the scaled model's markers stay from the trial's: RMS {solved.rms_mm:.1f} mm, largest "
            f"{solved.max_mm:.1f} mm. The usual limits are {1000 * RMS_LIMIT_M:g} and {1000 * MAX_LIMIT_M:g} mm."
        )
        table = Table("All markers, worst first", ("marker", "RMS (mm)", "largest (mm)"), rows)
        yield Section("ik", "Marker errors of inverse kinematics", [text], _drawn(error_charts(solved)), [table])
    if drawn := _drawn(cycle_charts(solved.motion, find_cycles(markers))):
        yield Section("gait", "Joint angles over the gait cycle", [_GAIT], drawn)
    if drawn := _drawn(angle_charts(solved)):
        names = " and ".join(path.name for path in solved.files)
        about = [f"From {names}; coordinates that change by half a degree or more."]
        about += [_BANDS] if solved.spreads else []
        yield Section("angles", "Joint angles over time", about, drawn, list(_spread_tables(solved)))


def _spread_tables(solved: Solved) -> Iterator[Table]:
    head = ("coordinate", "constant (°)", "moving (°)", "smallest change (°)")
    rows = [(name, *(f"{value:.1f}" for value in spread)) for name, spread in solved.spreads.items()]
    if rows:
        yield Table("How far angles may be off", head, rows)


def _drawn(charts: Iterable[Chart]) -> list[Drawn]:
    return [each for each in map(draw, charts) if each is not None]


def _motion_row(each: Motion) -> tuple[str, ...]:
    numbers = ("–" if np.isnan(value) else f"{value:.2f}" for value in (each.mean_speed, each.max_speed, each.shake_mm))
    return (each.name, f"{100 * each.known:.0f}", *numbers)
