"""Places by the last images: in step along a route, or by odometry."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.geometry import se3
from semloc_ros.retrieval.fusion import normalized
from semloc_ros.retrieval.sequences import OdometrySequence, local_contrast, sequence_scores


def noisy_route(queries: int, count: int, slope: float, seed: int = 0) -> np.ndarray:
    """Similarities in which the true place of query q is view slope * q, and hardly stands out."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((queries, count))
    for query in range(queries):
        values[query, round(slope * query)] += 1.7
    return values


def right(scores: np.ndarray, slope: float = 1.0, first: int = 0) -> float:
    """Share of the queries from `first` on whose best view is at most one beside the true one."""
    truth = np.rint(slope * np.arange(len(scores)))
    return float((np.abs(scores.argmax(1) - truth) <= 1)[first:].mean())


@pytest.mark.parametrize("slope", [1.0, 0.85])
def test_sequences_find_what_single_images_do_not(slope):
    values = noisy_route(80, 100, slope)
    assert right(values, slope) < 0.45
    assert right(sequence_scores(values, 20), slope, first=19) > 0.9
    assert right(sequence_scores(values, 20, centred=True), slope) > 0.9


def test_only_images_before_count_unless_centred():
    values = noisy_route(30, 40, 1.0)
    later = values.copy()
    later[11:] = 0
    assert np.array_equal(sequence_scores(values, 5)[:11], sequence_scores(later, 5)[:11])
    centred = sequence_scores(values, 5, centred=True), sequence_scores(later, 5, centred=True)
    assert not np.array_equal(centred[0][10], centred[1][10])


def test_a_sequence_of_one_is_the_image_itself():
    values = noisy_route(10, 12, 1.0)
    assert np.array_equal(sequence_scores(values, 1), values)


def test_a_mean_along_the_diagonal():
    values = np.arange(12.0).reshape(3, 4) ** 2
    scores = sequence_scores(values, 2, slopes=(1.0,))
    assert scores[0].tolist() == values[0].tolist()
    assert scores[2, 3] == (values[2, 3] + values[1, 2]) / 2
    assert scores[2, 0] == (values[2, 0] + values[1].mean()) / 2  # the line leaves the database


def test_local_contrast_takes_away_what_a_stretch_has_in_common():
    values = noisy_route(60, 80, 1.0)
    values[:, 20:50] += 3
    assert right(values, first=50) == 0
    assert right(sequence_scores(local_contrast(values, 20), 20), first=50) > 0.8
    whole = local_contrast(values, 80)
    assert np.allclose(whole, normalized(values))


def straight_views(count: int) -> np.ndarray:
    """Cameras each metre along x, that look along x."""
    forward = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)
    return np.stack([se3.make_pose(forward, [step, 0, 0]) for step in range(count)])


def drive(sequence: OdometrySequence, views: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Share of images that are right within two metres, by themselves and by the sequence; the
    images are taken at half metres, 0.5 m aside, and odometry begins anywhere."""
    rng = np.random.default_rng(seed)
    odom_from_map = se3.make_pose(se3.exp([0, 0, 0, 0, 0, 2.0])[:3, :3], [40, -7, 0])
    alone, together = [], []
    for number in range(20, 70):
        map_from_camera = views[number].copy()
        map_from_camera[:2, 3] += 0.5
        scores = rng.standard_normal(len(views))
        scores[number] += 2
        best = np.argsort(-scores)[:10]
        found, _ = sequence.add(odom_from_map @ map_from_camera, best, scores[best])
        alone.append(abs(best[0] - number) <= 2)
        together.append(abs(found[0] - number) <= 2)
    return float(np.mean(alone)), float(np.mean(together[15:]))


def test_odometry_carries_places_along():
    views = straight_views(100)
    sequence = OdometrySequence(views, 20.0, 1.0, 4.0, np.radians(45))
    alone, together = drive(sequence, views)
    assert alone < 0.5
    assert together > 0.9


def test_the_order_of_views_does_not_matter():
    views = straight_views(100)
    shuffled = np.random.default_rng(3).permutation(100)
    scores = np.random.default_rng(4).standard_normal((30, 100))
    results = []
    for poses, rows in ((views, np.arange(100)), (views[shuffled], np.argsort(shuffled))):
        sequence = OdometrySequence(poses, 20.0, 1.0, 4.0, np.radians(45))
        for number in range(30):
            best = np.argsort(-scores[number])[:10]
            found, gained = sequence.add(views[number], rows[best], scores[number][best])
        results.append(gained)
    assert np.allclose(*results)


def test_the_first_image_and_those_after_a_reset_stand_for_themselves():
    sequence = OdometrySequence(straight_views(10), 20.0, 1.0, 4.0, np.radians(45))
    for _ in range(2):
        views, scores = sequence.add(np.eye(4), np.array([7, 2]), np.array([1.0, 3.0]))
        assert views.tolist() == [2, 7] and scores.tolist() == [3.0, 1.0]
        sequence.reset()


def test_standing_still_counts_once():
    views = straight_views(50)
    sequence = OdometrySequence(views, 20.0, 1.0, 4.0, np.radians(45))
    scores = np.array([3.0, 0.0])
    for _ in range(10):  # wrong, ten times from one place
        sequence.add(views[0], np.array([40, 5]), scores)
    for step in range(1, 5):  # right
        found, _ = sequence.add(views[step], np.array([10 + step, 30]), scores)
    assert found[0] == 14


def test_what_was_long_ago_is_forgotten():
    views = straight_views(50)
    short = OdometrySequence(views, 3.0, 1.0, 4.0, np.radians(45))
    for step in range(9):
        found, _ = short.add(views[step], np.array([20 + step, 3]), np.array([1.0, 0.0]))
    assert found[0] == 28
    for step in range(9, 14):  # the robot was carried away
        found, _ = short.add(views[step], np.array([30 + step, 3]), np.array([1.0, 0.0]))
    assert found[0] == 43


def test_views_the_other_way_do_not_support():
    views = straight_views(30)
    turned = views @ se3.exp([0, 0, 0, 0, np.pi, 0])
    sequence = OdometrySequence(
        np.concatenate([views, turned]), 20.0, 1.0, 4.0, np.radians(45)
    )
    sequence.add(views[9], np.array([9, 49]), np.array([1.0, 0.5]))
    found, _ = sequence.add(views[10], np.array([40, 10]), np.array([1.0, 0.9]))
    assert found[0] == 10
