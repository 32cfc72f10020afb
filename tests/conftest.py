"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

import pytest

# Before torch is loaded: on a busy machine, several threads that wait for each other take minutes instead of seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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
