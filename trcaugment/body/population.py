"""Bodies of many people: segment sizes, pelvis landmarks, hip joint centers and marker placement, drawn at random.

Means are relative to the generic adult (1.70 m) after scaling to the person's height. They lie within what
expert-scaled lab models of this skeleton show (pelvis 1.1, its width 1.2-1.5 at the hips, torso height 0.84-1.0 and
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

from trcaugment.body.kinematics import BodySizes
from trcaugment.body.skeleton import BODIES, BODY_INDEX, GENERIC_HEIGHT_M, JOINT_INDEX, MARKERS, POINT_INDEX, POINTS
from trcaugment.body.soft_tissue import draw_skin_slides
from trcaugment.marker_sets import LANDMARKS

# Wide limits, which keep out other units.
_Height = Annotated[float, msgspec.Meta(ge=0.5, le=2.5)]
_BodyMassIndex = Annotated[float, msgspec.Meta(ge=5, le=100)]
_USUAL_INDEX = 23.8  # kg/m²


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to draw: adults of both sexes, widened at both ends.

    Attributes:
        height_m: lowest and highest height.
        body_mass_index: lowest and highest body mass index in kg/m².
        placement_m: standard deviation of a marker's place along every axis, in m.
    """

    height_m: tuple[_Height, _Height] = (1.35, 2.10)
    body_mass_index: tuple[_BodyMassIndex, _BodyMassIndex] = (15.0, 42.0)
    placement_m: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.005


def draw_bodies(population: Population, n: int, generator: torch.Generator) -> BodySizes:
    """Draw n people.

    Returns:
        Their sizes, markers and keypoints as a detector without error would see them.
    """
    draw = _Draw(n, generator)
    height = draw.height(*population.height_m)
    sizes = _grow(draw, height, draw.body_mass_index(*population.body_mass_index))
    points = _misplace(draw, sizes.points, population.placement_m)
    slides = draw_skin_slides(n, generator) * (height / GENERIC_HEIGHT_M)[:, None, None, None]
    return replace(sizes, points=points, slides=slides)


def average_adult() -> BodySizes:
    """One person of generic height and usual body mass index in the middle of every spread, in double precision."""
    draw = _Middle(1, torch.Generator())
    return _grow(draw, draw.normal(GENERIC_HEIGHT_M, 0.0), draw.normal(_USUAL_INDEX, 0.0))


def _grow(draw: _Draw, height: Tensor, index: Tensor) -> BodySizes:
    """People of given heights and body mass indices, their markers placed without scatter."""
    scale = _segment_scales(draw, height / GENERIC_HEIGHT_M, index)
    sizes = _place_pelvis(draw, BodySizes.from_scale(scale, height, index * height**2), index)
    return replace(sizes, points=_place_on_flesh(sizes.points, index))


class _Draw:
    """Random numbers of one batch of people."""

    def __init__(self, n: int, generator: torch.Generator) -> None:
        self.n = n
        self.generator = generator

    def normal(self, mean: float, deviation: float) -> Tensor:
        """Normal numbers, (n,), cut at 2.5 deviations so that nobody is a monster."""
        return mean + deviation * torch.randn(self.n, generator=self.generator).clamp(-2.5, 2.5)

    def height(self, low: float, high: float) -> Tensor:
        """Women and men (1.63 ± 0.07 m, 1.76 ± 0.075 m), one in four from the whole range alike, (n,)."""
        woman = torch.rand(self.n, generator=self.generator) < 0.5
        usual = torch.where(woman, self.normal(1.63, 0.07), self.normal(1.76, 0.075))
        return self._widened(usual, low, high)

    def body_mass_index(self, low: float, high: float) -> Tensor:
        """Log-normal about 24 kg/m², one in four from the whole range alike, (n,)."""
        return self._widened(self.normal(math.log(_USUAL_INDEX), 0.16).exp(), low, high)

    def _widened(self, usual: Tensor, low: float, high: float) -> Tensor:
        """The usual values, but a quarter of them from the whole range alike: tall and heavy people are people too."""
        anywhere = low + (high - low) * torch.rand(self.n, generator=self.generator)
        return torch.where(torch.rand(self.n, generator=self.generator) < 0.25, anywhere, usual).clamp(low, high)


