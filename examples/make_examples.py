"""Makes the example trials in this folder: a generated person whose true markers are known.

    python examples/make_examples.py

Files that exist stay as they are: the walk and the squat with gaps are of the generator of version 0.2.0.
Each NAME.trc holds the 20 keypoints that a video pose detector would report, each NAME_markers.trc the 35 anatomical
markers where they truly are. Height and mass are those of the report's example: 1.584 m and 58.32 kg.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import make_interp_spline

from trcaugment import Markers, write_trc
from trcaugment.body.detector import KeypointErrors, disturb, draw_offsets
from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.procedural import make_motion
from trcaugment.body.skeleton import KEYPOINTS, POINT_INDEX
from trcaugment.marker_sets import ANATOMICAL_MARKERS
from trcaugment.marker_sets import KEYPOINTS as MODEL_KEYPOINTS
from trcaugment.markers import RATE_HZ, FloatArray

HEIGHT_M, MASS_KG = 1.584, 58.32
FOLDER = Path(__file__).parent
# A detector at work: offsets as in the field, no accidents; and the noise that filtered recordings have left.
ERRORS = KeypointErrors(offset=0.6, drift_m=0.006, noise_m=0.0, accident_rate=0.0, misjudged_rate=0.0)
NOISE_M = 0.0015


def the_person(seed: int) -> BodySizes:
    """One person of the given height and mass."""
    index = MASS_KG / HEIGHT_M**2
    population = Population(height_m=(HEIGHT_M, HEIGHT_M), body_mass_index=(index, index))
    return draw_bodies(population, 1, torch.Generator().manual_seed(seed))


def trial(activity: str, seconds: float, seed: int) -> tuple[Markers, Markers]:
    """Keypoints and true markers of one trial."""
    generator = torch.Generator().manual_seed(seed)
    person = the_person(seed=1)
    motion = stretched_motion(activity, round(seconds * RATE_HZ), np.random.default_rng(seed))
    offsets, shifts = draw_offsets(ERRORS, 1, generator)
    points = person.points.clone()
    points[:, [POINT_INDEX[name] for name in MODEL_KEYPOINTS]] += offsets
    seen = replace(person, points=points, shifts=person.shifts + shifts)
    coordinates = torch.from_numpy(motion)[None].float()
    names = [point.name for point in KEYPOINTS]
    keypoints = forward_kinematics(seen, coordinates, [POINT_INDEX[name] for name in names])
    in_model = [names.index(name) for name in MODEL_KEYPOINTS]
    keypoints[:, :, in_model] = disturb(ERRORS, keypoints[:, :, in_model], generator)
    keypoints += NOISE_M * torch.randn(keypoints.shape, generator=generator)
    keypoints[:, :, names.index("midHip")] = keypoints[:, :, [names.index("RHip"), names.index("LHip")]].mean(dim=2)
    markers = forward_kinematics(person, coordinates, [POINT_INDEX[name] for name in ANATOMICAL_MARKERS])
    time_s = np.arange(len(motion)) / RATE_HZ
    return (
        Markers(tuple(names), keypoints[0].double().numpy(), time_s),
        Markers(ANATOMICAL_MARKERS.names, markers[0].double().numpy(), time_s),
    )


def stretched_motion(activity: str, n_frames: int, rng: np.random.Generator) -> FloatArray:
    """A procedural trial played so fast or slow that it takes n_frames."""
    motion = make_motion(activity, rng)
    return np.asarray(make_interp_spline(np.linspace(0, 1, len(motion)), motion)(np.linspace(0, 1, n_frames)))


def with_gaps(markers: Markers) -> Markers:
    """The same trial with a short gap that is filled and a long one that is not."""
    positions = markers.positions.copy()
    positions[40:46, markers.names.index("RSmallToe")] = np.nan
    positions[90:110, markers.names.index("LHeel")] = np.nan
    return replace(markers, positions=positions)


def z_up(markers: Markers) -> Markers:
    """The same trial in a laboratory whose Z axis points up: X to the right of somebody who walks along Y."""
    x, y, z = np.moveaxis(markers.positions, -1, 0)
    return replace(markers, positions=np.stack([z, x, y], axis=-1))


def in_coco(markers: Markers) -> Markers:
    """The same trial under the names of COCO, which has no neck, no hip center and no feet."""
    parts = ("Shoulder", "Elbow", "Wrist", "Hip", "Knee", "Ankle")
    names = {f"{side[0].upper()}{part}": f"{side}_{part.lower()}" for part in parts for side in ("left", "right")}
    return Markers(tuple(names.values()), markers.select(names), markers.time_s)


def make_files() -> Iterator[tuple[str, Markers, str]]:
    """Name, markers and unit of every example file."""
    keypoints, markers = trial("walk", 10.0, seed=3)
    yield "walk", keypoints, "m"
    yield "walk_markers", markers, "m"
    keypoints, markers = trial("squat", 3.0, seed=5)
    yield "squat_mm_with_gaps", with_gaps(keypoints), "mm"
    yield "squat_mm_with_gaps_markers", markers, "mm"
    for activity, name, seconds, seed in (("jump", "jump", 2.5, 7), ("lie", "lying", 4.0, 9)):
        keypoints, markers = trial(activity, seconds, seed)
        yield name, keypoints, "m"
        yield f"{name}_markers", markers, "m"
    yield "squat_mm_z_up", z_up(trial("squat", 3.0, seed=11)[0]), "mm"
    yield "walk_coco", in_coco(trial("walk", 3.0, seed=13)[0]), "m"


def main() -> None:
    """Write the examples that are not there."""
    for name, markers, unit in make_files():
        if not (FOLDER / f"{name}.trc").exists():
            write_trc(FOLDER / f"{name}.trc", markers, unit=unit)


if __name__ == "__main__":
    main()
