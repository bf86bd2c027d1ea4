"""Labelled points against label maps from many poses: compiled (numba), parallel, without the GIL.

All kernels stand in this file, since numba's cache asks for the age of one file only.

A call runs over tiles of poses and, within a tile, over blocks of points, so that a block stays in
the first cache while all poses of the tile use it. Each block is done in two sweeps. The first
projects and tests `BLOCK` points without a branch: it compiles to full vectors. The second looks
up, which is bound by loads. Points that are not visible, or lie outside the image, get the number
of one pixel more than the image has: its label says nothing.

Numbers
-------
- points (B, 8, BLOCK) float32: x, y, z in metres from an origin near by; the unit direction in
  which cameras saw the point; the squares of the least and the largest distance it is seen from.
- poses (N, 12) float32: the camera's centre from the same origin; three rows that take a
  point minus the centre to (u z, v z, z). Here (u, v) counts from the image's corner, not from
  the centre of its first pixel, so that cutting off decimals finds the pixel.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # points that are projected at once
TILE = 16  # poses that share a block while it is in the first cache
_BELOW_ONE = np.float32(0.99)
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
UNITS = 512  # parts of a natural logarithm
_HIGHEST = 7.9  # log ratio: BLOCK of them, in UNITS, stay below half a count
COUNT = 1 << 22  # one point, in the same number


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")  # type: ignore[misc, untyped-decorator, unused-ignore]
def find_pixels(
    pose: Any, points: Any, least_cosine2: Any, width: int, height: int, found: Any
) -> None:
    """Number of the pixel (BLOCK,) under each point, width * height where it is not seen."""
    cx, cy, cz = pose[0], pose[1], pose[2]
    ux, uy, uz = pose[3], pose[4], pose[5]
    vx, vy, vz = pose[6], pose[7], pose[8]
    zx, zy, zz = pose[9], pose[10], pose[11]
    right, below = np.float32(width - 1) + _BELOW_ONE, np.float32(height - 1) + _BELOW_ONE
    nowhere, across = np.int32(width * height), np.int32(width)
    for k in range(BLOCK):
        x, y, z = points[0, k] - cx, points[1, k] - cy, points[2, k] - cz
        distance2 = x * x + y * y + z * z
        along = -(x * points[3, k] + y * points[4, k] + z * points[5, k])
        depth = zx * x + zy * y + zz * z
        scale = _ONE / depth
        u = (ux * x + uy * y + uz * z) * scale
        v = (vx * x + vy * y + vz * z) * scale
        u_inside, v_inside = min(max(u, _ZERO), right), min(max(v, _ZERO), below)
        seen = (
            (depth > _ZERO) & (u == u_inside) & (v == v_inside)
            & (distance2 >= points[6, k]) & (distance2 <= points[7, k])
            & (along > _ZERO) & (along * along >= least_cosine2 * distance2)
        )
        pixel = np.int32(v_inside) * across + np.int32(u_inside)
        found[k] = pixel if seen else nowhere


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def sum_table(pixels: Any, rows: Any, labels: Any, table: Any) -> Any:
    """Sum of `table[rows + label]` over the pixels (BLOCK,): see `sum_log_ratios`."""
    total = np.int32(0)
    for k in range(BLOCK):
        total += table[rows[k] + labels[pixels[k]]]
    return total


@numba.njit(cache=True, nogil=True, parallel=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def sum_log_ratios(
    poses: Any, points: Any, rows: Any, labels: Any, table: Any, least_cosine2: Any,
    width: int, height: int,
) -> Any:
    """Sums (N,) float64 of the log ratios of the points that each pose sees, and how many (N,)
    int32 they are; points on unknown labels count as not seen.

    `rows` (B, BLOCK) int32: where a point's label begins in the flat `table` of `pack_table`;
    `labels` (width * height + 1,) uint8 or uint16, the last for points that are not seen.
    """
    count = len(poses)
    sums, counts = np.zeros(count, np.int64), np.zeros(count, np.int32)
    for tile in numba.prange((count + TILE - 1) // TILE):
        pixels = np.empty(BLOCK, np.int32)
        first = tile * TILE
        last = min(first + TILE, count)
        for block in range(len(points)):
            for pose in range(first, last):
                find_pixels(poses[pose], points[block], least_cosine2, width, height, pixels)
                total = sum_table(pixels, rows[block], labels, table)
                seen = (total + COUNT // 2) // COUNT
                counts[pose] += seen
                sums[pose] += total - seen * COUNT
    return sums / UNITS, counts


def pack_table(log_ratios: NDArray[np.float32]) -> NDArray[np.int32]:
    """A table (L, L + 1) of log ratios, its last column for the unknown, as flat int32: whole
    numbers of 1 / UNITS, and one count in the upper bits, so that one look-up adds both.

    Sums of whole numbers are the same in any order, on any machine.
    """
    whole = np.rint(np.clip(log_ratios, -_HIGHEST, _HIGHEST) * UNITS).astype(np.int32) + COUNT
    whole[:, -1] = 0
    return np.ascontiguousarray(whole).ravel()


def unpack_table(table: NDArray[np.int32], num_labels: int) -> NDArray[np.float64]:
    """The log ratios (L, L) of a packed table, without the column for the unknown."""
    whole = table.reshape(num_labels, num_labels + 1)[:, :-1]
    return np.asarray((whole - COUNT) / UNITS)


@numba.njit(cache=True, nogil=True, parallel=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def pixels_of(
    poses: Any, points: Any, least_cosine2: Any, width: int, height: int
) -> Any:
    """Pixel numbers (N, B, BLOCK) int32 of the points from each pose, width * height: unseen."""
    found = np.empty((len(poses), len(points), BLOCK), np.int32)
    for pose in numba.prange(len(poses)):
        for block in range(len(points)):
            find_pixels(
                poses[pose], points[block], least_cosine2, width, height, found[pose, block]
            )
    return found


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _count_equal(pixels: Any, own: Any, labels: Any) -> Any:
    total = np.int32(0)
    for k in range(BLOCK):
        total += np.int32(labels[pixels[k]] == own[k])
    return total


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _may_see(pose: Any, ball: Any, limits: Any) -> Any:
    """Whether any point of a ball (x, y, z, radius, farthest) can be seen from a pose.

    `limits` (6,): lengths of the normals of the view's left, right, upper and lower side, whose
    distances are measured in pixels times depth; then width and height.
    """
    x, y, z, radius = ball[0] - pose[0], ball[1] - pose[1], ball[2] - pose[2], ball[3]
    reach = ball[4] + radius
    if x * x + y * y + z * z > reach * reach:
        return False
    depth = pose[9] * x + pose[10] * y + pose[11] * z
    across = pose[3] * x + pose[4] * y + pose[5] * z
    down = pose[6] * x + pose[7] * y + pose[8] * z
    return (
        depth > -radius
        and across > -radius * limits[0] and limits[4] * depth - across > -radius * limits[1]
        and down > -radius * limits[2] and limits[5] * depth - down > -radius * limits[3]
    )


@numba.njit(cache=True, nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _turned(pose: Any, axis: Any, pivot: Any, angle: float, turned: Any) -> None:
    """The pose of a camera that was carried around a line through `pivot` along `axis`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    for row in range(4):
        x, y, z = pose[3 * row], pose[3 * row + 1], pose[3 * row + 2]
        if row == 0:
            x, y, z = x - pivot[0], y - pivot[1], z - pivot[2]
        along = (axis[0] * x + axis[1] * y + axis[2] * z) * (1.0 - cosine)
        turned[3 * row] = cosine * x + sine * (axis[1] * z - axis[2] * y) + along * axis[0]
        turned[3 * row + 1] = cosine * y + sine * (axis[2] * x - axis[0] * z) + along * axis[1]
        turned[3 * row + 2] = cosine * z + sine * (axis[0] * y - axis[1] * x) + along * axis[2]
        if row == 0:
            for axis_number in range(3):
                turned[axis_number] += pivot[axis_number]


