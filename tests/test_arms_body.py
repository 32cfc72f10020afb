"""Arms of generated people, and the windows that a model of the arms learns from."""

import numpy as np
import pytest
import torch

from trcaugment.body.arms import move_arms, vary_arms
from trcaugment.body.detector import KeypointErrors
from trcaugment.body.kinematics import forward_kinematics
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.skeleton import COORDINATE_INDEX, COORDINATES, POINT_INDEX, POINTS
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.errors import RecipeError
from trcaugment.marker_sets import ARM_KEYPOINTS, ARM_MARKERS
from trcaugment.training.missing import lose_keypoints
from trcaugment.training.recipe import read_recipe

N = 3000


@pytest.fixture(scope="module")
def people():
    random = torch.Generator().manual_seed(5)
    bodies = draw_bodies(Population(placement_m=0.0), N, random)
    return bodies, vary_arms(bodies, 0.0, random)


def length(bodies, first, last):
    """Distance of two points in standing in multiples of height, (n,)."""
    still = bodies.points.new_zeros(len(bodies.scale), 1, len(COORDINATES))
    ends = forward_kinematics(bodies, still, [POINT_INDEX[first], POINT_INDEX[last]])[:, 0]
    return (ends[:, 0] - ends[:, 1]).norm(dim=-1) / bodies.height_m


@pytest.mark.parametrize(
    ("first", "last", "mean", "share"),
    [
        # The Phantom (Ross & Wilson 1974), in multiples of its height of 1.7018 m; markers add two radii at the elbow.
        ("RElbow", "RWrist", 0.1444, 0.056),
        ("r_lelbow_study", "r_melbow_study", 0.0459, 0.07),
        ("r_lwrist_study", "r_mwrist_study", 0.0352, 0.08),
    ],
)
def test_arms_vary_as_the_phantom_says(people, first, last, mean, share):
    lengths = length(people[1], first, last)
    assert lengths.mean() == pytest.approx(mean, rel=0.04)
    assert lengths.std() / lengths.mean() == pytest.approx(share, rel=0.2)


def test_only_arms_change(people):
    before, after = people
    kept = [k for k, point in enumerate(POINTS) if not point.body.startswith(("humerus", "ulna", "radius", "hand"))]
    assert torch.equal(before.points[:, kept], after.points[:, kept])
    assert torch.equal(length(before, "midHip", "RShoulder"), length(after, "midHip", "RShoulder"))


def test_arms_move_within_their_ranges_and_nothing_else_does():
    random = torch.Generator().manual_seed(1)
    still = torch.zeros(400, 30, len(COORDINATES))
    moved = move_arms(still, random)
    arms = [
        COORDINATE_INDEX[f"{name}_{side}"] for name in ("arm_flex", "arm_add", "arm_rot", "elbow_flex") for side in "rl"
    ]
    forearms = [COORDINATE_INDEX[f"pro_sup_{side}"] for side in "rl"]
    others = [k for k in range(len(COORDINATES)) if k not in (*arms, *forearms)]
    assert not moved[..., others].any()
    posed = (moved[..., arms] != 0).any(dim=2).any(dim=1).float().mean()
    assert posed == pytest.approx(0.65, abs=0.08)
    assert (moved[..., forearms].abs().amax(dim=1) > 0).all()
    low, high = (torch.tensor([getattr(COORDINATES[k], end) for k in arms]) for end in ("low", "high"))
    assert (moved[..., arms] >= low - 0.1001).all() and (moved[..., arms] <= high + 0.1001).all()
    # Some arms move fast and most do not.
    step = moved[..., arms].diff(dim=1).abs().amax(dim=(1, 2)) * 60
    assert (step > 3).float().mean() == pytest.approx(0.35, abs=0.2)


LIBRARY = make_library([], 1, 3)


def draw(errors, n=64):
    random = torch.Generator().manual_seed(3)
    return WindowGenerator(LIBRARY, Population(), errors, ARM_MARKERS, ARM_KEYPOINTS).draw(n, random)


def test_a_window_of_the_arms_has_their_keypoints_and_markers():
    windows = draw(KeypointErrors(offset=0, drift_m=0, noise_m=0, accident_rate=0, misjudged_rate=0))
    assert windows.keypoints.shape == (64, 30, 9, 3)
    assert windows.markers.shape == (64, 30, 8, 3)
    place = dict(zip(ARM_KEYPOINTS, windows.keypoints.unbind(dim=2), strict=True))
    marker = dict(zip(ARM_MARKERS, windows.markers.unbind(dim=2), strict=True))
    for side, prefix in (("R", "r"), ("L", "L")):
        for keypoint, joint in (("Elbow", "elbow"), ("Wrist", "wrist")):
            middle = (marker[f"{prefix}_l{joint}_study"] + marker[f"{prefix}_m{joint}_study"]) / 2
            away = (middle - place[side + keypoint]).norm(dim=-1)
            assert away.max() < 0.04
    seen = draw(KeypointErrors())
    assert (seen.keypoints - windows.keypoints).norm(dim=-1).median() > 0.005


def test_a_missing_arm_lies_folded_at_its_shoulder():
    windows = draw(KeypointErrors())
    lost = lose_keypoints(windows, 0.5, torch.Generator().manual_seed(2)).keypoints
    gone = (lost != windows.keypoints).any(dim=3).numpy()
    of_side = {side: [ARM_KEYPOINTS.index(f"{side}{part}") for part in ("Elbow", "Wrist")] for side in "RL"}
    assert not gone[..., :5].any()
    assert 0.3 < gone.any(axis=(1, 2)).mean() < 0.7
    for side, points in of_side.items():
        frames = gone[..., points[0]]
        assert np.array_equal(frames, gone[..., points[1]]) and 0 < frames.mean() < 0.5
        shoulder = windows.keypoints[:, :, ARM_KEYPOINTS.index(f"{side}Shoulder")]
        for point in points:
            assert torch.equal(lost[:, :, point][frames], shoulder[frames])
    assert not (gone[..., of_side["R"][0]] & gone[..., of_side["L"][0]]).any()


def test_data_sets_do_not_teach_arms(tmp_path):
    (tmp_path / "a.toml").write_text(
        'name = "a"\nkeypoint_set = "keypoints-9"\nmarker_set = "arms-8"\ndatasets = [{path = "lab.h5"}]\n'
    )
    with pytest.raises(RecipeError, match="data sets have the keypoints of keypoints-15, not of keypoints-9"):
        read_recipe(tmp_path / "a.toml")
