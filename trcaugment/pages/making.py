"""From a marker file to its report, with all that lies beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trcaugment.errors import ModelError, MotionError, TrcAugmentError
from trcaugment.markers import FloatArray
from trcaugment.pages.angles import Solved, read_solved
from trcaugment.pages.report import Extras, make_report
from trcaugment.pages.spread import read_spread
from trcaugment.pages.trial import Trial, open_trial
from trcaugment.subject import Subject

if TYPE_CHECKING:
    from trcaugment.model.folder import Model


def report_of(
    path: Path, motion: Path | None = None, uncertainty: Path | None = None, model: Model | None = None
) -> bytes:
    """The report of a marker file as an HTML file.

    Args:
        path: the marker file.
        motion: its joint angles.
        uncertainty: the table that `predict --uncertainty` wrote for it.
        model: the model that predicted it; None for the shipped one of the name in the sidecar.

    Raises:
        TrcAugmentError: a file cannot be read, or the table or the joint angles are another trial's.
    """
    trial = open_trial(path)
    solved = _read_solved(motion, trial) if motion is not None else None
    spread_mm = read_spread(uncertainty, trial) if uncertainty is not None else None
    try:
        extras = Extras(solved, _attention(trial, model), spread_mm)
    except TrcAugmentError as error:
        extras = Extras(solved, None, spread_mm, (f"Attention is not shown: {error}.",))
    return make_report(trial, extras)


def _read_solved(motion: Path, trial: Trial) -> Solved:
    """The joint angles.

    Raises:
        MotionError: they cannot be read, or are of another time than the trial.
    """
    solved = read_solved(motion)
    ranges = [(time_s[0], time_s[-1]) for time_s in (trial.markers.time_s, solved.motion.time_s)]
    if max(first for first, _ in ranges) > min(last for _, last in ranges):
        wanted, found = (f"{first:.4g} to {last:.4g} s" for first, last in ranges)
        raise MotionError(f"{motion}: expected joint angles of the trial's time, {wanted}, found {found}")
    return solved


def _attention(trial: Trial, model: Model | None) -> FloatArray | None:
    """Attention weights, (n_frames, 15); None without the input.

    Raises:
        TrcAugmentError: the model is not there, is another one, or has no attention.
    """
    if trial.sidecar is None or trial.keypoints is None:
        return None
    from trcaugment.chain.augmentation import attend
    from trcaugment.model.folder import load_model

    used, person = trial.sidecar.model, trial.sidecar.subject
    model = model or load_model(used.name, "cpu")
    if model.card.sha256 != used.sha256:
        raise ModelError(f"{model.card.name} is another model than that of the trial")
    return attend(trial.keypoints, Subject(person.height_m, person.mass_kg), model)
