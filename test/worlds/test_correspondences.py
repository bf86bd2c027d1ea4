"""Correspondences between traversals land on the same surface, judged by casting rays."""

import dataclasses

import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.pairing import pair_poses
from semloc_ros.types import Camera
from semloc_ros.worlds.correspondences import correspondences, lift
from semloc_ros.worlds.gallery.changes import State
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.gallery import gallery_renderer, mounted_camera
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import Motion
from semloc_ros.worlds.truth import FrameTruth, HungObject, View, rehung_instances, truth_of

OTHER_DAY = State("spots", moved=4, swapped=2)


@dataclasses.dataclass
class Day:
    """The gallery on one day: its scene, its paintings, and views of it."""

    scene: object
    hung: list
    views: list


def poses(mount, shift, turn):
    """Through the first two rooms, looking right: camera_from_map (N, 4, 4)."""
    bases = []
    for x, yaw in ((1.8, 0.1), (3.0, 0.0), (4.9, -0.1), (7.2, 0.2), (7.8, 1.2)):
        base = se3.exp(np.array([0, 0, 0, 0, 0, yaw + turn]))
        base[:2, 3] = x + shift, 2.5 + shift
        bases.append(base @ mount)
    return se3.inverse(np.array(bases))


def day_of(config, state, shift, turn):
    gallery, mounted = build_gallery(config, state), mounted_camera(config)
    renderer = gallery_renderer(gallery, mounted.camera)
    hung = [HungObject(p.object_id, p.instance, "", p.corners_map) for p in gallery.paintings]
    views = [
        View(mounted.camera, pose, truth_of(renderer.render(pose)))
        for pose in poses(mounted.base_from_camera, shift, turn)
    ]
    return Day(gallery.scene, hung, views)


@pytest.fixture(scope="module")
def days(tiny_config):
    config = dataclasses.replace(tiny_config, texel_mm=50.0, paintings_per_room=5)
    return day_of(config, State(), 0.0, 0.0), day_of(config, OTHER_DAY, 0.25, 0.08)


def seen_exactly(scene, view, pixels):
    """What the rays through pixels (N, 2) hit: patch rows (N,) and map points (N, 3)."""
    map_from_camera = se3.inverse(view.camera_from_map)
    eye, rays = map_from_camera[:3, 3], cameras.unproject(view.camera, pixels)
    rays = rays @ map_from_camera[:3, :3].T
    mesh = scene.mesh
    rows = mesh.triangle_patch[RayCaster(mesh.triangles).first_hits(eye, rays)]
    normals = mesh.patches.normals[rows]
    away = ((mesh.patches.origins[rows] - eye) * normals).sum(1) / (rays * normals).sum(1)
    return rows, eye + away[:, None] * rays


def uv_of(scene, rows, points):
    patches, atlas = scene.mesh.patches, scene.atlas
    texels = np.einsum("nij,nj->ni", patches.texel_axes[rows], points - patches.origins[rows])
    textures = patches.textures[rows]
    return texels / np.stack([atlas.widths[textures, 0], atlas.heights[textures, 0]], axis=1)


def test_they_land_on_the_same_surface(days):
    before, after = days
    without = rehung_instances(before.hung, after.hung)
    assert len(without) == 8
    total = on_objects = 0
    for a, b in zip(before.views, after.views, strict=True):
        same = correspondences(a, b, without_instances=without)
        columns, rows = same.points_a.astype(int).T
        patches, points = seen_exactly(after.scene, b, same.points_b)
        np.testing.assert_allclose(points, same.points_map, atol=1e-3)
        instances = after.scene.mesh.patches.instances[patches]
        np.testing.assert_array_equal(instances, a.truth.instances[rows, columns])
        assert not np.isin(instances, without).any()
        objects = after.scene.mesh.patches.objects[patches]
        np.testing.assert_array_equal(objects, a.truth.objects[rows, columns])
        uv = uv_of(after.scene, patches, points)[objects > 0]
        np.testing.assert_allclose(uv, a.truth.object_uv[rows, columns][objects > 0], atol=1e-3)
        total, on_objects = total + len(same), on_objects + np.count_nonzero(objects)
    assert total > 30_000 and on_objects > 1000


def test_hardly_any_that_rays_find_is_missed(days):
    a, b = days[0].views[1], days[1].views[1]
    without = rehung_instances(days[0].hung, days[1].hung)
    found = np.zeros(a.truth.depth.shape, dtype=bool)
    columns, rows = correspondences(a, b, without_instances=without).points_a.astype(int).T
    found[rows, columns] = True
    height, width = found.shape
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
    points = lift(a, pixels.astype(float), a.truth.depth.ravel())
    at, seen = cameras.project(b.camera, se3.transform(b.camera_from_map, points))
    seen &= (at >= 0).all(axis=1) & (at < [width - 1, height - 1]).all(axis=1)
    seen &= ~np.isin(a.truth.instances.ravel(), without)
    _, exact = seen_exactly(days[1].scene, b, at[seen])
    truly = np.linalg.norm(exact - points[seen], axis=1) < 1e-3
    assert found.ravel()[seen][truly].mean() > 0.93
    assert not found.ravel()[~seen].any()


