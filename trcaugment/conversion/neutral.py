"""Joint angles relative to those of a standing trial, which takes out what is constant for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trcaugment.errors import OsimError
from trcaugment.formats.files import replace_file, why_not_written
from trcaugment.formats.mot import read_table, with_rows

RELATIVE_END = "_relative.mot"
# What says where in the laboratory a person is, and which way they face.
_OF_PLACE = ("pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
_STILL_DEG = 5.0  # a person who stands moves less


@dataclass(frozen=True)
class Neutral:
    """The posture of a standing trial.

    Attributes:
        trial: its name.
        angles_deg: median of each angle over its frames.
        spread_deg: coordinate -> range of the middle 90 % of its frames.
    """

    trial: str
    angles_deg: dict[str, float]
    spread_deg: dict[str, float]

    def notes(self) -> list[str]:
        """Sentences on what was subtracted, and on a trial that does not stand still."""
        moving = [name for name, deg in self.spread_deg.items() if deg > _STILL_DEG]
        said = [
            f"angles relative to {self.trial} are in *{RELATIVE_END}: {len(self.angles_deg)} angles less their median "
            f"there; {', '.join(_OF_PLACE)} as they are"
        ]
        if moving:
            worst = max(moving, key=lambda name: self.spread_deg[name])
            said.append(
                f"expected {self.trial} to stand still, found that {len(moving)} angles move by more than "
                f"{_STILL_DEG:g} degrees, most {worst} ({self.spread_deg[worst]:.0f})"
            )
        return said


def read_neutral(folder: Path, trial: str, motions: Sequence[str]) -> Neutral:
    """The posture of a trial whose motion files, without their end, are in a folder.

    Raises:
        MotionError: a motion file cannot be read.
    """
    tables = [read_table(folder / f"{name}.mot") for name in motions]
    labels = tables[0].labels
    values = np.concatenate([table.values for table in tables])
    known = {name: values[:, k] for k, name in enumerate(labels) if k and name not in _OF_PLACE}
    low, high = ({name: float(np.nanpercentile(each, q)) for name, each in known.items()} for q in (5, 95))
    return Neutral(
        trial,
        {name: float(np.nanmedian(each)) for name, each in known.items()},
        {name: high[name] - low[name] for name in known},
    )


def write_relative(folder: Path, motions: Sequence[str], neutral: Neutral) -> dict[str, tuple[str, ...]]:
    """Write NAME_relative.mot beside every motion file NAME.mot.

    Returns:
        by name, the angles that the standing trial does not have, and which are as they are.

    Raises:
        MotionError: a motion file cannot be read.
        OsimError: the folder cannot be written.
    """
    left: dict[str, tuple[str, ...]] = {}
    for name in motions:
        path = folder / f"{name}.mot"
        table = read_table(path)
        values = table.values.copy()
        for k, label in enumerate(table.labels):
            values[:, k] -= neutral.angles_deg.get(label, 0.0)
        known = {"time", *_OF_PLACE, *neutral.angles_deg}
        left[name] = tuple(label for label in table.labels if label not in known)
        try:
            replace_file(folder / f"{name}{RELATIVE_END}", with_rows(path.read_bytes(), values))
        except OSError as error:
            raise OsimError(f"{folder} {why_not_written(error)}") from error
    return left
