"""What a bag holds: its topics counted, some of its images, and the paths of its poses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.bag_images import IMAGE_TYPES, decode_image
from semloc_ros.datasets.bag_reader import connections, open_bag
from semloc_ros.datasets.bags import POSE_TYPES, camera, poses
from semloc_ros.datasets.contents import DatasetContents, Sample, shares, spread
from semloc_ros.errors import DatasetError, SemlocError, expected
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, FloatArray

_FILES = (".bag", ".mcap", ".db3")
_MOST_TOPICS = 30
# optical axes of a camera that looks along the base's x (REP-103)
_OPTICAL_FROM_BASE = se3.make_pose([[0, -1, 0], [0, 0, -1], [1, 0, 0]], np.zeros(3))


def recognize(path: Path) -> bool:
    """Whether it is a ROS 1 or ROS 2 bag: a folder with its metadata, or one file."""
    return (path / "metadata.yaml").is_file() or (path.suffix.lower() in _FILES and path.is_file())


def load_bag(bag: Path) -> DatasetContents:
    """The messages of each topic, images spread over the time, and paths by topic of poses.

    A pose is drawn as a camera that looks along the x axis of the frame whose pose it is. Each
    path is in the frame of its own messages. DatasetError if the bag cannot be read.
    """
    with open_bag(bag) as reader:
        topics = {one.topic: (one.msgtype, one.msgcount) for one in reader.connections}
        period = (int(reader.start_time), int(reader.end_time))
    warnings: list[str] = []
    paths = _paths(bag, topics, warnings)
    if len(paths) > 1:
        warnings.append("the paths of the topics are drawn together, each in its own frame")
    samples = _samples(bag, topics, period, warnings)
    counts = {
        f"{topic} ({kind.rpartition('/')[2]})": count
        for topic, (kind, count) in sorted(topics.items())[:_MOST_TOPICS]
    }
    if len(topics) > _MOST_TOPICS:
        counts[f"{len(topics) - _MOST_TOPICS} more topics"] = sum(
            count for _, (_, count) in sorted(topics.items())[_MOST_TOPICS:]
        )
    return DatasetContents(counts, tuple(samples), paths, warnings=tuple(warnings))


Topics = dict[str, tuple[str, int]]


def _paths(bag: Path, topics: Topics, warnings: list[str]) -> dict[str, FloatArray]:
    paths = {}
    for topic, (kind, count) in sorted(topics.items()):
        if kind in POSE_TYPES and count:
            try:
                _, map_from_base = poses(bag, topic)
                paths[topic] = _OPTICAL_FROM_BASE @ se3.inverse(map_from_base)
            except SemlocError as error:
                warnings.append(str(error))
    return paths


def _samples(
    bag: Path, topics: Topics, period: tuple[int, int], warnings: list[str]
) -> list[Sample]:
    images = [(topic, n) for topic, (kind, n) in sorted(topics.items()) if kind in IMAGE_TYPES]
    samples = []
    for (topic, _), share in zip(images, shares([n for _, n in images]), strict=True):
        lens = _camera(bag, topic, topics, warnings)
        # not at the very end: the last image may have been recorded before it
        times = np.linspace(*period, share + 1)[:-1].astype(np.int64).tolist()
        for time_ns in spread(times, share):
            seconds = (time_ns - period[0]) / 1e9
            read = partial(_first_image, bag, topic, time_ns)
            samples.append(Sample(f"{topic} {seconds:.1f} s", read, lens))
    return samples


def _camera(bag: Path, topic: str, topics: Topics, warnings: list[str]) -> Camera | None:
    """The camera of the CameraInfo beside an image topic, by ROS's naming."""
    for parent in (topic.rpartition("/")[0], topic.rpartition("/")[0].rpartition("/")[0]):
        info = f"{parent}/camera_info"
        if topics.get(info, ("", 0))[1]:
            try:
                return camera(bag, info)
            except SemlocError as error:
                warnings.append(str(error))
                return None
    return None


def _first_image(bag: Path, topic: str, time_ns: int) -> NDArray[np.uint8]:
    """The first image recorded at the time or later."""
    with open_bag(bag) as reader:
        chosen: list[Any] = connections(reader, bag, topic, IMAGE_TYPES)
        for connection, _, raw in reader.messages(chosen, start=time_ns):
            return decode_image(f"{bag} {topic}", reader.deserialize(raw, connection.msgtype))
    raise DatasetError(expected(f"{bag} {topic}", f"an image after {time_ns} ns", "none"))
