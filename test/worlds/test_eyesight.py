"""Leaving out what no pixel sees changes no pixel; and it is left out."""

import dataclasses

import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.geometry import se3
from semloc_ros.types import Camera
from semloc_ros.worlds.rendering.eyesight import Eyesight
from semloc_ros.worlds.rendering.light import indoor_light
from semloc_ros.worlds.rendering.scene import Part, SceneBuilder

CAMERA = Camera("radtan", 320, 240, 160.0, 160.0, 160.0, 120.0, (0.0, 0.0, 0.0, 0.0))
# 1.5 m above the ground, looking along +x; the sun stands in the north, so shadows fall to -y.
CAMERA_FROM_MAP = se3.inverse(
    se3.make_pose(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), [0, 0, 1.5])
)
SKY = np.full((4, 8, 3), (150, 180, 220), np.float32)
PLAIN = dataclasses.replace(indoor_light((0.5,) * 3, (0.0,) * 3), sky=SKY)
LIGHTS = {
    "sun": dataclasses.replace(PLAIN, sun_direction=(0.0, 0.75**0.5, 0.5), sun=(1.0, 0.9, 0.8)),
    "rain": dataclasses.replace(PLAIN, wetness=1.0),
}
# What stands behind a wall 6 m ahead and a sign that hangs before the camera, by instance: the
# lowest and the highest corner of a box.
BOXES = {
    101: ((50, 0.5, 0), (51, 1.5, 0.3)),  # far behind the wall, and low
    102: ((8, 3, 0), (9, 5, 1.5)),  # stands out from behind the wall
    103: ((9, 0, 0), (9.6, 0.6, 3)),  # behind the wall: its shadow reaches beyond
    104: ((20, -13, 1), (21, -11, 2)),  # behind the sign: mirrored below it
}
HIDDEN, PARTLY, SHADOW, MIRRORED = BOXES


def speckled(rng):
    return rng.integers(60, 200, (16, 16, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def world():
    """The still scene, and the parts by instance."""
    builder, rng = SceneBuilder(), np.random.default_rng(3)
    parts = {}
    for instance, (low, high) in BOXES.items():
        builder.add_box(low, high, [builder.add_surface(speckled(rng), label=13)], 1)
        parts[instance] = Part(builder.take_mesh(), np.eye(4), instance)
    wet = builder.add_surface(speckled(rng), label=classes.ROAD, gloss=0.9)
    wall = builder.add_surface(speckled(rng), label=classes.BUILDING)
    builder.add_rectangle([-60, 60, 0], [150, 0, 0], [0, -120, 0], wet, 1)
    builder.add_rectangle([6, 3, 4], [0, -4, 0], [0, 0, -4], wall, 2)
    builder.add_rectangle([3, -1.2, 3], [0, -2.3, 0], [0, 0, -1.75], wall, 3)
    return builder.build(), parts


@pytest.fixture(params=LIGHTS)
def light(request):
    return LIGHTS[request.param]


@pytest.fixture
def picked(monkeypatch):
    """Rows of the parts that were kept, of each rendering."""
    seen, pick = [], Eyesight.pick

    def spy(self, *given):
        seen.append(pick(self, *given))
        return seen[-1]

    monkeypatch.setattr(Eyesight, "pick", spy)
    return seen


def see_all(monkeypatch):
    monkeypatch.setattr(Eyesight, "pick", lambda self, boxes, *_: np.arange(len(boxes)))
    monkeypatch.setattr(
        Eyesight, "beside", lambda self, *_: np.ones(len(self.tiles.of_pixel), dtype=bool)
    )


def assert_equal(one, other):
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name == "patches":  # rows of parts that are not left out
            a, b = a < 0, b < 0
        np.testing.assert_array_equal(a, b, err_msg=field.name)


def test_leaving_parts_out_changes_nothing(world, evenly_lit, light, monkeypatch):
    scene, parts = world
    some = evenly_lit(scene, CAMERA, light).render(CAMERA_FROM_MAP, list(parts.values()))
    see_all(monkeypatch)
    every = evenly_lit(scene, CAMERA, light).render(CAMERA_FROM_MAP, list(parts.values()))
    assert_equal(some, every)
    assert set(np.unique(every.instances)) == {0, 1, 2, 3, PARTLY}


@pytest.mark.parametrize(
    ("name", "traces"), [("sun", {PARTLY, SHADOW}), ("rain", {PARTLY, MIRRORED})]
)
def test_what_leaves_no_trace_is_left_out(world, evenly_lit, picked, monkeypatch, name, traces):
    scene, parts = world
    renderer = evenly_lit(scene, CAMERA, LIGHTS[name])
    renderer.render(CAMERA_FROM_MAP, list(parts.values()))
    kept = {list(parts)[row] for row in picked[0]}
    assert traces <= kept and HIDDEN not in kept
    see_all(monkeypatch)
    every = renderer.render(CAMERA_FROM_MAP, list(parts.values())).color
    for instance in parts:
        rest = [part for other, part in parts.items() if other != instance]
        without = renderer.render(CAMERA_FROM_MAP, rest).color
        assert (np.abs(without - every).max() > 5) == (instance in traces), instance


def test_nothing_is_left_out_without_a_wall(world, evenly_lit, picked, light):
    _, parts = world
    builder = SceneBuilder()
    ground = builder.add_surface(np.full((4, 4, 3), 90, np.uint8))
    builder.add_rectangle([-60, 60, 0], [150, 0, 0], [0, -120, 0], ground, 1)
    alone = dataclasses.replace(world[0], mesh=builder.take_mesh())
    evenly_lit(alone, CAMERA, light).render(CAMERA_FROM_MAP, list(parts.values()))
    assert len(picked[0]) == len(parts)
