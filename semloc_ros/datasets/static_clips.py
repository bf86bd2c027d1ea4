"""Clips of cameras that do not move: CDnet 2014, the project's own, videos, folders of images.

CDnet 2014 (Wang et al., CVPRW 2014; changedetection.net, academic use) keeps
`<category>/<video>/input/in000001.jpg`, `groundtruth/gt000001.png`, `ROI.bmp` (0 = not judged) and
`temporalROI.txt`, "first last", the numbers of the frames with truth. Truth per pixel: 0 static,
50 shadow, 85 outside the region, 170 unknown, 255 moving. Clips made by `semloc world` are written
in the same form. Frames are read one at a time; none is kept.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semloc_ros.datasets.label_files import lookup_table, read_table_labels, read_values
from semloc_ros.datasets.video_files import VideoFile
from semloc_ros.errors import DatasetError, expected
from semloc_ros.maps.image_files import read_image
from semloc_ros.types import StaticClip

MOVING, UNKNOWN, OUTSIDE, SHADOW, STATIC = 255, 170, 85, 50, 0
INPUT, TRUTH, PERIOD = "input", "groundtruth", "temporalROI.txt"

_TRUTH_VALUES = lookup_table({value: value for value in (UNKNOWN, OUTSIDE, SHADOW, STATIC)})
_IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
VIDEOS = (".avi", ".mp4", ".mkv", ".mov", ".webm")
_REGIONS = ("ROI.bmp", "ROI.png", "ROI.jpg")  # CDnet has bmp and jpg of the same
_FRAME_FILE = re.compile(r"in(\d+)\.(?:jpg|jpeg|png|bmp)")


def recognize(folder: Path) -> bool:
    """Whether it is a video, or holds videos or CDnet clips. Plain images could be anything: no."""
    return bool(_clip_paths(Path(folder)))


def read_static_clips(folder: Path) -> list[StaticClip]:
    """Every clip in the folder (or the folder's own, or the one video), by path.

    Raises DatasetError, in one line, if there is none or one is broken.
    """
    folder = Path(folder)
    paths = _clip_paths(folder)
    if not paths:
        raise DatasetError(expected(str(folder), f"{INPUT}/in000001.jpg or videos", "neither"))
    return [read_static_clip(path) for path in paths]


def read_static_clip(path: Path, rate_hz: float = 0.0) -> StaticClip:
    """One clip: a video file, a CDnet folder, or a folder of images in the order of their names.

    `rate_hz` is for folders, which do not tell; a video's own is used. Raises DatasetError.
    """
    path = Path(path)
    if path.suffix.lower() in VIDEOS and not path.is_dir():
        video = VideoFile(path)
        return StaticClip(path.stem, video.num_frames, video.rate_hz, video.read, _no_truth)
    if (path / INPUT).is_dir():
        return _cdnet_clip(path, rate_hz)
    files = sorted(_image_files(path), key=_by_number)
    if not files:
        raise DatasetError(expected(str(path), "a video or a folder of images", "none"))
    return StaticClip(path.name, len(files), rate_hz, partial(_read_image, files), _no_truth)


def _clip_paths(folder: Path) -> list[Path]:
    if folder.suffix.lower() in VIDEOS and folder.is_file():
        return [folder]
    inputs = {
        frame.parent
        for pattern in (INPUT, f"*/{INPUT}", f"*/*/{INPUT}")
        for inside in folder.glob(pattern)
        for frame in [next(inside.glob("in[0-9]*.*"), None)]
        if frame is not None
    }
    videos = [path for path in folder.glob("*") if path.suffix.lower() in VIDEOS]
    return sorted([inside.parent for inside in inputs] + videos)


def _cdnet_clip(folder: Path, rate_hz: float) -> StaticClip:
    numbered = {}
    for path in (folder / INPUT).glob("in*"):
        match = _FRAME_FILE.fullmatch(path.name)
        if match:
            numbered[int(match[1])] = path
    if not numbered:
        raise DatasetError(expected(str(folder / INPUT), "in000001.jpg and so on", "none"))
    numbers = sorted(numbered)
    files = [numbered[number] for number in numbers]
    truth = _Truth(folder, numbers) if (folder / TRUTH).is_dir() else _no_truth
    return StaticClip(folder.name, len(files), rate_hz, partial(_read_image, files), truth)


class _Truth:
    """`read_truth` of one CDnet clip; the region is applied to files that do not hold it."""

    def __init__(self, folder: Path, numbers: list[int]) -> None:
        self._folder, self._numbers = folder / TRUTH, numbers
        self._first, self._last = _read_period(folder / PERIOD)
        regions = [folder / name for name in _REGIONS if (folder / name).is_file()]
        self._outside = read_values(regions[0]) < 128 if regions else None
        self._region = regions[0] if regions else folder
        if not any(self._path(number).is_file() for number in numbers if self._judged(number)):
            wanted = f"gt{numbers[0]:06d}.png and so on, from {self._first} to {self._last}"
            raise DatasetError(expected(str(self._folder), wanted, "none"))

    def __call__(self, index: int) -> NDArray[np.uint8] | None:
        """None outside the period; the truth of some frames in it is kept back by the authors."""
        number = self._numbers[index]
        path = self._path(number)
        if not self._judged(number) or not path.exists():
            return None
        truth = read_table_labels(path, _TRUTH_VALUES, "0, 50, 85, 170")
        if self._outside is None:
            return truth
        if self._outside.shape != truth.shape:
            raise DatasetError(expected(str(self._region), truth.shape, self._outside.shape))
        truth[self._outside] = OUTSIDE
        return truth

    def _judged(self, number: int) -> bool:
        return self._first <= number <= self._last

    def _path(self, number: int) -> Path:
        return self._folder / f"gt{number:06d}.png"


def _read_period(path: Path) -> tuple[int, int]:
    """First and last number of the frames with truth."""
    try:
        first, last = map(int, path.read_text().split())
    except (OSError, ValueError) as error:
        got = "no such file" if isinstance(error, FileNotFoundError) else "others"
        raise DatasetError(expected(str(path), "two frame numbers", got)) from None
    return first, last


def _image_files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.suffix.lower() in _IMAGES]


def _by_number(path: Path) -> list[int | str]:
    """Sorts `frame9` before `frame10`."""
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _read_image(files: list[Path], index: int) -> NDArray[np.uint8]:
    return read_image(files[index])


def _no_truth(_: int) -> None:
    return None
