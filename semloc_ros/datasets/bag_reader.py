"""Opening bags and reading messages: ROS 2 (sqlite3, mcap) and ROS 1, no ROS needed.

Whatever is wrong with a bag is raised as a DatasetError of one line that names the bag.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semloc_ros.errors import DatasetError, SemlocError, expected


def topics(bag: Path) -> dict[str, str]:
    """Message type of each topic, e.g. {"/odom": "nav_msgs/msg/Odometry"}."""
    with open_bag(bag) as reader:
        return {connection.topic: connection.msgtype for connection in reader.connections}


@contextmanager
def open_bag(bag: Path) -> Iterator[Any]:
    """The open reader (rosbags.highlevel.AnyReader) of a bag: a folder, or one file."""
    reader = open_reader(bag)
    try:
        with faults_named(bag):
            yield reader
    finally:
        reader.close()


def open_reader(bag: Path) -> Any:
    """Like `open_bag`, for those who close it themselves."""
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    if not bag.exists():
        raise DatasetError(expected(str(bag), "a bag", "nothing"))
    with faults_named(bag):
        # Bags older than ROS 2 Iron carry no definitions: these types have not changed since.
        reader = AnyReader([bag], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
        return reader


@contextmanager
def faults_named(bag: Path) -> Iterator[None]:
    """Turns what the reader of a broken bag raises into one line with the bag's name."""
    try:
        yield
    except SemlocError:
        raise
    except Exception as error:  # a damaged file makes the parsers fail in any way there is
        reason = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise DatasetError(expected(str(bag), "a readable bag", reason)) from error


def messages(bag: Path, topic: str, kinds: tuple[str, ...]) -> Iterator[tuple[int, Any]]:
    """(record time in ns, message) of a topic, in order of record time.

    Raises DatasetError if the topic is missing (naming what is there), or of another type.
    """
    with open_bag(bag) as reader:
        chosen = connections(reader, bag, topic, kinds)
        for connection, time_ns, raw in reader.messages(chosen):
            yield time_ns, reader.deserialize(raw, connection.msgtype)


def connections(reader: Any, bag: Path, topic: str, kinds: tuple[str, ...]) -> list[Any]:
    """The bag's connections of a topic, checked to be of one of the types `kinds`."""
    chosen = [one for one in reader.connections if one.topic == topic]
    if not chosen:
        there = ", ".join(sorted({one.topic for one in reader.connections})) or "no topics"
        raise DatasetError(expected(str(bag), f"a topic {topic}", there))
    for one in chosen:
        if one.msgtype not in kinds:
            raise DatasetError(expected(f"{bag} {topic}", " or ".join(kinds), one.msgtype))
    return chosen


def stamp_of(header: Any) -> int:
    """Nanoseconds of a message header, ROS 1 or 2."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
