"""Generates training windows on the fly, each with another person, motion and detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from trcaugment.body.arms import move_arms, vary_arms
from trcaugment.body.detector import KeypointErrors, disturb, draw_offsets, misplace_small_toes
from trcaugment.body.kinematics import BodySizes, forward_kinematics
from trcaugment.body.motions import MotionLibrary, perturb, read_mot
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.procedural import ACTIVITIES, make_motion
from trcaugment.body.skeleton import GENERIC_HEIGHT_M, POINT_INDEX
from trcaugment.errors import MarkerSetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, ARM_KEYPOINTS, KEYPOINTS, MarkerSet
from trcaugment.markers import WINDOW_FRAMES


@dataclass(frozen=True)
class Windows:
    """Windows at 60 Hz, generated or read from a data set.

    Attributes:
        keypoints: what the detector reports in m, (n_windows, 30, n_keypoints, 3).
        markers: where the anatomical markers are in m, (n_windows, 30, n_markers, 3).
        height_m: height of the person, (n_windows,).
        mass_kg: mass of the person, (n_windows,).
        marker_set: names of the markers.
        keypoint_set: names of the keypoints.
    """

    keypoints: Tensor
    markers: Tensor
    height_m: Tensor
    mass_kg: Tensor
    marker_set: MarkerSet = ANATOMICAL_MARKERS
    keypoint_set: MarkerSet = KEYPOINTS

    def select(self, index: Tensor) -> Windows:
        """The windows at `index`, (n_selected,)."""
        return replace(
            self,
            keypoints=self.keypoints[index],
            markers=self.markers[index],
            height_m=self.height_m[index],
            mass_kg=self.mass_kg[index],
        )

    @classmethod
    def join(cls, parts: Sequence[Windows]) -> Windows:
        """All windows of the parts, which have the same markers, one part after the other."""
        return cls(
            torch.cat([part.keypoints for part in parts]),
            torch.cat([part.markers for part in parts]),
            torch.cat([part.height_m for part in parts]),
            torch.cat([part.mass_kg for part in parts]),
            parts[0].marker_set,
            parts[0].keypoint_set,
        )


@dataclass(frozen=True)
class WindowGenerator:
    """Draws windows; the same random generator state gives the same windows.

    Attributes:
        library: motions.
        population: the people to draw.
        errors: sizes of the detector's errors.
        marker_set: the markers of the windows.
        keypoint_set: the keypoints of the windows; with those of the arms, arms vary and move more.

    Raises:
        MarkerSetError: the skeleton does not have one of the markers.
    """

    library: MotionLibrary
    population: Population
    errors: KeypointErrors
    marker_set: MarkerSet = ANATOMICAL_MARKERS
    keypoint_set: MarkerSet = KEYPOINTS

    def __post_init__(self) -> None:
        lost = [name for name in self.marker_set if name not in POINT_INDEX]
        if lost:
            raise MarkerSetError(f"marker set {self.marker_set.name}: the skeleton carries no {', '.join(lost)}")

    def draw(self, n: int, generator: torch.Generator) -> Windows:
        """Draw n windows, each of another person."""
        people = self.draw_people(n, generator)
        return self.draw_windows(people, self.library.choose(n, generator), generator)

    def draw_people(self, n: int, generator: torch.Generator) -> BodySizes:
        """Draw n people whose keypoints have a detector's constant offsets and soft-tissue shifts."""
        sizes = draw_bodies(self.population, n, generator)
        if self._with_arms:
            sizes = vary_arms(sizes, self.population.placement_m, generator)
        size = sizes.height_m / GENERIC_HEIGHT_M
        offsets, shifts = draw_offsets(self.errors, n, generator, self.keypoint_set)
        seen_points, size_m, index = sizes.points.clone(), size[:, None, None], self._keypoint_index
        placed = seen_points[:, index] / size_m + offsets
        if not self._with_arms:
            placed = misplace_small_toes(self.errors, placed, generator)
        seen_points[:, index] = placed * size_m
        return replace(sizes, points=seen_points, shifts=sizes.shifts + shifts * size_m[..., None])

    def draw_windows(self, people: BodySizes, motions: Tensor, generator: torch.Generator) -> Windows:
        """Draw one window for each of the people from `draw_people`; a person who is listed twice gets two.

        Args:
            people: n people.
            motions: index of each person's motion in the library, (n,).
            generator: source of all randomness.
        """
        coordinates = perturb(self.library.play(motions, WINDOW_FRAMES, generator), generator)
        if self._with_arms:
            coordinates = move_arms(coordinates, generator)
        marker_index = [POINT_INDEX[name] for name in self.marker_set]
        points = forward_kinematics(people, coordinates, self._keypoint_index + marker_index)
        keypoints, markers = points[:, :, : len(self.keypoint_set)], points[:, :, len(self.keypoint_set) :]
        seen = disturb(self.errors, keypoints, generator, self.keypoint_set)
        return Windows(seen, markers, people.height_m, people.mass_kg, self.marker_set, self.keypoint_set)

    @property
    def _with_arms(self) -> bool:
        return self.keypoint_set is ARM_KEYPOINTS

    @property
    def _keypoint_index(self) -> list[int]:
        return [POINT_INDEX[name] for name in self.keypoint_set]


def make_library(motion_files: list[Path], n_generated: int, seed: int) -> MotionLibrary:
    """Make a library of the files' motions and n generated ones, each of another person.

    Files and generated motions are drawn equally often in total; a long file more often than a short one.
    """
    rng = np.random.default_rng(seed)
    files = [read_mot(path) for path in motion_files]
    activities = _activities(n_generated)
    generated = [make_motion(activity, rng) for activity in activities]
    file_weight = np.sqrt([len(motion) for motion in files])
    weight = [float(w) for w in file_weight / file_weight.sum()] if files else []
    names = [path.stem.rstrip("0123456789_-") or path.stem for path in motion_files]
    weight += [1 / len(generated) for _ in generated]
    return MotionLibrary.from_motions(files + generated, weight, names + activities)


def _activities(n: int) -> list[str]:
    """n activities in the proportions of `ACTIVITIES`: each is the one farthest behind its share."""
    share = np.array(list(ACTIVITIES.values())) / sum(ACTIVITIES.values())
    done = np.zeros(len(share))
    chosen = []
    for k in range(n):
        which = int(np.argmax(share * (k + 1) - done))
        done[which] += 1
        chosen.append(list(ACTIVITIES)[which])
    return chosen
