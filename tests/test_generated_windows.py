"""Windows as the network gets them: the same for the same seed, and ordinary beside real files."""

import pytest
import torch

from trcaugment.body.detector import KeypointErrors
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, make_library
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.markers import WINDOW_FRAMES

CLEAN = KeypointErrors(offset=0.0, drift_m=0.0, noise_m=0.0, accident_rate=0.0, misjudged_rate=0.0)
FIELDS = ("keypoints", "markers", "height_m", "mass_kg")


@pytest.fixture(scope="module")
def library():
    return make_library([], 34, seed=1)


def draw(library, n, *, errors=CLEAN, population=Population(), seed=0):  # noqa: B008 - frozen
    return WindowGenerator(library, population, errors).draw(n, torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def clean(library):
    return draw(library, 1000)


@pytest.fixture(scope="module")
def offset(library):
    return draw(library, 1000, errors=KeypointErrors(1.0, 0.0, 0.0, 0.0, 0.0))


def distance(windows, first, second):
    """Mean distance of two keypoints over height, (n_windows,)."""
    a, b = (windows.keypoints[:, :, KEYPOINTS.index(name)] for name in (first, second))
    return (a - b).norm(dim=-1).mean(dim=1) / windows.height_m


def test_the_same_seed_gives_the_same_windows_and_another_seed_others(library):
    first, again, other = (draw(library, 30, errors=KeypointErrors(), seed=seed) for seed in (5, 5, 6))
    for name in FIELDS:
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_two_draws_from_one_generator_differ(library):
    generator, windows = torch.Generator().manual_seed(1), WindowGenerator(library, Population(), CLEAN)
    assert not torch.equal(windows.draw(5, generator).markers, windows.draw(5, generator).markers)


def test_shapes_precision_and_finite_numbers(library):
    windows = draw(library, 64, errors=KeypointErrors())
    assert windows.keypoints.shape == (64, WINDOW_FRAMES, len(KEYPOINTS), 3)
    assert windows.markers.shape == (64, WINDOW_FRAMES, len(ANATOMICAL_MARKERS), 3)
    assert windows.height_m.shape == windows.mass_kg.shape == (64,)
    for name in FIELDS:
        values = getattr(windows, name)
        assert values.dtype == torch.float32
        assert torch.isfinite(values).all()


def test_heights_and_masses_are_those_of_the_people_in_the_windows(library, clean):
    population = Population(height_m=(1.4, 2.0), body_mass_index=(20.0, 30.0))
    windows = draw(library, 500, population=population)
    index = windows.mass_kg / windows.height_m**2
    assert 20 - 1e-3 <= float(index.min()) <= float(index.max()) <= 30 + 1e-3
    assert 1.4 - 1e-5 <= float(windows.height_m.min()) <= float(windows.height_m.max()) <= 2.0 + 1e-5
    # A leg is as long as its person is tall: height follows from the bones of each window.
    knee, ankle = (ANATOMICAL_MARKERS.index(f"r_{name}_study") for name in ("knee", "ankle"))
    shank = (clean.markers[:, :, knee] - clean.markers[:, :, ankle]).norm(dim=-1).mean(dim=1)
    assert float(torch.corrcoef(torch.stack([shank, clean.height_m]))[0, 1]) > 0.85


def test_bones_keep_their_length_through_a_window(clean):
    # Markers on one rigid body without soft-tissue shifts: their distances are constant.
    pairs = [("RHJC_study", "LHJC_study"), ("r_sh1_study", "r_sh2_study"), ("L_calc_study", "L_5meta_study")]
    for first, second in pairs:
        a, b = (clean.markers[:, :, ANATOMICAL_MARKERS.index(name)] for name in (first, second))
        length = (a - b).norm(dim=-1)
        assert float((length.amax(dim=1) - length.amin(dim=1)).max()) < 1e-4


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ("RShoulder", "LShoulder", 0.16, 0.25),
        ("RHip", "LHip", 0.10, 0.16),
        ("RAnkle", "RHeel", 0.025, 0.06),
        ("LAnkle", "LHeel", 0.025, 0.06),
        ("RHeel", "RBigToe", 0.10, 0.16),
        ("LHeel", "LBigToe", 0.10, 0.16),
        ("RKnee", "RAnkle", 0.20, 0.27),
    ],
)
def test_distances_between_clean_keypoints_are_those_of_real_files(clean, offset, first, second, low, high):
    values = distance(clean, first, second)
    middle = values.quantile(torch.tensor([0.01, 0.99]))
    assert low < float(middle[0]) < float(middle[1]) < high
    # With a detector's constant offsets they vary more, around the same mean.
    seen = distance(offset, first, second)
    assert float(seen.std()) > float(values.std())
    assert float(seen.mean()) == pytest.approx(float(values.mean()), rel=0.1)


def test_detector_errors_change_the_keypoints_and_never_the_markers(library, clean):
    seen = draw(library, 1000, errors=KeypointErrors())
    for name in ("markers", "height_m", "mass_kg"):
        assert getattr(seen, name).shape == getattr(clean, name).shape
    # Truth has no detector errors: hip joint centers stay beside the clean hips, seen ones wander.
    center, hip = ANATOMICAL_MARKERS.index("RHJC_study"), KEYPOINTS.index("RHip")
    gap = [(w.markers[:, :, center] - w.keypoints[:, :, hip]).norm(dim=-1).mean() for w in (clean, seen)]
    assert 0.01 < float(gap[0]) < 0.06
    assert float(gap[1]) > float(gap[0]) + 0.003


def test_a_person_who_moves_is_seen_from_one_side_only(clean):
    # Right is right: from the pelvis, right markers lie to the right of left ones, with Y from hips to neck.
    r, left, psis, c7 = (
        clean.markers[:, :, ANATOMICAL_MARKERS.index(name)]
        for name in ("r.ASIS_study", "L.ASIS_study", "r.PSIS_study", "C7_study")
    )
    to_right, forward, up = r - left, (r + left) / 2 - psis, c7 - (r + left) / 2
    handed = (torch.linalg.cross(forward, up) * to_right).sum(dim=-1)
    assert float((handed > 0).double().mean()) > 0.98  # a deep bend brings C7 in front of the pelvis
