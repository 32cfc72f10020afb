"""Converts the trials of a batch in a pool; the trials of a task that crashes are tried again one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from trcaugment.conversion.convert import convert
from trcaugment.conversion.pools import Pool
from trcaugment.conversion.trials import Conversion, Outcome, Settings
from trcaugment.errors import TrcAugmentError
from trcaugment.model.card import find_folder, read_card
from trcaugment.model.folder import Model, load_model

# Trials per task: enough that reading and writing overlap with the network, few enough that all workers end together.
_MOST_TRIALS, _TASKS_PER_WORKER = 32, 4
_BYTES_PER_PROCESS = 4_000_000  # three minutes of keypoints: less work than starting a process is worth


@dataclass(frozen=True)
class Work:
    """What every task needs. It is sent to other processes, which load the model themselves.

    Attributes:
        model: name of a shipped model, or folder.
        device: "cpu", "cuda" or "mps".
        settings: how to convert.
    """

    model: str
    device: str
    settings: Settings


def useful_jobs(conversions: Sequence[Conversion], jobs: int) -> int:
    """The number of processes, at most `jobs`, that have enough work to be worth starting."""
    n_bytes = 0
    for conversion in conversions:
        with suppress(OSError, ValueError):  # reading it later reports the error
            n_bytes += conversion.source.stat().st_size
    return max(1, min(jobs, n_bytes // _BYTES_PER_PROCESS))


def run(conversions: Sequence[Conversion], work: Work, pool: Pool, n_workers: int) -> Iterator[Outcome]:
    """Convert trials in a pool; yields the outcome of each as it is done.

    If a whole task fails, because its process died or by an unexpected error, its trials are tried again one by one;
    a trial that fails again is reported as failed.
    """
    n_trials = max(1, min(_MOST_TRIALS, len(conversions) // (_TASKS_PER_WORKER * n_workers)))
    tasks = [conversions[first : first + n_trials] for first in range(0, len(conversions), n_trials)]
    running: dict[Future[list[Outcome]], Sequence[Conversion]] = {pool.submit(_do, task, work): task for task in tasks}
    second_tries: set[Future[list[Outcome]]] = set()
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            task = running.pop(future)
            error = future.exception()
            if error is None:
                yield from future.result()
            elif future in second_tries:
                yield Outcome(task[0], failure=f"{task[0].source}: {_unforeseen(error)}")
            else:
                alone = {pool.submit(_do, [each], work): [each] for each in task}
                running |= alone
                second_tries |= set(alone)


def _unforeseen(error: BaseException) -> str:
    if isinstance(error, TrcAugmentError):  # for example a cluster worker without the model
        return str(error)
    return (
        f"the process that worked on it died, or something unforeseen happened ({type(error).__name__}: {error}). "
        "If there is memory enough, please report it with this file."
    )


def _do(task: Sequence[Conversion], work: Work) -> list[Outcome]:
    return list(convert(task, loaded_model(work.model, work.device), work.settings))


def loaded_model(name_or_folder: str, device: str) -> Model:
    """Load a model, once per process; again if its folder holds another by now, since workers of a cluster live long.

    Raises:
        ModelError: as `load_model` does.
    """
    return _load(name_or_folder, device, read_card(find_folder(name_or_folder)).sha256)


@cache
def _load(name_or_folder: str, device: str, _sha256: str) -> Model:
    return load_model(name_or_folder, device)
