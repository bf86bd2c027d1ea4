"""The gallery is a place where a camera can know where it is."""

import cv2
import numpy as np
import pytest

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording.gallery import GalleryWorld, mounted_camera
from semloc_ros.worlds.recording.shots import Studio
from semloc_ros.worlds.textures import paintings


@pytest.mark.parametrize("style", paintings.STYLES)
def test_paintings_are_rich_and_unlike_each_other(style):
    one, two, again = (
        paintings.paint(style, (300, 400), np.random.default_rng(seed)) for seed in (1, 2, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one.astype(float) - two).mean() > 15
    assert len(cv2.SIFT_create().detect(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY))) > 150


def test_every_room_has_its_paintings_and_closed_walls(gallery, renderer, tiny_config):
    assert len(gallery.paintings) == 4 * 2
    assert len({painting.instance for painting in gallery.paintings}) == len(gallery.paintings)
    for corner in gallery.loop_xy:
        for yaw in np.linspace(0, 2 * np.pi, 5)[:4]:
            base = se3.exp(np.array([0, 0, 0, 0, 0, yaw]))
            base[:2, 3] = corner
            pose = se3.inverse(base @ mounted_camera(tiny_config).base_from_camera)
            rendering = renderer.render(pose)
            assert np.isfinite(rendering.depth).all(), "one can look out of the building"
            assert 30 < rendering.color.mean() < 200


def test_more_columns_are_more_rooms():
    config = GalleryConfig(columns=3, texel_mm=40.0, paintings_per_room=1)
    gallery = build_gallery(config)
    assert len(gallery.paintings) == 6
    assert np.ptp(gallery.loop_xy[:, 0]) == pytest.approx(2 * 7.2)


@pytest.mark.slow
def test_every_view_of_the_demo_has_features():
    config = GalleryConfig()
    world = GalleryWorld(config)
    run = world.traversals[1]
    studio = Studio(config, world.cameras, run, world.stage(run))
    detector = cv2.SIFT_create(4000, contrastThreshold=0.02)
    for index in range(0, len(run.image_times), 8):
        picture = studio.develop((index, 0), studio.render((index, 0)))
        count = len(detector.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))
        assert count >= 300, f"image {index} shows {count} features"
