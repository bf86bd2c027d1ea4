"""Where an object hangs now: from images of a later run, or from its corners."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hung_pictures import CORNERS, Wall, hang

from semloc_ros.errors import DatasetError
from semloc_ros.geometry import se3
from semloc_ros.learning.object_moves import features_of_images, find_move, place_from_corners
from semloc_ros.maps.objects import ObjectInstance, ObjectOfInterest
from semloc_ros.types import PosedImage


def object_of(wall: Wall, *rows: int) -> ObjectOfInterest:
    picture = wall.pictures[rows[0]]
    places = tuple(ObjectInstance(wall.places[row]) for row in rows)
    return ObjectOfInterest("one", picture, np.full(picture.shape[:2], 255, np.uint8), places)


def seen_after(wall: Wall, motion, picture: int = 0, views=range(1, 6, 2)):
    """The features of later images, in which one picture hangs elsewhere."""
    places = [motion @ place if row == picture else place for row, place in enumerate(wall.places)]
    return features_of_images(
        PosedImage(str(view), view, wall.camera, wall.poses[view],
                   lambda view=view: wall.image(view, places))
        for view in views
    )  # fmt: skip


def moved(instance: ObjectInstance, shift, turn) -> np.ndarray:
    middle = instance.points_map(np.array([[0.5, 0.5]]))[0]
    rotation = se3.exp([0.0, 0.0, 0.0, *turn])[:3, :3]
    return se3.make_pose(rotation, middle + shift - rotation @ middle)


@pytest.mark.parametrize(("shift", "turn"), [
    ([0.0, 0.3, 0.2], [0.0, 0.0, 0.0]),
    ([-0.3, 0.0, -0.3], [0.1, 0.1, -0.3]),
    ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
])  # fmt: skip
def test_a_picture_that_moved_is_found(shift, turn):
    wall = hang()
    one = object_of(wall, 0)
    truth = moved(one.instances[0], shift, turn)
    found = find_move(one, 0, seen_after(wall, truth))
    assert found.images == 3 and found.matches >= 60 and found.error_px < 0.8
    place = one.instances[0].points_map(CORNERS)
    error = se3.transform(found.new_from_old, place) - se3.transform(truth, place)
    assert np.linalg.norm(error, axis=1).max() < 0.015


def test_its_copy_that_stayed_is_not_taken_for_it():
    wall = hang(twins=True)
    one = object_of(wall, 0, 1)
    truth = moved(one.instances[0], [0.0, 0.35, -0.4], [0.0, 0.0, 0.0])
    gone = moved(one.instances[0], [0.0, 50.0, 0.0], [0.0, 0.0, 0.0])
    with pytest.raises(DatasetError, match="object one: expected 2 images that show it at one pl"):
        find_move(one, 0, seen_after(wall, gone))
    found = find_move(one, 0, seen_after(wall, truth, views=range(6)))
    place = one.instances[0].points_map(CORNERS)
    error = se3.transform(found.new_from_old, place) - se3.transform(truth, place)
    assert np.linalg.norm(error, axis=1).max() < 0.015


def test_a_picture_that_is_gone_is_one_line():
    wall = hang()
    away = moved(object_of(wall, 0).instances[0], [0.0, 50.0, 0.0], [0.0, 0.0, 0.0])
    with pytest.raises(DatasetError) as caught:
        find_move(object_of(wall, 0), 0, seen_after(wall, away))
    assert str(caught.value) == (
        "object one: expected 2 images that show it at one place, got 0"
    )


def test_matches_without_a_pose_are_one_line(monkeypatch):
    def fails(*given, **options):
        raise cv2.error("singular")

    wall = hang()
    monkeypatch.setattr(cv2, "solvePnPGeneric", fails)
    with pytest.raises(DatasetError, match="expected 2 images that show it at one place, got 0"):
        find_move(object_of(wall, 0), 0, seen_after(wall, np.eye(4)))


def test_corners_say_where_it_is():
    slanted = np.array([[1.0, 0.1, 0.2], [0.2, 1.0, 0.3], [0.1, -0.2, 2.0], [0.2, -0.1, 1.0]])
    corners = ObjectInstance(slanted).points_map(CORNERS)
    found = place_from_corners(corners)
    places = np.random.default_rng(0).uniform(0, 1, (9, 2))
    wanted = ObjectInstance(slanted).points_map(places)
    assert np.abs(ObjectInstance(found).points_map(places) - wanted).max() < 1e-5


@pytest.mark.parametrize(("corners", "line"), [
    ([[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0]], "expected four corners of a plane picture"),
    ([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], "expected four corners of a plane picture"),
    ([[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], "got edges that cross"),
])  # fmt: skip
def test_corners_of_no_picture_are_one_line(corners, line):
    with pytest.raises(DatasetError, match=line):
        place_from_corners(np.array(corners, float))
