"""Fits the simulated detector to real recordings: how likely are their windows among generated ones?

    python benchmarks/fit_detector.py FILE.trc=HEIGHT_M=ACTIVITY=PERSON [...]

Every window of a recording, as the network gets it, has figures: lengths between keypoints over height, their deviation
within half a second, and the spectrum of what prediction does not smooth away. Generated windows of the same activity
have the same figures, each window of another person and detector. The likelihood of a real figure is its density among
the generated windows with a similar hip flexion (a Gaussian kernel). Likelihoods are averaged over a person's windows,
so that a person counts as one.

Sizes of the detector's errors move by factors, one after the other, to the maximum of likelihood times prior. The prior
is log-normal about the sizes in use (SD 0.35 of the logarithm), since a few people are no population. The same
random numbers are drawn for every size, so that differences in likelihood are no noise.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import numpy as np
import torch
from torch import Tensor

from trcaugment.body import detector, shaking, soft_tissue
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.motions import MotionLibrary
from trcaugment.body.population import Population
from trcaugment.body.procedural import make_motion
from trcaugment.body.windows import WindowGenerator
from trcaugment.chain.keypoints import find_keypoints
from trcaugment.chain.preparation import prepare
from trcaugment.formats.trc import read_trc
from trcaugment.marker_sets import KEYPOINTS
from trcaugment.markers import RATE_HZ, WINDOW_FRAMES, FloatArray
from trcaugment.model.folder import load_model
from trcaugment.subject import Subject

N_GENERATED, N_MOTIONS, N_REAL = 900, 60, 30
LENGTHS = {
    "thigh": ("RHip", "RKnee"),
    "shank": ("RKnee", "RAnkle"),
    "ankle-heel": ("RAnkle", "RHeel"),
    "heel-toe": ("RHeel", "RBigToe"),
    "trunk": ("Neck", "hips"),
    "shoulder width": ("RShoulder", "LShoulder"),
    "hip width": ("RHip", "LHip"),
}
SHAKING = ("thigh", "shank", "trunk", "heel-toe")
BANDS_HZ = ((6, 12), (12, 18), (18, 31))
ERRORS = ("drift_m", "noise_m", "misjudged_rate")
CONSTANTS = {"shoulder inward": (detector, "_SHOULDER_INWARD_M")}
ODDS = {"odds of small noise": (shaking, "_SMALL_SHARE"), "odds of filtered noise": (shaking, "_FILTERED_SHARE")}
SHIFTS = ("hip shift forward", "hip shift up", "trunk shift up", "heel shift back", "spread of shifts")
SIZES = (*SHIFTS, "offsets", *CONSTANTS, *ERRORS, *ODDS)
PRIOR_LOG_SD = 0.35
SIMILAR_HIP = np.deg2rad(12)
STEPS = (-0.6, -0.3, 0.3, 0.6)  # of the log of a size


class Figures(NamedTuple):
    """Figures of windows, each (n_windows,), and their hip flexion in rad."""

    hip_flexion: FloatArray
    values: dict[str, FloatArray]


def figures(windows: Tensor, height_m: Tensor) -> Figures:
    """Figures of windows (n_windows, 30, 15, 3) in m; heights (n_windows,)."""
    place = {name: windows[:, :, k] / height_m[:, None, None] for k, name in enumerate(KEYPOINTS)}
    place["hips"] = (place["RHip"] + place["LHip"]) / 2
    found = {}
    for name, (a, b) in LENGTHS.items():
        length = (place[a] - place[b]).norm(dim=-1)
        found[name] = length.mean(dim=1)
        if name in SHAKING:
            found[f"{name}, log SD"] = length.std(dim=1).clamp(min=1e-5).log10()
    # Of the second differences, in which what is left of motion and the noise are of like size.
    body = torch.stack([place[name] for name in KEYPOINTS], dim=2).diff(n=2, dim=1)
    power = torch.fft.rfft(body, dim=1).abs().square().mean(dim=(2, 3))
    hertz = torch.fft.rfftfreq(WINDOW_FRAMES - 2, d=1 / RATE_HZ)
    for low, high in BANDS_HZ:
        inside = (hertz >= low) & (hertz < high)
        found[f"log power at {low}-{high} Hz"] = power[:, inside].mean(dim=1).clamp(min=1e-12).log10()
    trunk, thigh = place["Neck"] - place["hips"], place["hips"] - (place["RKnee"] + place["LKnee"]) / 2
    cosine = torch.nn.functional.cosine_similarity(trunk, thigh, dim=-1)
    hip = torch.acos(cosine.clamp(-1, 1)).mean(dim=1)
    return Figures(hip.numpy(), {name: value.numpy() for name, value in found.items()})


def real_figures(path: Path, height_m: float) -> Figures:
    """Figures of some windows of a recording, evenly spread, as the network gets them."""
    markers = read_trc(path)
    subject = Subject(height_m, 22 * height_m**2)
    prepared = prepare(markers, find_keypoints(markers), subject=subject, card=load_model().card, guarded=False)
    parts = [torch.from_numpy(each.keypoints).float() for each in prepared.segments]
    windows = [part.unfold(0, WINDOW_FRAMES, 5).permute(0, 3, 1, 2) for part in parts if len(part) >= WINDOW_FRAMES]
    every = torch.cat(windows)
    chosen = every[torch.linspace(0, len(every) - 1, N_REAL).long()]
    return figures(chosen, torch.full((N_REAL,), height_m))


def library(activity: str) -> MotionLibrary:
    """Motions of one activity, each of another person."""
    rng = np.random.default_rng(7)
    motions = [make_motion(activity, rng) for _ in range(N_MOTIONS)]
    return MotionLibrary.from_motions(motions, [1.0] * N_MOTIONS, [activity] * N_MOTIONS)


def generated_figures(library: MotionLibrary, size: dict[str, float]) -> Figures:
    """Figures of generated windows as a detector of these sizes, relative to today's, sees them."""
    now = KeypointErrors()
    errors = msgspec.structs.replace(now, **{name: getattr(now, name) * size[name] for name in ERRORS})
    spreads = {part: tuple(size["offsets"] * s for s in xyz) for part, xyz in detector._OFFSET_SPREAD_M.items()}
    values = {(detector, "_OFFSET_SPREAD_M"): spreads}
    values[soft_tissue, "_KEYPOINTS"] = tuple(_sized(shift, size) for shift in soft_tissue._KEYPOINTS)
    for name, place in CONSTANTS.items():
        values[place] = getattr(*place) * size[name]
    for name, place in ODDS.items():
        odds = size[name] * getattr(*place) / (1 - getattr(*place))
        values[place] = odds / (1 + odds)
    with ExitStack() as stack:
        for (module, name), value in values.items():
            stack.enter_context(patch.object(module, name, value))
        drawn = WindowGenerator(library, Population(), errors).draw(N_GENERATED, torch.Generator().manual_seed(11))
    return figures(drawn.keypoints, drawn.height_m)


