"""Window sets, what is drawn from them, and generated ones: subjects stay themselves."""

import pytest
import torch

from trcaugment.body.detector import KeypointErrors, disturb
from trcaugment.body.population import Population
from trcaugment.body.windows import WindowGenerator, Windows, make_library
from trcaugment.datasets.dataset import RawWindows
from trcaugment.datasets.plausibility import _measure, sift
from trcaugment.datasets.window_set import FixedWindows, WindowSet, generate_set
from trcaugment.errors import DatasetError
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS
from trcaugment.markers import WINDOW_FRAMES
from trcaugment.training.data import MixedWindows

CLEAN = KeypointErrors(offset=0.0, drift_m=0.0, noise_m=0.0, accident_rate=0.0, misjudged_rate=0.0)
FIELDS = ("keypoints", "markers", "height_m", "mass_kg")


@pytest.fixture(scope="module")
def generator():
    return WindowGenerator(make_library([], 34, seed=1), Population(), KeypointErrors())


@pytest.fixture(scope="module")
def generated(generator):
    return generate_set(generator, 7, 40, seed=3)


def same(first, second):
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def shank(windows):
    """Distance of two markers on one bone, (n_windows,)."""
    knee, ankle = (windows.markers[:, :, ANATOMICAL_MARKERS.index(f"r_{name}_study")] for name in ("sh1", "mankle"))
    return (knee - ankle).norm(dim=-1).mean(dim=1)


def test_a_generated_set_repeats_and_its_subjects_keep_their_bodies(generator, generated):
    again, other = (generate_set(generator, 7, 40, seed=seed) for seed in (3, 4))
    assert same(generated.windows, again.windows)
    assert not same(generated.windows, other.windows)
    names = sorted(set(generated.subjects))
    assert len(names) == 7
    assert {generated.subjects.count(name) for name in names} == {5, 6}
    bones_m = [shank(generated.of_subjects([name]).windows) for name in names]
    # Skin may slide a little, another person's bone is another length.
    assert max(float(bone_m.std()) for bone_m in bones_m) < 0.2 * float(torch.stack([b.mean() for b in bones_m]).std())
    for name in names:
        windows = generated.of_subjects([name]).windows
        assert len(set(windows.height_m.tolist())) == len(set(windows.mass_kg.tolist())) == 1
    assert not torch.equal(generated.windows.markers[0], generated.windows.markers[7])  # other motions


def test_a_subjects_detector_errs_the_same_way_in_all_windows(generator):
    steady = WindowGenerator(generator.library, Population(), KeypointErrors(1.0, 0.0, 0.0, 0.0, 0.0))
    few = generate_set(steady, 5, 50, seed=1)
    heel, marker = KEYPOINTS.index("RHeel"), ANATOMICAL_MARKERS.index("r_calc_study")
    seen_m = (few.windows.keypoints[:, :, heel] - few.windows.markers[:, :, marker]).norm(dim=-1).mean(dim=1)
    by_subject = torch.stack([seen_m[[s == name for s in few.subjects]] for name in sorted(set(few.subjects))])
    assert float(by_subject.std(dim=1).mean()) < 0.4 * float(by_subject.mean(dim=1).std())


def test_a_large_set_is_made_in_blocks_with_all_its_windows(generator, monkeypatch):
    monkeypatch.setattr("trcaugment.datasets.window_set._BLOCK_WINDOWS", 8)
    blocks = generate_set(generator, 3, 21, seed=3)
    assert len(blocks) == 21
    assert blocks.subjects[:4] == ("generated1", "generated2", "generated3", "generated1")
    assert blocks.windows.height_m[0] == blocks.windows.height_m[18]


@pytest.mark.parametrize(("n_subjects", "n_windows"), [(0, 5), (6, 5), (-1, 5), (0, 0)])
def test_a_set_needs_a_window_for_every_subject(generator, n_subjects, n_windows):
    with pytest.raises(DatasetError, match="at least a window for each subject"):
        generate_set(generator, n_subjects, n_windows, seed=0)


