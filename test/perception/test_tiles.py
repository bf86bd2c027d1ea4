"""Patches and their weights, against the plainest computation that can be written."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from semloc_ros.errors import ConfigError
from semloc_ros.perception.tiles import Tiling, blended, finer, full_size

PAPER = Tiling(713, 476, 236, 1)


def score(patch: np.ndarray) -> np.ndarray:
    """Scores by cell of 2 pixels that depend on the pixel and on where it is in its patch."""
    values = patch[::2, ::2].astype(np.float64)
    rows, columns = np.indices(values.shape)
    return np.stack([values, values * rows, np.cos(values + columns)])


def slowly(image: np.ndarray, tiling: Tiling) -> np.ndarray:
    """Every cell of every patch by itself, cells of 2 pixels."""
    size, half = tiling.patch_px, (tiling.patch_px - tiling.centre_px) / 2
    corners = [
        (row, column)
        for row in tiling.starts(image.shape[0]) for column in tiling.starts(image.shape[1])
    ]  # fmt: skip
    mirrored = cv2.copyMakeBorder(image, 0, size, 0, size, cv2.BORDER_REFLECT)
    height, width = (-(-side // 2) for side in image.shape)
    found = np.zeros((3, height, width))
    for i, j in np.ndindex(height, width):
        total, mass = np.zeros(3), 0.0
        for row, column in corners:
            inside = (2 * i - row, 2 * j - column)
            if all(0 <= one < size for one in inside):
                distances = [min(one + 1.0, size - 1.0 - one) for one in inside]
                weight = np.prod([min(max(one, 0.5) / half, 1.0) for one in distances])
                cells = score(mirrored[row : row + size, column : column + size])
                total += weight * cells[:, inside[0] // 2, inside[1] // 2]
                mass += weight
        found[:, i, j] = total / mass
    return found


@pytest.mark.parametrize("shape", [(40, 33), (9, 31), (8, 6)])
def test_scores_are_weighted_means_of_patches(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(3).integers(0, 255, shape, np.uint8)
    tiling = Tiling(13, 9, 5, 2)
    np.testing.assert_allclose(blended(image, tiling, score), slowly(image, tiling), rtol=1e-5)


def test_torch_blends_as_numpy_does() -> None:
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(3).integers(0, 255, (40, 33), np.uint8)
    tiling = Tiling(13, 9, 5, 2)
    found = blended(image, tiling, lambda patch: torch.from_numpy(score(patch)))
    np.testing.assert_allclose(found.numpy(), blended(image, tiling, score), rtol=1e-5)


def test_the_papers_weights() -> None:
    weights = PAPER.weights()
    assert len(weights) == 713
    np.testing.assert_allclose(weights[238 : 238 + 237], 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.diff(weights[:238]), 1 / 238.5, rtol=1e-3)
    assert weights[0] == pytest.approx(0.5 / 238.5) and weights[237] < 1
    np.testing.assert_array_equal(weights, weights[::-1])
    both = weights[476:] + weights[: 713 - 476]
    np.testing.assert_allclose(both, 1.0, atol=0.01)  # that is what the step is for


def test_patches_cover_the_image_and_end_with_it() -> None:
    assert PAPER.starts(700) == [0]
    assert PAPER.starts(1024) == [0, 311]
    assert PAPER.starts(2048) == [0, 476, 952, 1335]
    coarse = Tiling(713, 476, 236, 8)
    assert coarse.starts(1024) == [0, 312]
    assert all(start % 8 == 0 for start in coarse.starts(2048))
    assert PAPER.starts(713) == [0]
    assert PAPER.starts(713 + 476) == [0, 476]


def test_every_patch_has_its_whole_size() -> None:
    shapes = []

    def flat(patch: np.ndarray) -> np.ndarray:
        shapes.append(patch.shape)
        return np.ones((1, 7, 7), np.float32)

    found = blended(np.zeros((20, 9, 3), np.uint8), Tiling(13, 9, 5, 2), flat)
    assert set(shapes) == {(13, 13, 3)}
    assert found.shape == (1, 10, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found, 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("tiling", "said"),
    [((8, 9, 4, 1), "step_px: expected 1 to 8"), ((8, 4, 9, 1), "centre_px: expected at most 8")],
)
def test_patches_that_leave_gaps_are_refused(tiling: tuple[int, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Tiling(*tiling)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize(("stride", "size"), [(4, (61, 93)), (1, (16, 23)), (2, (8, 5))])
def test_finer_scores_are_those_of_torch(stride: int, size: tuple[int, int], kind: str) -> None:
    torch = pytest.importorskip("torch")
    coarse = np.random.default_rng(5).normal(size=(3, *(-(-one // 8) for one in size)))
    coarse = coarse.astype(np.float32)
    large = torch.nn.functional.interpolate(
        torch.from_numpy(coarse)[None], scale_factor=8 / stride, mode="bilinear"
    )[0].numpy()
    wanted = large[:, : -(-size[0] // stride), : -(-size[1] // stride)]
    found = finer(coarse if kind == "numpy" else torch.from_numpy(coarse), (8, 8), stride, size)
    np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-6)


def test_label_maps_have_the_images_size_and_room_for_unknown() -> None:
    cells = np.array([[0, 254], [255, 256]])
    small = full_size(cells[:1], 4, (3, 7), 255)
    assert small.dtype == np.uint8 and small.shape == (3, 7)
    assert small[:, :4].max() == 0 and small[:, 4:].min() == 254
    large = full_size(cells, 4, (8, 8), 256)
    assert large.dtype == np.uint16 and large[4, 0] == 255 and large[4, 4] == 256
