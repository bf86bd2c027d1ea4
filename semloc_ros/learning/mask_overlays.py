"""A video of a clip with its masks drawn over: green moves, yellow is unsure."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.errors import InputError, expected
from semloc_ros.learning.mask_mining import MOVING, UNSURE, MinedMask

_COLORS = {MOVING: (0, 255, 0), UNSURE: (255, 220, 0)}
_CODECS = {".avi": "MJPG", ".mp4": "mp4v"}
_USUAL_RATE = 10.0  # frames per second, of clips that do not tell


def draw_mask(mined: MinedMask) -> NDArray[np.uint8]:
    """The image (H, W, 3) RGB, half covered by the colours, instances outlined."""
    drawn = np.array(mined.image, np.uint8)
    for value, color in _COLORS.items():
        here = mined.values == value
        drawn[here] = drawn[here] // 2 + np.array(color, np.uint8) // 2
    outlines, _ = cv2.findContours(
        mined.moving.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(drawn, outlines, -1, _COLORS[MOVING], 1)
    return drawn


class OverlayVideo:
    """A video file (.avi or .mp4) that takes masks one by one; `close` it."""

    def __init__(self, path: Path, shape: tuple[int, int], rate_hz: float) -> None:
        """`shape` (H, W) of all images. InputError if the file cannot be written."""
        codec = _CODECS.get(Path(path).suffix.lower())
        if codec is None:
            raise InputError(expected(str(path), " or ".join(_CODECS), Path(path).suffix or "none"))
        fourcc = cv2.VideoWriter.fourcc(*codec)
        size = shape[::-1]
        self._writer = cv2.VideoWriter(str(path), fourcc, rate_hz or _USUAL_RATE, size)
        if not self._writer.isOpened():
            raise InputError(expected(str(path), "a file that can be written", "none"))

    def add(self, mined: MinedMask) -> None:
        """Draws one more frame."""
        self._writer.write(cv2.cvtColor(draw_mask(mined), cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """Ends the file."""
        self._writer.release()
