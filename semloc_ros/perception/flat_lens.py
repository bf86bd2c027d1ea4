"""Images as a lens without distortion would make them: only there a plane is a homography away."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from semloc_ros.geometry import cameras
from semloc_ros.perception.object_refinement import View, selected
from semloc_ros.types import Camera, FloatArray, ObjectDetection


class FlatLens:
    """From the image of a camera to that of a pinhole of the same K and size, and back.

    What that does not show, towards the edge of a wide lens, is not visible in it; matches there
    are kept as they are.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._pinhole = replace(camera, model="pinhole", distortion=())
        x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
        places = self._bent(np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64))
        places = np.nan_to_num(places, nan=-10.0).reshape(camera.height, camera.width, 2)
        self._x, self._y = np.moveaxis(places.astype(np.float32), -1, 0).copy()

    def view(self, view: View) -> View:
        """The flat view; what lies beyond the image is not visible."""
        gray = cv2.remap(view.gray, self._x, self._y, cv2.INTER_LINEAR)
        visible = view.visible.astype(np.uint8)
        there = cv2.remap(visible, self._x, self._y, cv2.INTER_NEAREST, borderValue=0)
        return View(np.asarray(gray, np.uint8), np.asarray(there > 0))

    def flattened(self, find: ObjectDetection) -> ObjectDetection:
        """A find of the image, in the flat one; without matches that no pinhole sees."""
        pixels = cameras.undistort_points(self.camera, find.points_image)
        corners = find.box[[[0, 1], [2, 1], [2, 3], [0, 3]]]
        ends = cameras.undistort_points(self.camera, corners)
        ends = np.where(np.isfinite(ends), ends, corners)
        box = np.concatenate([ends.min(axis=0), ends.max(axis=0)])
        there = np.asarray(np.isfinite(pixels).all(axis=1))
        return selected(replace(find, box=box, points_image=pixels), there)

    def bent(self, find: ObjectDetection, box: FloatArray) -> ObjectDetection:
        """A find of the flat image, in the camera's; the box is known there already."""
        pixels = self._bent(find.points_image)
        there = np.asarray(np.isfinite(pixels).all(axis=1))
        return selected(replace(find, box=box, points_image=pixels), there)

    def _bent(self, pixels: FloatArray) -> FloatArray:
        return cameras.project(self.camera, cameras.unproject(self._pinhole, pixels))[0]
