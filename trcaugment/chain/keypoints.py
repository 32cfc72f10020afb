"""Find a model's keypoints in a file by the names of many pose models, derive absent ones, and say what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import compress

import numpy as np

from trcaugment.errors import MarkerSetError
from trcaugment.marker_sets import KEYPOINTS, OTHER_KEYPOINTS
from trcaugment.markers import FloatArray, Markers

_FEET = frozenset(mark.name for mark in KEYPOINTS.landmarks if mark.part in ("Heel", "SmallToe", "BigToe"))
_SHOULDERS = frozenset({"Neck", "RShoulder", "LShoulder"})
_WITH_FEET = "choose a pose model with heels and toes, such as HALPE_26, COCO_133 or BODY_25"
# What is missing tells which marker set the file was made with.
_RESEMBLES = {
    _FEET: f"The file resembles COCO_17, which has no foot points and cannot be augmented; {_WITH_FEET}.",
    frozenset({"RSmallToe", "LSmallToe"}): f"The file resembles BLAZEPOSE, which has no small toes; {_WITH_FEET}.",
    _SHOULDERS: "The file resembles HALPE_26_LOWER, which has no shoulders; track the whole body.",
}
_NO_MATTER = str.maketrans("", "", "_-. ")
_NAMES_COMPARED, _LONGEST_COMPARED = 300, 40  # comparing takes long, and real files have no more
_ANATOMICAL = "The file holds anatomical markers: it comes from optical motion capture or was augmented already."


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of the model, found in a file or derived.

    Attributes:
        positions: positions in m in the order of `KEYPOINTS`, (n_frames, 15, 3), NaN where missing.
        sources: keypoint -> the file's name that it came from; derived keypoints are left out.
        derived: one sentence for each point that was computed from others.
    """

    positions: FloatArray
    sources: dict[str, str]
    derived: tuple[str, ...]


def find_keypoints(markers: Markers) -> Keypoints:
    """Find the 15 keypoints by name or alias; a column without a single sample counts as absent.

    A file's column with exactly the keypoint's own name is preferred to columns with other fitting names. An absent
    Neck is the midpoint of the shoulders. The origin midHip is always the midpoint of the hips, which is listed among
    the derived points only where the file has no midHip of its own.

    Raises:
        MarkerSetError: keypoints are missing, or several columns fit one keypoint; the message lists all of them.
    """
    valid = np.asarray(np.isfinite(markers.positions).all(axis=2))
    names = list(compress(markers.names, np.asarray(valid.any(axis=0))))
    found = _matches(names)
    neck_derived = not found["Neck"] and bool(found["RShoulder"] and found["LShoulder"])
    if any(len(columns) != 1 for keypoint, columns in found.items() if not (keypoint == "Neck" and neck_derived)):
        raise MarkerSetError(_explain(found, markers, neck_derived))
    sources = {keypoint: columns[0] for keypoint, columns in found.items() if columns}
    derived = []
    if neck_derived:
        neck = markers.select([sources["RShoulder"], sources["LShoulder"]]).mean(axis=1, keepdims=True)
        positions = np.concatenate([neck, markers.select(sources.values())], axis=1)
        derived.append("Neck: midpoint of RShoulder and LShoulder")
    else:
        positions = markers.select(sources.values())
    if not {_key(name) for name in OTHER_KEYPOINTS["midHip"].aliases} & {_key(name) for name in names}:
        derived.append("midHip: midpoint of RHip and LHip")
    return Keypoints(positions, sources, tuple(derived))


def input_keypoints(markers: Markers) -> Markers:
    """The file's own keypoints (all that it has, elbows too): its markers without those that end in `_study`."""
    kept = [i for i, name in enumerate(markers.names) if not _is_anatomical(name)]
    return replace(markers, names=tuple(markers.names[i] for i in kept), positions=markers.positions[:, kept])


def _key(name: str) -> str:
    """The name as it is compared."""
    return name.casefold().translate(_NO_MATTER)


def _is_anatomical(name: str) -> bool:
    return name.casefold().endswith("_study")


def _matches(names: Sequence[str]) -> dict[str, list[str]]:
    """The columns that fit each keypoint: just the one with its exact name, where there is one."""
    keypoint_of = {_key(alias): mark.name for mark in KEYPOINTS.landmarks for alias in mark.aliases}
    found: dict[str, list[str]] = {keypoint: [] for keypoint in KEYPOINTS}
    for name in names:
        keypoint = keypoint_of.get(_key(name))
        if keypoint is not None:
            found[keypoint].append(name)
    return {keypoint: [keypoint] if keypoint in columns else columns for keypoint, columns in found.items()}


def _explain(found: dict[str, list[str]], markers: Markers, neck_derived: bool) -> str:
    """One message with every missing keypoint, what it may be called, and what comes near to it in the file."""
    used = {name for columns in found.values() for name in columns}
    unused = [name for name in markers.names if name not in used and not _is_anatomical(name)]
    missing = [k for k, columns in found.items() if not columns and not (k == "Neck" and neck_derived)]
    empty = _matches(markers.names)
    lines = [f"{k}: {_describe(k, empty[k], unused)}" for k in missing] + [
        f"{k}: {' and '.join(columns)} fit; name the right one {k}" for k, columns in found.items() if columns[1:]
    ]
    needed = f"the model needs {len(KEYPOINTS)} keypoints; {len(lines)} cannot be taken from this file"
    hint = _RESEMBLES.get(frozenset(missing), "")
    if not hint and any("asis" in _key(name) for name in markers.names):
        hint = _ANATOMICAL
    spelling = "Letter case, '_', '-', '.' and spaces in names do not matter."
    return "\n  ".join([f"{needed}:", *lines]) + "\n" + " ".join(filter(None, [spelling, hint]))


def _describe(keypoint: str, empty: list[str], unused: list[str]) -> str:
    if empty:
        return f"no frame of {' or '.join(empty)} has a sample"
    near = _nearest(keypoint, unused)
    also = " or the two shoulders" if keypoint == "Neck" else ""
    return f"expected {', '.join(KEYPOINTS[keypoint].aliases)}{also}; " + (
        f"nearest in the file: {', '.join(near)}" if near else "nothing in the file comes near"
    )


def _nearest(keypoint: str, names: list[str]) -> list[str]:
    """Up to three names that resemble the keypoint's own or its aliases, most similar first."""
    names = [name for name in names[:_NAMES_COMPARED] if len(name) <= _LONGEST_COMPARED]
    accepted = [_key(alias) for alias in KEYPOINTS[keypoint].aliases]
    likeness = {name: max(SequenceMatcher(None, _key(name), alias).ratio() for alias in accepted) for name in names}
    return sorted((name for name in names if likeness[name] >= 0.5), key=lambda name: -likeness[name])[:3]
