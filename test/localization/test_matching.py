"""2D-3D matching on real descriptors of a rendered scene, judged by the exact pose."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import GateConfig, MatchingConfig
from semloc_ros.localization import gate, matching
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.resection import reprojection_errors
from semloc_ros.localization.stages import Refused
from semloc_ros.localization.windows import Pairs, best_of_pairs, compare_in_windows
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Correspondences, Features, NoPoseReason, Prior


@pytest.fixture(scope="module")
def matcher(corner_map):
    return PointMatcher(corner_map, MatchingConfig(), seed=0)


@pytest.fixture(scope="module")
def truth(look):
    return look((2.6, 2.4, 1.6), (0.6, 0.6, 0.9))


@pytest.fixture(scope="module")
def camera(lenses):
    return lenses["pinhole"]


@pytest.fixture(scope="module")
def features(corner, camera, truth):
    return RootSift().extract(corner.photograph(camera, truth))


def share_right(camera, truth, matches):
    return (reprojection_errors(camera, truth, matches) < 3.0).mean()


def test_the_whole_map_gives_mostly_right_matches(matcher, camera, truth, features):
    matches = matcher.match_map(features)
    assert len(matches) > 200
    assert share_right(camera, truth, matches) > 0.8
    assert len(np.unique(matches.point_ids)) == len(matches)
    best = matches.select(matches.scores > np.quantile(matches.scores, 0.7))
    assert share_right(camera, truth, best) >= share_right(camera, truth, matches)


def test_guided_matches_are_more_and_right(matcher, camera, truth, features):
    free = matcher.match_map(features)
    guided = matcher.match_guided(features, camera, truth, 12.0)
    assert (reprojection_errors(camera, truth, guided) < 3).sum() > (
        reprojection_errors(camera, truth, free) < 3
    ).sum()
    assert share_right(camera, truth, guided) > 0.85
    assert reprojection_errors(camera, truth, guided).max() <= 12.0 + 1e-3


def test_a_wider_prior_searches_wider(matcher, camera, truth, features):
    def reach(sigma):
        matches = matcher.match_prior(features, camera, Prior(truth, np.eye(6) * sigma**2))
        return reprojection_errors(camera, truth, matches).max()

    assert reach(1e-4) < 5.0 < reach(0.03)
    assert reach(10.0) <= MatchingConfig().max_window_px + 1e-3


def test_points_seen_from_elsewhere_are_not_sought(corner_map, matcher, camera, look):
    points, pixels = matcher.visible(camera, look((2.6, 2.4, 1.6), (0.6, 0.6, 0.9)))
    assert len(points) > 0.2 * corner_map.num_points
    assert pixels.min() >= -0.5
    behind_the_wall, _ = matcher.visible(camera, look((-2.0, 1.0, 1.0), (1.0, 1.0, 1.0)))
    assert len(behind_the_wall) < 0.02 * corner_map.num_points


def test_no_features_no_matches(matcher, camera, truth, features):
    none = Features(
        features.model, features.keypoints[:0], features.scales[:0], features.descriptors[:0]
    )
    assert len(matcher.match_guided(none, camera, truth, 12.0)) == 0


def test_windows_agree_with_the_dense_comparison():
    rng = np.random.default_rng(0)
    features = Features(
        "", rng.uniform(0, 300, (200, 2)).astype(np.float32),
        rng.uniform(2, 8, 200).astype(np.float32), rng.integers(0, 255, (200, 128), np.uint8),
    )
    pixels, radii = rng.uniform(-40, 340, (90, 2)), rng.uniform(2, 60, 90)
    scales, descriptors = rng.uniform(2, 8, 90), rng.integers(0, 255, (90, 128), np.uint8)
    pairs = compare_in_windows(features, pixels, radii, scales, descriptors)
    apart = np.linalg.norm(features.keypoints[:, None] - pixels[None], axis=2)
    ratio = features.scales[:, None] / scales[None]
    wanted = np.argwhere((apart <= radii) & (np.maximum(ratio, 1 / ratio) <= 1.6))
    assert {(a, b) for a, b in wanted} == set(zip(pairs.features, pairs.predictions, strict=True))
    difference = features.descriptors[pairs.features].astype(int) - descriptors[pairs.predictions]
    assert np.array_equal((difference**2).sum(1), pairs.distances)


def on_pixels(pixels):
    count = len(pixels)
    return Correspondences(
        pixels, np.zeros((count, 3)), np.ones(count), np.ones(count), np.arange(count)
    )


def test_inliers_on_a_line_are_degenerate(camera):
    rng = np.random.default_rng(0)
    along = rng.uniform(0, 300, (60, 1)) * [1.0, 0.5] + rng.normal(0, 2, (60, 2))
    with pytest.raises(Refused) as refusal:
        gate.check_spread(on_pixels(along), camera, GateConfig())
    assert refusal.value.reason is NoPoseReason.DEGENERATE
    gate.check_spread(on_pixels(rng.uniform(0, 300, (60, 2))), camera, GateConfig())


@pytest.mark.parametrize("axis", range(6))
def test_an_uncertain_axis_is_refused(axis):
    variances = np.full(6, 1e-6)
    gate.check_uncertainty(np.diag(variances), GateConfig())
    variances[axis] = 1.0
    with pytest.raises(Refused, match="sigma 1 m" if axis < 3 else "sigma 57.3 deg"):
        gate.check_uncertainty(np.diag(variances), GateConfig())


def test_scores_need_rivals_elsewhere(corner_map, features):
    """With the ratio test off nearly every feature matches; with it, few wrong ones do."""
    loose = PointMatcher(corner_map, dataclasses.replace(MatchingConfig(), ratio=1.0), seed=0)
    strict = PointMatcher(corner_map, dataclasses.replace(MatchingConfig(), ratio=0.7), seed=0)
    assert len(strict.match_map(features)) < len(loose.match_map(features))


def with_twins(semantic_map):
    """The map with every point twice: the second 0.3 % of its viewing distance beside the first."""
    count, rng = semantic_map.num_points, np.random.default_rng(0)
    beside = rng.normal(size=(count, 3))
    beside /= np.linalg.norm(beside, axis=1, keepdims=True)
    distances = semantic_map.viewing_range.mean(1, keepdims=True)
    twins = semantic_map.points_map + 0.003 * distances * beside
    per_point = ("colors_rgb", "viewing_range", "viewing_direction", "point_sigma",
                 "label_histogram", "track_views", "track_features")
    twice = {name: np.concatenate([getattr(semantic_map, name)] * 2) for name in per_point}
    offsets = semantic_map.track_offsets
    return dataclasses.replace(
        semantic_map, points_map=np.concatenate([semantic_map.points_map, twins]),
        track_offsets=np.concatenate([offsets, offsets[-1] + offsets[1:]]), **twice,
    )


@pytest.fixture(scope="module")
def twin_matcher(corner_map):
    return PointMatcher(with_twins(corner_map), MatchingConfig(), seed=0)


def test_a_second_track_of_a_point_is_no_rival(
    matcher, twin_matcher, camera, truth, features, monkeypatch
):
    alone, twins = matcher.match_map(features), twin_matcher.match_map(features)
    assert len(twins) > 0.9 * len(alone)
    assert share_right(camera, truth, twins) > 0.8
    monkeypatch.setattr(matching, "_SAME_PLACE", -1.0)  # every other track is a rival
    assert len(twin_matcher.match_map(features)) < 0.1 * len(alone)


def test_a_second_track_of_a_point_is_no_rival_in_a_window(
    matcher, twin_matcher, camera, truth, features, monkeypatch
):
    alone = matcher.match_guided(features, camera, truth, 12.0)
    twins = twin_matcher.match_guided(features, camera, truth, 12.0)
    assert len(twins) > 0.9 * len(alone)
    assert share_right(camera, truth, twins) > 0.8
    monkeypatch.setattr(matching, "_SAME_PIXEL", 0.0)
    assert len(twin_matcher.match_guided(features, camera, truth, 12.0)) < 0.1 * len(alone)


def test_the_best_rival_in_a_window_is_elsewhere():
    """One feature, four predictions: a wrong one, the best, its twin 2 px beside, a rival."""
    pixels = np.array([[50.0, 58.0], [50.0, 50.0], [52.0, 50.0], [57.0, 50.0]])
    distances = np.array([900, 100, 100, 400], np.int32)
    pairs = Pairs(np.zeros(4, np.int32), np.arange(4, dtype=np.int32), distances)
    rows, best, ratios = best_of_pairs(pairs, pixels, 2, 3.0)
    assert (rows.tolist(), best.tolist(), ratios.tolist()) == ([0], [1], [0.5])