def _sized(shift: soft_tissue.Shift, size: dict[str, float]) -> soft_tissue.Shift:
    forward, up, right = shift.mean_m
    if shift.point == "RHip":
        forward, up = forward * size["hip shift forward"], up * size["hip shift up"]
    elif shift.coordinate == "lumbar_extension":
        up *= size["trunk shift up"]
    elif shift.point == "RHeel":
        forward *= size["heel shift back"]
    first, second, third = (size["spread of shifts"] * s for s in shift.spread_m)
    return shift._replace(mean_m=(forward, up, right), spread_m=(first, second, third))


def log_density(real: Figures, generated: Figures, name: str) -> float:
    """Mean log density of a figure of real windows among generated ones of similar hip flexion, floored far outside."""
    sample, value = generated.values[name], real.values[name]
    spread = np.subtract(*np.percentile(sample, [75, 25])) / 1.34
    width = 0.9 * spread * len(sample) ** -0.2
    near = np.exp(-0.5 * ((real.hip_flexion[:, None] - generated.hip_flexion) / SIMILAR_HIP) ** 2)
    kernel = np.exp(-0.5 * ((value[:, None] - sample) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    density = (near * kernel).sum(axis=1) / near.sum(axis=1)
    return float(np.log(density + 0.01 / spread).mean())


class Recording(NamedTuple):
    """A recording's figures, what is done in it and by whom."""

    activity: str
    person: str
    figures: Figures


class Fit:
    """Log of likelihood times prior of sizes relative to today's."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.recordings = recordings
        self.libraries = {activity: library(activity) for activity in {each.activity for each in recordings}}
        self.of_person = Counter(each.person for each in recordings)

    def likelihood(self, size: dict[str, float]) -> dict[str, float]:
        """Log likelihood by figure, summed over people; a person's recordings are averaged."""
        generated = {activity: generated_figures(motions, size) for activity, motions in self.libraries.items()}
        total: dict[str, float] = Counter()
        for activity, person, real in self.recordings:
            for name in real.values:
                total[name] += log_density(real, generated[activity], name) / self.of_person[person]
        return total

    def posterior(self, size: dict[str, float]) -> float:
        """Sum of the log likelihood and of the prior's log."""
        prior = -0.5 * sum((np.log(value) / PRIOR_LOG_SD) ** 2 for value in size.values())
        return float(sum(self.likelihood(size).values()) + prior)


def climb(fit: Fit) -> dict[str, float]:
    """Move every size once, to the top of a parabola through the values tried or to the best of them, and print it."""
    size: dict[str, float] = dict.fromkeys(SIZES, 1.0)
    best = fit.posterior(size)
    print(f"{'sizes in use':24s}{'':22s}{best:8.2f}")
    for name in SIZES:
        tried = {0.0: best}
        for step in STEPS:
            tried[step] = fit.posterior({**size, name: size[name] * np.exp(step)})
        a, b, _ = np.polyfit(list(tried), list(tried.values()), 2)
        if a < 0 and (top := -b / (2 * a)) < max(STEPS) and top > min(STEPS):
            tried[top] = fit.posterior({**size, name: size[name] * np.exp(top)})
        step = max(tried, key=lambda each: tried[each])
        deviation = f"{(-2 * a) ** -0.5:4.2f}" if a < 0 else "   -"
        size[name], best = size[name] * float(np.exp(step)), tried[step]
        print(f"{name:24s}x {size[name]:4.2f}  log SD {deviation}{best:10.2f}", flush=True)
    return size


def main() -> None:
    """Print the sizes that fit best, with the log of likelihood times prior, and every figure's likelihood."""
    recordings = []
    for argument in sys.argv[1:]:
        path, height, activity, person = argument.rsplit("=", 3)
        recordings.append(Recording(activity, person, real_figures(Path(path), float(height))))
    fit = Fit(recordings)
    size = climb(fit)
    before, after = fit.likelihood(dict.fromkeys(SIZES, 1.0)), fit.likelihood(size)
    print("\nlog likelihood            sizes in use   fitted")
    for name in before:
        print(f"{name:24s}{before[name]:14.2f}{after[name]:9.2f}")


if __name__ == "__main__":
    main()
