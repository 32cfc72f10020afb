"""Imports the package opensim, which is optional."""

from __future__ import annotations

from typing import Any

from trcaugment.errors import OsimError

_HOW_TO_GET = (
    "this needs the package opensim. Install it with: pip install opensim (Linux on x86-64, Windows), or where pip "
    "finds none, as on macOS: conda install -c opensim-org opensim"
)


def load_opensim() -> Any:
    """Import opensim, and stop it from writing an `opensim.log` into the working folder.

    Raises:
        OsimError: it is not installed or does not load; the message says how to install it.
    """
    try:
        import opensim
    except (ImportError, OSError) as error:
        raise OsimError(f"{_HOW_TO_GET} ({error})") from error
    opensim.Logger.removeFileSink()
    return opensim
