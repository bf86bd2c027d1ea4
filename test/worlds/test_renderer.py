"""The truth is exact: colours, edges and depth lie where the camera model says."""

import cv2
import numpy as np
import pytest

from semloc_ros.geometry import cameras, se3
from semloc_ros.types import Camera
from semloc_ros.worlds.recording.gallery import mounted_camera
from semloc_ros.worlds.rendering.scene import SceneBuilder

LENSES = {
    "mild": Camera("radtan", 320, 240, 240.0, 243.0, 163.2, 117.9, (-0.055, 0.021, 4e-4, -3e-4)),
    "strong": Camera(
        "radtan", 320, 240, 200.0, 200.0, 158.0, 121.0, (-0.3, 0.1, 1e-3, 1e-3, -0.012)
    ),
    "fisheye": Camera("fisheye", 320, 240, 120.0, 120.0, 160.3, 119.2, (0.02, 0.002, -1e-3, 1e-5)),
}
# The camera stands at x = 0 and looks along +x at a wall that is not square to it.
MAP_FROM_CAMERA = se3.make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), [0.1, 0.05, 1.2])
TURN = se3.exp(np.array([0, 0, 0, 0.05, 0.2, 0.07]))


@pytest.fixture(params=LENSES)
def lens(request):
    return LENSES[request.param]


def wall_scene(image, size=4.0, distance=2.0):
    builder = SceneBuilder()
    surface = builder.add_surface(image)
    corner = [distance, size / 2, 1.2 + size / 2]
    builder.add_rectangle(corner, [0, -size, 0], [0, 0, -size], surface, builder.new_instance())
    return builder.build()


def wall_points(u, v, texels, size=4.0, distance=2.0):
    """Map points of texel coordinates of `wall_scene`."""
    metres = size / texels
    return np.stack(
        [np.full_like(u, distance), size / 2 - u * metres, 1.2 + size / 2 - v * metres], axis=-1
    )


def sample(image, pixels):
    """Bilinear, with pixel (0, 0) the centre of the top-left pixel."""
    return cv2.remap(
        image.astype(np.float32), pixels.astype(np.float32)[None], None, cv2.INTER_LINEAR
    )[0]


@pytest.mark.parametrize("axis", [0, 1])
def test_a_ramp_is_seen_where_it_is(lens, evenly_lit, axis):
    texels = 60
    level = 4.0 * (np.arange(texels) + 0.5)
    image = np.broadcast_to(level[:, None] if axis else level, (texels, texels)).astype(np.uint8)
    scene = wall_scene(np.repeat(image[:, :, None], 3, axis=2))
    map_from_camera = MAP_FROM_CAMERA @ TURN
    rendering = evenly_lit(scene, lens).render(se3.inverse(map_from_camera))
    u, v = (a.ravel() for a in np.meshgrid(np.linspace(4, 56, 40), np.linspace(4, 56, 40)))
    points = se3.transform(se3.inverse(map_from_camera), wall_points(u, v, texels))
    pixels, seen = cameras.project(lens, points)
    inner = seen & (np.abs(pixels - [159.5, 119.5]) < [155, 115]).all(axis=1)
    assert inner.sum() > 300
    error = (sample(rendering.color[:, :, 0], pixels[inner]) - 4 * (v if axis else u)[inner]) / 4
    # In texels of about five pixels: a shift of half a pixel would be a tenth.
    assert abs(np.median(error)) < 0.01
    assert np.percentile(np.abs(error), 95) < 0.03


