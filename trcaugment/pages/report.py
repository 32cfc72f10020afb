"""The page of `trcaugment report`: all there is to know before one trusts a trial."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from trcaugment.chain.smoothing import describe
from trcaugment.conversion.sidecar import Sidecar
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import FloatArray, Markers
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M
from trcaugment.pages import methods
from trcaugment.pages.angles import Solved
from trcaugment.pages.html import render
from trcaugment.pages.marks import TITLES, Mark
from trcaugment.pages.measures import Motion, motions
from trcaugment.pages.scene import split_by_kind
from trcaugment.pages.sections import (
    Section,
    kinematics_sections,
    length_section,
    speed_section,
    uncertainty_section,
)
from trcaugment.pages.trial import Trial
from trcaugment.pages.viewer import show

_MOST_ROWS = 24  # of the time line


class Row(msgspec.Struct, frozen=True):
    """A row of the time line: kind, who is concerned, and spans as percentages of the trial (start, width)."""

    kind: str
    label: str
    spans: list[tuple[float, float]]


class Heat(msgspec.Struct, frozen=True):
    """A picture of attention weights: a PNG in base64, the rows' names with their mean weights, and the darkest one."""

    picture: str
    names: list[tuple[str, float]]
    most: float


@dataclass(frozen=True, eq=False)
class Extras:
    """What else is known of a trial.

    Attributes:
        solved: joint angles.
        attention: weights of the model's keypoints, (n_frames, 15), NaN where nothing is predicted.
        spread_mm: how far each marker may be off in each frame, (n_frames, n_markers); None if it is not known.
        missing: why something is not in the report, one sentence each.
    """

    solved: Solved | None = None
    attention: FloatArray | None = None
    spread_mm: FloatArray | None = None
    missing: tuple[str, ...] = ()


def make_report(trial: Trial, extras: Extras) -> bytes:
    """The report of a trial as an HTML file.

    Raises:
        MarkersError: there is no position in the trial.
    """
    shown = show(trial, spread_mm=extras.spread_mm)
    keypoints, predicted = split_by_kind(trial.markers)
    keypoints = trial.keypoints if trial.keypoints is not None else keypoints
    moving = {
        what: motions(each) for what, each in (("markers", predicted), ("keypoints", keypoints)) if each is not None
    }
    return render(
        "report.html.j2",
        title=trial.path.stem,
        shown=shown,
        sidecar=trial.sidecar,
        verdict=list(_verdict(trial, extras)),
        rows=_rows(shown.marks, trial.markers.n_frames),
        kinds=TITLES,
        sections=list(_sections(trial, extras, predicted, moving)),
        heat=None if extras.attention is None else _heat(extras.attention),
        even=1 / len(KEYPOINTS),
        done=[] if trial.sidecar is None else list(_done(trial.sidecar)),
        methods=[] if trial.sidecar is None else list(methods.sentences(trial.sidecar, extras.solved)),
        cite=methods.CITE,
        figures=methods.figures(trial, moving, extras.solved),
        missing=list(extras.missing),
    )


def _verdict(trial: Trial, extras: Extras) -> Iterator[tuple[str, str]]:
    """What one must know first: kind and words."""
    sidecar, solved = trial.sidecar, extras.solved
    if sidecar is None:
        yield "lost", "no sidecar of trcaugment fits this file: how it was made is not known"
    else:
        n_found = len(sidecar.findings)
        yield (
            ("finding", f"{n_found} finding{'s' if n_found > 1 else ''} to look at")
            if n_found
            else ("good", "no findings")
        )
        n_frames, known = sidecar.input.n_frames, sidecar.output.n_frames_predicted
        yield ("lost" if known < n_frames else "good"), f"markers in {known} of {n_frames} frames"
        if sidecar.lost:
            yield "lost", f"{len(sidecar.lost)} markers not known throughout"
        if sidecar.missing:
            yield "guessed", f"{len(sidecar.missing)} keypoints guessed for a time"
    if solved is not None and len(solved.errors_mm):
        over = solved.rms_mm > 1000 * RMS_LIMIT_M or solved.max_mm > 1000 * MAX_LIMIT_M
        words = f"inverse kinematics: marker error RMS {solved.rms_mm:.1f} mm, largest {solved.max_mm:.1f} mm"
        yield ("finding" if over else "good"), words