@numba.njit(cache=True, nogil=True, parallel=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def count_on_own_label(
    poses: Any, pivots: Any, axis: Any, angles: Any, points: Any, balls: Any, own: Any,
    labels: Any, least_cosine2: Any, limits: Any, width: int, height: int,
) -> Any:
    """Points (N, A) int32 that lie on their own label, from poses turned around a pivot.

    Pose n (N, 12) is carried around the line through `pivots[n]` (3,) along the unit `axis` (3,)
    by each of `angles[n]` (N, A). `balls` (B, 5) float32 hold the points of each block, and the
    largest distance from which any of them is seen; blocks out of sight cost one test. `own`
    (B, BLOCK) int32 are the points' labels, `labels` (width * height + 1,) int32 the image's;
    `limits` as in `_may_see`.
    """
    counts = np.zeros(angles.shape, np.int32)
    for match in numba.prange(len(poses)):
        pixels = np.empty(BLOCK, np.int32)
        pose = np.empty(12, np.float32)
        for number in range(angles.shape[1]):
            _turned(poses[match], axis, pivots[match], angles[match, number], pose)
            for block in range(len(points)):
                if _may_see(pose, balls[block], limits):
                    find_pixels(pose, points[block], least_cosine2, width, height, pixels)
                    counts[match, number] += _count_equal(pixels, own[block], labels)
    return counts


def compile_kernels() -> None:
    """Compile now (or load the compiled code), so that no frame waits for it."""
    poses, points = np.zeros((1, 12), np.float32), np.zeros((1, 8, BLOCK), np.float32)
    rows = np.zeros((1, BLOCK), np.int32)
    for kind in (np.uint8, np.uint16):
        labels, table = np.zeros(2, kind), np.zeros(1, np.int32)
        sum_log_ratios(poses, points, rows, labels, table, np.float32(0.25), 1, 1)
    pixels_of(poses, points, np.float32(0.25), 1, 1)
    count_on_own_label(
        poses, np.zeros((1, 3)), np.zeros(3), np.zeros((1, 1)), points,
        np.zeros((1, 5), np.float32), rows, np.zeros(2, np.int32), np.float32(0.25),
        np.zeros(6, np.float32), 1, 1,
    )
