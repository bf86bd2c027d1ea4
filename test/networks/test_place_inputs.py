"""Planes for place networks: what they hold, and what must not change them."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from semloc_ros.errors import InputError, ModelError
from semloc_ros.networks.images import Normalization
from semloc_ros.networks.place_about import PlaceAbout
from semloc_ros.networks.place_inputs import image_planes, label_planes

IMAGES = PlaceAbout(
    "seen", "small", pooling="gem", planes=3, dimensions=8, input="rgb", width=40, height=32,
    normalization=Normalization((0.5, 0.4, 0.3), (0.2, 0.25, 0.5)),
)  # fmt: skip
LOCAL = dataclasses.replace(IMAGES, contrast="local")
EDGES = dataclasses.replace(IMAGES, contrast="gradients", planes=8)
LABELS = PlaceAbout(
    "read", "small", pooling="gem", planes=4, dimensions=8, input="labels", width=40, height=32,
    labels="six", num_labels=6, kept=(0, 1, 3, 5),
)  # fmt: skip


ALL = pytest.mark.parametrize("about", [IMAGES, LOCAL, EDGES], ids=["none", "local", "gradients"])


def scene(height: int = 128, width: int = 160, seed: int = 0) -> NDArray[np.uint8]:
    """Blurred noise: details of several sizes."""
    noise = np.random.default_rng(seed).uniform(size=(height, width, 3))
    blurred = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (2.0, 8.0))
    return np.asarray(cv2.normalize(blurred, None, 20, 235, cv2.NORM_MINMAX), np.uint8)


def label_map(height: int = 96, width: int = 120, seed: int = 0) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 7, (height // 8, width // 8))
    labels = coarse.repeat(8, 0).repeat(8, 1).astype(np.uint8)
    labels[labels == 6] = 255
    return labels


def test_images_are_normalized_by_channel() -> None:
    image = np.empty((50, 70, 3), np.uint8)
    image[:] = (51, 102, 204)
    found = image_planes(image, IMAGES)
    assert found.shape == (3, 32, 40) and found.dtype == np.float32
    assert np.allclose(found.mean((1, 2)), (-1.5, 0.0, 1.0), atol=1e-5)
    assert np.ptp(found, axis=(1, 2)).max() < 1e-5


@ALL
def test_grey_is_three_equal_channels(about: PlaceAbout) -> None:
    grey = scene()[..., 0]
    coloured = np.repeat(grey[..., None], 3, 2)
    assert np.array_equal(image_planes(grey, about), image_planes(coloured, about))


@pytest.mark.parametrize("about", [IMAGES, LOCAL], ids=["none", "local"])
def test_a_larger_image_of_the_same_gives_the_same(about: PlaceAbout) -> None:
    small = scene()
    large = small.repeat(3, 0).repeat(3, 1)
    assert np.allclose(image_planes(small, about), image_planes(large, about), atol=1e-3)


@ALL
def test_what_is_masked_does_not_count(about: PlaceAbout) -> None:
    image, mask = scene(), np.zeros((128, 160), np.uint8)
    mask[30:75, 50:111] = 255
    other = image.copy()
    other[mask == 255] = scene(seed=4)[mask == 255]
    found = image_planes(image, about, mask)
    assert np.allclose(found, image_planes(other, about, mask), atol=1e-5)
    assert not np.allclose(found, image_planes(image, about), atol=0.1)
    assert (found[:, 9:18, 14:27] == 0).all() and (found[:, :7] != 0).any()
    assert (image_planes(image, about, np.full_like(mask, 255)) == 0).all()


def test_local_contrast_does_not_know_how_bright_it_is() -> None:
    image = scene()
    light = np.linspace(0.25, 1.0, 160)[None, :, None]  # darker to the left
    dark = np.round(image * light).astype(np.uint8)
    same = [image_planes(one, LOCAL) for one in (image, dark)]
    plain = [image_planes(one, IMAGES) for one in (image, dark)]
    alike = [np.corrcoef(two[0].ravel(), two[1].ravel())[0, 1] for two in (same, plain)]
    assert alike[0] > 0.95 and alike[1] < 0.8
    assert abs(same[0].mean()) < 0.1 and 0.5 < same[0].std() < 1.5


def test_local_contrast_of_nothing_is_nothing() -> None:
    assert np.abs(image_planes(np.full((50, 70), 77, np.uint8), LOCAL)).max() < 1e-3


def test_labels_are_shares_of_cells_and_not_numbers() -> None:
    labels = label_map()
    found = label_planes(labels, LABELS)
    assert found.shape == (4, 32, 40) and found.dtype == np.float32
    for plane, label in zip(found, LABELS.kept, strict=True):
        here = (labels == label).astype(np.float32)
        assert np.allclose(plane, cv2.resize(here, (40, 32), interpolation=cv2.INTER_AREA))
    gone = cv2.resize(
        np.isin(labels, (2, 4, 255)).astype(np.float32), (40, 32), interpolation=cv2.INTER_AREA
    )
    assert np.allclose(found.sum(0), 1.0 - gone, atol=1e-6) and 0 < gone.mean() < 1


def test_labels_of_any_size_fit() -> None:
    coarse = label_map(32, 40)
    wanted = label_planes(coarse, LABELS)
    assert set(np.unique(wanted)) == {0.0, 1.0}
    for fine in (coarse.repeat(3, 0).repeat(2, 1), coarse.repeat(2, 0)):
        assert np.array_equal(label_planes(fine, LABELS), wanted)
    tiny = label_planes(coarse[::8, ::8], LABELS)
    assert np.array_equal(tiny, wanted)
    odd = label_planes(label_map(104, 128)[:97, :121], LABELS)
    assert np.isfinite(odd).all() and odd.max() == 1.0


def test_masked_labels_count_for_none() -> None:
    labels, mask = label_map(), np.zeros((96, 120), np.uint8)
    mask[:48] = 255
    found = label_planes(labels, LABELS, mask)
    assert (found[:, :16] == 0).all()
    assert np.array_equal(found[:, 16:], label_planes(labels, LABELS)[:, 16:])


def test_more_than_255_labels_stand_in_uint16() -> None:
    about = dataclasses.replace(LABELS, num_labels=400, planes=2, kept=(7, 399))
    about.check()
    labels = np.full((32, 40), 65535, np.uint16)
    labels[:, :10], labels[:, 10:20] = 399, 255
    found = label_planes(labels, about)
    assert found.sum() == found[1].sum() == 320 and (found[1, :, :10] == 1).all()
    small = np.full((32, 40), 255, np.uint8)  # as who has none above 254 may send them
    small[:, :10] = 7
    found = label_planes(small, about)
    assert found.sum() == found[0].sum() == 320 and (found[0, :, :10] == 1).all()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (None, "a label map of six, which read reads, got none"),
        (np.full((9, 9), 57, np.uint8), "numbers below 6 .* got 57, as of another label set"),
        (np.zeros((9, 9, 3), np.uint8), "uint8 or uint16, got"),
        (np.zeros((9, 9), np.int64), "uint8 or uint16, got"),
        (np.zeros((0, 9), np.uint8), "uint8 or uint16, got"),
    ],
    ids=["none", "another set", "colours", "int64", "empty"],
)
def test_labels_of_another_kind_are_one_line(labels: object, words: str) -> None:
    with pytest.raises(InputError, match=words) as error:
        label_planes(labels, LABELS)
    assert "\n" not in str(error.value)


def test_images_of_another_kind_are_one_line() -> None:
    for image in (np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9)), np.zeros((0, 9), np.uint8)):
        with pytest.raises(InputError, match="image: expected"):
            image_planes(image, IMAGES)
    wrong = np.zeros((9, 8), np.uint8)
    with pytest.raises(InputError, match="mask: expected"):
        image_planes(np.zeros((9, 9), np.uint8), IMAGES, wrong)
    with pytest.raises(InputError, match="mask: expected"):
        label_planes(np.zeros((9, 9), np.uint8), LABELS, wrong)
    with pytest.raises(ModelError, match="read: expected label maps"):
        image_planes(np.zeros((9, 9), np.uint8), LABELS)
    with pytest.raises(ModelError, match="seen: expected images"):
        label_planes(np.zeros((9, 9), np.uint8), IMAGES)


def stripes(columns: bool) -> NDArray[np.uint8]:
    """Stripes of 32 pixels with soft edges, in half of the image."""
    x = np.arange(160)
    wave = np.uint8(120 + 60 * np.sin(2 * np.pi * x / 32))
    image = np.full((128, 160), 120, np.uint8)
    image[16:112, 80:] = wave[None, 80:] if columns else wave[16:112, None]
    return image


def test_gradients_tell_directions_and_not_how_strong() -> None:
    for columns, wanted in ((True, {0, 4}), (False, {2, 6})):  # right and left; down and up
        found = image_planes(stripes(columns), EDGES)
        assert found.shape == (8, 32, 40) and found.dtype == np.float32
        energy = (found[:, 6:26, 22:38] ** 2).sum((1, 2))
        assert set(np.argsort(energy)[-2:]) == wanted
    dim = np.asarray(stripes(True) * 0.5 + 20.0, np.uint8)
    both = [image_planes(one, EDGES).ravel() for one in (dim, stripes(True))]
    assert np.corrcoef(both)[0, 1] > 0.9


def test_what_a_row_has_everywhere_is_gone_from_gradients() -> None:
    image = scene()
    assert np.abs(image_planes(image, EDGES).mean(2)).max() < 1e-5
    bars = np.repeat(np.uint8(128 + 90 * np.sin(np.arange(128) / 5.0))[:, None], 160, 1)
    inner = image_planes(bars, EDGES)[:, :, 3:-3]
    assert np.abs(inner).max() < 0.25 and np.abs(image_planes(image, EDGES)).max() > 0.6
