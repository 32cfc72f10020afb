"""Markers that are compared with the truth: a model's predictions, or another program's from files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trcaugment.chain.augmentation import augment
from trcaugment.datasets.paired import Pair
from trcaugment.errors import DatasetError
from trcaugment.formats.trials import find_trials, read_trial
from trcaugment.marker_sets import name_key
from trcaugment.markers import Markers
from trcaugment.model.folder import Model


@dataclass(frozen=True)
class PredictedFiles:
    """Another program's predictions, on the clock and in the axes of the trials.

    Attributes:
        place: a file for a single trial, or a folder with the file NAME.trc or NAME_....trc of every trial.
    """

    place: Path

    def read(self, trial: Pair) -> Markers:
        """The markers of a trial, under our names where they differ in spelling alone.

        Raises:
            DatasetError: there is no file for the trial, or there are several.
            TrcError: a TRC file cannot be read.
            C3dError: a C3D file cannot be read.
        """
        markers = read_trial(self._find(trial.name))
        ours = {name_key(name): name for name in trial.markers.names}
        names = tuple(ours.get(name_key(name), name) for name in markers.names)
        return Markers(names, markers.positions, markers.time_s, markers.unit)

    def _find(self, name: str) -> Path:
        if self.place.is_file():
            return self.place
        wanted = self.place / name
        files = find_trials(wanted.parent) if wanted.parent.is_dir() else []
        begun = [file for file in files if file.stem.startswith(f"{wanted.name}_")]
        found = [file for file in files if file.stem == wanted.name] or begun
        if len(found) != 1:
            listed = ", ".join(path.name for path in found) or "none"
            raise DatasetError(f"{self.place}: expected one file {name}.trc or {name}_....trc, found {listed}")
        return found[0]


Predictor = Model | PredictedFiles


def predicted_markers(trial: Pair, predictor: Predictor) -> Markers:
    """What a model or another program predicts for a trial; a model through the same chain as `trcaugment predict`.

    Raises:
        TrcAugmentError: the trial cannot be predicted, or has no file.
    """
    if isinstance(predictor, PredictedFiles):
        return predictor.read(trial)
    return augment(trial.keypoints, trial.subject, predictor).markers
