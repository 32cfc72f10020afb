"""Where the work of a batch is done: in this process, in several, or on a Dask cluster; all take tasks alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from trcaugment.errors import ClusterError


class Pool(Protocol):
    """Takes tasks."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called; a task whose process dies raises, and harms no other."""


@contextmanager
def local_pool(jobs: int) -> Iterator[Pool]:
    """This process if it shall be one, else several; tasks that have begun are finished before the block ends."""
    with ThreadPoolExecutor(jobs) as threads:
        processes = _Processes(threads)
        try:
            yield threads if jobs == 1 else processes
        except BaseException:
            threads.shutdown(cancel_futures=True)
            raise
        finally:
            threads.shutdown()
            processes.end()


@contextmanager
def dask_pool(address: str) -> Iterator[tuple[Pool, int]]:
    """A Dask cluster that is there already, and the number of tasks that it can do at once.

    Its workers need this package and see the same files under the same paths.

    Raises:
        ClusterError: dask is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError('--dask needs the extra "cluster": pip install "trcaugment[cluster]"') from error
    try:
        client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"expected a Dask scheduler at {address}, found none ({error})") from error
    with client:
        n_threads = sum(client.nthreads().values())
        if not n_threads:
            raise ClusterError(f"the Dask cluster at {address} has no workers; start some")
        yield client.get_executor(pure=False), n_threads


_PATIENCE_S = 10


class _Processes:
    """One process per thread: if one dies, for lack of memory say, just its task is lost, and another one starts."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._own = threading.local()
        self._all: list[ProcessPoolExecutor] = []

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        return self._threads.submit(self._call, function, *args)

    def end(self) -> None:
        for process in self._all:
            process.shutdown()

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if getattr(self._own, "process", None) is None:
            # Not forked: the parent may have loaded torch, and has threads.
            context = multiprocessing.get_context("spawn")
            self._own.process = ProcessPoolExecutor(1, mp_context=context, initializer=_begin)
            self._all.append(self._own.process)
        try:
            return self._own.process.submit(function, *args).result()
        except BrokenProcessPool:
            self._own.process = None
            raise


def _begin() -> None:
    """Ctrl-C is for the parent, which lets us finish; without a parent there is nothing left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
