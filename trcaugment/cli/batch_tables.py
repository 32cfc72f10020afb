"""Tables of `trcaugment batch`: the plan before, the failures after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from trcaugment.cli.screen import Summary, counted
from trcaugment.conversion.folder import CSV_FILE, FINDINGS_FILE, JSON_FILE
from trcaugment.conversion.report import count

if TYPE_CHECKING:
    from trcaugment.conversion.plan import Plan
    from trcaugment.conversion.report import Angles, Row
    from trcaugment.subject import StatedSubject


def show_plan(plan: Plan, summary: Summary) -> None:
    """Every trial with its person and output, then what is left out and why."""
    rows = [
        (
            trial.name,
            trial.subject_name,
            _height(trial.conversion.person),
            f"{trial.conversion.person.mass_kg:g} kg",
            _sources(trial.conversion.person),
            str(trial.conversion.target),
        )
        for trial in plan.trials
    ]
    _show(summary, ("trial", "subject", "height", "mass", "these come from", "output"), rows)
    _show(summary, ("not converted", "why"), [(each.name, each.reason) for each in plan.left_out])
    n_failed = sum(each.failed for each in plan.left_out)
    others = len(plan.left_out) - n_failed
    summary.say(
        f"{counted(len(plan.trials), 'trial')} to convert, {n_failed} that cannot be, {others} left out on purpose"
    )


def show_result(rows: Sequence[Row], folder: Path, summary: Summary) -> None:
    """What guards found, limits that were exceeded, and a line of counts; first what failed, even if it is quiet."""
    failed = [row for row in rows if row.result == "failed"]
    without_angles = [row for row in rows if row.angles == "failed"]
    failures = summary.loud()
    _show(failures, ("no joint angles", "why"), [(row.trial, row.angles_reason or "") for row in without_angles])
    _show(failures, ("failed", "why"), [(row.trial, row.reason or "") for row in failed])
    _show_findings(rows, summary)
    over = [row.trial for row in rows if row.ik_over_limits]
    if over:
        listed = ", ".join(over)
        summary.say(f"look twice at {counted(len(over), 'trial')}, whose marker errors are over the limits: {listed}")
    counts = ", ".join(f"{n} {result}" for result, n in sorted(count(rows).items()))
    summary.say(f"{counts or 'no trials'}; see {folder / CSV_FILE} and {JSON_FILE}")


def describe(angles: Angles) -> str:
    """What became of inverse kinematics, in words."""
    if angles.ik_marker_rms_m is not None:
        over = f", over the limits: {angles.ik_over_limits}" if angles.ik_over_limits else ""
        return f"{angles.angles}, marker RMS {1000 * angles.ik_marker_rms_m:.1f} mm{over}"
    return f"{angles.angles}: {angles.angles_reason}" if angles.angles_reason else str(angles.angles)


def _show_findings(rows: Sequence[Row], summary: Summary) -> None:
    """In how many trials which guard found something; the messages stand in the report and the sidecars."""
    n_of = Counter(finding.guard for row in rows for finding in row.findings)
    if n_of:
        n_trials = sum(bool(row.findings) for row in rows)
        guards = ", ".join(f"{guard} in {n}" for guard, n in n_of.most_common())
        summary.say(
            f"look twice at {counted(n_trials, 'trial')}, where guards found something: {guards}; see {FINDINGS_FILE}"
        )


def _show(summary: Summary, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = Table(box=box.SIMPLE)
    for head in heads:
        table.add_column(head, overflow="fold")  # of a path every character counts
    for row in rows:
        table.add_row(*row)
    summary.show(table)


def _height(person: StatedSubject) -> str:
    return "to be estimated" if person.height_m is None else f"{person.height_m:g} m"


def _sources(person: StatedSubject) -> str:
    return ", ".join(dict.fromkeys((person.height_source, person.mass_source)))
