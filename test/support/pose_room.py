"""A tiny world in kapture form for pose networks: a patterned wall, seen from along it by cameras
that slide and turn; a red car drives through. `semloc world make` writes such folders."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT = 128, 96
_PIXELS_PER_METRE = 40
_CAR = (10, 20, 220)


def wall(seed: int) -> NDArray[np.uint8]:
    """(H, W, 3): smooth colours that tell where one is."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (4, 24, 3), np.uint8)
    return np.asarray(cv2.resize(small, (800, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def write_traversal(folder: Path, xs: NDArray[np.float64], seed: int = 5, car: int = 30) -> None:
    """A camera at map (x, 2, 1) looks along y; `car` pixels of it are hidden, which truth says."""
    rng = np.random.default_rng(len(xs))
    whole = wall(seed)
    rows: dict[str, list[str]] = {"trajectories": [], "records_camera": []}
    turn = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # camera from map
    x, y, z, w = turn.as_quat()
    for number, along in enumerate(xs):
        name = f"left/{number:06d}.png"
        left = round(along * _PIXELS_PER_METRE)
        image = whole[:, left : left + WIDTH].copy()
        motions = np.zeros((HEIGHT, WIDTH), np.uint8)
        if car:
            at = int(rng.integers(0, WIDTH - car))
            image[40:80, at : at + car], motions[40:80, at : at + car] = _CAR, 255
        for path, pixels in (
            (folder / "sensors" / "records_data" / name, image),
            ((folder / "truth" / name).with_suffix(".motions.png"), motions),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), pixels)
        tx, ty, tz = -turn.apply([along, 2.0, 1.0])
        stamp = 1000 * number + len(xs)
        rows["trajectories"].append(f"{stamp}, left, {w}, {x}, {y}, {z}, {tx}, {ty}, {tz}")
        rows["records_camera"].append(f"{stamp}, left, {name}")
    camera = f"left, left, camera, PINHOLE, {WIDTH}, {HEIGHT}, 50, 50, {WIDTH / 2}, {HEIGHT / 2}"
    for name, lines in {"sensors": [camera], **rows}.items():
        (folder / "sensors" / f"{name}.txt").write_text("\n".join(lines) + "\n")


def write_world(folder: Path, images: int = 40, seed: int = 5) -> Path:
    """Two traversals: `mapping`, and `evening`, with a quarter of the images, between them."""
    folder.mkdir(parents=True)
    (folder / "world.json").write_text(json.dumps({"world": "room", "config": {"seed": seed}}))
    write_traversal(folder / "frames" / "mapping", np.linspace(0, 16, images), seed)
    write_traversal(folder / "frames" / "evening", np.linspace(0.7, 15.3, images // 4), seed)
    return folder