def test_a_moved_painting_matches_only_where_its_picture_does(days):
    """Without a list of what hangs elsewhere, (u, v) alone tells canvases apart."""
    before, after = days
    for a, b in zip(before.views, after.views, strict=True):
        same = correspondences(a, b)
        columns, rows = same.points_a.astype(int).T
        on_canvas = a.truth.objects[rows, columns] > 0
        patches, points = seen_exactly(after.scene, b, same.points_b[on_canvas])
        uv = uv_of(after.scene, patches, points)
        expected_uv = a.truth.object_uv[rows, columns][on_canvas]
        np.testing.assert_allclose(uv, expected_uv, atol=2e-3)


def rounded(view):
    """The view as files keep it."""
    with np.errstate(divide="ignore"):
        value = np.rint(1 / (view.truth.depth * frames.DEPTH_STEP)).astype(np.uint16)
    return dataclasses.replace(
        view, truth=dataclasses.replace(view.truth, depth=frames.depth_of(value))
    )


def test_depth_of_files_gives_the_pixels_of_another_frame(days):
    """There by the depth of a, back by that of b, interpolated."""
    errors = []
    for one, other in ((0, 1), (1, 2), (3, 4)):
        a, b = rounded(days[0].views[one]), rounded(days[0].views[other])
        same = correspondences(a, b)
        assert len(same) > 500
        exact = correspondences(days[0].views[one], days[0].views[other])
        rows = {tuple(p): k for k, p in enumerate(exact.points_a.tolist())}
        pairs = [(k, rows[tuple(p)]) for k, p in enumerate(same.points_a.tolist())
                 if tuple(p) in rows]  # fmt: skip
        k, j = np.array(pairs).T
        errors.append(np.linalg.norm(same.points_b[k] - exact.points_b[j], axis=1))
    assert np.median(np.concatenate(errors)) < 0.05
    assert np.percentile(np.concatenate(errors), 99) < 0.2


def wall_view(shape=(12, 16), **changes):
    """A camera before a wall two metres away, everything still."""
    camera = pinhole(shape)
    truth = FrameTruth(
        depth=np.full(shape, 2.0), labels=np.full(shape, classes.BUILDING, np.uint8),
        instances=np.ones(shape, np.uint16), motions=np.zeros(shape, np.uint8),
        objects=np.zeros(shape, np.uint16), object_uv=np.zeros((*shape, 2), np.float32),
    )  # fmt: skip
    return View(camera, np.eye(4), dataclasses.replace(truth, **changes))


def pinhole(shape):
    return Camera("pinhole", shape[1], shape[0], 10.0, 10.0, 7.5, 5.5)


def shifted(view, x):
    pose = np.eye(4)
    pose[0, 3] = x
    return dataclasses.replace(view, camera_from_map=pose)


def test_pixels_have_a_known_answer():
    same = correspondences(wall_view(), shifted(wall_view(), 0.25), step=4)
    # A quarter of a metre at two metres, ten pixels a metre's tangent: 1.25 pixels to the right.
    np.testing.assert_allclose(same.points_b - same.points_a, [[1.25, 0.0]] * len(same), atol=1e-9)
    np.testing.assert_array_equal(np.unique(same.points_a[:, 0]), [2, 6, 10])
    np.testing.assert_allclose(same.points_map[0], [(2 - 7.5) / 5, (2 - 5.5) / 5, 2.0])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("motions", Motion.MOVABLE), ("motions", Motion.SWAYING), ("instances", 2),
        ("labels", classes.WALL), ("depth", 1.9), ("depth", np.inf), ("objects", 3),
    ],
)  # fmt: skip
def test_what_is_not_the_same_there_is_left_out(kind, value):
    changed = getattr(wall_view().truth, kind).copy()
    changed[:, 8:] = value
    half_a_pixel = 0.1
    other = shifted(wall_view(**{kind: changed}), half_a_pixel)
    assert correspondences(wall_view(), other).points_b[:, 0].max() == 6.5
    back = correspondences(other, wall_view())
    assert back.points_a[:, 0].max() == 7


def test_vegetation_is_left_out_unless_asked_for():
    leaves = np.full((12, 16), classes.VEGETATION, np.uint8)
    view = wall_view(labels=leaves)
    assert len(correspondences(view, view)) == 0
    assert len(correspondences(view, view, without_labels=())) == 16 * 12


def test_frames_are_paired_by_the_nearest_pose():
    def poses(*places):
        bases = [se3.exp(np.array([0, 0, 0, 0, 0, yaw])) for _, yaw in places]
        for base, (x, _) in zip(bases, places, strict=True):
            base[0, 3] = x
        return se3.inverse(np.array(bases))

    a = poses((0.0, 0.0), (5.0, 0.0), (9.0, 0.0))
    b = poses((0.3, 0.5), (0.6, 0.0), (5.2, -0.1), (20.0, 0.0))
    assert pair_poses(a, b, 1.0, 0.2) == [(0, 1), (1, 2)]
    assert pair_poses(a, b, 1.0, 0.6) == [(0, 0), (1, 2)]
    assert pair_poses(a, b, 0.25, 0.2) == [(1, 2)]
