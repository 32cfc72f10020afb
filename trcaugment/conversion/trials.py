"""A trial to convert, how to convert it, and what became of it; light to import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from trcaugment.chain.preparation import AS_USUAL, Preparation
from trcaugment.chain.time_range import WHOLE, TimeRange
from trcaugment.conversion.sidecar import Sidecar
from trcaugment.formats.name_map import AS_THEY_ARE, NameMap
from trcaugment.subject import StatedSubject


@dataclass(frozen=True)
class Conversion:
    """A trial to convert.

    Attributes:
        source: keypoint file.
        target: marker file; its folder is there.
        person: height and mass.
    """

    source: Path
    target: Path
    person: StatedSubject


@dataclass(frozen=True)
class Settings:
    """How to convert.

    Attributes:
        with_keypoints: whether outputs get the input's keypoints too.
        strict: whether a trial is refused in which a guard finds something.
        resume: whether an output that was made just so is kept, and one that was made otherwise is made anew.
        overwrite: whether files are replaced that this program did not write, or that were changed since.
        preparation: how keypoints are prepared.
        names: which markers of the files are which of the keypoints.
        time_range: the part of every trial that is converted.
    """

    with_keypoints: bool = False
    strict: bool = False
    resume: bool = False
    overwrite: bool = False
    preparation: Preparation = AS_USUAL
    names: NameMap = AS_THEY_ARE
    time_range: TimeRange = WHOLE


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        conversion: the trial.
        sidecar: how the output was made; None if there is none.
        failure: why there is none.
        kept: whether the output was there already.
    """

    conversion: Conversion
    sidecar: Sidecar | None = None
    failure: str | None = None
    kept: bool = False
