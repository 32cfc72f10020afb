"""Forward kinematics, the OpenSim model, the published model and the mirror image agree."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from trcaugment.body.kinematics import BodySizes, body_frames, forward_kinematics
from trcaugment.body.motions import mirror
from trcaugment.body.population import Population, draw_bodies
from trcaugment.body.skeleton import BODIES, COORDINATE_INDEX, COORDINATES, JOINTS, MARKERS, POINT_INDEX, POINTS
from trcaugment.marker_sets import ANATOMICAL_MARKERS, KEYPOINTS

TOLERANCE_M = 1e-6
ALL_POINTS = list(range(len(POINTS)))
GENERIC = torch.ones(1, len(BODIES), 3, dtype=torch.float64)


def sizes_of(scale, mass_kg=75.0):
    one = torch.ones(len(scale), dtype=torch.float64)
    return BodySizes.from_scale(scale, 1.7 * one, mass_kg * one)


def drawn_sizes(seed):
    """One person of the population in double precision, with markers that keep their place: in OpenSim they do."""
    sizes = draw_bodies(Population(), 1, torch.Generator().manual_seed(seed))
    sizes = replace(sizes, shifts=torch.zeros_like(sizes.shifts))
    return BodySizes(*(getattr(sizes, name).double() for name in sizes.__dataclass_fields__))


def random_scale(seed):
    """Every body scaled along every axis on its own: sizes that follow no rule."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.7, 1.4, (1, len(BODIES), 3)))


def postures(n, seed):
    """Coordinates anywhere in their ranges, each bound hit at least once, (n, n_coordinates)."""
    low, high = np.array([(c.low, c.high) for c in COORDINATES]).T
    values = np.random.default_rng(seed).uniform(low, high, (n, len(COORDINATES)))
    values[0], values[1] = low, high
    return values


def opensim_places(opensim, model, coordinates, find):
    """What `find(model, state)` returns in every posture; coordinates that the model lacks stay as they are."""
    state = model.initSystem()
    set_ = model.getCoordinateSet()
    places = []
    for values in coordinates:
        for name, index in COORDINATE_INDEX.items():
            set_.get(name).setValue(state, float(values[index]), False)
        model.realizePosition(state)
        places.append(find(model, state))
    return np.array(places)


def marker_places(model, state):
    set_ = model.getMarkerSet()
    return [set_.get(point.name).getLocationInGround(state).to_numpy() for point in POINTS]


BODIES_UNDER_TEST = {
    "generic": sizes_of(GENERIC),
    "random scale 1": sizes_of(random_scale(1)),
    "random scale 2": sizes_of(random_scale(2)),
    "person 1": drawn_sizes(1),
    "person 2": drawn_sizes(2),
    "person 3": drawn_sizes(3),
}


def test_all_markers_and_keypoints_of_the_model_are_points_of_the_skeleton():
    assert set(ANATOMICAL_MARKERS) == {marker.name for marker in MARKERS}
    assert set(KEYPOINTS) <= set(POINT_INDEX)
    assert len(MARKERS) == 35


@pytest.mark.parametrize("name", BODIES_UNDER_TEST)
def test_opensim_and_torch_put_every_point_in_the_same_place(opensim, name):
    from trcaugment.osim.build import build_model

    sizes, coordinates = BODIES_UNDER_TEST[name], postures(20, seed=4)
    expected = opensim_places(opensim, build_model(sizes), coordinates, marker_places)
    found = forward_kinematics(sizes, torch.from_numpy(coordinates)[None], ALL_POINTS)[0].numpy()
    assert np.abs(found - expected).max() < TOLERANCE_M


def test_many_bodies_at_once_are_as_each_alone():
    people = [drawn_sizes(seed) for seed in range(5)]
    together = BodySizes(*(torch.cat([getattr(p, f) for p in people]) for f in people[0].__dataclass_fields__))
    coordinates = torch.from_numpy(np.stack([postures(4, seed) for seed in range(5)]))
    found = forward_kinematics(together, coordinates, ALL_POINTS)
    for k, person in enumerate(people):
        alone = forward_kinematics(person, coordinates[k : k + 1], ALL_POINTS)
        torch.testing.assert_close(found[k : k + 1], alone, rtol=0, atol=1e-12)
    selected = forward_kinematics(together.select(torch.tensor([3, 1])), coordinates[[3, 1]], ALL_POINTS)
    torch.testing.assert_close(selected, found[[3, 1]], rtol=0, atol=1e-12)


def test_bodies_turn_without_changing_their_size():
    _, rotations = body_frames(BODIES_UNDER_TEST["person 1"], torch.from_numpy(postures(10, seed=5))[None])
    torch.testing.assert_close(
        rotations @ rotations.transpose(-1, -2), torch.eye(3).double().expand_as(rotations), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(rotations.shape[:-2]).double())


