"""Fixtures that several test files share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

from trcaugment.model.card import Card

# Before torch is loaded: on a busy machine, several threads that wait for each other take minutes instead of seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a shell says of colors and widths would change what commands print.
for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
    os.environ.pop(name, None)

# A shell's background job ignores Ctrl-C, and so would all that tests start: they would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something about the machine, not about the code. The same examples come each time, so
# that a test fails by what was changed; --hypothesis-profile=default looks for new ones.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings of other people, which lie beside the repository and are no part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the recordings in ../shared/data, which are no part of the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def opensim() -> ModuleType:
    """OpenSim, silent, and without the opensim.log that it would leave in the working folder."""
    module = pytest.importorskip("opensim", reason="there is no opensim wheel for this platform")
    module.Logger.removeFileSink()
    module.Logger.setLevelString("off")
    return module


_LINEAR_PATH_BATCHES = 30  # in earnest 100, which would take most of the time of a short run


@pytest.fixture
def short_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear path from fewer windows."""
    monkeypatch.setattr("trcaugment.training.data._LINEAR_PATH_BATCHES", _LINEAR_PATH_BATCHES)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Card]:
    """One uninterrupted run of the tiny recipe: recipe, folder, card."""
    from training_runs import write_recipe

    from trcaugment.training.run import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trcaugment.training.data._LINEAR_PATH_BATCHES", _LINEAR_PATH_BATCHES)
        base = tmp_path_factory.mktemp("finished")
        recipe = write_recipe(base)
        return recipe, base / "run", train(recipe, base / "run")
