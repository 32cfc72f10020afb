"""Find a model's keypoints in a file by the names of many pose models, derive absent ones, and say what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import compress

import numpy as np

from trcaugment.errors import MarkerSetError
from trcaugment.formats.affixes import find_affix
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS, OTHER_KEYPOINTS, name_key
from trcaugment.markers import FloatArray, Markers

# Without them there is no body; Neck is between the shoulders, and what else is absent is filled in.
_NEEDED = tuple(mark.name for mark in KEYPOINTS.landmarks if mark.part in ("Shoulder", "Hip", "Knee", "Ankle"))
_FEET = tuple(mark.name for mark in KEYPOINTS.landmarks if mark.part in ("Heel", "SmallToe", "BigToe"))
_WITHOUT = "Shoulders, hips, knees and ankles must be there; heels and toes need not."
_NO_SHOULDERS = "The file resembles HALPE_26_LOWER, which has no shoulders; track the whole body."
_NAMES_COMPARED, _LONGEST_COMPARED = 300, 40  # comparing takes long, and real files have no more
_ALIKE = 0.55  # R_5th_Toe and RLittleToe are
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
_ANATOMICAL = "The file holds anatomical markers: it comes from optical motion capture or was augmented already."


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The keypoints of the model, found in a file or derived.

    Attributes:
        positions: positions in m in the order of `KEYPOINTS`, (n_frames, 15, 3), NaN where missing.
        sources: keypoint -> the file's name that it came from; derived keypoints are left out.
        derived: one sentence for each point that was computed from others.
        absent: keypoints that the file lacks altogether, and nothing gives.
    """

    positions: FloatArray
    sources: dict[str, str]
    derived: tuple[str, ...]
    absent: tuple[str, ...] = ()


def find_keypoints(markers: Markers, *, complete: bool = False) -> Keypoints:
    """Find the keypoints by name or alias; a column without a single sample counts as absent.

    What all names of the file begin or end with is removed first. A column with exactly the keypoint's own name is
    preferred to columns with other fitting names; names of skin markers fit none where the file holds such. An absent
    Neck is the midpoint of the shoulders. The origin midHip is always the midpoint of the hips, which is listed among
    the derived points only where the file has no midHip of its own.

    Args:
        markers: a trial.
        complete: whether all 15 must be there; else heels and toes may be absent.

    Raises:
        MarkerSetError: keypoints that must be there are missing, several columns fit one keypoint, or there are
            several people; it lists all of them.
    """
    valid = np.asarray(np.isfinite(markers.positions).all(axis=2))
    names = list(compress(markers.names, np.asarray(valid.any(axis=0))))
    own = _own_names(names)
    found = _matches(own)
    neck_derived = not found["Neck"] and bool(found["RShoulder"] and found["LShoulder"])
    needed = [*_NEEDED, *(() if neck_derived else ("Neck",)), *(_FEET if complete else ())]
    if any(columns[1:] or (not columns and keypoint in needed) for keypoint, columns in found.items()):
        raise MarkerSetError(_explain(found, markers, neck_derived))
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
    unused = [name for name in markers.names if name not in sources.values() and not _is_anatomical(name)]
    derived += _describe_absent(absent, unused)
    return Keypoints(positions, sources, tuple(derived), absent)


def _describe_absent(absent: Sequence[str], unused: list[str]) -> list[str]:
    """Sentences on keypoints that the file lacks; one that is there under another name should be found."""
    if not absent:
        return []
    near = {keypoint: names for keypoint in absent if (names := _nearest(keypoint, unused))}
    return [f"{', '.join(absent)}: not in the file, most likely place given the other keypoints"] + [
        f"{keypoint} may be {' or '.join(names)}: if so, add --names {keypoint}={names[0]}"
        for keypoint, names in near.items()
    ]


def input_keypoints(markers: Markers) -> Markers:
    """The file's own keypoints (all that it has, elbows too): its markers without those that end in `_study`."""
    kept = [i for i, name in enumerate(markers.names) if not _is_anatomical(name)]
    return replace(markers, names=tuple(markers.names[i] for i in kept), positions=markers.positions[:, kept])


