"""The truth of a recorded traversal, read back: what each pixel shows, and where objects hang.

`folder` is the dataset folder of a traversal (`DIR/frames/<traversal>`), `name` that of an image
in it ("camera/000012.jpg", as `maps.kapture` gives it). `recording.frames` says how truth lies on
disk; all of it is that of the ray through the pixel's centre.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import Camera, FloatArray, PosedImage
from semloc_ros.worlds.recording import frames
from semloc_ros.worlds.recording.objects import OBJECTS_FILE
from semloc_ros.worlds.rendering.renderer import Rendering
from semloc_ros.worlds.rendering.scene import Motion

_KINDS: dict[str, tuple[type, int]] = {  # type and number of dimensions on disk
    "depth": (np.uint16, 2),
    "labels": (np.uint8, 2),
    "instances": (np.uint16, 2),
    "motions": (np.uint8, 2),
    "objects": (np.uint16, 3),
}


@dataclass(frozen=True, slots=True)
class FrameTruth:
    """What the pixels of a frame show.

    `depth` (H, W) float64 metres along the optical axis, inf = sky; `labels` (H, W) uint8
    Cityscapes train ids, 255 = unknown; `instances` (H, W) uint16, 0 = sky; `motions` (H, W) uint8,
    values of `scene.Motion`; `objects` (H, W) uint16 ids, 0 = none; `object_uv` (H, W, 2) float32
    place in the reference image, 0-1, (0, 0) its top-left corner.
    """

    depth: FloatArray
    labels: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    motions: NDArray[np.uint8]
    objects: NDArray[np.uint16]
    object_uv: NDArray[np.float32]

    def dynamic_mask(self, swaying: bool = False) -> NDArray[np.uint8]:
        """(H, W), 255 where something moves or could; also what sways, if asked for."""
        least = Motion.SWAYING if swaying else Motion.MOVABLE
        return np.where(self.motions >= least, 255, 0).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class View:
    """A frame that is known wholly: `camera_from_map` (4, 4) and the truth of each pixel."""

    camera: Camera
    camera_from_map: FloatArray
    truth: FrameTruth


@dataclass(frozen=True, slots=True)
class HungObject:
    """A planar object in one traversal: `corners_map` (4, 3) top left, top right, bottom right,
    bottom left; `image` its reference image, a path from the world's folder."""

    object_id: int
    instance: int
    image: str
    corners_map: FloatArray


def truth_of(rendering: Rendering) -> FrameTruth:
    """The truth of a rendering, which is exact; that of files is rounded."""
    return FrameTruth(
        rendering.depth, rendering.labels, rendering.instances, rendering.motions,
        rendering.objects, rendering.object_uv,
    )  # fmt: skip


def read_view(folder: Path, image: PosedImage) -> View:
    """The view of an image of the folder; raises DatasetError as `read_truth` does."""
    truth = read_truth(folder, image.name)
    size, wanted = truth.depth.shape, (image.camera.height, image.camera.width)
    if size != wanted:
        path = str(_path(folder, image.name, "depth"))
        raise DatasetError(expected(path, f"{wanted[1]}x{wanted[0]}", f"{size[1]}x{size[0]}"))
    return View(image.camera, image.camera_from_map, truth)


def read_truth(folder: Path, name: str) -> FrameTruth:
    """All truth of a frame; raises DatasetError, in one line, for a missing or broken image."""
    objects, object_uv = read_objects(folder, name)
    truth = FrameTruth(
        read_depth(folder, name), read_labels(folder, name), read_instances(folder, name),
        read_motions(folder, name), objects, object_uv,
    )  # fmt: skip
    for kind in ("labels", "instances", "motions", "objects"):
        size, wanted = getattr(truth, kind).shape, truth.depth.shape
        if size != wanted:
            path = str(_path(folder, name, kind))
            raise DatasetError(expected(path, f"the size {wanted} of its depth", size))
    return truth


def read_depth(folder: Path, name: str) -> FloatArray:
    """(H, W) metres along the optical axis, inf = sky."""
    return frames.depth_of(_read(folder, name, "depth"))


def read_labels(folder: Path, name: str) -> NDArray[np.uint8]:
    """(H, W) Cityscapes train ids, 255 = unknown."""
    return np.asarray(_read(folder, name, "labels"))


def read_instances(folder: Path, name: str) -> NDArray[np.uint16]:
    """(H, W), 0 = sky."""
    return np.asarray(_read(folder, name, "instances"))


def read_motions(folder: Path, name: str) -> NDArray[np.uint8]:
    """(H, W), values of `scene.Motion`."""
    return np.asarray(_read(folder, name, "motions"))


def read_objects(folder: Path, name: str) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Object ids (H, W), 0 = none, and (u, v) (H, W, 2) of their reference images in [0, 1]."""
    return frames.objects_of(_read(folder, name, "objects"))


def read_hung_objects(folder: Path) -> list[HungObject]:
    """The planar objects as they hang in the traversal of a dataset folder.

    Raises DatasetError, in one line, if their file is missing or broken.
    """
    path = Path(folder) / OBJECTS_FILE
    try:
        return [_hung(row) for row in json.loads(path.read_text())]
    except (OSError, ValueError, KeyError, TypeError):
        reason = "another format" if path.exists() else "no such file"
        raise DatasetError(expected(str(path), "a list of objects", reason)) from None


def rehung_instances(a: Sequence[HungObject], b: Sequence[HungObject]) -> list[int]:
    """Instances of the objects that do not hang in the same place in two traversals."""
    places = {one.instance: one.corners_map for one in b}
    return [
        one.instance
        for one in a
        if one.instance not in places
        or not np.allclose(one.corners_map, places[one.instance], rtol=0, atol=1e-6)
    ]


def _hung(row: Any) -> HungObject:
    corners = np.asarray(row["corners_map"], dtype=np.float64).reshape(4, 3)
    return HungObject(int(row["id"]), int(row["instance"]), str(row["image"]), corners)


def _path(folder: Path, name: str, kind: str) -> Path:
    image = Path(name)
    if not image.stem.isdecimal():
        raise DatasetError(expected(name, "an image like camera/000000.jpg", "another name"))
    return frames.truth_path(Path(folder), str(image.parent), int(image.stem), kind)


def _read(folder: Path, name: str, kind: str) -> Any:
    path = _path(folder, name, kind)
    if not path.is_file():
        raise DatasetError(expected(str(path), "the frame's truth", "no such file"))
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    dtype, dimensions = _KINDS[kind]
    if image is None or image.dtype != dtype or image.ndim != dimensions:
        wanted = f"a PNG of {'three channels' if dimensions == 3 else 'one channel'}"
        got = "no image" if image is None else f"{image.dtype} {image.shape}"
        raise DatasetError(expected(str(path), f"{wanted}, {dtype.__name__}", got))
    return image
