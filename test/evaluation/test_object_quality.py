"""Poses and matches of objects of interest, judged beside the truth."""

import dataclasses

import numpy as np
import pytest

from semloc_ros.datasets.map_objects import picture_objects
from semloc_ros.evaluation.object_figures import localized_figure, sigma_figure, stages_figure
from semloc_ros.evaluation.object_quality import (
    JudgedFind,
    JudgedImage,
    calibration,
    judge_finds,
    judge_pose,
    localized,
    shown_objects,
    summary,
)
from semloc_ros.evaluation.object_truth import Errors, true_finds
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.object_localizer import ObjectLocalizer
from semloc_ros.localization.objects import lift
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest, Sighting
from semloc_ros.types import Camera, Frame, NoPose, NoPoseReason, PosedImage, PoseEstimate

CAMERA = Camera("pinhole", 320, 240, 250.0, 250.0, 159.5, 119.5)
TURN = se3.exp(np.array([0, 0, 0, 0.05, -0.35, 0.02]))[:3, :3]
POSE = se3.make_pose(TURN, np.array([0.1, 0, 2.5]))


def hung(name, *corners):
    """An object of 1 m by 0.8 m at each top-left corner; z is into the wall."""
    instances = []
    for corner in corners:
        plane = np.array([[1.0, 0, corner[0]], [0, 0.8, corner[1]], [0, 0, corner[2]], [0, 0, 1.0]])
        seen = cameras.intrinsic_matrix(CAMERA) @ (POSE @ plane)[:3]
        instances.append(ObjectInstance(plane, (Sighting(0, seen),)))
    blank = np.zeros((8, 10, 3), np.uint8)
    return ObjectOfInterest(name, blank, np.full((8, 10), 255, np.uint8), tuple(instances))


OBJECTS = MapObjects((
    hung("left", (-1.1, -0.5, 0.0)), hung("right", (0.1, -0.4, 0.3)), hung("away", (40.0, 0, 0)),
))  # fmt: skip
TRUTH = picture_objects(MapObjects(OBJECTS.objects[:2]), 0, CAMERA, POSE)
TEXTURE = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
IMAGE = PosedImage("a.jpg", 7, CAMERA, POSE, lambda: TEXTURE)


def finds(each=1.0, common=0.0, seed=0, **others):
    errors = Errors(each, common, **others)
    return true_finds(TRUTH, errors, np.random.default_rng(seed))


def test_finds_of_the_truth_err_as_they_say():
    assert sorted(shown_objects(TRUTH)) == ["left", "right"]
    found = finds()
    judged = judge_finds(found, OBJECTS, IMAGE)
    assert sorted(one.name for one in judged) == ["left", "right"]
    assert all(one.is_true and len(one.sigmas_px) == 400 for one in judged)
    errors = np.concatenate([one.errors_px for one in judged])
    assert errors.std() == pytest.approx(1.0, abs=0.08)
    assert abs(errors.mean()) < 0.1, "pixels and places of the reference belong to each other"
    honest = calibration(judged)
    assert honest.normalized == pytest.approx(1.0, abs=0.08)
    np.testing.assert_allclose(honest.within, [0.683, 0.954, 0.997], atol=0.03)
    assert finds(missed=1.0) == []
    shared = judge_finds(finds(0.01, 3.0), OBJECTS, IMAGE)
    assert all(np.ptp(one.errors_px, axis=0).max() < 0.2 for one in shared), "common errors"


def test_who_says_too_little_error_is_not_honest():
    judged = [
        dataclasses.replace(one, sigmas_px=one.sigmas_px / 2)
        for one in judge_finds(finds(), OBJECTS, IMAGE)
    ]
    honest = calibration(judged)
    assert honest.normalized == pytest.approx(2.0, abs=0.2)
    np.testing.assert_allclose(honest.sigmas, 0.5)
    np.testing.assert_allclose(honest.errors, 1.0, atol=0.2)
    assert calibration([]) is None


def test_a_find_of_an_object_that_is_elsewhere_is_false():
    wrong = [dataclasses.replace(one, name="away") for one in finds()]
    judged = judge_finds(wrong, OBJECTS, IMAGE)
    assert [one.is_true for one in judged] == [False, False]
    assert all(len(one.errors_px) == 0 for one in judged)
    none = NoPose(7, NoPoseReason.TOO_FEW_MATCHES, "", 0, {})
    image = judge_pose(IMAGE, none, judged, TRUTH)
    assert (image.seen, image.missed, image.reason) == (2, 2, "too_few_matches")
    numbers = summary([image])
    assert (numbers["recall"], numbers["false"]) == (0.0, 2.0)
    assert np.isinf(numbers["position_cm"])


def test_of_several_places_the_one_that_is_seen_counts():
    copies = MapObjects((hung("left", (9.0, 9.0, 0.0), (-1.1, -0.5, 0.0)), OBJECTS.objects[1]))
    assert all(one.is_true for one in judge_finds(finds(), copies, IMAGE))


def test_poses_of_finds_are_judged_by_place_and_turn():
    matches = lift(finds(0.5), OBJECTS, 7)
    found = ObjectLocalizer().localize(Frame(7, IMAGE.read(), CAMERA, objects=matches))
    assert isinstance(found, PoseEstimate)
    judged = judge_pose(IMAGE, found, stage_ms={"find": 3.0})
    assert 0 < judged.position_m < 0.03 and 0 < judged.rotation_deg < 1
    assert set(judged.stage_ms) == {"find", "objects"}
    shifted = dataclasses.replace(IMAGE, camera_from_map=se3.inverse(
        se3.inverse(found.camera_from_map) + np.eye(4, k=3) * 0.5
    ))  # fmt: skip
    assert judge_pose(shifted, found).position_m == pytest.approx(0.5)
    assert summary([judged])["ms_find"] == 3.0


def test_shares_are_of_all_images_and_turns_count():
    images = [
        JudgedImage("a", 0.02, 1.0), JudgedImage("b", 0.02, 6.0), JudgedImage("c", 0.2, 1.0),
        JudgedImage("d", np.inf, np.inf, "too_few_matches"),
    ]  # fmt: skip
    np.testing.assert_allclose(localized(images, [0.01, 0.02, 0.5]), [0, 0.25, 0.5])
    assert np.isnan(localized([], [0.1])).all()


def test_figures_show_what_they_are_given():
    near, far = [JudgedImage("a", 0.01, 0.1)] * 3, [JudgedImage("a", 0.5, 0.1)] * 3
    figure = localized_figure({"day": {"one": near, "two": far}, "night": {"one": far}})
    lines = figure.axes[0].lines
    limits, shares = lines[0].get_data()
    assert shares[limits < 0.99].max() == 0 and shares[limits > 1.01].min() == 1
    assert len(figure.axes) == 2 and len(figure.axes[1].lines) == 1
    said = [JudgedFind("a", True, np.full((20, 2), 2.0), np.full(20, 1.0))]
    line = sigma_figure({"one": calibration(said)}).axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), 2.0)
    bars = stages_figure({"one": {"find": 3.0, "objects": 1.0}, "two": {"find": 5.0}}).axes[0]
    assert sorted(one.get_width() for one in bars.patches) == [0.0, 1.0, 3.0, 5.0]