def _is_anatomical(name: str) -> bool:
    return name.casefold().endswith("_study")


def _own_names(names: Sequence[str]) -> dict[str, str]:
    """The names of a file's columns -> without what all of them begin or end with, and without #1, #2, ..."""
    affix = find_affix(names)
    return {
        name: re.sub(r"#\d+$", "", affix.remove(name) if affix is not None and affix.fits(name) else name)
        for name in names
    }


def _matches(own: Mapping[str, str]) -> dict[str, list[str]]:
    """The columns that fit each keypoint, by their own names: just the one with its exact name, where there is one."""
    keypoint_of = {name_key(alias): mark.name for mark in KEYPOINTS.landmarks for alias in mark.aliases}
    on_skin = _skin_markers(own.values())
    found: dict[str, list[str]] = {keypoint: [] for keypoint in KEYPOINTS}
    for column, name in own.items():
        keypoint = keypoint_of.get(name_key(name))
        if keypoint is not None and name not in on_skin:
            found[keypoint].append(column)
    return {
        keypoint: [keypoint] if keypoint in columns else [each for each in columns if own[each] == keypoint] or columns
        for keypoint, columns in found.items()
    }


def _skin_markers(names: Iterable[str]) -> set[str]:
    """Names that OpenCap and laboratories give to skin markers, if the file has such as no keypoint could be: r.ASIS.

    There, r_knee is the marker on the side of the knee, not its center.
    """
    used = _SKIN & set(names)
    return used if used & _ONLY_SKIN else set()


def _explain(found: dict[str, list[str]], markers: Markers, neck_derived: bool) -> str:
    """One line with every missing keypoint, then what each may be called, and what comes near to it in the file."""
    used = {name for columns in found.values() for name in columns}
    own = _own_names(markers.names)
    on_skin = _skin_markers(own.values())
    unused = [name for name in markers.names if name not in used and not _is_anatomical(name) and name not in on_skin]
    missing = [k for k, columns in found.items() if not columns and not (k == "Neck" and neck_derived)]
    empty = _matches(own)
    lines = [f"{k}: {_describe(k, empty[k], unused)}" for k in missing] + [
        f"{k}: {' and '.join(columns)} fit; choose with --names {k}={columns[0]}"
        for k, columns in found.items()
        if columns[1:]
    ]
    listed = ", ".join(line.partition(":")[0] for line in lines)
    needed = f"the model needs {len(KEYPOINTS)} keypoints; {len(lines)} cannot be taken from this file: {listed}"
    needed_too = set(missing).intersection(_NEEDED)
    hint = _NO_SHOULDERS if needed_too == {"RShoulder", "LShoulder"} else _WITHOUT if needed_too else ""
    if on_skin:
        hint = (
            f"The file holds skin markers ({', '.join(sorted(on_skin)[:4])}, ...), which are no joint centers: {_TELL}."
        )
    elif any("asis" in name_key(name) for name in markers.names):
        hint = _ANATOMICAL
    spelling = f"Letter case, '_', '-', '.' and spaces in names do not matter; for other names, {_TELL}."
    return "\n  ".join([needed, *lines]) + "\n" + " ".join(filter(None, [hint, "" if on_skin else spelling]))


def _describe(keypoint: str, empty: list[str], unused: list[str]) -> str:
    if empty:
        return f"no frame of {' or '.join(empty)} has a sample"
    near = _nearest(keypoint, unused)
    also = " or the two shoulders" if keypoint == "Neck" else ""
    accepted = [alias for alias in KEYPOINTS[keypoint].aliases if alias[0] == keypoint[0]]  # not those with sides last
    return f"expected {', '.join(accepted)}{also}" + (f"; nearest in the file: {', '.join(near)}" if near else "")


def _nearest(keypoint: str, names: list[str]) -> list[str]:
    """Up to three names that resemble the keypoint's own or its aliases, most similar first; none of the other side."""
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
    """How much a name resembles a keypoint's, from 0 to 1."""
    return max(SequenceMatcher(None, name_key(name), name_key(alias)).ratio() for alias in KEYPOINTS[keypoint].aliases)
