"""A robot that drives through streets of labelled points, its odometry and its label maps, all made
by numbers: what the filter's benchmarks measure against.

Streets differ in width, height and in the size of their patches; the labels of the patches are
drawn, so that no place looks like another. The errors of label maps come in patches: of pixels,
drawn anew for each image, or of the walls and the road themselves, the same as long as they are
seen or for so much way (a wall that was painted, a tree that the network takes for a house).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from label_street import BASE_FROM_CAMERA, LABELS
from numpy.typing import NDArray

from semloc_ros.config import OdometryNoiseConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.label_points import LabelPoints, from_arrays
from semloc_ros.localization.odometry_noise import motion_covariance, moved
from semloc_ros.types import Camera, FloatArray

CAMERA = Camera("pinhole", 320, 240, 250.0, 250.0, 159.5, 119.5)
SPEED, ODOMETRY_HZ, STEPS_PER_IMAGE = 2.0, 6, 6  # m/s; images come at 1 Hz


@dataclass(frozen=True, slots=True)
class Street:
    """A street along x, `half_width` (m) to each side, walls `height` (m) high; patches of one
    label are `along` by `up` (m); what they show is drawn by `seed`."""

    half_width: float
    height: float
    along: float
    up: float
    seed: int

    def label_of(self, points: FloatArray) -> NDArray[np.int64]:
        """The label (N,) of points (N, 3): 0 on the road."""
        side = (points[:, 1] > 0).astype(np.int64)
        drawn = _hashed(self.seed, points[:, 0] // self.along, points[:, 2] // self.up, side)
        road = points[:, 2] < 0.01
        return np.asarray(np.where(road, 0, 1 + drawn % (LABELS - 1)), np.int64)

    def points(self, count: int, length_m: float, rng: np.random.Generator) -> LabelPoints:
        """`count` labelled points around x = 0 to `length_m`."""
        kind = rng.integers(0, 3, count)
        x = rng.uniform(-20.0, length_m + 60.0, count)
        across = rng.uniform(-self.half_width, self.half_width, count)
        y = np.choose(kind, [np.full(count, -self.half_width), np.full(count, self.half_width),
                             across])
        z = np.where(kind == 2, 0.0, rng.uniform(0.01, self.height, count))
        positions = np.stack([x, y, z], 1)
        wall = np.where(kind == 2, 0.0, -np.sign(y))
        directions = np.stack([np.full(count, -1.0), wall, kind == 2], 1) / np.sqrt(2.0)
        ranges = np.tile([1.0, 60.0], (count, 1))
        return from_arrays(
            positions, directions, ranges, self.label_of(positions), LABELS, 10.0, rng
        )

    def seen(self, map_from_camera: FloatArray) -> tuple[NDArray[np.uint8], FloatArray]:
        """Labels (H, W) without errors, 255 for the sky, and the points (H * W, 3) seen."""
        v, u = np.mgrid[: CAMERA.height, : CAMERA.width].reshape(2, -1)
        rays = cameras.unproject(CAMERA, np.stack([u, v], 1).astype(float))
        rays = rays @ map_from_camera[:3, :3].T
        eye = map_from_camera[:3, 3]
        with np.errstate(divide="ignore"):
            wall = (np.copysign(self.half_width, rays[:, 1]) - eye[1]) / rays[:, 1]
            road = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
        distance = np.minimum(np.minimum(wall, road), 1e4)
        there = eye + rays * distance[:, None]
        there[road < wall, 2] = 0.0
        sky = (there[:, 2] > self.height) | (distance > 200)
        labels = np.where(sky, 255, self.label_of(there)).astype(np.uint8)
        return labels.reshape(CAMERA.height, CAMERA.width), there


@dataclass(frozen=True, slots=True)
class Errors:
    """A share `wrong` of the label map is, in patches of `size`: pixels of the image, drawn anew
    for each; or metres of the street where they last for `lasting_m` of way (inf: for ever)."""

    wrong: float
    size: float = 8
    lasting_m: float = 0.0

    def __str__(self) -> str:
        if not self.lasting_m:
            return f"{self.wrong:.0%}, {self.size:g} px"
        life = f"for {self.lasting_m:g} m" if np.isfinite(self.lasting_m) else "for ever"
        return f"{self.wrong:.0%}, {self.size:g} m {life}"


@dataclass(frozen=True, slots=True)
class Drive:
    """N images of a drive: truth (N, 4, 4) at the images, and the wheels' poses (M, 4, 4), of
    which every `STEPS_PER_IMAGE`-th belongs to an image."""

    street: Street
    truth: FloatArray
    wheels: FloatArray

    @staticmethod
    def of(
        street: Street, seconds: float, noise: OdometryNoiseConfig, rng: np.random.Generator,
        scale: float | None = None,
    ) -> Drive:
        """The robot weaves along the level street; its odometry errs as `noise` says, by a scale
        that is drawn once, or is given (true way over odometry's)."""
        if scale is None:
            scale = 1.0 + rng.normal(0.0, noise.scale)
        random = replace(noise, scale=0.0)
        phase, wide = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.4) * street.half_width
        truth, wheel, poses, wheels = np.eye(4), np.eye(4), [], []
        way = SPEED / ODOMETRY_HZ
        for step in range(round(seconds * ODOMETRY_HZ)):
            poses.append(truth)
            wheels.append(wheel)
            aim = wide * np.sin(phase + step * way / 12.0) - truth[1, 3]
            yaw = np.arctan2(truth[1, 0], truth[0, 0])
            turn = np.clip(0.25 * (np.arctan2(aim, 6.0) - yaw), -0.1, 0.1)
            motion = se3.exp(np.array([way, 0, 0, 0, 0, turn]))
            truth = truth @ motion
            wrong = moved(np.eye(4)[None], np.eye(4), motion_covariance(motion, random), rng)[0]
            motion[:3, 3] /= scale
            wheel = wheel @ motion @ se3.inverse(wrong)
        return Drive(street, np.array(poses[::STEPS_PER_IMAGE]), np.array(wheels))

    def image(self, number: int) -> tuple[NDArray[np.uint8], FloatArray]:
        """What the camera would see without errors: `Street.seen`."""
        return self.street.seen(self.truth[number] @ BASE_FROM_CAMERA)


