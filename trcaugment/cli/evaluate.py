"""`trcaugment evaluate`: how good models are on people whose markers are known."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from trcaugment.cli.evaluate_beside import check_beside, read_others, with_angles
from trcaugment.cli.options import jobs_option, make_summary, overwrite_option, report_options
from trcaugment.cli.outputs import check_figure, check_outputs, write_output
from trcaugment.cli.screen import track
from trcaugment.errors import MarkersError, ModelError, OsimError, SubjectError, TrcAugmentError
from trcaugment.formats.files import as_csv, as_json
from trcaugment.formats.trials import TRIAL_ENDS

if TYPE_CHECKING:
    from trcaugment.datasets.dataset import Dataset
    from trcaugment.evaluation.predicted import PredictedFiles, Predictor
    from trcaugment.evaluation.run import Evaluation
    from trcaugment.evaluation.trials import TrialSet
    from trcaugment.marker_sets import MarkerSet
    from trcaugment.model.folder import Model
    from trcaugment.subject import Subject

_FOUND = click.Path(exists=True, path_type=Path)
_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True)
class _Question:
    """What is to be evaluated: a data set, or trials of a subject with their truth; and which markers are compared."""

    path: Path
    truth: Path | None
    subject: Subject | None
    names: dict[str, str]
    marker_set: MarkerSet


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for, by the options' names."""

    path: Path
    model_names: tuple[str, ...]
    truth: Path | None
    height: float | None
    mass: float | None
    names: tuple[str, ...]
    predicted: tuple[str, ...]
    angles: bool
    jobs: int
    test_of: Path | None
    csv_file: Path | None
    figure_file: Path | None
    overwrite: bool
    quiet: bool
    json_file: Path | None


@click.command(short_help="Measure models on people whose markers are known.")
@click.argument("path", metavar="PATH", type=_FOUND)
@click.option(
    "--model", "model_names", metavar="MODEL", multiple=True, help="A shipped model or a model folder; repeat."
)
@click.option(
    "--truth", type=_FOUND, metavar="TRC|FOLDER", help="True markers of PATH, a keypoint file or folder of them."
)
@click.option("--height", type=float, metavar="M", help="With --truth: height of the person in m.")
@click.option("--mass", type=float, metavar="KG", help="With --truth: mass of the person in kg.")
@click.option(
    "--names", multiple=True, metavar="CSV|OURS=THEIRS", help="A true marker's name, or a CSV file of them; repeat."
)
@click.option(
    "--predicted",
    multiple=True,
    metavar="NAME=TRC|FOLDER",
    help="Another program's markers for the same trials; repeat.",
)
@click.option("--angles", is_flag=True, help="Also compare joint angles, by OpenSim.")
@jobs_option("With --angles: trials solved at once.")
@click.option("--test-of", type=_FOUND, metavar="SPLIT", help="Only the test subjects in a training run's split.json.")
@click.option("--csv", "csv_file", type=_FILE, metavar="FILE", help="Write all scores as a tidy table.")
@click.option(
    "--figure", "figure_file", type=_FILE, metavar="FILE", help="Draw the errors by marker (.png, .pdf, .svg)."
)
@overwrite_option
@report_options
def evaluate(**given: Any) -> None:
    """Measure models on people whose anatomical markers are known, beside two simple baselines.

    PATH is a data set of any layout, or, with --truth, a TRC or C3D file of keypoints, or a folder of them. Prints
    MPME, coordinate RMSE, steadiness of rigid distances and jitter, overall and by marker, activity and subject. With
    --angles predicted and true markers, and the keypoints alone, go through the same scaling and inverse kinematics.
    """
    asked = _Asked(**given)
    others = read_others(asked.predicted)
    _check_files(asked, others)
    summary = make_summary(asked.quiet, asked.json_file)
    try:
        subject = _person(asked.path, asked.truth, (asked.height, asked.mass))
        models = _load_models(asked.model_names)
        check_beside(asked.path, asked.truth, models, others, angles=asked.angles)
        question = _ask(asked.path, asked.truth, subject, asked.names, models)
    except (SubjectError, ModelError, MarkersError, OsimError) as error:
        raise click.UsageError(str(error)) from error
    try:
        found = _answer(question, asked, models, others)
    except TrcAugmentError as error:
        raise click.ClickException(str(error)) from error
    if found.scores:
        from trcaugment.cli.evaluate_tables import show

        _write_files(asked, found, models)  # first the files, as the screen may be a pipe that somebody closes
        show(summary, found)
    for name, reason in found.failed.items():
        click.echo(f"{click.style('failed', fg='red')}  {name}: {reason}", err=True)
    if found.failed:
        click.echo(f"{len(found.failed)} of {len(found.failed) + found.n_pieces} trials are left out.", err=True)
        sys.exit(1)


def _check_files(asked: _Asked, others: Mapping[str, PredictedFiles]) -> None:
    targets = [target for target in (asked.json_file, asked.csv_file, asked.figure_file) if target]
    read = [each for each in (asked.path, asked.truth, asked.test_of) if each]
    read += [each.place for each in others.values()] + [Path(each) for each in asked.names]
    check_outputs(targets, read, asked.overwrite)
    if asked.figure_file:
        check_figure(asked.figure_file)


