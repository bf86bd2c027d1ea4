"""Places by edge directions: what the descriptor keeps, and what it does not see."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from semloc_ros.errors import InputError
from semloc_ros.perception.places import load_describer

ROUTE = Path(__file__).parents[3] / "shared/data/stromovka/route"
GRADIENTS = load_describer("gradients")


def park(seed: int, height: int = 192, width: int = 288) -> NDArray[np.uint8]:
    """Dark trunks in front of a bright sky, above a meadow."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), (200, 210, 230), np.uint8)
    image[height * 2 // 3 :] = (90, 140, 60)
    for left in rng.integers(0, width, 10):
        image[rng.integers(height // 2) : height * 3 // 4, left : left + rng.integers(4, 16)] = 40
    return image


def similarities(query: NDArray[np.uint8], views: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((GRADIENTS.queries(query) @ views.T).max(0))


def test_descriptors_are_unit_vectors_and_the_one_without_shift_is_the_first():
    parts = GRADIENTS.queries(park(0))
    assert parts.dtype == np.float32 and parts.shape == (33, GRADIENTS.dimensions)
    assert np.abs(np.linalg.norm(parts, axis=1) - 1).max() < 1e-5
    assert np.array_equal(GRADIENTS.describe(park(0)), parts[0])
    assert np.array_equal(GRADIENTS.describe(park(0)[..., :1].repeat(3, 2)),
                          GRADIENTS.describe(park(0)[..., 0]))  # fmt: skip
    assert GRADIENTS.needs == "image" and GRADIENTS.about is None and len(GRADIENTS.sha256) == 64


def test_a_turned_camera_still_finds_its_place():
    wide = [park(seed, width=288 + 48) for seed in range(12)]
    views = np.stack([GRADIENTS.describe(one[:, :288]) for one in wide])
    for number, one in enumerate(wide):
        turned = one[:, 48:]  # four cells
        found = similarities(turned, views)
        assert np.argmax(found) == number
        assert found[number] > max(0.8, float(GRADIENTS.describe(turned) @ views[number]) + 0.2)


def test_light_contrast_and_a_ground_of_snow_do_not_hide_a_place():
    places = [park(seed) for seed in range(12)]
    views = np.stack([GRADIENTS.describe(image) for image in places])
    for number, image in enumerate(places):
        snow = image.copy()
        snow[128:][(image[128:] == (90, 140, 60)).all(-1)] = (240, 240, 245)
        for other in ((image * 0.5 + 20).astype(np.uint8), snow):
            assert np.argmax(similarities(other, views)) == number


def test_what_is_masked_does_not_count():
    image, mask = park(1), np.zeros((192, 288), np.uint8)
    mask[60:130, 100:200] = 255
    other = image.copy()
    other[mask == 255] = np.random.default_rng(0).integers(0, 255, (70 * 100, 3))
    one, two = (GRADIENTS.queries(each, mask=mask) for each in (image, other))
    assert np.abs(one - two).max() < 1e-5
    assert np.abs(one - GRADIENTS.queries(image)).max() > 1e-3


def test_an_image_without_edges_has_a_descriptor():
    blank = GRADIENTS.queries(np.full((48, 64, 3), 77, np.uint8))
    assert np.isfinite(blank).all() and np.abs(np.linalg.norm(blank, axis=1) - 1).max() < 1e-5


def test_faults_are_one_line():
    for call, words in (
        (lambda: GRADIENTS.describe(None), "image: expected one, which gradients reads, got none"),
        (lambda: GRADIENTS.describe(park(0).astype(np.float32)), "image: expected"),
        (lambda: GRADIENTS.describe(park(0), mask=np.zeros((3, 3), np.uint8)), "mask: expected"),
    ):
        with pytest.raises(InputError, match=words) as error:
            call()
        assert "\n" not in str(error.value)


@pytest.mark.skipif(not ROUTE.is_dir(), reason="recorded data are absent")
def test_winter_images_are_found_among_summer_images():
    """Every fourth of the 101 places; measured on all: 0.73, chance 0.03."""
    numbers = range(0, 101, 4)
    summer, winter = (
        [cv2.imread(str(ROUTE / season / f"{number:03d}.jpg"))[..., ::-1] for number in numbers]
        for season in ("summer", "winter")
    )
    views = np.stack([GRADIENTS.describe(image) for image in summer])
    found = [int((GRADIENTS.queries(image) @ views.T).max(0).argmax()) for image in winter]
    assert np.mean(np.array(found) == np.arange(len(numbers))) > 0.6
