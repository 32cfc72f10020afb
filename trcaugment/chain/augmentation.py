"""The chain: predicts anatomical markers from the keypoints of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from trcaugment.chain.arms import PreparedArms
from trcaugment.chain.blending import predict_windows, through_windows
from trcaugment.chain.checks import Finding
from trcaugment.chain.dependence import added_errors_m
from trcaugment.chain.keypoints import ELBOWS_AND_WRISTS, find_keypoints
from trcaugment.chain.preparation import AS_USUAL, Preparation, PreparedTrial, prepare
from trcaugment.chain.signals import BoolArray, Span, find_gaps
from trcaugment.chain.smoothing import smooth_points
from trcaugment.chain.vertical import Axis, turn_to_y_up
from trcaugment.errors import ModelError
from trcaugment.marker_sets import ARM_MARKERS, KEYPOINTS, TRUNK
from trcaugment.markers import SMALL_NOISE_M, FloatArray, Markers
from trcaugment.model.card import N_AXES
from trcaugment.model.folder import Model, load_arms
from trcaugment.model.normalization import body_frame, make_features
from trcaugment.model.uncertainty import Uncertainty
from trcaugment.subject import Subject


@dataclass(frozen=True, eq=False)
class Spread:
    """Standard deviations of the errors of predicted markers along forward, up and outward of the marker's segment.

    Attributes:
        constant_m: of the part that is the same in all trials of the person, in m, (n_markers, 3).
        moving_m: of the rest, frame by frame, in m, (n_frames, n_markers, 3); NaN where a marker is not predicted.
    """

    constant_m: FloatArray
    moving_m: FloatArray


@dataclass(frozen=True, eq=False)
class Augmentation:
    """Predicted markers, and how they were made.

    Attributes:
        markers: the model's markers, and those of the arms if asked for, at the input's time stamps; NaN where
            keypoints that they need are missing.
        sources: keypoint -> name of the input marker that it was read from.
        derived: one sentence for each keypoint that was computed from others.
        preparation: how the keypoints were prepared.
        up: the axis of the input that is Y here; None if nothing was turned.
        repaired: where left and right were exchanged back, part of the body -> spans of frames (first, after last).
        outliers: keypoint -> spans of frames (first, after last) whose samples leap away from their path and back.
        smoothed: keypoint -> standard deviation of its white noise in m, where that was large enough to smooth it.
        filled: keypoint -> spans of short gaps that were filled.
        missing: keypoint -> spans of longer gaps, where the most likely place given the other keypoints was used.
        lost: marker -> spans of frames where it cannot be predicted, and is NaN.
        without_body: spans of frames whose keypoints do not form a body of this height; all markers are NaN there.
        findings: what the guards found: reasons to check the keypoints, or height and mass.
        spread: how far the markers may be off; None if that was not asked for.
    """

    markers: Markers
    sources: dict[str, str]
    derived: tuple[str, ...]
    preparation: Preparation
    up: Axis | None
    repaired: dict[str, list[Span]]
    outliers: dict[str, list[Span]]
    smoothed: dict[str, float]
    filled: dict[str, list[Span]]
    missing: dict[str, list[Span]]
    lost: dict[str, list[Span]]
    without_body: list[Span]
    findings: tuple[Finding, ...]
    spread: Spread | None = None


def augment(
    markers: Markers, subject: Subject, model: Model, how: Preparation = AS_USUAL, *, uncertainty: bool = False
) -> Augmentation:
    """Predict the anatomical markers of a trial.

    Args:
        markers: the trial's keypoints, at any rate and under the names of any known pose model.
        subject: the person's height and mass.
        model: from `load_model`.
        how: how the keypoints are prepared.
        uncertainty: whether to say how far the markers may be off, too.

    Returns:
        The markers at the trial's own time stamps, with an account of derived, filled and missing keypoints.

    Raises:
        MarkerSetError: keypoints that the model needs are not in the file.
        MarkersError: the trial is slower than 10 Hz, its keypoints are far from the stated height (a wrong unit), or
            no frame has all keypoints.
        ModelError: the model does not know how far its markers may be off.

    Example:
        >>> from trcaugment import Subject, augment, load_model, read_trc
        >>> result = augment(read_trc("examples/walk.trc"), Subject(1.584, 58.32), load_model())
        >>> result.markers.positions.shape, result.markers.names[0], result.missing
        ((600, 35, 3), 'C7_study', {})
    """
    return augment_prepared([_prepared(markers, subject, model, how)], model, uncertainty=uncertainty)[0]


def augment_prepared(trials: Sequence[PreparedTrial], model: Model, *, uncertainty: bool = False) -> list[Augmentation]:
    """Predict the anatomical markers of trials; their windows share the network's batches.

    A trial's markers are the same to the last bit whichever trials go with it.

    Raises:
        ModelError: the model does not know how far its markers may be off.
    """
    spreads = _spreads(trials, model) if uncertainty else [None] * len(trials)
    predicted = through_windows(trials, model, partial(predict_windows, model=model))
    made = [
        Augmentation(
            turn_to_y_up(
                Markers(model.card.outputs, _finished(positions, trial), trial.markers.time_s, trial.markers.unit),
                trial.up or "y",
            ),
            trial.keypoints.sources,
            trial.keypoints.derived,
            trial.how,
            trial.up,
            {part: find_gaps(frames) for part, frames in trial.repaired.items()},
            _spans(trial.outliers, KEYPOINTS.names),
            _smoothed(trial.noise_m, KEYPOINTS.names),
            _spans(trial.filled, KEYPOINTS.names),
            _spans(trial.missing, KEYPOINTS.names),
            _spans(trial.lost, model.card.outputs),
            find_gaps(trial.without_body),
            trial.findings,
            spread,
        )
        for trial, positions, spread in zip(trials, predicted, spreads, strict=True)
    ]
    return _with_arms(made, trials)


def _with_arms(made: Sequence[Augmentation], trials: Sequence[PreparedTrial]) -> list[Augmentation]:
    """The same with the markers of the arms, in trials that have them prepared."""
    armed = [replace(each, segments=each.arms.segments, lost=each.arms.lost) for each in trials if each.arms]
    if not armed:
        return list(made)
    model = load_arms()
    predicted = through_windows(armed, model, partial(predict_windows, model=model))
    positions = iter([_finished(each, trial) for each, trial in zip(predicted, armed, strict=True)])
    spreads = iter(_spreads(armed, model) if any(each.spread for each in made) else [None] * len(armed))
    pairs = zip(made, trials, strict=True)
    return [_joined(each, trial.arms, next(positions), next(spreads)) if trial.arms else each for each, trial in pairs]


def _joined(body: Augmentation, arms: PreparedArms, positions: FloatArray, spread: Spread | None) -> Augmentation:
    """A prediction and the arm markers in the lab, (n_frames, 8, 3)."""
    names, keypoints = ARM_MARKERS.names, ELBOWS_AND_WRISTS.names
    own = turn_to_y_up(replace(body.markers, names=names, positions=positions), body.up or "y")
    together = np.concatenate([body.markers.positions, own.positions], axis=1)
    return replace(
        body,
        markers=replace(body.markers, names=(*body.markers.names, *names), positions=together),
        sources=body.sources | arms.sources,
        derived=body.derived + arms.derived,
        outliers=body.outliers | _spans(arms.outliers, keypoints),
        smoothed=body.smoothed | _smoothed(arms.noise_m, keypoints),
        filled=body.filled | _spans(arms.filled, keypoints),
        missing=body.missing | _spans(arms.missing, keypoints),
        lost=body.lost | _spans(arms.lost, names),
        spread=body.spread and spread and _both(body.spread, spread),
    )


def _both(body: Spread, arms: Spread) -> Spread:
    """How far the markers of body and arms may be off."""
    return Spread(
        np.concatenate([body.constant_m, arms.constant_m]), np.concatenate([body.moving_m, arms.moving_m], axis=1)
    )


def _spreads(trials: Sequence[PreparedTrial], model: Model) -> list[Spread]:
    """How far the markers of trials may be off; errors that filled keypoints add are independent of the others."""
    known = check_uncertainty(model)
    of_trials = []
    windowed = through_windows(trials, model, partial(_log_moving_windows, model=model))
    for trial, log_moving in zip(trials, windowed, strict=True):
        moving_m = np.hypot(np.exp(log_moving) * trial.subject.height_m, _added_m(trial, model)[:, :, None])
        of_trials.append(Spread(known.constant * trial.subject.height_m, _without(moving_m, trial.lost)))
    return of_trials


def _added_m(trial: PreparedTrial, model: Model) -> FloatArray:
    """Standard deviation along each axis that filled keypoints add, (n_frames, n_markers).

    What those of the trunk add to the markers of the arms is not known, so NaN.
    """
    if model.card.markers is not ARM_MARKERS:
        return np.asarray(added_errors_m(trial.missing, trial.never, model.card.outputs) / np.sqrt(N_AXES))
    filled = trial.missing[:, [KEYPOINTS.index(name) for name in TRUNK]].any(axis=1)
    return np.tile(np.where(filled, np.nan, 0.0)[:, None], len(ARM_MARKERS))


def check_uncertainty(model: Model) -> Uncertainty:
    """How far a model's markers may be off.

    Raises:
        ModelError: the model does not know.
    """
    if model.uncertainty is None:
        raise ModelError(
            f"expected a model that knows how far its markers may be off, {model.card.name} does not; choose another, "
            "or make its file with benchmarks/make_uncertainty.py"
        )
    return model.uncertainty


def _log_moving_windows(keypoints: FloatArray, height_m: FloatArray, mass_kg: FloatArray, model: Model) -> FloatArray:
    """Logarithm of the moving part of windows in multiples of height, (n_windows, n_frames, n_markers, 3)."""
    features = make_features(keypoints, body_frame(keypoints, height_m), mass_kg)
    return check_uncertainty(model).log_moving(features, model.card.keypoints, model.card.markers)


def attend(markers: Markers, subject: Subject, model: Model) -> FloatArray:
    """Attention weight of every keypoint in every frame of a trial; windows are blended as for predictions.

    Args:
        markers: as for `augment`.
        subject: the person's height and mass.
        model: one with spatial attention.

    Returns:
        Attention weights, summing to one in every frame, NaN where nothing is predicted, (n_frames, 15).

    Raises:
        MarkerSetError: as `augment` does.
        MarkersError: as `augment` does.
        ModelError: the model has no spatial attention.
    """
    if not model.card.sizes.spatial_attention:
        raise ModelError(f"expected a model with spatial attention, found none in {model.card.name}; choose another")
    trial = _prepared(markers, subject, model)
    return through_windows([trial], model, partial(_attend_windows, model=model))[0]


def _prepared(markers: Markers, subject: Subject, model: Model, how: Preparation = AS_USUAL) -> PreparedTrial:
    return prepare(markers, find_keypoints(markers), subject=subject, card=model.card, how=how)


def _attend_windows(keypoints: FloatArray, height_m: FloatArray, mass_kg: FloatArray, model: Model) -> FloatArray:
    """Attention weights of windows, (n_windows, n_frames, 15)."""
    return model.attention(make_features(keypoints, body_frame(keypoints, height_m), mass_kg))


def _finished(positions: FloatArray, trial: PreparedTrial) -> FloatArray:
    """Predicted positions, (n_frames, n_markers, 3), with NaN for lost markers, and smooth if that was asked for."""
    known, cut_off_hz = _without(positions, trial.lost), trial.how.lowpass_hz
    return known if cut_off_hz is None else smooth_points(known, trial.markers.time_s, cut_off_hz)


def _without(values: FloatArray, lost: BoolArray) -> FloatArray:
    """Values, (n_frames, n_markers, 3), which become NaN for lost markers, (n_frames, n_markers), and read-only."""
    if lost.any():
        values[lost] = np.nan
    values.setflags(write=False)  # so that `Markers` need not copy them
    return values


def _smoothed(noise_m: FloatArray, names: Sequence[str]) -> dict[str, float]:
    """Noise of the keypoints that were smoothed, from (n_names,)."""
    return {name: float(sd) for name, sd in zip(names, noise_m, strict=True) if sd > SMALL_NOISE_M}


def _spans(marked: BoolArray, names: Sequence[str]) -> dict[str, list[Span]]:
    """Runs of marked frames by name, from (n_frames, n_names)."""
    return (
        {names[k]: find_gaps(marked[:, k]) for k in np.flatnonzero(marked.any(axis=0)).tolist()} if marked.any() else {}
    )
