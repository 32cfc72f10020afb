"""Tasks that go wrong by the name of a trial; light to import, for the processes that they run in."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trcaugment.conversion.ik import Person
    from trcaugment.conversion.run import Work
    from trcaugment.conversion.trials import Conversion, Outcome
    from trcaugment.markers import Markers
    from trcaugment.osim.ik import MarkerErrors
    from trcaugment.osim.tasks import Tasks


def do(task: Sequence[Conversion], work: Work) -> list[Outcome]:
    """What `batch.run._do` does, but for `killed`, `killed_once`, `raises` and `sleeps`."""
    from trcaugment.conversion.convert import convert
    from trcaugment.conversion.run import loaded_model

    for each in task:
        match each.source.stem:
            case "killed":
                die()
            case "killed_once":
                die_once(each.source.with_suffix(".once"))
            case "raises":
                raise KeyError("nobody foresaw this")
            case "sleeps":
                tell_and_sleep(each.source.with_suffix(".pid"))
    return list(convert(task, loaded_model(work.model, work.device), work.settings))


def solve(name: str, trial: Markers, person: Person, tasks: Tasks) -> MarkerErrors:
    """What `conversion.ik._solve` does, but for `killed`."""
    from trcaugment.conversion.ik import _solve

    if name == "killed":
        die()
    return _solve(name, trial, person, tasks)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(mark: Path) -> str:
    if not mark.exists():
        mark.touch()
        die()
    return "done"


def tell_and_sleep(mark: Path) -> None:
    mark.with_suffix(".part").write_text(str(os.getpid()))
    mark.with_suffix(".part").replace(mark)
    time.sleep(600)