def spoiled(
    labels: NDArray[np.uint8], there: FloatArray, errors: Errors, rng: np.random.Generator,
    drive: int = 0, way_m: float = 0.0,
) -> NDArray[np.uint8]:
    """The label map with errors. Those of the street hang on the number of the drive and on the
    way since its start; each part changes at a place of its own. Those for ever do not."""
    if errors.lasting_m:
        parts = tuple(one.reshape(labels.shape) for one in np.floor(there / errors.size).T)
        seed = 1
        if np.isfinite(errors.lasting_m):
            seed = 3 + 2 * drive
            phase = _hashed(seed, *parts) % 1000 / 1000.0
            parts = (*parts, np.floor(way_m / errors.lasting_m + phase))
    else:
        v, u = np.mgrid[: labels.shape[0], : labels.shape[1]]
        shift = rng.integers(0, 1000, 2)
        parts = np.floor((v + shift[0]) / errors.size), np.floor((u + shift[1]) / errors.size)
        seed = int(rng.integers(1 << 30))
    chance = _hashed(seed, *parts) % 1000 / 1000.0
    other = _hashed(seed + 1, *parts) % LABELS
    return np.where(chance < errors.wrong, other, labels).astype(np.uint8)


def _hashed(seed: int, *parts: FloatArray) -> NDArray[np.int64]:
    """Numbers that look drawn, the same for the same parts (SplitMix64's finalizer, Steele et
    al., 2014)."""
    state = np.full(parts[0].shape, seed, np.uint64)
    for part in parts:
        state = (state + part.astype(np.int64).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state ^= state >> np.uint64(31)
    return np.asarray(state >> np.uint64(20), np.int64)
