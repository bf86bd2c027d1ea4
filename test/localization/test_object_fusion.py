"""Features and objects of one frame: neither spoils the other, and one is enough."""

import dataclasses

import numpy as np
import pytest
from picture_room import found, objects_of, picture

from semloc_ros.config import MotionConfig, TrackingConfig
from semloc_ros.geometry import se3
from semloc_ros.localization.companions import OBJECTS
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import no_correspondences
from semloc_ros.localization.objects import lift
from semloc_ros.localization.outcomes import Sighting
from semloc_ros.localization.serving import serve
from semloc_ros.localization.session import Session
from semloc_ros.types import Frame, NoPose, NoPoseReason, PoseEstimate, Prior

EYE, TARGET = (2.7, 2.3, 1.7), (0.7, 0.5, 0.8)
HUNG = {
    "left": picture((0.0, 0.5, 1.5), (0, 0.8, 0), 0.6),  # on x = 0
    "right": picture((1.4, 0.0, 1.3), (-0.9, 0, 0), 0.7),  # on y = 0
}


@pytest.fixture
def truth(look):
    return look(EYE, TARGET)


@pytest.fixture(scope="module")
def localizer(corner_map):
    return Localizer(corner_map)


@pytest.fixture
def frame(corner, lenses, truth):
    return Frame(5, corner.photograph(lenses["pinhole"], truth), lenses["pinhole"])


def with_objects(frame, truth, hung=HUNG, seed=2, **errors):
    """The frame with finds of the pictures where they hang; the map says `hung`."""
    rng = np.random.default_rng(seed)
    finds = [found(rng, name, HUNG[name], truth, camera=frame.camera, **errors) for name in HUNG]
    return dataclasses.replace(frame, objects=lift(finds, objects_of(hung), frame.stamp_ns))


def dark(frame):
    """The same by night: no feature is left."""
    noise = np.random.default_rng(1).normal(8.0, 2.0, frame.image.shape)
    image = np.clip(np.rint(noise + frame.image / 200.0), 0, 255).astype(np.uint8)
    return dataclasses.replace(frame, image=image)


def moved(*way):
    """The map's pictures, both moved since."""
    hung = {name: one.copy() for name, one in HUNG.items()}
    for one in hung.values():
        one[:3, 2] += way
    return hung


def away(result, truth):
    assert isinstance(result, PoseEstimate), result
    return float(se3.pose_error(se3.inverse(result.camera_from_map), se3.inverse(truth))[0])


def test_right_finds_make_the_pose_of_features_surer(localizer, frame, truth):
    alone = localizer.localize(frame)
    both = localizer.localize(with_objects(frame, truth, sigma=0.7))
    assert (alone.method, both.method) == ("pnp", "pnp+objects") and both.detail == ""
    assert np.trace(both.covariance[:3, :3]) < np.trace(alone.covariance[:3, :3])
    assert len(both.inliers) == len(alone.inliers) + 8 and both.num_matches > alone.num_matches
    assert away(both, truth) < 0.02 and "objects" in both.stage_ms


def test_in_the_dark_objects_alone_give_the_pose(localizer, frame, truth):
    night = dark(frame)
    assert isinstance(localizer.localize(night), NoPose)
    result = localizer.localize(with_objects(night, truth, sigma=0.7))
    assert result.method == "objects" and away(result, truth) < 0.15
    assert result.detail.startswith("features: ") and len(result.inliers) == 8


def test_where_neither_gives_a_pose_both_say_why(localizer, frame, truth):
    night = with_objects(dark(frame), truth)
    pixels = night.objects.correspondences.points_image
    pixels[:] = np.random.default_rng(0).uniform(0, 300, pixels.shape)
    result = localizer.localize(night)
    assert isinstance(result, NoPose) and "; objects: too_few_inliers: " in result.detail


def test_features_that_are_lost_in_the_whole_map_are_found_around_objects(
    corner_map, frame, truth, monkeypatch
):
    localizer = Localizer(corner_map)
    monkeypatch.setattr(localizer._matcher, "match_map", lambda *given: no_correspondences())
    assert isinstance(localizer.localize(frame), NoPose)
    result = localizer.localize(with_objects(frame, truth, sigma=0.7))
    assert result.method == "pnp+objects" and away(result, truth) < 0.02


@pytest.mark.parametrize("way", [(0.0, 0.0, 0.4), (0.6, 0.6, 0.0), (0.0, 0.0, -0.15)])
def test_objects_that_were_moved_do_not_spoil_the_pose(localizer, frame, truth, way):
    alone = localizer.localize(frame)
    result = localizer.localize(with_objects(frame, truth, moved(*way)))
    np.testing.assert_array_equal(result.camera_from_map, alone.camera_from_map)
    np.testing.assert_array_equal(result.covariance, alone.covariance)
    assert result.detail == "2 finds of objects, none where expected"


