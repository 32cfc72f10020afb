"""Every error that trcaugment raises on purpose.

    TrcAugmentError
    ├── TrcError          a TRC file cannot be read or written
    ├── C3dError          a C3D file cannot be read or written
    ├── MarkersError      marker names, positions or time stamps do not fit together
    ├── MarkerSetError    keypoints that a model needs are missing
    ├── SubjectError      height or mass is outside the range of people
    ├── ModelError        a model folder is missing, damaged or of another format
    ├── OutputError       an output would overwrite an input or a foreign file, or cannot be written
    ├── CalibrationError  a person's calibration cannot be learnt or read, or is another person's or model's
    ├── ConversionError   a trial is refused, or a file is in the way of its output
    ├── ClusterError      the cluster for a batch cannot be reached
    ├── MotionError       a .mot file cannot be read
    ├── OsimError         opensim is missing or failed; a model, motion or set-up file does not fit
    ├── SubjectsError     a subjects.csv is missing, damaged or has no row for a file
    ├── SessionsError     a folder of trials cannot be used, or a trial's subject is unknown
    ├── DatasetError      a data set is missing, damaged or mislabelled, or cannot be written
    └── TrainingError     a training run cannot start or continue
        ├── DivergedError the validation error became NaN or infinite
        └── RecipeError   a recipe, or the folder for its run, cannot be used

Messages are for people: what was expected, what was found, where, and what to do.
"""


class TrcAugmentError(Exception):
    """Base class of all errors of this package.

    The message is one line for the user; where keypoints are missing, a line on each follows.
    """

    @property
    def brief(self) -> str:
        """The first line of the message."""
        return str(self).partition("\n")[0]

    def about(self, path: object) -> str:
        """The message, with `path` put in front of it if it does not name that path already."""
        text = str(self)
        return text if str(path) in text else f"{path}: {text}"


class TrcError(TrcAugmentError):
    """A TRC file cannot be read or written."""


class C3dError(TrcAugmentError):
    """A C3D file cannot be read or written."""


class MarkersError(TrcAugmentError):
    """Marker names, positions or time stamps do not fit together."""


class MarkerSetError(TrcAugmentError):
    """Keypoints that a model needs are missing."""


class SubjectError(TrcAugmentError):
    """Height or mass is outside the range of people."""


class ModelError(TrcAugmentError):
    """A model folder is missing, damaged or of another format."""


class OutputError(TrcAugmentError):
    """An output would overwrite an input or a foreign file, or cannot be written."""


class CalibrationError(TrcAugmentError):
    """A person's calibration cannot be learnt or read, or is another person's or model's."""


class ConversionError(TrcAugmentError):
    """A trial is refused, or a file is in the way of its output."""


class ClusterError(TrcAugmentError):
    """The cluster for a batch cannot be reached."""


class MotionError(TrcAugmentError):
    """A .mot file cannot be read."""


class OsimError(TrcAugmentError):
    """Opensim is missing or failed; a model, motion or set-up file does not fit."""


class SubjectsError(TrcAugmentError):
    """A subjects.csv is missing, damaged or has no row for a file."""


class SessionsError(TrcAugmentError):
    """A folder of trials cannot be used, or a trial's subject is unknown."""


class DatasetError(TrcAugmentError):
    """A data set is missing, damaged or mislabelled, or cannot be written."""


class TrainingError(TrcAugmentError):
    """A training run cannot start or continue."""


class DivergedError(TrainingError):
    """The validation error of a run became NaN or infinite."""


class RecipeError(TrainingError):
    """A recipe, or the folder for its run, cannot be used."""
