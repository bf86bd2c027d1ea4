"""Images without what moves, for who knows nothing of masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def without_dynamic(
    pixels: NDArray[Any], mask: NDArray[np.uint8], fill: int = 0
) -> NDArray[Any]:
    """A copy of pixels (H, W[, C]) of any type with `fill` where the mask (H, W) is not 0.

    Depth of 0 is none, in millimetres and in metres. An edge of the fill is an edge of the image:
    detectors find corners there (see `keypoint_filter` for what does not).
    """
    blank: NDArray[Any] = pixels.copy()
    blank[mask != 0] = fill
    return blank


def marked(mask: NDArray[np.uint8], marks: str) -> NDArray[np.uint8]:
    """The mask (H, W), 255 = dynamic, as it is ("dynamic") or with 255 = static ("static")."""
    return mask if marks == "dynamic" else np.bitwise_not(mask)
