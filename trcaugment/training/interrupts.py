"""Ctrl-C, and SIGTERM from batch systems, end training with KeyboardInterrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer


@contextmanager
def interruptible() -> Iterator[Callback]:
    """Restore Python's Ctrl-C: Lightning 2.6 turns it into SystemExit and ignores every later Ctrl-C.

    Yields:
        A callback that the trainer needs.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    handler = signal.getsignal(signal.SIGINT) or signal.default_int_handler
    try:
        yield _Interrupts()
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from error
    finally:
        if _in_main_thread():
            signal.signal(signal.SIGINT, handler)


class _Interrupts(Callback):
    """Ends the first process at Ctrl-C or SIGTERM; that process ends the others.

    By itself, Lightning 2.6 would end with exit code 0 at SIGTERM, and with several processes wait for the others
    inside the signal handler. And Python drops an exception that is raised while an object is finalized, such as the
    iterator over the batches at the end of an epoch: an interrupt that comes just then is raised again at the next
    batch.
    """

    def __init__(self) -> None:
        self._came = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals."""
        if not _in_main_thread():
            return
        if trainer.is_global_zero and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._come)
        signal.signal(signal.SIGTERM, self._come if trainer.is_global_zero else signal.SIG_IGN)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Raise the interrupt that was lost."""
        if self._came:
            raise KeyboardInterrupt

    def _come(self, *_: object) -> None:
        self._came = True
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