def _rows(marks: Sequence[Mark], n_frames: int) -> list[Row]:
    """The time line: marks of the same kind and frames share a row."""
    names: dict[tuple[str, tuple[tuple[int, int], ...]], list[str]] = {}
    for mark in marks:
        if mark.spans:
            names.setdefault((mark.kind, mark.spans), []).append(mark.label)
    rows = []
    for (kind, spans), own in names.items():
        label = ", ".join(own[:3]) + (f" and {len(own) - 3} more" if len(own) > 3 else "")
        percent = [(round(100 * a / n_frames, 2), round(100 * (b - a) / n_frames, 2)) for a, b in spans]
        rows.append(Row(kind, label, percent))
    if len(rows) > _MOST_ROWS:
        rest = [span for row in rows[_MOST_ROWS - 1 :] for span in row.spans]
        last = Row(rows[_MOST_ROWS - 1].kind, f"{len(rows) - _MOST_ROWS + 1} more rows together", rest)
        rows = [*rows[: _MOST_ROWS - 1], last]
    return rows


def _sections(
    trial: Trial, extras: Extras, predicted: Markers | None, moving: dict[str, list[Motion]]
) -> Iterator[Section]:
    sidecar = trial.sidecar
    if predicted is not None:
        yield from length_section(predicted, None if sidecar is None else sidecar.subject.height_m)
    shown = predicted if predicted is not None else trial.markers
    yield speed_section(shown, moving)
    if sidecar is not None and sidecar.uncertainty is not None:
        yield uncertainty_section(sidecar.uncertainty, extras.spread_mm, trial.markers.time_s)
    if extras.solved is not None:
        yield from kinematics_sections(extras.solved, shown)


def _done(sidecar: Sidecar) -> Iterator[tuple[str, str]]:
    """What was done, as pairs of words."""
    source, person, made = sidecar.input, sidecar.subject, sidecar.preparation
    yield "made", f"{sidecar.made.at[:16].replace('T', ' ')} UTC by {sidecar.tool}"
    yield "from", sidecar.made.input
    yield "model", f"{sidecar.model.name} (SHA-256 {sidecar.model.sha256[:12]})"
    if sidecar.arms is not None:
        yield "model of the arms", f"{sidecar.arms.name} (SHA-256 {sidecar.arms.sha256[:12]})"
    if sidecar.calibration is not None:
        yield "calibration", f"{sidecar.calibration.file}, {sidecar.calibration.n_markers} markers moved"
    height = "" if person.height_error_m is None else f" ± {person.height_error_m:.2f} m, estimated"
    yield (
        "person",
        f"{person.height_m:.2f} m{height} ({person.height_source}), {person.mass_kg:g} kg ({person.mass_source})",
    )
    rate = "" if source.rate_hz is None else f" at {source.rate_hz:.4g} Hz"
    yield "input", f"{source.n_frames} frames{rate}, in {source.unit}, from frame {source.first_frame} of the file"
    if source.names:
        yield "names", ", ".join(source.names)
    if source.notes:
        yield "noted in the file", " ".join(source.notes)
    if sidecar.derived:
        yield "derived", "; ".join(sidecar.derived)
    yield "gaps filled", f"up to {made.max_gap_s:g} s"
    yield "outliers", "left as they are" if made.keep_outliers else "treated as gaps"
    if sidecar.smoothed:
        yield "keypoints smoothed", ", ".join(f"{name} (SD {1000 * m:.1f} mm)" for name, m in sidecar.smoothed.items())
    yield "markers smoothed", "no" if made.lowpass_hz is None else describe(made.lowpass_hz)
    yield "swapped sides", "exchanged back" if made.repair_swaps else "left as they are"
    yield "up", "not turned" if sidecar.up is None else f"{sidecar.up} of the input became Y"
    renamed = [f"{name} from {own}" for name, own in sidecar.sources.items() if name != own]
    if renamed:
        yield "keypoints", ", ".join(renamed)


def _heat(weights: FloatArray) -> Heat:
    """Attention weights as a picture with keypoints downward and time to the right."""
    from matplotlib import colormaps
    from matplotlib.image import imsave

    most = float(np.nanmax(weights)) if np.isfinite(weights).any() else 1.0
    colors = colormaps["viridis"](np.ma.masked_invalid(weights.T / most), bytes=True)
    file = io.BytesIO()
    imsave(file, colors, format="png")
    means = np.nanmean(weights, axis=0) if np.isfinite(weights).any() else np.zeros(weights.shape[1])
    names = [(name, round(float(mean), 3)) for name, mean in zip(KEYPOINTS, means, strict=True)]
    return Heat(base64.b64encode(file.getvalue()).decode(), names, round(most, 3))
