"""Every error that trcaugment raises on purpose.

    TrcAugmentError
    ├── TrcError          a TRC file cannot be read or written
    ├── MarkersError      marker names, positions or time stamps do not fit together
    ├── MarkerSetError    keypoints that a model needs are missing
    ├── SubjectError      height or mass is not that of a person
    ├── ModelError        a model folder is missing, damaged or of another format
    ├── OutputError       an output would replace or hit what it must not, or cannot be written
    ├── ConversionError   a trial is refused, or a file is in the way of its output
    ├── ClusterError      the cluster for a batch is not there
    ├── MotionError       a .mot file cannot be read
    ├── OsimError         opensim is not there, or failed; a model, motion or set-up does not fit
    ├── SessionsError     a folder of trials cannot be used, or it is not said whose a trial is
    ├── DatasetError      a data set is damaged, mislabelled or not there, or cannot be written
    └── TrainingError     a training run cannot go on
        ├── DivergedError a run's errors grew beyond all numbers
        └── RecipeError   a recipe, or the folder named for its run, cannot be used

Messages are for people: what was expected, what was found, where, and what to do.
"""


class TrcAugmentError(Exception):
    """Base of all errors of this package; its text is written for the user."""

    def about(self, path: object) -> str:
        """Its text, with a file or folder in front where that is not named in it."""
        text = str(self)
        return text if str(path) in text else f"{path}: {text}"


class TrcError(TrcAugmentError):
    """A TRC file cannot be read or written."""


class MarkersError(TrcAugmentError):
    """Marker names, positions or time stamps do not fit together."""


class MarkerSetError(TrcAugmentError):
    """Keypoints that a model needs are missing."""


class SubjectError(TrcAugmentError):
    """Height or mass is not that of a person."""


class ModelError(TrcAugmentError):
    """A model folder is missing, damaged or of another format."""


class OutputError(TrcAugmentError):
    """An output would replace or hit what it must not, or cannot be written."""


class ConversionError(TrcAugmentError):
    """A trial is refused, or a file is in the way of its output."""


class ClusterError(TrcAugmentError):
    """The cluster for a batch is not there."""


class MotionError(TrcAugmentError):
    """A .mot file cannot be read."""


class OsimError(TrcAugmentError):
    """Opensim is not there, or failed; a model, motion or set-up does not fit."""


class SessionsError(TrcAugmentError):
    """A folder of trials cannot be used, or it is not said whose a trial is."""


class DatasetError(TrcAugmentError):
    """A data set is damaged, mislabelled or not there, or cannot be written."""


class TrainingError(TrcAugmentError):
    """A training run cannot go on."""


class DivergedError(TrainingError):
    """A run's errors grew beyond all numbers."""


class RecipeError(TrainingError):
    """A recipe, or the folder named for its run, cannot be used."""
