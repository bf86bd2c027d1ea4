"""Did the camera stand still? Where it shook, frames are brought into one view.

Corners of a reference frame are tracked into each other frame (pyramidal Lucas-Kanade) and a
homography is fitted (RANSAC): what moves is outlying. A homography is exact for a camera that turns
about its centre, which a shaking mast or hand nearly does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.mining import CameraCheckConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.types import FloatArray

_CORNERS, _LEAST_CORNERS, _ERROR_PX = 400, 20, 1.0


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
    """The homography (3, 3) from pixels of the frame to the reference, and the shift in px.

    None and NaN if too few corners move together: another view, or a picture without corners.
    """
    before, after = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (reference, frame))
    corners = cv2.goodFeaturesToTrack(before, _CORNERS, 0.01, 7)
    if corners is None or len(corners) < _LEAST_CORNERS:
        return None, float("nan")
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, maxLevel=4)
    tracked = found[:, 0] == 1
    corners, moved = corners[tracked, 0], moved[tracked, 0]
    if len(corners) < _LEAST_CORNERS:
        return None, float("nan")
    homography, inliers = cv2.findHomography(moved, corners, cv2.RANSAC, _ERROR_PX)
    if homography is None or inliers.mean() < config.least_inliers:
        return None, float("nan")
    shift = np.linalg.norm((moved - corners)[inliers[:, 0] == 1], axis=1)
    return np.asarray(homography, np.float64), float(np.median(shift))


def check_camera(
    reference: NDArray[np.uint8], frames: Sequence[NDArray[np.uint8]], config: CameraCheckConfig,
    name: str,
) -> tuple[list[FloatArray | None], CameraReport]:
    """Homographies to the reference, by frame (the identity for all if the camera stood still).

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
    return [homography for homography, _ in found], report


def into_reference(frame: NDArray[np.uint8], homography: FloatArray) -> NDArray[np.uint8]:
    """The frame as the reference would show it; its border is repeated beyond its view."""
    if np.array_equal(homography, np.eye(3)):
        return frame
    size = frame.shape[1::-1]
    warped = cv2.warpPerspective(
        frame, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def from_reference(
    values: NDArray[np.uint8], homography: FloatArray, beyond: int
) -> NDArray[np.uint8]:
    """A map (H, W) of the reference's pixels as the frame shows it; `beyond` the reference."""
    if np.array_equal(homography, np.eye(3)):
        return values
    warped = cv2.warpPerspective(
        values, homography, values.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=beyond,
    )
    return np.asarray(warped, np.uint8)
