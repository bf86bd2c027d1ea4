"""A made-up map of a wall with pictures, known exactly: points, views, and their images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from semloc_ros.geometry import cameras, planes, se3
from semloc_ros.geometry import homographies as plane_maps
from semloc_ros.maps.assembly import assemble
from semloc_ros.maps.manifest import Manifest
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.maps.storage import save_map
from semloc_ros.maps.tracks import Tracks
from semloc_ros.types import Camera, Features, FloatArray, PosedImage

RADTAN = Camera("radtan", 320, 240, 260.0, 262.0, 160.4, 118.8, (-0.06, 0.02, 0.0004, -0.0003, 0.0))
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass
class Wall:
    """Pictures (H, W, 3) and where each hangs, (4, 3) `map_from_uv`; the views of it."""

    pictures: list[np.ndarray]
    places: list[FloatArray]
    camera: Camera
    poses: list[FloatArray]
    semantic_map: SemanticMap

    def image(self, view: int, places: list[FloatArray] | None = None) -> np.ndarray:
        """What a view shows, RGB."""
        return render(self.camera, self.poses[view], self.pictures, places or self.places)

    def polygon(self, picture: int, view: int, inset: float = 0.0) -> FloatArray:
        """The corners of a picture in a view, pixels."""
        uv = CORNERS * (1 - 2 * inset) + inset
        place = self.places[picture] @ np.c_[uv, np.ones(4)].T
        points = se3.transform(self.poses[view], (place[:3] / place[3]).T)
        return cameras.project(self.camera, points)[0]

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The folders of the map and of its images."""
        save_map(self.semantic_map, folder / "map")
        for view, name in enumerate(self.semantic_map.view_names):
            path = folder / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), cv2.cvtColor(self.image(view), cv2.COLOR_RGB2BGR))
        return folder / "map", folder / "images"


def rectangle(corner: tuple[float, float, float], width: float, height: float) -> FloatArray:
    """(4, 3) of a picture on the wall x = const, seen from smaller x: right is -y, down is -z."""
    return np.array(
        [[0.0, 0.0, corner[0]], [-width, 0.0, corner[1]], [0.0, -height, corner[2]], [0, 0, 1.0]]
    )


def painted(rng: np.random.Generator, size: tuple[int, int] = (150, 200)) -> np.ndarray:
    """A picture full of corners, at two scales."""
    coarse = rng.integers(0, 256, (size[0] // 25, size[1] // 25, 3), np.uint8)
    fine = rng.integers(0, 256, (size[0] // 6, size[1] // 6, 3), np.uint8)
    parts = [cv2.resize(one, size[::-1], interpolation=cv2.INTER_CUBIC) for one in (coarse, fine)]
    return cv2.addWeighted(parts[0], 0.6, parts[1], 0.4, 0.0)


def render(
    camera: Camera, camera_from_map: FloatArray, pictures: list[np.ndarray],
    places: list[FloatArray],
) -> np.ndarray:  # fmt: skip
    """The pictures on a grey wall."""
    height, width = camera.height, camera.width
    rows, columns = np.indices((height, width)).reshape(2, -1)
    ideal = cameras.undistort_points(camera, np.stack([columns, rows], 1).astype(float))
    image = np.full((height * width, 3), 120, np.uint8)
    for picture, place in zip(pictures, places, strict=True):
        image_from_uv = planes.image_from_plane(place, camera, camera_from_map)
        uv = plane_maps.apply(plane_maps.inverse(image_from_uv), ideal)
        inside = ((uv >= 0) & (uv < 1)).all(axis=1)
        if not inside.any():
            continue
        at = (uv[inside] * picture.shape[1::-1] - 0.5).astype(np.float32)
        image[inside] = cv2.remap(
            picture, at[:, None, 0], at[:, None, 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )[:, 0]
    return image.reshape(height, width, 3)


def hang(
    seed: int = 0, noise_px: float = 0.0, twins: bool = False, num_views: int = 6,
    camera: Camera = RADTAN,
) -> Wall:  # fmt: skip
    """Two pictures, 80 points on each, and 60 points beside and before them. `twins`: the second
    is a copy of the first."""
    rng = np.random.default_rng(seed)
    pictures = [painted(rng), painted(rng)]
    if twins:
        pictures[1] = pictures[0]
    places = [rectangle((4.0, 1.3, 1.9), 1.0, 0.75), rectangle((3.9, -0.2, 1.8), 1.0, 0.75)]
    level = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    poses = []
    for number in range(num_views):
        across = 1.6 * number / max(num_views - 1, 1) - 0.8
        centre = np.array([0.8 + 0.1 * (number % 2), across, 1.4])
        turn = se3.exp([0, 0, 0, 0.05 * np.sin(number), -0.25 * across, 0.02 * number])[:3, :3]
        poses.append(se3.make_pose(turn @ level, -turn @ level @ centre))
    on = [_on(place, rng.uniform(0.02, 0.98, (80, 2))) for place in places]
    off = rng.uniform([2.5, -1.5, 0.6], [3.6, 1.5, 2.2], (60, 3))
    points = np.concatenate([*on, off])
    return Wall(pictures, places, camera, poses, _map(points, camera, poses, noise_px, rng))


def _on(place: FloatArray, uv: FloatArray) -> FloatArray:
    rows = np.c_[uv, np.ones(len(uv))] @ place.T
    return rows[:, :3] / rows[:, 3:]


def _map(
    points: FloatArray, camera: Camera, poses: list[FloatArray], noise_px: float,
    rng: np.random.Generator,
) -> SemanticMap:  # fmt: skip
    images, features, seen = [], [], []
    for view, pose in enumerate(poses):
        pixels, ahead = cameras.project(camera, se3.transform(pose, points))
        rows = np.flatnonzero(ahead & cameras.inside_image(camera, pixels))
        found = (pixels[rows] + rng.normal(0, noise_px, (len(rows), 2))).astype(np.float32)
        descriptors = rng.integers(0, 120, (len(rows), 128), np.uint8)
        features.append(Features("rootsift", found, np.full(len(rows), 4, np.float32), descriptors))
        images.append(PosedImage(f"left/{view:03d}.png", view + 1, camera, pose, lambda: None))
        seen.append(rows)
    point_of = np.concatenate(seen)
    views = np.repeat(np.arange(len(poses)), [len(rows) for rows in seen]).astype(np.int32)
    of_view = np.concatenate([np.arange(len(rows)) for rows in seen]).astype(np.int32)
    order = np.argsort(point_of, kind="stable")
    counts = np.bincount(point_of, minlength=len(points))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    tracks = Tracks(points, offsets, views[order], of_view[order]).select(counts >= 2)
    colors = np.full((len(tracks), 3), 90, np.uint8)
    manifest = Manifest("rootsift", source="made up")
    return assemble(manifest, images, features, colors, tracks, 1.0, True)
