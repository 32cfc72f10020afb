"""Pages of a batch: a report beside each marker file, and an index of the cohort, worst trials first."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import msgspec

from trcaugment.conversion.pools import Pool
from trcaugment.conversion.report import Row, count
from trcaugment.conversion.run import loaded_model
from trcaugment.errors import ConversionError, TrcAugmentError
from trcaugment.formats.files import read_file, replace_file, report_path, sidecar_path, why_not_written
from trcaugment.formats.outputs import in_the_way
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M
from trcaugment.pages.html import GENERATOR, render
from trcaugment.pages.making import report_of

INDEX_FILE = "batch_report.html"
_BAD = ("failed", "not reached")


class Entry(msgspec.Struct, frozen=True):
    """A row of the index.

    Attributes:
        trial: its name.
        link: the report's path from the index; empty if there is none.
        subject: name of the subject.
        result: what became of it.
        reason: why it failed, or has no angles or report.
        findings: guards that found something, each once.
        known: percentage of frames with predicted markers; None if it failed.
        rms_mm: marker error of inverse kinematics; None without.
        max_mm: the largest; None without.
        over: whether these are over the usual limits.
        badness: decides the order: the higher, the worse.
    """

    trial: str
    link: str
    subject: str
    result: str
    reason: str
    findings: list[str]
    known: float | None
    rms_mm: float | None
    max_mm: float | None
    over: bool
    badness: float


def check_pages(targets: Sequence[Path], output: Path, *, overwrite: bool) -> None:
    """Check that no page would replace a file that is none of ours.

    Raises:
        ConversionError: one would, and `overwrite` is not set.
    """
    for page in (output / INDEX_FILE, *map(report_path, targets)):
        if not overwrite and page.exists() and not _is_ours(page):
            raise ConversionError(in_the_way(page, "it is no page of trcaugment"))


def write_pages(
    motions: Mapping[Path, Path | None], model: str, device: str, pool: Pool
) -> Iterator[tuple[Path, str | None]]:
    """Write the reports of marker files in a pool, but for those that are newer than what they show.

    Args:
        motions: marker file -> its joint angles, if there are any.
        model: the model that predicted them, as `Work` has it.
        device: likewise.
        pool: runs tasks.

    Yields:
        Marker files, each with the reason why it has no report, if so.
    """
    tasks = {}
    for markers, motion in motions.items():
        if _is_current(report_path(markers), [markers, sidecar_path(markers), *([motion] if motion else [])]):
            yield markers, None
        else:
            tasks[pool.submit(_write_page, markers, motion, model, device)] = markers
    for task in as_completed(tasks):
        error = task.exception()
        yield tasks[task], task.result() if error is None else f"{type(error).__name__}: {error}"


def write_index(output: Path, rows: Sequence[Row], failures: Mapping[Path, str | None]) -> None:
    """Write the index of a cohort.

    Args:
        output: the batch's folder.
        rows: of the report.
        failures: marker file -> why it has no report; None if it has one.

    Raises:
        OSError: the folder cannot be written.
    """
    entries = sorted((_entry(row, output, failures) for row in rows), key=lambda each: (-each.badness, each.trial))
    page = render(
        "cohort.html.j2",
        title=output.absolute().name,
        entries=entries,
        counts=sorted(count(rows).items()),
        n_found=sum(bool(each.findings) for each in entries),
        n_over=sum(each.over for each in entries),
        with_angles=any(row.angles for row in rows),
        limits=(1000 * RMS_LIMIT_M, 1000 * MAX_LIMIT_M),
    )
    replace_file(output / INDEX_FILE, page)


def _write_page(markers: Path, motion: Path | None, model: str, device: str) -> str | None:
    """Why there is no report; None if it was written."""
    page = report_path(markers)
    try:
        replace_file(page, report_of(markers, motion, model=loaded_model(model, device)))
    except TrcAugmentError as error:
        return str(error)
    except OSError as error:
        return f"{page} {why_not_written(error)}"
    return None


def _entry(row: Row, output: Path, failures: Mapping[Path, str | None]) -> Entry:
    markers = Path(row.output) if row.output else None
    failure = failures.get(markers) if markers else None
    has_page = markers is not None and markers in failures and failure is None
    link = os.path.relpath(report_path(markers), output) if has_page and markers else ""
    findings = list(dict.fromkeys(each.guard for each in row.findings))
    known = 100 * row.n_frames_predicted / row.n_frames if row.n_frames and row.n_frames_predicted is not None else None
    rms_mm, max_mm = (None if m is None else 1000 * m for m in (row.ik_marker_rms_m, row.ik_marker_max_m))
    return Entry(
        trial=row.trial,
        link=quote(Path(link).as_posix()) if link else "",
        subject=row.subject or "",
        result=row.result,
        reason="; ".join(filter(None, (row.reason, row.angles_reason, failure))),
        findings=findings,
        known=known,
        rms_mm=rms_mm,
        max_mm=max_mm,
        over=bool(row.ik_over_limits),
        badness=_badness(row, len(findings), known),
    )


def _badness(row: Row, n_findings: int, known: float | None) -> float:
    """What failed comes first, then marker errors over the limits, findings, and frames without markers."""
    lost = 0.0 if known is None else (100 - known) / 100
    failed = 100.0 * (row.result in _BAD) + 50.0 * (row.angles in _BAD)
    return failed + 10.0 * bool(row.ik_over_limits) + n_findings + lost + (row.ik_marker_rms_m or 0.0)


def _is_ours(page: Path) -> bool:
    with suppress(OSError):
        return GENERATOR.encode() in read_file(page)[:1000]
    return False


def _is_current(page: Path, sources: Sequence[Path]) -> bool:
    """Whether a page of ours is newer than what it shows."""
    try:
        made = page.stat().st_mtime_ns
        return _is_ours(page) and all(source.stat().st_mtime_ns <= made for source in sources)
    except OSError:
        return False
