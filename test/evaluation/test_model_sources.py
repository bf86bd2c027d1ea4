"""Masks and objects of models beside a stream of events: when they come and what is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np

from semloc_ros.config import DynamicConfig
from semloc_ros.errors import InputError, SemlocError
from semloc_ros.evaluation.model_sources import FoundMasks, FoundObjects
from semloc_ros.evaluation.stream import CAMERA, IMAGE, MASK, OBJECTS, Event
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.types import Camera, Instances, ObjectDetection

PIXELS = np.zeros((40, 60, 3), np.uint8)
LENS = Camera("pinhole", 60, 40, 50, 50, 30, 20)
HUNG = ObjectInstance(np.array([[2.0, 0, 1], [0, 0, 5], [0, -1.5, 2], [0, 0, 1]]))
PICTURE = np.full((8, 8, 3), 9, np.uint8)
OBJECTS_OF_MAP = MapObjects(
    (ObjectOfInterest("queen", PICTURE, np.full((8, 8), 255, np.uint8), (HUNG,)),)
)


def event(kind: str, stamp_ns: int, value: Any = PIXELS) -> Event:
    return Event(stamp_ns + 9, stamp_ns, kind, value, stamp_ns, "camera")


def mount(frame: str) -> np.ndarray:
    return np.eye(4)


class Finder:
    """Finds the queen in the middle of each image, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool, Any]] = []

    def find(self, image: Any, mask: Any = None, camera: Any = None) -> list[ObjectDetection]:
        self.asked.append((int(image[0, 0, 0]), mask is not None, camera))
        if image.shape != PIXELS.shape:
            raise InputError("image: expected 60x40 pixels, got others")
        rows = np.full(4, 0.5)
        places = np.array([[30.0, 20]] * 4)
        return [ObjectDetection("queen", 0.9, np.array([20.0, 10, 40, 30]), places,
                                np.full((4, 2), 0.5), rows, rows)]  # fmt: skip


def numbered(number: int) -> np.ndarray:
    return np.full_like(PIXELS, number)


def found(events: list[Event], late: bool = False) -> tuple[list[tuple[str, int]], Finder, Any]:
    finder = Finder()
    seen = list(FoundObjects(finder, OBJECTS_OF_MAP, late).beside(events, mount))
    return [(one.kind, one.stamp_ns) for one in seen], finder, seen


def test_objects_come_with_their_image_and_are_those_of_the_map() -> None:
    events = [event(IMAGE, 1, numbered(1)), event(CAMERA, 2, LENS), event(MASK, 2, PIXELS[..., 0]),
              event(IMAGE, 2, numbered(2)), event(IMAGE, 3, InputError("torn")),
              event(IMAGE, 4, PIXELS[:9])]  # fmt: skip
    kinds, finder, seen = found(events)
    assert kinds == [
        (OBJECTS, 1), (IMAGE, 1), (CAMERA, 2), (MASK, 2), (OBJECTS, 2), (IMAGE, 2), (IMAGE, 3),
        (OBJECTS, 4), (IMAGE, 4),
    ]  # fmt: skip
    assert finder.asked == [(1, False, None), (2, True, LENS), (0, False, LENS)]
    first = seen[0].value
    assert (first.stamp_ns, len(first), first.objects.tolist()) == (1, 4, [0] * 4)
    np.testing.assert_allclose(first.correspondences.points_map[0], [2.0, 5.0, 1.25])
    assert isinstance(seen[7].value, SemlocError)


def test_masks_that_come_later_are_waited_for_until_the_next_image() -> None:
    events = [event(IMAGE, 1, numbered(1)), event(MASK, 1, PIXELS[..., 0]),
              event(IMAGE, 2, numbered(2)), event(IMAGE, 3, numbered(3)),
              event(MASK, 3, InputError("torn")), event(MASK, 4, PIXELS[..., 0]),
              event(IMAGE, 4, numbered(4)), event(IMAGE, 5, numbered(5))]  # fmt: skip
    kinds, finder, seen = found(events, late=True)
    assert kinds == [
        (IMAGE, 1), (OBJECTS, 1), (MASK, 1), (IMAGE, 2), (OBJECTS, 2), (IMAGE, 3), (OBJECTS, 3),
        (MASK, 3), (MASK, 4), (OBJECTS, 4), (IMAGE, 4), (IMAGE, 5), (OBJECTS, 5),
    ]  # fmt: skip
    assert [one[:2] for one in finder.asked] == [
        (1, True), (2, False), (3, False), (4, True), (5, False)
    ]  # fmt: skip
    assert [one.at_ns for one in seen] == sorted(one.at_ns for one in seen)


class Halves:
    """The left half moves."""

    name, computed_by, classes = "halves", "nothing", ("half",)

    def segment(self, image: Any) -> Instances:
        if image.shape != PIXELS.shape:
            raise InputError("image: expected 60x40 pixels, got others")
        numbers = np.zeros(PIXELS.shape[:2], np.uint16)
        numbers[:, :30] = 1
        return Instances(numbers, np.ones(1, np.float32))


def test_each_whole_image_has_a_mask_as_the_node_would_send_it() -> None:
    config = DynamicConfig(dilation=0.05)
    events = [event(IMAGE, 1), event(IMAGE, 2, InputError("torn")), event(IMAGE, 3, PIXELS[:9])]
    mask, _, _, fault, _ = FoundMasks(Halves(), config).beside(events, mount)
    assert (mask.kind, mask.stamp_ns) == (MASK, 1)
    assert mask.value[0].tolist() == [255] * 33 + [0] * 27
    assert (fault.kind, fault.stamp_ns) == (MASK, 3) and isinstance(fault.value, SemlocError)