def test_edges_fall_where_they_project(lens, evenly_lit):
    builder = SceneBuilder()
    black, white = (builder.add_surface(np.full((4, 4, 3), c, np.uint8)) for c in (0, 255))
    builder.add_rectangle([3, 9, 9], [0, -18, 0], [0, 0, -18], black, builder.new_instance())
    top, bottom, left, right = 1.71, 0.63, 0.62, -0.47
    builder.add_rectangle(
        [2, left, top], [0, right - left, 0], [0, 0, bottom - top], white, builder.new_instance()
    )
    rendering = evenly_lit(builder.build(), lens).render(se3.inverse(MAP_FROM_CAMERA))
    brightness = rendering.color[:, :, 0] / 255
    for y, sign in ((left, 1), (right, -1)):
        heights = np.linspace(bottom + 0.1, top - 0.1, 400)
        edge = np.stack([np.full(400, 2.0), np.full(400, y), heights], axis=1)
        pixels, _ = cameras.project(lens, se3.transform(se3.inverse(MAP_FROM_CAMERA), edge))
        rows = np.arange(int(pixels[:, 1].min()) + 1, int(pixels[:, 1].max()))
        truth = np.interp(rows, pixels[::-1, 1], pixels[::-1, 0])
        middle = round(truth.mean() + sign * 25)
        low, high = (middle - 45, middle) if sign > 0 else (middle, middle + 45)
        covered = brightness[rows, low:high].sum(axis=1)
        measured = high - 0.5 - covered if sign > 0 else low - 0.5 + covered
        assert np.abs(measured - truth).max() < 0.1
        assert abs((measured - truth).mean()) < 0.02


def test_depth_is_along_the_optical_axis(evenly_lit):
    scene = wall_scene(np.full((4, 4, 3), 90, np.uint8))
    rendering = evenly_lit(scene, LENSES["strong"]).render(se3.inverse(MAP_FROM_CAMERA))
    np.testing.assert_allclose(rendering.depth[rendering.patches == 0], 1.9, atol=1e-12)


def test_nothing_is_black_infinite_and_zero(evenly_lit):
    scene = wall_scene(np.full((4, 4, 3), 90, np.uint8), size=0.2)
    rendering = evenly_lit(scene, LENSES["mild"]).render(se3.inverse(MAP_FROM_CAMERA))
    assert rendering.patches[0, 0] == -1
    assert np.isinf(rendering.depth[0, 0]) and rendering.instances[0, 0] == 0
    assert not rendering.color[0, 0].any()


def test_fine_texture_does_not_alias(evenly_lit):
    """A checkerboard far finer than a pixel is grey, seen square or at a slant."""
    checker = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    scene = wall_scene(np.repeat(checker[:, :, None], 3, axis=2))
    for turn in (0.0, 0.9):
        pose = MAP_FROM_CAMERA @ se3.exp(np.array([0, 0, 0, 0, turn, 0]))
        rendering = evenly_lit(scene, LENSES["mild"]).render(se3.inverse(pose))
        seen = cv2.erode((rendering.patches == 0).astype(np.uint8), np.ones((5, 5))) > 0
        values = rendering.color[:, :, 0][seen]
        assert abs(values.mean() - 127.5) < 1.5
        assert values.std() < 12


def gallery_poses(gallery, tiny_config, number=6):
    centre = gallery.loop_xy[0]
    tangents = np.zeros((number, 6))
    tangents[:, 5] = np.linspace(-0.3, 0.5, number)
    places = np.column_stack(
        [centre[0] + np.linspace(-0.4, 0.4, number), np.full(number, centre[1]), np.zeros(number)]
    )
    bases = se3.make_pose(se3.exp(tangents)[:, :3, :3], places)
    return se3.inverse(bases @ mounted_camera(tiny_config).base_from_camera)