class _Middle(_Draw):
    """No chance: every number is its mean."""

    def normal(self, mean: float, deviation: float) -> Tensor:
        """The mean, (n,)."""
        return torch.full((self.n,), mean, dtype=torch.float64)


def _segment_scales(draw: _Draw, stature: Tensor, index: Tensor) -> Tensor:
    """Scale factors of all bodies, (n, n_bodies, 3)."""
    scale = torch.ones(draw.n, len(BODIES), 3) * stature[:, None, None]
    # People of one height differ in leg length: what the legs gain, the trunk loses.
    legs = draw.normal(0.0, 0.025)
    fat = index - _USUAL_INDEX
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


def _place_pelvis(draw: _Draw, sizes: BodySizes, index: Tensor) -> BodySizes:
    """The same bodies with pelvis landmarks and hip joint centers, which do not follow the scale factors.

    Breadth between the ASIS markers is 0.25 m whatever the hip width (0.02 m between people; flesh puts the markers,
    not the bones, wider and farther forward). The hip joint centers' distance is drawn with the scale; both markers
    and joints then share it as Harrington et al. 2007 (doi 10.1016/j.jbiomech.2006.02.003) found: half of it grows by
    0.33 per unit of ASIS breadth.
    """
    points, joint_offsets = sizes.points.clone(), sizes.joint_offsets.clone()
    size = (sizes.height_m / GENERIC_HEIGHT_M).sqrt()
    wide, fat = draw.normal(0.0, 0.009), index - _USUAL_INDEX
    half_breadth = 0.125 * size + wide + 0.0008 * fat
    hip = JOINT_INDEX["hip_r"], JOINT_INDEX["hip_l"]
    half_hips = sizes.joint_offsets[:, hip[0], 2] + 0.33 * 2 * wide
    forward, up = draw.normal(0.022, 0.008) + 0.0009 * fat, draw.normal(0.009, 0.009)
    back, back_up, back_half = (
        draw.normal(-0.175, 0.011) * size - 0.0003 * fat,
        draw.normal(0.031, 0.010),
        draw.normal(0.048, 0.007),
    )
    for name, joint, sign in (("r.ASIS_study", hip[0], 1.0), ("L.ASIS_study", hip[1], -1.0)):
        joint_offsets[:, joint, 2] = sign * half_hips
        points[:, POINT_INDEX[name]] = torch.stack([forward, up, sign * half_breadth], dim=1)
    for name, sign in (("r.PSIS_study", 1.0), ("L.PSIS_study", -1.0)):
        points[:, POINT_INDEX[name]] = torch.stack([back, back_up, sign * back_half], dim=1)
    for name, joint in (("RHJC_study", hip[0]), ("LHJC_study", hip[1])):
        points[:, POINT_INDEX[name]] = joint_offsets[:, joint]
    # Detectors see the hips outside the joint centers: 17 mm in OpenCap's marker set, 22 mm in its HRNet session.
    for name, joint in (("RHip", hip[0]), ("LHip", hip[1])):
        sign = 1.0 if name == "RHip" else -1.0
        points[:, POINT_INDEX[name], 2] = joint_offsets[:, joint, 2] + sign * 0.017 * size
    return replace(sizes, points=points, joint_offsets=joint_offsets)


# Flesh moves these markers away from the bone's middle: m per unit of body mass index, along Z (away from the middle).
_FLESH = {"knee": 0.0006, "mknee": 0.0006, "ankle": 0.0002, "mankle": 0.0002, "thigh": 0.0015, "sh": 0.0008}


def _place_on_flesh(points: Tensor, index: Tensor) -> Tensor:
    moved = points.clone()
    for k, marker in enumerate(MARKERS):
        kind = LANDMARKS[marker.name].part.rstrip("123")
        if kind in _FLESH:
            moved[:, k, 2] += math.copysign(_FLESH[kind], marker.offset[2]) * (index - _USUAL_INDEX)
    return moved


def _misplace(draw: _Draw, points: Tensor, deviation_m: float) -> Tensor:
    """Scatter of real marker placement; hip joint centers are regressed, so they scatter too; keypoints do not."""
    scatter = torch.randn(draw.n, len(POINTS), 3, generator=draw.generator) * deviation_m
    scatter[:, len(MARKERS) :] = 0.0
    scattered: Tensor = points + scatter
    return scattered
