"""The weights in torch against the compiled kernels."""

import numpy as np
import pytest

from semloc_ros.localization import label_kernels
from semloc_ros.localization.label_weights import sum_log_ratios

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_they_are_the_same_but_for_points_on_the_edges_of_pixels(kind):
    rng = np.random.default_rng(0)
    blocks, poses, width, height, labels = 5, 70, 64, 48, 9
    points = rng.normal(0, 6, (blocks, 8, label_kernels.BLOCK)).astype(np.float32)
    points[:, 3:6] = -points[:, :3] / np.linalg.norm(points[:, :3], axis=1, keepdims=True)
    points[:, 6], points[:, 7] = 1.0, 100.0
    turns, _ = np.linalg.qr(rng.normal(size=(poses, 3, 3)))
    camera = np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]])
    rows = (camera @ turns).reshape(-1, 9)
    packed_poses = np.concatenate([rng.normal(0, 2, (poses, 3)), rows], 1).astype(np.float32)
    image = rng.integers(0, labels + 1, width * height + 1).astype(kind)
    image[-1] = labels
    table = label_kernels.pack_table(
        np.c_[rng.normal(0, 2, (labels, labels)), np.zeros(labels)].astype(np.float32)
    )
    own = rng.integers(0, labels, (blocks, label_kernels.BLOCK)).astype(np.int32) * (labels + 1)
    given = (packed_poses, points, own, image, table, np.float32(0.25), width, height)
    sums, counts = label_kernels.sum_log_ratios(*given)
    again, counted = sum_log_ratios("cpu", *given)
    on_torch, seen = sum_log_ratios("torch:cpu", *given)
    np.testing.assert_array_equal(sums, again)
    np.testing.assert_array_equal(counts, counted)
    assert counts.sum() > 2000
    assert np.abs(counts - seen).sum() < 0.001 * counts.sum()
    same = counts == seen
    assert same.mean() > 0.9
    np.testing.assert_allclose(sums[same], on_torch[same], atol=8.0)  # one point moved at most
    assert np.median(np.abs(sums - on_torch)) == 0.0
