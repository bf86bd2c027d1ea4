"""Did the camera stand still? Where it shook, frames are brought into one view.

Corners all over a reference frame are tracked into each other frame (pyramidal Lucas-Kanade) and
one shift, turn and scale is fitted (RANSAC): what moves is outlying, even where it is the most.
That is enough for a camera that is held by a hand or a mast in the wind, not for one that travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import CameraCheckConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.learning.mining_background import same_light
from semloc_ros.types import FloatArray

_CELLS, _CORNERS, _QUALITY, _DISTANCE_PX = (12, 16), 4, 0.05, 7  # rows and columns; in each cell
_LEAST_CORNERS, _BACK_PX, _ERROR_PX, _ROUNDS = 10, 0.5, 1.5, 5000
_STAYED = 0.2  # share of corners at their place that proves a still camera
_SCALES = 0.9, 1.1  # beyond, corners agree by chance


@dataclass(frozen=True, slots=True)
class CameraReport:
    """`shifts_px` (N,): how far the picture of each frame lies from the reference, the median over
    corners; NaN where no one motion explains the frame. `still`: no frame needs to be moved."""

    shifts_px: FloatArray
    still: bool

    @property
    def one_view(self) -> bool:
        """Whether all frames show the same, pixel by pixel."""
        return self.still and not bool(np.isnan(self.shifts_px).any())

    def __str__(self) -> str:
        lost = int(np.isnan(self.shifts_px).sum())
        most = float(np.nanmax(self.shifts_px, initial=0.0))
        words = f"the picture shifts by {most:.1f} px at most"
        return f"{words}, {lost} frames show another view" if lost else words


def reference_from_frame(
    reference: NDArray[np.uint8], frame: NDArray[np.uint8], config: CameraCheckConfig
) -> tuple[FloatArray | None, float]:
    """The matrix (3, 3) from pixels of the frame to the reference, and the shift in px.

    None and NaN if too few corners move together: another view, or a picture without corners.
    """
    corners, moved = _tracked(reference, same_light(frame, reference))
    if len(corners) < _LEAST_CORNERS:
        return None, float("nan")
    shifts = np.linalg.norm(moved - corners, axis=1)
    stayed = shifts <= config.still_px
    # asked first: a lorry before the camera is one motion too, and may have more corners
    if stayed.mean() >= _STAYED:
        return np.eye(3), float(np.median(shifts[stayed]))
    matrix, inliers = cv2.estimateAffinePartial2D(
        moved, corners, None, cv2.RANSAC, _ERROR_PX, _ROUNDS
    )
    if matrix is None or inliers.sum() < _LEAST_CORNERS or inliers.mean() < config.least_inliers:
        return None, float("nan")
    if not _SCALES[0] < np.hypot(*matrix[:, 0]) < _SCALES[1]:
        return None, float("nan")
    return np.vstack([matrix, (0, 0, 1)]), float(np.median(shifts[inliers[:, 0] == 1]))


def _tracked(
    reference: NDArray[np.uint8], frame: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners of the reference (N, 2), and where they are in the frame."""
    before, after = (
        np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        for image in (reference, frame)
    )
    corners = _corners(before)
    if not len(corners):
        return corners, corners
    moved, there = _follow(before, after, corners)
    again, back = _follow(after, before, moved)
    # what is not the same point in both does not find its way back
    found = there & back & (np.linalg.norm(again - corners, axis=1) < _BACK_PX)
    return corners[found], moved[found]


def _follow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Where points (N, 2) went, and whether they were found."""
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, points[:, None], np.empty_like(points[:, None]), maxLevel=4
    )
    return np.asarray(moved[:, 0], np.float32), np.asarray(found[:, 0] == 1, np.bool_)


def _corners(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The best corners (N, 2) of each cell: a crowd has more of them than the ground has."""
    found: list[NDArray[np.float32]] = [np.empty((0, 2), np.float32)]
    tops, lefts = (
        np.linspace(0, size, count + 1).astype(int)
        for size, count in zip(grey.shape, _CELLS, strict=True)
    )
    for top, bottom in pairwise(tops):
        for left, right in pairwise(lefts):
            cell = grey[top:bottom, left:right]
            corners = cv2.goodFeaturesToTrack(cell, _CORNERS, _QUALITY, _DISTANCE_PX)
            if corners is not None:
                found.append(np.asarray(corners[:, 0] + (left, top), np.float32))
    return np.concatenate(found)


def check_camera(
    reference: NDArray[np.uint8], frames: Sequence[NDArray[np.uint8]], config: CameraCheckConfig,
    name: str,
) -> tuple[list[FloatArray | None], CameraReport]:
    """Matrices to the reference, by frame (the identity for all if the camera stood still).

    Raises DatasetError if more than half of the frames show another view, or if the camera moved
    and frames are not to be stabilised.
    """
    found = [reference_from_frame(reference, frame, config) for frame in frames]
    shifts = np.array([shift for _, shift in found])
    report = CameraReport(shifts, bool(np.nanmax(shifts, initial=0.0) <= config.still_px))
    if np.isnan(shifts).sum() * 2 > len(frames):
        raise DatasetError(expected(name, "a camera that does not move", report))
    if report.still:
        return [None if np.isnan(shift) else np.eye(3) for shift in shifts], report
    if not config.stabilise:
        raise DatasetError(expected(name, f"shifts up to {config.still_px} px", report))
    return [matrix for matrix, _ in found], report


def into_reference(frame: NDArray[np.uint8], matrix: FloatArray) -> NDArray[np.uint8]:
    """The frame as the reference would show it; its border is repeated beyond its view."""
    if np.array_equal(matrix, np.eye(3)):
        return frame
    size = frame.shape[1::-1]
    warped = cv2.warpPerspective(
        frame, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def from_reference(
    values: NDArray[np.uint8], matrix: FloatArray, beyond: int
) -> NDArray[np.uint8]:
    """A map (H, W) of the reference's pixels as the frame shows it; `beyond` the reference."""
    if np.array_equal(matrix, np.eye(3)):
        return values
    warped = cv2.warpPerspective(
        values, matrix, values.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=beyond,
    )
    return np.asarray(warped, np.uint8)
