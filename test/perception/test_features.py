"""RootSIFT: unbiased keypoints, bytes as COLMAP stores them, nothing under the mask."""

import cv2
import numpy as np
import pytest

from semloc_ros.config import FeaturesConfig
from semloc_ros.errors import InputError
from semloc_ros.perception.features import RootSift


@pytest.fixture
def texture() -> np.ndarray:
    noise = np.random.default_rng(3).uniform(0, 255, (60, 80)).astype(np.float32)
    large = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)
    return large.clip(0, 255).astype(np.uint8)


def blob(centre: np.ndarray, sigma: float) -> np.ndarray:
    v, u = np.mgrid[:128, :128]
    squared = (u - centre[0]) ** 2 + (v - centre[1]) ** 2
    return np.rint(60 + 150 * np.exp(-squared / (2 * sigma**2))).astype(np.uint8)


def test_keypoints_lie_where_the_blobs_are():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        centre = 60 + rng.uniform(0, 8, 2)
        found = RootSift().extract(blob(centre, rng.uniform(2, 5)))
        if len(found):
            distances = np.linalg.norm(found.keypoints - centre, axis=1)
            errors.append(found.keypoints[distances.argmin()] - centre)
    assert len(errors) > 30
    # OpenCV's default upscale shifts every keypoint by 0.25 pixels.
    assert np.abs(np.median(errors, axis=0)).max() < 0.02


def test_descriptors_are_root_sift_in_bytes(texture):
    found = RootSift().extract(texture)
    sift = cv2.SIFT_create(
        FeaturesConfig().max_features, 3, FeaturesConfig().contrast_threshold, 10, 1.6, cv2.CV_8U,
        True,
    )
    _, plain = sift.detectAndCompute(texture, None)
    expected = np.sqrt(plain / plain.sum(1, keepdims=True, dtype=float)) * 512
    assert found.descriptors.dtype == np.uint8
    assert np.abs(found.descriptors - np.minimum(expected, 255)).max() <= 0.5 + 1e-3
    lengths = np.linalg.norm(found.descriptors.astype(float), axis=1)
    assert np.abs(lengths - 512).max() < 12


def test_the_strongest_are_kept(texture):
    many = RootSift(FeaturesConfig(max_features=10_000)).extract(texture)
    few = RootSift(FeaturesConfig(max_features=100)).extract(texture)
    assert len(many) > 300
    assert 100 <= len(few) <= 103  # OpenCV keeps ties
    kept = {tuple(point) for point in many.keypoints.tolist()}
    assert all(tuple(point) in kept for point in few.keypoints.tolist())


def test_masked_texture_gives_no_features_and_uses_up_none(texture):
    image = texture.copy()
    image[:, 320:] = 128 + (image[:, 320:].astype(int) - 128) // 4  # weak on the right
    mask = np.zeros((480, 640), np.uint8)
    mask[:, :320] = 255  # the strong half is dynamic
    extractor = RootSift(FeaturesConfig(max_features=100))
    assert (extractor.extract(image).keypoints[:, 0] < 320).mean() > 0.9
    found = extractor.extract(image, mask)
    assert len(found) == 100
    assert found.keypoints[:, 0].min() >= 319.5


def test_no_texture_no_features():
    found = RootSift().extract(np.full((64, 64), 90, np.uint8))
    assert len(found) == 0
    assert found.descriptors.shape == (0, 128)
    assert found.descriptors.dtype == np.uint8


def test_colour_and_grey_are_the_same(texture):
    grey = RootSift().extract(texture)
    colour = RootSift().extract(np.repeat(texture[:, :, None], 3, axis=2))
    assert np.array_equal(grey.keypoints, colour.keypoints)


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (np.zeros((48, 64), np.uint16), "uint8"),
        (np.zeros((0, 64), np.uint8), "at least one pixel"),
        (np.zeros((48, 64, 4), np.uint8), r"\(H, W\)"),
        (np.zeros(48, np.uint8), r"\(H, W\)"),
    ],
)
def test_bad_images_are_one_clear_line(image, complaint):
    with pytest.raises(InputError, match=complaint) as fault:
        RootSift().extract(image)
    assert "\n" not in str(fault.value)


def test_a_mask_of_another_size_is_refused(texture):
    with pytest.raises(InputError, match="mask: expected"):
        RootSift().extract(texture, np.zeros((48, 64), np.uint8))
