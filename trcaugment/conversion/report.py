"""The report of a batch: one row per trial, with its result and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from trcaugment.conversion.folder import CSV_FILE, FINDINGS_FILE, JSON_FILE
from trcaugment.conversion.plan import Plan, PlannedTrial
from trcaugment.conversion.sidecar import GuardFinding, read_origin
from trcaugment.conversion.trials import Outcome
from trcaugment.formats.files import as_csv, as_json, replace_file

# Fields of a row of which the table of trials shows the number.
_LISTS = ("notes", "findings", "scaling_notes", "ik_notes")
_FINDING_COLUMNS = ("trial", "found_by", "message", "first_frame", "last_frame")
Result = Literal["converted", "kept", "failed", "left out", "not reached"]


class Angles(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a trial's inverse kinematics.

    Attributes:
        angles: solved; kept (an earlier run solved the same file); failed; or not reached (interrupted). None if none
            were asked for.
        ik_marker_rms_m: root mean square distance of the model's markers from the trial's.
        ik_marker_max_m: the largest of these distances.
        ik_over_limits: which of them are over the usual limits.
        scaling_notes: what was used for scaling, and what is odd about the factors.
        ik_parts: into how many motion files long gaps part the trial.
        ik_notes: what was interpolated, left out or not measured.
        angles_reason: why it failed.
    """

    angles: Literal["solved", "kept", "failed", "not reached"] | None = None
    ik_marker_rms_m: float | None = None
    ik_marker_max_m: float | None = None
    ik_over_limits: str | None = None
    scaling_notes: tuple[str, ...] = ()
    ik_parts: int | None = None
    ik_notes: tuple[str, ...] = ()
    angles_reason: str | None = None


class Row(Angles, frozen=True, kw_only=True):
    """One row of the report: what became of a trial, and of its angles with --ik.

    Attributes:
        trial: its name, relative to the folder of trials. For entries that are not trials: the file name.
        result: converted; kept (an earlier run made the same output); failed; left out on purpose; or not reached
            (the batch was interrupted).
        reason: why it failed or was left out.
        subject: name of the subject.
        height_m: height that was used.
        height_source: where the height comes from.
        height_error_m: half width of the 95 % interval, if it was estimated.
        mass_kg: mass that was used.
        mass_source: where the mass comes from.
        output: marker file.
        n_frames: frames of the trial.
        n_frames_predicted: frames with predicted markers.
        notes: what the reader repaired or found odd, such as rows that break off.
        findings: what the guards found.
    """

    trial: str
    result: Result
    reason: str | None = None
    subject: str | None = None
    height_m: float | None = None
    height_source: str | None = None
    height_error_m: float | None = None
    mass_kg: float | None = None
    mass_source: str | None = None
    output: str | None = None
    n_frames: int | None = None
    n_frames_predicted: int | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[GuardFinding, ...] = ()

    def in_order(self) -> dict[str, object]:
        """The fields, the trial's own first."""
        values = msgspec.structs.asdict(self)
        angles = {name: values.pop(name) for name in Angles.__struct_fields__}
        return values | angles


_COLUMNS = tuple(Row(trial="", result="failed").in_order())


def make_rows(plan: Plan, outcomes: Mapping[Path, Outcome], angles: Mapping[Path, Angles]) -> list[Row]:
    """Rows of all trials, sorted by name.

    Args:
        plan: the trials.
        outcomes: target -> outcome, of the trials that the batch reached.
        angles: target -> result of inverse kinematics.
    """
    rows = [
        Row(trial=each.name, result="failed" if each.failed else "left out", reason=each.reason)
        for each in plan.left_out
    ]
    for trial in plan.trials:
        target = trial.conversion.target
        rows.append(_row(trial, outcomes.get(target), angles.get(target)))
    return sorted(rows, key=lambda row: row.trial)


def count(rows: Sequence[Row]) -> Counter[Result]:
    """Number of trials per result."""
    return Counter(row.result for row in rows)


def went_well(rows: Sequence[Row]) -> bool:
    """Whether nothing failed and all was reached."""
    return not any({"failed", "not reached"} & {row.result, row.angles} for row in rows)


def write_report(folder: Path, rows: Sequence[Row]) -> None:
    """Write `batch_report.csv` and `.json`, with a row a trial, and `batch_findings.csv`, with a row a finding or note.

    Raises:
        OSError: the folder cannot be written.
    """
    names = [f"n_{name}" if name in _LISTS else name for name in _COLUMNS]
    cells = ([_cell(value) for value in row.in_order().values()] for row in rows)
    replace_file(folder / CSV_FILE, as_csv([names, *cells]))
    replace_file(folder / FINDINGS_FILE, as_csv([_FINDING_COLUMNS, *(each for row in rows for each in _findings(row))]))
    replace_file(folder / JSON_FILE, as_json(account(rows)))


def account(rows: Sequence[Row]) -> dict[str, object]:
    """The report as JSON has it."""
    return {"counts": count(rows), "trials": [row.in_order() for row in rows]}


def _cell(value: object) -> object:
    """One value: of a list its length."""
    return len(value) if isinstance(value, tuple) else value


def _findings(row: Row) -> Iterator[tuple[object, ...]]:
    """Messages about a trial, by their source; a row for each run of frames, or one for the whole trial."""
    for note in row.notes:
        yield row.trial, "reader", note, None, None
    for note in row.scaling_notes:
        yield row.trial, "scaling", note, None, None
    for note in row.ik_notes:
        yield row.trial, "ik", note, None, None
    for finding in row.findings:
        for first, last in finding.frames or ((None, None),):
            yield row.trial, finding.guard, finding.message, first, last


def _row(trial: PlannedTrial, outcome: Outcome | None, angles: Angles | None) -> Row:
    person = trial.conversion.person
    row = Row(
        trial=trial.name,
        result="not reached",
        subject=trial.subject_name,
        height_m=person.height_m,
        height_source=person.height_source,
        mass_kg=person.mass_kg,
        mass_source=person.mass_source,
        **(msgspec.structs.asdict(angles) if angles else {}),
    )
    if outcome is None:
        return row
    sidecar = outcome.sidecar
    if sidecar is None:
        target = trial.conversion.target
        earlier = read_origin(target) is not None and target.exists()
        reason = f"{outcome.failure} (an earlier output is still there)" if earlier else outcome.failure
        return msgspec.structs.replace(row, result="failed", reason=reason)
    return msgspec.structs.replace(
        row,
        result="kept" if outcome.kept else "converted",
        height_m=sidecar.subject.height_m,
        height_error_m=sidecar.subject.height_error_m,
        output=str(trial.conversion.target),
        n_frames=sidecar.input.n_frames,
        n_frames_predicted=sidecar.output.n_frames_predicted,
        notes=sidecar.input.notes,
        findings=sidecar.findings,
    )
