"""A tiny gallery, and light that changes nothing."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import GalleryConfig
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import sensors
from semloc_ros.worlds.recording.recording import gallery_renderer
from semloc_ros.worlds.rendering.lighting import LightMaps
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.renderer import Renderer

TINY = GalleryConfig(
    room_width_m=5.0,
    room_depth_m=5.0,
    paintings_per_room=1,
    texel_mm=25.0,
    image_width=160,
    image_height=120,
    longest_run_s=2.0,
)


@pytest.fixture(scope="session")
def tiny_config():
    return TINY


@pytest.fixture(scope="session")
def gallery():
    return build_gallery(dataclasses.replace(TINY, texel_mm=10.0, paintings_per_room=2))


@pytest.fixture(scope="session")
def camera():
    return sensors.camera_of(dataclasses.replace(TINY, image_width=320, image_height=240))


@pytest.fixture(scope="session")
def renderer(gallery, camera):
    return gallery_renderer(gallery, camera)


@pytest.fixture(scope="session")
def evenly_lit():
    """`evenly_lit(scene, camera)`: a renderer in which every texel has its own colour."""

    def make(scene, camera):
        number = len(scene.mesh.patches)
        lights = LightMaps(
            np.ones(4 * number, dtype=np.float32),
            4 * np.arange(number),
            np.full((number, 2), 2),
            np.full((number, 2), 1e-6),
        )
        return Renderer(scene, lights, RayCaster(scene.mesh.triangles), camera)

    return make
