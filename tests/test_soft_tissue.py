"""Soft-tissue shifts of markers and keypoints as joints bend."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from trcaugment.body.kinematics import BodySizes, body_frames, forward_kinematics
from trcaugment.body.motions import mirror
from trcaugment.body.skeleton import BODIES, BODY_INDEX, COORDINATE_INDEX, COORDINATES, MARKERS, POINT_INDEX, POINTS
from trcaugment.body.soft_tissue import DRIVERS, draw_keypoint_shifts, draw_skin_shifts, point_shifts
from trcaugment.marker_sets import LANDMARKS

N = 2000


def bent(**degrees):
    """One posture of the generic body, (1, 1, n_coordinates)."""
    coordinates = torch.zeros(1, 1, len(COORDINATES), dtype=torch.float64)
    for name, angle in degrees.items():
        coordinates[..., COORDINATE_INDEX[name]] = math.radians(angle)
    return coordinates


def generic():
    scale, one = torch.ones(1, len(BODIES), 3, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    return BodySizes.from_scale(scale, 1.7 * one, 75.0 * one)


def test_a_point_moves_in_its_body_in_proportion_to_its_angle_and_no_other_point_moves():
    sizes = generic()
    shifts = torch.zeros_like(sizes.shifts)
    hip, per_right_angle = POINT_INDEX["RHip"], torch.tensor([0.03, 0.04, -0.01], dtype=torch.float64)
    shifts[0, DRIVERS.index("hip_flexion_r"), hip] = per_right_angle
    posture = bent(hip_flexion_r=45, pelvis_tilt=30, knee_angle_r=80)
    points = list(range(len(POINTS)))
    moved = forward_kinematics(replace(sizes, shifts=shifts), posture, points) - forward_kinematics(
        sizes, posture, points
    )
    _, rotations = body_frames(sizes, posture)
    expected = rotations[0, 0, BODY_INDEX["pelvis"]] @ (per_right_angle / 2)
    torch.testing.assert_close(moved[0, 0, hip], expected)
    moved[0, 0, hip] = 0
    assert not moved.any()


def test_shifts_are_zero_in_standing_and_bounded():
    shifts = draw_skin_shifts(3, torch.Generator().manual_seed(0)).double()
    points = list(range(len(POINTS)))
    assert not point_shifts(shifts, bent().expand(3, -1, -1), points).any()
    far, farther = (point_shifts(shifts, bent(knee_angle_r=angle).expand(3, -1, -1), points) for angle in (130, 140))
    assert far.any()
    torch.testing.assert_close(far, farther)


@pytest.mark.parametrize("draw", [draw_skin_shifts, draw_keypoint_shifts])
def test_both_sides_shift_as_mirror_images_of_each_other_on_average(draw):
    shifts = draw(N, torch.Generator().manual_seed(1)).double()
    rng = np.random.default_rng(2)
    posture = torch.from_numpy(rng.uniform(-1, 1, (1, 1, len(COORDINATES))))
    points = list(range(len(POINTS)))
    moved = point_shifts(shifts, posture.expand(N, -1, -1), points)[:, 0]
    mirrored = point_shifts(shifts, mirror(posture).expand(N, -1, -1), points)[:, 0]
    other = [POINT_INDEX[LANDMARKS[point.name].partner] for point in POINTS]
    flipped = mirrored[:, other] * torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(moved.mean(dim=0), flipped.mean(dim=0), rtol=0, atol=1.5e-3)
    torch.testing.assert_close(moved.std(dim=0), flipped.std(dim=0), rtol=0.2, atol=1e-3)


def test_skin_moves_markers_only_and_detectors_move_keypoints_only_by_centimetres():
    skin, seen = (
        draw(N, torch.Generator().manual_seed(3)).norm(dim=-1) for draw in (draw_skin_shifts, draw_keypoint_shifts)
    )
    n_markers = len(MARKERS)
    assert skin[:, :, :n_markers].any()
    assert not skin[:, :, n_markers:].any()
    assert not seen[:, :, :n_markers].any()
    assert 0.01 < float(skin.max()) < 0.10
    # In a right angle the hips of most people are seen three to eight centimetres off.
    hip = seen[:, DRIVERS.index("hip_flexion_r"), POINT_INDEX["RHip"]]
    assert 0.045 < float(hip.median()) < 0.065


def test_of_a_bent_body_thigh_and_trunk_look_shorter():
    # What recordings of squats show: by about 4 % of height each.
    sizes = generic()
    shifts = draw_keypoint_shifts(N, torch.Generator().manual_seed(4)).double().mean(dim=0, keepdim=True)
    squat = bent(hip_flexion_r=90, hip_flexion_l=90, knee_angle_r=95, knee_angle_l=95, lumbar_extension=-30)
    points = [POINT_INDEX[name] for name in ("Neck", "RHip", "LHip", "RKnee")]
    lengths = []
    for each in (sizes, replace(sizes, shifts=shifts)):
        neck, right, left, knee = forward_kinematics(each, squat, points)[0, 0]
        lengths.append(torch.stack([(right - knee).norm(), ((right + left) / 2 - neck).norm()]) / 1.7)
    shorter = lengths[0] - lengths[1]
    assert 0.015 < float(shorter.min()) < float(shorter.max()) < 0.05


def test_hip_joint_centers_turn_with_the_pelvis_markers():
    # The pelvis frame of the four shifted markers, and a place in it, as a regression uses them.
    shifts = draw_skin_shifts(N, torch.Generator().manual_seed(4)).double()
    points = [
        POINT_INDEX[name] for name in ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "L.PSIS_study", "RHJC_study")
    ]
    moved = point_shifts(shifts, bent(hip_flexion_r=90, hip_flexion_l=90).expand(N, -1, -1), points)[:, 0, :, :2]
    asis, psis, hip = moved[:, :2].mean(dim=1), moved[:, 2:4].mean(dim=1), moved[:, 4]
    tilt = (asis - psis)[:, 1] / 0.195
    expected = asis + tilt[:, None] * torch.tensor([0.086, -0.074])
    torch.testing.assert_close(hip, expected, atol=1e-6, rtol=0)
    # 10 mm forward, as on three people of a laboratory (6-17 mm), and 5-6 degrees of tilt.
    assert 0.008 < float(hip[:, 0].mean()) < 0.013
    assert 4.5 < math.degrees(float(tilt.mean())) < 6.5
