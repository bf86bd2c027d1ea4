"""What a map's own images show of its objects: the truth to train with, made of their sightings.

The (u, v) of each pixel follow from the sighting's mapping, exactly for distorted cameras too.
Where two objects cover each other, the nearer one is seen. What else hides them, people or
furniture, the map does not know.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.view_images import read_views
from semloc_ros.geometry import cameras, homographies
from semloc_ros.maps.object_files import load_objects
from semloc_ros.maps.objects import MapObjects, ObjectInstance
from semloc_ros.maps.storage import load_map
from semloc_ros.types import Camera, FloatArray, ObjectImage, PictureObjects


def map_object_images(map_folder: Path, images: Path) -> list[ObjectImage]:
    """All views of a map with objects, in the order of their rows; those that show none too.

    `images` is the folder or bag that the map was built from. MapError or DatasetError, in one
    line, if the map has no objects, or an image is missing.
    """
    semantic_map, objects = load_map(map_folder), load_objects(map_folder)
    readers = read_views(images, semantic_map)
    return [
        ObjectImage(
            name,
            readers[name],
            partial(
                picture_objects, objects, view, semantic_map.camera_of(view),
                semantic_map.camera_from_map[view],
            ),
        )
        for view, name in enumerate(semantic_map.view_names)
    ]  # fmt: skip


def picture_objects(
    objects: MapObjects, view: int, camera: Camera, camera_from_map: FloatArray
) -> PictureObjects:
    """What a view (its row) shows of the objects that have a sighting in it."""
    shown = [
        (one, instance, sighting)
        for one in objects.objects
        for instance in one.instances
        for sighting in instance.sightings
        if sighting.view == view
    ]
    height, width = camera.height, camera.width
    numbers = np.zeros((height, width), np.uint16)
    uv = np.full((height, width, 2), np.nan, np.float32)
    ideal = _ideal_pixels(camera) if shown else np.empty((0, 2))
    shown.sort(key=lambda one: -_depth(one[1], camera_from_map))  # the nearest goes on top
    for number, (one, _, sighting) in enumerate(shown, start=1):
        places = homographies.apply(homographies.inverse(sighting.image_from_uv), ideal)
        places = places.reshape(height, width, 2)
        inside = _inside(one.mask, places)
        numbers[inside], uv[inside] = number, places[inside]
    return PictureObjects(numbers, tuple(one.name for one, _, _ in shown), uv)


def _ideal_pixels(camera: Camera) -> FloatArray:
    """(H·W, 2): where the camera without distortion has each pixel."""
    rows, columns = np.indices((camera.height, camera.width)).reshape(2, -1)
    return cameras.undistort_points(camera, np.stack([columns, rows], axis=1).astype(np.float64))


def _inside(mask: NDArray[np.uint8], places: FloatArray) -> NDArray[np.bool_]:
    """Which (u, v) (H, W, 2) lie in a mask of another size, (H, W); NaN does not."""
    inside = np.all((places >= 0) & (places < 1), axis=2)
    at = (np.clip(np.nan_to_num(places), 0, 1) * mask.shape[::-1] - 0.5).astype(np.float32)
    share = cv2.remap(
        mask, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(inside & (np.asarray(share) >= 128))


def _depth(instance: ObjectInstance, camera_from_map: FloatArray) -> float:
    """How far in front of the camera (m) the middle of an object is."""
    middle = instance.points_map(np.array([[0.5, 0.5]]))[0]
    return float(camera_from_map[2, :3] @ middle + camera_from_map[2, 3])
