"""Which images are positives and negatives of each other, which are mined, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from semloc_ros.config.places_learning import PairingConfig  # noqa: E402
from semloc_ros.learning.place_views import PlaceView  # noqa: E402
from semloc_ros.learning.triplets import Geometry, mine, softmax_loss, triplet_loss  # noqa: E402

PAIRING = PairingConfig()  # 10 m, 25 m, 30°, a field of 65°, 20 m ahead


def view(x: float, y: float = 0.0, turned_deg: float = 0.0, run: str = "b", world: int = 0):  # type: ignore[no-untyped-def]
    turn = np.radians(turned_deg)
    direction = np.array([np.cos(turn), np.sin(turn), 0.0])
    return PlaceView(
        f"{x} {y} {turned_deg}", world, run, np.array([x, y, 0.0]), direction,
        lambda: np.zeros((4, 4, 3), np.uint8),
    )  # fmt: skip


def positives_of_first(*others: PlaceView) -> list[int]:
    return Geometry([view(0.0, run="a"), *others], PAIRING).positives()[0].tolist()


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (view(9.9), True),
        (view(10.1), False),
        (view(-9.9), True),
        (view(0.0, 0.0, 29.0), True),
        (view(0.0, 0.0, 31.0), False),
        (view(0.0, 0.0, 180.0), False),
        (view(0.0, 9.0), True),
        (view(9.0, 9.0), False),  # near, but 20 m ahead of one is beside the other's field
        (view(0.0, 9.0, -25.0), True),  # turned to the same things
        (view(0.0, 9.0, 25.0), False),  # turned away from them
        (view(0.0, run="a"), False),  # of the same drive
        (view(0.0, world=1), False),
    ],
)
def test_positives_are_near_in_view_and_of_another_run(other: PlaceView, same: bool) -> None:
    assert positives_of_first(other) == ([1] if same else [])


def test_without_a_direction_nearness_is_enough() -> None:
    unknown = PlaceView("u", 0, "b", np.zeros(3), np.full(3, np.nan), view(0.0).read)
    assert positives_of_first(unknown) == [1]


def test_negatives_are_far_or_of_another_world() -> None:
    geometry = Geometry([view(0.0), view(24.0), view(26.0), view(0.0, world=1)], PAIRING)
    assert geometry.far(0, np.arange(4)).tolist() == [False, False, True, True]


def test_the_best_positive_of_one_run_and_the_hardest_negatives() -> None:
    views = [view(0.0, run="a"), view(1.0), view(2.0), view(3.0, run="c")]
    views += [view(100.0 * n, run="b") for n in range(1, 6)]
    geometry = Geometry(views, PAIRING)
    angles = np.radians([0, 20, 10, 70, 50, 40, 30, 60, 35])
    cache = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    positives = geometry.positives()[0]
    assert positives.tolist() == [1, 2, 3]
    chosen = set()
    for seed in range(20):
        rows = mine(0, positives, geometry, cache, 3, 100, np.random.default_rng(seed))
        chosen.add(int(rows[1]))
        assert rows[0] == 0 and rows[2:].tolist() == [6, 8, 5]
    assert chosen == {2, 3}  # the best of run b, and the only one of run c


def test_few_negatives_are_repeated() -> None:
    geometry = Geometry([view(0.0, run="a"), view(1.0), view(100.0)], PAIRING)
    cache = np.eye(3, dtype=np.float32)
    rows = mine(0, np.array([1]), geometry, cache, 2, 100, np.random.default_rng(0))
    assert rows.tolist() == [0, 1, 2, 2]


def unit(*degrees: float) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], 1)


def test_the_loss_is_that_of_the_paper() -> None:
    descriptors = torch.stack([unit(0, 30, 40, 90), unit(0, 0, 180, 180)])
    positions = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [99, 0, 0], [99, 0, 0]]] * 2).double()
    positions[1] += 1000.0

    def squared(degrees: float) -> float:
        return 2.0 - 2.0 * float(np.cos(np.radians(degrees)))

    loss, missed = triplet_loss(descriptors, positions, 0.3, 25.0, whole_batch=False)
    assert float(loss) == pytest.approx((0.3 + squared(30) - squared(40)) / 2)
    assert float(missed) == pytest.approx(1 / 4)


def test_images_of_other_tuples_are_negatives_only_if_they_are_far() -> None:
    descriptors = torch.stack([unit(0, 30), unit(10, 180)])
    positions = torch.zeros(2, 2, 3, dtype=torch.float64)
    alone, _ = triplet_loss(descriptors, positions, 0.1, 25.0, whole_batch=True)
    assert float(alone) == 0.0
    positions[1] += 100.0
    loss, missed = triplet_loss(descriptors, positions, 0.1, 25.0, whole_batch=True)
    distances = [2 - 2 * np.cos(np.radians(one)) for one in (30, 10, 170, 10, 20)]
    first = 0.1 + distances[0] - distances[1]  # the other query; its positive is opposite
    second = sum(0.1 + distances[2] - one for one in distances[3:])
    assert float(loss) == pytest.approx((first + second) / 2)
    assert float(missed) == pytest.approx(3 / 4)


def test_the_softmax_is_the_chance_of_finding_the_positive() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(2, 3, 5))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    positions = np.zeros((2, 3, 3))
    positions[:, 2, 0] = 100.0  # the negative of each tuple
    positions[1] += [0.0, 500.0, 0.0]
    given = torch.from_numpy(vectors), torch.from_numpy(positions)
    loss, missed = softmax_loss(*given, 0.5, 25.0, whole_batch=False)
    cosines = np.einsum("bd,btd->bt", vectors[:, 0], vectors)
    wanted = -np.log(np.exp(cosines[:, 1] / 0.5) / np.exp(cosines[:, 1:] / 0.5).sum(1)).mean()
    assert float(loss) == pytest.approx(wanted)
    assert float(missed) == np.mean(cosines[:, 2] > cosines[:, 1])
    more, _ = softmax_loss(*given, 0.5, 25.0, whole_batch=True)
    assert float(more) > float(loss)  # the other tuple's images are negatives too
