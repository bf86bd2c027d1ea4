"""The street: one geometry in six conditions, a free drive, flat objects of interest."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from semloc_ros import classes
from semloc_ros.config import StreetConfig
from semloc_ros.worlds.rendering.raycaster import RayCaster
from semloc_ros.worlds.rendering.scene import SceneBuilder
from semloc_ros.worlds.street.conditions import CONDITIONS
from semloc_ros.worlds.street.design import draw_design, openings
from semloc_ros.worlds.street.street import build_street
from semloc_ros.worlds.textures.openings import door

COARSE = StreetConfig(loop_m=400.0, texel_mm=400.0, trees=0.1)
_CAMERA_HEIGHT = 1.5


def _build(condition, day=0):
    builder = SceneBuilder()
    plan = build_street(COARSE, CONDITIONS[condition], builder, day=day)
    return plan, builder


@pytest.fixture(scope="module")
def streets():
    built = {name: _build(name) for name in ("summer", "winter", "night")}
    return {**built, "another day": _build("summer", day=1)}


@pytest.fixture(scope="module")
def caster(streets):
    return RayCaster(np.array(streets["summer"][1].triangles))


def _closed(corners):
    return np.concatenate([corners, corners[:1]])


def _instances(builder, rows):
    return [builder.patches[builder.triangle_patch[row]][4] for row in range(rows)]


def _first_leaf(builder):
    """Triangles before the leaves, which come last."""
    leaves = [
        row for row, patch in enumerate(builder.triangle_patch)
        if builder.patches[patch][3].two_sided
        and builder.patches[patch][3].label == classes.VEGETATION
    ]  # fmt: skip
    assert leaves and len(builder.triangles) - leaves[0] == len(leaves), "leaves do not come last"
    return leaves[0]


def test_geometry_is_the_same_in_all_conditions_but_for_leaves_and_snow(streets):
    summer, winter, night = (streets[name][1] for name in ("summer", "winter", "night"))
    first_leaf = _first_leaf(summer)
    for other in (winter, night):
        np.testing.assert_array_equal(summer.triangles[:first_leaf], other.triangles[:first_leaf])
        assert _instances(summer, first_leaf) == _instances(other, first_leaf)
    assert _first_leaf(night) == first_leaf
    assert len(winter.triangles) > first_leaf + 500, "no snow and no twigs"


def test_of_two_days_in_one_condition_leaves_alone_differ(streets):
    (plan, one), (other_plan, other) = streets["summer"], streets["another day"]
    first_leaf, number = _first_leaf(one), len(one.triangles)
    assert len(other.triangles) == number and other.triangle_patch == one.triangle_patch
    np.testing.assert_array_equal(one.triangles[:first_leaf], other.triangles[:first_leaf])
    leaves = np.array(one.triangles[first_leaf:]) - other.triangles[first_leaf:]
    assert np.abs(leaves).max(axis=(1, 2)).min() > 0.01, "a leaf hangs as the other day"
    assert _instances(one, number) == _instances(other, number)
    for a, b in zip(plan.objects, other_plan.objects, strict=True):
        assert (a.object_id, a.instance) == (b.object_id, b.instance)
        np.testing.assert_array_equal(a.corners_map, b.corners_map)


def test_objects_and_plan_are_the_same_in_all_conditions(streets):
    one, other = streets["summer"][0], streets["winter"][0]
    for name in ("drive_xy", "parking"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for a, b in zip(one.objects, other.objects, strict=True):
        assert (a.object_id, a.instance) == (b.object_id, b.instance)
        np.testing.assert_array_equal(a.corners_map, b.corners_map)
        np.testing.assert_array_equal(a.texture, b.texture)


def digest(builder):
    """Hash of all triangles and textures."""
    found = hashlib.sha256(np.array(builder.triangles).tobytes())
    for image in builder.images:
        found.update(image.tobytes())
    return found.hexdigest()


def test_same_seed_same_bits_in_another_process_with_another_order_of_hashes(streets):
    here = str(Path(__file__).parent)
    script = f"import sys; sys.path.insert(0, {here!r}); import test_street as t"
    script += "; print(t.digest(t._build('summer')[1]))"
    other = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=other, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(streets["summer"][1])


def test_labels_are_those_of_the_benchmark_and_most_of_them_are_there(streets):
    labels = {patch[3].label for patch in streets["summer"][1].patches}
    still = set(range(classes.TERRAIN + 1))
    assert still <= labels <= still | {classes.UNKNOWN}


def test_lamps_burn_at_night_only(streets):
    assert len(streets["night"][0].lamps) > 10
    assert not streets["summer"][0].lamps


def test_the_drive_is_closed_and_long_enough_and_nothing_is_in_its_way(streets, caster):
    drive = _closed(streets["summer"][0].drive_xy)
    lengths = np.linalg.norm(np.diff(drive, axis=0), axis=1)
    assert lengths.sum() >= COARSE.loop_m
    for lane in streets["summer"][0].lanes:
        path = _closed(lane.xy) if lane.closed else lane.xy
        for start, end in zip(path, path[1:], strict=False):
            length = np.linalg.norm(end - start)
            way = np.append((end - start) / length, 0.0)
            across = np.array([-way[1], way[0], 0.0])
            for height in (0.5, _CAMERA_HEIGHT, 3.0):
                for off in (-0.8, 0.0, 0.8):
                    eye = np.append(start, height) + off * across
                    free = caster.distances(eye, way[None], 1000.0)[0]
                    reach = length if lane.closed else length - 20.0
                    assert free > reach - 0.5, f"a {lane.kind} lane is blocked"


def test_parking_slots_lie_free_beside_the_road(streets, caster):
    slots = streets["summer"][0].parking
    assert len(slots) > 50
    for x, y, heading in slots:
        along = np.array([np.cos(heading), np.sin(heading), 0.0])
        right = np.array([along[1], -along[0], 0.0])
        for off in (-0.85, 0.85):
            eye = np.array([x, y, 1.2]) + off * right - 2.4 * along
            assert caster.distances(eye, along[None], 100.0)[0] > 4.8
        straight_down = caster.distances(np.array([x, y, 1.0]), np.array([[0, 0, -1.0]]), 5.0)[0]
        assert straight_down == pytest.approx(1.0, abs=1e-4)


def test_objects_are_planar_numbered_and_shaped_like_their_pictures(streets):
    plan, builder = streets["summer"]
    assert len(plan.objects) >= 25
    assert [one.object_id for one in plan.objects] == list(range(1, len(plan.objects) + 1))
    assert len({one.instance for one in plan.objects}) == len(plan.objects)
    surfaces = {patch[3].object_id: patch for patch in builder.patches}
    for one in plan.objects:
        a, b, c, d = one.corners_map
        np.testing.assert_allclose(a - b + c, d, atol=1e-9)
        assert abs((b - a) @ (d - a)) < 1e-9
        wide, tall = np.linalg.norm(b - a), np.linalg.norm(d - a)
        rows, columns = one.texture.shape[:2]
        assert abs(rows / columns - tall / wide) < 0.55 * (1 + tall / wide) / columns
        corner, across, along, surface, instance = surfaces[one.object_id]
        np.testing.assert_array_equal(builder.images[surface.texture], one.texture)
        np.testing.assert_allclose([corner, across, along], [a, b - a, d - a])
        assert instance == one.instance


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_has_its_light(name):
    light = CONDITIONS[name].light(np.random.default_rng(0))
    if light.sun_direction is not None:
        assert np.linalg.norm(light.sun_direction) == pytest.approx(1.0)
        assert light.sun_direction[2] > 0
    brightness = float(np.mean(light.ambient)) + float(np.mean(light.sun))
    assert (brightness < 0.15) == (name == "night")
    assert (light.wetness > 0) == CONDITIONS[name].wet
    assert (max(light.lamps) > 0) == CONDITIONS[name].lamps_on


def test_doors_are_twice_as_tall_as_wide_and_such_are_drawn_in_the_fewest_texels():
    """The light above a wide low door would have no height."""
    rng, wide, shapes = np.random.default_rng(0), 24, set()
    for _ in range(40):
        design = draw_design(rng, shops=0.5, finer=1.0)
        for width in (4.0, 7.0, 14.0):
            doors = [hole for hole in openings(design, width, rng) if hole.kind == "door"]
            assert doors
            shapes |= {float(np.ptp(hole.z) / np.ptp(hole.u)) for hole in doors}
    assert min(shapes) > 2
    for rows in {round(shape * wide) for shape in shapes}:
        for seed in range(4):
            picture = door((rows, wide), np.random.default_rng(seed), (90, 60, 40), lit=seed > 1)
            assert picture.shape == (rows, wide, 3) and picture.std() > 5