def test_depth_reprojects_between_frames(gallery, renderer, camera, tiny_config):
    poses = gallery_poses(gallery, tiny_config)
    first, second = renderer.render(poses[1]), renderer.render(poses[4])
    u, v = (a.ravel() for a in np.meshgrid(np.arange(camera.width), np.arange(camera.height)))
    rays = cameras.unproject(camera, np.column_stack([u, v]))
    points = rays / rays[:, 2:] * first.depth.reshape(-1, 1)
    moved = se3.transform(poses[4] @ se3.inverse(poses[1]), points)
    pixels, seen = cameras.project(camera, moved)
    cell = np.floor(np.nan_to_num(pixels)).astype(int)
    inner = (
        seen & (cell >= 0).all(axis=1) & (cell < [camera.width - 1, camera.height - 1]).all(axis=1)
    )
    x, y = cell[inner].T
    around = np.stack([second.patches[y + j, x + i] for j in (0, 1) for i in (0, 1)])
    same = (around == first.patches.ravel()[inner]).all(axis=0)
    assert same.sum() > 0.3 * len(u)
    nearness = sample(1 / second.depth, pixels[inner][same])
    error = np.abs(nearness * moved[inner][same][:, 2] - 1)
    assert np.median(error) < 1e-5 and np.percentile(error, 99) < 1e-4


def test_colours_reproject_between_frames(gallery, renderer, camera, tiny_config):
    """Where both frames see the same canvas, they see the same picture."""
    poses = gallery_poses(gallery, tiny_config)
    first, second = renderer.render(poses[2]), renderer.render(poses[3])
    v, u = np.nonzero(first.instances > 1)
    rays = cameras.unproject(camera, np.column_stack([u, v]))
    points = rays / rays[:, 2:] * first.depth[v, u][:, None]
    pixels, _ = cameras.project(camera, se3.transform(poses[3] @ se3.inverse(poses[2]), points))
    inside = cameras.inside_image(camera, pixels + 1) & cameras.inside_image(camera, pixels - 1)
    here = first.color[v, u, 1][inside]
    errors = {}
    for shift in ((0.0, 0.0), (0.5, 0.5), (-0.5, -0.5)):
        errors[shift] = np.abs(
            sample(second.color[:, :, 1], (pixels + shift)[inside]) - here
        ).mean()
    assert min(errors, key=errors.get) == (0.0, 0.0)


def test_canvases_project_onto_their_corners(gallery, renderer, camera, tiny_config):
    errors = []
    for pose in gallery_poses(gallery, tiny_config):
        rendering = renderer.render(pose)
        for painting in gallery.paintings:
            outline = outline_pixels(camera, pose, painting.corners_map)
            if not cameras.inside_image(camera, outline).all():
                continue
            area, centroid = polygon_moments(outline)
            column, row = np.rint(centroid).astype(int)
            canvas = rendering.patches == rendering.patches[row, column]
            around = cv2.dilate(canvas.astype(np.uint8), np.ones((3, 3))) > 0
            if (rendering.instances[around] != painting.instance).any():
                continue  # something stands in front of the canvas or its frame
            rows, columns = np.nonzero(canvas)
            perimeter = np.linalg.norm(np.diff(outline, axis=0), axis=1).sum()
            assert len(rows) == pytest.approx(area, abs=0.35 * perimeter)
            errors.append([columns.mean(), rows.mean()] - centroid)
    # Counting pixel centres rounds an upright edge by up to half a pixel.
    assert len(errors) >= 3
    assert np.abs(errors).max() < 0.3 and np.abs(np.mean(errors, axis=0)).max() < 0.1


def outline_pixels(camera, pose, corners):
    """The border of a canvas in the image; the lens bends its edges."""
    ring = np.concatenate([corners, corners[:1]])
    at = np.linspace(0, 4, 121)[:-1]
    border = np.stack([np.interp(at, np.arange(5), ring[:, k]) for k in range(3)], axis=1)
    return cameras.project(camera, se3.transform(pose, border))[0]


def polygon_moments(outline):
    x, y = outline.T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    area = cross.sum() / 2
    middle = (outline + np.roll(outline, -1, axis=0)) * cross[:, None]
    return area, middle.sum(axis=0) / (6 * area)


def test_rendering_is_deterministic(gallery, renderer, tiny_config):
    pose = gallery_poses(gallery, tiny_config)[0]
    np.testing.assert_array_equal(renderer.render(pose).color, renderer.render(pose).color)
