"""Mip levels keep the texel grid: no level is shifted against another."""

import numpy as np

from semloc_ros.worlds.rendering.atlas import build_atlas, mip_levels


def ramp(width, height):
    u = np.arange(width) + 0.5
    return np.repeat((4 * u)[None, :, None], height, axis=0).repeat(3, axis=2).astype(np.uint8)


def test_levels_halve_rounding_up():
    sizes = [level.shape[:2] for level in mip_levels(ramp(37, 5))]
    assert sizes == [(5, 37), (3, 19), (2, 10), (1, 5), (1, 3), (1, 2), (1, 1)]


def test_levels_are_not_shifted():
    image = ramp(48, 16)
    for level, smaller in enumerate(mip_levels(image)[:4]):
        centres = (np.arange(smaller.shape[1]) + 0.5) * 2**level
        np.testing.assert_allclose(smaller[0, :, 0], 4 * centres, atol=0.51)


def test_atlas_holds_every_level_of_every_texture():
    images = [ramp(37, 5), ramp(8, 8)]
    atlas = build_atlas(images)
    assert atlas.level_counts.tolist() == [7, 4]
    for i, image in enumerate(images):
        for level, expected in enumerate(mip_levels(image)):
            start = atlas.offsets[i, level]
            size = atlas.heights[i, level], atlas.widths[i, level]
            assert size == expected.shape[:2]
            stored = atlas.texels[start : start + size[0] * size[1]]
            np.testing.assert_array_equal(stored, expected.reshape(-1, 3))
