"""The example that the shipped model's stored output is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trcaugment import Markers, Subject

EXAMPLES = Path(__file__).parents[1] / "examples"
GOLDEN = Path(__file__).parent / "golden" / "walk_first_second.npy"
GOLDEN_ARMS = GOLDEN.with_name("walk_arms_first_second.npy")
SUBJECT = Subject(1.584, 58.32)


def part(markers: Markers, start: int, stop: int) -> Markers:
    """Some frames of a trial."""
    return replace(markers, positions=markers.positions[start:stop], time_s=markers.time_s[start:stop])
