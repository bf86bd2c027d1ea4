"""Changes by chance keep what they must: size, labels, sides; and do what the options say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")

from semloc_ros.config.places_learning import ChangesConfig
from semloc_ros.learning.place_changes import change_image, change_labels

NOTHING = ChangesConfig(
    mirror=False, shift=0.0, blocks=0, block=0.0, brightness=0.0, contrast=0.0, gamma=0.0,
    tint=0.0, blur_px=0.0, noise=0.0, warp_px=0.0, drop=0.0,
)  # fmt: skip
IMAGE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
LABELS = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4), np.ones((16, 16), np.uint8))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def changed(**options: float) -> tuple[np.ndarray, np.ndarray]:
    return change_image(IMAGE, dataclasses.replace(NOTHING, **options), False, rng())


def changed_labels(**options: float) -> np.ndarray:
    return change_labels(LABELS, dataclasses.replace(NOTHING, **options), False, 12, 1.0, rng())


def test_without_changes_all_stays() -> None:
    image, mask = changed()
    assert np.array_equal(image, IMAGE) and not mask.any()
    assert np.array_equal(changed_labels(), LABELS)


def test_mirrored() -> None:
    image, _ = change_image(IMAGE, NOTHING, True, rng())
    assert np.array_equal(image, IMAGE[:, ::-1])
    assert np.array_equal(change_labels(LABELS, NOTHING, True, 12, 1.0, rng()), LABELS[:, ::-1])


def test_light_is_one_function_of_the_value_in_each_channel() -> None:
    image, _ = changed(brightness=0.3, contrast=0.3, gamma=0.35, tint=0.25)
    for channel in range(3):
        order = np.argsort(IMAGE[..., channel], axis=None, kind="stable")
        assert (np.diff(image[..., channel].ravel()[order].astype(int)) >= 0).all()
    assert not np.array_equal(image, IMAGE)


def test_noise_is_no_stronger_than_the_option() -> None:
    grey = np.full((48, 64, 3), 128, np.uint8)
    spreads = [
        change_image(grey, dataclasses.replace(NOTHING, noise=8.0), False, rng(seed))[0].std()
        for seed in range(8)
    ]
    assert max(spreads) < 8.5 and np.ptp(spreads) > 1.0


def test_shift_moves_no_farther_than_the_option() -> None:
    columns = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    for seed in range(20):
        found = change_labels(
            columns, dataclasses.replace(NOTHING, shift=0.2), False, 64, 1.0, rng(seed)
        )
        middle = int(found[24, 32])
        assert abs(middle - 32) <= 0.2 / 2 * 64 + 1
        known = found != 255
        assert known.mean() > 0.7 and np.diff(found[24][known[24]].astype(int)).min() >= 0


def test_blocks_hide_by_mask_or_by_colour_and_labels_by_wrong_ones() -> None:
    hidden = [change_image(IMAGE, dataclasses.replace(NOTHING, blocks=2, block=0.4), False, rng(n))
              for n in range(20)]  # fmt: skip
    assert any(mask.any() for _, mask in hidden)
    assert any((image != IMAGE).any() for image, _ in hidden)
    most = max((mask > 0).mean() for _, mask in hidden)
    assert most <= 2 * 0.4**2
    labels = [change_labels(LABELS, dataclasses.replace(NOTHING, blocks=2, block=0.4), False, 12,
                            1.0, rng(n)) for n in range(20)]  # fmt: skip
    assert set(np.unique(np.stack(labels))) == {*range(12), 255}


def test_a_label_is_dropped_wholly() -> None:
    found = changed_labels(drop=0.5)
    lost = {int(one) for one in np.unique(LABELS[found == 255])}
    assert 0 < len(lost) < 12
    assert np.array_equal(found == 255, np.isin(LABELS, list(lost)))
    assert np.array_equal(found[found != 255], LABELS[found != 255])


def test_warps_move_boundaries_only() -> None:
    found = changed_labels(warp_px=3.0)
    inside = found != 255
    wrong = (found != LABELS) & inside
    assert 0.0 < wrong.mean() < 0.4
    centres = (slice(8, None, 16), slice(8, None, 16))  # 8 pixels from any boundary
    assert (found[centres] == LABELS[centres]).mean() > 0.8


def test_labels_of_16_bits_stay_so() -> None:
    many = LABELS.astype(np.uint16) + 300
    found = change_labels(many, ChangesConfig(), False, 400, 1.0, rng())
    assert found.dtype == np.uint16
    assert (np.isin(found, many) | (found < 400) | (found == 65535)).all()


def test_the_same_seed_changes_alike() -> None:
    one, other = (change_image(IMAGE, ChangesConfig(), False, rng(3)) for _ in range(2))
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])
