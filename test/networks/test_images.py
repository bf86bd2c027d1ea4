"""Images as normalized planes."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.networks.images import IMAGENET, Normalization, to_tensor


def test_colours_are_shifted_and_scaled_one_by_one() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = to_tensor(image, IMAGENET).numpy()
    wanted = (image / 255.0 - IMAGENET.mean) / IMAGENET.std
    assert found.dtype == np.float32 and found.flags.c_contiguous
    assert np.allclose(found, wanted.transpose(2, 0, 1), atol=1e-6)


def test_grey_stands_for_all_three() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8)
    scaled = Normalization((0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
    coloured = np.repeat(image[..., None], 3, axis=2)
    assert np.array_equal(to_tensor(image, scaled).numpy(), to_tensor(coloured, scaled).numpy())


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4)), np.zeros(4, np.uint8),
     np.zeros((0, 4), np.uint8)],
)  # fmt: skip
def test_other_shapes_are_one_line(image: np.ndarray) -> None:
    with pytest.raises(InputError, match="image: expected"):
        to_tensor(image, IMAGENET)