def test_what_was_moved_is_asked_for_another_place_now_and_then(
    corner_map, frame, truth, monkeypatch
):
    """While a prior has the camera; without one, always."""
    localizer, asked = Localizer(corner_map), []
    pose = localizer._objects.pose
    monkeypatch.setattr(
        localizer._objects, "pose", lambda *given: asked.append(given[0].stamp_ns) or pose(*given)
    )
    alone = localizer.localize(frame)
    prior = Prior(truth, np.diag([0.01] * 6))
    for after_s, given in [(0, prior), (0.1, prior), (0.9, prior), (1.1, prior), (1.2, None)]:
        later = dataclasses.replace(frame, stamp_ns=round(5 + 1e9 * after_s))
        result = localizer.localize(with_objects(later, truth, moved(0.0, 0.0, 0.4)), given)
        assert away(result, truth) < 0.02
        assert result.detail == "2 finds of objects, none where expected"
    assert [round((stamp - 5) / 1e9, 1) for stamp in asked] == [0.0, 1.1, 1.2]
    assert alone.method == result.method == "pnp"


def test_moved_by_a_little_they_hardly_do(localizer, frame, truth):
    assert away(localizer.localize(with_objects(frame, truth, moved(0.0, 0.0, 0.02))), truth) < 0.02


def test_of_a_wrong_and_a_right_find_the_right_one_counts(localizer, frame, truth):
    swapped = {"left": HUNG["left"], "right": moved(0.0, 0.0, 0.5)["right"]}
    result = localizer.localize(with_objects(frame, truth, swapped))
    assert result.method == "pnp+objects" and away(result, truth) < 0.02
    assert len(result.inliers) == len(localizer.localize(frame).inliers) + 4


def test_objects_taken_for_each_other_do_not_spoil_the_pose(localizer, frame, truth):
    taken = {"left": HUNG["right"], "right": HUNG["left"]}
    alone = localizer.localize(frame)
    result = localizer.localize(with_objects(frame, truth, taken))
    np.testing.assert_array_equal(result.camera_from_map, alone.camera_from_map)


def test_a_look_alike_has_fewer_features_than_there_are_around_the_objects(
    corner_map, frame, truth, monkeypatch
):
    localizer = Localizer(corner_map)
    found = localizer.localize(frame)
    elsewhere = dataclasses.replace(
        found, camera_from_map=se3.exp([0.0, 0, 0.9, 0, 0.3, 0]) @ found.camera_from_map,
        inliers=found.inliers.select(np.arange(20)),
    )  # fmt: skip
    monkeypatch.setattr(localizer, "_by", lambda *given: elsewhere)
    result = localizer.localize(with_objects(frame, truth))
    assert result.method == "pnp+objects" and away(result, truth) < 0.02


def test_features_against_the_prior_are_not_overruled(localizer, frame, truth):
    """They may be right, and objects have been moved as the prior has it."""
    elsewhere = truth @ se3.exp([0.0, 0, -0.4, 0, 0, 0])
    prior = Prior(elsewhere, np.diag([0.003] * 6))
    result = localizer.localize(with_objects(frame, truth, moved(0.0, 0.0, 0.4)), prior)
    assert isinstance(result, NoPose) and result.reason is NoPoseReason.AGAINST_PRIOR
    night = with_objects(dark(frame), truth, moved(0.0, 0.0, 0.4))
    by_objects = localizer.localize(night, prior)
    assert by_objects.method == "objects", "they would have said so"


def test_broken_objects_cost_no_pose(localizer, frame, truth):
    given = with_objects(frame, truth)
    given.objects.correspondences.points_map[0, 0] = np.nan
    result = localizer.localize(given)
    assert result.method == "pnp" and "objects: points_map" in result.detail


def test_a_robot_goes_on_by_objects_where_the_light_goes_out(localizer, corner, lenses, look):
    session = Session(TrackingConfig(), MotionConfig(), expects_odometry=True)
    fixes = []
    for number in range(5):
        truth = look((2.7 - 0.15 * number, 2.3, 1.7), TARGET)
        stamp = 100_000_000 * number + 1
        there = se3.inverse(truth)
        frame = Frame(stamp, corner.photograph(lenses["pinhole"], truth), lenses["pinhole"])
        if number >= 2:
            frame = dark(frame)
        if number >= 3:
            frame = with_objects(frame, truth, seed=number, sigma=0.7)
        kinds = {OBJECTS: "exact"} if number >= 3 else {}
        served = serve(localizer, session, frame, Sighting(stamp, np.eye(4), there), kinds)
        fixes.append(served.outcome.fix is not None)
        if number >= 3:
            assert served.values["found_by"] == "objects"
            assert (served.values["objects"], served.values["objects_count"]) == ("exact", 2)
            assert away(served.result, truth) < 0.2
    assert fixes == [False, True, False, True, True], "the first waits for a second image"
