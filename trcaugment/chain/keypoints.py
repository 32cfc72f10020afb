"""Finds a model's keypoints in a file under the names of many pose models, and derives absent ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache
from itertools import compress, product

import numpy as np

from trcaugment.errors import MarkerSetError
from trcaugment.formats.affixes import find_affix
from trcaugment.marker_sets import (
    ANATOMICAL_MARKERS,
    ARM_KEYPOINTS,
    KEYPOINTS,
    OTHER_KEYPOINTS,
    SIDES,
    TRUNK,
    MarkerSet,
    name_key,
)
from trcaugment.markers import FloatArray, Markers

ELBOWS_AND_WRISTS = MarkerSet("arms", tuple(ARM_KEYPOINTS[name] for name in ARM_KEYPOINTS if name not in TRUNK))
# Required keypoints. An absent Neck is derived from the shoulders; other absent ones are filled in.
_NEEDED = tuple(mark.name for mark in KEYPOINTS.landmarks if mark.part in ("Shoulder", "Hip", "Knee", "Ankle"))
_FEET = tuple(mark.name for mark in KEYPOINTS.landmarks if mark.part in ("Heel", "SmallToe", "BigToe"))
_WITHOUT = "Shoulders, hips, knees and ankles must be there; heels and toes need not."
_NO_SHOULDERS = "The file resembles HALPE_26_LOWER, which has no shoulders; track the whole body."
_NAMES_COMPARED, _LONGEST_COMPARED = 300, 40  # limits the time for comparing names; real files have fewer
_ALIKE = 0.55  # R_5th_Toe and RLittleToe are this similar
# As `name_key` has them: elbows, wrists, ears and eyes, which likeness would take for heels and toes.
_KNOWN_OTHERS = {name_key(alias) for mark in OTHER_KEYPOINTS.landmarks for alias in mark.aliases} | {
    "".join(order)
    for side, part in product(("r", "right", "l", "left"), ("ear", "eye"))
    for order in ((side, part), (part, side))
}
_TELL = "say which is which with --names RKnee=NAME or a CSV file"
_SKIN = {
    alias for mark in ANATOMICAL_MARKERS.landmarks for alias in mark.aliases if not alias.casefold().endswith("_study")
}
_ONLY_SKIN = {
    alias
    for mark in ANATOMICAL_MARKERS.landmarks
    if mark.part in ("ASIS", "PSIS", "mknee", "mankle", "calc", "5meta", "thigh1", "sh1")
    for alias in mark.aliases
    if not alias.casefold().endswith("_study")
}
_NO_SAMPLES = "expected keypoints, found no marker with a sample in any frame. Export or track the trial again."
_ANATOMICAL = "The file holds anatomical markers: it comes from optical motion capture or was augmented already."


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of the model, read from a file or derived.

    Attributes:
        positions: positions in m in the order of `KEYPOINTS`, (n_frames, 15, 3), NaN where missing.
        sources: keypoint -> name of the file's marker that it was read from, without derived keypoints.
        derived: one sentence for each keypoint that was computed from others.
        absent: keypoints that are not in the file and cannot be derived.
    """

    positions: FloatArray
    sources: dict[str, str]
    derived: tuple[str, ...]
    absent: tuple[str, ...] = ()


def find_keypoints(markers: Markers, *, complete: bool = False) -> Keypoints:
    """Find the keypoints by name or alias; a column without a single sample counts as absent.

    A common prefix or suffix of the file's names is removed first. A column with exactly the keypoint's own name is
    preferred to columns with other matching names. If the file holds skin markers, their names match no keypoint. An
    absent Neck is the midpoint of the shoulders. The origin midHip is always the midpoint of the hips; it is listed
    among the derived points only if the file has no midHip of its own.

    Args:
        markers: a trial.
        complete: whether all 15 are required; else heels and toes may be absent.

    Raises:
        MarkerSetError: required keypoints are missing, several columns match one keypoint, or the file holds several
            people; the message lists all of them.
    """
    valid = np.asarray(np.isfinite(markers.positions).all(axis=2))
    names = list(compress(markers.names, np.asarray(valid.any(axis=0))))
    own = _own_names(names)
    found = _matches(own)
    neck_derived = not found["Neck"] and bool(found["RShoulder"] and found["LShoulder"])
    needed = [*_NEEDED, *(() if neck_derived else ("Neck",)), *(_FEET if complete else ())]
    if any(columns[1:] or (not columns and keypoint in needed) for keypoint, columns in found.items()):
        raise MarkerSetError(_explain(found, markers, needed) if names else _NO_SAMPLES)
    sources = {keypoint: columns[0] for keypoint, columns in found.items() if columns}
    positions = np.full((markers.n_frames, len(KEYPOINTS), 3), np.nan)
    positions[:, [KEYPOINTS.index(keypoint) for keypoint in sources]] = markers.select(sources.values())
    derived = []
    if neck_derived:
        positions[:, KEYPOINTS.index("Neck")] = positions[:, KEYPOINTS.both("Shoulder")].mean(axis=1)
        derived.append("Neck: midpoint of RShoulder and LShoulder")
    if not {name_key(name) for name in OTHER_KEYPOINTS["midHip"].aliases} & {name_key(name) for name in own.values()}:
        derived.append("midHip: midpoint of RHip and LHip")
    absent = tuple(keypoint for keypoint in KEYPOINTS if keypoint not in sources and keypoint != "Neck")
    derived += _describe_absent(absent, _free(own, sources.values()))
    return Keypoints(positions, sources, tuple(derived), absent)


