"""Runs all guards on a trial."""

from __future__ import annotations

import numpy as np

from trcaugment.chain.checks.findings import Finding
from trcaugment.chain.checks.frozen import watch_still
from trcaugment.chain.checks.postures import watch_posture, watch_speed
from trcaugment.chain.checks.refusals import outside_population
from trcaugment.chain.checks.segments import watch_segments
from trcaugment.chain.checks.swaps import watch_sides
from trcaugment.chain.height import height_of, segment_lengths
from trcaugment.errors import MarkersError
from trcaugment.markers import FloatArray
from trcaugment.model.card import Card
from trcaugment.subject import Subject

# For 99.8 % of generated people the estimated height is within this share of the true one: benchmarks/guards.py
HEIGHT_ERROR = 0.09


def watch(positions: FloatArray, time_s: FloatArray, subject: Subject, card: Card) -> list[Finding]:
    """Run the guards on a trial; at most one finding per guard.

    Args:
        positions: keypoints in m before any gap is filled, (n_frames, 15, 3), NaN where missing.
        time_s: time stamps in s, (n_frames,).
        subject: the person.
        card: card of the model that will be used.
    """
    # Coinciding keypoints have no direction; the NaN that follow are not judged.
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = segment_lengths(positions)
        height, height_m = _watch_height(lengths, subject)
        return [
            *height,
            *_watch_population(subject, card),
            *watch_posture(positions, time_s),
            *watch_speed(positions, time_s, height_m),
            *watch_sides(positions, time_s, height_m),
            *watch_still(positions, time_s),
            *watch_segments(lengths, time_s, height_m),
        ]


def _watch_height(lengths: FloatArray, subject: Subject) -> tuple[list[Finding], float]:
    """Compare the stated height with the estimated one; returns findings, and the height for the other guards in m."""
    try:
        seen_m = height_of(lengths).height_m
    except MarkersError:  # nothing to compare with
        return [], subject.height_m
    if abs(subject.height_m - seen_m) <= HEIGHT_ERROR * seen_m:
        return [], subject.height_m
    message = (
        f"expected the stated height of {subject.height_m:.2f} m within {100 * HEIGHT_ERROR:g} % of the one that "
        f"trunk, thighs and shanks suggest, found {seen_m:.2f} m; check the height, the person and the unit"
    )
    return [Finding("height", message)], seen_m


def _watch_population(subject: Subject, card: Card) -> list[Finding]:
    reasons = outside_population(subject, card)
    return [Finding("population", "; ".join(reasons))] if reasons else []
