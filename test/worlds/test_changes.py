"""Copies of posters, and paintings that hang elsewhere: what changes, and what stays."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.worlds.gallery import changes
from semloc_ros.worlds.gallery.layout import build_gallery


@pytest.fixture(scope="module")
def config(tiny_config):
    return dataclasses.replace(tiny_config, texel_mm=50.0, paintings_per_room=4)


@pytest.fixture(scope="module")
def usual(config):
    return build_gallery(config)


def middles(gallery):
    return np.array([painting.corners_map.mean(axis=0) for painting in gallery.paintings])


def rectangle_sides(corners):
    return np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)


def patch_of(gallery, painting):
    patches = gallery.scene.mesh.patches
    own = (patches.objects == painting.object_id) & (patches.instances == painting.instance)
    (row,) = np.flatnonzero(own)
    return row


def corners_of_patch(gallery, row):
    """The corners of a patch by its texel axes: (0, 0), (W, 0), (W, H), (0, H) texels."""
    patches, atlas = gallery.scene.mesh.patches, gallery.scene.atlas
    texture = patches.textures[row]
    size = np.array([atlas.widths[texture, 0], atlas.heights[texture, 0]], dtype=float)
    texels = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size
    return patches.origins[row] + texels @ np.linalg.pinv(patches.texel_axes[row]).T


@pytest.mark.parametrize("state", [changes.USUAL, changes.State(moved=3, swapped=2)])
def test_canvases_are_where_their_corners_say(config, state):
    gallery = build_gallery(config, state)
    for painting in gallery.paintings:
        corners = corners_of_patch(gallery, patch_of(gallery, painting))
        np.testing.assert_allclose(corners, painting.corners_map, atol=1e-9)


def test_so_many_move_along_their_wall_and_nothing_else_changes(config, usual):
    moved = build_gallery(config, changes.State(moved=5))
    shifts = middles(moved) - middles(usual)
    gone = np.linalg.norm(shifts, axis=1) > 0
    assert gone.sum() == 5
    assert (np.linalg.norm(shifts[gone], axis=1) >= 0.12).all()
    assert (np.abs(shifts[gone, :2]).min(axis=1) < 1e-9).all(), "walls run along x or y"
    one, other = usual.scene, moved.scene
    np.testing.assert_array_equal(one.atlas.texels, other.atlas.texels)
    for name in ("instances", "objects", "labels", "textures", "extents"):
        same = getattr(one.mesh.patches, name), getattr(other.mesh.patches, name)
        np.testing.assert_array_equal(*same)
    moving = (one.mesh.triangles != other.mesh.triangles).any(axis=(1, 2))
    owners = one.mesh.patches.instances[one.mesh.triangle_patch[moving]]
    hung = {painting.instance for painting, left in zip(usual.paintings, gone, strict=True) if left}
    assert set(owners.tolist()) == hung | {1}, "a label plate belongs to the building"


def test_swapped_pairs_take_each_others_places(config, usual):
    swapped = build_gallery(config, changes.State(swapped=3))
    before, after = middles(usual), middles(swapped)
    gone = np.flatnonzero(np.linalg.norm(after - before, axis=1) > 1e-9)
    assert len(gone) == 6
    for index in gone:
        distances = np.linalg.norm(before[gone] - after[index], axis=1)
        taken = gone[distances.argmin()]
        assert taken != index and distances.min() < 0.5
        np.testing.assert_allclose(
            rectangle_sides(usual.paintings[index].corners_map),
            rectangle_sides(swapped.paintings[index].corners_map),
        )


def test_paintings_never_overlap_and_stay_on_the_walls(config):
    gallery = build_gallery(config, changes.State(moved=6, swapped=4))
    for one in gallery.paintings:
        for other in gallery.paintings:
            if one.instance < other.instance:
                low = np.maximum(one.corners_map.min(axis=0), other.corners_map.min(axis=0))
                high = np.minimum(one.corners_map.max(axis=0), other.corners_map.max(axis=0))
                assert (low > high + 1e-6).any(), f"{one.instance} and {other.instance}"
        out = np.cross(*np.diff(one.corners_map[:3], axis=0))
        assert one.corners_map[:, 2].min() > 0.4 and one.corners_map[:, 2].max() < 2.6
        assert abs(out[2]) < 1e-9


def test_copies_of_a_poster_hang_in_every_room(config, usual):
    gallery = build_gallery(dataclasses.replace(config, duplicated_posters=2))
    rooms = np.repeat(np.arange(4), 4)
    objects = np.array([painting.object_id for painting in gallery.paintings])
    numbers, counts = np.unique(objects, return_counts=True)
    twice = numbers[counts > 1]
    assert len(twice) == 2 and (counts[counts > 1] == 4).all()
    for object_id in twice:
        copies = [p for p in gallery.paintings if p.object_id == object_id]
        assert set(rooms[objects == object_id]) == {0, 1, 2, 3}
        assert len({copy.instance for copy in copies}) == 4
        rows = [patch_of(gallery, copy) for copy in copies]
        assert len(set(gallery.scene.mesh.patches.textures[rows])) == 1
        for copy in copies:
            width, height = rectangle_sides(copy.corners_map)[:2]
            assert height / width == pytest.approx(np.divide(*copy.texture.shape[:2]), rel=0.04), (
                "a print is not stretched"
            )
    for own, old in zip(gallery.paintings, usual.paintings, strict=True):
        if own.object_id not in twice:
            np.testing.assert_array_equal(own.texture, old.texture)
            np.testing.assert_array_equal(own.corners_map, old.corners_map)


def test_the_query_run_finds_what_its_options_say(config):
    asked = dataclasses.replace(config, light="spots", moved_paintings=3, swapped_paintings=1)
    assert changes.query_state(asked) == changes.State("spots", 3, 1)
    assert changes.query_state(config) == changes.USUAL
