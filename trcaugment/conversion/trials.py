"""A trial to convert, the settings, and the outcome. Imports no torch."""

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
        target: marker file; its folder must exist.
        person: height and mass.
        content: of the source, where it is no file and stands for where the trial comes from.
        uncertainty: the table that says how far the markers may be off; None if it is not wanted.
        calibration: the person's calibration file; None without one.
    """

    source: Path
    target: Path
    person: StatedSubject
    content: bytes | None = None
    uncertainty: Path | None = None
    calibration: Path | None = None


@dataclass(frozen=True)
class Settings:
    """How to convert.

    Attributes:
        with_keypoints: whether outputs also hold the input's keypoints.
        strict: whether a trial is refused if a guard finds something.
        resume: whether an existing output is kept if it would come out the same, and else made again.
        overwrite: whether files that this program did not write, or that were changed since, are replaced.
        preparation: how keypoints are prepared.
        names: the files' names of the keypoints.
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
        sidecar: sidecar of the output; None if the trial failed.
        failure: why it failed.
        kept: whether an earlier output was kept.
    """

    conversion: Conversion
    sidecar: Sidecar | None = None
    failure: str | None = None
    kept: bool = False
