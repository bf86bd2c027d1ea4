"""What nodes send, as the reader of bags gives it back without ROS."""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore

from semloc_ros.evaluation.events import companion_value
from semloc_ros.evaluation.stream import LABELS, MASK, OBJECTS, PLACES
from semloc_ros.geometry import se3
from semloc_ros.nodes.messages import header, to_image
from semloc_ros.nodes.object_messages import to_correspondences
from semloc_ros.nodes.place_messages import to_places
from semloc_ros.types import Correspondences, ObjectMatches, Places

STAMP = 1_700_000_000_123_456_789
STORE = get_typestore(Stores.ROS2_JAZZY)


def recorded(kind: str, message: Any, type_name: str) -> Any:
    data = serialize_message(message)
    return companion_value(kind, "/topic", STORE.deserialize_cdr(data, type_name), "map")


def test_places_are_the_same() -> None:
    poses = np.stack([se3.exp([1.0, 2, 3, 0.1, 0.2, 0.3]), np.eye(4)])
    sent = Places(STAMP, poses, np.array([0.9, 0.5]), np.array([7, -1]), np.full((2, 2), 0.25))
    found = recorded(PLACES, to_places(sent, "map"), "sensor_msgs/msg/PointCloud2")
    assert found.stamp_ns == STAMP and found.views.tolist() == [7, -1]
    np.testing.assert_allclose(found.map_from_camera, poses, atol=1e-6)
    np.testing.assert_allclose(found.spreads, sent.spreads)


def test_objects_are_the_same() -> None:
    rng = np.random.default_rng(0)
    known = Correspondences(
        rng.uniform(0, 600, (5, 2)), rng.normal(0, 9, (5, 3)), rng.uniform(0.1, 9, 5),
        rng.uniform(0, 1, 5), np.full(5, -1),
    )  # fmt: skip
    sent = ObjectMatches(STAMP, known, *(rng.integers(0, 9, 5) for _ in range(3)))
    found = recorded(OBJECTS, to_correspondences(sent, "map"), "sensor_msgs/msg/PointCloud2")
    assert found.stamp_ns == STAMP and found.detections.tolist() == sent.detections.tolist()
    np.testing.assert_allclose(found.correspondences.points_map, known.points_map, rtol=1e-6)


def test_label_maps_and_masks_are_the_same() -> None:
    few = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for labels in (few, few.astype(np.uint16) + 300):
        message = to_image(labels, header("camera", STAMP))
        found = recorded(LABELS, message, "sensor_msgs/msg/Image")
        assert found.dtype == labels.dtype
        np.testing.assert_array_equal(found, labels)
    mask = np.where(few > 5, 255, 0).astype(np.uint8)
    message = to_image(mask, header("camera", STAMP))
    np.testing.assert_array_equal(recorded(MASK, message, "sensor_msgs/msg/Image"), mask)
