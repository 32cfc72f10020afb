"""Processes beside the first one of a training run: none is left behind, and one that fails is named."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from beside import fail, stay

from trcaugment.errors import TrainingError
from trcaugment.training.processes import start_others


def test_a_process_that_cannot_begin_is_named_with_its_reason():
    with (
        pytest.raises(TrainingError, match=r"^process 2 of 2 failed: expected \.mot files, found none$"),
        start_others(2, fail) as wait,
    ):
        wait()
    assert multiprocessing.active_children() == []


def test_ctrl_c_is_for_the_first_process_and_a_killed_one_is_named():
    environment = dict(os.environ)
    with (
        pytest.raises(TrainingError, match=r"^process 2 of 2 ended with signal SIGKILL$"),
        start_others(2, stay) as wait,
    ):
        wait()
        (other,) = multiprocessing.active_children()
        os.kill(other.pid, signal.SIGINT)
        other.join(0.2)
        assert other.is_alive()
        other.kill()
        raise RuntimeError("Connection closed by peer")  # as gloo has it
    assert dict(os.environ) == environment


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the other process in /proc")
def test_kill_9_of_the_first_process_ends_the_other():
    script = f"""
import multiprocessing, os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from beside import stay
from trcaugment.training.processes import start_others
with start_others(2, stay) as wait:
    wait()
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    deadline = time.monotonic() + 120
    while is_alive(killed.stdout.strip()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(killed.stdout.strip())


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
