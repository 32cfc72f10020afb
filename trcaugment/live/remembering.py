"""Remembers what a network said of the last windows, which the next frames of a stream need again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trcaugment.model.engines import Engine

Values = NDArray[np.float32]
_MOST_WINDOWS = 48  # a window and its mirror image are of use for three pieces of a stream, of four windows each


class RememberingEngine:
    """An `Engine` that runs a network only for windows that it has not just seen, bit by bit the same."""

    def __init__(self, engine: Engine) -> None:
        """Run this engine for the others."""
        self._engine = engine
        self._known: dict[tuple[str, bytes], Values] = {}

    def run(self, features: Values, output: str) -> Values:
        """As in `Engine`."""
        keys = [(output, window.tobytes()) for window in features]
        new = [k for k, key in enumerate(keys) if key not in self._known]
        if new:
            self._known |= zip([keys[k] for k in new], self._engine.run(features[new], output), strict=True)
        values = np.stack([self._known[key] for key in keys])
        for key in list(self._known)[:-_MOST_WINDOWS]:
            del self._known[key]
        return values