def _answer(
    question: _Question, asked: _Asked, models: dict[str, Model], others: dict[str, PredictedFiles]
) -> Evaluation:
    console = Console(stderr=True)
    with console.status("Reading"):
        data = _read(question)
        if asked.test_of:
            data = _only_test(data, asked.test_of)
    with console.status("Fitting the baselines"):
        from trcaugment.evaluation.baselines import make_baselines

        baselines = {model.card.name: model for model in make_baselines(question.marker_set)}
    found = _evaluate(data, models, others, baselines)
    return with_angles(found, data, {**models, **others}, asked.jobs) if asked.angles else found


def _write_files(asked: _Asked, found: Evaluation, models: dict[str, Model]) -> None:
    from trcaugment.figures.errors import draw_errors
    from trcaugment.figures.figures import as_file

    if asked.json_file:
        write_output(asked.json_file, _as_json(found, models))
    if asked.csv_file:
        write_output(asked.csv_file, _as_csv(found))
    if asked.figure_file:
        write_output(asked.figure_file, as_file(draw_errors(found), check_figure(asked.figure_file)))


def _ask(
    path: Path, truth: Path | None, subject: Subject | None, names: Sequence[str], models: Mapping[str, Model]
) -> _Question:
    """What is to be compared: the markers of the model that predicts most."""
    from trcaugment.evaluation.truth import read_names

    sets = {model.card.output_set: model.card.markers for model in models.values()}
    marker_set = max(sets.values(), key=len)
    if not set(marker_set).issuperset(name for each in sets.values() for name in each):
        raise ModelError(f"expected a model that predicts all markers of the others, found {' and '.join(sets)}")
    return _Question(path, truth, subject, read_names(names, marker_set), marker_set)


def _person(path: Path, truth: Path | None, size: tuple[float | None, float | None]) -> Subject | None:
    """The person of a trial with its truth; checks which options go together."""
    from trcaugment.subject import Subject

    height, mass = size
    if truth is None:
        if path.suffix.casefold() in TRIAL_ENDS:
            raise click.UsageError(f"{path} is a trial; say with --truth where its true markers are.")
        if height is not None or mass is not None:
            raise click.UsageError("--height and --mass go with --truth; a data set knows its subjects.")
        return None
    if height is None or mass is None:
        raise click.UsageError("--truth needs --height and --mass of the person.")
    return Subject(height, mass)


def _load_models(names: Sequence[str]) -> dict[str, Model]:
    """The models by the names on their cards, or as they were asked for where two have the same."""
    import torch

    from trcaugment.evaluation.baselines import LINEAR_MAP, MEAN_OFFSETS
    from trcaugment.evaluation.run import TRUTH
    from trcaugment.model.card import DEFAULT_MODEL
    from trcaugment.model.folder import load_model

    torch.set_num_threads(1)  # as for predict: on a busy machine several wait for each other
    loaded = {name: load_model(name) for name in names or (DEFAULT_MODEL,)}
    taken = [LINEAR_MAP, MEAN_OFFSETS, TRUTH, *(model.card.name for model in loaded.values())]
    return {model.card.name if taken.count(model.card.name) == 1 else name: model for name, model in loaded.items()}


def _read(question: _Question) -> TrialSet | Dataset:
    """Whole trials where there are TRC files, else windows."""
    from trcaugment.datasets.paired import is_paired
    from trcaugment.datasets.reading import load_dataset
    from trcaugment.evaluation.trials import read_paired_folder, read_person

    if question.truth is not None and question.subject is not None:
        return read_person(question.path, question.truth, question.subject, question.names, question.marker_set)
    if is_paired(question.path):
        return read_paired_folder(question.path, question.names, question.marker_set)
    if question.names:
        raise click.UsageError("--names is for true TRC files; there are none.")
    return load_dataset(question.path, question.marker_set)


def _only_test(data: TrialSet | Dataset, split_file: Path) -> TrialSet | Dataset:
    """The trials or windows of people that a training run kept for the test."""
    from trcaugment.datasets.splits import read_split
    from trcaugment.errors import DatasetError
    from trcaugment.evaluation.trials import TrialSet

    test = read_split(split_file).test
    if isinstance(data, TrialSet):
        data = replace(data, trials=[trial for trial in data.trials if trial.subject_name in test])
        found = bool(data.trials)
    else:
        data = replace(data, window_set=data.window_set.of_subjects(test))
        found = bool(len(data.window_set))
    if not found:
        raise DatasetError(f"{split_file}: expected test subjects of this data set, found {', '.join(test) or 'none'}")
    return data


def _evaluate(
    data: TrialSet | Dataset,
    models: dict[str, Model],
    others: dict[str, PredictedFiles],
    baselines: dict[str, Model],
) -> Evaluation:
    from trcaugment.evaluation.run import evaluate_trials, evaluate_windows
    from trcaugment.evaluation.trials import TrialSet

    progress = track("Evaluating")
    if isinstance(data, TrialSet):
        everything: dict[str, Predictor] = {**models, **others, **baselines}
        found = evaluate_trials(data.trials, everything, data.marker_set, progress)
        return replace(found, failed=data.failed | found.failed, notes=(*data.notes, *found.notes))
    return evaluate_windows(data, models | baselines, progress)


def _as_csv(found: Evaluation) -> bytes:
    from trcaugment.evaluation.scores import Score

    names = [field.name for field in fields(Score)]
    # Empty where there is no number.
    return as_csv([names, *([None if cell != cell else cell for cell in astuple(score)] for score in found.scores)])


def _as_json(found: Evaluation, models: dict[str, Model]) -> bytes:
    import msgspec

    checksums = {name: model.card.sha256 for name, model in models.items()}
    return as_json({"sha256": checksums, **msgspec.to_builtins(found)})