def find_arms(markers: Markers) -> Keypoints:
    """Find elbows and wrists by name or alias, as `find_keypoints` finds the others.

    Returns:
        Positions in the order of `ELBOWS_AND_WRISTS`, (n_frames, 4, 3); all NaN for an arm of which one is absent.

    Raises:
        MarkerSetError: neither arm has both, or several columns match one keypoint.
    """
    valid = np.asarray(np.isfinite(markers.positions).all(axis=2).any(axis=0))
    found = _matches(_own_names(list(compress(markers.names, valid))), ELBOWS_AND_WRISTS)
    for keypoint, columns in found.items():
        if columns[1:]:
            fitting = " and ".join(columns)
            raise MarkerSetError(f"{keypoint}: {fitting} fit; choose with --names {keypoint}={columns[0]}")
    absent = [keypoint for keypoint, columns in found.items() if not columns]
    of_side = {side: [mark.name for mark in ELBOWS_AND_WRISTS.landmarks if mark.side == side] for side in SIDES}
    broken = [side for side in SIDES if not set(absent).isdisjoint(of_side[side])]
    if len(broken) == len(SIDES):
        raise MarkerSetError(
            f"--arms needs elbow and wrist of at least one side; not in the file: {', '.join(absent)}. "
            "Leave --arms out, or use a pose model that sees arms"
        )
    derived = [
        f"{', '.join(name for name in absent if name in of_side[side])}: not in the file, so the {side} arm's markers "
        "are not predicted"
        for side in broken
    ]
    positions = np.full((markers.n_frames, len(ELBOWS_AND_WRISTS), 3), np.nan)
    sources = {name: found[name][0] for side in SIDES if side not in broken for name in of_side[side]}
    positions[:, [ELBOWS_AND_WRISTS.index(name) for name in sources]] = markers.select(sources.values())
    return Keypoints(positions, sources, tuple(derived), tuple(absent))


def _describe_absent(absent: Sequence[str], unused: list[str]) -> list[str]:
    """Sentences on keypoints that are not in the file, with similar names that may be them."""
    if not absent:
        return []
    near = {keypoint: names for keypoint in absent if (names := _nearest(keypoint, unused))}
    return [f"{', '.join(absent)}: not in the file, most likely place given the other keypoints"] + [
        f"{keypoint} may be {' or '.join(names)}: if so, add --names {keypoint}={names[0]}"
        for keypoint, names in near.items()
    ]


def input_keypoints(markers: Markers) -> Markers:
    """All of the file's markers except those that end in `_study`: its keypoints, elbows and others too."""
    kept = [i for i, name in enumerate(markers.names) if not _is_anatomical(name)]
    return replace(markers, names=tuple(markers.names[i] for i in kept), positions=markers.positions[:, kept])


def _is_anatomical(name: str) -> bool:
    return name.casefold().endswith("_study")


def _free(own: Mapping[str, str], used: Collection[str]) -> list[str]:
    """Columns that may be keypoints under names that are not known; not those known as something else."""
    others = (name for name, known in own.items() if name not in used and not _is_anatomical(name))
    return [name for name in others if name_key(own[name]) not in _KNOWN_OTHERS]


def _own_names(names: Sequence[str]) -> dict[str, str]:
    """Names of a file's columns -> the names without a common prefix or suffix, and without #1, #2, ..."""
    affix = find_affix(names)
    return {
        name: re.sub(r"#\d+$", "", affix.remove(name) if affix is not None and affix.fits(name) else name)
        for name in names
    }


