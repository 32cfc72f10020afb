"""The work of a batch, shared out in tasks; what a task cannot do together is tried trial by trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import torch

from trcaugment.conversion.convert import convert
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.trials import Conversion, Outcome, Settings
from trcaugment.errors import TrcAugmentError
from trcaugment.model.folder import Model, load_model

# Enough that reading and writing overlap with the network, and few enough that nobody waits for the last task.
_MOST_TRIALS, _TASKS_PER_WORKER = 32, 4
_BYTES_PER_PROCESS = 4_000_000  # keypoints of three minutes


@dataclass(frozen=True)
class Work:
    """What every task needs; sent to other processes, which load the model themselves.

    Attributes:
        model: name or folder.
        device: "auto", "cpu", "cuda" or "mps".
        settings: how trials are converted.
    """

    model: str
    device: str
    settings: Settings


def useful_jobs(conversions: Sequence[Conversion], jobs: int) -> int:
    """So many of the processes that each has work for longer than it takes to start."""
    n_bytes = 0
    for conversion in conversions:
        with suppress(OSError, ValueError):  # reading it will say why
            n_bytes += conversion.source.stat().st_size
    return max(1, min(jobs, n_bytes // _BYTES_PER_PROCESS))


def run(conversions: Sequence[Conversion], work: Work, pool: Pool, n_workers: int) -> Iterator[Outcome]:
    """Convert trials in a pool, and yield what became of each as it is done.

    A task that fails as a whole, because its process died or for a reason that nobody foresaw, is tried again trial by
    trial; a trial with which that happens again has failed.
    """
    n_trials = max(1, min(_MOST_TRIALS, len(conversions) // (_TASKS_PER_WORKER * n_workers)))
    tasks = [conversions[first : first + n_trials] for first in range(0, len(conversions), n_trials)]
    running: dict[Future[list[Outcome]], Sequence[Conversion]] = {pool.submit(_do, task, work): task for task in tasks}
    again: set[Future[list[Outcome]]] = set()
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            error = future.exception()
            if error is None:
                yield from future.result()
            elif future in again:
                yield Outcome(task[0], failure=f"{task[0].source}: {_unforeseen(error)}")
            else:
                alone = {pool.submit(_do, [each], work): [each] for each in task}
                running |= alone
                again |= set(alone)


def _unforeseen(error: BaseException) -> str:
    if isinstance(error, TrcAugmentError):  # of a worker elsewhere, where the model is not there, say
        return str(error)
    return (
        f"the process that worked on it died, or something unforeseen happened ({type(error).__name__}: {error}). "
        "If there is memory enough, please report it with this file."
    )


def _do(task: Sequence[Conversion], work: Work) -> list[Outcome]:
    torch.set_num_threads(1)  # there are as many processes as there is room for
    return list(convert(task, loaded_model(work.model, work.device), work.settings))


@cache
def loaded_model(name_or_folder: str, device: str) -> Model:
    """A model, loaded once in every process.

    Raises:
        ModelError: as `load_model` does.
    """
    return load_model(name_or_folder, device)
