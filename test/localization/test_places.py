"""Places: what is none is said in one line; which views they choose, and where they let begin."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.config import LocalizerConfig, PlacesConfig
from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import PointMatcher, no_correspondences
from semloc_ros.localization.places import (
    check_places,
    fixes_of_places,
    upright,
    usable_places,
    views_of_places,
    weights_of_places,
    with_carried_places,
)
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Frame, Places, PoseEstimate

EYE, TARGET = (2.7, 2.3, 1.7), (0.7, 0.5, 0.8)


def places(poses, scores=None, views=None, stamp_ns=5):
    count = len(poses)
    scores = np.linspace(1, 0, count) if scores is None else np.asarray(scores, float)
    views = np.full(count, -1) if views is None else np.asarray(views)
    return Places(stamp_ns, np.array(poses, float), scores, views)


def turned(x, heading=0.0):
    """A camera at (x, 0, 1) that looks along a heading, horizontally."""
    ahead = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    turn = se3.exp([0, 0, 0, 0, 0, heading])[:3, :3]
    return se3.make_pose(turn @ ahead, np.array([x, 0.0, 1.0]))


ROW = np.stack([turned(float(x)) for x in range(10)])  # views a metre apart


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one: one.map_from_camera.__setitem__((0, 0, 3), np.nan), "finite numbers, got NaN"),
        (lambda one: one.scores.__setitem__(1, np.inf), "finite numbers"),
        (lambda one: one.map_from_camera.__setitem__((1, 0, 0), 3.0), "rotation matrices"),
        (lambda one: one.map_from_camera[:, :3].__imul__(-1.0), "rotation matrices"),
        (lambda one: one.map_from_camera.__iadd__(1.0), "last rows"),
        (lambda one: one.views.__setitem__(0, 10), "-1 to 9, got -1 to 10"),
        (lambda one: one.views.__setitem__(0, -2), "-1 to 9, got -2 to -1"),
    ],
)
def test_what_are_no_places_is_said_in_one_line(spoil, said):
    whole = places(ROW[:2])
    check_places(whole, 10)
    spoil(whole)
    with pytest.raises(InputError, match=said) as caught:
        check_places(whole, 10)
    assert str(caught.value).startswith("places") and "\n" not in str(caught.value)
    with pytest.raises(InputError, match="2 poses"):
        check_places(dataclasses.replace(whole, map_from_camera=ROW[:3]))


def test_spreads_are_one_for_each_place_and_above_0():
    whole = dataclasses.replace(places(ROW[:2]), spreads=np.array([[4.0, 0.1], [0.5, 0.2]]))
    check_places(whole)
    for spreads in (np.ones((1, 2)), np.zeros((2, 2)), np.full((2, 2), np.nan)):
        with pytest.raises(InputError, match="places: spreads: expected"):
            check_places(dataclasses.replace(whole, spreads=spreads))


def test_places_of_later_images_and_broken_ones_are_not_used(lenses):
    frame = Frame(5, np.zeros((360, 480), np.uint8), lenses["pinhole"])
    assert usable_places(frame) == (None, "")
    for given, said in (
        (places(ROW[:2], stamp_ns=6), "of a later one"), (places(ROW[:2] * np.nan), "NaN"),
    ):  # fmt: skip
        found, flaw = usable_places(dataclasses.replace(frame, places=given))
        assert found is None and said in flaw
    earlier = places(ROW[:2], stamp_ns=4)
    assert usable_places(dataclasses.replace(frame, places=earlier)) == (earlier, "")
    assert usable_places(dataclasses.replace(frame, places=places(ROW[:0])))[0] is None


def test_places_of_an_earlier_image_move_as_the_camera_did(lenses):
    mount = turned(0.4)
    odometry = {4: se3.exp([1.0, 2, 0, 0, 0, 0.3]), 5: se3.exp([3.0, 2, 0, 0, 0, 0.8])}
    frame = Frame(5, np.zeros((360, 480), np.uint8), lenses["pinhole"])
    map_from_odom = se3.exp([7.0, -3, 0, 0, 0, 2.0])
    there = places([map_from_odom @ odometry[4] @ mount], views=[3], stamp_ns=4)
    earlier = dataclasses.replace(frame, places=there)
    found = with_carried_places(earlier, mount, odometry.get).places
    np.testing.assert_allclose(found.map_from_camera[0], map_from_odom @ odometry[5] @ mount)
    assert found.views.tolist() == [3] and found.stamp_ns == 4
    own = dataclasses.replace(frame, places=dataclasses.replace(there, stamp_ns=5))
    for same in (frame, own):
        assert with_carried_places(same, mount, odometry.get) is same
    for known in ({}, {4: odometry[4]}, {5: odometry[5]}):
        assert with_carried_places(earlier, mount, known.get) is earlier


def test_views_are_those_that_places_name_or_those_nearest_to_them():
    named = places(ROW[[7, 2, 7]], views=[7, 2, 7])
    assert views_of_places(named, ROW, PlacesConfig()).tolist() == [7, 2], "each once"
    assert views_of_places(named, ROW, PlacesConfig(views=1)).tolist() == [7], "the best first"
    near = places([turned(4.2)])
    assert views_of_places(near, ROW, PlacesConfig(views=3)).tolist() == [4, 5, 3]
    mixed = places([turned(4.2), ROW[9]], views=[-1, 9])
    assert views_of_places(mixed, ROW, PlacesConfig(views=4)).tolist() == [4, 5, 9]
    back = ROW.copy()
    back[4] = turned(4.0, np.pi)
    assert views_of_places(near, back, PlacesConfig(views=2)).tolist() == [5, 3], "by direction"


def test_the_base_stands_upright_and_its_camera_where_the_place_is():
    mount = turned(0.3) @ se3.exp([0, 0, 0, 0.1, 0.0, 0.05])
    level = se3.exp([3, 1, 0, 0, 0, 2.0])
    np.testing.assert_allclose(upright(level @ mount, mount), level, atol=1e-12)
    tilted = level @ se3.exp([0, 0, 0, 0.2, -0.1, 0])
    found = upright(tilted @ mount, mount)
    np.testing.assert_allclose(found[2, :3], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose((found @ mount)[:3, 3], (tilted @ mount)[:3, 3], atol=1e-12)
    assert se3.pose_error(found, tilted)[1] < 0.25
    config = PlacesConfig(spread_m=4.0, spread_deg=20.0)
    (fix,) = fixes_of_places(places([tilted @ mount]), mount, config)
    np.testing.assert_allclose(fix.map_from_base, found)
    sigmas = np.sqrt(np.diag(fix.covariance))
    assert sigmas[:2].tolist() == [4.0, 4.0] and np.isclose(np.degrees(sigmas[5]), 20.0)
    assert sigmas[2] < 0.2, "on the ground"
    own = dataclasses.replace(places([tilted @ mount]), spreads=np.array([[7.0, 0.5]]))
    sigmas = np.sqrt(np.diag(fixes_of_places(own, mount, config)[0].covariance))
    np.testing.assert_allclose(sigmas[[0, 1, 5]], [7.0, 7.0, 0.5], err_msg="of its own")


def test_views_around_an_unsure_place_are_apart():
    place = places([turned(4.2)])
    unsure = dataclasses.replace(place, spreads=np.array([[4.0, 0.3]]))
    found = views_of_places(unsure, ROW, PlacesConfig(views=5)).tolist()
    assert found[:5] == [4, 6, 2, 8, 0], "half a spread, on both sides"
    sure = dataclasses.replace(place, spreads=np.array([[1.0, 0.3]]))
    assert views_of_places(sure, ROW, PlacesConfig(views=3)).tolist() == [4, 5, 3]
    every = views_of_places(unsure, ROW, PlacesConfig(views=10)).tolist()
    assert every[:5] == found and sorted(every[5:]) == [1, 3, 5, 7, 9], "then those between"
    back = np.concatenate([ROW, turned(4.3, np.pi)[None]])
    assert 10 not in views_of_places(unsure, back, PlacesConfig(views=5)), "by direction"


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_weights_are_by_score_whatever_its_scale(scale):
    weights = weights_of_places(scale * np.array([3.0, 2.0, 1.0, 0.0]))
    assert np.isclose(weights.sum(), 1.0) and (np.diff(weights) < 0).all()
    assert 0.03 < weights[-1] < weights[0] < 0.7, "none is starved"
    np.testing.assert_allclose(weights_of_places(np.ones(4)), 0.25)


def test_the_points_of_given_views_are_matched(corner_map, corner, lenses, look):
    image = corner.photograph(lenses["pinhole"], look(EYE, TARGET))
    features = RootSift().extract(image)
    matcher = PointMatcher(corner_map, LocalizerConfig().matching, 0)
    seen = [set(np.flatnonzero(matcher._index.seen_by[:, view].toarray())) for view in range(8)]
    for views in ([0], [3], [0, 3]):
        found = matcher.match_views(features, views)
        assert len(found) > 20
        assert set(found.point_ids) <= set.union(*(seen[view] for view in views))
    assert len(matcher.match_views(features, [])) == 0


@pytest.fixture(scope="module")
def localizer(corner_map):
    return Localizer(corner_map)


def test_wrong_or_broken_places_cost_no_pose(localizer, corner_map, corner, lenses, look):
    truth = look(EYE, TARGET)
    frame = Frame(5, corner.photograph(lenses["pinhole"], truth), lenses["pinhole"])
    poses = se3.inverse(np.asarray(corner_map.camera_from_map))
    for given, said in (
        (places(poses[[7, 0]], views=[7, 0]), ""), (places(ROW + 50.0 * np.eye(4)[3]), "last rows"),
        (places(poses[:1], views=[99]), "-1 to 7"), (places(poses[:1] * np.nan), "NaN"),
    ):  # fmt: skip
        found = localizer.localize(dataclasses.replace(frame, places=given))
        assert isinstance(found, PoseEstimate)
        assert np.linalg.norm(se3.inverse(found.camera_from_map)[:3, 3] - EYE) < 0.02
        assert said in found.detail and (said or not found.detail)


def matched(localizer, monkeypatch):
    """What is asked for matches, in order, from now on."""
    asked = []

    def watched(name):
        ask = getattr(localizer._matcher, name)
        return lambda *given: (asked.append(name), ask(*given))[1]

    for name in ("match_views", "match_map"):
        monkeypatch.setattr(localizer._matcher, name, watched(name))
    return asked


def test_the_whole_map_is_asked_besides_and_the_better_pose_counts(
    corner_map, corner, lenses, look, monkeypatch
):
    truth = look(EYE, TARGET)
    frame = Frame(5, corner.photograph(lenses["pinhole"], truth), lenses["pinhole"])
    poses = se3.inverse(np.asarray(corner_map.camera_from_map))
    frame = dataclasses.replace(frame, places=places(poses[:2], views=[0, 1]))
    localizer = Localizer(corner_map)
    asked = matched(localizer, monkeypatch)
    found = localizer.localize(frame)
    assert isinstance(found, PoseEstimate) and asked == ["match_views", "match_map"]
    assert np.linalg.norm(se3.inverse(found.camera_from_map)[:3, 3] - EYE) < 0.02
    monkeypatch.setattr(localizer._matcher, "match_map", lambda *given: no_correspondences())
    alone = localizer.localize(frame)
    assert isinstance(alone, PoseEstimate), "where features vote for nothing, places are enough"
    assert np.linalg.norm(se3.inverse(alone.camera_from_map)[:3, 3] - EYE) < 0.02
    none = Localizer(corner_map, LocalizerConfig(places=PlacesConfig(views=0)))
    asked = matched(none, monkeypatch)
    assert isinstance(none.localize(frame), PoseEstimate) and asked == ["match_map"]
