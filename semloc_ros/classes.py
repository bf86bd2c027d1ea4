"""The 19 semantic classes of Cityscapes by train id, as label maps hold them.

Ids, names and colours are those of the Cityscapes benchmark (Cordts et al., CVPR 2016). Label
maps are (H, W) uint8; `UNKNOWN` is a pixel without a class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, TRAFFIC_LIGHT, TRAFFIC_SIGN = range(8)
VEGETATION, TERRAIN, SKY, PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE = range(8, 19)
UNKNOWN = 255

NAMES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip
# the benchmark's label ids of the same classes: what its truth files hold (`*_labelIds.png`)
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
MOVABLE = (PERSON, RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE)
PALETTE: NDArray[np.uint8] = np.array(
    [
        (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
        (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
        (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100),
        (0, 80, 100), (0, 0, 230), (119, 11, 32),
    ],
    dtype=np.uint8,
)  # fmt: skip


def colorize(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The label map (H, W) in the colours of `PALETTE` (H, W, 3); what is no class is black."""
    colors = np.zeros((256, 3), dtype=np.uint8)
    colors[: len(PALETTE)] = PALETTE
    return colors[labels]
