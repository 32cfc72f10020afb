"""What the processes beside the first one do in tests; they import it by name."""

import time

from trcaugment.errors import TrainingError


def fail(ready):
    raise TrainingError("expected .mot files, found none")


def stay(ready):
    ready()
    time.sleep(600)
