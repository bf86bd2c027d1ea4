"""What a pose rests on, frame by frame, as files of their own: evidence/STAMP.npz.

    pixels      (N, 2) float32, inliers as measured         points_map  (N, 3) float32, metres
    residuals   (N, 2) float32, from the measured pixel to where the pose puts the point
    mask        bytes of a PNG of one bit, 255 = dynamic    (without a mask: empty)
    particles   (P, 7) float32, x y z qx qy qz qw of map_from_base
    weights     (P,) float32                                (without a filter: P = 0)

Not needed to judge a run, so they are written only when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import se3
from semloc_ros.geometry.cameras import project
from semloc_ros.maps.archives import read_archive
from semloc_ros.types import FloatArray, Frame, NoPose, PoseEstimate

EVIDENCE = "evidence"
Cloud = tuple[FloatArray, FloatArray]  # poses map_from_base (P, 4, 4), weights (P,)
_Array = NDArray[np.float32]
_SHAPES: dict[str, tuple[Any, ...]] = {  # as many rows as which array, and the columns
    "pixels": ("pixels", 2),
    "residuals": ("pixels", 2),
    "points_map": ("pixels", 3),
    "particles": ("particles", 7),
    "weights": ("particles",),
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one frame: see the top of the file; `mask` (H, W) uint8 or None."""

    pixels: _Array
    residuals: _Array
    points_map: _Array
    mask: NDArray[np.uint8] | None
    particles: _Array
    weights: _Array


def _nothing(columns: int) -> _Array:
    return np.zeros((0, columns), np.float32)


NO_EVIDENCE = Evidence(
    _nothing(2), _nothing(2), _nothing(3), None, _nothing(7), np.zeros(0, np.float32)
)


def evidence_of(
    frame: Frame, result: PoseEstimate | NoPose, particles: Cloud | None = None
) -> Evidence:
    """The evidence of one localized or unlocalized frame; without a pose there are no inliers.

    A point that the lens does not see from there has a residual of NaN.
    """
    found = replace(NO_EVIDENCE, mask=frame.mask)
    if isinstance(result, PoseEstimate):
        pixels, points = result.inliers.points_image, result.inliers.points_map
        put, _ = project(frame.camera, se3.transform(result.camera_from_map, points))
        found = replace(
            found,
            pixels=pixels.astype(np.float32),
            residuals=(put - pixels).astype(np.float32),
            points_map=points.astype(np.float32),
        )
    if particles is not None and len(particles[0]):
        rows = np.concatenate(se3.to_quaternion_xyzw(particles[0]), axis=1)
        weights = particles[1].astype(np.float32)
        found = replace(found, particles=rows.astype(np.float32), weights=weights)
    return found


def write_evidence(path: Path, evidence: Evidence) -> None:
    """Write the file of one frame; the same evidence gives the same bytes."""
    np.savez_compressed(
        path,
        pixels=evidence.pixels,
        residuals=evidence.residuals,
        points_map=evidence.points_map,
        mask=_packed(evidence.mask),
        particles=evidence.particles,
        weights=evidence.weights,
    )


def read_evidence(path: Path) -> Evidence:
    """The evidence of one frame. Raises DatasetError naming a file that is not as above."""
    try:
        stored = read_archive(path)
        arrays = {name: stored[name] for name in (*_SHAPES, "mask")}
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(expected(str(path), "the evidence of a frame (npz)", error)) from None
    _check(path, arrays)
    mask = arrays.pop("mask")
    return Evidence(mask=_unpacked(path, mask) if mask.size else None, **arrays)


def _check(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, (owner, *columns) in _SHAPES.items():
        given, shape = arrays[name], (*arrays[owner].shape[:1], *columns)
        if given.dtype != np.float32 or given.shape != shape:
            wanted, got = f"float32 of shape {shape}", f"{given.dtype} of shape {given.shape}"
            raise DatasetError(expected(f"{path}: {name}", wanted, got))


def _packed(mask: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if mask is None:
        return np.zeros(0, np.uint8)
    dynamic = np.where(mask > 0, 255, 0).astype(np.uint8)
    _, png = cv2.imencode(".png", dynamic, [cv2.IMWRITE_PNG_BILEVEL, 1])
    return np.asarray(png, dtype=np.uint8).ravel()


def _unpacked(path: Path, png: NDArray[Any]) -> NDArray[np.uint8]:
    mask = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE) if png.dtype == np.uint8 else None
    if mask is None:
        raise DatasetError(expected(f"{path}: mask", "the bytes of a PNG", png.dtype))
    return np.asarray(mask, dtype=np.uint8)
