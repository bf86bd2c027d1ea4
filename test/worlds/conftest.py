"""A tiny gallery, and light that changes nothing."""

import dataclasses
import functools

import numpy as np
import pytest

from semloc_ros.config import GalleryConfig
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.recording import gallery as recorded_gallery
from semloc_ros.worlds.recording.gallery import gallery_renderer, mounted_camera
from semloc_ros.worlds.rendering.light import indoor_light
from semloc_ros.worlds.rendering.lighting import LightMaps, bake
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


EVEN = dataclasses.replace(indoor_light((1.0,) * 3), lamps=(0.0, 0.0, 0.0))


@pytest.fixture(scope="session")
def tiny_config():
    return TINY


@pytest.fixture(scope="module")
def coarse_light():
    """Galleries that are made have few nodes of light: baking takes most of a tiny one's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorded_gallery, "bake", functools.partial(bake, spacing=1.5))
        yield


@pytest.fixture(scope="session")
def gallery():
    return build_gallery(dataclasses.replace(TINY, texel_mm=10.0, paintings_per_room=2))


@pytest.fixture(scope="session")
def camera():
    return mounted_camera(dataclasses.replace(TINY, image_width=320, image_height=240)).camera


@pytest.fixture(scope="session")
def renderer(gallery, camera):
    return gallery_renderer(gallery, camera)


@pytest.fixture(scope="session")
def even_maps():
    """`even_maps(patches, ...)`: light maps of patches in the open, without lamps, as from `bake`
    but at once."""

    def make(patches, *_, **__):
        number = len(patches)
        return LightMaps(
            np.ones((4 * number, 2), dtype=np.float32),
            4 * np.arange(number),
            np.full((number, 2), 2),
            np.full((number, 2), 1e-6),
            np.zeros((0, 4)),
        )

    return make


@pytest.fixture(scope="session")
def evenly_lit(even_maps):
    """`evenly_lit(scene, camera)`: a renderer in which every texel has its own colour."""

    def make(scene, camera, light=None):
        lights, caster = even_maps(scene.mesh.patches), RayCaster(scene.mesh.triangles)
        return Renderer(scene, lights, caster, camera, light or EVEN)

    return make
