"""Joint angles of people of laboratories, from predicted and from optical markers; used by other benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lab_people import laboratory_of

from trcaugment.formats.mot import MotionTable, read_table
from trcaugment.formats.trc import read_trc
from trcaugment.markers import FloatArray
from trcaugment.model.uncertainty import ANGLES

MOVES_DEG = 5.0  # largest deviation of an angle within a trial; standing people have less
# Without these in the optical trial, the angles of a leg, or of the trunk, are no truth.
_NEEDED = {
    **{
        side: [f"{s}_{part}_study" for part in ("knee", "ankle", "calc", "5meta")]
        for side, s in (("r", "r"), ("l", "L"))
    },
    "lumbar": ["C7_study", "r_shoulder_study", "L_shoulder_study"],
}
_TURN = 360.0


@dataclass(frozen=True, eq=False)
class TrialAngles:
    """A trial.

    Attributes:
        name: of its files.
        true_deg: from optical markers, (n_frames, n_angles), NaN where they do not show the angle.
        predicted_deg: from predicted markers, (n_frames, n_angles).
    """

    name: str
    true_deg: FloatArray
    predicted_deg: FloatArray

    @property
    def error_deg(self) -> FloatArray:
        """True minus predicted, within half a turn, (n_frames, n_angles)."""
        apart = self.true_deg - self.predicted_deg
        return np.asarray(apart - _TURN * np.round(apart / _TURN))


@dataclass(frozen=True, eq=False)
class PersonAngles:
    """A person with trials."""

    name: str
    trials: tuple[TrialAngles, ...]

    @property
    def laboratory(self) -> str:
        """Where the person was recorded."""
        return laboratory_of(self.name)

    @property
    def constant_deg(self) -> FloatArray:
        """Mean error, (n_angles,)."""
        errors = np.concatenate([trial.error_deg for trial in self.trials])
        n = np.isfinite(errors).sum(axis=0)
        return np.where(n > 0, np.where(np.isfinite(errors), errors, 0).sum(axis=0) / np.maximum(n, 1), np.nan)

    @property
    def moving_deg(self) -> FloatArray:
        """Errors about their mean, (n_frames, n_angles)."""
        return np.concatenate([trial.error_deg for trial in self.trials]) - self.constant_deg

    @property
    def moves(self) -> bool:
        """Whether an angle changes within a trial."""
        return any(float(np.nanmax(np.std(trial.predicted_deg, axis=0))) > MOVES_DEG for trial in self.trials)


def people_angles(folder: Path) -> list[PersonAngles]:
    """Everybody in a folder with `PERSON/ours/TRIAL.mot` and `PERSON/truth/TRIAL.mot`, of `osim ik`."""
    people = []
    for truth in sorted(folder.glob("*/truth")):
        trials = tuple(solved_trials(truth, truth.with_name("ours")))
        if trials:
            people.append(PersonAngles(truth.parent.name, trials))
    return people


def solved_trials(truth: Path, ours: Path) -> Iterator[TrialAngles]:
    """Trials of which both folders of `osim ik` have angles, in the frames that both have."""
    for file in sorted(truth.glob("*.mot")):
        if not (ours / file.name).exists():
            continue
        tables = [read_table(path) for path in (file, ours / file.name)]
        times = [np.round(table.values[:, 0], 4) for table in tables]
        _, *rows = np.intersect1d(*times, return_indices=True)
        true, predicted = (
            np.stack([_column(table, name)[own] for name in ANGLES], axis=1)
            for table, own in zip(tables, rows, strict=True)
        )
        true[:, _not_shown(truth / f"{file.stem}_ik.trc")] = np.nan
        yield TrialAngles(file.stem, true, predicted)


def _not_shown(optical: Path) -> list[int]:
    """Columns of `ANGLES` that the followed markers do not determine."""
    names = set(read_trc(optical).names)
    lost = [part for part, needed in _NEEDED.items() if not names.issuperset(needed)]
    return [
        k
        for k, name in enumerate(ANGLES)
        if name.endswith(tuple(f"_{x}" for x in lost if x != "lumbar"))
        or (name.startswith("lumbar") and "lumbar" in lost)
    ]


def _column(table: MotionTable, name: str) -> FloatArray:
    """A coordinate's values; NaN if it has no column, since the trial's markers left it undetermined."""
    labels = list(table.labels)
    return table.values[:, labels.index(name)] if name in labels else np.full(len(table.values), np.nan)
