"""The page on coordinates names each of the model's, and a positive value moves the body as the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.skeleton import COORDINATES, POINT_INDEX

PAGE = (Path(__file__).parents[1] / "docs" / "reference" / "coordinates.md").read_text(encoding="utf-8")
NAMES = [each.name for each in COORDINATES]
FORWARD, UP, RIGHT = range(3)
# The words of the page, and which marker then goes which way: axis and sign.
MOVES = {
    "pelvis_tilt": ("the front of the pelvis rises", "r.ASIS_study", UP, 1),
    "pelvis_list": ("the right side drops", "RHJC_study", UP, -1),
    "pelvis_rotation": ("turn to the left", "RHJC_study", FORWARD, 1),
    "pelvis_tx": ("along X", "C7_study", FORWARD, 1),
    "pelvis_ty": ("along X, Y", "C7_study", UP, 1),
    "pelvis_tz": ("along X, Y, Z", "C7_study", RIGHT, 1),
    "lumbar_extension": ("leans back", "C7_study", FORWARD, -1),
    "lumbar_bending": ("to the right", "C7_study", RIGHT, 1),
    "lumbar_rotation": ("turn to the left", "r_shoulder_study", FORWARD, 1),
    "hip_flexion_r": ("the thigh goes forward", "r_knee_study", FORWARD, 1),
    "hip_adduction_r": ("to the middle", "r_knee_study", RIGHT, -1),
    "hip_rotation_r": ("the toes turn inward", "r_toe_study", RIGHT, -1),
    "knee_angle_r": ("flexion", "r_ankle_study", FORWARD, -1),
    "ankle_angle_r": ("the toes rise", "r_toe_study", UP, 1),
    "subtalar_angle_r": ("the toes turn inward", "r_toe_study", RIGHT, -1),
    "arm_flex_r": ("the arm goes forward", "RElbow", FORWARD, 1),
    "arm_add_r": ("to the middle", "RElbow", RIGHT, -1),
    "arm_rot_r": ("internal rotation", "r_lelbow_study", FORWARD, 1),
    "elbow_flex_r": ("flexion", "RWrist", FORWARD, 1),
    "pro_sup_r": ("pronation", "r_lwrist_study", RIGHT, -1),
}


def _places(**angles: float) -> torch.Tensor:
    body = draw_bodies(Population(height_m=(1.7, 1.7), body_mass_index=(23, 23)), 1, torch.Generator().manual_seed(0))
    coordinates = torch.tensor([[[angles.get(name, 0.0) for name in NAMES]]])
    return forward_kinematics(body, coordinates, list(POINT_INDEX.values()))[0, 0]


@pytest.mark.parametrize("coordinate", MOVES)
def test_a_positive_value_moves_the_body_as_the_page_says(coordinate: str) -> None:
    words, marker, axis, sign = MOVES[coordinate]
    row = next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{coordinate}`" in line)
    assert words in row
    moved = (_places(**{coordinate: 0.2}) - _places())[POINT_INDEX[marker]]
    assert sign * moved[axis] > 0.002
    if coordinate.endswith("_r"):  # the left side is the mirror image
        left_marker = marker.replace("r_", "L_", 1) if marker.startswith("r_") else f"L{marker[1:]}"
        left = (_places(**{f"{coordinate[:-2]}_l": 0.2}) - _places())[POINT_INDEX[left_marker]]
        assert (sign if axis != RIGHT else -sign) * left[axis] > 0.002


def test_the_page_has_all_coordinates_and_no_other() -> None:
    definitions = PAGE.split("## Definition")[1].split("## How")[0]
    named = [word for word in definitions.split("`") if word in NAMES]
    assert sorted(named) == sorted(NAMES)
