"""Tables of `trcaugment batch`: the plan before, the failures after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from trcaugment.cli.screen import say, show
from trcaugment.conversion.folder import CSV_FILE, JSON_FILE
from trcaugment.conversion.report import count

if TYPE_CHECKING:
    from trcaugment.conversion.plan import Plan
    from trcaugment.conversion.report import Angles, Row
    from trcaugment.subject import StatedSubject


def show_plan(plan: Plan) -> None:
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
    _show(("trial", "subject", "height", "mass", "these come from", "output"), rows)
    _show(("not converted", "why"), [(each.name, each.reason) for each in plan.left_out])
    n_failed = sum(each.failed for each in plan.left_out)
    others = len(plan.left_out) - n_failed
    say(f"{_trials(len(plan.trials))} to convert, {n_failed} that cannot be, {others} left out on purpose")


def show_result(rows: Sequence[Row], folder: Path) -> bool:
    """What failed and why, what guards found, and a line of counts; whether all went well."""
    failed = [row for row in rows if row.result == "failed"]
    without_angles = [row for row in rows if row.angles == "failed"]
    _show(("no joint angles", "why"), [(row.trial, row.angles_reason or "") for row in without_angles])
    _show(("failed", "why"), [(row.trial, row.reason or "") for row in failed])
    _show_findings(rows)
    counts = ", ".join(f"{n} {result}" for result, n in sorted(count(rows).items()))
    say(f"{counts or 'no trials'}; see {folder / CSV_FILE} and {JSON_FILE}")
    interrupted = any("not reached" in (row.result, row.angles) for row in rows)
    return not failed and not without_angles and not interrupted


def describe(angles: Angles) -> str:
    """What became of inverse kinematics, in words."""
    if angles.ik_marker_rms_m is not None:
        return f"{angles.angles}, marker RMS {1000 * angles.ik_marker_rms_m:.1f} mm"
    return f"{angles.angles}: {angles.angles_reason}" if angles.angles_reason else angles.angles


def _show_findings(rows: Sequence[Row]) -> None:
    """In how many trials which guard found something; the messages stand in the report and the sidecars."""
    n_of = Counter(finding.guard for row in rows for finding in row.findings)
    if n_of:
        n_trials = sum(bool(row.findings) for row in rows)
        guards = ", ".join(f"{guard} in {n}" for guard, n in n_of.most_common())
        say(f"look twice at {_trials(n_trials)}, where guards found something: {guards}; see findings in the report")


def _show(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    table = Table(box=box.SIMPLE)
    for head in heads:
        table.add_column(head, overflow="fold")  # of a path every character counts
    for row in rows:
        table.add_row(*row)
    show(table)


def _trials(n: int) -> str:
    return f"{n} trial{'s' if n != 1 else ''}"


def _height(person: StatedSubject) -> str:
    return "to be estimated" if person.height_m is None else f"{person.height_m:g} m"


def _sources(person: StatedSubject) -> str:
    return ", ".join(dict.fromkeys((person.height_source, person.mass_source)))
