"""Random access to the frames of a video file by OpenCV, exact, with one frame in memory."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import DatasetError, expected

# FFmpeg would print a page on a damaged file, of which one line is wanted; read at its first use
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

_TIMED_FRAMES = 30  # stamps are rounded to milliseconds in some containers: average


class VideoFile:
    """The frames of a video.

    Ascending access costs one decoding a frame, going back starts again at the beginning:
    seeking lands on wrong frames in some codecs (H.264 in avi). `num_frames` and `rate_hz` are
    what can be read: headers of interlaced and of cut files tell twice as much or more.
    """

    def __init__(self, path: Path) -> None:
        """Raises DatasetError, in one line, if the file is absent or no video."""
        self._path = Path(path)
        self._capture = self._open()
        self.rate_hz = _measured_rate(self._capture)
        self.num_frames = self._count()
        self._capture, self._next = self._open(), 0
        if not self.num_frames:
            raise DatasetError(expected(str(self._path), "a video", "no frames"))

    def read(self, index: int) -> NDArray[np.uint8]:
        """Frame `index` in [0, num_frames), (H, W, 3) RGB; IndexError beyond, DatasetError if it
        cannot be decoded."""
        if not 0 <= index < self.num_frames:
            raise IndexError(index)
        if index < self._next:
            self._capture.release()
            self._capture, self._next = self._open(), 0
        while self._next < index and self._capture.grab():
            self._next += 1
        read, image = self._capture.read()
        if not read:
            raise DatasetError(expected(f"{self._path}: frame {index}", "an image", "none"))
        self._next += 1
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self._path)) if self._path.is_file() else None
        if capture is None or not capture.isOpened():
            reason = "another format" if self._path.is_file() else "no such file"
            raise DatasetError(expected(str(self._path), "a video", reason))
        return capture

    def _count(self) -> int:
        """The header's count if the frame of that number is there and is the last; else counted."""
        told = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._capture.set(cv2.CAP_PROP_POS_FRAMES, told - 1)
        if told > 0 and self._capture.grab() and not self._capture.grab():
            return told
        self._capture.release()
        self._capture = self._open()
        number = 0
        while self._capture.grab():
            number += 1
        return number


def _measured_rate(capture: cv2.VideoCapture) -> float:
    """Frames per second by the stamps of the first frames; by the header if there are none."""
    stamps: list[float] = []
    while len(stamps) <= _TIMED_FRAMES and capture.grab():
        stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    if len(stamps) > 1 and stamps[-1] > stamps[0]:
        return 1000.0 * (len(stamps) - 1) / (stamps[-1] - stamps[0])
    return float(capture.get(cv2.CAP_PROP_FPS))
