"""Prepares trials: checks and fills the keypoints, and resamples them to the model's rate, ready for windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from trcaugment.chain.arms import PreparedArms, prepare_arms
from trcaugment.chain.checks import Finding, check_rate, check_size, frames_without_body, watch
from trcaugment.chain.dependence import lost_markers
from trcaugment.chain.filling import FEWEST_OF_TRUNK, can_be_filled, fill_missing
from trcaugment.chain.keypoints import Keypoints
from trcaugment.chain.leaps import find_leaps, watch_leaps
from trcaugment.chain.noise import smooth, white_noise
from trcaugment.chain.outliers import find_outliers, watch_outliers
from trcaugment.chain.sides import repair_sides
from trcaugment.chain.signals import BoolArray, Span, fill_gaps, find_segments, model_frames, model_grid, to_model_grid
from trcaugment.chain.smoothing import check_cut_off
from trcaugment.chain.vertical import Axis, choose_up
from trcaugment.chain.windows import IntArray, blend_weights, window_starts
from trcaugment.errors import MarkersError, ModelError
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import MAX_GAP_S, RATE_HZ, WINDOW_FRAMES, FloatArray, Markers
from trcaugment.model.card import Card
from trcaugment.subject import Subject


@dataclass(frozen=True)
class Preparation:
    """How keypoints are prepared, and markers smoothed. Guards report their findings whatever is set here.

    Attributes:
        keep_outliers: whether outliers stay as they are; else they are treated as gaps.
        max_gap_s: gaps shorter than this, in s, are filled by the keypoint's own path; 0 for none.
        repair_swaps: whether left and right are exchanged back where they were exchanged.
        up: the vertical axis, which becomes Y in the output; "auto" to find it, None to leave the axes.
        lowpass_hz: cut-off of the zero-phase filter for the predicted markers (`smooth_points`); None for none.
        arms: whether elbows and wrists are prepared, too, and the markers of the arms predicted.
    """

    keep_outliers: bool = False
    max_gap_s: float = MAX_GAP_S
    repair_swaps: bool = False
    up: Axis | Literal["auto"] | None = None
    lowpass_hz: float | None = None
    arms: bool = False


AS_USUAL = Preparation()
SEEN_S = 0.5  # a keypoint seen for less than this counts as never seen


@dataclass(frozen=True, eq=False)
class Segment:
    """A run of usable frames of a trial, and its windows.

    Attributes:
        span: its first frame in the trial, and the frame after its last.
        frames: position of each of its frames on the model's frame axis, (n_frames,).
        grid: the model's frames, (n_grid,).
        keypoints: keypoints in m at the model's frames, (n_grid, 15, 3).
        starts: start frames of its windows on the grid, (n_windows,).
        weights: weight of each window in each of its frames, (n_windows, 30).
    """

    span: Span
    frames: FloatArray
    grid: FloatArray
    keypoints: FloatArray
    starts: IntArray
    weights: FloatArray


@dataclass(frozen=True, eq=False)
class PreparedTrial:
    """A trial that is ready for the network.

    Attributes:
        subject: the person.
        markers: the trial as it was read.
        keypoints: the keypoints before preparation.
        how: how they were prepared.
        up: the axis that becomes Y in the output; None if nothing is turned.
        repaired: frames in which left and right were exchanged back, by part of the body, (n_frames,).
        outliers: whether each sample is an outlier, (n_frames, 15).
        filled: whether each sample was filled in a short gap, (n_frames, 15).
        missing: whether each sample was in a longer gap, and got its most likely place, (n_frames, 15).
        lost: whether each marker cannot be predicted without the missing keypoints, (n_frames, n_markers).
        without_body: whether the keypoints of each frame do not form a body of this height, (n_frames,).
        noise_m: white noise of each keypoint, above which it is smoothed (`trcaugment.chain.noise`), (15,).
        findings: what the guards found.
        segments: runs of usable frames, at least one.
        arms: elbows and wrists; None if they are not asked for.
    """

    subject: Subject
    markers: Markers
    keypoints: Keypoints
    how: Preparation
    up: Axis | None
    repaired: dict[str, BoolArray]
    outliers: BoolArray
    filled: BoolArray
    missing: BoolArray
    lost: BoolArray
    without_body: BoolArray
    noise_m: FloatArray
    findings: tuple[Finding, ...]
    segments: tuple[Segment, ...]
    arms: PreparedArms | None = None

    @property
    def never(self) -> BoolArray:
        """Keypoints that are missing in nearly all of the trial, (15,)."""
        return never_seen(self.missing, self.markers.rate_hz)


def prepare(
    markers: Markers,
    keypoints: Keypoints,
    *,
    subject: Subject,
    card: Card,
    how: Preparation = AS_USUAL,
    guarded: bool = True,
) -> PreparedTrial:
    """Check and fill a trial's keypoints, and bring them to a model's rate.

    Args:
        markers: the trial as it was read.
        keypoints: its keypoints, from `find_keypoints`.
        subject: the person.
        card: card of the model.
        how: how to prepare them.
        guarded: whether the guards look at them; without, there are no findings, which saves time.

    Raises:
        MarkersError: the trial is slower than 10 Hz, its keypoints are far from the stated height (a wrong unit), no
            frame has enough keypoints, or the cut-off is not below half the rate.
        MarkerSetError: arms are asked for, and neither is in the file.
        ModelError: the model reads other keypoints.
    """
    if card.keypoints is not KEYPOINTS:
        raise ModelError(f"{card.name} reads {', '.join(card.inputs)}: it is no model of the body; see --arms")
    check_rate(markers)
    if how.lowpass_hz is not None:
        check_cut_off(how.lowpass_hz, markers.time_s)
    check_size(keypoints.positions, subject, markers.unit)
    seen, repaired = (
        repair_sides(keypoints.positions, subject.height_m) if how.repair_swaps else (keypoints.positions, {})
    )
    outliers = find_outliers(seen, markers.time_s)
    trusted = np.where(outliers[:, :, None], np.nan, seen) if outliers.any() else seen
    leaps = find_leaps(trusted, markers.time_s)
    parts = list(pairwise([0, *leaps, markers.n_frames]))
    positions, filled, missing = _fill(seen if how.keep_outliers else trusted, markers.time_s, parts, subject, how)
    enough = can_be_filled(missing)
    without_body = frames_without_body(positions, subject)
    usable = np.asarray(enough & ~without_body)
    if not usable.any():
        raise MarkersError(_nothing_to_predict(missing))
    noise_m = white_noise(trusted, markers.rate_hz)
    frames = model_frames(markers.time_s, RATE_HZ)
    spans = find_segments(usable, markers.time_s, leaps=leaps)
    up, odd_up = choose_up(keypoints.positions, how.up) if guarded or how.up == "auto" else (how.up, [])
    findings = (
        ()
        if not guarded
        else (
            *watch(keypoints.positions, markers.time_s, subject, card),
            *watch_outliers(outliers, markers.time_s, kept=how.keep_outliers),
            *watch_leaps(leaps),
            *odd_up,
        )
    )
    trial = PreparedTrial(
        subject=subject,
        markers=markers,
        keypoints=keypoints,
        how=how,
        up=up,
        repaired=repaired,
        outliers=outliers,
        filled=filled,
        missing=missing,
        lost=lost_markers(missing, never_seen(missing, markers.rate_hz), card.outputs) | ~enough[:, None],
        without_body=without_body,
        noise_m=noise_m,
        findings=findings,
        segments=tuple(_segment(positions[a:b], frames[a:b], (a, b), card, noise_m) for a, b in spans),
    )
    return replace(trial, arms=prepare_arms(trial)) if how.arms else trial


def never_seen(missing: BoolArray, rate_hz: float) -> BoolArray:
    """Keypoints that are missing in nearly all frames, (15,), from missing samples, (n_frames, 15)."""
    return np.asarray((~missing).sum(axis=0) < SEEN_S * rate_hz)


def _fill(
    seen: FloatArray, time_s: FloatArray, parts: Sequence[Span], subject: Subject, how: Preparation
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Fill gaps along a keypoint's own path, and what is then still missing by its most likely place.

    Each part between leaps is filled on its own: on the other side of a leap there may be another person.

    Returns:
        Positions, (n_frames, 15, 3); samples that were filled along the path, and samples that were missing for
        longer, (n_frames, 15).
    """
    filled, missing = (np.zeros(seen.shape[:2], dtype=np.bool_) for _ in range(2))
    if not np.isnan(seen).any():
        return seen, filled, missing
    positions = np.empty_like(seen)
    for a, b in parts:
        bridged, filled[a:b] = fill_gaps(seen[a:b], time_s[a:b], how.max_gap_s)
        missing[a:b] = np.isnan(bridged).any(axis=2)
        positions[a:b] = fill_missing(bridged, missing[a:b], time_s[a:b], subject.height_m)
    return positions, filled, missing


def _segment(positions: FloatArray, frames: FloatArray, span: Span, card: Card, noise_m: FloatArray) -> Segment:
    grid = model_grid(frames)
    starts = window_starts(len(grid), length=WINDOW_FRAMES, hop=card.hop_frames, first_frame=int(np.rint(grid[0])))
    weights = blend_weights(starts, WINDOW_FRAMES, len(grid))
    keypoints = smooth(to_model_grid(positions, frames, grid), noise_m)
    return Segment(span, frames, grid, keypoints, starts, weights)


def _nothing_to_predict(missing: BoolArray) -> str:
    """Message that no frame can be predicted, from missing samples, (n_frames, 15)."""
    shares = {name: share for name, share in zip(KEYPOINTS, missing.mean(axis=0), strict=True) if share > 0}
    worst = sorted(shares, key=lambda name: -shares[name])
    listed = ", ".join(f"{name} ({100 * shares[name]:.0f} %)" for name in worst)
    wanted = f"{FEWEST_OF_TRUNK} of Neck, shoulders and hips"
    return f"expected frames with at least {wanted}, found none; missing in frames: {listed or 'none'}"
