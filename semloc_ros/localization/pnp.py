"""Absolute pose from correspondences with outliers: PoseLib's LO-RANSAC with PROSAC order."""

from __future__ import annotations

from typing import Any

import numpy as np
import poselib

from semloc_ros.config import PnpConfig
from semloc_ros.geometry import se3
from semloc_ros.types import Camera, Correspondences, FloatArray

MINIMAL_SAMPLE = 3


def estimate_pose(
    camera: Camera, matches: Correspondences, config: PnpConfig, seed: int
) -> FloatArray | None:
    """`camera_from_map` (4, 4) with most support, or None if no sample gives a pose.

    P3P (Ding et al., CVPR 2023) in RANSAC; samples are drawn from the best scores first
    (PROSAC, Chum and Matas, CVPR 2005).
    """
    if len(matches) <= MINIMAL_SAMPLE:
        return None
    best_first = np.argsort(-matches.scores, kind="stable")
    options = {
        "max_reproj_error": config.max_error_px,
        "max_iterations": config.max_iterations,
        "min_iterations": min(100, config.max_iterations),
        "progressive_sampling": True,
        "seed": seed,
    }
    found, _ = poselib.estimate_absolute_pose(
        matches.points_image[best_first], matches.points_map[best_first],
        poselib_camera(camera), options, {},
    )
    pose = se3.make_pose(found.R, found.t)
    return pose if np.isfinite(pose).all() else None


def poselib_camera(camera: Camera) -> dict[str, Any]:
    """The camera in PoseLib's words. Points keep our pixels: the principal point says which."""
    parameters = [camera.fx, camera.fy, camera.cx, camera.cy]
    model = "PINHOLE"
    if camera.model == "fisheye":
        model, parameters = "OPENCV_FISHEYE", parameters + list(camera.distortion)
    elif camera.model == "radtan":
        padded = list(camera.distortion) + [0.0] * (8 - len(camera.distortion))
        model, parameters = "FULL_OPENCV", parameters + padded
    return {
        "model": model, "width": camera.width, "height": camera.height, "params": parameters
    }
