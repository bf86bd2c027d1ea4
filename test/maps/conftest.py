"""A synthetic mapping session with known truth: no pixels, exact descriptors, noisy keypoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from semloc_ros.config import MapBuilderConfig, PairsConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.maps.builder import build_map
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Camera, Features, PosedImage

PINHOLE = Camera("pinhole", 640, 480, 500.0, 510.0, 320.3, 238.6)


@dataclass
class Session:
    """True points (P, 3), their RGB, the posed images, and an extractor that knows them."""

    points: np.ndarray
    colors: np.ndarray
    images: list[PosedImage]
    features: list[Features]
    truth: list[np.ndarray]  # the true point of each feature

    def extract(self, pixels: np.ndarray) -> Features:
        """The features of the image whose number is written into its first pixel."""
        return self.features[int(pixels[0, 0, 0])]




def make_session(
    camera: Camera = PINHOLE, noise_px: float = 0.5, num_views: int = 12, seed: int = 0
) -> Session:
    rng = np.random.default_rng(seed)
    points = rng.uniform([-2.5, -1.5, 4.0], [2.5, 1.5, 7.0], (400, 3))
    colors = rng.integers(0, 256, (400, 3), np.uint8)
    descriptors = rng.integers(0, 120, (400, 128), np.uint8)
    session = Session(points, colors, [], [], [])
    for number in range(num_views):
        across = 2.4 * number / max(num_views - 1, 1) - 1.2
        turn = se3.exp([0, 0, 0, 0.02 * np.sin(number), -0.12 * across, 0.01 * number])
        pose = turn @ se3.make_pose(np.eye(3), [-across, 0.1 * np.cos(number), 0.0])
        _add_view(session, number, camera, pose, descriptors, noise_px, rng)
    return session


def _add_view(session, number, camera, pose, descriptors, noise_px, rng):
    pixels, seen = cameras.project(camera, se3.transform(pose, session.points))
    rows = rng.permutation(np.flatnonzero(seen & cameras.inside_image(camera, pixels)))
    found = (pixels[rows] + rng.normal(0, noise_px, (len(rows), 2))).astype(np.float32)
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    at = np.clip(np.rint(found).astype(int), 0, (camera.width - 1, camera.height - 1))
    image[at[:, 1], at[:, 0]] = session.colors[rows]
    image[0, 0] = number
    scales = np.full(len(rows), 4.0, np.float32)
    session.features.append(Features("synthetic", found, scales, descriptors[rows]))
    session.truth.append(rows)
    stamp = 1_000_000_000 + number * 100_000_000
    session.images.append(PosedImage(f"view{number}.png", stamp, camera, pose, lambda: image))


@pytest.fixture(scope="session")
def new_session() -> Callable[..., Session]:
    """Makes sessions: `new_session(camera=…, noise_px=…, num_views=…, seed=…)`."""
    return make_session


@pytest.fixture(scope="session")
def session() -> Session:
    return make_session()


@pytest.fixture(scope="session")
def config() -> MapBuilderConfig:
    return MapBuilderConfig(pairs=PairsConfig(neighbours=16), keypoint_sigma_px=0.5)


@pytest.fixture(scope="session")
def map_folder(session, config, tmp_path_factory) -> Path:
    """A built map on disk: copy it before you damage it."""
    folder = tmp_path_factory.mktemp("maps") / "synthetic"
    build_map(session.images, session.extract, config, folder, source="synthetic")
    return folder


@pytest.fixture()
def synthetic_map(map_folder) -> SemanticMap:
    from semloc_ros.maps.storage import load_map

    return load_map(map_folder)