def test_the_opensim_model_has_the_coordinates_ranges_and_masses_of_the_skeleton(opensim):
    from trcaugment.osim.build import build_model

    model = build_model(sizes_of(random_scale(6), mass_kg=91.5), "someone")
    state = model.initSystem()
    found = model.getCoordinateSet()
    assert {found.get(k).getName() for k in range(found.getSize())} == set(COORDINATE_INDEX)
    for coordinate in COORDINATES:
        made = found.get(coordinate.name)
        assert (made.getRangeMin(), made.getRangeMax()) == pytest.approx((coordinate.low, coordinate.high))
        # Else OpenSim would take degrees in motion files for radians.
        kind = opensim.Coordinate.Rotational if coordinate.rotational else opensim.Coordinate.Translational
        assert made.getMotionType() == kind
    assert model.getTotalMass(state) == pytest.approx(91.5, abs=1e-6)
    total = sum(body.mass_kg for body in BODIES)
    for body in BODIES:
        made = model.getBodySet().get(body.name)
        assert made.getMass() == pytest.approx(91.5 * body.mass_kg / total, abs=1e-6)
        assert min(made.getInertia().getMoments().to_numpy()) > 0
    assert model.getName() == "someone"
    assert {model.getJointSet().get(k).getName() for k in range(len(JOINTS))} == {joint.name for joint in JOINTS}


def test_a_written_model_opens_again_and_gives_the_same_markers(opensim, tmp_path):
    from trcaugment.osim.build import build_model

    sizes, coordinates = BODIES_UNDER_TEST["person 2"], postures(5, seed=7)
    build_model(sizes).printToXML(str(tmp_path / "person.osim"))
    model = opensim.Model(str(tmp_path / "person.osim"))
    found = opensim_places(opensim, model, coordinates, marker_places)
    expected = forward_kinematics(sizes, torch.from_numpy(coordinates)[None], ALL_POINTS)[0].numpy()
    assert np.abs(found - expected).max() < TOLERANCE_M
    knee = model.getCoordinateSet().get("knee_angle_r")
    assert (knee.getRangeMin(), knee.getRangeMax()) == pytest.approx((0.0, 2.4435))


def test_bodies_lie_where_they_lie_in_the_published_model(opensim, shared_data):
    folder = shared_data / "opensim" / "opencap"
    if not folder.is_dir():
        pytest.skip("needs LaiUhlrich2022.osim in ../shared/data/opensim/opencap")
    published = opensim.Model(str(folder / "LaiUhlrich2022.osim"))
    coordinates = postures(20, seed=8)

    def origins(model, state):
        return [model.getBodySet().get(body.name).getPositionInGround(state).to_numpy() for body in BODIES]

    expected = opensim_places(opensim, published, coordinates, origins)
    found, _ = body_frames(BODIES_UNDER_TEST["generic"], torch.from_numpy(coordinates)[None])
    assert np.abs(found[0].numpy() - expected).max() < TOLERANCE_M
    for body in BODIES:
        made = published.getBodySet().get(body.name)
        assert body.mass_kg == pytest.approx(made.getMass(), abs=1e-3)
        assert body.mass_center == pytest.approx(made.getMassCenter().to_numpy(), abs=1e-4)


def other_side(name):
    """The mirror image's name: LHip for RHip, r_knee_study for L_knee_study; points of the midline are their own."""
    for first in {"L": "rR", "R": "L", "r": "L"}.get(name[0], ""):
        if first + name[1:] in POINT_INDEX:
            return first + name[1:]
    return name


def test_mirrored_coordinates_give_mirrored_points():
    # Symmetric, but no side of it like the generic body.
    scale = random_scale(9)
    names = [body.name for body in BODIES]
    for k, name in enumerate(names):
        if name.endswith("_l"):
            scale[:, k] = scale[:, names.index(name[:-2] + "_r")]
    coordinates = torch.from_numpy(postures(30, seed=10))[None]
    points = forward_kinematics(sizes_of(scale), coordinates, ALL_POINTS)
    mirrored = forward_kinematics(sizes_of(scale), mirror(coordinates), ALL_POINTS)
    image = [POINT_INDEX[other_side(point.name)] for point in POINTS]
    assert sum(image[k] != k for k in ALL_POINTS) == len(POINTS) - 3  # all but C7, Neck and midHip
    flip = torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(mirrored, points[:, :, image] * flip, rtol=0, atol=1e-9)


def test_mirroring_twice_changes_nothing():
    coordinates = torch.from_numpy(postures(6, seed=11))
    assert torch.equal(mirror(mirror(coordinates)), coordinates)


def test_single_precision_is_good_for_training():
    sizes = BODIES_UNDER_TEST["person 3"]
    single = replace(sizes, **{f: getattr(sizes, f).float() for f in sizes.__dataclass_fields__})
    coordinates = torch.from_numpy(postures(10, seed=12))[None]
    coordinates[..., 3:6] = 0.0
    found = forward_kinematics(single, coordinates.float(), ALL_POINTS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), forward_kinematics(sizes, coordinates, ALL_POINTS), rtol=0, atol=1e-5)
