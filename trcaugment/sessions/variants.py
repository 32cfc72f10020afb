"""Versions of a trial: OpenCap and Pose2Sim keep raw, filtered and augmented files; one of them is converted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from pathlib import Path

from trcaugment.formats.trials import TRC_END, is_c3d

POSE2SIM_FOLDER, OPENCAP_FOLDER = "pose-3d", "MarkerData"
# Pose2Sim writes the frame numbers before or after the filter's name, depending on its version.
_FRAMES = r"(?:_(?P<first{0}>\d+)-(?P<last{0}>\d+))?"
_FILTERED = rf"(?P<filtered>_filt(?:_\w+?)?{_FRAMES.format(2)})?"
_POSE2SIM = re.compile(rf"(?P<trial>.+?){_FRAMES.format('')}{_FILTERED}(?P<own>_LSTM)?", re.DOTALL)
_END = len(TRC_END)  # and of .c3d
_PERSON = re.compile(r"_(P\d+)\Z")


class Stage(IntEnum):
    """Processing of the keypoints in a file; the stage with the smallest number is converted."""

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
        trial: the common part of the names of all versions of the trial.
        stage: processing of the keypoints.
        name: name of the file, with its path from the folder of trials.
        frames: first frame, and the frame after the last, if the name has them; else all.
    """

    trial: str
    stage: Stage
    name: str
    frames: tuple[float, float] = (0.0, float("inf"))

    @property
    def person(self) -> str:
        """Pose2Sim's label of one of several people, such as "P1", or ""."""
        label = _PERSON.search(self.trial)
        return label[1] if label else ""


def variant_of(name: str) -> Variant:
    """Trial and stage of a file, from its path relative to the folder of trials, with `/`."""
    folder, _, file = name.rpartition("/")
    stem = file[:-_END]
    parts = folder.split("/")
    if parts[-1] == POSE2SIM_FOLDER:
        return _pose2sim(folder, stem, name)
    if OPENCAP_FOLDER in parts:
        return _opencap(parts, stem, name)
    return Variant(name, Stage.RAW, name)


def _pose2sim(folder: str, stem: str, name: str) -> Variant:
    match = _POSE2SIM.fullmatch(stem)
    if match is None:  # such as the file ".trc"
        return Variant(name, Stage.RAW, name)
    first, last = match["first"] or match["first2"], match["last"] or match["last2"]
    frames = (float(first), float(last)) if first else (0.0, float("inf"))
    stage = Stage.AUGMENTED if match["own"] else Stage.FILTERED if match["filtered"] else Stage.RAW
    return Variant(f"{folder}/{match['trial']}", stage, name, frames)


def _opencap(parts: list[str], stem: str, name: str) -> Variant:
    """OpenCap keeps a trial in PreAugmentation and in PostAugmentation (`_v0.3`); downloads may have neither folder."""
    trial = "/".join(part for part in parts if not part.startswith(("PreAugmentation", "PostAugmentation")))
    stage = Stage.RAW if "PreAugmentation" in parts else Stage.AUGMENTED
    return Variant(f"{trial}/{stem.removesuffix('_LSTM')}", stage, name)


def pose2sim_order(variants: Iterable[Variant]) -> list[Variant]:
    """The files among which Pose2Sim shares out a list, in its order: the filtered ones, or the raw ones without any.

    The order is natural, numbers by their value: `natural_sort_key` in Pose2Sim 0.10.49, common.py. It sorts so for
    `participant_height`, and then takes the files as the disk lists them: elsewhere its order may differ.
    """
    stages: dict[Stage, list[Variant]] = {}
    for each in variants:
        stages.setdefault(each.stage, []).append(each)
    taken = stages.get(Stage.FILTERED) or stages.get(Stage.RAW, [])
    return sorted(taken, key=lambda each: _natural(each.name))


def _natural(name: str) -> list[tuple[int, str]]:
    """Key that sorts texts by letters without their case, and numbers in them by their value."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if k % 2 else (0, part.lower()) for k, part in enumerate(parts)]


def choose(names: Iterable[str]) -> tuple[list[Variant], dict[str, str]]:
    """Choose the versions to convert; returns them, and the reason for every other file by its name."""
    names = list(names)
    trcs = {name[:-_END]: name for name in names if not is_c3d(Path(name))}
    others = {
        name: f"the C3D of {trcs[name[:-_END]]}, which is taken instead"
        for name in names
        if is_c3d(Path(name)) and name[:-_END] in trcs
    }
    variants = sorted((variant_of(name) for name in names if name not in others), key=lambda variant: variant.trial)
    chosen = []
    for _, group in groupby(variants, key=lambda variant: variant.trial):
        taken: list[Variant] = []
        # Prefer the latest of several augmented versions: PostAugmentation_v0.3 over PostAugmentation_v0.2.
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
    """Whether `one` has the same frames at a better stage. Outputs of two filters are kept as two trials."""
    # Frames 0-100 and 100-200 do not overlap, because the last frame is not included.
    overlap = one.frames[0] < other.frames[1] and other.frames[0] < one.frames[1]
    return (overlap or one.frames == other.frames) and (one.stage < other.stage or one.stage == Stage.AUGMENTED)
