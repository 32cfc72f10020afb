"""OpenCap and Pose2Sim keep a trial several times: raw, filtered, with their own markers. It is converted once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby

POSE2SIM_FOLDER, OPENCAP_FOLDER = "pose-3d", "MarkerData"
# Pose2Sim puts the frame numbers before or behind the filter's name, depending on its version.
_FRAMES = r"(?:_(?P<first{0}>\d+)-(?P<last{0}>\d+))?"
_FILTERED = rf"(?P<filtered>_filt(?:_\w+?)?{_FRAMES.format(2)})?"
_POSE2SIM = re.compile(rf"(?P<trial>.+?){_FRAMES.format('')}{_FILTERED}(?P<own>_LSTM)?", re.DOTALL)
_PERSON = re.compile(r"_(P\d+)\Z")


class Stage(IntEnum):
    """What was done to the keypoints; the smallest is converted."""

    FILTERED = 0
    RAW = 1
    AUGMENTED = 2


_NAMES = {
    Stage.RAW: "the raw version of",
    Stage.AUGMENTED: "another augmenter's output for the same trial as",
}


@dataclass(frozen=True)
class Variant:
    """One version of a trial.

    Attributes:
        trial: what the names of all its versions have in common.
        stage: which version.
        name: of the file.
        frames: first and last, where the name tells; else all.
    """

    trial: str
    stage: Stage
    name: str
    frames: tuple[float, float] = (0.0, float("inf"))

    @property
    def person(self) -> str:
        """Pose2Sim's label of one of several people ("P1"), or ""."""
        label = _PERSON.search(self.trial)
        return label[1] if label else ""


def variant_of(name: str) -> Variant:
    """Which version of which trial a file is, by its path from the folder of trials, with `/`."""
    folder, _, file = name.rpartition("/")
    stem = file[: -len(".trc")]
    parts = folder.split("/")
    if parts[-1] == POSE2SIM_FOLDER:
        return _pose2sim(folder, stem, name)
    if OPENCAP_FOLDER in parts:
        return _opencap(parts, stem, name)
    return Variant(name, Stage.RAW, name)


def _pose2sim(folder: str, stem: str, name: str) -> Variant:
    found = _POSE2SIM.fullmatch(stem)
    if found is None:  # the file ".trc" and its like
        return Variant(name, Stage.RAW, name)
    first, last = found["first"] or found["first2"], found["last"] or found["last2"]
    frames = (float(first), float(last)) if first else (0.0, float("inf"))
    stage = Stage.AUGMENTED if found["own"] else Stage.FILTERED if found["filtered"] else Stage.RAW
    return Variant(f"{folder}/{found['trial']}", stage, name, frames)


def _opencap(parts: list[str], stem: str, name: str) -> Variant:
    """A trial lies in PreAugmentation and in PostAugmentation (`_v0.3`); in a download, beside or in place of them."""
    trial = "/".join(part for part in parts if not part.startswith(("PreAugmentation", "PostAugmentation")))
    stage = Stage.RAW if "PreAugmentation" in parts else Stage.AUGMENTED
    return Variant(f"{trial}/{stem.removesuffix('_LSTM')}", stage, name)


def choose(names: Iterable[str]) -> tuple[list[Variant], dict[str, str]]:
    """The versions to convert, and for every other file a sentence on why not."""
    variants = sorted(map(variant_of, names), key=lambda variant: variant.trial)
    chosen, others = [], {}
    for _, group in groupby(variants, key=lambda variant: variant.trial):
        taken: list[Variant] = []
        # Of several augmenters' outputs the last: PostAugmentation_v0.3 after PostAugmentation_v0.2.
        last_first = sorted(group, key=lambda variant: variant.name, reverse=True)
        for variant in sorted(last_first, key=lambda variant: variant.stage):
            better = next((other for other in taken if _replaces(other, variant)), None)
            if better is None:
                taken.append(variant)
            else:
                others[variant.name] = f"{_NAMES[variant.stage]} {better.name}, which is taken instead"
        chosen += taken
    return sorted(chosen, key=lambda variant: variant.name), others


def _replaces(one: Variant, other: Variant) -> bool:
    """Whether one shows the same frames at an earlier stage; what two filters made are two trials."""
    # Frames 0-100 and 100-200 do not overlap: the last one is not included.
    overlap = one.frames[0] < other.frames[1] and other.frames[0] < one.frames[1]
    return (overlap or one.frames == other.frames) and (one.stage < other.stage or one.stage == Stage.AUGMENTED)
