"""What a ROS 2 bag holds, as publishers need it: topics with type, QoS and raw messages.

Both storages (sqlite3, mcap) are read with `rosbags`; messages stay serialized (CDR), so that
playing needs no knowledge of their content.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.rosbag2 import Reader

from semloc_ros.errors import DatasetError, EnvironmentFault, expected

_DEPTH = 10
_STATIC_DEPTH = 100  # one message per broadcaster must wait for late subscribers


@dataclass(frozen=True, slots=True)
class Track:
    """One topic of a bag: its message class, the QoS to publish with, and how much there is."""

    topic: str
    message_type: type
    qos: QoSProfile
    count: int

    @property
    def latched(self) -> bool:
        """Whether late subscribers get what was published before."""
        return self.qos.durability == DurabilityPolicy.TRANSIENT_LOCAL


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """An open bag: a folder with metadata.yaml, or a lone .mcap or .db3 file.

    Raises DatasetError in one line when there is none or it cannot be read.
    """
    try:
        reader = Reader(path)
        reader.open()
    except Exception as error:  # whatever a damaged file makes the library trip over
        raise DatasetError(_unreadable(path, error)) from None
    try:
        yield reader
    finally:
        reader.close()


def tracks_of(
    reader: Reader, chosen: Collection[str], excluded: Collection[str]
) -> tuple[list[Track], list[str]]:
    """The topics to play and, in one line each, those that cannot be played.

    `chosen` empty means all. Raises DatasetError for a chosen topic that is not in the bag.
    """
    for topic in chosen:
        _check_topic(topic, list(reader.topics))
    tracks, skipped = [], []
    for topic, info in reader.topics.items():
        if topic in excluded or (chosen and topic not in chosen):
            continue
        try:
            kind = message_class(info.msgtype or "several types on one topic")
        except EnvironmentFault as error:
            skipped.append(f"{topic}: skipped: {error}")
            continue
        tracks.append(Track(topic, kind, recorded_qos(topic, info.connections), info.msgcount))
    return tracks, skipped


def raw_messages(
    reader: Reader, topics: Collection[str], start_ns: int | None, stop_ns: int | None = None
) -> Iterator[tuple[str, int, bytes]]:
    """(topic, time of recording in ns, serialized message) in the order of recording.

    Raises DatasetError where the bag turns out to be damaged.
    """
    connections = [one for one in reader.connections if one.topic in topics]
    if not connections:
        return
    try:
        for connection, stamp_ns, data in reader.messages(connections, start_ns, stop_ns):
            yield connection.topic, stamp_ns, bytes(data)
    except Exception as error:  # see `opened`; GeneratorExit is none
        raise DatasetError(_unreadable(reader.path, error)) from None


def message_class(name: str) -> type:
    """The class of a type as bags name it, `package/msg/Name`.

    Raises EnvironmentFault when its package, or its C part, is not installed.
    """
    package, _, kind = name.partition("/msg/")
    try:
        found = getattr(importlib.import_module(f"{package}.msg"), kind)
        found.__class__.__import_type_support__()
    except Exception as error:  # a missing library surfaces as rosidl's own exception
        reason = " ".join(str(error).split())
        raise EnvironmentFault(f"type {name} is not installed ({reason})") from None
    return found


def recorded_qos(topic: str, connections: Sequence[Any]) -> QoSProfile:
    """The QoS that was offered when the bag was recorded.

    Where it was not recorded: reliable, which every subscription accepts, and latched for
    /tf_static. Deadlines and lifespans are left out: another rate would break them.
    """
    offers = [offer for one in connections for offer in one.ext.offered_qos_profiles]
    if not offers:
        return _fallback_qos(topic)
    latched = all(offer.durability.name == "TRANSIENT_LOCAL" for offer in offers)
    reliable = all(offer.reliability.name != "BEST_EFFORT" for offer in offers)
    keep_all = any(offer.history.name == "KEEP_ALL" for offer in offers)
    depths = [offer.depth if 0 < offer.depth < 10_000 else _DEPTH for offer in offers]
    return QoSProfile(
        history=HistoryPolicy.KEEP_ALL if keep_all else HistoryPolicy.KEEP_LAST,
        depth=sum(depths) if latched else max(depths),  # one publisher stands for several
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _fallback_qos(topic: str) -> QoSProfile:
    if topic.endswith("/tf_static"):
        return QoSProfile(depth=_STATIC_DEPTH, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    return QoSProfile(depth=_DEPTH)


def _check_topic(topic: str, there: list[str]) -> None:
    if topic not in there:
        near = difflib.get_close_matches(topic, there, n=1, cutoff=0.0)
        hint = f"a topic of the bag, such as {near[0]}" if near else "a bag with topics"
        raise DatasetError(expected("--topics", hint, topic))


def _unreadable(path: Any, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return expected(str(path), "a readable ROS 2 bag (sqlite3 or mcap)", reason)
