"""What `trcaugment predict` says of its trials: in words, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from trcaugment.chain.smoothing import describe
from trcaugment.chain.time_range import WHOLE
from trcaugment.cli.frame_ranges import by_ranges, common, listed, others
from trcaugment.cli.screen import counted
from trcaugment.marker_sets import KEYPOINTS

if TYPE_CHECKING:
    from trcaugment.conversion.sidecar import FrameRange, Sidecar, UsedSpread
    from trcaugment.conversion.trials import Outcome

_RANGES_SHOWN = 4


def as_data(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """What became of every trial, with the sidecars."""
    return [
        {
            "input": each.sidecar.made.input if each.sidecar else str(each.conversion.source),
            "result": "converted" if each.sidecar else "failed",
            "reason": each.failure,
            "sidecar": each.sidecar,
        }
        for each in outcomes
    ]


def account(sidecar: Sidecar) -> Iterator[str]:
    """What was done, and what was not known, line by line."""
    yield from _of_trial(sidecar)
    yield from _of_gaps(sidecar)
    yield from _of_markers(sidecar)
    yield from _of_keypoints(sidecar)
    for finding in sidecar.findings:
        where = f" ({_list(finding.frames)})" if finding.frames else ""
        yield f"{click.style('look twice', fg='yellow')}, {finding.guard}: {finding.message}{where}"


def _of_trial(sidecar: Sidecar) -> Iterator[str]:
    source, person = sidecar.input, sidecar.subject
    rate = f", {(source.n_frames - 1) / source.rate_hz:.1f} s at {source.rate_hz:.4g} Hz" if source.rate_hz else ""
    yield f"{counted(source.n_frames, 'frame')}{rate}, {sidecar.output.n_markers} markers"
    if source.time_range != WHOLE:
        last = source.first_frame + source.n_frames - 1
        yield f"cut: frames {source.first_frame} to {last} of the file; below, frames count from the first of these"
    if person.height_error_m is not None:
        yield f"height estimated: {person.height_m:.2f} m, within {person.height_error_m:.2f} m for 95 % of people"
    if sidecar.output.n_frames_predicted < source.n_frames:
        all_frames = counted(source.n_frames, "frame")
        yield f"predicted in {sidecar.output.n_frames_predicted} of {all_frames}, NaN in the others"
    renamed = [f"{name} is {own}" for name, own in sidecar.sources.items() if name != own]
    for title, sentences in (("named", renamed), ("derived", sidecar.derived), ("noted", source.notes)):
        if sentences:
            yield f"{title}: {'; '.join(sentence.rstrip('.') for sentence in sentences)}"


def _of_gaps(sidecar: Sidecar) -> Iterator[str]:
    """Keypoints that are missing, and what that means."""
    missing, lost = sidecar.missing, sidecar.lost
    if nobody := common(missing, KEYPOINTS):
        yield f"no keypoint, left as NaN: {_frames(nobody)}"
        missing, lost = ({name: others(own, nobody) for name, own in gaps.items()} for gaps in (missing, lost))
    for title, gaps in (
        ("filled", sidecar.filled),
        ("missing, most likely place instead", missing),
        ("cannot be known without them, left as NaN", lost),
    ):
        for names, ranges in by_ranges(gaps):
            yield f"{title}: {listed(names)} in {_frames(ranges)}"


def _of_markers(sidecar: Sidecar) -> Iterator[str]:
    """What was done to the predicted markers, and how sure they are."""
    if sidecar.calibration:
        own = sidecar.calibration
        yield f"calibrated: {own.n_markers} of {sidecar.output.n_markers} markers, by {own.file}"
        for names, ranges in by_ranges(own.unmoved):
            yield f"not calibrated, their segment is not known: {listed(names)} in {_frames(ranges)}"
    if sidecar.preparation.lowpass_hz is not None:
        yield f"markers smoothed: {describe(sidecar.preparation.lowpass_hz)}"
    if sidecar.uncertainty:
        yield from _spread(sidecar.uncertainty)


def _of_keypoints(sidecar: Sidecar) -> Iterator[str]:
    """What was done to the keypoints."""
    if sidecar.smoothed:
        most_mm = 1000 * max(sidecar.smoothed.values())
        yield f"smoothed, since they shake (SD up to {most_mm:.0f} mm): {listed(list(sidecar.smoothed))}"
    for part, ranges in sidecar.repaired.items():
        yield f"left and right exchanged back: {part} in {_frames(ranges)}"
    if sidecar.up not in (None, "y"):
        yield f"turned: {sidecar.up} of the input points up, Y of the output does"
    if sidecar.without_body:
        yield f"no body in the keypoints, left as NaN: {_frames(sidecar.without_body)}"


def _spread(known: UsedSpread) -> Iterator[str]:
    """The sizes of both parts, over all markers and of the best and the worst one."""
    for what, parts in (("constant for this person", known.constant_mm), ("moving with the frame", known.moving_mm)):
        sizes = {name: sum(mm**2 for mm in each) ** 0.5 for name, each in parts.items()}
        if sizes:
            best, worst = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
            middle = (sum(mm**2 for mm in sizes.values()) / len(sizes)) ** 0.5
            ends = f"{best} {sizes[best]:.0f}, {worst} {sizes[worst]:.0f}"
            yield f"uncertainty, {what}: {middle:.0f} mm, one standard deviation in space ({ends})"


def _frames(ranges: Sequence[FrameRange]) -> str:
    """How many and which."""
    n = sum(last - first + 1 for first, last in ranges)
    return f"{counted(n, 'frame')} ({_list(ranges)})"


def _list(ranges: Sequence[FrameRange]) -> str:
    shown = ", ".join(f"{first}-{last}" if last > first else f"{last}" for first, last in ranges[:_RANGES_SHOWN])
    return shown + (f" and {len(ranges) - _RANGES_SHOWN} more" if len(ranges) > _RANGES_SHOWN else "")
