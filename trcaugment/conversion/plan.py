"""What becomes of which trial: every output has one input, and none is an input itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trcaugment.conversion.folder import CSV_FILE, JSON_FILE
from trcaugment.conversion.sidecar import read_origin
from trcaugment.conversion.trials import Conversion
from trcaugment.formats.files import sidecar_path
from trcaugment.formats.outputs import find_clashes
from trcaugment.sessions.finding import FoundTrial, find_trials
from trcaugment.sessions.tree import LeftOut


@dataclass(frozen=True)
class PlannedTrial:
    """A trial, and what will be done.

    Attributes:
        name: the file's path relative to the folder of trials, with `/`.
        subject_name: name of the subject.
        conversion: from which file to which, for which person.
    """

    name: str
    subject_name: str
    conversion: Conversion


@dataclass(frozen=True)
class Plan:
    """A batch.

    Attributes:
        trials: what will be converted.
        left_out: what will not, and why; outputs of earlier runs whose trials are gone too.
    """

    trials: list[PlannedTrial]
    left_out: list[LeftOut]


def make_plan(root: Path, subjects: Path | None, outputs: Path) -> Plan:
    """Find the trials of a folder and say where their outputs go: the same path in another folder.

    Args:
        root: the folder of trials.
        subjects: a table of subjects in place of the folder's own.
        outputs: the folder to fill.

    Raises:
        SessionsError: as `find_trials` does.
        DatasetError: as `find_trials` does.
    """
    found = find_trials(root, subjects, outputs)
    trials = [each for each in found if isinstance(each, FoundTrial)]
    planned = [
        PlannedTrial(each.name, each.subject_name, Conversion(each.source, outputs / each.name, each.person))
        for each in trials
    ]
    clashing = _clashing(planned, outputs)
    left_out = [each for each in found if isinstance(each, LeftOut)] + [
        LeftOut(each.conversion.source, each.name, clashing[each.name], failed=True)
        for each in planned
        if each.name in clashing
    ]
    left_out += _without_trial(outputs, {each.conversion.target for each in planned})
    return Plan([each for each in planned if each.name not in clashing], sorted(left_out, key=lambda each: each.name))


def _clashing(planned: Sequence[PlannedTrial], outputs: Path) -> dict[str, str]:
    """Trials whose output, or its sidecar, would be another's, an input or the report: name -> why."""
    files = {each.name: [each.conversion.target, sidecar_path(each.conversion.target)] for each in planned}
    targets = [file for own in files.values() for file in own]
    reports = [outputs / CSV_FILE, outputs / JSON_FILE]
    clashes = find_clashes([*targets, *reports], [each.conversion.source for each in planned])
    return {name: clashes[file] for name, own in files.items() for file in own if file in clashes}


def _without_trial(outputs: Path, targets: set[Path]) -> list[LeftOut]:
    """Outputs of earlier runs to which no trial leads now, because it was deleted, say, or its subject is not known."""
    left_out = []
    for folder, _, names in os.walk(outputs):
        for file in (Path(folder, name) for name in names if name.casefold().endswith(".trc")):
            origin = None if file in targets else read_origin(file)
            if origin is not None:
                reason = f"made earlier from {origin.made.input}, which is no trial of this batch"
                left_out.append(LeftOut(file, str(file), reason, failed=False))
    return left_out
