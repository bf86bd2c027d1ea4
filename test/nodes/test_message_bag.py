"""Messages of topics to a bag, over real DDS."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from semloc_ros.datasets.bag_images import decode_image
from semloc_ros.datasets.bag_reader import messages, stamp_of
from semloc_ros.errors import ConfigError, EnvironmentFault, InputError
from semloc_ros.nodes.message_bag import MessageBag, parse_topics
from semloc_ros.nodes.messages import header, to_image

IMAGE = "sensor_msgs/msg/Image"
MASK = np.array([[0, 255, 0], [255, 0, 255]], np.uint8)


@pytest.fixture
def node() -> Iterator[Node]:
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    rclpy.init(domain_id=1 + os.getpid() * 3 % 100)
    node = Node("bag_of_messages")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def test_topics_are_told_with_their_types() -> None:
    assert parse_topics("") == {}
    two = parse_topics("/a/b=std_msgs/msg/String,/c=sensor_msgs/msg/Image")
    assert two == {"/a/b": "std_msgs/msg/String", "/c": IMAGE}
    for wrong in ("/a", "a=std_msgs/msg/String", "/a=String"):
        with pytest.raises(ConfigError, match=f"topics: expected /topic=package.*got {wrong}"):
            parse_topics(wrong)


def test_what_is_published_is_read_back_and_an_earlier_bag_is_replaced(
    node: Node, tmp_path: Path
) -> None:
    for count in (1, 2):
        bag = MessageBag(node, tmp_path / "said", {"/mask": IMAGE, "/silent": IMAGE})
        publisher = node.create_publisher(Image, "/mask", 5)
        deadline = time.monotonic() + 20.0
        while not publisher.get_subscription_count() and time.monotonic() < deadline:
            rclpy.spin_once(node, timeout_sec=0.05)
        message = to_image(MASK, header("camera", 7_000_000_001 * count))
        publisher.publish(message)
        for _ in range(20):
            rclpy.spin_once(node, timeout_sec=0.05)
        bag.close()
        node.destroy_publisher(publisher)
        found = [one for _, one in messages(tmp_path / "said", "/mask", (IMAGE,))]
        assert [stamp_of(one.header) for one in found] == [7_000_000_001 * count]
        np.testing.assert_array_equal(decode_image("/mask", found[0]), MASK)


def test_what_cannot_be_recorded_is_one_line(node: Node, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="nowhere_msgs/msg/Thing"):
        MessageBag(node, tmp_path / "bag", {"/a": "nowhere_msgs/msg/Thing"})
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="a folder that can be written"):
        MessageBag(node, file / "bag", {"/a": IMAGE})


def test_what_is_no_bag_is_not_deleted(node: Node, tmp_path: Path) -> None:
    letters = tmp_path / "companions"
    letters.mkdir()
    (letters / "letter.txt").write_text("dear")
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(tmp_path / "nowhere")
    file.touch()
    for there in (letters, link, file):
        with pytest.raises(InputError, match=f"^{there}: expected a bag .metadata.yaml. to repl"):
            MessageBag(node, there, {"/a": IMAGE})
    assert (letters / "letter.txt").read_text() == "dear" and link.is_symlink() and file.is_file()
