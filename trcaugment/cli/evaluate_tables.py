"""What `trcaugment evaluate` shows: one table of all models, then MPME by group."""

from __future__ import annotations

import math

from rich.box import SIMPLE_HEAD
from rich.table import Table

from trcaugment.cli.screen import Summary, counted
from trcaugment.evaluation.angles import ANGLE_RMSE, COORDINATE, OFFSET_FREE
from trcaugment.evaluation.baselines import LINEAR_MAP, MEAN_OFFSETS
from trcaugment.evaluation.budget import ALL_MARKERS, BIASES, BUDGET, COMMON, CONSTANT, MOVING
from trcaugment.evaluation.run import TRUTH, Evaluation
from trcaugment.evaluation.scores import Score
from trcaugment.evaluation.sums import JITTER, MPME, NOT_PREDICTED, RIGID, RMSE

_MEASURES = {
    "MPME (mm)": MPME,
    "coordinate RMSE (mm)": RMSE,
    "rigid distance SD (mm)": RIGID,
    "acceleration (m/s²)": JITTER,
}
_ANGLES = {"RMSE (deg)": ANGLE_RMSE, "offset-free RMSE (deg)": OFFSET_FREE}
_GROUPS = ("part", "marker", "activity", "subject")
_MOST_ROWS = 40


def show(summary: Summary, found: Evaluation) -> None:
    """Print all tables and notes."""
    people = counted(found.n_people, "subject")
    intervals = "; in brackets 95 % intervals by bootstrap over subjects" if found.n_people > 1 else ""
    summary.say(f"{found.n_pieces} {found.pieces[: -1 if found.n_pieces == 1 else None]} of {people}{intervals}")
    scores = {(score.model, score.group_kind, score.group, score.metric): score for score in found.scores}
    _show_overall(summary, found, scores)
    for kind in _GROUPS:
        groups = list(dict.fromkeys(score.group for score in found.scores if score.group_kind == kind))
        if len(groups) > 1:
            _show_groups(summary, found, scores, (kind, groups))
    for name in found.models:
        if name not in (LINEAR_MAP, MEAN_OFFSETS):
            _show_budget(summary, scores, name)
    _show_angles(summary, scores)
    for note in found.notes:
        summary.say(f"note: {note}")


_Scores = dict[tuple[str, str, str, str], Score]


def _show_overall(summary: Summary, found: Evaluation, scores: _Scores) -> None:
    columns = (*found.models, TRUTH)
    table = _table("overall", columns)
    for title, metric in _MEASURES.items():
        table.add_row(title, *(_cell(scores.get((name, "overall", "all", metric))) for name in columns))
    table.add_row("not predicted", *(_missed(scores.get((name, "overall", "all", NOT_PREDICTED))) for name in columns))
    summary.show(table)


def _show_angles(summary: Summary, scores: _Scores) -> None:
    """RMSE of joint angles, with and without offset, by coordinate and by subject."""
    models = tuple(dict.fromkeys(model for model, _, _, metric in scores if metric == ANGLE_RMSE))
    if not models:
        return
    summary.say("joint angles of predicted beside true markers, both through the same scaling and inverse kinematics")
    for title, metric in _ANGLES.items():
        for kind in (COORDINATE, "subject"):
            names = list(dict.fromkeys(group for _, of, group, what in scores if (of, what) == (kind, metric)))
            if kind == "subject" and len(names) == 1:
                continue
            table = _table(f"{title} by {kind}", models)
            for name in names:
                table.add_row(name, *(_cell(scores.get((model, kind, name, metric))) for model in models))
            table.add_section()
            table.add_row("mean", *(_cell(scores.get((model, "overall", "all", metric))) for model in models))
            summary.show(table)


def _show_groups(summary: Summary, found: Evaluation, scores: _Scores, groups: tuple[str, list[str]]) -> None:
    kind, names = groups
    table = _table(f"MPME (mm) by {kind}", found.models)
    for name in names[:_MOST_ROWS]:
        table.add_row(name, *(_cell(scores.get((model, kind, name, MPME))) for model in found.models))
    summary.show(table)
    if len(names) > _MOST_ROWS:
        summary.say(f"and {len(names) - _MOST_ROWS} more {kind}s; --csv and --json have them all")


def _show_budget(summary: Summary, scores: _Scores, model: str) -> None:
    """What of a model's errors is a common bias, stays with a person, and moves."""
    markers = list(dict.fromkeys(group for name, kind, group, _ in scores if (name, kind) == (model, BUDGET)))
    if not markers:
        return
    titles = ("forward", "up", "outward", "constant", "moving", "people")
    summary.say(f"error budget of {model}: true minus predicted in the frames of the segments, mm")
    table = _table("marker", titles)
    for marker in markers:
        of_marker = {
            metric: scores.get((model, BUDGET, marker, metric)) for metric in (*BIASES, COMMON, CONSTANT, MOVING)
        }
        axes = [_bias(of_marker[metric]) for metric in BIASES]
        constant = of_marker[CONSTANT]
        table.add_row(
            f"{marker} (mean)" if marker == ALL_MARKERS else marker,
            *(["", "", f"size {_cell(of_marker[COMMON])}"] if marker == ALL_MARKERS else axes),
            *(_cell(of_marker[metric]) for metric in (CONSTANT, MOVING)),
            str(constant.n if constant else 0),
        )
    summary.show(table)


def _bias(score: Score | None) -> str:
    if score is None:
        return "-"
    return f"{score.value:+.0f}" + (
        f" ({score.low:+.0f} {score.high:+.0f})" if score.low is not None and score.high is not None else ""
    )


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(title, no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _cell(score: Score | None) -> str:
    if score is None or math.isnan(score.value):
        return "-"
    low, high = score.low, score.high
    interval = f" ({_number(low)}-{_number(high)})" if low is not None and high is not None else ""
    return _number(score.value) + interval


def _number(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _missed(score: Score | None) -> str:
    if score is None:
        return "-"
    return f"{score.value:.0f} of {score.n}" if score.value else "0"
