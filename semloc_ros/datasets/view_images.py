"""The images that a map was made of: a map keeps their names and stamps, not their pixels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets import bag_contents
from semloc_ros.datasets.bag_images import IMAGE_TYPES, ImageSource
from semloc_ros.datasets.bag_reader import messages, stamp_of, topics
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.maps.semantic_map import SemanticMap

ReadImage = Callable[[], NDArray[np.uint8]]
_FOLDERS = ("", "sensors/records_data")  # names are as below one of these; the latter: kapture


def read_views(images: Path, semantic_map: SemanticMap) -> dict[str, ReadImage]:
    """By the name of each view what reads its image (H, W[, 3]).

    `images` is the folder of the image files, the kapture folder or the bag that the map was built
    from. DatasetError, in one line, if it lacks a view.
    """
    if bag_contents.recognize(images):
        return _of_bag(images, semantic_map)
    for folder in _FOLDERS:
        paths = {name: images / folder / name for name in semantic_map.view_names}
        if any(path.is_file() for path in paths.values()):
            missing = next((path for path in paths.values() if not path.is_file()), None)
            if missing is not None:
                raise DatasetError(expected(str(missing), "the image of a view", "no such file"))
            return {name: partial(read_image, path) for name, path in paths.items()}
    wanted = f"images of the map's views, such as {semantic_map.view_names[0]}"
    raise DatasetError(expected(str(images), wanted, "none"))


def topic_images(bag: Path, topic: str) -> dict[int, ReadImage]:
    """By its stamp (ns) what reads each image of a topic."""
    source = ImageSource(bag, topic, None)
    return {
        stamp: partial(source.read, time, stamp) for stamp, time in _times(bag, topic).items()
    }


def _of_bag(bag: Path, semantic_map: SemanticMap) -> dict[str, ReadImage]:
    """Views of a bag are called after topic and stamp: see `bags.posed_images`."""
    there = [topic for topic, kind in topics(bag).items() if kind in IMAGE_TYPES]
    by_name = {topic.strip("/").replace("/", "_"): topic for topic in there}
    found: dict[str, ReadImage] = {}
    times: dict[str, dict[int, int]] = {}
    sources: dict[tuple[str, int], ImageSource] = {}
    for view, name in enumerate(semantic_map.view_names):
        prefix = name.rpartition("/")[0]
        if prefix not in by_name:
            wanted = f"the topic of view {name}"
            raise DatasetError(expected(str(bag), wanted, ", ".join(sorted(there)) or "no images"))
        topic, stamp = by_name[prefix], int(semantic_map.view_stamps_ns[view])
        if topic not in times:
            times[topic] = _times(bag, topic)
        if stamp not in times[topic]:
            raise DatasetError(expected(f"{bag} {topic}", f"the image of view {name}", "none"))
        lens = (topic, int(semantic_map.view_cameras[view]))
        camera = semantic_map.camera_of(view)
        source = sources.setdefault(lens, ImageSource(bag, topic, camera))
        found[name] = partial(source.read, times[topic][stamp], stamp)
    return found


def _times(bag: Path, topic: str) -> dict[int, int]:
    """By the stamps of a topic's images the times at which they were recorded (ns)."""
    return {stamp_of(one.header): time for time, one in messages(bag, topic, IMAGE_TYPES)}
