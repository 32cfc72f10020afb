"""Inverse kinematics of a whole trial: every part is solved, and its motion file gets a row for each of its frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from trcaugment.chain.signals import BoolArray
from trcaugment.formats.mot import read_table, with_rows, without_columns
from trcaugment.markers import Markers
from trcaugment.osim.ik import MarkerErrors, run_ik, usable_frames, write_ik_trial
from trcaugment.osim.log import OpensimLog
from trcaugment.osim.package import load_opensim
from trcaugment.osim.parts import (
    Part,
    find_parts,
    interpolate,
    notes_on_parts,
    notes_on_undetermined,
    notes_on_unmeasured,
)
from trcaugment.osim.scale_tool import SCALED
from trcaugment.osim.tasks import Tasks


def solve_parts(
    folder: Path, name: str, trial: Markers, tasks: Tasks, *, log: OpensimLog, max_gap_s: float
) -> MarkerErrors:
    """Solve a trial with the folder's `scaled.osim`; writes a motion file for each part, and what OpenSim needs for it.

    Args:
        folder: holds the model.
        name: the trial's.
        trial: markers.
        tasks: what is followed.
        log: OpenSim's log.
        max_gap_s: gaps of frames without enough markers that last as long, in s, part the trial.

    Raises:
        OsimError: no frame has enough markers, or OpenSim failed.
    """
    there = np.asarray(np.isfinite(trial.positions).all(axis=2))
    model = log.checked(lambda: load_opensim().Model(str(folder / SCALED)), SCALED)
    own = tasks.among([trial.names[k] for k in np.flatnonzero(there.any(axis=0))], model)
    # What other trials of the person show and this one does not. A column would be taken for a finding.
    left_out = {c for c in own.unseen if c not in tasks.unseen} | {c for c in own.open if c not in own.pulled}
    usable = usable_frames(trial.select(tuple(marker for marker in tasks.followed if marker in trial.names)))
    if not usable.any():
        write_ik_trial(folder, name, trial, own, log)  # says what is missing
    parts = find_parts(name, usable, trial.time_s, max_gap_s)
    each = []
    for part in parts:
        frames = np.flatnonzero(usable[slice(*part.span)]) + part.span[0]
        solved = replace(trial, positions=trial.positions[frames], time_s=trial.time_s[frames])
        each.append(run_ik(write_ik_trial(folder, part.name, solved, own, log), log)[0])
        _finish(folder / f"{part.name}.mot", part, left_out)
    shown = {coordinate: markers for coordinate, markers in tasks.shown_by.items() if coordinate not in tasks.unseen}
    unmeasured = {coordinate: _without(markers, trial, there) for coordinate, markers in shown.items()}
    notes = (
        *notes_on_parts(parts, usable, trial.time_s),
        *notes_on_unmeasured(unmeasured, parts, trial.time_s),
        *notes_on_undetermined({c: own.shown_by[c] for c in own.open if c in left_out}, own.followed),
    )
    n_left_out = trial.n_frames - sum(len(part.time_s) for part in parts)
    return replace(_joined(each, own.followed), n_left_out=n_left_out, parts=parts, notes=notes)


def _finish(path: Path, part: Part, left_out: Collection[str]) -> None:
    """Put the frames that were not solved into a motion file, and take out columns of what was not determined."""
    data = path.read_bytes()
    if not part.solved.all():
        values = interpolate(read_table(path).values[:, 1:], part)
        data = with_rows(data, np.column_stack([part.time_s, values]))
    path.write_bytes(without_columns(data, left_out))


def _without(markers: Sequence[str], trial: Markers, there: BoolArray) -> BoolArray:
    """Frames with none of some markers, (n_frames,)."""
    places = [trial.names.index(marker) for marker in markers if marker in trial.names]
    return np.asarray(~there[:, places].any(axis=1))


def _joined(each: Sequence[MarkerErrors], followed: Sequence[str]) -> MarkerErrors:
    """The errors of all parts; NaN where a part lacks a marker."""
    names = tuple(marker for marker in followed if any(marker in errors.names for errors in each))
    distances = []
    for errors in each:
        wide = np.full((len(errors.time_s), len(names)), np.nan)
        wide[:, [names.index(marker) for marker in errors.names]] = errors.distance_m
        distances.append(wide)
    return MarkerErrors(names, np.concatenate([errors.time_s for errors in each]), np.concatenate(distances))
