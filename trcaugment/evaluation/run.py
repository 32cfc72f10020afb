"""Run models on windows or trials with known markers, and score the predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trcaugment.body.windows import Windows
from trcaugment.chain.blending import predict_windows
from trcaugment.chain.offsets import exchanged
from trcaugment.chain.signals import JITTER_S, BoolArray, has_rate
from trcaugment.datasets.dataset import Dataset
from trcaugment.datasets.paired import Pair
from trcaugment.errors import TrcAugmentError
from trcaugment.evaluation.budget import SegmentSums, error_budget, sum_segment_errors
from trcaugment.evaluation.notes import on_clocks, on_distance, on_exchanged, on_intervals, on_truth
from trcaugment.evaluation.predicted import Predictor, predicted_markers
from trcaugment.evaluation.scores import Score, score
from trcaugment.evaluation.sums import MPME, NOT_PREDICTED, RMSE, Sums, join, sum_errors
from trcaugment.evaluation.truth import arrange, at_times, time_difference
from trcaugment.marker_sets import ANATOMICAL_MARKERS, MarkerSet
from trcaugment.markers import RATE_HZ, FloatArray, Markers
from trcaugment.model.folder import Model

TRUTH = "truth"  # name of the scores of the true markers themselves (rigid distances and acceleration)
_BLOCK_WINDOWS = 1024
Track = Callable[[Sequence[int]], Iterable[int]]


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        scores: all scores of all models, and of the truth for measures that need no prediction.
        models: names of the models in the given order.
        pieces: "windows" or "trials".
        n_pieces: number of evaluated windows or trials.
        n_people: number of their subjects.
        failed: reason for every trial that could not be evaluated, by the trial's name.
        notes: further sentences for the user.
    """

    scores: list[Score]
    models: tuple[str, ...]
    pieces: str
    n_pieces: int
    n_people: int
    failed: dict[str, str]
    notes: tuple[str, ...]


def evaluate_windows(dataset: Dataset, models: Mapping[str, Model], track: Track = iter) -> Evaluation:
    """Evaluate models on a data set of windows.

    Args:
        dataset: the data set; if it has its own split, each part is scored too.
        models: models by name.
        track: wraps the iterable of numbers to show progress.
    """
    sums: dict[str, list[Sums]] = {name: [] for name in (*models, TRUTH)}
    segments: dict[str, list[SegmentSums]] = {name: [] for name in models}
    window_set = dataset.window_set
    n_windows, subjects = len(window_set), window_set.subjects
    for first in track(range(0, n_windows, _BLOCK_WINDOWS)):
        block = window_set.windows.select(torch.arange(first, min(first + _BLOCK_WINDOWS, n_windows)))
        predicted = {name: predict_arranged(block, model) for name, model in models.items()}
        _add(sums, predicted, (block.markers.double(), block.marker_set), 1 / RATE_HZ)
        _add_segments(segments, predicted, (block.markers.double(), block.marker_set))
    parts = dataset.split.by_subject() if dataset.split else {}
    labels = {"activity": window_set.activities, "part": [parts.get(subject, "") for subject in subjects]}
    n_people = len(set(subjects))
    notes = (*(f"left out: {sentence}" for sentence in dataset.left_out), *dataset.notes, *on_intervals(n_people))
    scores = _score(sums, window_set.windows.marker_set, subjects, labels) + _budget(segments, subjects)
    return Evaluation(scores, tuple(models), "windows", n_windows, n_people, {}, notes)


def predict_arranged(windows: Windows, model: Model) -> Tensor:
    """Predicted markers in m in the lab, in the order of the windows' set, NaN for markers that it lacks."""
    keypoints, height_m, mass_kg = (
        each.double().numpy() for each in (windows.keypoints, windows.height_m, windows.mass_kg)
    )
    predicted = torch.from_numpy(predict_windows(keypoints, height_m, mass_kg, model))
    return arrange(predicted, model.card.outputs, windows.marker_set)


