"""Plans a batch: which trial is converted to which file; no output is an input or another output."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trcaugment.conversion.folder import CSV_FILE, FINDINGS_FILE, JSON_FILE
from trcaugment.conversion.sidecar import read_origin
from trcaugment.conversion.trials import Conversion
from trcaugment.errors import ConversionError
from trcaugment.formats.files import sidecar_path
from trcaugment.formats.outputs import find_clashes
from trcaugment.sessions.finding import FoundTrial, find_trials
from trcaugment.sessions.layouts import Layout, Places, places
from trcaugment.sessions.tree import LeftOut


@dataclass(frozen=True)
class PlannedTrial:
    """A trial to convert.

    Attributes:
        name: the file's path relative to the folder of trials, with `/`.
        subject_name: name of the subject.
        conversion: source, target and person.
        places: where its results lie.
    """

    name: str
    subject_name: str
    conversion: Conversion
    places: Places


@dataclass(frozen=True)
class Plan:
    """A planned batch.

    Attributes:
        trials: the trials to convert.
        left_out: files that are not converted, and why; also outputs of earlier runs whose trials are gone.
    """

    trials: list[PlannedTrial]
    left_out: list[LeftOut]


def make_plan(root: Path, subjects: Path | None, outputs: Path, layout: Layout = "own", model_name: str = "") -> Plan:
    """Find the trials of a folder; each output gets the trial's relative path in the output folder, or the layout's.

    Args:
        root: folder of trials.
        subjects: table of subjects to use instead of the one in `root`.
        outputs: output folder; with a layout of others, the folder of trials too.
        layout: where the results lie.
        model_name: name of the model that is scaled, for layouts that name files by it.

    Raises:
        SessionsError: as `find_trials` does.
        SubjectsError: as `find_trials` does.
    """
    inside = layout != "own" and os.path.realpath(root) == os.path.realpath(outputs)
    found = find_trials(root, subjects, None if inside else outputs)
    trials = [each for each in found if isinstance(each, FoundTrial)]
    planned = []
    for each in trials:
        lie = places(outputs, each.name, layout, model_name)
        conversion = Conversion(each.source, lie.markers, each.person)
        planned.append(PlannedTrial(each.name, each.subject_name, conversion, lie))
    clashing = _clashing(planned, outputs)
    made_here = {each.conversion.target for each in planned}
    left_out = [each for each in found if isinstance(each, LeftOut) and each.source not in made_here] + [
        LeftOut(each.conversion.source, each.name, clashing[each.name], failed=True)
        for each in planned
        if each.name in clashing
    ]
    left_out += [] if inside else _without_trial(outputs, made_here)
    return Plan([each for each in planned if each.name not in clashing], sorted(left_out, key=lambda each: each.name))


def with_calibrations(plan: Plan, folder: Path) -> tuple[Plan, list[str]]:
    """The plan with each subject's calibration, the file SUBJECT.json in a folder.

    Returns:
        The plan, and sentences on subjects without a file and files without a subject.

    Raises:
        ConversionError: an output or its sidecar would replace one of the files.
    """
    own = {path.stem: path.absolute() for path in sorted(folder.glob("*.json"))}
    written = [file for each in plan.trials for file in (each.conversion.target, sidecar_path(each.conversion.target))]
    for reason in find_clashes(written, own.values()).values():
        raise ConversionError(f"{reason}.")
    trials = [
        replace(each, conversion=replace(each.conversion, calibration=own.get(each.subject_name)))
        for each in plan.trials
    ]
    subjects = {each.subject_name for each in plan.trials}
    without, unknown = sorted(subjects - own.keys()), sorted(own.keys() - subjects)
    notes = [f"not calibrated, no file in {folder}: {', '.join(without)}"] if without else []
    notes += [f"calibrations of no subject of this batch: {', '.join(unknown)}"] if unknown else []
    return replace(plan, trials=trials), notes


def _clashing(planned: Sequence[PlannedTrial], outputs: Path) -> dict[str, str]:
    """Trials whose output or sidecar would overwrite another one, an input or the report: name -> why."""
    files = {each.name: [each.conversion.target, sidecar_path(each.conversion.target)] for each in planned}
    targets = [file for own in files.values() for file in own]
    reports = [outputs / name for name in (CSV_FILE, JSON_FILE, FINDINGS_FILE)]
    clashes = find_clashes([*targets, *reports], [each.conversion.source for each in planned])
    return {name: clashes[file] for name, own in files.items() for file in own if file in clashes}


def _without_trial(outputs: Path, targets: set[Path]) -> list[LeftOut]:
    """Outputs of earlier runs without a trial in this batch, for example because the trial was deleted."""
    left_out = []
    for folder, _, names in os.walk(outputs):
        for file in (Path(folder, name) for name in names if name.casefold().endswith(".trc")):
            origin = None if file in targets else read_origin(file)
            if origin is not None:
                reason = f"made earlier from {origin.made.input}, which is no trial of this batch"
                left_out.append(LeftOut(file, str(file), reason, failed=False))
    return left_out
