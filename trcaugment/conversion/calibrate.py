"""Learns a person's calibration from trials of which both keypoints and optical markers are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trcaugment.chain.augmentation import augment
from trcaugment.chain.calibration import FORMAT_VERSION, Calibration, SeenTrial
from trcaugment.chain.offsets import SeenMarker, exchanged, learn_offset
from trcaugment.chain.preparation import AS_USUAL, Preparation
from trcaugment.chain.segment_frames import knee_bends, segment_axes
from trcaugment.conversion.sidecar import sha256_of, this_tool
from trcaugment.errors import CalibrationError, TrcAugmentError
from trcaugment.formats.trc import read_trc_bytes
from trcaugment.formats.trials import parse_trial
from trcaugment.formats.units import check_unit
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_MARKERS, LANDMARKS
from trcaugment.markers import RATE_HZ, FloatArray, Markers
from trcaugment.model.folder import Model, load_arms
from trcaugment.subject import Subject

OURS = (*ANATOMICAL_MARKERS, *ARM_MARKERS)
_SAME_PLACE_M = 0.15  # as far as predicted and optical markers may be apart in the median


class Pair(NamedTuple):
    """Files of one trial: keypoints, and the optical markers at the same times and in the same axes."""

    keypoints: Path
    markers: Path


class _Seen(NamedTuple):
    """Of one trial: the record, and its markers by name."""

    record: SeenTrial
    markers: dict[str, SeenMarker]


def calibrate(
    pairs: Sequence[Pair],
    subject: Subject,
    model: Model,
    names: Mapping[str, str],
    how: Preparation = AS_USUAL,
) -> Calibration:
    """Learn where a person's markers are, constantly, beside where a model predicts them.

    Args:
        pairs: trials of the person.
        subject: the person's height and mass.
        model: from `load_model`.
        names: names of markers in the optical files by our names, where they differ.
        how: how keypoints are prepared; with arms, their markers are calibrated too.

    Raises:
        TrcAugmentError: a file cannot be read or used, or keypoints and markers do not belong together.
    """
    seen = [_compare(pair, subject, model, names, how) for pair in pairs]
    _check_each_once(pairs, seen)
    markers = {}
    for name in OURS:
        trials = [each.markers[name] for each in seen if name in each.markers]
        if trials:
            try:
                markers[name] = learn_offset(LANDMARKS[name].part, trials)
            except CalibrationError as error:
                raise CalibrationError(f"{pairs[0].markers}: {name}: {error}") from error
    cards = [model.card, *([load_arms().card] if how.arms else [])]
    return Calibration(
        format_version=FORMAT_VERSION,
        tool=this_tool(),
        models={card.name: card.sha256 for card in cards},
        height_m=subject.height_m,
        mass_kg=subject.mass_kg,
        trials=tuple(each.record for each in seen),
        markers=markers,
    )


def _check_each_once(pairs: Sequence[Pair], seen: Sequence[_Seen]) -> None:
    """Refuse a recording that is given twice: it would be believed more than it says."""
    first: dict[str, Path] = {}
    for pair, each in zip(pairs, seen, strict=True):
        other = first.setdefault(each.record.markers_sha256, pair.markers)
        if other is not pair.markers:
            raise CalibrationError(f"expected another trial in each pair, found {other} again in {pair.markers}")


def _compare(pair: Pair, subject: Subject, model: Model, names: Mapping[str, str], how: Preparation) -> _Seen:
    """Errors of the markers that are predicted for a trial."""
    data = [read_trc_bytes(path) for path in pair]
    try:
        predicted = augment(parse_trial(data[0], pair.keypoints), subject, model, how).markers
    except TrcAugmentError as error:
        raise CalibrationError(error.about(pair.keypoints)) from error
    try:
        true = _at_times(_ours(parse_trial(data[1], pair.markers), names), predicted.time_s)
        markers = seen_markers(predicted, true)
        _check_together(markers, predicted, pair.keypoints)
        _check_exchanged(predicted, true)
    except TrcAugmentError as error:
        raise CalibrationError(error.about(pair.markers)) from error
    n_frames = max(len(each.error_m) for each in markers.values())
    hashes = [sha256_of(each) for each in data]
    record = SeenTrial(
        keypoints=str(pair.keypoints.absolute()),
        keypoints_sha256=hashes[0],
        markers=str(pair.markers.absolute()),
        markers_sha256=hashes[1],
        n_frames=n_frames,
    )
    return _Seen(record, markers)


def _ours(true: Markers, names: Mapping[str, str]) -> Markers:
    """The optical markers that we know, under our names.

    Raises:
        MarkersError: their positions are in another unit than the file says.
        CalibrationError: there are none.
    """
    check_unit(true)
    found = {}
    for name in OURS:
        theirs = (names[name],) if name in names else LANDMARKS[name].aliases
        in_file = [each for each in theirs if each in true.names]
        if in_file:
            found[name] = in_file[0]
    if not found:
        raise CalibrationError(
            f"expected markers under our names ({', '.join(OURS[:3])}, ...), found {', '.join(true.names[:6])}; say "
            "which is which with --names OURS=THEIRS or a CSV file"
        )
    return replace(true, names=tuple(found), positions=true.select(found.values()))


def _at_times(true: Markers, time_s: FloatArray) -> Markers:
    """The markers at other times by straight lines; NaN beside gaps and outside the trial."""
    columns = true.positions.reshape(true.n_frames, -1).T
    moved = [np.interp(time_s, true.time_s, each, left=np.nan, right=np.nan) for each in columns]
    return replace(true, positions=np.stack(moved, axis=1).reshape(len(time_s), -1, 3), time_s=time_s)


def seen_markers(predicted: Markers, true: Markers) -> dict[str, SeenMarker]:
    """Errors of predicted markers along the axes of their segments, in the frames that have both, by name.

    Args:
        predicted: of a model.
        true: optical markers under our names, at the same times.
    """
    axes, bends = (of(predicted.positions, predicted.names) for of in (segment_axes, knee_bends))
    rate_hz = predicted.rate_hz if predicted.n_frames > 1 else RATE_HZ
    markers = {}
    for name in true.names:
        if name in predicted.names:
            k = predicted.names.index(name)
            away = true.positions[:, true.names.index(name)] - predicted.positions[:, k]
            error_m = np.einsum("tij,tj->ti", axes[:, k], away)
            there = np.isfinite(error_m).all(axis=1) & np.isfinite(bends[:, k])
            if there.any():
                markers[name] = SeenMarker(error_m[there], bends[there, k], rate_hz)
    return markers


def _check_together(markers: Mapping[str, SeenMarker], predicted: Markers, keypoints: Path) -> None:
    """Check that optical markers are of the same person at the same time.

    Raises:
        CalibrationError: they are not.
    """
    if not markers:
        raise CalibrationError(
            f"expected markers at the times of {keypoints.name}, {predicted.time_s[0]:g} to "
            f"{predicted.time_s[-1]:g} s, found none; give both files the same clock"
        )
    apart_m = float(np.median([np.median(np.linalg.norm(each.error_m, axis=1)) for each in markers.values()]))
    if apart_m > _SAME_PLACE_M:
        raise CalibrationError(
            f"expected markers where {keypoints.name} has the person, found them {1000 * apart_m:.0f} mm "
            "away; give both files the same axes, origin, clock and unit"
        )


def _check_exchanged(predicted: Markers, true: Markers) -> None:
    """Check that no two optical markers have each other's name: each lies much nearer to the other's predicted place.

    Raises:
        CalibrationError: two do.
    """
    names = [name for name in true.names if name in predicted.names]
    for first, second in exchanged(names, predicted.select(names), true.select(names)):
        raise CalibrationError(
            f"{first} and {second} look exchanged: each lies where the other is expected; correct the file, or give "
            f"their names with --names {first}=... --names {second}=..."
        )
