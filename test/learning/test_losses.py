"""The losses of FGSN training against sums made by hand."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from semloc_ros.learning.losses import (  # noqa: E402
    IGNORED,
    class_loss,
    correspondence_loss,
    scores_at,
)


def test_class_loss_is_the_mean_over_the_cells_that_count() -> None:
    scores = torch.zeros(1, 4, 2, 2)
    scores[0, 2, 0, 0] = math.log(3.0)  # shares 1/6, 1/6, 3/6, 1/6
    labels = torch.tensor([[[2, 0], [IGNORED, 1]]])
    wanted = (-math.log(0.5) - 2 * math.log(0.25)) / 3
    assert class_loss(scores, labels).item() == pytest.approx(wanted, rel=1e-6)


def test_class_loss_without_any_label_is_zero_and_has_a_gradient() -> None:
    scores = torch.zeros(1, 3, 2, 2, requires_grad=True)
    loss = class_loss(scores, torch.full((1, 2, 2), IGNORED))
    loss.backward()
    assert loss.item() == 0.0
    assert scores.grad is not None and not scores.grad.any()


def test_scores_are_those_of_the_cell_at_its_middle_and_between_two_halfway() -> None:
    scores = torch.arange(6.0).reshape(1, 1, 2, 3)
    points = torch.tensor([[[3.5, 3.5], [11.5, 3.5], [7.5, 3.5], [19.5, 11.5], [0.0, 0.0]]])
    found = scores_at(scores, points, 8)
    assert found.shape == (1, 5, 1)
    assert found[0, :, 0].tolist() == pytest.approx([0.0, 1.0, 0.5, 5.0, 0.0], abs=1e-5)


def test_correspondence_loss_sums_both_images_and_averages_points_then_pairs() -> None:
    reference, target = torch.zeros(2, 2, 1, 2), torch.zeros(2, 2, 1, 2)
    target[0, 1] = math.log(3.0)  # in the first target the second label has a share of 3/4
    points = torch.tensor([[[3.5, 3.5], [11.5, 3.5]]] * 2)
    labels = torch.tensor([[1, 0], [0, IGNORED]])
    first = (-math.log(0.5) - math.log(0.75) - math.log(0.5) - math.log(0.25)) / 2
    second = -2 * math.log(0.5)
    loss = correspondence_loss(reference, target, points, points, labels, 8)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)


def test_pairs_without_points_do_not_count() -> None:
    scores = torch.zeros(2, 2, 1, 2)
    points = torch.zeros(2, 2, 2)
    labels = torch.tensor([[1, 0], [IGNORED, IGNORED]])
    alone = correspondence_loss(scores[:1], scores[:1], points[:1], points[:1], labels[:1], 8)
    both = correspondence_loss(scores, scores, points, points, labels, 8)
    assert both.item() == pytest.approx(alone.item())
    assert alone.item() == pytest.approx(2 * math.log(2.0))
