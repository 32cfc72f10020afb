"""A methods paragraph for a paper, and the figures to go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from trcaugment.chain.smoothing import describe
from trcaugment.conversion.sidecar import FrameRange, Sidecar
from trcaugment.marker_sets import ARM_KEYPOINTS, KEYPOINTS
from trcaugment.osim.ik import MAX_LIMIT_M, RMS_LIMIT_M
from trcaugment.pages.angles import Solved
from trcaugment.pages.measures import Motion
from trcaugment.pages.trial import Trial

CITE = (
    "trcaugment (CITATION.cff of its repository says how), the OpenSim model that its skeleton follows (Rajagopal et "
    "al. 2016, doi:10.1109/TBME.2016.2586891), and, where joint angles are reported, OpenSim (Seth et al. 2018, "
    "doi:10.1371/journal.pcbi.1006223)"
)


def sentences(sidecar: Sidecar, solved: Solved | None) -> Iterator[str]:
    """Sentences on how the markers were made, with all that was filled, guessed or left out."""
    source, person, model = sidecar.input, sidecar.subject, sidecar.model
    n_frames = source.n_frames
    n_keypoints = len({*KEYPOINTS, *(ARM_KEYPOINTS if sidecar.arms else ())})
    yield (
        f"Anatomical markers were predicted from {len(sidecar.sources)} video "
        f"keypoints with {sidecar.tool} (model {model.name}, SHA-256 {model.sha256[:12]}, {model.rate_hz:g} Hz) for a "
        f"person of {person.height_m:.2f} m{_estimated(person.height_error_m)} and {person.mass_kg:g} kg."
    )
    if sidecar.arms is not None:
        arms = f"{sidecar.arms.name} (SHA-256 {sidecar.arms.sha256[:12]})"
        yield f"Markers of the arms were predicted with the model {arms}."
    rate = "" if source.rate_hz is None else f" at {source.rate_hz:.4g} Hz"
    known = sidecar.output.n_frames_predicted
    yield f"The trial had {n_frames} frames{rate}; markers were predicted in {known} of them."
    if sidecar.derived:
        yield f"Keypoints not as in the file: {'; '.join(each.rstrip('.') for each in sidecar.derived)}."
    for samples, words in (
        (sidecar.outliers, "of keypoints left their path for a frame or two and were treated as gaps"),
        (
            sidecar.filled,
            f"of keypoints in gaps shorter than {sidecar.preparation.max_gap_s:g} s were filled by PCHIP interpolation "
            "along the keypoint's own path",
        ),
        (
            sidecar.missing,
            "of keypoints in longer gaps were replaced by the most likely place given the other keypoints",
        ),
        (sidecar.lost, "of markers could not be known without those and were left missing"),
    ):
        if samples:
            n_all = n_frames * (n_keypoints if samples is not sidecar.lost else sidecar.output.n_markers)
            yield f"{_count(samples)} samples ({100 * _count(samples) / n_all:.1f} %) {words}."
    if sidecar.smoothed:
        most_mm = 1000 * max(sidecar.smoothed.values())
        names = ", ".join(sidecar.smoothed)
        yield f"Keypoints that shook (white noise of up to {most_mm:.1f} mm SD) were smoothed: {names}."
    if sidecar.preparation.lowpass_hz is not None:
        yield f"Predicted markers were smoothed: {describe(sidecar.preparation.lowpass_hz)}."
    if sidecar.calibration is not None:
        own = sidecar.calibration
        except_in = f", except in {_count(own.unmoved)} samples whose segment is not known" if own.unmoved else ""
        yield f"{own.n_markers} of the markers were moved by the person's calibration{except_in}."
    if sidecar.repaired:
        parts = " and ".join(sidecar.repaired)
        yield f"Left and right were exchanged back in {_count(sidecar.repaired)} frames of {parts}."
    if sidecar.without_body:
        n_without = _frames(sidecar.without_body)
        yield f"In {n_without} frames the keypoints formed no body; all markers were left missing there."
    if sidecar.up:
        yield f"The {sidecar.up} axis of the recording pointed up; the markers were turned to OpenSim's axes (Y up)."
    if solved is not None:
        errors = ""
        if len(solved.errors_mm):
            errors = f" (distance of the model's markers: RMS {solved.rms_mm:.1f} mm, largest {solved.max_mm:.1f} mm)"
        yield f"Joint angles were found by inverse kinematics in OpenSim{errors}."


def figures(trial: Trial, moving: Mapping[str, list[Motion]], solved: Solved | None) -> list[tuple[str, str]]:
    """Names and values of the figures of a trial.

    Args:
        trial: the trial.
        moving: "markers" and "keypoints" -> how each moves.
        solved: joint angles, if there are any.
    """
    rows = [("frames", str(trial.markers.n_frames))]
    duration_s = trial.markers.time_s[-1] - trial.markers.time_s[0]
    rows.append(("duration", f"{duration_s:.2f} s"))
    if trial.sidecar is not None:
        sidecar = trial.sidecar
        rows += [
            ("frames with predicted markers", str(sidecar.output.n_frames_predicted)),
            ("findings", str(len(sidecar.findings))),
            ("samples of keypoints filled", str(_count(sidecar.filled))),
            ("samples of keypoints guessed", str(_count(sidecar.missing))),
            ("samples of keypoints left out as outliers", str(_count(sidecar.outliers))),
            ("samples of markers not known", str(_count(sidecar.lost))),
        ]
    for what, each in moving.items():
        shake = [one.shake_mm for one in each if np.isfinite(one.shake_mm)]
        if shake:
            rows.append((f"shake of {what}, median (one axis)", f"{np.median(shake):.2f} mm"))
    if trial.sidecar is not None and trial.sidecar.uncertainty is not None:
        spread = trial.sidecar.uncertainty
        for what, parts in (("constant for the person", spread.constant_mm), ("moving", spread.moving_mm)):
            rows.append((f"uncertainty of markers, {what} (one SD in space)", f"{root_mean_square(parts):.1f} mm"))
    if solved is not None and len(solved.errors_mm):
        rows += [
            (f"marker error of inverse kinematics, RMS (limit {1000 * RMS_LIMIT_M:g} mm)", f"{solved.rms_mm:.1f} mm"),
            (
                f"marker error of inverse kinematics, largest (limit {1000 * MAX_LIMIT_M:g} mm)",
                f"{solved.max_mm:.1f} mm",
            ),
        ]
    return rows


def root_mean_square(parts: Mapping[str, tuple[float, ...]]) -> float:
    """Of the sizes of all markers' deviations, each the root of the sum of squares over its axes."""
    return float(np.sqrt(np.mean([sum(mm**2 for mm in each) for each in parts.values()]))) if parts else float("nan")


def _estimated(error_m: float | None) -> str:
    return "" if error_m is None else f" (estimated from the keypoints, ±{error_m:.2f} m for 95 % of people)"


def _count(ranges: Mapping[str, tuple[FrameRange, ...]]) -> int:
    return sum(_frames(each) for each in ranges.values())


def _frames(ranges: tuple[FrameRange, ...]) -> int:
    return sum(last - first + 1 for first, last in ranges)
