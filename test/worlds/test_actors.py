"""Models: their shapes, labels and lights; people walk as people do."""

import dataclasses

import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.worlds.actors import gait
from semloc_ros.worlds.actors.cars import BODIES
from semloc_ros.worlds.actors.cast import Counts, make_cast
from semloc_ros.worlds.actors.swaying import WavingCrowns, WavingFlag, make_flag
from semloc_ros.worlds.rendering.scene import Motion, SceneBuilder
from semloc_ros.worlds.street.plan import Swaying

COUNTS = Counts(cars=len(BODIES), trucks=1, buses=1, trams=1, cyclists=1, people=7)
SIZES = {  # least and most length, width, height
    "hatchback": ((3.6, 1.6, 1.4), (4.2, 2.1, 1.6)),
    "saloon": ((4.4, 1.7, 1.3), (4.9, 2.2, 1.6)),
    "estate": ((4.4, 1.7, 1.4), (4.9, 2.1, 1.6)),
    "suv": ((4.2, 1.8, 1.6), (4.8, 2.2, 1.8)),
    "van": ((4.8, 1.9, 2.1), (5.8, 2.3, 2.5)),
    "truck": ((6.5, 2.2, 3.0), (8.5, 2.6, 3.6)),
    "bus": ((11, 2.4, 2.9), (12.5, 2.6, 3.5)),
}


def cast_of(**conditions):
    builder = SceneBuilder()
    return make_cast(builder, np.random.default_rng(5), COUNTS, **conditions), builder


@pytest.fixture(scope="module")
def made():
    return cast_of()


@pytest.fixture(scope="module")
def cast(made):
    return made[0]


@pytest.fixture(scope="module")
def night():
    return cast_of(night=True)[0]


@pytest.fixture(scope="module")
def vehicles(cast):
    return {one.name: one for one in (*cast.cars, *cast.trucks, *cast.buses)}


def size(mesh):
    points = mesh.triangles.reshape(-1, 3)
    return points.max(axis=0) - points.min(axis=0)


@pytest.mark.parametrize("name", SIZES)
def test_vehicles_have_their_size_and_stand_on_the_ground(vehicles, name):
    vehicle = vehicles[name]
    for mesh in (vehicle.mesh, vehicle.coarse):
        assert (size(mesh) > SIZES[name][0]).all() and (size(mesh) < SIZES[name][1]).all()
        assert abs(mesh.triangles[:, :, 2].min()) < 0.01
        x = mesh.triangles[:, :, 0]
        assert x.min() == pytest.approx(vehicle.reach[0], abs=0.02)
        assert x.max() == pytest.approx(vehicle.reach[1], abs=0.02)
    assert len(vehicle.mesh.triangles) < 700


@pytest.mark.parametrize("name", SIZES)
def test_bodies_face_outwards(vehicles, name):
    for mesh in (vehicles[name].mesh, vehicles[name].coarse):
        a, b, c = mesh.triangles.transpose(1, 0, 2)
        volume = np.einsum("ij,ij->", a, np.cross(b, c)) / 6
        assert 0.4 < volume / size(mesh).prod() < 1.1
        turned = np.cross(b - a, c - a)
        normals = mesh.patches.normals[mesh.triangle_patch]
        assert (np.einsum("ij,ij->i", turned, normals) > 0).all()


def test_labels(cast):
    expected = {
        classes.CAR: [one.mesh for one in (*cast.cars, *cast.parked)],
        classes.TRUCK: [one.mesh for one in cast.trucks],
        classes.BUS: [one.mesh for one in cast.buses],
        classes.TRAIN: [section.mesh for tram in cast.trams for section in tram],
        classes.BICYCLE: [one.bicycle for one in cast.cyclists],
        classes.RIDER: [one.rider.posed(gait.cycling(0, 1.7)) for one in cast.cyclists],
        classes.PERSON: [one.posed(gait.STANDING[0]) for one in cast.people],
    }
    for label, meshes in expected.items():
        assert meshes
        for mesh in meshes:
            assert (mesh.patches.labels == label).all()


def test_texture_axes_fit_the_triangles(cast):
    """The origin of a patch lies in its plane, and texels stay on the texture."""
    mesh, patches = cast.cars[0].mesh, cast.cars[0].mesh.patches
    offset = mesh.triangles[:, 0] - patches.origins
    assert np.abs(np.einsum("ij,ij->i", offset, patches.normals)).max() < 1e-6
    shares = np.einsum("ijk,iuk->iju", mesh.triangles - patches.origins[:, None],
                       patches.texel_axes)  # fmt: skip
    assert shares.min() > -0.2 * shares.max()


