"""What each baseline must see, and what it must not care for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from semloc_ros.evaluation.place_baselines import (
    hog,
    label_grid,
    patch_normalized,
    shifted_sad,
    tiny_image,
)
from semloc_ros.evaluation.place_recall import answers_of, hits_at_count, index_truth


def texture(seed: int, shape: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A smooth random picture (H, W, 3)."""
    values = np.random.default_rng(seed).random((*shape, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(values, (0, 0), 4)
    spread = (smooth - smooth.min()) / np.ptp(smooth)
    return np.asarray(40 + 150 * spread, np.uint8)


def test_patches_have_no_mean_and_one_deviation() -> None:
    found = patch_normalized(texture(0, (384, 1024)))
    assert found.shape == (24, 64)
    patches = found.reshape(3, 8, 8, 8)
    assert np.abs(patches.mean(axis=(1, 3))).max() < 1e-4
    assert np.abs(patches.std(axis=(1, 3)) - 1).max() < 1e-4
    assert patch_normalized(np.full((480, 640), 90, np.uint8)).shape == (48, 64)
    assert not patch_normalized(np.full((480, 640), 90, np.uint8)).any(), "flat is nothing"


def test_the_shift_is_searched_to_both_sides_and_no_farther() -> None:
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(1, 16, 96)).astype(np.float32)
    references = wide[:, :, 16:80]
    for shift in (-16, -5, 0, 16):
        query = wide[:, :, 16 + shift : 80 + shift]
        assert shifted_sad(query, references, 16)[0, 0] == pytest.approx(0, abs=1e-6)
        assert shifted_sad(query, references, 3)[0, 0] < -0.5 or abs(shift) <= 3
    both = np.concatenate([references, references + 0.25])
    assert shifted_sad(references, both, 0)[0] == pytest.approx([0, -0.25])
    others = rng.normal(size=(3, 16, 64)).astype(np.float32)
    assert np.allclose(shifted_sad(others, both, 7), shifted_sad(both, others, 7).T)


def test_descriptors_have_length_one_and_know_a_place_in_other_light() -> None:
    """Ten textures, again with half the contrast and brighter, told apart by each baseline."""
    pictures = [texture(seed) for seed in range(10)]
    dimmed = [np.asarray(one * 0.5 + 60, np.uint8) for one in pictures]
    truth = index_truth(10, 10, 0)
    for describe in (tiny_image, hog):
        a, b = (np.stack([describe(one) for one in many]) for many in (dimmed, pictures))
        assert a.dtype == np.float32
        assert np.linalg.norm(a, axis=1) == pytest.approx(1, abs=1e-5)
        assert hits_at_count(answers_of(a @ b.T, truth), 1).all()


def test_hog_tells_the_direction_of_edges_and_not_their_sign() -> None:
    bars = np.tile(np.repeat([40, 200], 8), (96, 8)).astype(np.uint8)
    upright, inverted, lying = (hog(one) for one in (bars, 240 - bars, bars.T))
    assert upright @ inverted == pytest.approx(1, abs=1e-3)
    assert upright @ lying < 0.2
    assert not hog(np.full((96, 128), 7, np.uint8)).any()


def test_label_grids_see_where_labels_lie_and_nothing_of_what_moves() -> None:
    describe = label_grid(4, dropped=(3,))
    street = np.repeat([2, 1, 0], 32)[:, None] * np.ones((1, 128), np.int64)
    street = street.astype(np.uint8)
    assert np.linalg.norm(describe(street)) == pytest.approx(1)
    assert describe(street) @ describe(street[::-1]) == pytest.approx(1 / 3, abs=0.01)
    car, unknown = street.copy(), street.copy()
    car[70:, :50], unknown[70:, :50] = 3, 255
    assert np.array_equal(describe(car), describe(unknown))
    assert describe(car) @ describe(street) < 0.99
    assert not describe(np.full((96, 128), 255, np.uint8)).any()
