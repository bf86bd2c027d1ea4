"""What the nodes beside a localizer sent, drawn into the images that they sent it for, and counted.

All of it stands in one bag (see `predictions`), and belongs to images by its stamps.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.bag_images import decode_image, decode_labels
from semloc_ros.datasets.bag_reader import open_bag, stamp_of
from semloc_ros.errors import InputError, SemlocError, expected
from semloc_ros.evaluation.page import number, table
from semloc_ros.localization.object_clouds import matches_from
from semloc_ros.maps import label_sets
from semloc_ros.maps.objects import MapObjects, ObjectInstance, ObjectOfInterest
from semloc_ros.perception.label_colors import colorize, palette
from semloc_ros.perception.object_overlays import draw_finds
from semloc_ros.perception.objects import uv_of_points
from semloc_ros.types import LabelMap, ObjectDetection, ObjectMatches

_WIDTH = 480  # pixels of a panel
_QUALITY = 80
_MASKED = np.array([255, 40, 40], np.float32)
_STATUS = "/status"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where each kind of companion is in the bag; empty: it has none."""

    masks: str = ""
    labels: str = ""
    objects: str = ""
    places: str = ""


@dataclass(slots=True)
class Sent:
    """What a bag holds: by topic the stamps of its messages, by stamp of an image the share that is
    masked and the number of finds, and by topic of a status the latencies in ms."""

    stamps_ns: dict[str, set[int]] = field(default_factory=dict)
    masked: dict[int, float] = field(default_factory=dict)
    finds: dict[int, int] = field(default_factory=dict)
    latencies_ms: dict[str, list[float]] = field(default_factory=dict)


def read_sent(bag: Path, topics: Topics, map_frame: str = "map") -> Sent:
    """Count what is in a bag. DatasetError for a broken one; a broken message counts as none."""
    sent = Sent()
    with open_bag(bag) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            try:
                _count(sent, connection.topic, message, topics, map_frame)
            except SemlocError:
                continue
    return sent


def _count(sent: Sent, topic: str, message: Any, topics: Topics, map_frame: str) -> None:
    if topic.endswith(_STATUS):
        values = {one.key: one.value for one in message.values}
        if "latency_ms" in values:
            sent.latencies_ms.setdefault(topic, []).append(_latency_ms(values["latency_ms"]))
        return
    stamp = stamp_of(message.header)
    if topic == topics.masks:
        sent.masked[stamp] = float(np.mean(decode_image(topic, message) > 0))
    if topic == topics.objects:
        sent.finds[stamp] = len(np.unique(matches_from(message, map_frame).detections))
    sent.stamps_ns.setdefault(topic, set()).add(stamp)


def _latency_ms(said: str) -> float:
    try:
        latency_ms = float(said)
    except ValueError:
        latency_ms = math.nan
    if not math.isfinite(latency_ms):
        raise InputError(expected("status.latency_ms", "a number", repr(said)))
    return latency_ms


def telling_frames(sent: Sent, topics: Topics) -> list[int]:
    """Stamps of at most two images of which everything is there: that with most masked, and that
    with most finds."""
    kinds = [one for one in (topics.masks, topics.labels, topics.objects) if one]
    whole = set.intersection(*(sent.stamps_ns.get(one, set()) for one in kinds)) if kinds else set()
    chosen: list[int] = []
    for rank in (sent.masked, sent.finds):
        best = max(sorted(whole - set(chosen)), key=lambda stamp: rank.get(stamp, 0), default=None)
        if rank and best is not None:
            chosen.append(best)
    return chosen


def draw_sent(
    bag: Path, topics: Topics, images: Mapping[int, NDArray[np.uint8]],
    objects: MapObjects | None = None, map_frame: str = "map",
) -> dict[int, dict[str, NDArray[np.uint8]]]:  # fmt: skip
    """By stamp, of the images (H, W, 3) RGB given by theirs, what each topic says, drawn in.

    DatasetError for a broken bag; a broken message, or one that does not fit image or map, is left
    out.
    """
    drawn: dict[int, dict[str, NDArray[np.uint8]]] = {stamp: {} for stamp in images}
    wanted = {topics.masks, topics.labels, topics.objects}
    with open_bag(bag) as reader:
        connections = [one for one in reader.connections if one.topic in wanted]
        for connection, _, raw in reader.messages(connections):
            message = reader.deserialize(raw, connection.msgtype)
            stamp, topic = stamp_of(message.header), connection.topic
            if stamp not in images or (topic == topics.objects and objects is None):
                continue
            try:
                drawn[stamp][topic] = _drawn(
                    images[stamp], topic, message, topics, objects, map_frame
                )
            except SemlocError:
                continue
    return drawn


