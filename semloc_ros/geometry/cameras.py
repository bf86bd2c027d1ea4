"""From points to pixels and back, for the three camera models of `types.Camera`.

Conventions
-----------
- Points are in the camera's optical frame: x right, y down, z forward, metres.
- Pixel (0, 0) is the centre of the top-left pixel; the image covers
  [-0.5, width - 0.5) x [-0.5, height - 0.5).
- "pinhole" and "radtan" see the half space z > 0; "fisheye" sees beyond 90 degrees, as far as
  its polynomial rises. Points that a lens cannot see are invalid, and their pixels NaN.
- Distortion is OpenCV's (see `distortion`).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.geometry import distortion
from semloc_ros.types import Camera, FloatArray

_NEAREST = 1e-9  # metres: nearer points have no direction
_COEFFICIENT_COUNTS = {"pinhole": (0,), "radtan": (4, 5, 8), "fisheye": (4,)}


def check_camera(name: str, camera: Camera) -> Camera:
    """The camera itself; raises InputError if its numbers cannot be those of a camera."""
    if camera.model not in _COEFFICIENT_COUNTS:
        raise InputError(expected(name, "pinhole, radtan or fisheye", repr(camera.model)))
    if camera.width < 1 or camera.height < 1:
        raise InputError(expected(name, "a positive size", f"{camera.width}x{camera.height}"))
    numbers = (camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion)
    if not np.isfinite(numbers).all():
        raise InputError(expected(name, "finite intrinsics", numbers))
    if camera.fx <= 0 or camera.fy <= 0:
        raise InputError(expected(name, "focal lengths > 0", f"{camera.fx}, {camera.fy}"))
    counts = _COEFFICIENT_COUNTS[camera.model]
    if len(camera.distortion) not in counts:
        wanted = f"{' or '.join(map(str, counts))} coefficients for {camera.model}"
        raise InputError(expected(name, wanted, len(camera.distortion)))
    return camera


def intrinsic_matrix(camera: Camera) -> FloatArray:
    """K, (3, 3)."""
    return np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])


def project(camera: Camera, points_camera: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Pixels (N, 2) of points (N, 3), and whether the lens sees them, (N,).

    Seen does not mean inside the image: see `inside_image`. Unseen pixels are NaN.
    """
    points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
    seen = _seen(camera, points)
    pixels = np.full((len(points), 2), np.nan)
    normalized = _to_normalized(camera, points[seen])
    pixels[seen] = normalized * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    return pixels, seen


def unproject(camera: Camera, pixels: FloatArray) -> FloatArray:
    """Unit rays (N, 3) of pixels (N, 2); NaN where the lens sees nothing."""
    pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    normalized = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    if camera.model == "fisheye":
        return _fisheye_rays(normalized, camera.distortion)
    if camera.model == "radtan":
        normalized = distortion.radtan_undistort(normalized, camera.distortion)
    rays = np.concatenate([normalized, np.ones((len(pixels), 1))], axis=1)
    unit: FloatArray = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return unit


def project_jacobian(camera: Camera, points_camera: FloatArray) -> FloatArray:
    """Derivative (N, 2, 3) of the pixels by the points (N, 3); NaN where unseen."""
    points = np.asarray(points_camera, dtype=np.float64).reshape(-1, 3)
    seen = _seen(camera, points)
    jacobian = np.full((len(points), 2, 3), np.nan)
    if camera.model == "fisheye":
        inner = _fisheye_jacobian(points[seen], camera.distortion)
    else:
        inner = _perspective_jacobian(camera, points[seen])
    jacobian[seen] = inner * np.array([camera.fx, camera.fy])[:, None]
    return jacobian


def inside_image(camera: Camera, pixels: FloatArray) -> NDArray[np.bool_]:
    """Which pixels (N, 2) lie in the image; NaN does not."""
    low = np.all(pixels >= -0.5, axis=-1)
    high = np.all(pixels < np.array([camera.width - 0.5, camera.height - 0.5]), axis=-1)
    inside: NDArray[np.bool_] = low & high
    return inside


