"""What `trcaugment evaluate` puts beside its models: other programs' markers, and joint angles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.screen import progress

if TYPE_CHECKING:
    from trcaugment.datasets.dataset import Dataset
    from trcaugment.evaluation.predicted import PredictedFiles, Predictor
    from trcaugment.evaluation.run import Evaluation
    from trcaugment.evaluation.trials import TrialSet


def read_others(values: Sequence[str]) -> dict[str, PredictedFiles]:
    """Other programs' predictions by name, from NAME=TRC or NAME=FOLDER; wrong usage if they are not."""
    from trcaugment.evaluation.predicted import PredictedFiles

    others: dict[str, PredictedFiles] = {}
    for value in values:
        name, _, place = value.partition("=")
        if not name or not place:
            raise click.UsageError(f"--predicted: expected NAME=TRC or NAME=FOLDER, found '{value}'.")
        if not Path(place).exists():
            raise click.UsageError(f"--predicted: there is no {place}.")
        if name in others:
            raise click.UsageError(f"--predicted: {name} is there twice; choose another name.")
        others[name] = PredictedFiles(Path(place))
    return others


def check_beside(
    path: Path, truth: Path | None, models: Collection[str], others: Collection[str], *, angles: bool
) -> None:
    """Refuse names that are taken, data without whole trials, and angles without OpenSim.

    Raises:
        OsimError: there are to be angles, and opensim is not installed.
    """
    from trcaugment.conversion.angle_errors import KEYPOINTS_ALONE
    from trcaugment.datasets.paired import is_paired
    from trcaugment.evaluation.baselines import LINEAR_MAP, MEAN_OFFSETS
    from trcaugment.evaluation.run import TRUTH
    from trcaugment.osim.package import load_opensim

    taken = [name for name in others if name in (*models, LINEAR_MAP, MEAN_OFFSETS, TRUTH, KEYPOINTS_ALONE)]
    if taken:
        raise click.UsageError(f"--predicted: the name {taken[0]} is taken; choose another.")
    if (others or angles) and truth is None and not is_paired(path):
        raise click.UsageError("--predicted and --angles are for whole trials: TRC files with their true markers.")
    if angles:
        load_opensim()


def with_angles(
    found: Evaluation, data: TrialSet | Dataset, predictors: Mapping[str, Predictor], jobs: int
) -> Evaluation:
    """The same with the errors of joint angles of the trials that could be evaluated."""
    from trcaugment.conversion.angle_errors import evaluate_angles, n_solved
    from trcaugment.conversion.pools import local_pool
    from trcaugment.evaluation.trials import TrialSet

    if not isinstance(data, TrialSet):  # check_beside has refused this
        return found
    trials = [trial for trial in data.trials if trial.name not in found.failed]
    with local_pool(jobs, apart=True) as pool, progress("Solving", n_solved(trials, predictors)) as step:
        angles = evaluate_angles(trials, predictors, pool, jobs, step)
    return replace(
        found,
        scores=[*found.scores, *angles.scores],
        failed=found.failed | angles.failed,
        notes=(*found.notes, *angles.notes),
    )
