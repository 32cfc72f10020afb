"""A further process of a run: `python -m trcaugment.training.worker`, with the job on standard input."""

from __future__ import annotations

import os
import sys
import threading
import warnings

import msgspec

from trcaugment.errors import TrcAugmentError
from trcaugment.training.processes import READY, Job
from trcaugment.training.run import fit, make_data, memory_errors_told, new_network


def main() -> int:
    """Train this process's share of every batch."""
    warnings.simplefilter("ignore")  # the first process shows them
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    threading.Thread(target=_end_with_the_first_process, daemon=True).start()
    try:
        with memory_errors_told():
            data = make_data(job)
            sys.stdout.buffer.write(READY)
            sys.stdout.buffer.flush()
            # Its weights come from the first process.
            fit(job, new_network(job.recipe), data)
    except TrcAugmentError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _end_with_the_first_process() -> None:
    """Even if that was killed: then its end of the pipe is closed."""
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
