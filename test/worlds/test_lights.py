"""Six light settings of one and the same gallery."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import GalleryConfig
from semloc_ros.geometry import se3
from semloc_ros.options import describe
from semloc_ros.worlds.gallery.changes import State
from semloc_ros.worlds.gallery.layout import build_gallery
from semloc_ros.worlds.gallery.lights import LIGHTS
from semloc_ros.worlds.recording.gallery import gallery_renderer, mounted_camera


@pytest.fixture(scope="module")
def config(tiny_config):
    return dataclasses.replace(tiny_config, texel_mm=50.0)


@pytest.fixture(scope="module")
def galleries(config):
    return {name: build_gallery(config, State(name)) for name in LIGHTS}


@pytest.fixture(scope="module")
def colors(config, galleries):
    """Mean colour (3,) of each light over views of all rooms."""
    mounted = mounted_camera(config)
    found = {}
    for name, gallery in galleries.items():
        renderer, seen = gallery_renderer(gallery, mounted.camera), []
        for x, y in gallery.loop_xy:
            base = se3.exp(np.array([0, 0, 0, 0, 0, 0.4]))
            base[:2, 3] = x, y
            pose = se3.inverse(base @ mounted.base_from_camera)
            seen.append(renderer.render(pose).color.mean(axis=(0, 1)))
        found[name] = np.mean(seen, axis=0)
    return found


def test_the_option_knows_all_of_them():
    choices = {one.name: one.choices for one in describe(GalleryConfig)}["light"]
    assert set(choices) == set(LIGHTS)


def test_only_light_differs(galleries):
    day = galleries["day"].scene
    for gallery in galleries.values():
        np.testing.assert_array_equal(gallery.scene.mesh.triangles, day.mesh.triangles)
        for name in ("texel_axes", "textures", "instances", "labels", "objects"):
            same = getattr(gallery.scene.mesh.patches, name), getattr(day.mesh.patches, name)
            np.testing.assert_array_equal(*same)
        assert gallery.scene.atlas.texels.shape == day.atlas.texels.shape


def test_so_many_lamps_burn(galleries):
    panels = len(galleries["day"].lamps)
    counts = {name: len(gallery.lamps) for name, gallery in galleries.items()}
    paintings = len(galleries["day"].paintings)
    assert counts == {
        "day": panels, "evening": panels, "half": panels // 2, "spots": paintings,
        "daylight": panels, "night": panels // 4,
    }  # fmt: skip
    assert set(galleries["half"].lamps) < set(galleries["day"].lamps)
    glowing = {
        name: int((gallery.scene.mesh.patches.glow > 0).sum())
        for name, gallery in galleries.items()
    }
    assert glowing == {**counts, "spots": 0}, "a lamp's panel shines if and only if it burns"


def test_they_look_as_they_are_called(colors):
    brightness = {name: color.mean() for name, color in colors.items()}
    assert brightness["daylight"] > 1.2 * brightness["day"] > 1.5 * brightness["half"]
    assert brightness["night"] < 0.12 * brightness["day"]
    warmth = {name: color[0] / color[2] for name, color in colors.items()}
    assert warmth["evening"] > 1.6 * warmth["day"] and warmth["daylight"] < 0.85 * warmth["day"]
    assert warmth["spots"] > 1.1 * warmth["half"]