@cache
def _keypoint_of(keypoints: MarkerSet) -> dict[str, str]:
    """Names as they are compared -> keypoint."""
    return {name_key(alias): mark.name for mark in keypoints.landmarks for alias in mark.aliases}


def _matches(own: Mapping[str, str], keypoints: MarkerSet = KEYPOINTS) -> dict[str, list[str]]:
    """The columns that match each keypoint; only the one with its exact name, if there is one."""
    keypoint_of = _keypoint_of(keypoints)
    on_skin = _skin_markers(own.values())
    found: dict[str, list[str]] = {keypoint: [] for keypoint in keypoints}
    for column, name in own.items():
        keypoint = keypoint_of.get(name_key(name))
        if keypoint is not None and name not in on_skin:
            found[keypoint].append(column)
    return {
        keypoint: [keypoint] if keypoint in columns else [each for each in columns if own[each] == keypoint] or columns
        for keypoint, columns in found.items()
    }


def _skin_markers(names: Iterable[str]) -> set[str]:
    """Names of skin markers in the file, if it has some that cannot be keypoints, such as r.ASIS; else empty.

    In such files r_knee is the marker on the side of the knee, not the knee's center.
    """
    used = _SKIN & set(names)
    return used if used & _ONLY_SKIN else set()


def _explain(found: dict[str, list[str]], markers: Markers, needed: Collection[str]) -> str:
    """The message: needed keypoints that are missing, then for each its known names and similar names in the file."""
    used = {name for columns in found.values() for name in columns}
    own = _own_names(markers.names)
    on_skin = _skin_markers(own.values())
    unused = [name for name in _free(own, used) if name not in on_skin]
    missing = [k for k, columns in found.items() if not columns and k in needed]
    empty = _matches(own)
    lines = [f"{k}: {_describe(k, empty[k], unused)}" for k in missing] + [
        f"{k}: {' and '.join(columns)} fit; choose with --names {k}={columns[0]}"
        for k, columns in found.items()
        if columns[1:]
    ]
    listed = ", ".join(line.partition(":")[0] for line in lines)
    first = f"the model needs {len(needed)} keypoints; {len(lines)} cannot be taken from this file: {listed}"
    no_joints = set(missing).intersection(_NEEDED)
    hint = _NO_SHOULDERS if no_joints == {"RShoulder", "LShoulder"} else _WITHOUT if no_joints else ""
    if on_skin:
        hint = (
            f"The file holds skin markers ({', '.join(sorted(on_skin)[:4])}, ...), which are no joint centers: {_TELL}."
        )
    elif any("asis" in name_key(name) for name in markers.names):
        hint = _ANATOMICAL
    spelling = f"Letter case, '_', '-', '.' and spaces in names do not matter; for other names, {_TELL}."
    return "\n  ".join([first, *lines]) + "\n" + " ".join(filter(None, [hint, "" if on_skin else spelling]))


def _describe(keypoint: str, empty: list[str], unused: list[str]) -> str:
    if empty:
        return f"no frame of {' or '.join(empty)} has a sample"
    near = _nearest(keypoint, unused)
    also = " or the two shoulders" if keypoint == "Neck" else ""
    accepted = [alias for alias in KEYPOINTS[keypoint].aliases if alias[0] == keypoint[0]]  # not those with sides last
    return f"expected {', '.join(accepted)}{also}" + (f"; nearest in the file: {', '.join(near)}" if near else "")


def _nearest(keypoint: str, names: list[str]) -> list[str]:
    """Up to three names similar to the keypoint's names, most similar first; names of the other side are left out."""
    names = [name for name in names[:_NAMES_COMPARED] if len(name) <= _LONGEST_COMPARED]
    likeness = {name: _likeness(name, keypoint) for name in names}
    partner = KEYPOINTS[keypoint].partner
    near = [
        name
        for name in names
        if likeness[name] >= _ALIKE and (partner == keypoint or likeness[name] > _likeness(name, partner))
    ]
    return sorted(near, key=lambda name: -likeness[name])[:3]


def _likeness(name: str, keypoint: str) -> float:
    """Similarity of a name and a keypoint's names, from 0 to 1."""
    return max(SequenceMatcher(None, name_key(name), name_key(alias)).ratio() for alias in KEYPOINTS[keypoint].aliases)
