"""A corner of a textured room, photographed by any camera: images with exact truth."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from semloc_ros.config import MapBuilderConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Camera, PosedImage

SIZE_M, TEXELS = 6.0, 2048
CAMERAS = {
    "pinhole": Camera("pinhole", 480, 360, 380.0, 380.0, 239.5, 179.5),
    "radtan": Camera(
        "radtan", 480, 360, 380.0, 375.0, 243.0, 176.0, (-0.2, 0.05, 0.001, -0.002)
    ),
    "fisheye": Camera("fisheye", 480, 360, 260.0, 260.0, 239.0, 181.0, (0.03, -0.01, 0.002, 0.0)),
}


class Corner:
    """Three textured squares x = 0, y = 0 and z = 0 of a room, axes up to SIZE_M."""

    def __init__(self, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        self._textures = [self._texture(rng) for _ in range(3)]

    @staticmethod
    def _texture(rng: np.random.Generator) -> np.ndarray:
        layers = [
            cv2.resize(rng.uniform(-1, 1, (n, n)).astype(np.float32), (TEXELS, TEXELS),
                       interpolation=cv2.INTER_CUBIC) / (k + 1) ** 0.5
            for k, n in enumerate((24, 64, 160, 400))
        ]
        return np.clip(128 + 50 * sum(layers), 0, 255).astype(np.float32)

    def photograph(self, camera: Camera, camera_from_map: np.ndarray) -> np.ndarray:
        wall, hits = self._seen(camera, camera_from_map)
        shape = (camera.height, camera.width)
        image = np.zeros(shape, np.float32)
        for axis, texture in enumerate(self._textures):
            uv = np.delete(hits, axis, axis=1).reshape(*shape, 2) / SIZE_M * TEXELS
            seen = cv2.remap(
                texture, np.nan_to_num(uv, posinf=-1e4, neginf=-1e4).astype(np.float32), None,
                cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=90,
            )
            image = np.where(wall.reshape(shape) == axis, seen, image)
        return np.rint(image).astype(np.uint8)

    def label_map(self, camera: Camera, camera_from_map: np.ndarray) -> np.ndarray:
        """(H, W) uint8, see `labels_of`."""
        _, hits = self._seen(camera, camera_from_map)
        return self.labels_of(hits).reshape(camera.height, camera.width).astype(np.uint8)

    @staticmethod
    def labels_of(points: np.ndarray) -> np.ndarray:
        """The label (N,), 0 to 8, of points (N, 3): stripes of three labels on each wall; 255
        where there is none."""
        there = np.isfinite(points).all(1) & (np.abs(points) < SIZE_M).all(1)
        points = np.where(there[:, None], points, 0.0)
        wall = np.abs(points).argmin(1)
        along = np.take_along_axis(points, (wall[:, None] + 1) % 3, axis=1)[:, 0]
        return np.where(there, 3 * wall + np.floor(along / 0.7).astype(np.int64) % 3, 255)

    @staticmethod
    def _seen(camera: Camera, camera_from_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which wall each pixel sees (N,), and where (N, 3)."""
        v, u = np.mgrid[: camera.height, : camera.width]
        rays = cameras.unproject(camera, np.stack([u.ravel(), v.ravel()], 1).astype(float))
        map_from_camera = se3.inverse(camera_from_map)
        directions = rays @ map_from_camera[:3, :3].T
        eye = map_from_camera[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = -eye / directions
        distances[~(distances > 0)] = np.inf
        return distances.argmin(1), eye + directions * distances.min(1)[:, None]


def looking(eye: tuple[float, ...], target: tuple[float, ...]) -> np.ndarray:
    """camera_from_map of an upright camera at `eye` that looks at `target` (z up)."""
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    map_from_camera = se3.make_pose(
        np.stack([right, np.cross(forward, right), forward], axis=1), np.array(eye)
    )
    return se3.inverse(map_from_camera)


@pytest.fixture(scope="session")
def corner() -> Corner:
    return Corner()


@pytest.fixture(scope="session")
def lenses() -> dict[str, Camera]:
    return CAMERAS


@pytest.fixture(scope="session")
def look() -> Callable[..., np.ndarray]:
    return looking


@pytest.fixture(scope="session")
def corner_map(corner: Corner, tmp_path_factory: pytest.TempPathFactory) -> SemanticMap:
    """From eight pinhole views along an arc."""
    camera = CAMERAS["pinhole"]
    images = []
    for number, angle in enumerate(np.radians(np.linspace(25, 65, 8))):
        eye = (3.6 * np.cos(angle), 3.6 * np.sin(angle), 1.5 + 0.15 * (number % 3))
        pose = looking(eye, (0.6, 0.6, 0.9))
        picture = corner.photograph(camera, pose)
        images.append(
            PosedImage(f"{number}.png", number, camera, pose, lambda picture=picture: picture)
        )
    out = tmp_path_factory.mktemp("corner") / "map"
    return build_map(images, RootSift().extract, MapBuilderConfig(), out)
