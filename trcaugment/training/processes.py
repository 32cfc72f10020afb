"""Other processes that train with this one: one for each further GPU or share of the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment, find_free_network_port
from lightning.pytorch.strategies import DDPStrategy

from trcaugment.errors import RecipeError, TrainingError
from trcaugment.training.recipe import Recipe

READY = b"ready\n"
_GRACE_S = 20.0


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of a run must know.

    Attributes:
        recipe: the recipe.
        base: folder where the recipe's relative paths begin.
        folder: folder of the run.
        resume: go on from the last checkpoint.
        n_processes: how many there are.
        rank: number of this one; number 0 was started by the user and alone writes.
        port: where they meet, on this machine.
    """

    recipe: Recipe
    base: str
    folder: str
    resume: bool
    n_processes: int = 1
    rank: int = 0
    port: int = 0

    def strategy(self) -> DDPStrategy | str:
        """Lightning's strategy for this process."""
        if self.n_processes == 1:
            return "auto"
        return DDPStrategy(cluster_environment=_Here(self))


class _Here(LightningEnvironment):
    """Tells Lightning which process this is. Its own launchers would run the user's command again, or pickle all."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        self._main_port = job.port

    @property
    def creates_processes_externally(self) -> bool:
        return True

    @property
    def main_address(self) -> str:
        return "127.0.0.1"

    @property
    def main_port(self) -> int:
        return self._main_port

    def local_rank(self) -> int:
        return self._job.rank

    def node_rank(self) -> int:
        return 0


def check_devices(recipe: Recipe, n: int) -> None:
    """Make sure that n processes can train together.

    Raises:
        RecipeError: the machine has fewer GPUs, or batches cannot be shared out evenly.
    """
    n_gpus = torch.cuda.device_count()
    if n_gpus and n > n_gpus:
        raise RecipeError(f"expected at most {n_gpus} devices, as many as this machine has GPUs, found {n}")
    if n < 1 or recipe.optimization.batch_windows % n:
        raise RecipeError(
            f"{n} devices cannot share batches of {recipe.optimization.batch_windows} windows evenly; choose another "
            "number of devices, or another optimization.batch_windows"
        )


@dataclass
class Workers:
    """The other processes of a run.

    Attributes:
        job: the work of this process.
        processes: the others, in order of rank.
        errors: what they say, each in a file.
    """

    job: Job
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    errors: list[IO[bytes]] = field(default_factory=list)

    def wait(self) -> None:
        """Wait until all have their data: training with one that died before would wait for it for long.

        Raises:
            TrainingError: one has ended.
        """
        for process in self.processes:
            assert process.stdout is not None
            if process.stdout.readline() != READY:
                process.wait()
                self.raise_if_ended()

    def raise_if_ended(self, within_s: float = 0.0) -> None:
        """Say so if one has ended, or does so soon.

        Raises:
            TrainingError: it has.
        """
        for rank, (process, errors) in enumerate(zip(self.processes, self.errors, strict=True), start=1):
            try:
                code = process.wait(within_s)
            except subprocess.TimeoutExpired:
                continue
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            where = f"process {rank + 1} of {self.job.n_processes}"
            raise TrainingError(f"{where} ended with code {code}: {said[-1]}")


@contextmanager
def start_workers(job: Job) -> Iterator[Workers]:
    """Start the other processes of a job; none of them outlives the `with` block, nor this process.

    Raises:
        TrainingError: one of them ended early.
    """
    if job.n_processes == 1:
        yield Workers(job)
        return
    before, n_threads = dict(os.environ), torch.get_num_threads()
    n_threads_each = max(1, n_threads // job.n_processes)
    job = msgspec.structs.replace(job, port=find_free_network_port())
    workers = Workers(job)
    with ExitStack() as files:
        try:
            torch.set_num_threads(n_threads_each)
            for rank in range(1, job.n_processes):
                workers.errors.append(files.enter_context(tempfile.TemporaryFile()))
                other = msgspec.structs.replace(job, rank=rank)
                workers.processes.append(_start(other, n_threads_each, workers.errors[-1]))
            yield workers
            for process in workers.processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_S)
        except RuntimeError:  # of torch, when another process is gone
            workers.raise_if_ended(within_s=1.0)
            raise
        finally:
            for process in workers.processes:
                process.kill()
                process.communicate()
            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
            torch.set_num_threads(n_threads)
            os.environ.clear()  # Lightning leaves the address of the meeting there
            os.environ.update(before)


def _start(job: Job, n_threads: int, errors: IO[bytes]) -> subprocess.Popen[bytes]:
    package = Path(__file__).parents[2]
    environment: dict[str, Any] = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "OMP_NUM_THREADS": str(n_threads),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "trcaugment.training.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the first process, which ends the others
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    process.stdin.flush()
    return process
