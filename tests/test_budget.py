"""The error budget against planted biases, constants and movements, in frames built by hand."""

import numpy as np
import pytest
import scipy.stats
import torch
from scipy.spatial.transform import Rotation

from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import average_adult
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES, POINT_INDEX
from trcaugment.chain.segment_frames import segment_axes as axes_of
from trcaugment.evaluation.budget import (
    ALL_MARKERS,
    BIASES,
    COMMON,
    CONSTANT,
    MOVING,
    error_budget,
    sum_segment_errors,
)
from trcaugment.marker_sets import ANATOMICAL_MARKERS

N = len(ANATOMICAL_MARKERS)
PARTS = list(dict.fromkeys(mark.part for mark in ANATOMICAL_MARKERS.landmarks))


def standing(n_frames=40, turned_deg=0.0, **degrees):
    """Markers of one person, (1, n_frames, 35, 3), turned about the vertical."""
    coordinates = torch.zeros(1, n_frames, len(COORDINATES), dtype=torch.float64)
    for name, angle in degrees.items():
        coordinates[..., COORDINATE_INDEX[name]] = np.radians(angle)
    points = forward_kinematics(average_adult(), coordinates, [POINT_INDEX[name] for name in ANATOMICAL_MARKERS])
    turn = torch.from_numpy(Rotation.from_euler("y", turned_deg, degrees=True).as_matrix())
    return points @ turn.T


def segment_axes(points):
    return torch.from_numpy(axes_of(points.numpy(), ANATOMICAL_MARKERS.names))


def outward_sign(k):
    return -1.0 if ANATOMICAL_MARKERS.landmarks[k].side == "left" else 1.0


def of(rows, marker, metric):
    (found,) = [row for row in rows if (row.group, row.metric) == (marker, metric)]
    return found


def test_the_axes_of_a_standing_body_are_forward_up_and_outward():
    axes = segment_axes(standing(1))[0, 0]
    torch.testing.assert_close(axes @ axes.mT, torch.eye(3).double().expand(N, 3, 3))
    for k in range(N):
        expected = torch.diag(torch.tensor([1.0, 1.0, outward_sign(k)]).double())
        # Pelvis plane, foot and shank lean a little; no axis points another way.
        assert float((axes[k] * expected).sum(dim=1).min()) > 0.88, ANATOMICAL_MARKERS.names[k]


def test_the_axes_turn_with_each_segment():
    still, bent = segment_axes(standing(1))[0, 0], segment_axes(standing(1, hip_flexion_r=90))[0, 0]
    knee, pelvis = ANATOMICAL_MARKERS.index("r_knee_study"), ANATOMICAL_MARKERS.index("r.ASIS_study")
    torch.testing.assert_close(bent[pelvis], still[pelvis])
    # The thigh has turned by a right angle about Z: its forward is up.
    assert float((bent[knee] @ still[knee].T).trace()) == pytest.approx(1.0, abs=0.02)
    assert float(bent[knee, 0] @ still[knee, 1]) > 0.99


def test_planted_bias_constants_and_movement_are_found():
    rng = np.random.default_rng(3)
    n_people, n_frames = 6, 40
    common = {part: rng.normal(0, 10, 3) for part in PARTS}
    own = rng.normal(0, 4, (n_people, len(PARTS), 3))
    wave = torch.from_numpy(np.sin(2 * np.pi * np.arange(n_frames) / n_frames))  # RMS 0.707
    sums, people = [], []
    for person in range(n_people):
        for trial in range(2):
            predicted = standing(n_frames, turned_deg=50.0 * person + 20 * trial, hip_flexion_r=30, knee_angle_l=40)
            axes = segment_axes(predicted)
            local = np.stack([common[m.part] + own[person, PARTS.index(m.part)] for m in ANATOMICAL_MARKERS.landmarks])
            error = torch.from_numpy(local).expand(1, n_frames, N, 3).clone()
            error[..., 1] += 5.0 * wave[None, :, None]
            true = predicted + torch.einsum("...ij,...i->...j", axes, error / 1e3)
            true[:, : 7 + trial, 0] = torch.nan  # gaps are left out
            sums.append(sum_segment_errors(predicted, true))
            people.append(f"person {person}")
    rows = error_budget("m", sums, people)
    for k, part in enumerate(PARTS):
        mean = common[part] + own[:, k].mean(axis=0)
        half = scipy.stats.t.ppf(0.975, n_people - 1) * own[:, k].std(axis=0, ddof=1) / np.sqrt(n_people)
        if part != "C7":  # its gaps cut the wave
            for axis, metric in enumerate(BIASES):
                row = of(rows, part, metric)
                assert row.value == pytest.approx(mean[axis], abs=1e-6)
                assert (row.low, row.high) == pytest.approx(
                    (mean[axis] - half[axis], mean[axis] + half[axis]), abs=1e-6
                )
                assert row.n == n_people
            assert of(rows, part, COMMON).value == pytest.approx(np.linalg.norm(mean), abs=1e-6)
            sizes = np.linalg.norm(common[part] + own[:, k], axis=1)
            assert of(rows, part, CONSTANT).value == pytest.approx(sizes.mean(), abs=1e-6)
            assert of(rows, part, MOVING).value == pytest.approx(5 * 0.5**0.5, abs=1e-6)
    everything = np.mean([of(rows, part, CONSTANT).value for part in PARTS])
    assert of(rows, ALL_MARKERS, CONSTANT).value == pytest.approx(everything)


def test_markers_without_truth_are_not_in_the_budget_and_one_person_has_no_interval():
    predicted = standing()
    true = predicted + 0.01
    true[..., ANATOMICAL_MARKERS.both("PSIS"), :] = torch.nan
    rows = error_budget("m", [sum_segment_errors(predicted, true)], ["one"])
    assert "PSIS" not in {row.group for row in rows}
    assert all(row.low is None and row.high is None for row in rows)
    assert of(rows, "knee", CONSTANT).value == pytest.approx(10 * 3**0.5)
    assert of(rows, "knee", MOVING).value == pytest.approx(0, abs=1e-6)
