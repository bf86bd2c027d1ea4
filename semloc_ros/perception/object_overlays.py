"""Finds of objects drawn into their image, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.maps.objects import MapObjects, ObjectOfInterest
from semloc_ros.perception.object_refinement import homography_of
from semloc_ros.types import FloatArray, ObjectDetection

_BLURRED = 0.01  # of the outline's length: what corners may be off
_LINE = (255, 150, 0)  # RGB
_SHARP = 3  # bits of a pixel that lines are drawn to


def draw_finds(
    image: NDArray[np.uint8], finds: Sequence[ObjectDetection], objects: MapObjects | None = None
) -> NDArray[np.uint8]:
    """A copy (H, W, 3) RGB of an image (H, W[, 3]): each match a dot, red growing with u and green
    with v; with the map's objects their outlines, by the homography of the matches; names."""
    drawn = image.copy() if image.ndim == 3 else np.repeat(image[..., None], 3, 2)
    radius = max(round(min(drawn.shape[:2]) / 300), 1)
    known = {} if objects is None else {one.name: one for one in objects.objects}
    for find in finds:
        _draw_matches(drawn, find, radius)
        if find.name in known:
            _draw_outline(drawn, find, known[find.name], radius)
        at = np.clip(find.box[:2], 0, np.subtract(drawn.shape[1::-1], 1)).astype(int)
        place = (int(at[0]), int(max(at[1] - 3, 9 * radius)))
        text = f"{find.name} {find.score:.2f}"
        font, size, width = cv2.FONT_HERSHEY_SIMPLEX, 0.35 * radius, max(radius // 2, 1)
        (across, up), down = cv2.getTextSize(text, font, size, width)
        ends = (place[0], place[1] - up), (place[0] + across, place[1] + down)
        cv2.rectangle(drawn, *ends, (0, 0, 0), cv2.FILLED)
        cv2.putText(drawn, text, place, font, size, _LINE, width, cv2.LINE_AA)
    return drawn


def _draw_matches(drawn: NDArray[np.uint8], find: ObjectDetection, radius: int) -> None:
    colors = np.clip(255 * find.points_uv, 0, 255).astype(int)
    for (x, y), (red, green) in zip(find.points_image.tolist(), colors.tolist(), strict=True):
        cv2.circle(drawn, (round(x), round(y)), radius, (red, green, 80), -1, cv2.LINE_AA)


def _draw_outline(
    drawn: NDArray[np.uint8], find: ObjectDetection, one: ObjectOfInterest, width: int
) -> None:
    fit = homography_of(find, ObjectRefinementConfig())
    if fit is None:
        return
    corners = homographies.apply(fit[0], outline_uv(one))
    if np.isfinite(corners).all() and np.abs(corners).max() < 1e5:
        points = np.rint(corners * 2**_SHARP).astype(np.int32)[:, None]
        cv2.polylines(drawn, [points], True, _LINE, width, cv2.LINE_AA, _SHARP)


def outline_uv(one: ObjectOfInterest) -> FloatArray:
    """The corners (N, 2) of an object's outline in its reference image."""
    found, _ = cv2.findContours(
        np.pad(one.mask, 1), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    if not found:
        return np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    largest = max(found, key=cv2.contourArea)
    corners = cv2.approxPolyDP(largest, _BLURRED * cv2.arcLength(largest, True), True)[:, 0]
    height, width = one.mask.shape
    # through the middles of pixels; the one that was padded is taken off
    return np.asarray((corners - 0.5) / [width, height], np.float64)