def _drawn(
    image: NDArray[np.uint8], topic: str, message: Any, topics: Topics, objects: MapObjects | None,
    map_frame: str,
) -> NDArray[np.uint8]:  # fmt: skip
    """The image with what one message says of it. InputError for one that does not fit."""
    if topic == topics.objects and objects is not None:
        return draw_finds(image, finds_of(matches_from(message, map_frame), objects), objects)
    if topic == topics.masks:
        mask = decode_image(topic, message)
        _check_size(topic, image, mask)
        return with_mask(image, mask)
    labels = decode_labels(topic, message)
    _check_size(topic, image, labels)
    return with_labels(image, labels)


def _check_size(topic: str, image: NDArray[np.uint8], found: NDArray[Any]) -> None:
    if found.shape != image.shape[:2]:
        raise InputError(expected(topic, f"the image's shape {image.shape[:2]}", found.shape))


def with_mask(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image (H, W, 3), red where the mask (H, W) is not 0."""
    mixed = 0.45 * image.astype(np.float32) + 0.55 * _MASKED
    return np.where(mask[..., None] > 0, mixed, image).astype(np.uint8)


def with_labels(image: NDArray[np.uint8], labels: LabelMap) -> NDArray[np.uint8]:
    """The image (H, W, 3) under its label map (H, W)."""
    unknown = np.iinfo(labels.dtype).max
    known = labels[labels != unknown]
    colors = palette(label_sets.clusters(int(known.max()) + 1 if known.size else 2))
    return np.asarray(cv2.addWeighted(image, 0.45, colorize(labels, colors), 0.55, 0), np.uint8)


def finds_of(matches: ObjectMatches, objects: MapObjects) -> list[ObjectDetection]:
    """The finds that became these matches; of several instances the first counts.

    InputError for an object or instance that the map lacks.
    """
    found = []
    for detection in np.unique(matches.detections):
        rows = np.flatnonzero(matches.detections == detection)
        rows = rows[matches.instances[rows] == matches.instances[rows].min()]
        known = matches.correspondences
        one, instance = _known(objects, matches.objects[rows[0]], matches.instances[rows[0]])
        pixels, scores = known.points_image[rows], known.scores[rows]
        found.append(
            ObjectDetection(
                one.name, float(scores.max()), np.concatenate([pixels.min(0), pixels.max(0)]),
                pixels, uv_of_points(instance.map_from_uv, known.points_map[rows]),
                known.sigmas_px[rows], scores,
            )
        )  # fmt: skip
    return found


def _known(objects: MapObjects, number: int, place: int) -> tuple[ObjectOfInterest, ObjectInstance]:
    """An object and an instance of it by their rows."""
    if not 0 <= number < len(objects.objects):
        raise InputError(expected("correspondences.object", f"< {len(objects.objects)}", number))
    one = objects.objects[number]
    if not 0 <= place < len(one.instances):
        raise InputError(expected("correspondences.instance", f"< {len(one.instances)}", place))
    return one, one.instances[place]


def panels(drawn: Sequence[tuple[str, NDArray[np.uint8]]]) -> str:
    """Pictures (H, W, 3) RGB side by side, each under its words."""
    shown = [
        f"<figure><figcaption>{html.escape(words)}</figcaption>"
        f'<img alt="{html.escape(words)}" src="{_inline(picture)}"></figure>'
        for words, picture in drawn
    ]
    return f'<div class="grid">{"".join(shown)}</div>'


def _inline(picture: NDArray[np.uint8]) -> str:
    height = round(picture.shape[0] * _WIDTH / picture.shape[1])
    small = cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def table_of(sent: Sent, frames_ns: Sequence[int], rows: Mapping[str, tuple[str, str]]) -> str:
    """How many of the images got what a topic sends, and how long it took; `rows` are by their
    heading the topic and the topic of the node's status."""
    cells = []
    for heading, (topic, status) in rows.items():
        there = sent.stamps_ns.get(topic, set())
        share = np.mean([stamp in there for stamp in frames_ns]) if len(frames_ns) else np.nan
        latencies = sent.latencies_ms.get(status) or [np.nan]
        middle, late = np.percentile(latencies, (50, 95))
        cells.append(
            [heading, topic, f"{100 * share:.1f} %", number(float(middle)), number(float(late))]
        )
    header = ["", "topic", "images that got it", "median (ms)", "95 % (ms)"]
    return table(header, cells)
