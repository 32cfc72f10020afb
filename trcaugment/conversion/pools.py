"""Where the work of a batch is done: in this process, in several, or on a Dask cluster; all take tasks alike."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from weakref import WeakSet

from trcaugment.errors import ClusterError

_PATIENCE_S = 10  # for a scheduler and its first worker
# A trial of half an hour goes to a worker as it is; Dask would warn of tasks of more than 10 MB.
_LARGE_TASKS, _LARGEST_TASK = "distributed.admin.large-graph-warning-threshold", "1 GB"
_GRACE_S = 5  # after Ctrl-C: enough to finish most tasks, and nobody waits longer


class Pool(Protocol):
    """Takes tasks."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Have a function called; a task whose process dies raises, and harms no other."""


@contextmanager
def local_pool(jobs: int, apart: bool = False) -> Iterator[Pool]:
    """This process if it shall be one, else several.

    Args:
        jobs: number of processes.
        apart: whether even one shall be a process of its own, for tasks that might crash or never listen to Ctrl-C.
    """
    with ThreadPoolExecutor(jobs) as threads:
        processes = _Processes(threads)
        try:
            yield processes if apart or jobs > 1 else threads
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            processes.kill()
            raise
        finally:
            threads.shutdown()
            processes.end()


@contextmanager
def dask_pool(address: str) -> Iterator[tuple[Pool, int]]:
    """A Dask cluster that is there already, and the number of tasks that it can do at once.

    Its workers need this package and see the same files under the same paths. After a worker's death Dask itself gives
    its task to another one, and after several deaths in a row the task raises.

    Raises:
        ClusterError: dask is not installed, nothing answers at the address, or the workers have not this version of
            the package.
        CancelledError: the scheduler was lost on the way.
    """
    try:
        from dask import config
        from distributed.client import Client, ClosedClientError
        from distributed.comm.addressing import resolve_address
    except ImportError as error:
        raise ClusterError('--dask needs the extra "cluster": pip install "trcaugment[cluster]"') from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters to people becomes an error
    try:
        resolve_address(address)  # a client that was given none takes half a minute to end
        client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"expected a Dask scheduler at {address}, found none ({error})") from error
    with config.set({_LARGE_TASKS: _LARGEST_TASK}), client:
        _check_workers(client, address)
        try:
            yield client.get_executor(pure=False), sum(client.nthreads().values())
        except ClosedClientError as error:
            raise CancelledError from error


def _check_workers(client: Any, address: str) -> None:
    from trcaugment.conversion.sidecar import this_tool  # with torch, which new processes should not wait for

    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
        found = set(client.run(this_tool).values())
    except TimeoutError as error:
        raise ClusterError(f"the Dask cluster at {address} has no workers; start some") from error
    except ImportError as error:
        raise ClusterError(f"the workers at {address} need this package too: install it there ({error})") from error
    if found != {this_tool()}:
        others = ", ".join(sorted(found))
        raise ClusterError(f"expected {this_tool()} on the workers at {address}, found {others}; install the same")


class _Processes:
    """One process per thread: if one dies, for lack of memory say, just its task is lost, and another one starts."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._own = threading.local()
        self._all: dict[ProcessPoolExecutor, int] = {}  # those that live, with their processes' numbers
        self._tasks: WeakSet[Future[Any]] = WeakSet()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        task = self._threads.submit(self._call, function, *args)
        self._tasks.add(task)
        return task

    def kill(self) -> None:
        """Ends all processes, tasks that have begun if they are not done soon; no output is ever half-written."""
        try:
            wait([task for task in self._tasks if task.running()], timeout=_GRACE_S)
        finally:  # a second Ctrl-C
            for number in list(self._all.values()):
                with suppress(OSError):
                    os.kill(number, signal.SIGTERM)

    def end(self) -> None:
        """Ends all processes, which are done."""
        for process in list(self._all):
            process.shutdown()

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if getattr(self._own, "process", None) is None:
            self._own.process = self._start()
        try:
            return self._own.process.submit(function, *args).result()
        except BrokenProcessPool:
            del self._all[self._own.process]
            self._own.process = None
            raise

    def _start(self) -> ProcessPoolExecutor:
        # Not forked: the parent may have loaded torch, and has threads.
        process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin)
        if hasattr(signal, "pthread_sigmask"):  # Ctrl-C is not for a process that is about to begin either
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._all[process] = process.submit(os.getpid).result()
        return process


def _begin() -> None:
    """Ctrl-C is for the parent, which lets us finish; without a parent there is nothing left to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
