"""The page of `trcaugment view`: a trial's moving body."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from trcaugment.chain.vertical import Axis, find_up
from trcaugment.markers import FloatArray, Markers
from trcaugment.pages.html import as_script, render
from trcaugment.pages.marks import TITLES, Mark, find_marks, joined
from trcaugment.pages.scene import Layer, Role, Scene, make_scene, split_by_kind
from trcaugment.pages.trial import Trial


class Shown(msgspec.Struct, frozen=True):
    """What the template of the viewer asks for.

    Attributes:
        scene: the bodies.
        script: the same as JSON, for the page's script.
        marks: findings and gaps.
        notes: sentences on what is not shown as it is in the files.
    """

    scene: Scene
    script: str
    marks: list[Mark]
    notes: list[str]


def show(
    trial: Trial,
    other: Trial | None = None,
    models: Sequence[Layer] = (),
    *,
    spread_mm: FloatArray | None = None,
) -> Shown:
    """Prepare a trial for the viewer.

    Args:
        trial: the trial. Keypoints that its sidecar names are shown too, unless one of the files holds keypoints.
        other: another file of the same recording, in the same axes.
        models: layers of OpenSim models in motion.
        spread_mm: how far each of the trial's markers may be off, (n_frames, n_markers), NaN where unknown.

    Raises:
        MarkersError: there is nothing to show, or the files are of different times.
    """
    files = [trial.path.name] if other is None else _told_apart(trial.path, other.path)
    layers = list(_layers(trial.markers, files[0], 0, ("keypoints", "predicted")))
    if spread_mm is not None:
        layers = [replace(each, spread_mm=spread_mm[:, _columns(trial, each)]) for each in layers]
    if other is not None:
        taken = any(each.role == "keypoints" for each in layers)
        layers += _layers(other.markers, files[1], 1, ("other" if taken else "keypoints", "other"))
    if trial.keypoints is not None and not any(each.role == "keypoints" for each in layers):
        layers += _layers(trial.keypoints, "input", 0, ("keypoints", "other"))
    marks = find_marks(trial)
    bands = [(str(kind), TITLES[kind], spans) for kind, spans in joined(marks, trial.markers.n_frames).items()]
    scene = make_scene([*layers, *models], _known_up(trial), bands)
    notes = [*trial.notes, *(other.notes if other is not None else ()), *_notes(scene)]
    return Shown(scene, as_script(scene), marks, notes)


def make_page(shown: Shown, title: str) -> bytes:
    """The page of `trcaugment view` as an HTML file."""
    return render("view.html.j2", title=title, shown=shown)


def _known_up(trial: Trial) -> Axis | None:
    """The axis that points up as the conversion found it: Y in its output, unless it found that something is wrong."""
    if trial.sidecar is None:
        return None
    if all(each.guard != "vertical" for each in trial.sidecar.findings):
        return "y"
    seen = trial.keypoints or trial.markers
    return find_up(seen.names, seen.positions).axis


def _layers(markers: Markers, file: str, panel: int, roles: tuple[Role, Role]) -> Iterator[Layer]:
    """Keypoints and other markers of a file, each in the role given for it."""
    for part, role, what in zip(split_by_kind(markers), roles, ("keypoints", "markers"), strict=True):
        if part is not None:
            yield Layer(f"{what} ({file})", role, part, panel)


def _told_apart(first: Path, second: Path) -> list[str]:
    """Names of two files, with their folders where they are the same."""
    n = 2 if first.name == second.name else 1
    return ["/".join(path.absolute().parts[-n:]) for path in (first, second)]


def _columns(trial: Trial, layer: Layer) -> list[int]:
    return [trial.markers.names.index(name) for name in layer.markers.names]


def _notes(scene: Scene) -> Iterator[str]:
    if scene.up is None:
        yield "Which axis points up cannot be known from the markers: Y is shown upward, as OpenSim takes it."
    elif scene.up != "y":
        yield f"{scene.up.upper()} of the file points up, and is shown so; OpenSim takes Y for up."
    if scene.every > 1:
        yield f"The trial is long: one of {scene.every} frames is shown."
    if any(body.spread_mm for body in scene.bodies):
        yield "The paler a marker, the less sure: full colour up to 10 mm (one SD in space), palest from 30 mm on."
    step_mm = max(1000 * body.positions.step_m for body in scene.bodies)
    yield f"Positions are rounded to {step_mm:.2g} mm."
