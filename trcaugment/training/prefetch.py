"""Batches made in advance by threads. Torch releases Python's lock during tensor operations, so threads suffice."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Indexed(Protocol[T_co]):
    """A sequence of batches that can be made in any order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> T_co: ...


class Prefetched(Generic[T_co]):
    """Iterates over batches in order, while threads make the next ones.

    Unlike worker processes, threads need no copy of the motions and no special treatment of Ctrl-C.
    """

    def __init__(self, dataset: Indexed[T_co]) -> None:
        """Prefetch the batches of `dataset`, whose content must depend on their index alone."""
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[T_co]:
        # One core is left to the network. Two threads are 1.7 times as fast as one; many wait for Python's lock.
        n_threads = max(1, min(4, (os.cpu_count() or 1) - 1))
        pool = ThreadPoolExecutor(n_threads, thread_name_prefix="batches")
        try:
            coming = deque(pool.submit(self.dataset.__getitem__, k) for k in range(min(2 * n_threads, len(self))))
            for k in range(len(self)):
                batch = coming.popleft().result()
                if k + 2 * n_threads < len(self):
                    coming.append(pool.submit(self.dataset.__getitem__, k + 2 * n_threads))
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)
