"""Lens distortion as maps of the normalized plane; used through `cameras`.

- Radial-tangential: OpenCV's (k1, k2, p1, p2[, k3[, k4, k5, k6]]), the last three dividing.
- Fisheye: OpenCV's equidistant polynomial r = t (1 + k1 t² + k2 t⁴ + k3 t⁶ + k4 t⁸) of the
  angle t to the optical axis.

Both radial functions rise from 0 to a limit, where a polynomial of a strong lens folds back:
beyond it the formula still yields numbers, but no lens has them. `radtan_limit` (a radius)
and `fisheye_limit` (an angle) find it; the inverses are those of the rising branch.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial import Polynomial

from semloc_ros.types import FloatArray

Coefficients = tuple[float, ...]
_WIDEST_RADIUS = 50.0  # tan of 88.9 degrees: the widest ray that the inverse looks for
_TABLE = 2048
_NEWTON_STEPS = 12
_CONVERGED = 1e-9  # normalized units: a thousandth of a thousandth of a pixel


def radtan_distort(plane: FloatArray, coefficients: Coefficients) -> FloatArray:
    """Distorted points (N, 2) of ideal points (N, 2) on the plane z = 1."""
    k1, k2, p1, p2, k3, k4, k5, k6 = _padded(coefficients)
    x, y = plane[:, 0], plane[:, 1]
    s = x * x + y * y
    radial = (1 + s * (k1 + s * (k2 + s * k3))) / (1 + s * (k4 + s * (k5 + s * k6)))
    u = x * radial + 2 * p1 * x * y + p2 * (s + 2 * x * x)
    v = y * radial + p1 * (s + 2 * y * y) + 2 * p2 * x * y
    return np.stack([u, v], axis=-1)


def radtan_jacobian(plane: FloatArray, coefficients: Coefficients) -> FloatArray:
    """(N, 2, 2) derivative of `radtan_distort`."""
    k1, k2, p1, p2, k3, k4, k5, k6 = _padded(coefficients)
    x, y = plane[:, 0], plane[:, 1]
    s = x * x + y * y
    top, bottom = 1 + s * (k1 + s * (k2 + s * k3)), 1 + s * (k4 + s * (k5 + s * k6))
    d_top, d_bottom = k1 + s * (2 * k2 + s * 3 * k3), k4 + s * (2 * k5 + s * 3 * k6)
    radial, slope = top / bottom, 2 * (d_top * bottom - top * d_bottom) / bottom**2
    jacobian = np.empty((len(plane), 2, 2))
    jacobian[:, 0, 0] = radial + x * x * slope + 2 * p1 * y + 6 * p2 * x
    jacobian[:, 1, 1] = radial + y * y * slope + 6 * p1 * y + 2 * p2 * x
    jacobian[:, 0, 1] = jacobian[:, 1, 0] = x * y * slope + 2 * p1 * x + 2 * p2 * y
    return jacobian


@lru_cache(maxsize=64)
def radtan_limit(coefficients: Coefficients) -> float:
    """Radius on the plane z = 1 up to which the radial function rises, or infinity."""
    k1, k2, _, _, k3, k4, k5, k6 = _padded(coefficients)
    top, bottom = Polynomial([1, k1, k2, k3]), Polynomial([1, k4, k5, k6])
    s = Polynomial([0, 1])
    slope = top * bottom + 2 * s * (top.deriv() * bottom - top * bottom.deriv())
    return float(np.sqrt(min(_first_positive_root(slope), _first_positive_root(bottom))))


def radtan_undistort(distorted: FloatArray, coefficients: Coefficients) -> FloatArray:
    """Ideal points (N, 2) of distorted points (N, 2); NaN where the lens sees nothing.

    Start by the inverse of the radial part, then Newton with the tangential part.
    """
    radius, image_radius = _radtan_table(coefficients)
    distance = np.linalg.norm(distorted, axis=1)
    start = np.interp(distance, image_radius, radius)
    plane = distorted * (start / np.maximum(distance, 1e-12))[:, None]
    for _ in range(_NEWTON_STEPS):
        residual = radtan_distort(plane, coefficients) - distorted
        plane = plane - _solve2(radtan_jacobian(plane, coefficients), residual)
    residual = np.abs(radtan_distort(plane, coefficients) - distorted).max(axis=1, initial=0.0)
    radius_found = np.linalg.norm(plane, axis=1)
    good = (residual < _CONVERGED) & (radius_found <= radtan_limit(coefficients))
    return np.where(good[:, None], plane, np.nan)


def fisheye_distort(angle: FloatArray, coefficients: Coefficients) -> FloatArray:
    """Image radius (N,), in focal lengths, of angles (N,) to the optical axis."""
    return np.asarray(_fisheye_polynomial(coefficients)(angle), dtype=np.float64)


def fisheye_slope(angle: FloatArray, coefficients: Coefficients) -> FloatArray:
    """Derivative (N,) of `fisheye_distort`."""
    return np.asarray(_fisheye_polynomial(coefficients).deriv()(angle), dtype=np.float64)


@lru_cache(maxsize=64)
def fisheye_limit(coefficients: Coefficients) -> float:
    """Angle up to which the polynomial rises, at most pi."""
    k1, k2, k3, k4 = coefficients
    slope = Polynomial([1, 3 * k1, 5 * k2, 7 * k3, 9 * k4])
    return float(min(np.sqrt(_first_positive_root(slope)), np.pi))


def fisheye_undistort(radius: FloatArray, coefficients: Coefficients) -> FloatArray:
    """Angles (N,) of image radii (N,) in focal lengths; NaN where the lens sees nothing."""
    limit = fisheye_limit(coefficients)
    grid = np.linspace(0.0, limit, _TABLE)
    angle = np.interp(radius, fisheye_distort(grid, coefficients), grid)
    for _ in range(_NEWTON_STEPS):
        slope = np.maximum(fisheye_slope(angle, coefficients), 1e-12)
        step = (fisheye_distort(angle, coefficients) - radius) / slope
        angle = np.clip(angle - step, 0.0, limit)
    good = np.abs(fisheye_distort(angle, coefficients) - radius) < _CONVERGED
    return np.where(good, angle, np.nan)


def _padded(coefficients: Coefficients) -> Coefficients:
    return coefficients + (0.0,) * (8 - len(coefficients))


def _first_positive_root(polynomial: Polynomial) -> float:
    roots = polynomial.trim().roots()
    real = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0)]
    return float(real.min()) if len(real) else np.inf


def _fisheye_polynomial(coefficients: Coefficients) -> Polynomial:
    k1, k2, k3, k4 = coefficients
    return Polynomial([0, 1, 0, k1, 0, k2, 0, k3, 0, k4])


@lru_cache(maxsize=64)
def _radtan_table(coefficients: Coefficients) -> tuple[FloatArray, FloatArray]:
    """Radii and their images, without tangential part, dense near the centre."""
    widest = min(radtan_limit(coefficients), _WIDEST_RADIUS)
    radius = np.tan(np.linspace(0.0, np.arctan(widest), _TABLE))
    points = np.stack([radius, np.zeros_like(radius)], axis=1)
    k1, k2, _, _, *rest = _padded(coefficients)
    return radius, radtan_distort(points, (k1, k2, 0.0, 0.0, *rest))[:, 0]


def _solve2(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Solution (N, 2) of (N, 2, 2) systems; a singular one gives a large step, not an error."""
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    determinant = a * d - b * c
    determinant = np.where(np.abs(determinant) < 1e-12, 1e-12, determinant)
    x = d * right[:, 0] - b * right[:, 1]
    y = a * right[:, 1] - c * right[:, 0]
    return np.stack([x, y], axis=1) / determinant[:, None]
