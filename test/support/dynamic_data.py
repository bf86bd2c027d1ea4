"""Tiny data sets with dynamic truth, and a model that finds what is red in their images."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from label_networks import write_onnx
from numpy.typing import NDArray

RED, GREY = (0, 0, 255), (0, 60, 0)  # OpenCV has BGR; a car, a road


def save(path: Path, image: NDArray[np.generic]) -> None:
    """An image file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def red_model(folder: Path) -> Path:
    """A foreign network of three classes, of which what is red is a car."""
    write_onnx(folder / "red.onnx")
    text = "classes: [road, building, car]\nstationary: [road, building]\n"
    (folder / "red.yaml").write_text(f"{text}mean: [0, 0, 0]\nstd: [1, 1, 1]\n")
    return folder / "red.onnx"


def picture(*columns: tuple[int, int]) -> NDArray[np.uint8]:
    """(16, 32, 3): red in these columns."""
    image = np.full((16, 32, 3), GREY, np.uint8)
    for first, last in columns:
        image[:, first:last] = RED
    return image


def write_clip(folder: Path, frames: int = 4) -> Path:
    """A CDnet clip whose left quarter is red and moves; the right quarter is red and stands, the
    last four columns are unknown. Frames 2 and on have truth."""
    truth = np.zeros((16, 32), np.uint8)
    truth[:, :8], truth[:, 28:] = 255, 170
    for number in range(1, frames + 1):
        save(folder / "input" / f"in{number:06d}.png", picture((0, 8), (24, 32)))
        save(folder / "groundtruth" / f"gt{number:06d}.png", truth)
    (folder / "temporalROI.txt").write_text(f"2 {frames}\n")
    return folder


def write_camvid(folder: Path) -> Path:
    """One image of SegNet's form: a car in the left quarter, of which a half is red, a bicyclist
    in the next, nothing known in the last."""
    labels = np.full((16, 32), 3, np.uint8)  # road
    labels[:, :8], labels[:, 8:16], labels[:, 24:] = 8, 10, 11
    save(folder / "val" / "0001.png", picture((0, 4), (8, 16), (24, 32)))
    save(folder / "valannot" / "0001.png", labels)
    return folder


def write_cityscapes(folder: Path, cities: tuple[str, ...] = ("frankfurt", "lindau")) -> Path:
    """An image of each city: two cars side by side, both red, and a region of license plates'
    number -1; the second city has a parked third one that is not red."""
    for place, city in enumerate(cities):
        ids = np.full((16, 32), 7, np.uint16)  # road
        ids[:, 4:8], ids[:, 8:12] = 26_000, 26_001
        ids[:8, 20:28] = 26_002 if place else 11
        name = f"{city}/{city}_000000_000019"
        save(folder / f"leftImg8bit/val/{name}_leftImg8bit.png", picture((4, 12)))
        save(folder / f"gtFine/val/{name}_gtFine_instanceIds.png", ids)
        labels = np.where(ids >= 1000, ids // 1000, ids).astype(np.uint8)
        save(folder / f"gtFine/val/{name}_gtFine_labelIds.png", labels)
    return folder
