"""Finds matched by local features: those in the box of a find with those of the reference image.

Where it is known already how the object lies in the image, the image is first turned to look like
the reference image, so that slant and distance do not change descriptors, and a match is sought
only near its place. A reference image is halved while it is more than twice as large as the object
looks: finer features are not in the image, they would only cost time and be mistaken for others.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import FeaturesConfig, ObjectFeaturesConfig, ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.perception.features import RootSift
from semloc_ros.perception.object_refinement import (
    Reference,
    View,
    homography_of,
    selected,
)
from semloc_ros.types import Features, FloatArray, ObjectDetection

_EDGE_PX = 7  # kernel that keeps features away from the edge of what is shown
_PLACE_PX, _PLACE_SHARE = 0.5, 0.05  # 1-sigma of a keypoint, and of the diameter of its region
_LEAST_SIDE = 48  # pixels of a reference image
_NEAR = 0.03  # of the object's size: descriptors do not change by so much


class FeatureMatcher:
    """Keeps the features of reference images; not thread-safe."""

    def __init__(self, config: ObjectFeaturesConfig, refinement: ObjectRefinementConfig) -> None:
        features = FeaturesConfig(config.max_features, config.contrast_threshold)
        self._config, self._refinement = config, refinement
        self._sift = RootSift(features)
        self._kept: dict[tuple[str, tuple[int, int]], Features] = {}
        self._smaller: dict[tuple[str, int], Reference] = {}

    def match(
        self, find: ObjectDetection, view: View, reference: Reference,
        image_from_uv: FloatArray | None = None,
    ) -> ObjectDetection | None:  # fmt: skip
        """The find with matches of features that fit one homography; None if there are too few.

        `image_from_uv` is how the object lies in the image, roughly; without, features are sought
        in the box, and then once more by the homography that they give.
        """
        found = None
        if image_from_uv is not None:
            found = self._fitting(self._turned(find, view, reference, image_from_uv))
            if found and homographies.motion(image_from_uv, found[1]) < _NEAR:
                return found[0]  # turned by it, the image would look the same
        if found is None:
            found = self._fitting(self._in_box(find, view, reference))
        if found is None:
            return None
        turned = self._fitting(self._turned(find, view, reference, found[1]))
        better = found if turned is None or len(turned[0]) < len(found[0]) else turned
        return better[0]

    def _fitting(self, find: ObjectDetection) -> tuple[ObjectDetection, FloatArray] | None:
        fit = homography_of(find, self._refinement)
        if fit is None:
            return None
        image_from_uv, inliers = fit
        return selected(find, inliers), image_from_uv

    def _in_box(self, find: ObjectDetection, view: View, reference: Reference) -> ObjectDetection:
        height, width = view.gray.shape
        low, high = find.box[:2], find.box[2:]
        is_cut = bool((low <= 0).any() or (high >= [width - 1, height - 1]).any())
        reference = self._as_large(reference, (high - low)[::-1] * (2 if is_cut else 1))
        margin = self._config.margin * (high - low)
        left, top = np.clip(np.floor(low - margin), 0, [width - 1, height - 1]).astype(int)
        right, bottom = np.clip(np.ceil(high + margin) + 1, [left + 1, top + 1], [width, height])
        part = np.s_[top : int(bottom), left : int(right)]
        shown = self._features(np.ascontiguousarray(view.gray[part]), view.visible[part])
        rows, columns, ratios = _pairs(shown, self._of(reference), self._config.ratio, None)
        pixels = shown.keypoints[rows].astype(np.float64) + [left, top]
        return self._matched(find, pixels, shown.scales[rows], reference, columns, ratios)

    def _turned(
        self, find: ObjectDetection, view: View, reference: Reference, image_from_uv: FloatArray
    ) -> ObjectDetection:
        """Features of the image as if the camera stood before the object."""
        shape = (view.gray.shape[0], view.gray.shape[1])
        apparent = homographies.apparent_size(image_from_uv, shape)
        if apparent is None:
            return selected(find, np.zeros(len(find), np.bool_))
        reference = self._as_large(reference, apparent)
        size = reference.size[::-1]
        image_from_turned = image_from_uv @ homographies.inverse(
            homographies.pixels_from_uv(reference.size)
        )
        how = cv2.WARP_INVERSE_MAP
        gray = cv2.warpPerspective(
            view.gray, image_from_turned, size, flags=how | cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        visible = view.visible.astype(np.uint8)
        there = cv2.warpPerspective(visible, image_from_turned, size, flags=how) > 0
        shown = self._features(np.asarray(gray, np.uint8), there & (reference.mask > 0))
        near_px = self._config.near * max(size)
        rows, columns, ratios = _pairs(shown, self._of(reference), self._config.ratio, near_px)
        places = shown.keypoints[rows].astype(np.float64)
        pixels = homographies.apply(image_from_turned, places)
        ahead = homographies.apply(image_from_turned, places + [1.0, 0.0])
        larger = np.nan_to_num(np.linalg.norm(ahead - pixels, axis=1), nan=1.0)
        scales = (shown.scales[rows] * larger).astype(np.float32)
        return self._matched(find, pixels, scales, reference, columns, ratios)

    def _matched(
        self, find: ObjectDetection, pixels: FloatArray, scales: NDArray[np.float32],
        reference: Reference, columns: NDArray[np.int64], ratios: FloatArray,
    ) -> ObjectDetection:  # fmt: skip
        uv_from_pixels = homographies.inverse(homographies.pixels_from_uv(reference.size))
        places = self._of(reference).keypoints[columns].astype(np.float64)
        sigmas = np.hypot(_PLACE_PX, _PLACE_SHARE * scales.astype(np.float64))
        shown = np.isfinite(pixels).all(1)
        return replace(
            find, points_image=pixels[shown],
            points_uv=homographies.apply(uv_from_pixels, places[shown]),
            sigmas_px=sigmas[shown], scores=1.0 - ratios[shown],
        )  # fmt: skip

    def _as_large(self, reference: Reference, apparent: FloatArray) -> Reference:
        """The reference image halved while it is more than twice as large as the object looks
        (height, width), along both sides."""
        larger = float(np.min(np.divide(reference.size, np.maximum(apparent, 1e-6))))
        larger = min(larger, min(reference.size) / _LEAST_SIDE)
        if larger < 2.0:
            return reference
        key = (reference.name, 2 ** int(np.log2(larger)))
        if key not in self._smaller:
            self._smaller[key] = _reduced(reference, key[1])
        return self._smaller[key]

    def _of(self, reference: Reference) -> Features:
        key = (reference.name, reference.size)
        if key not in self._kept:
            self._kept[key] = self._features(reference.gray, reference.mask > 0)
        return self._kept[key]

    def _features(self, gray: NDArray[np.uint8], counts: NDArray[np.bool_]) -> Features:
        kernel = np.ones((_EDGE_PX, _EDGE_PX), np.uint8)
        hidden = cv2.dilate(np.where(counts, 0, 255).astype(np.uint8), kernel)
        return self._sift.extract(gray, np.asarray(hidden, np.uint8))


def _reduced(reference: Reference, factor: int) -> Reference:
    size = (reference.size[1] // factor, reference.size[0] // factor)
    gray = cv2.resize(reference.gray, size, interpolation=cv2.INTER_AREA)
    mask = cv2.resize(reference.mask, size, interpolation=cv2.INTER_AREA)
    whole = np.where(mask > 250, 255, 0).astype(np.uint8)
    return Reference(reference.name, np.asarray(gray, np.uint8), whole)


def _pairs(
    shown: Features, known: Features, ratio: float, near_px: float | None
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Rows of both (N,) that are each other's nearest and clearly so, and the ratios (N,) of the
    best to the second-best distance. With `near_px` they are not farther apart than that."""
    if len(shown) < 2 or len(known) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    similar = _directions(shown) @ _directions(known).T
    sought = similar
    if near_px is not None:
        apart = shown.keypoints[:, None] - known.keypoints[None]
        sought = np.where((apart**2).sum(2) <= near_px**2, similar, np.float32(-1.0))
    nearest = sought.argmax(1)
    rows = np.flatnonzero(sought.argmax(0)[nearest] == np.arange(len(shown)))
    columns = nearest[rows]
    best = _distances(sought[rows, columns])
    similar[rows, columns] = -1.0  # rivals are sought everywhere: a few near by tell nothing
    ratios = best / np.maximum(_distances(similar[rows].max(1)), 1e-6)
    kept = ratios < ratio
    return rows[kept], columns[kept], ratios[kept]


def _distances(similar: NDArray[np.float32]) -> FloatArray:
    """Of unit vectors, by their products."""
    return np.sqrt(np.maximum(2.0 - 2.0 * similar.astype(np.float64), 0.0))


def _directions(features: Features) -> NDArray[np.float32]:
    rows = features.descriptors.astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))