def evaluate_trials(
    trials: Sequence[Pair], models: Mapping[str, Predictor], marker_set: MarkerSet, track: Track = iter
) -> Evaluation:
    """Evaluate models and other programs' predictions on whole trials.

    If the time stamps of the truth differ, predictions are interpolated to those of the truth.

    Args:
        trials: the trials.
        models: models and other programs' files by name.
        marker_set: the markers to compare.
        track: wraps the iterable of numbers to show progress.
    """
    sums: dict[str, list[Sums]] = {name: [] for name in (*models, TRUTH)}
    segments: dict[str, list[SegmentSums]] = {name: [] for name in models}
    done: list[Pair] = []
    failed: dict[str, str] = {}
    swapped: dict[str, list[tuple[str, str]]] = {}
    for k in track(range(len(trials))):
        trial = trials[k]
        try:
            predicted = {name: predict_trial(trial, model, marker_set) for name, model in models.items()}
        except TrcAugmentError as error:
            failed[trial.name] = str(error)
            continue
        step_s, even = _steps(trial.markers.time_s)
        truth = as_piece(trial.markers, marker_set)
        _add(sums, predicted, (truth, marker_set), step_s, even)
        _add_segments(segments, predicted, (truth, marker_set))
        first = next(iter(predicted.values()))
        swapped[trial.name] = exchanged(marker_set.names, first[0].numpy(), truth[0].numpy())
        done.append(trial)
    people = [trial.subject_name for trial in done]
    far = on_distance([trial.name for trial in done], [sums[name] for name in models])
    notes = (
        *on_truth(done, marker_set),
        *on_clocks(done),
        *on_exchanged(swapped),
        *far,
        *on_intervals(len(set(people))),
    )
    labels = {"activity": [trial.activity for trial in done]}
    scores = _score(sums, marker_set, people, labels) + _budget(segments, people) if done else []
    return Evaluation(scores, tuple(models), "trials", len(done), len(set(people)), failed, notes)


def predict_trial(trial: Pair, model: Predictor, marker_set: MarkerSet) -> Tensor:
    """Predicted markers in m at the truth's time stamps, in the order of the set, (1, n_frames, n_markers, 3)."""
    markers = predicted_markers(trial, model)
    if time_difference(markers, trial.markers):
        markers = at_times(markers, trial.markers.time_s)
    return as_piece(markers, marker_set)


def as_piece(markers: Markers, marker_set: MarkerSet) -> Tensor:
    """Positions in m in the order of the set, NaN for missing markers, (1, n_frames, n_markers, 3)."""
    return arrange(torch.tensor(markers.positions), markers.names, marker_set)[None]


def _steps(time_s: FloatArray) -> tuple[float, BoolArray]:
    """Time step in s, and a mask of the inner frames whose two neighbours are one time step away, (n_frames - 2,)."""
    if len(time_s) < 3:
        return 1.0, np.zeros(max(0, len(time_s) - 2), dtype=np.bool_)
    steps_s = np.diff(time_s)
    mean_s, step_s = float(steps_s.mean()), float(np.median(steps_s))
    if has_rate(time_s, 1 / mean_s):  # a constant rate; uneven steps come from rounded time stamps
        return mean_s, np.ones(len(steps_s) - 1, dtype=np.bool_)
    even = np.abs(steps_s - step_s) <= min(JITTER_S, step_s / 2)
    return step_s, np.asarray(even[:-1] & even[1:])


def _add(
    sums: dict[str, list[Sums]],
    predicted: Mapping[str, Tensor],
    truth: tuple[Tensor, MarkerSet],
    step_s: float,
    even: BoolArray | None = None,
) -> None:
    """Append the sums of every model, and of the truth in the samples that the first model predicts."""
    true, marker_set = truth
    for name, points in predicted.items():
        sums[name].append(sum_errors(points, true, marker_set, step_s, even))
    first = next(iter(predicted.values()))
    seen = torch.where(first.isfinite().all(dim=-1, keepdim=True), true, torch.nan)
    sums[TRUTH].append(sum_errors(seen, true, marker_set, step_s, even))


def _add_segments(
    segments: dict[str, list[SegmentSums]], predicted: Mapping[str, Tensor], truth: tuple[Tensor, MarkerSet]
) -> None:
    """Append sums for the error budget, whose segments are defined for the anatomical markers only."""
    true, marker_set = truth
    for name, points in predicted.items():
        if marker_set.names == ANATOMICAL_MARKERS.names:
            segments[name].append(sum_segment_errors(points, true))


def _budget(segments: Mapping[str, list[SegmentSums]], people: Sequence[str]) -> list[Score]:
    return [row for name, parts in segments.items() if parts for row in error_budget(name, parts, people)]


def _score(
    sums: Mapping[str, list[Sums]],
    markers: MarkerSet,
    people: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> list[Score]:
    return [
        each
        for name, parts in sums.items()
        for each in score(name, markers.names, join(parts), people, labels)
        if name != TRUTH or each.metric not in (MPME, RMSE, NOT_PREDICTED)
    ]
