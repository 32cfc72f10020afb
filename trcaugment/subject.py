"""The person in the video: height and mass, checked against likely mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trcaugment.errors import SubjectError

# Wide enough for children and very tall people, narrow enough to reject a value in another unit.
HEIGHT_RANGE_M = (0.5, 2.5)
MASS_RANGE_KG = (5.0, 350.0)
# Factors to m and kg of other units, to suggest what was meant.
_METERS = {"cm": 0.01, "mm": 0.001, "inches": 0.0254, "feet": 0.3048}
_KILOGRAMS = {"g": 0.001, "pounds": 0.4536}


@dataclass(frozen=True)
class Subject:
    """Height and mass of one person.

    Attributes:
        height_m: standing height in m.
        mass_kg: body mass in kg.

    Raises:
        SubjectError: a value is outside `HEIGHT_RANGE_M` or `MASS_RANGE_KG`; the message suggests the unit that was
            probably meant.

    Example:
        >>> from trcaugment import Subject
        >>> Subject(height_m=1.584, mass_kg=58.32)
        Subject(height_m=1.584, mass_kg=58.32)
        >>> Subject(height_m=158, mass_kg=58.32)
        Traceback (most recent call last):
            ...
        trcaugment.errors.SubjectError: height must lie between 0.5 and 2.5 m, found 158. If ...
    """

    height_m: float
    mass_kg: float

    def __post_init__(self) -> None:
        _check("height", self.height_m, HEIGHT_RANGE_M, "m", _METERS)
        _check("mass", self.mass_kg, MASS_RANGE_KG, "kg", _KILOGRAMS)


@dataclass(frozen=True)
class StatedSubject:
    """Height and mass of a person as they were stated, and where.

    Attributes:
        height_m: standing height in m; None if it is to be estimated from the keypoints.
        mass_kg: body mass in kg.
        height_source: where the height comes from, such as "subjects.csv, line 3".
        mass_source: where the mass comes from.
    """

    height_m: float | None
    mass_kg: float
    height_source: str
    mass_source: str

    def check(self) -> None:
        """Check that the stated values are within the range of people.

        Raises:
            SubjectError: as for `Subject`; a height that is still to be estimated is not checked.
        """
        Subject(HEIGHT_RANGE_M[0] if self.height_m is None else self.height_m, self.mass_kg)


def _check(what: str, value: float, limits: tuple[float, float], unit: str, others: dict[str, float]) -> None:
    low, high = limits
    if low <= value <= high:
        return
    message = f"{what} must lie between {low:g} and {high:g} {unit}, found {value:g}"
    if math.isfinite(value) and value > 0:
        for name, factor in others.items():
            # Narrower than `limits`: suggest a unit only if the value is then that of a usual adult or child.
            if 1.6 * low <= value * factor <= 0.92 * high:
                raise SubjectError(f"{message}. If that is in {name}, write {value * factor:.4g} ({unit}).")
    raise SubjectError(f"{message}.")
