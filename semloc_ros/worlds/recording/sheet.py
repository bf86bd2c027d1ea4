"""Contact sheets: frames of every traversal, or clip, of a world, with their truth beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros import classes
from semloc_ros.errors import DatasetError, expected
from semloc_ros.worlds.recording.folders import read_world
from semloc_ros.worlds.recording.frames import picture_path, truth_path

Image = NDArray[np.uint8]  # (H, W, 3) RGB
_WIDTH = 320  # pixels of a picture on the sheet
_TITLE = 22
_KINDS = ("labels", "depth", "instances", "motions")


def draw_sheet(world: Path, out: Path, number: int, truth: bool) -> None:
    """Writes `out`: a row of `number` frames for each traversal or clip in the folder `world`.

    With `truth`: labels, depth, instances and motion of each, two by two. DatasetError for a
    folder without frames, or a picture that cannot be read or written.
    """
    about = read_world(world)
    if "clips" in about["outputs"]:
        rows = [_clip_row(world / name, number, truth) for name in about["clips"]]
        titles = list(about["clips"])
    elif "frames" in about["outputs"]:
        names = [camera["name"] for camera in about["cameras"]]
        rows = [
            _traversal_row(world / "frames" / one["name"], names, one["images"], number, truth)
            for one in about["traversals"]
        ]
        titles = [_title(one) for one in about["traversals"]]
        if views := about.get("views"):
            folder = world / "frames" / views["name"]
            rows.append(_traversal_row(folder, [views["name"]], views["images"], number, truth))
            titles.append(_title(views))
    else:
        raise DatasetError(expected(str(world), "a world with frames, or clips", "bags alone"))
    sheet = np.vstack([_titled(t, row) for t, row in zip(titles, rows, strict=True)])
    try:
        written = cv2.imwrite(str(out), sheet[:, :, ::-1])
    except cv2.error:  # an ending it has no format for
        written = False
    if not written:
        raise DatasetError(expected(str(out), "a png or jpg that can be written", "none"))


def _title(traversal: dict[str, Any]) -> str:
    setting = "" if traversal["setting"] == traversal["name"] else f" ({traversal['setting']})"
    return f"{traversal['name']}{setting}: {traversal['images']} images"


def _traversal_row(
    folder: Path, cameras: Sequence[str], images: int, number: int, truth: bool
) -> Image:
    cells = []
    for place, index in enumerate(_chosen(images, number)):
        camera = cameras[place % len(cameras)]
        picture = _read(picture_path(folder, camera, index))
        if truth:
            found = {k: _read_raw(truth_path(folder, camera, index, k)) for k in _KINDS}
            cells.append(np.hstack([picture, _grid(found, picture.shape[0])]))
        else:
            cells.append(picture)
    return np.hstack(cells)


def _clip_row(folder: Path, number: int, truth: bool) -> Image:
    frames = sorted((folder / "input").iterdir())
    cells = []
    for index in _chosen(len(frames), number):
        picture = _read(frames[index])
        if truth:
            mask = folder / "groundtruth" / f"gt{index + 1:06d}.png"
            picture = np.hstack([picture, _read(mask, cv2.INTER_NEAREST)])
        cells.append(picture)
    return np.hstack(cells)


def _chosen(frames: int, number: int) -> list[int]:
    """Frames spread evenly, none at the very ends."""
    places = (np.arange(number) + 0.5) / number * frames
    return [int(place) for place in places]


def _grid(truth: dict[str, Any], height: int) -> Image:
    """Labels and depth above instances and motion, as large together as the picture."""
    small = (_WIDTH // 2, height // 2)
    pictures = [
        classes.colorize(truth["labels"]),
        _nearness(truth["depth"]),
        _in_colors(truth["instances"]),
        np.dstack([truth["motions"]] * 3),
    ]
    a, b, c, d = (cv2.resize(p, small, interpolation=cv2.INTER_NEAREST) for p in pictures)
    grid = np.zeros((height, _WIDTH, 3), dtype=np.uint8)
    half = np.vstack([np.hstack([a, b]), np.hstack([c, d])])
    grid[: half.shape[0], : half.shape[1]] = half
    return grid


def _nearness(depth: NDArray[np.uint16]) -> Image:
    """Inverse depth, its square root for the eye: near is bright."""
    bright = np.sqrt(depth / max(float(np.percentile(depth, 98)), 1.0))
    grey = (255 * np.clip(bright, 0, 1)).astype(np.uint8)
    colored = cv2.applyColorMap(grey, cv2.COLORMAP_TURBO)
    return np.asarray(colored[:, :, ::-1], dtype=np.uint8)


def _in_colors(instances: NDArray[np.uint16]) -> Image:
    """A colour per instance; nothing is black."""
    colors = np.random.default_rng(0).integers(40, 256, (65536, 3)).astype(np.uint8)
    colors[0] = 0
    return np.asarray(colors[instances])


def _read(path: Path, interpolation: int = cv2.INTER_AREA) -> Image:
    image = _read_raw(path, cv2.IMREAD_COLOR)
    height = round(image.shape[0] * _WIDTH / image.shape[1])
    small = cv2.resize(image, (_WIDTH, height), interpolation=interpolation)
    return np.asarray(small[:, :, ::-1], dtype=np.uint8)


def _read_raw(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> NDArray[Any]:
    try:
        image = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error):  # not there, or empty
        image = None
    if image is None:
        raise DatasetError(expected(str(path), "a picture", "none"))
    return np.asarray(image)


def _titled(title: str, row: Image) -> Image:
    band = np.full((_TITLE, row.shape[1], 3), 255, dtype=np.uint8)
    at, black = (6, _TITLE - 6), (0, 0, 0)
    cv2.putText(band, title, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, black, 1, cv2.LINE_AA)
    return np.vstack([band, row])
