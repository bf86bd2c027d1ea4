"""Coarse label maps, and how well two of them agree."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.retrieval.reranking import (
    grid_agreement,
    label_grid,
    label_weights,
    reranked,
)


def test_cells_have_the_label_of_most_of_their_pixels():
    labels = np.zeros((6, 8), np.uint8)
    labels[:3, 4:] = 2
    labels[0, 0] = 1
    labels[3:, :4] = 255
    assert label_grid(labels, 3, shape=(2, 2)).tolist() == [[0, 2], [255, 0]]


def test_moving_things_do_not_count():
    labels = np.full((6, 6), 1, np.uint16)
    labels[:, :2] = 0
    ignored = np.array([False, True])
    grid = label_grid(labels, 2, ignored, (1, 2))
    assert grid.dtype == np.uint16
    assert grid.tolist() == [[0, 65535]]  # two thirds of the first cell are known


@pytest.mark.parametrize("shape", [(480, 640), (97, 131), (31, 40)])
def test_grids_of_any_image(shape):
    labels = np.random.default_rng(0).integers(0, 19, shape).astype(np.uint8)
    grid = label_grid(labels, 19)
    assert grid.shape == (15, 20)
    assert (grid < 19).all()


@pytest.fixture()
def grids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, (30, 15, 20)).astype(np.uint8)


def test_the_same_grid_agrees_most(grids):
    weights = label_weights(grids, 5)
    found = grid_agreement(grids[4], grids, weights)
    assert found[4] == pytest.approx(1.0)
    assert np.delete(found, 4).max() < 0.5


def test_shifted_grids_agree_as_far_as_shifts_are_tried(grids):
    weights = label_weights(grids, 5)
    moved = np.roll(grids[4], (1, -2), axis=(0, 1))
    moved[0], moved[:, -2:] = 255, 255
    assert grid_agreement(moved, grids[4:5], weights, 2)[0] == pytest.approx(1.0)
    assert grid_agreement(moved, grids[4:5], weights, 1)[0] < 0.5


def test_what_is_everywhere_says_little(grids):
    sky = grids.copy()
    sky[:, :12] = 0
    weights = label_weights(sky, 5)
    assert weights[0] < weights[1:].min() / 3
    assert np.all(grid_agreement(sky[0], sky[1:], weights) < 0.6)
    assert np.all(grid_agreement(sky[0], sky[1:], np.ones(5)) > 0.7)


def test_unknown_grids_agree_with_nothing(grids):
    unknown = np.full_like(grids[:2], 255)
    weights = label_weights(grids, 5)
    assert grid_agreement(unknown[0], grids[:2], weights).tolist() == [0.0, 0.0]
    assert grid_agreement(grids[0], unknown, weights).tolist() == [0.0, 0.0]


def test_agreement_moves_scores_by_their_own_spread():
    scores = np.array([5.0, 4.0, 3.0])
    agreement = np.array([0.1, 0.9, 0.2])
    assert reranked(scores, agreement, 0.0).tolist() == scores.tolist()
    assert reranked(scores, agreement, 1.0).argmax() == 1
    assert np.allclose(reranked(scores, np.full(3, 0.5), 1.0), scores)
