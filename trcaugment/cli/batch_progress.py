"""What `trcaugment batch` shows while it works: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from trcaugment.cli.screen import say

if TYPE_CHECKING:
    from trcaugment.conversion.trials import Outcome

_LINE_EVERY_S = 30.0


class BatchProgress:
    """Trials done, frames per second and time left, for the length of a `with` block."""

    def __init__(self, n_trials: int, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("", total=n_trials)
        self._n_trials, self._n_done, self._n_converted, self._n_frames = n_trials, 0, 0, 0
        self._begun_s = self._told_s = time.monotonic()

    def __enter__(self) -> BatchProgress:
        if self._console.is_interactive:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._console.is_interactive:  # elsewhere it would leave an empty line
            self._bar.stop()
        if self._n_frames and not self._quiet:
            passed_s = time.monotonic() - self._begun_s
            say(f"{self._n_frames} frames in {passed_s:.1f} s, {self._n_frames / passed_s:,.0f} a second", err=True)

    def add(self, outcome: Outcome) -> None:
        """A trial is done."""
        self._n_done += 1
        if outcome.sidecar is not None and not outcome.kept:
            self._n_frames += outcome.sidecar.input.n_frames
        if not outcome.kept:
            self._n_converted += 1
        now_s = time.monotonic()
        rate = f"{self._n_frames / max(now_s - self._begun_s, 1e-3):,.0f} frames/s"
        self._bar.update(self._task, advance=1, description=rate)
        if not self._quiet and not self._console.is_interactive and now_s - self._told_s > _LINE_EVERY_S:
            self._told_s = now_s
            # What was kept took no time.
            each_s = (now_s - self._begun_s) / max(self._n_converted, 1)
            left_min = each_s * (self._n_trials - self._n_done) / 60
            say(f"{self._n_done} of {self._n_trials} trials, {rate}, about {left_min:.0f} min left", err=True)
