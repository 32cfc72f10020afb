"""Length units of marker files, and a check that positions fit the unit that the file states."""

from __future__ import annotations

import numpy as np

from trcaugment.errors import MarkersError
from trcaugment.markers import Markers

PER_METER = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
DECIMALS = {"m": 7, "cm": 5, "mm": 4}  # 0.1 µm in each
UNIT_NAMES = {unit: unit for unit in PER_METER} | {
    prefix + spelling: unit
    for prefix, unit in (("", "m"), ("centi", "cm"), ("milli", "mm"))
    for spelling in ("meter", "meters", "metre", "metres")
}
# Extent of the markers of a person, crouching or with raised arms.
PERSON_M = (0.3, 3.0)
# Extents beyond these fit no marker set: a trunk alone is larger, and even two people are closer together.
CLOUD_M = (0.2, 10.0)


def check_unit(markers: Markers) -> None:
    """Refuse markers whose extent fits a person not in the stated unit, but in another.

    Raises:
        MarkersError: the median extent of the markers is under 0.2 m or over 10 m, and fits a person in another unit.
    """
    seen = np.isfinite(markers.positions).all(axis=2)
    whole = markers.positions[seen.sum(axis=1) > 1]
    if not len(whole):
        return
    extent_m = float(np.median(np.linalg.norm(np.nanmax(whole, axis=1) - np.nanmin(whole, axis=1), axis=1)))
    if CLOUD_M[0] <= extent_m <= CLOUD_M[1]:
        return
    stated = PER_METER[markers.unit]
    fitting = [unit for unit in PER_METER if PERSON_M[0] <= extent_m * stated / PER_METER[unit] <= PERSON_M[1]]
    if fitting:
        raise MarkersError(
            f"expected markers of a person, found all of them within {extent_m:.2g} m: the header says {markers.unit}, "
            f"the positions are in {fitting[0]}. Write {fitting[0]} under Units"
        )
