"""The images of anything that has images, by names that their masks can be filed under: a bag, a
video, a world, a kapture folder, a folder of images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets import bag_contents, kapture, world_folder
from semloc_ros.datasets.static_clips import VIDEOS
from semloc_ros.datasets.video_files import VideoFile
from semloc_ros.datasets.view_images import topic_images
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image

ReadImage = Callable[[], NDArray[np.uint8]]
_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")


def named_images(source: Path, topic: str = "", pattern: str = "*") -> dict[str, ReadImage]:
    """What reads each image (H, W[, 3]), in order, by its name without the ending.

    Names: a bag's `topic`: the stamp in nanoseconds; a video: the frame's number from 000000 on; a
    world: TRAVERSAL/ and the name in its kapture folder; a kapture folder: the image's own; else
    the path in the folder, of the images that fit `pattern`. DatasetError, in one line, if there is
    none, or if two have one name.
    """
    if not source.exists():
        raise DatasetError(expected(str(source), "images, a video or a bag", "no such file"))
    found = _pairs(source, topic, pattern)
    names = [name for name, _ in found]
    if not found:
        raise DatasetError(expected(f"{source} {topic}".strip(), f"images ({pattern})", "none"))
    if len(set(names)) < len(names):
        twice = next(one for one in names if names.count(one) > 1)
        wanted = "names that differ by more than the ending"
        raise DatasetError(expected(str(source), wanted, f"{twice} twice"))
    return dict(found)


def _pairs(source: Path, topic: str, pattern: str) -> list[tuple[str, ReadImage]]:
    if bag_contents.recognize(source):
        return [(str(stamp), read) for stamp, read in topic_images(source, topic).items()]
    if source.is_file():
        return _of_video(source)
    if world_folder.recognize(source) and not (source / "sensors").is_dir():
        return [
            (_bare(f"{traversal}/{image.name}"), image.read)
            for traversal, images in world_folder.read_world_images(source).items()
            for image in images
        ]
    if kapture.recognize(source):
        images = kapture.read_kapture_set(source).images
        return [(_bare(image.name), image.read) for image in images]
    paths = sorted(path for path in source.rglob(pattern) if path.suffix.lower() in _ENDINGS)
    return [
        (_bare(path.relative_to(source).as_posix()), partial(read_image, path)) for path in paths
    ]


def _of_video(path: Path) -> list[tuple[str, ReadImage]]:
    if path.suffix.lower() not in VIDEOS:
        wanted = f"a folder, a bag or a video ({', '.join(VIDEOS)})"
        raise DatasetError(expected(str(path), wanted, "another file"))
    video = VideoFile(path)
    return [(f"{index:06d}", partial(video.read, index)) for index in range(video.num_frames)]


def _bare(name: str) -> str:
    return name.removesuffix(Path(name).suffix)
