"""Pools that run the tasks of a batch: this process, several processes, or a Dask cluster, with one interface."""

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

_CONNECT_TIMEOUT_S = 10  # for the scheduler, and again for its first worker
# A task holds its trial, and Dask would warn of tasks over 10 MB: half an hour of markers.
_LARGE_TASKS, _LARGEST_TASK = "distributed.admin.large-graph-warning-threshold", "1 GB"
_GRACE_S = 5  # how long Ctrl-C waits for running tasks; enough for most


class Pool(Protocol):
    """Runs functions in the background."""

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        """Call a function in the background. If its process dies, its future raises; other tasks go on."""


@contextmanager
def local_pool(jobs: int, apart: bool = False) -> Iterator[Pool]:
    """A pool on this machine: threads of this process for one job, else processes.

    Args:
        jobs: number of tasks at once.
        apart: use another process even for one job, for tasks that might crash or ignore Ctrl-C.
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
    """A pool on a running Dask cluster, and the number of tasks that it runs at once.

    The workers need this package and must see the same files under the same paths. If a worker dies, Dask gives its
    task to another; after several deaths in a row the task raises.

    Raises:
        ClusterError: dask is not installed, nothing answers at the address, or the workers have another
            version of the package.
        CancelledError: the connection to the scheduler was lost.
    """
    try:
        from dask import config
        from distributed.client import Client, ClosedClientError
        from distributed.comm.addressing import resolve_address
    except ImportError as error:
        raise ClusterError('--dask needs the extra "cluster": pip install "trcaugment[cluster]"') from error
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what users need to know is raised as an error
    try:
        resolve_address(address)  # a client with a malformed address takes half a minute to close
        client = Client(address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False)
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
        client.wait_for_workers(1, timeout=_CONNECT_TIMEOUT_S)
        versions = set(client.run(this_tool).values())
    except TimeoutError as error:
        raise ClusterError(f"the Dask cluster at {address} has no workers; start some") from error
    except ImportError as error:
        raise ClusterError(f"the workers at {address} need this package too: install it there ({error})") from error
    if versions != {this_tool()}:
        others = ", ".join(sorted(versions))
        raise ClusterError(f"expected {this_tool()} on the workers at {address}, found {others}; install the same")


class _Processes:
    """One process per thread: if one dies, for example for lack of memory, only its task fails; a new one starts."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._own = threading.local()
        self._all: dict[ProcessPoolExecutor, int] = {}  # running executors -> process id
        self._tasks: WeakSet[Future[Any]] = WeakSet()

    def submit(self, function: Callable[..., Any], /, *args: Any) -> Future[Any]:
        task = self._threads.submit(self._call, function, *args)
        self._tasks.add(task)
        return task

    def kill(self) -> None:
        """Terminate all processes after a short wait for running tasks. Outputs are replaced whole, never in part."""
        try:
            wait([task for task in self._tasks if task.running()], timeout=_GRACE_S)
        finally:  # also after a second Ctrl-C
            for process_id in list(self._all.values()):
                with suppress(OSError):
                    os.kill(process_id, signal.SIGTERM)

    def end(self) -> None:
        """Shut down all processes once their tasks are done."""
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
        process = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_set_up)
        if hasattr(signal, "pthread_sigmask"):  # a starting process would die of Ctrl-C
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._all[process] = process.submit(os.getpid).result()
        return process


def _set_up() -> None:
    """Set up a worker process: it ignores Ctrl-C, which the parent handles, and ends when the parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
