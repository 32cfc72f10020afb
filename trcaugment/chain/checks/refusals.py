"""Checks that refuse a trial or frames (rate, size, a body), and the range of people that a model was trained on."""

from __future__ import annotations

import numpy as np

from trcaugment.chain.checks.findings import medians_of
from trcaugment.chain.signals import BoolArray
from trcaugment.errors import MarkersError
from trcaugment.formats.units import PER_METER
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray, Markers
from trcaugment.model.card import Card
from trcaugment.subject import Subject

# Distance from hips to neck as a share of height. Real files have 0.27 to 0.32; the limits leave room for stooped
# children and poor detectors.
TRUNK_SHARE = (0.12, 0.6)
# Hip and shoulder breadth together, at right angles to the trunk, as a share of height: about 0.3 in people.
BREADTH_SHARE = 0.03
# Keypoints of a single camera lie in a plane. Those of 65 real trials spread by 50 mm RMS or more in every direction.
THINNEST_SHARE = 0.003
# Below this rate, movement between two frames would have to be invented.
SLOWEST_HZ = 10.0


def check_rate(markers: Markers) -> None:
    """Refuse trials whose rate is too low to follow a movement.

    Raises:
        MarkersError: the data rate is below 10 Hz.
    """
    if markers.rate_hz < SLOWEST_HZ:
        raise MarkersError(
            f"expected at least {SLOWEST_HZ:g} frames per second, found {markers.rate_hz:.3g}; the movement between "
            "frames cannot be known"
        )


def check_size(positions: FloatArray, subject: Subject, unit: str) -> None:
    """Refuse keypoints in another unit than the file states, or of a person of quite another height.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        subject: the person.
        unit: the file's unit, for the message.

    Raises:
        MarkersError: the median distance from hips to neck does not fit the height, or all keypoints lie in one plane.
    """
    trunk_m = np.linalg.norm(_trunk(positions), axis=1)
    seen_m = float(medians_of(trunk_m[:, None])[0])
    low_m, high_m = (share * subject.height_m for share in TRUNK_SHARE)
    if seen_m < low_m or seen_m > high_m:
        hints = [
            f"; it fits if the positions are in {other}: write {other} under Units"
            for other in PER_METER
            if low_m <= seen_m * PER_METER.get(unit, 1) / PER_METER[other] <= high_m
        ]
        raise MarkersError(
            f"expected {low_m:.2g} to {high_m:.2g} m from hips to neck for a height of {subject.height_m:g} m, found "
            f"{seen_m:.2g} m; is the file's unit really {unit}, and is the height this person's?" + "".join(hints)
        )

    if _thickness_m(positions) < THINNEST_SHARE * subject.height_m:
        raise MarkersError(
            "expected a body in three dimensions, found one that is flat: these are keypoints of a single camera, as "
            "Sports2D writes them. Triangulate those of several cameras"
        )


def _thickness_m(positions: FloatArray) -> float:
    """RMS distance of the keypoints from their mean along the thinnest direction, over all complete frames, in m."""
    complete = np.isfinite(positions.sum(axis=(1, 2)))
    if not complete.any():
        return np.inf
    whole = positions if complete.all() else positions[complete]
    around = (whole - whole.mean(axis=1, keepdims=True)).reshape(-1, 3)
    return float(np.sqrt(max(np.linalg.eigvalsh(around.T @ around / len(around))[0], 0)))


def frames_without_body(positions: FloatArray, subject: Subject) -> BoolArray:
    """Frames with complete keypoints that do not form a body: trunk length or breadth does not fit the height.

    Args:
        positions: keypoints in m, (n_frames, 15, 3).
        subject: the person.

    Returns:
        Whether each frame is such a frame, (n_frames,).
    """
    trunk = _trunk(positions)
    trunk_m = np.linalg.norm(trunk, axis=1)
    right, left = (
        positions[:, list(places)].sum(axis=1)
        for places in zip(KEYPOINTS.both("Hip"), KEYPOINTS.both("Shoulder"), strict=True)
    )
    # Breadth at right angles to the trunk, times trunk length: the area of their parallelogram.
    area = np.linalg.norm(np.cross(right - left, trunk), axis=1)
    low_m, high_m = (share * subject.height_m for share in TRUNK_SHARE)
    # Incomplete frames give False: comparisons with NaN are false.
    odd: BoolArray = (trunk_m < low_m) | (trunk_m > high_m) | (area < BREADTH_SHARE * subject.height_m * trunk_m)
    return odd


def outside_population(subject: Subject, card: Card) -> list[str]:
    """One sentence for each of height and body mass index outside the range that a model was trained on."""
    index = subject.mass_kg / subject.height_m**2
    compared = (
        ("height", subject.height_m, card.height_m, "m"),
        ("body mass index", index, card.body_mass_index, "kg/m²"),
    )
    return [
        f"a {what} of {value:.3g} {unit} lies outside the people the model was trained on ({low:g}-{high:g} {unit})"
        for what, value, (low, high), unit in compared
        if not low <= value <= high
    ]


def _trunk(positions: FloatArray) -> FloatArray:
    """Vectors from the midpoint of the hips to the neck in m, (n_frames, 3)."""
    neck, right, left = (positions[:, KEYPOINTS.index(name)] for name in ("Neck", "RHip", "LHip"))
    return np.asarray(neck - (right + left) / 2)
