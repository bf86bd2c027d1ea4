"""Images without what moves."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.perception.masked_images import marked, without_dynamic

MASK = np.zeros((4, 5), np.uint8)
MASK[1:3, 2:4] = 255


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_what_moves_is_filled_and_the_rest_stays(kind: type) -> None:
    for shape in ((4, 5), (4, 5, 3)):
        pixels = (np.arange(np.prod(shape)).reshape(shape) + 1).astype(kind)
        found = without_dynamic(pixels, MASK, 7)
        assert found.dtype == pixels.dtype and (found[MASK == 255] == 7).all()
        assert (found[MASK == 0] == pixels[MASK == 0]).all()
        assert pixels.min() == 1, "the given one stays"
        assert (without_dynamic(pixels, MASK)[MASK == 255] == 0).all()


def test_the_mask_says_what_is_wanted() -> None:
    assert (marked(MASK, "dynamic") == MASK).all()
    static = marked(MASK, "static")
    assert static.dtype == np.uint8 and set(static[MASK == 255]) == {0}
    assert set(static[MASK == 0]) == {255}
