"""A find's matches made better: by the homography of the plane, and by the pixels themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config import ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.maps.objects import ObjectOfInterest
from semloc_ros.perception.photometric import Aligned, align
from semloc_ros.perception.picture_pairs import AGREES, Seen
from semloc_ros.types import FloatArray, ObjectDetection

_SIGMAS = 3.0  # of the matches' errors, within which they are inliers
_LEAST_AGREEING = 5  # cells: three or four of a small picture's dozen may agree by chance
_LEAST = 1e-3  # pixels: a sigma is more than 0


@dataclass(frozen=True, slots=True)
class View:
    """An image as it is matched: `gray` (H, W) uint8, and `visible` (H, W), what of it counts."""

    gray: NDArray[np.uint8]
    visible: Seen


@dataclass(frozen=True, slots=True)
class Reference:
    """The reference image of an object: `gray` (h, w) uint8; `mask` (h, w), 255 = the object."""

    name: str
    gray: NDArray[np.uint8]
    mask: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.gray.shape[0], self.gray.shape[1]


def view_of(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None) -> View:
    """Of an image (H, W[, 3]) RGB, without what its mask (H, W) says is dynamic."""
    visible = np.full(image.shape[:2], True) if mask is None else np.asarray(mask == 0)
    return View(_gray(image), visible)


def reference_of(one: ObjectOfInterest) -> Reference:
    """What is compared with images."""
    return Reference(one.name, _gray(one.reference), one.mask)


def selected(find: ObjectDetection, rows: NDArray[np.bool_]) -> ObjectDetection:
    """The find with some of its matches, marked in `rows` (N,)."""
    return replace(
        find, points_image=find.points_image[rows], points_uv=find.points_uv[rows],
        sigmas_px=find.sigmas_px[rows], scores=find.scores[rows],
    )  # fmt: skip


def homography_of(
    find: ObjectDetection, config: ObjectRefinementConfig
) -> tuple[FloatArray, NDArray[np.bool_]] | None:
    """`image_from_uv` (3, 3) of a find's matches, and which of them (N,) fit it; None if there are
    too few."""
    if len(find) < config.min_matches:
        return None
    most = max(config.max_error_px, _SIGMAS * float(np.median(find.sigmas_px)))
    found = homographies.fit_robustly(find.points_uv, find.points_image, find.sigmas_px, most)
    return None if found is None or found[1].sum() < config.min_matches else found


def on_homography(
    find: ObjectDetection, image_from_uv: FloatArray, inliers: NDArray[np.bool_]
) -> ObjectDetection:
    """The matches that fit a homography, moved onto it.

    Of what they were said to err by, the part goes that is seen in how they lie about it: what is
    left they have in common, as neighbours err alike, and as many as they are, they do not tell it.
    Nor is it less than what is seen.
    """
    pixels, before = find.points_image[inliers], find.points_uv[inliers]
    errors = homographies.apply(image_from_uv, before) - pixels
    seen = float(np.mean(errors**2))
    points_uv = homographies.apply(homographies.inverse(image_from_uv), pixels)
    return replace(
        find, points_image=pixels, points_uv=points_uv, scores=find.scores[inliers],
        sigmas_px=np.sqrt(np.maximum(find.sigmas_px[inliers] ** 2 - seen, max(seen, _LEAST**2))),
    )  # fmt: skip


def by_pixels(
    find: ObjectDetection, image_from_uv: FloatArray, view: View, reference: Reference,
    config: ObjectRefinementConfig, points: int,
) -> ObjectDetection | None:  # fmt: skip
    """Matches of the homography by which image and reference image agree, near that of the start,
    where they do agree; no matches if they do not, and None if too little is seen, or agrees, to
    tell.

    They lie on a grid of the reference image, at most `points`, and their scores are the
    correlations of their surroundings.
    """
    aligned = align(
        view.gray, view.visible, reference.gray, reference.mask, image_from_uv,
        config.max_side_px, config.max_move,
    )  # fmt: skip
    if aligned is None:
        return None
    agree = np.asarray(aligned.cells >= AGREES)
    needed = config.least_agreement * np.isfinite(aligned.cells).sum()
    if agree.sum() < needed:
        return selected(find, np.zeros(len(find), np.bool_))
    if agree.sum() < _LEAST_AGREEING or not np.isfinite(aligned.sigma_px):
        return None
    points_uv, scores = _grid(aligned, reference, points)
    pixels = homographies.apply(aligned.image_from_uv, points_uv)
    kept = counted(pixels, view.visible)
    if kept.sum() < config.min_matches:
        return None
    sigma = max(aligned.sigma_px, config.min_sigma_px)
    return replace(
        find, points_image=pixels[kept], points_uv=points_uv[kept],
        sigmas_px=np.full(int(kept.sum()), sigma), scores=scores[kept],
    )  # fmt: skip


def _grid(
    aligned: Aligned, reference: Reference, points: int
) -> tuple[FloatArray, FloatArray]:
    """Places (N, 2) in the cells that agree, on the object; and the cells' correlations (N,)."""
    agree = np.asarray(aligned.cells >= AGREES)
    finer = max(int(np.sqrt(points / agree.sum())), 1)
    rows, columns = (side * finer for side in agree.shape)
    u, v = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
    scores = np.repeat(np.repeat(aligned.cells, finer, 0), finer, 1).ravel()
    places = np.stack([u.ravel(), v.ravel()], axis=1)
    pixels = homographies.apply(homographies.pixels_from_uv(reference.size), places)
    there = counted(pixels, np.asarray(reference.mask > 0))
    kept = np.flatnonzero(there & (scores >= AGREES))
    kept = kept[np.linspace(0, len(kept) - 1, min(points, len(kept))).astype(np.int64)]
    return places[kept], np.clip(scores[kept], 0.0, 1.0)


def counted(pixels: FloatArray, visible: Seen) -> NDArray[np.bool_]:
    """Which pixels (N, 2) lie in a picture, where it counts (H, W)."""
    height, width = visible.shape
    most = np.array([width - 0.5, height - 0.5])
    inside = np.asarray(((pixels > -0.5) & (pixels < most)).all(axis=1))
    column, row = np.rint(np.where(inside[:, None], pixels, 0)).astype(np.int64).T
    return np.asarray(inside & visible[row, column])


def _gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
