"""A picture laid onto an image by its pixels: what it gains in other light, with noise, behind
somebody, and that a start that leads nowhere is kept."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from planar import CORNERS, corner_error, image_from_corners, image_of, picture

from semloc_ros.perception.photometric import Aligned, align

TRUTH = image_from_corners(np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]))
SHIFTS = np.array([[3.0, -2], [-4, 2], [3, 4], [-2, -5]])


def start(factor: float = 1.0) -> np.ndarray:
    return image_from_corners(
        np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]]) + factor * SHIFTS
    )


def gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def aligned(
    image: np.ndarray, begin: np.ndarray, visible: np.ndarray | None = None, max_move: float = 0.2
) -> Aligned:  # fmt: skip
    reference = gray(picture())
    seen = np.ones(image.shape[:2], np.bool_) if visible is None else visible
    whole = np.full(reference.shape, 255, np.uint8)
    found = align(gray(image), seen, reference, whole, begin, 160, max_move)
    assert found is not None
    return found


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.5])
def test_corners_come_within_a_tenth_of_a_pixel(factor: float) -> None:
    found = aligned(image_of(picture(), TRUTH), start(factor))
    assert corner_error(start(factor), TRUTH) > 1.0
    assert corner_error(found.image_from_uv, TRUTH) < 0.1
    assert found.after > max(found.before, 0.85)
    assert found.sigma_px < 0.15


@pytest.mark.parametrize(("shift", "scale"), [((22, -15), 1.0), ((15, 15), 1.35), ((-20, 15), 0.8)])
def test_a_start_that_is_far_off_is_found_from(shift: tuple[float, float], scale: float) -> None:
    """By more than second-order steps reach."""
    corners = np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]])
    begin = image_from_corners((corners - corners.mean(0)) * scale + corners.mean(0) + shift)
    found = aligned(image_of(picture(), TRUTH), begin, max_move=0.7)
    assert corner_error(begin, TRUTH) > 20
    assert corner_error(found.image_from_uv, TRUTH) < 0.1


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("level", [0, 255])
def test_what_stands_before_it_does_not_lead_a_good_start_astray(level: int, masked: bool) -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[60.0, 40], [250, 60], [235, 190], [70, 205]])
    for left in (80, 110, 140, 160):
        image = image_of(picture(), TRUTH, seed=left)
        image[:, left : left + 80] = level
        visible = np.ones(image.shape[:2], np.bool_)
        visible[:, left : left + 80] = not masked
        begin = image_from_corners(corners + rng.normal(0.0, 5.0, (4, 2)))
        found = aligned(image, begin, visible, max_move=0.7)
        assert corner_error(found.image_from_uv, TRUTH) < 0.5


def test_somebody_before_it_costs_little() -> None:
    image = image_of(picture(), TRUTH)
    image[:, 100:150] = picture(7)[:, 100:150]
    found = aligned(image, start())
    assert corner_error(found.image_from_uv, TRUTH) < 0.3
    hidden = np.nan_to_num(found.cells[:, 2], nan=0.0)
    assert (hidden < 0.6).mean() > 0.9


def test_what_does_not_count_is_not_asked() -> None:
    image = image_of(picture(), TRUTH)
    image[:, 60:160] = picture(7)[:, 60:160]
    visible = np.ones(image.shape[:2], np.bool_)
    visible[:, 60:160] = False
    found = aligned(image, start(0.5), visible)
    assert corner_error(found.image_from_uv, TRUTH) < 0.3
    assert np.isnan(found.cells[:, :3]).all()


def test_a_start_that_is_true_stays() -> None:
    found = aligned(image_of(picture(), TRUTH), TRUTH)
    assert corner_error(found.image_from_uv, TRUTH) < 0.1


def test_another_picture_does_not_agree() -> None:
    found = aligned(image_of(picture(5), TRUTH), start())
    assert found.after < 0.3


def test_one_that_moves_too_far_is_not_believed() -> None:
    image, reference = gray(image_of(picture(), TRUTH)), gray(picture())
    seen, whole = np.ones(image.shape, np.bool_), np.full(reference.shape, 255, np.uint8)
    found = align(image, seen, reference, whole, start(), 160, 0.001)
    assert found is not None
    np.testing.assert_array_equal(found.image_from_uv, start())
    assert found.before == found.after


def test_beside_the_image_there_is_nothing_to_tell() -> None:
    image, reference = gray(image_of(picture(), TRUTH)), gray(picture())
    seen, whole = np.ones(image.shape, np.bool_), np.full(reference.shape, 255, np.uint8)
    beside = image_from_corners(CORNERS * 100.0 + [400.0, 50.0])
    assert align(image, seen, reference, whole, beside, 160, 0.2) is None


def test_an_image_with_finer_pixels_than_the_reference() -> None:
    coarse = cv2.resize(picture(), (80, 60), interpolation=cv2.INTER_AREA)
    image = image_of(picture(), TRUTH)
    whole = np.full((60, 80), 255, np.uint8)
    seen = np.ones(image.shape[:2], np.bool_)
    found = align(gray(image), seen, gray(coarse), whole, start(0.6), 160, 0.2)
    assert found is not None
    assert corner_error(found.image_from_uv, TRUTH) < 0.3
