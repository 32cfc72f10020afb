"""The people of a batch whose joint angles are found: a scaled model each, whatever folders their trials lie in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from trcaugment.conversion.ik import Person, common_subject
from trcaugment.conversion.plan import PlannedTrial
from trcaugment.conversion.sidecar import Sidecar
from trcaugment.formats.files import read_file
from trcaugment.markers import MAX_GAP_S
from trcaugment.osim.parts import part_names
from trcaugment.osim.pipeline import Kit
from trcaugment.osim.scale_tool import SCALED
from trcaugment.sessions.layouts import Places


@dataclass(frozen=True)
class HowToSolve:
    """What a batch may choose for inverse kinematics.

    Attributes:
        static: name of the trial that scales everybody who has it, without .trc; None for the usual choice.
        kit: OpenSim files of the user.
        max_gap_s: as in `Person`.
    """

    static: str | None = None
    kit: Kit = field(default_factory=Kit)
    max_gap_s: float = MAX_GAP_S

    def as_made(self) -> dict[str, str]:
        """The same for the record: the trial's name, checksums of the files, and the longest gap."""
        files = {name: path for name, path in vars(self.kit).items() if isinstance(path, Path)}
        chosen = {} if self.static is None else {"static": self.static}
        chosen |= {} if self.max_gap_s == MAX_GAP_S else {"max_gap_s": f"{self.max_gap_s:g}"}
        return chosen | {name: hashlib.sha256(read_file(path)).hexdigest() for name, path in files.items()}


@dataclass(frozen=True)
class PlannedPerson:
    """A person to scale.

    Attributes:
        person: the person.
        sha256: trial name -> SHA-256 of its marker file.
        how: what was chosen, for the record.
        copies: trial name -> where copies of its results lie, in layouts that have such places.
    """

    person: Person
    sha256: dict[str, str]
    how: dict[str, str] = field(default_factory=dict)
    copies: dict[str, Places] = field(default_factory=dict)

    def models(self) -> dict[Path, Path]:
        """Where copies of the scaled model lie -> the model."""
        return {each.model: self.person.folder / SCALED for each in self.copies.values() if each.model}

    def motions(self, name: str, n_parts: int = 1) -> dict[Path, Path]:
        """Where copies of a trial's motions lie -> the motions."""
        place = self.copies[name].motion if name in self.copies else None
        parts = part_names(name, n_parts) if place else ()
        return {
            place.with_name(f"{place.name}{part.removeprefix(name)}.mot"): self.person.folder / f"{part}.mot"
            for part in parts
            if place
        }


def plan_people(
    trials: Iterable[PlannedTrial], sidecars: Mapping[Path, Sidecar], how: HowToSolve
) -> list[PlannedPerson]:
    """Group the converted trials by subject; of trials in several folders, the person's lies in the nearest common one.

    Raises:
        OSError: a file of the user cannot be read.
    """
    groups: dict[str, list[PlannedTrial]] = {}
    for trial in trials:
        if trial.conversion.target in sidecars:
            groups.setdefault(trial.subject_name, []).append(trial)
    made = how.as_made()
    planned = []
    for subject_name, own in groups.items():
        named = _named(own)
        outputs = {name: trial.conversion.target for name, trial in named.items()}
        work = Path(os.path.commonpath([trial.places.work for trial in own]))
        static = next((each.conversion.target for each in named.values() if Path(each.name).stem == how.static), None)
        subject = common_subject([sidecars[path] for path in outputs.values()])
        folder = work / f"ik_{subject_name.replace('/', '_')}"
        person = Person(folder, subject, outputs, static, how.kit, max_gap_s=how.max_gap_s)
        sha256 = {name: sidecars[path].output.sha256 for name, path in outputs.items()}
        copies = {name: trial.places for name, trial in named.items() if trial.places.motion}
        planned.append(PlannedPerson(person, sha256, made, copies))
    return planned


def _named(trials: Sequence[PlannedTrial]) -> dict[str, PlannedTrial]:
    """Names of the trials' files: with the folders below the common one, so that trials of several days stay apart."""
    home = Path(os.path.commonpath([trial.places.home for trial in trials]))
    named: dict[str, PlannedTrial] = {}
    for trial in sorted(trials, key=lambda trial: trial.conversion.target):
        folders = trial.places.home.relative_to(home).parts
        plain = name = "_".join((*folders, trial.conversion.target.stem))
        for k in count(2):  # a/b_c.trc and a_b/c.trc
            if name not in named:
                break
            name = f"{plain}_{k}"
        named[name] = trial
    return named
