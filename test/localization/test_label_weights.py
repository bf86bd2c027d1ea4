"""Weights of poses by labels: points, images, tables and the compiled kernels."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import LabelsConfig
from semloc_ros.errors import InputError, MapError
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization import label_statistics
from semloc_ros.localization.consistency import consistent_matches
from semloc_ros.localization.label_images import kernel_poses, label_image
from semloc_ros.localization.label_kernels import BLOCK, pack_table, pixels_of, sum_log_ratios
from semloc_ros.localization.label_points import LabelPoints, from_arrays
from semloc_ros.maps.labelling import NO_LABEL, labels_at
from semloc_ros.types import Camera, Correspondences

CAMERA = Camera("pinhole", 96, 72, 80.0, 82.0, 47.2, 35.9)
LABELS = 6
COSINE = 0.5


def scattered(rng: np.random.Generator, count: int = 700, centre: float = 1000.0) -> LabelPoints:
    """Points before cameras that look along +z from about (centre, 0, 0)."""
    positions = rng.uniform([-8, -6, 4], [8, 6, 25], (count, 3))
    directions = rng.normal(0, 0.5, (count, 3)) - positions
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ranges = np.stack([rng.uniform(0, 10, count), rng.uniform(12, 40, count)], 1)
    labels = rng.integers(0, LABELS, count)
    return from_arrays(
        positions + (centre, 0, 0), directions, ranges, labels, LABELS, 5.0, rng
    )


def nearby_poses(rng: np.random.Generator, count: int, centre: float = 1000.0) -> np.ndarray:
    """map_from_camera (count, 4, 4)."""
    return se3.make_pose(np.eye(3), [centre, 0, 0]) @ se3.exp(rng.normal(0, 0.2, (count, 6)))


def ones(columns) -> np.ndarray:
    """A table that counts the points on some labels."""
    table = np.zeros((LABELS, LABELS + 1), np.float32)
    table[:, list(columns)] = 1.0
    return table


def expected_sums(points, image_labels, camera, poses, table):
    """The same in numpy, straight from the definition, in double precision."""
    sums = np.zeros(len(poses))
    positions = points.values[:, :3] + points.origin
    for number, pose in enumerate(poses):
        pixels, seen = cameras.project(camera, se3.transform(se3.inverse(pose), positions))
        to_camera = pose[:3, 3] - positions
        distances = np.linalg.norm(to_camera, axis=1)
        cosines = (to_camera * points.values[:, 3:6]).sum(1) / distances
        seen &= (distances >= points.values[:, 6]) & (distances <= points.values[:, 7])
        seen &= cosines >= COSINE
        found = labels_at(image_labels, pixels)
        good = seen & (found != NO_LABEL)
        sums[number] = table[points.labels[good], found[good]].sum(dtype=np.float64)
    return sums


def kernel_sums(points, image, poses, table):
    origin = poses[:, :3, 3].mean(0)
    blocks, own = points.packed(np.arange(len(points)), origin)
    return sum_log_ratios(
        kernel_poses(image, poses, origin), blocks, own * np.int32(table.shape[1]), image.labels,
        pack_table(table), np.float32(COSINE**2), image.width, image.height,
    )[0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_the_kernel_sums_what_the_definition_says(kind) -> None:
    rng = np.random.default_rng(2)
    points, poses = scattered(rng), nearby_poses(rng, 37)
    labels = rng.integers(0, LABELS, (12, 16)).astype(kind).repeat(6, 0).repeat(6, 1)
    labels[:12] = np.iinfo(kind).max
    table = rng.normal(0, 1, (LABELS, LABELS + 1)).astype(np.float32)
    table[:, -1] = 0.0
    found = kernel_sums(points, label_image(CAMERA, labels, np.ones(LABELS, bool)), poses, table)
    truth = expected_sums(points, labels, CAMERA, poses, table)
    # a point within rounding of a pixel's edge may fall to the other side: few may differ
    assert (np.abs(found - truth) < 0.1).mean() > 0.8  # of 1/512 each, the table's rounding
    assert np.abs(found - truth).max() < 5.0 < truth.std()


def test_points_that_are_not_seen_count_nothing() -> None:
    rng = np.random.default_rng(3)
    points = scattered(rng)
    behind = nearby_poses(rng, 3) @ se3.exp([0, 0, 0, 0, np.pi, 0])
    image = label_image(CAMERA, np.zeros((72, 96), np.uint8), np.ones(LABELS, bool))
    assert not kernel_sums(points, image, behind, ones(range(LABELS))).any()
    assert kernel_sums(points, image, nearby_poses(rng, 3), ones(range(LABELS))).all()


def test_what_moves_says_nothing() -> None:
    rng = np.random.default_rng(4)
    points, poses = scattered(rng), nearby_poses(rng, 5)
    stationary = np.ones(LABELS, bool)
    stationary[2] = False
    image = label_image(CAMERA, np.full((72, 96), 2, np.uint8), stationary)
    assert not kernel_sums(points, image, poses, ones(range(LABELS))).any()


@pytest.mark.parametrize("model", ["radtan", "fisheye"])
def test_a_distorted_label_map_is_read_where_its_lens_sees_a_point(model, lenses) -> None:
    camera = lenses[model]
    rng = np.random.default_rng(5)
    v, u = np.mgrid[: camera.height, : camera.width]
    labels = ((u // 40 + 12 * (v // 40)) % 101).astype(np.uint8)
    image = label_image(camera, labels, np.ones(101, bool))
    directions = rng.uniform([-0.4, -0.3, 1.0], [0.4, 0.3, 1.0], (256, 3))
    points = from_arrays(
        5 * directions, -directions / np.linalg.norm(directions, axis=1)[:, None],
        np.tile([0.0, 99.0], (256, 1)), np.zeros(256, np.int64), 101, 5.0, rng,
    )
    blocks, _ = points.packed(np.arange(256), np.zeros(3))
    poses = kernel_poses(image, np.eye(4)[None], np.zeros(3))
    pixels = pixels_of(poses, blocks, np.float32(0.25), image.width, image.height)[0, 0]
    truth = labels_at(labels, cameras.project(camera, points.values[:, :3] + points.origin)[0])
    assert (image.labels[pixels] == truth).mean() > 0.95  # the rest lies at a label's edge


def test_a_grid_of_every_fourth_pixel_finds_the_same_labels() -> None:
    labels = np.repeat(np.arange(LABELS, dtype=np.uint8), 16)[None].repeat(72, 0)
    fine = label_image(CAMERA, labels, np.ones(LABELS, bool))
    coarse = label_image(CAMERA, labels, np.ones(LABELS, bool), stride=4)
    assert (coarse.width, coarse.height) == (24, 18)
    for column in (3.0, 20.0, 52.0, 90.0):  # not at an edge
        ray = np.array([(column - CAMERA.cx) / CAMERA.fx, 0.0, 1.0])
        at = [image.rows[0] @ ray for image in (fine, coarse)]
        rows = [image.height // 2 * image.width for image in (fine, coarse)]
        found = [
            image.labels[row + int(u)]
            for image, row, u in zip((fine, coarse), rows, at, strict=True)
        ]
        assert found[0] == found[1] == int(column) // 16


def test_a_label_map_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="label map: expected 96x72 as camera_info, got 10x20"):
        label_image(CAMERA, np.zeros((20, 10), np.uint8), np.ones(3, bool))


def test_near_points_come_in_the_same_share_from_each_cell() -> None:
    rng = np.random.default_rng(6)
    positions = rng.uniform(-50, 50, (20_000, 3))
    points = from_arrays(
        positions, positions, np.ones((20_000, 2)), np.zeros(20_000, np.int64), 1, 10.0, rng
    )
    centre = np.array([20.0, -10.0, 5.0])
    every = points.near(centre, 15.0, 20_000)
    distances = np.linalg.norm(points.values[:, :3] + points.origin - centre, axis=1)
    assert np.isin(np.flatnonzero(distances <= 15.0), every).all()
    assert distances[every].max() < 15.0 + 10.0 * np.sqrt(3)
    some = points.near(centre, 15.0, 500)
    assert 500 <= len(some) < 500 + 200
    assert len(points.near(centre + 1000, 15.0, 500)) == 0


def test_saved_points_are_memory_mapped_and_the_same(tmp_path) -> None:
    points = scattered(np.random.default_rng(7))
    points.save(tmp_path / "points")
    again = LabelPoints.load(tmp_path / "points")
    assert isinstance(again.values, np.memmap)
    rows = points.near(points.origin, 9.0, 100)
    assert (again.near(points.origin, 9.0, 100) == rows).all()
    first, second = points.packed(rows, points.origin), again.packed(rows, points.origin)
    assert (first[0] == second[0]).all() and (first[1] == second[1]).all()
    (tmp_path / "points" / "keys.npy").write_bytes(b"damaged")
    with pytest.raises(MapError, match="keys.npy: expected an array"):
        LabelPoints.load(tmp_path / "points")


def test_packed_blocks_are_filled_with_points_nobody_sees() -> None:
    points = scattered(np.random.default_rng(8), 300)
    blocks, labels = points.packed(np.arange(300), points.origin)
    assert blocks.shape == (2, 8, BLOCK) and labels.shape == (2, BLOCK)
    assert (blocks[1, 7, 300 - BLOCK :] < 0).all()
    assert (blocks[0, 7] > 0).all()


def test_the_table_favours_what_was_counted() -> None:
    counts = np.array([[90.0, 10.0, 0.0], [5.0, 40.0, 5.0], [0.0, 0.0, 0.0]])
    table = label_statistics.learned_table(counts)
    assert table.shape == (3, 4) and (table[:, 3] == 0).all()
    assert table[0, 0] > 0 > table[0, 1] > table[0, 2]
    assert np.abs(table[2, :3]).max() < 1e-6  # never seen: says nothing
    assert table[0, 2] > np.log(0.009)


def test_the_assumed_table_expects_the_share_of_errors() -> None:
    shares = np.full(4, 0.25)
    sure = label_statistics.assumed_table(shares, LabelsConfig(error_rate=0.01))
    unsure = label_statistics.assumed_table(shares, LabelsConfig(error_rate=0.6))
    assert (np.diag(sure[:, :4]) > np.diag(unsure[:, :4])).all()
    assert sure[0, 1] < unsure[0, 1] < 0


def test_confusion_is_counted_at_the_true_pose() -> None:
    rng = np.random.default_rng(9)
    points = scattered(rng)
    labels = np.full((72, 96), 4, np.uint8)
    labels[:, :48] = 1
    pose = nearby_poses(rng, 1)[0]
    image = label_image(CAMERA, labels, np.ones(LABELS, bool))
    counts = label_statistics.count_confusion(points, [(image, se3.inverse(pose))], 60.0, COSINE)
    assert counts[:, [1, 4]].sum() == counts.sum() > 50
    assert kernel_sums(points, image, pose[None], ones([1]))[0] == counts[:, 1].sum()


def test_only_matches_with_the_same_stationary_label_are_kept() -> None:
    labels = np.array([[0, 1, 2, 255]], np.uint8)
    columns = np.array([0, 0, 1, 2, 3, 3, 1, 0], np.float64)
    ids = np.array([0, 1, 1, 2, 0, 2, 3, -1])
    matches = Correspondences(
        np.stack([columns, np.zeros(8)], 1), np.zeros((8, 3)), np.ones(8), np.ones(8), ids
    )
    point_labels = np.array([0, 1, 2, NO_LABEL])
    kept = consistent_matches(matches, labels, point_labels, np.array([True, True, False]))
    # same, other, same, moving, unknown pixel, the same of a moving point, unknown point, no point
    assert kept.tolist() == [True, False, True, False, True, False, True, True]
