"""Pages of `trcaugment batch --report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trcaugment.cli.screen import Summary, progress, say
from trcaugment.pages.angles import find_motion
from trcaugment.pages.cohort import INDEX_FILE, write_index, write_pages

if TYPE_CHECKING:
    from trcaugment.conversion.people import PlannedPerson
    from trcaugment.conversion.pools import Pool
    from trcaugment.conversion.report import Row
    from trcaugment.conversion.run import Work


def write_trial_pages(
    done: Sequence[Path], everybody: Sequence[PlannedPerson], work: Work, pool: Pool
) -> dict[Path, str | None]:
    """A page on each trial: marker file -> why it has none, if so."""
    solved = {
        path: find_motion(each.person.folder / f"{name}.trc")
        for each in everybody
        for name, path in each.person.trials.items()
    }
    pages: dict[Path, str | None] = {}
    with progress("Writing pages", len(done)) as step:
        for target, failure in write_pages({path: solved.get(path) for path in done}, work.model, work.device, pool):
            pages[target] = failure
            step()
    return pages


def write_cohort_page(output: Path, rows: Sequence[Row], pages: dict[Path, str | None], summary: Summary) -> None:
    """The index of all; says which trials have no page, and why."""
    write_index(output, rows, pages)
    for target, failure in pages.items():
        if failure:
            say(f"{click.style('no report', fg='red')}  {target}: {failure}", err=True)
    summary.say(f"pages: {output / INDEX_FILE}")
