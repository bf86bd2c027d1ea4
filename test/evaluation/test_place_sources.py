"""Places beside a stream of events: when they come, what they are made from, and the oracle's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semloc_ros.config import EvaluateConfig
from semloc_ros.errors import ConfigError, InputError, SemlocError
from semloc_ros.evaluation.arrivals import Arrivals
from semloc_ros.evaluation.place_sources import FoundPlaces, OraclePlaces, find_places
from semloc_ros.evaluation.predictions import Truth
from semloc_ros.evaluation.stream import CAMERA, IMAGE, LABELS, MASK, ODOMETRY, PLACES, Event
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, Places

S = 1_000_000_000
PIXELS = np.zeros((4, 6), np.uint8)
MOUNT = se3.exp([0.3, 0, 1, 0, 0, 0])
TRUTH = Truth(  # a metre a second
    np.arange(21) * S // 2, np.stack([se3.exp([step / 2, 0, 0, 0, 0, 0]) for step in range(21)])
)
VIEWS = np.stack([se3.exp([float(x), 0, 1, 0, 0, 0]) for x in range(-50, 51)])


def mount(frame: str) -> np.ndarray:
    return MOUNT


def event(kind: str, stamp_ns: int, value: Any = PIXELS, **more: Any) -> Event:
    return Event(stamp_ns + 9, stamp_ns, kind, value, stamp_ns, "camera", **more)


class Retriever:
    """Keeps what it is asked; a place at the origin."""

    def __init__(self, *needs: str) -> None:
        self.needs = set(needs)
        self.asked: list[tuple[Any, ...]] = []

    def retrieve(
        self, stamp_ns: int, image: Any, labels: Any = None, mask: Any = None,
        odom_from_camera: Any = None,
    ) -> Places:
        self.asked.append((stamp_ns, labels is not None, mask is not None, odom_from_camera))
        if image.shape != PIXELS.shape:
            raise InputError("image: expected 6x4 pixels, got others")
        return Places(stamp_ns, np.eye(4)[None], np.ones(1), np.array([-1]))


def kinds(retriever: Retriever, events: list[Event]) -> list[tuple[str, int]]:
    found = FoundPlaces(retriever).beside(events, mount)
    return [(one.kind, one.stamp_ns // S) for one in found]


def test_places_come_with_the_image_or_with_the_labels_that_they_are_made_from() -> None:
    events = [event(IMAGE, S), event(MASK, S), event(LABELS, S), event(LABELS, 2 * S),
              event(IMAGE, 2 * S), event(IMAGE, 3 * S)]  # fmt: skip
    of_images, of_labels = Retriever("image"), Retriever("labels")
    assert kinds(of_images, events) == [
        (PLACES, 1), (IMAGE, 1), (MASK, 1), (LABELS, 1), (LABELS, 2), (PLACES, 2), (IMAGE, 2),
        (PLACES, 3), (IMAGE, 3),
    ]  # fmt: skip
    assert kinds(of_labels, events) == [
        (IMAGE, 1), (MASK, 1), (PLACES, 1), (LABELS, 1), (LABELS, 2), (PLACES, 2), (IMAGE, 2),
        (IMAGE, 3),
    ]  # fmt: skip
    assert [one[:3] for one in of_labels.asked] == [(S, True, True), (2 * S, True, False)]


def test_odometry_is_that_of_the_robot_and_broken_images_have_no_places() -> None:
    retriever, pose = Retriever("image"), se3.exp([1.0, 2, 0, 0, 0, 0.5])
    events = [
        event(ODOMETRY, S, pose), event(IMAGE, S),
        event(ODOMETRY, S, np.full((4, 4), np.nan)),
        event(IMAGE, 2 * S, InputError("torn")), event(IMAGE, 3 * S, np.zeros((9, 9))),
    ]  # fmt: skip
    found = list(FoundPlaces(retriever).beside(events, mount))
    np.testing.assert_allclose(retriever.asked[0][3], pose @ MOUNT)
    assert [one[0] for one in retriever.asked] == [S, 3 * S] and retriever.asked[1][3] is None
    assert isinstance([one for one in found if one.kind == PLACES][-1].value, SemlocError)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_oracle_names_a_view_near_the_truth_for_its_share_of_the_images(share: float) -> None:
    source = OraclePlaces(share, TRUTH, VIEWS, EvaluateConfig())
    images = [event(IMAGE, stamp * S // 10) for stamp in range(100)]
    images.append(event(IMAGE, 11 * S))  # beyond the truth
    found = list(source.beside(images, mount))
    near = 0
    for places, image in zip(found[0:200:2], found[1:200:2], strict=True):
        assert (places.kind, places.stamp_ns, image.kind) == (PLACES, image.stamp_ns, IMAGE)
        at, value = image.stamp_ns / S + 0.3, places.value
        np.testing.assert_array_equal(value.map_from_camera, VIEWS[value.views])
        away = np.abs(value.map_from_camera[:, 0, 3] - at)
        assert len(value) == 10 and (np.diff(value.scores) < 0).all()
        assert ((away <= 6.0) | (away > 20.0)).all()
        near += int((away <= 6.0).sum())
    assert near == 100 * share if share in (0.0, 1.0) else 30 < near < 70
    assert [one.kind for one in found[200:]] == [IMAGE]
    again = list(source.beside(images, mount))
    np.testing.assert_array_equal(again[0].value.views, found[0].value.views)


def test_a_frame_gets_its_places_or_the_last_ones_and_never_broken_ones() -> None:
    config = replace(EvaluateConfig(), places_max_age=0.5, odometry="none")
    arrivals, camera = Arrivals(config, mount), Camera("pinhole", 6, 4, 5, 5, 3, 2)
    arrivals.take_in(event(CAMERA, 0, camera), 0, 0)
    whole = Places(S, np.eye(4)[None], np.ones(1), np.array([-1]))
    arrivals.take_in(event(PLACES, S, whole), S, S)
    for stamp, kind in ((S, "exact"), (S + S // 2, "last"), (2 * S, "none"), (S // 2, "none")):
        frame, said = arrivals.frame(event(IMAGE, stamp))
        assert said[PLACES] == kind and (frame.places is whole) == (kind != "none")
    broken = replace(whole, map_from_camera=np.full((1, 4, 4), np.nan))
    for value in (broken, InputError("no map")):
        arrivals.take_in(event(PLACES, 3 * S, value), 3 * S, 3 * S)
        frame, said = arrivals.frame(event(IMAGE, 3 * S))
        assert frame.places is None and said[PLACES] == "none"


def test_the_last_places_are_carried_by_odometry() -> None:
    arrivals, camera = Arrivals(EvaluateConfig(), mount), Camera("pinhole", 6, 4, 5, 5, 3, 2)
    arrivals.take_in(event(CAMERA, 0, camera), 0, 0)
    for tenth in range(11):
        pose = se3.exp([tenth / 10, 0, 0, 0, 0, 0])
        arrivals.take_in(event(ODOMETRY, S + tenth * S // 10, pose), 3 * S, 3 * S)
    arrivals.take_in(event(PLACES, S, Places(S, MOUNT[None], np.ones(1), np.array([-1]))), S, S)
    image = event(IMAGE, S + S // 2)
    frame = arrivals.completed(arrivals.frame(image)[0], arrivals.sighting(image))
    assert frame.places is not None
    np.testing.assert_allclose(frame.places.map_from_camera[0, :3, 3], MOUNT[:3, 3] + [0.5, 0, 0])


def test_sources_that_are_none_end_in_one_line() -> None:
    for source in ("oracle=2", "a,b,c"):
        with pytest.raises(SemlocError) as caught:
            find_places(source, True, TRUTH, replace(EvaluateConfig(), map="/nowhere"))
        assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="one or two models of places"):
        find_places("a,b,c", True, TRUTH, EvaluateConfig())
