"""Draws the bodies of many people: segment sizes, pelvis landmarks, hip joint centers and marker placement.

Means are relative to the generic adult (1.70 m) after scaling to the person's height. They are within the range of
expert-scaled lab models of this skeleton (pelvis 1.1, its width 1.2-1.5 at the hips, torso height 0.84-1.0 and
width 1.1-1.3, foot 1.03-1.2, femur and tibia 0.96-1.1 of generic). Standard deviations are our choice, wide enough for
those models and for the distances between real keypoints; that of marker placement is the between-examiner scatter of
palpation (5-10 mm and more, della Croce et al. 2005, doi 10.1016/j.gaitpost.2004.05.003).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated

import msgspec
import torch
from torch import Tensor

from trcaugment.body.draws import USUAL_INDEX, Draw, MeanDraw
from trcaugment.body.kinematics import BodySizes
from trcaugment.body.pelvis import place_pelvis
from trcaugment.body.skeleton import BODIES, BODY_INDEX, GENERIC_HEIGHT_M, KEYPOINTS, MARKERS
from trcaugment.body.soft_tissue import draw_skin_shifts
from trcaugment.marker_sets import LANDMARKS

# Wide limits, which refuse values in other units.
_Height = Annotated[float, msgspec.Meta(ge=0.5, le=2.5)]
_BodyMassIndex = Annotated[float, msgspec.Meta(ge=5, le=100)]


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The people to draw: children from school age on and adults of both sexes, with many tall and heavy ones.

    Attributes:
        height_m: lowest and highest height.
        body_mass_index: lowest and highest body mass index in kg/m².
        placement_m: standard deviation of marker placement along every axis, in m.
    """

    height_m: tuple[_Height, _Height] = (1.25, 2.10)
    body_mass_index: tuple[_BodyMassIndex, _BodyMassIndex] = (14.0, 42.0)
    placement_m: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.005


def draw_bodies(population: Population, n: int, generator: torch.Generator) -> BodySizes:
    """Draw n people.

    Returns:
        Their sizes, markers, and keypoints as a detector without errors would report them.
    """
    draw = Draw(n, generator)
    height = draw.height(*population.height_m)
    sizes = _bodies(draw, height, draw.body_mass_index(*population.body_mass_index, height))
    points = _misplace(draw, sizes.points, population.placement_m)
    shifts = draw_skin_shifts(n, generator) * (height / GENERIC_HEIGHT_M)[:, None, None, None]
    return replace(sizes, points=points, shifts=shifts)


def average_adult() -> BodySizes:
    """One person of generic height and usual body mass index with every mean value, in double precision."""
    draw = MeanDraw(1, torch.Generator())
    return _bodies(draw, draw.normal(GENERIC_HEIGHT_M, 0.0), draw.normal(USUAL_INDEX, 0.0))


def _bodies(draw: Draw, height: Tensor, index: Tensor) -> BodySizes:
    """People of given heights and body mass indices, their markers placed without scatter."""
    scale = _segment_scales(draw, height / GENERIC_HEIGHT_M, index)
    sizes = place_pelvis(draw, BodySizes.from_scale(scale, height, index * height**2), index - USUAL_INDEX)
    return replace(sizes, points=_place_on_flesh(sizes.points, index))


def _segment_scales(draw: Draw, stature: Tensor, index: Tensor) -> Tensor:
    """Scale factors of all bodies, (n, n_bodies, 3)."""
    scale = torch.ones(draw.n, len(BODIES), 3) * stature[:, None, None]
    # Leg length varies at one height: the trunk is shorter where legs are longer.
    legs = draw.normal(0.0, 0.025)
    fat = index - USUAL_INDEX
    pelvis = torch.stack(
        [draw.normal(1.09, 0.05), draw.normal(1.08, 0.05), draw.normal(1.25, 0.08) + 0.005 * fat], dim=1
    )
    depth = draw.normal(0.95, 0.04)
    torso = torch.stack([depth, draw.normal(0.94, 0.04) - legs, draw.normal(1.13, 0.06)], dim=1)
    scale[:, BODY_INDEX["pelvis"]] *= pelvis
    scale[:, BODY_INDEX["torso"]] *= torso
    thigh, shank = draw.normal(0.985, 0.025) + legs, draw.normal(1.03, 0.025) + legs
    foot = draw.normal(1.06, 0.05)
    upper_arm, forearm = draw.normal(1.0, 0.035), draw.normal(1.0, 0.035)
    width = 1 + 0.006 * fat
    for side in "rl":
        for name, factor in (("femur", thigh), ("tibia", shank), ("humerus", upper_arm)):
            own = factor * draw.normal(1.0, 0.008)
            scale[:, BODY_INDEX[f"{name}_{side}"]] *= own[:, None]
        for name in ("ulna", "radius", "hand"):
            scale[:, BODY_INDEX[f"{name}_{side}"]] *= forearm[:, None]
        for name in ("talus", "calcn", "toes"):
            scale[:, BODY_INDEX[f"{name}_{side}"]] *= foot[:, None]
            scale[:, BODY_INDEX[f"{name}_{side}"], 2] *= width.clamp(0.93, 1.08)
    return scale


# How far soft tissue carries markers away from the bone, along Z: m per unit of body mass index.
_FLESH = {"knee": 0.0006, "mknee": 0.0006, "ankle": 0.0002, "mankle": 0.0002, "thigh": 0.0015, "sh": 0.0008}


def _place_on_flesh(points: Tensor, index: Tensor) -> Tensor:
    moved = points.clone()
    for k, marker in enumerate(MARKERS):
        kind = LANDMARKS[marker.name].part.rstrip("123")
        if kind in _FLESH:
            moved[:, k, 2] += math.copysign(_FLESH[kind], marker.offset[2]) * (index - USUAL_INDEX)
    return moved


def _misplace(draw: Draw, points: Tensor, deviation_m: float) -> Tensor:
    """Add the scatter of real marker placement, to the regressed hip joint centers too, but not to keypoints.

    Arm markers get theirs in `arms.py`.
    """
    scatter = torch.randn(draw.n, len(MARKERS) + len(KEYPOINTS), 3, generator=draw.generator) * deviation_m
    scattered = points.clone()
    scattered[:, : len(MARKERS)] += scatter[:, : len(MARKERS)]
    return scattered
