"""Starts further training processes: one for each additional GPU, or sharing the CPU.

`torch.multiprocessing` starts them. Lightning's DDP reads rank and address from environment variables, as with
`torchrun`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Semaphore
from typing import Any

import torch
from torch.multiprocessing.spawn import ProcessContext, ProcessException, ProcessRaisedException, start_processes

from trcaugment.errors import TrainingError

_GRACE_S = 20.0
_POLL_S = 0.1


@contextmanager
def start_others(n_processes: int, work: Callable[[Callable[[], Any]], object]) -> Iterator[Callable[[], None]]:
    """Start the other processes of a training run. They end with the `with` block, and if this process dies.

    Args:
        n_processes: number of processes, including this one.
        work: runs in each of the other processes; it must be picklable, and call its argument when ready to train.

    Yields:
        A function that waits until all processes are ready. Without it, DDP would wait half an hour for a dead process.

    Raises:
        TrainingError: one of the other processes ended early.
    """
    if n_processes == 1:
        yield lambda: None
        return
    from lightning.fabric.plugins.environments.lightning import find_free_network_port  # slow, so not in the others

    before, n_threads = dict(os.environ), torch.get_num_threads()
    n_threads_each = max(1, n_threads // n_processes)
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port())}
    os.environ.update(meeting | {"LOCAL_RANK": "0", "NODE_RANK": "0", "OMP_NUM_THREADS": str(n_threads_each)})
    torch.set_num_threads(n_threads_each)
    ready = multiprocessing.get_context("spawn").Semaphore(0)
    with _ignored_ctrl_c():
        others: ProcessContext = start_processes(  # type: ignore[no-untyped-call]
            _work, (work, ready, n_threads_each), nprocs=n_processes - 1, join=False
        )
    try:
        yield lambda: _wait(others, ready)
        _raise_if_ended(others, within_s=_GRACE_S)
    except RuntimeError:  # torch raises it if another process is gone
        _raise_if_ended(others, within_s=1.0)
        raise
    finally:
        for process in others.processes:
            process.kill()
            process.join()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
        torch.set_num_threads(n_threads)
        os.environ.clear()
        os.environ.update(before)


def _work(index: int, work: Callable[[Callable[[], Any]], object], ready: Semaphore, n_threads: int) -> None:
    """Entry point of another process."""
    threading.Thread(target=_end_with_the_first_process, daemon=True).start()
    warnings.simplefilter("ignore")  # the first process shows the same ones
    torch.set_num_threads(n_threads)
    os.environ["LOCAL_RANK"] = str(index + 1)
    work(ready.release)


def _end_with_the_first_process() -> None:
    """End this process when its parent ends, even if the parent was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _wait(others: ProcessContext, ready: Semaphore) -> None:
    for _ in others.processes:
        while not ready.acquire(timeout=_POLL_S):
            _raise_if_ended(others)


def _raise_if_ended(others: ProcessContext, within_s: float = 0.0) -> None:
    """Check whether another process has failed, or fails within the given time.

    Raises:
        TrainingError: one has; the message names it.
    """
    try:
        others.join(within_s, grace_period=0.0)
    except ProcessException as error:
        where = f"process {error.error_index + 2} of {len(others.processes) + 1}"
        if isinstance(error, ProcessRaisedException):  # the last line of the traceback is "class: message"
            raise TrainingError(f"{where} failed: {error.msg.strip().splitlines()[-1].partition(': ')[2]}") from error
        raise TrainingError(f"{where} ended with {error.msg.partition('terminated with ')[2]}") from error


@contextmanager
def _ignored_ctrl_c() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C: the first process handles it and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