def undistort_points(camera: Camera, pixels: FloatArray) -> FloatArray:
    """Pixels (N, 2) of the ideal pinhole camera with the same K.

    NaN where the lens sees nothing, or (fisheye) at 90 degrees and more.
    """
    rays = unproject(camera, pixels)
    depth = np.where(rays[:, 2:] > _NEAREST, rays[:, 2:], np.nan)
    ideal: FloatArray = rays[:, :2] / depth * (camera.fx, camera.fy) + (camera.cx, camera.cy)
    return ideal


def scaled(camera: Camera, factor: float) -> Camera:
    """The camera of the image resized by `factor`; sizes are rounded to whole pixels, and the
    focal lengths follow the rounded sizes, as in a resize of the whole image."""
    width, height = max(1, round(camera.width * factor)), max(1, round(camera.height * factor))
    by_x, by_y = width / camera.width, height / camera.height
    return dataclasses.replace(
        camera,
        width=width,
        height=height,
        fx=camera.fx * by_x,
        fy=camera.fy * by_y,
        cx=(camera.cx + 0.5) * by_x - 0.5,
        cy=(camera.cy + 0.5) * by_y - 0.5,
    )


def _seen(camera: Camera, points: FloatArray) -> NDArray[np.bool_]:
    side = np.hypot(points[:, 0], points[:, 1])
    depth = points[:, 2]
    if camera.model == "fisheye":
        far_enough = np.hypot(side, depth) > _NEAREST
        limit = distortion.fisheye_limit(camera.distortion)
        seen: NDArray[np.bool_] = far_enough & (np.arctan2(side, depth) < limit)
        return seen
    seen = depth > _NEAREST
    if camera.model == "radtan":
        seen &= side < distortion.radtan_limit(camera.distortion) * np.maximum(depth, _NEAREST)
    return seen


def _to_normalized(camera: Camera, points: FloatArray) -> FloatArray:
    if camera.model == "fisheye":
        side, angle = _fisheye_angles(points)
        return (
            points[:, :2] * (distortion.fisheye_distort(angle, camera.distortion) / side)[:, None]
        )
    plane: FloatArray = points[:, :2] / points[:, 2:]
    if camera.model == "radtan":
        return distortion.radtan_distort(plane, camera.distortion)
    return plane


def _perspective_jacobian(camera: Camera, points: FloatArray) -> FloatArray:
    x, y, z = points.T
    plane_by_point = np.zeros((len(points), 2, 3))
    plane_by_point[:, 0, 0] = plane_by_point[:, 1, 1] = 1 / z
    plane_by_point[:, 0, 2], plane_by_point[:, 1, 2] = -x / z**2, -y / z**2
    if camera.model == "pinhole":
        return plane_by_point
    plane = points[:, :2] / points[:, 2:]
    return distortion.radtan_jacobian(plane, camera.distortion) @ plane_by_point


def _fisheye_angles(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distance (N,) from the optical axis, kept from zero, and angle (N,) to it."""
    side = np.maximum(np.hypot(points[:, 0], points[:, 1]), 1e-12)
    return side, np.arctan2(side, points[:, 2])


def _fisheye_jacobian(points: FloatArray, coefficients: tuple[float, ...]) -> FloatArray:
    """Product rule on (x, y) * scale, scale = radius(angle) / side."""
    side, angle = _fisheye_angles(points)
    z, square = points[:, 2], side**2 + points[:, 2] ** 2
    radius = distortion.fisheye_distort(angle, coefficients)
    slope = distortion.fisheye_slope(angle, coefficients)
    scale_by_side = (slope * z / square - radius / side) / side
    scale_by_point = np.empty_like(points)
    scale_by_point[:, :2] = points[:, :2] * (scale_by_side / side)[:, None]
    scale_by_point[:, 2] = -slope / square
    jacobian = points[:, :2, None] * scale_by_point[:, None, :]
    jacobian[:, 0, 0] += radius / side
    jacobian[:, 1, 1] += radius / side
    return jacobian


def _fisheye_rays(normalized: FloatArray, coefficients: tuple[float, ...]) -> FloatArray:
    radius = np.linalg.norm(normalized, axis=1)
    angle = distortion.fisheye_undistort(radius, coefficients)
    sideways = normalized * (np.sin(angle) / np.maximum(radius, 1e-12))[:, None]
    return np.concatenate([sideways, np.cos(angle)[:, None]], axis=1)
