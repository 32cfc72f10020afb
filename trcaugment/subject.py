"""The person in the video: height and mass, checked against likely mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trcaugment.errors import SubjectError

# A wide net: it must hold children and giants, and keep out every other unit.
HEIGHT_RANGE_M = (0.5, 2.5)
MASS_RANGE_KG = (5.0, 350.0)
# Units that people are likely to have meant.
_METERS = {"cm": 0.01, "mm": 0.001, "inches": 0.0254, "feet": 0.3048}
_KILOGRAMS = {"g": 0.001, "pounds": 0.4536}


@dataclass(frozen=True)
class Subject:
    """A person.

    Attributes:
        height_m: standing height in m.
        mass_kg: body mass in kg.

    Raises:
        SubjectError: a value is not that of a person; the message names the likely meaning.
    """

    height_m: float
    mass_kg: float

    def __post_init__(self) -> None:
        _check("height", self.height_m, HEIGHT_RANGE_M, "m", _METERS)
        _check("mass", self.mass_kg, MASS_RANGE_KG, "kg", _KILOGRAMS)


@dataclass(frozen=True)
class StatedSubject:
    """What is known of a person, and who says so.

    Attributes:
        height_m: standing height in m; None if it has to be estimated from the keypoints.
        mass_kg: body mass in kg.
        height_source: where the height comes from, such as "subjects.csv, line 3".
        mass_source: where the mass comes from.
    """

    height_m: float | None
    mass_kg: float
    height_source: str
    mass_source: str

    def check(self) -> None:
        """Make sure that it is a person.

        Raises:
            SubjectError: as `Subject` does; a height that is yet to be estimated cannot be wrong.
        """
        Subject(HEIGHT_RANGE_M[0] if self.height_m is None else self.height_m, self.mass_kg)


def _check(what: str, value: float, limits: tuple[float, float], unit: str, others: dict[str, float]) -> None:
    low, high = limits
    if low <= value <= high:
        return
    message = f"{what} must lie between {low:g} and {high:g} {unit}, found {value:g}"
    if math.isfinite(value) and value > 0:
        for name, factor in others.items():
            # A narrower range than the check's own: a guess should be a likely one.
            if 1.6 * low <= value * factor <= 0.92 * high:
                raise SubjectError(f"{message}. If that is in {name}, write {value * factor:.4g} ({unit}).")
    raise SubjectError(f"{message}.")