def test_a_window_set_is_checked_when_it_is_made(generated):
    windows = generated.windows
    with pytest.raises(DatasetError, match=r"expected keypoints of shape \(39, 30, 15, 3\), found \(40,"):
        WindowSet(windows, generated.subjects[1:], generated.activities[1:])
    with pytest.raises(DatasetError, match="an activity for each of 40 windows, found 0"):
        WindowSet(windows, generated.subjects, ())
    holed = windows.markers.clone()
    holed[5, 3, 2, 1] = torch.nan
    with pytest.raises(DatasetError, match="expected markers without missing samples"):
        WindowSet(
            Windows(windows.keypoints, holed, windows.height_m, windows.mass_kg),
            generated.subjects,
            generated.activities,
        )


def test_selected_windows_keep_their_subjects(generated):
    chosen = generated.select([39, 0])
    assert chosen.subjects == (generated.subjects[39], generated.subjects[0])
    assert torch.equal(chosen.windows.markers[1], generated.windows.markers[0])
    assert len(generated.of_subjects(["nobody"])) == 0


def test_fixed_windows_are_drawn_alike_and_repeat(generated):
    source = FixedWindows(generated.windows)
    drawn = source.draw(4000, random())
    assert same(drawn, source.draw(4000, random()))
    counts = torch.stack([(drawn.mass_kg == mass).sum() for mass in generated.windows.mass_kg.unique()])
    # Five or six windows of each of 7 subjects among 40: 500 or 600 of 4000 expected.
    assert 400 < int(counts.min()) < int(counts.max()) < 700
    k = int((generated.windows.markers == drawn.markers[0]).flatten(1).all(dim=1).nonzero())
    assert torch.equal(generated.windows.keypoints[k], drawn.keypoints[0])


def test_errors_are_added_to_keypoints_on_demand_only(generated):
    errors = KeypointErrors()
    plain, disturbed = (FixedWindows(generated.windows, chosen).draw(50, random(1)) for chosen in (None, errors))
    assert torch.equal(plain.markers, disturbed.markers)
    again = random(1)
    torch.randint(40, (50,), generator=again)
    assert torch.equal(disturbed.keypoints, disturb(errors, plain.keypoints, again))
    clean = FixedWindows(generated.windows, CLEAN).draw(50, random(1)).keypoints
    neck = [k for k, name in enumerate(KEYPOINTS) if name != "Neck"]
    torch.testing.assert_close(clean[:, :, neck], plain.keypoints[:, :, neck])


def test_sources_are_mixed_by_weight(generated):
    first, second = generated.of_subjects(["generated1"]), generated.of_subjects(["generated2"])
    mixed = MixedWindows((FixedWindows(first.windows), FixedWindows(second.windows)), (3.0, 1.0))
    drawn = mixed.draw(2000, random())
    assert same(drawn, mixed.draw(2000, random()))
    share = float((drawn.height_m == first.windows.height_m[0]).float().mean())
    assert share == pytest.approx(0.75, abs=0.04)
    assert drawn.markers.shape == (2000, WINDOW_FRAMES, len(ANATOMICAL_MARKERS), 3)


def test_generated_people_are_far_from_what_is_refused_as_no_body(generator):
    """The limits in plausibility.py catch mistakes; generated people with all detector errors are far from them."""
    made = generate_set(generator, 60, 1200, seed=1)
    kept, left_out = sift("made", RawWindows(made.windows, made.subjects, made.activities, made.subjects))
    assert (len(kept), left_out) == (1200, ())
    measured = _measure(made.windows)
    whose = torch.tensor([int(name.removeprefix("generated")) for name in made.subjects])
    body = torch.stack([measured.body[whose == k].median() for k in range(1, 61)])
    pairs = torch.stack([measured.pairs[whose == k].median(dim=0).values for k in range(1, 61)])
    assert 0.68 < float(body.min()) < float(body.max()) < 0.84
    assert float(pairs.max()) < 0.075


def test_generated_windows_are_called_after_their_motions():
    still = WindowGenerator(make_library([], 34, seed=1), Population(), CLEAN)
    made = generate_set(still, 5, 400, seed=2)
    assert len(set(made.activities)) > 10
    feet = [KEYPOINTS.index("RAnkle"), KEYPOINTS.index("LAnkle")]
    moved = made.windows.keypoints[:, :, feet].diff(dim=1).norm(dim=-1).mean(dim=(1, 2)).numpy()
    speed = {
        name: moved[[k for k, other in enumerate(made.activities) if other == name]].mean() for name in ("run", "stand")
    }
    assert speed["run"] > 5 * speed["stand"]