def test_lamps_are_lit_by_night_only(cast, night):
    for day, dark in zip((*cast.cars, *cast.buses), (*night.cars, *night.buses), strict=True):
        assert (day.mesh.patches.glow == 0).all()
        assert (dark.mesh.patches.glow > 1).sum() >= 8
        assert (dark.mesh.triangles == day.mesh.triangles).all()
    assert all((one.mesh.patches.glow == 0).all() for one in night.parked)


def test_snow_lies_on_parked_cars(cast):
    winter, builder = cast_of(winter=True)
    patches = winter.parked[1].mesh.patches
    brightness = np.array([image.mean() for image in builder.images])[patches.textures]
    upward = patches.normals[:, 2] > 0.8
    assert brightness[upward].min() > 225 > np.median(brightness[~upward])


def test_a_cast_is_that_of_its_seed(made):
    (cast, builder), (again, other) = made, cast_of()
    assert (again.people[0].limbs["head"].triangles == cast.people[0].limbs["head"].triangles).all()
    assert all((a == b).all() for a, b in zip(builder.images, other.images, strict=True))


@pytest.mark.parametrize("fine", [True, False])
def test_people_have_the_size_of_people(cast, fine):
    for person in cast.people:
        for joints in (*gait.STANDING, gait.walking(0.3, person.looks.height)):
            mesh = person.posed(joints, fine)
            points = mesh.triangles.reshape(-1, 3)
            assert abs(points[:, 2].min()) < 1e-6
            assert 0.9 < points[:, 2].max() / person.looks.height < 1.1
            assert np.ptp(points[:, 1]) < 0.75
        assert len(mesh.triangles) < (900 if fine else 350)


def test_feet_alternate(cast):
    height = 1.75
    ways = np.linspace(0, gait.stride(height), gait.PHASES, endpoint=False)
    frames = [gait.limb_frames(gait.walking(way, height), height) for way in ways]
    left, right = (
        np.array([frame[f"{side}_foot"][0, 3] for frame in frames]) for side in ("left", "right")
    )
    assert np.allclose(left, np.roll(right, gait.PHASES // 2), atol=1e-6)
    assert (left > right).any() and (right > left).any()
    assert 0.45 < np.ptp(left) / height / 0.5 < 1.6
    # the foot that goes back is on the ground: it is the lower one while it does
    low = np.array([frame["left_foot"][2, 3] - frame["right_foot"][2, 3] for frame in frames])
    back = np.roll(left, -1) < left
    assert low[back].mean() < 0 < low[~back].mean()


def test_riders_reach_bar_and_pedals():
    for way in np.linspace(0, gait.PEDALLED, 5):
        frames = gait.limb_frames(gait.cycling(way, 1.72), 1.72)
        for side in ("left", "right"):
            hand = frames[f"{side}_forearm"] @ [0, 0, -(gait.FOREARM + 0.06) * 1.72, 1]
            assert np.hypot(*(hand[[0, 2]] - gait.HANDS)) < 0.06
            foot = frames[f"{side}_foot"][[0, 2], 3] - gait.PEDALS
            assert 0.05 < np.hypot(*foot) < 0.36


def test_what_the_wind_moves():
    builder, rng = SceneBuilder(), np.random.default_rng(1)
    flag = WavingFlag(make_flag(builder, rng), np.eye(4), 20_500)
    crown = flag.parts(0.0)[1].mesh
    crowns = WavingCrowns([Swaying(crown, np.eye(4), 0.05, 9)], rng)
    for source in (flag, crowns):
        first, later, again = (source.parts(time) for time in (1.0, 1.3, 1.0))
        swaying = [k for k, part in enumerate(first) if part.motion is Motion.SWAYING]
        assert swaying
        for k in swaying:
            assert (first[k].map_from_mesh == again[k].map_from_mesh).all()
            assert not np.allclose(first[k].map_from_mesh, later[k].map_from_mesh)
    turn = np.arccos(np.clip(crowns.parts(2.0)[0].map_from_mesh[2, 2], -1, 1))
    assert turn < 0.05 * 1.01
    ends = [part.map_from_mesh @ [1.5 / 12, 0, 0, 1] for part in flag.parts(0.7)[1:]]
    starts = [part.map_from_mesh[:, 3] for part in flag.parts(0.7)[1:]]
    assert np.allclose(ends[:-1], starts[1:])


def test_counts_of_a_cast(cast):
    for field in dataclasses.fields(COUNTS):
        assert len(getattr(cast, field.name)) == getattr(COUNTS, field.name)
