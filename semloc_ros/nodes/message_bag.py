"""Messages of any topics written to a bag as they come, byte by byte: what nodes said beside the
images of a robot, for `semloc evaluate --with`.

The bag is a folder of one MCAP file; its times are those of the node's clock.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from semloc_ros.errors import ConfigError, InputError, expected
from semloc_ros.nodes.bag_tracks import message_class

_DEPTH = 20  # while the disk is slow
_METADATA = "metadata.yaml"
_WANTED = "/topic=package/msg/Type,…"


def parse_topics(text: str) -> dict[str, str]:
    """The type of each topic, of `/a=sensor_msgs/msg/Image,/b=…`; ConfigError for other words."""
    found = {}
    for word in filter(None, text.split(",")):
        topic, _, kind = word.partition("=")
        if not topic.startswith("/") or kind.count("/msg/") != 1:
            raise ConfigError(expected("topics", _WANTED, word))
        found[topic] = kind
    return found


class MessageBag:
    """Writes from construction until `close`; an earlier bag in the folder is replaced.

    Raises EnvironmentFault for a type that is not installed, InputError if the folder is there and
    no bag, or cannot be written.
    """

    def __init__(self, node: Node, folder: Path, kinds: dict[str, str]) -> None:
        classes = {topic: message_class(kind) for topic, kind in kinds.items()}
        self._node, self._clock = node, node.get_clock()
        _remove_earlier(folder)
        try:
            self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.open()
        except Exception as error:  # the library's own, or the system's
            wanted = "a folder that can be written"
            raise InputError(expected(str(folder), wanted, error)) from None
        store = get_typestore(Stores.ROS2_JAZZY)
        self._subscriptions = []
        for topic, kind in kinds.items():
            connection = self._writer.add_connection(topic, kind, typestore=store)
            write = partial(self._write, connection)
            qos = QoSProfile(depth=_DEPTH)
            self._subscriptions.append(
                node.create_subscription(classes[topic], topic, write, qos, raw=True)
            )

    def close(self) -> None:
        """Unsubscribe, and finish the file; without that it cannot be read."""
        for one in self._subscriptions:
            self._node.destroy_subscription(one)
        self._writer.close()

    def _write(self, connection: Any, data: bytes) -> None:
        self._writer.write(connection, self._clock.now().nanoseconds, data)


def _remove_earlier(folder: Path) -> None:
    """Only what is a bag: other things of that name are the user's."""
    if not os.path.lexists(folder):
        return
    if not os.path.isfile(folder / _METADATA):  # False for what may not be looked at, too
        wanted = f"a bag ({_METADATA}) to replace, or nothing yet"
        raise InputError(expected(str(folder), wanted, "something else"))
    shutil.rmtree(folder, ignore_errors=True)
