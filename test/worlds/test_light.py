"""Sun, sky, haze, wet ground and moving parts fall where geometry says."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.geometry import cameras, se3
from semloc_ros.types import Camera
from semloc_ros.worlds.rendering.light import indoor_light
from semloc_ros.worlds.rendering.lighting import Lamp, bake
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Motion, Part, SceneBuilder, Surface
from semloc_ros.worlds.rendering.sky import SKIES, make_sky

CAMERA = Camera("radtan", 160, 120, 120.0, 121.0, 80.4, 58.7, (-0.055, 0.021, 4e-4, -3e-4))
# At 1.5 m above the ground, looking along +x and down a little.
TILT = se3.exp(np.array([0, 0, 0, -0.15, 0, 0]))
MAP_FROM_CAMERA = se3.make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), [0, 0, 1.5]) @ TILT
CAMERA_FROM_MAP = se3.inverse(MAP_FROM_CAMERA)
GREY = np.full((8, 8, 3), 100, np.uint8)
# From behind on the left: shadows fall forward and to the right.
SUN = np.array([-0.5, 0.4, 0.8]) / np.linalg.norm([-0.5, 0.4, 0.8])
SUNNY = dataclasses.replace(
    indoor_light((0.4,) * 3), sun_direction=tuple(SUN), sun=(1.0, 1.0, 1.0), lamps=(0, 0, 0)
)


def pixel_of(point):
    pixels, _ = cameras.project(CAMERA, se3.transform(CAMERA_FROM_MAP, np.array([point], float)))
    return pixels[0]


def ground_builder(**about):
    builder = SceneBuilder()
    surface = builder.add_surface(GREY, label=classes.ROAD, **about)
    builder.add_rectangle([-50, 50, 0], [100, 0, 0], [0, -100, 0], surface, builder.new_instance())
    return builder


def box_mesh(builder, size=1.0, **about):
    """A cube standing on the origin of its own frame."""
    surface = builder.add_surface(GREY, **about)
    still = builder.triangles, builder.triangle_patch, builder.patches
    builder.triangles, builder.triangle_patch, builder.patches = [], [], []
    half = size / 2
    builder.add_box([-half, -half, 0], [half, half, size], [surface], 1)
    mesh = builder.take_mesh()
    builder.triangles, builder.triangle_patch, builder.patches = still
    return mesh


def at(x, y, yaw=0.0):
    pose = se3.exp(np.array([0, 0, 0, 0, 0, yaw]))
    pose[:2, 3] = x, y
    return pose


@pytest.fixture(scope="module")
def busy():
    """A scene with a wall behind, and two parts, of which one hides part of the other."""
    builder = ground_builder()
    wall = builder.add_surface(GREY, label=classes.BUILDING, object_id=7)
    builder.add_rectangle([9, 4, 3], [0, -8, 0], [0, 0, -3], wall, builder.new_instance())
    mesh = box_mesh(builder, label=classes.CAR, gloss=0.3)
    parts = [
        Part(mesh, at(5, 0.2, 0.3), 20_001),
        Part(mesh, at(7, -0.7, -0.2), 20_002, Motion.MOVABLE),
    ]
    return builder.build(), parts


def test_depth_of_parts_is_that_of_their_planes(evenly_lit, busy):
    scene, parts = busy
    rendering = evenly_lit(scene, CAMERA).render(CAMERA_FROM_MAP, parts)
    v, u = np.nonzero(rendering.instances >= 20_001)
    assert len(v) > 500
    rays = cameras.unproject(CAMERA, np.column_stack([u, v]).astype(float))
    points = se3.transform(MAP_FROM_CAMERA, rays / rays[:, 2:] * rendering.depth[v, u][:, None])
    for part in parts:
        own = points[rendering.instances[v, u] == part.instance]
        local = se3.transform(se3.inverse(part.map_from_mesh), own) - [0, 0, 0.5]
        np.testing.assert_allclose(np.abs(local).max(axis=1), 0.5, atol=1e-9)


def test_a_part_hides_what_is_behind_it(evenly_lit, busy):
    scene, parts = busy
    rendering = evenly_lit(scene, CAMERA).render(CAMERA_FROM_MAP, parts)
    for x, y, instance, motion in (
        (5, 0.2, 20_001, Motion.MOVING),
        (7, -0.9, 20_002, Motion.MOVABLE),
    ):
        u, v = np.rint(pixel_of([x, y, 0.6])).astype(int)
        assert rendering.instances[v, u] == instance and rendering.motions[v, u] == motion
        assert rendering.labels[v, u] == classes.CAR
    # The nearer one stands in front of the farther one, whichever comes first.
    swapped = evenly_lit(scene, CAMERA).render(CAMERA_FROM_MAP, parts[::-1])
    np.testing.assert_array_equal(swapped.instances, rendering.instances)
    assert_truth_agrees(scene, parts, rendering)
    without = evenly_lit(scene, CAMERA).render(CAMERA_FROM_MAP)
    assert not (without.instances >= 20_001).any() and not without.motions.any()
    still = rendering.instances < 20_001
    np.testing.assert_array_equal(rendering.depth[still], without.depth[still])


def assert_truth_agrees(scene, parts, rendering):
    """Labels, instances, motions and objects are those of the patches seen."""
    own = scene.mesh.patches
    tables = {
        "labels": [own.labels, *(p.mesh.patches.labels for p in parts), [classes.SKY]],
        "instances": [own.instances, *([p.instance] * len(p.mesh.patches) for p in parts), [0]],
        "motions": [own.motions, *([p.motion] * len(p.mesh.patches) for p in parts), [0]],
        "objects": [own.objects, *(p.mesh.patches.objects for p in parts), [0]],
    }
    for name, columns in tables.items():
        truth = np.concatenate(columns)[rendering.patches]
        np.testing.assert_array_equal(getattr(rendering, name), truth, err_msg=name)
    assert np.isinf(rendering.depth[rendering.patches < 0]).all()
    assert np.isfinite(rendering.depth[rendering.patches >= 0]).all()


@pytest.mark.parametrize("moving", [False, True])
def test_the_shadow_of_a_box_falls_where_it_should(evenly_lit, moving):
    builder = ground_builder()
    parts = []
    if moving:
        parts = [Part(box_mesh(builder), at(4, 1), 20_001)]
    else:
        surface = builder.add_surface(GREY)
        builder.add_box([3.5, 0.5, 0], [4.5, 1.5, 1], [surface], builder.new_instance())
    rendering = evenly_lit(builder.build(), CAMERA, SUNNY).render(CAMERA_FROM_MAP, parts)
    road = (rendering.labels == classes.ROAD).astype(np.uint8)
    ground = cv2.erode(road, np.ones((3, 3), np.uint8)) > 0
    light = rendering.color[:, :, 0]
    full = 100 * (0.4 + SUN[2])
    assert light[ground].max() == pytest.approx(full, rel=1e-5)
    assert light[ground].min() == pytest.approx(40, rel=1e-5)
    # The border between the shadows of two top corners, crossed row by row.
    shift = -SUN / SUN[2]
    near, far = (np.array([x, 0.5, 1.0]) + shift for x in (3.5, 4.5))
    start, end = pixel_of(near), pixel_of(far)
    rows = np.arange(int(min(start[1], end[1])) + 2, int(max(start[1], end[1])) - 1)
    assert len(rows) >= 4
    border = np.array([pixel_of(near + t * (far - near)) for t in np.linspace(0, 1, 200)])
    order = np.argsort(border[:, 1])
    truth = np.interp(rows, border[order, 1], border[order, 0])
    for row, column in zip(rows, truth, strict=True):
        left, right = int(column) - 6, int(column) + 8
        shade = (full - light[row, left:right]) / (full - 40)
        assert left - 0.5 + shade.sum() == pytest.approx(column, abs=0.5)


def test_what_stands_behind_the_camera_casts_its_shadow_before_it(evenly_lit):
    builder = ground_builder()
    parts = [Part(box_mesh(builder, 4.0), at(-2.5, 0), 20_001)]
    low = dataclasses.replace(SUNNY, sun_direction=(-0.8, 0.0, 0.6))
    rendering = evenly_lit(builder.build(), CAMERA, low).render(CAMERA_FROM_MAP, parts)
    assert not (rendering.instances == 20_001).any()
    # The shadow of the top edge, 4 m up at x = -0.5, falls at x = 4.83.
    for x, light in ((4.5, 40), (5.2, 100)):
        u, v = np.rint(pixel_of([x, 0, 0])).astype(int)
        assert rendering.color[v, u, 0] == pytest.approx(light, rel=1e-5)


def test_no_surface_shadows_itself(evenly_lit):
    builder = ground_builder()
    low = dataclasses.replace(SUNNY, sun_direction=(-0.995, 0.0, np.sqrt(1 - 0.995**2)))
    rendering = evenly_lit(builder.build(), CAMERA, low).render(CAMERA_FROM_MAP)
    ground = rendering.labels == classes.ROAD
    assert np.ptp(rendering.color[ground]) < 0.01


def test_leaves_are_lit_on_both_sides_and_through(evenly_lit):
    """The camera sees the back of the leaf; the sun may stand on either side."""
    colors = {}
    for two_sided in (True, False):
        for side in (-1.0, 1.0):
            builder = SceneBuilder()
            leaf = Surface(builder.add_texture(GREY), classes.VEGETATION, two_sided=two_sided)
            builder.add_rectangle([5, -1, 2.5], [0, 2, 0], [0, 0, -2], leaf, 1)
            light = dataclasses.replace(SUNNY, sun_direction=(side, 0.0, 0.0))
            rendering = evenly_lit(builder.build(), CAMERA, light).render(CAMERA_FROM_MAP)
            u, v = np.rint(pixel_of([5, 0, 1.5])).astype(int)
            assert rendering.labels[v, u] == classes.VEGETATION
            colors[two_sided, side] = rendering.color[v, u, 0]
    assert colors[True, -1.0] == pytest.approx(140, rel=1e-5)  # the sun behind the viewer
    assert 50 < colors[True, 1.0] < 120  # the sun behind the leaf
    assert colors[False, 1.0] == pytest.approx(40, rel=1e-5)  # nothing shines through a board


def test_sky_is_sky(evenly_lit):
    sky = make_sky("noon", np.random.default_rng(0), SUN)
    light = dataclasses.replace(SUNNY, sky=sky)
    rendering = evenly_lit(ground_builder().build(), CAMERA, light).render(CAMERA_FROM_MAP)
    open_sky = rendering.patches < 0
    assert 0.1 < open_sky.mean() < 0.9
    assert (rendering.labels[open_sky] == classes.SKY).all()
    assert np.isinf(rendering.depth[open_sky]).all()
    assert not rendering.instances[open_sky].any() and not rendering.objects[open_sky].any()
    # A direction finds its place in the panorama.
    v, u = 8, 60
    ray = MAP_FROM_CAMERA[:3, :3] @ cameras.unproject(CAMERA, np.array([[u, v]], float))[0]
    row = (1 - np.arcsin(ray[2]) / (np.pi / 2)) * sky.shape[0] - 0.5
    column = (np.arctan2(ray[1], ray[0]) / (2 * np.pi) % 1) * sky.shape[1] - 0.5
    i, j = int(row), int(column)
    around = sky[i : i + 2, j : j + 2]
    assert (rendering.color[v, u] >= around.min(axis=(0, 1)) - 1e-3).all()
    assert (rendering.color[v, u] <= around.max(axis=(0, 1)) + 1e-3).all()


@pytest.mark.parametrize("kind", SKIES)
def test_skies_join_behind(kind):
    sky = make_sky(kind, np.random.default_rng(1), SUN)
    assert sky.min() >= 0 and np.isfinite(sky).all()
    seam = np.abs(sky[:, 0] - sky[:, -1]).mean()
    assert seam < 3 * np.abs(np.diff(sky, axis=1)).mean() + 0.5


def test_skies_are_seeded():
    one, again, other = (make_sky("autumn", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 1


def test_haze_grows_with_distance_to_the_colour_of_the_horizon(evenly_lit):
    sky = np.zeros((2, 4, 3), np.float32)
    sky[-1] = 200, 210, 220
    light = dataclasses.replace(indoor_light((0.5,) * 3), sky=sky, haze_m=30.0, lamps=(0, 0, 0))
    rendering = evenly_lit(ground_builder().build(), CAMERA, light).render(CAMERA_FROM_MAP)
    column = rendering.color[:, 80][np.isfinite(rendering.depth[:, 80])]
    assert (np.diff(column[:, 0]) < 0).all()  # rows go down to what is near
    v = 100
    ray = cameras.unproject(CAMERA, np.array([[80.0, v]]))[0]
    share = np.exp(-rendering.depth[v, 80] / ray[2] / 30.0)
    truth = 50 * share + np.array([200, 210, 220]) * (1 - share)
    np.testing.assert_allclose(rendering.color[v, 80], truth, atol=0.01)


def test_wet_ground_shows_what_stands_on_it_upside_down(evenly_lit):
    builder = ground_builder(gloss=1.0)
    white, black = (builder.add_surface(np.full((4, 4, 3), c, np.uint8)) for c in (255, 0))
    builder.add_rectangle([9, 20, 8], [0, -40, 0], [0, 0, -8], black, builder.new_instance())
    builder.add_rectangle([8, 1, 2], [0, -1, 0], [0, 0, -2], white, builder.new_instance())
    scene = builder.build()
    light = indoor_light((1.0,) * 3)
    dry, wet = (
        evenly_lit(scene, CAMERA, dataclasses.replace(light, wetness=wetness)).render(
            CAMERA_FROM_MAP
        )
        for wetness in (0.0, 1.0)
    )
    np.testing.assert_array_equal(wet.patches, dry.patches)

    def gain(y, z):
        u, v = np.rint(pixel_of([8, y, -z])).astype(int)
        assert dry.labels[v, u] == classes.ROAD
        return float(wet.color[v, u, 0] - dry.color[v, u, 0])

    inside = [gain(y, z) for y in (0.3, 0.5, 0.7) for z in (0.6, 1.0, 1.4)]
    outside = [gain(y, z) for y in (-0.8, -0.4, 1.4, 1.8) for z in (0.6, 1.0, 1.4)]
    assert min(inside) > 2 and max(outside) < 0


def test_lamps_and_headlights_light_what_is_near(evenly_lit):
    builder = ground_builder()
    scene = builder.build()
    maps = bake(
        scene.mesh.patches, RayCaster(scene.mesh.triangles), [Lamp((6, 0, 4), 10.0)], spacing=0.5
    )
    grid = maps.values[:, 1].reshape(maps.sizes[0, ::-1])
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    place = np.array([column, row]) / (maps.sizes[0] - 1) * 100 - 50
    np.testing.assert_allclose(place, [6, 0], atol=0.3)
    assert grid.max() == pytest.approx(10 / 16, rel=0.02)
    dark = dataclasses.replace(indoor_light((0.0,) * 3), lamps=(0, 0, 0), headlights=2.0)
    rendering = evenly_lit(scene, CAMERA, dark).render(CAMERA_FROM_MAP)
    ahead, aside = (np.rint(pixel_of([8, y, 0])).astype(int) for y in (0, 4))
    assert rendering.color[ahead[1], ahead[0], 0] > 4 * rendering.color[aside[1], aside[0], 0] > 0


def test_object_uv_is_the_place_in_the_reference_image(evenly_lit, busy):
    scene, parts = busy
    rendering = evenly_lit(scene, CAMERA).render(CAMERA_FROM_MAP, parts)
    v, u = np.nonzero(rendering.objects == 7)
    assert len(v) > 300
    rays = cameras.unproject(CAMERA, np.column_stack([u, v]).astype(float))
    points = se3.transform(MAP_FROM_CAMERA, rays / rays[:, 2:] * rendering.depth[v, u][:, None])
    truth = np.column_stack([(4 - points[:, 1]) / 8, (3 - points[:, 2]) / 3])
    np.testing.assert_allclose(rendering.object_uv[v, u], truth, atol=1e-5)


def test_threads_give_the_same_bytes(evenly_lit, busy):
    scene, parts = busy
    light = dataclasses.replace(SUNNY, wetness=1.0, haze_m=100.0)
    renderer = evenly_lit(scene, CAMERA, light)
    yaws = np.linspace(0, 0.5, 4)
    poses = [se3.exp(np.array([0, 0, 0, 0, yaw, 0])) @ CAMERA_FROM_MAP for yaw in yaws]
    alone = [renderer.render(pose, parts) for pose in poses]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda pose: renderer.render(pose, parts), poses))
    for one, two in zip(alone, together, strict=True):
        for field in dataclasses.fields(one):
            name = field.name
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
