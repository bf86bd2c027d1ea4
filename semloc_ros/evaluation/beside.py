"""What was recorded beside the images of a bag, in another one: masks, label maps, places, objects.

Nodes that were slow, or a recorder with another clock, do not matter: each comes with the image of
exactly its stamp, and an image without one has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from semloc_ros.datasets.bag_reader import messages, stamp_of
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.evaluation.events import COMPANIONS, companion_value
from semloc_ros.evaluation.stream import IMAGE, Event


@dataclass(slots=True)
class RecordedBeside:
    """What a topic of a bag has for images; `kind` is one of `COMPANIONS`, `stamps_ns` are those of
    its messages, and from `check` on only those that images have."""

    kind: str
    bag: Path
    topic: str
    map_frame: str
    stamps_ns: frozenset[int]

    def check(self, stamps_ns: Iterable[int]) -> None:
        """DatasetError, in one line, if none of them belongs to an image of these stamps. The
        others are passed over by `beside`, which keeps nothing of them in memory."""
        of_images = self.stamps_ns.intersection(stamps_ns)
        if not of_images:
            wanted = "messages at the stamps of the bag's images"
            got = f"none of {len(self.stamps_ns)}"
            raise DatasetError(expected(f"{self.bag} {self.topic}", wanted, got))
        self.stamps_ns = of_images

    def beside(self, events: Iterable[Event]) -> Iterator[Event]:
        """The events, and before each image what was recorded for it."""
        recorded = messages(self.bag, self.topic, COMPANIONS[self.kind])
        kept: dict[int, Any] = {}
        left = set(self.stamps_ns)
        for event in events:
            stamp = event.stamp_ns
            if event.kind == IMAGE and stamp in left:
                while stamp not in kept:  # those of later images come first, if anything does
                    _, message = next(recorded)
                    if (of := stamp_of(message.header)) in left:
                        kept[of] = message
                left.remove(stamp)
                yield replace(event, kind=self.kind, value=self._value(kept.pop(stamp)))
            yield event

    def _value(self, message: Any) -> Any:
        try:
            return companion_value(self.kind, self.topic, message, self.map_frame)
        except SemlocError as error:
            return error


def recorded_beside(kind: str, bag: Path, topic: str, map_frame: str) -> RecordedBeside:
    """Of a topic that is there. DatasetError for one of another type, or without messages."""
    stamps = _stamps(kind, bag, topic, bag.stat().st_mtime_ns)
    if not stamps:
        raise DatasetError(expected(f"{bag} {topic}", "messages", "none"))
    return RecordedBeside(kind, bag, topic, map_frame, stamps)


@lru_cache(maxsize=16)
def _stamps(kind: str, bag: Path, topic: str, changed_ns: int) -> frozenset[int]:
    """Read once for all variants, as long as the bag stays the same."""
    recorded = messages(bag, topic, COMPANIONS[kind])
    return frozenset(stamp_of(message.header) for _, message in recorded)
