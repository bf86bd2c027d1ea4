"""Keypoints on what moves: what filled images and the filter of keypoints leave of them.

ORB on images of a world with true masks. A keypoint counts as dynamic if its point lies on what can
move, and as at an edge if it does not but what can move lies within half its patch: there the
descriptor sees it, or the edge of the fill.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from reporting import ROOT, arguments, progress, report

from semloc_ros.datasets.world_folder import read_true_masks, read_world_images
from semloc_ros.perception.keypoint_filter import static_keypoints
from semloc_ros.perception.masked_images import without_dynamic
from semloc_ros.types import FloatArray

COLUMNS = ("images to ORB", "keypoints", "dynamic", "at an edge", "neither")
Gray = NDArray[np.uint8]
Method = Callable[[Gray, Gray], FloatArray]  # image and mask: rows of u, v, size
ORB = cv2.ORB_create(1000)  # type: ignore[attr-defined]


def main() -> None:
    """Every method on some images of every traversal."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--world", type=Path, default=ROOT / "out" / "gallery" / "frames")
    parser.add_argument("--images", type=int, default=40, help="of each traversal")
    options = parser.parse_args()
    truth = read_true_masks(options.world)
    counts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in METHODS}
    shares = []
    with progress() as bar:
        for images in bar.track(list(read_world_images(options.world).values())):
            for posed in images[:: max(len(images) // options.images, 1)]:
                image = cv2.cvtColor(posed.read(), cv2.COLOR_RGB2GRAY).astype(np.uint8)
                mask = truth(posed)
                shares.append(float((mask != 0).mean()))
                for name, method in METHODS.items():
                    counts[name].append(counted(method(image, mask), mask))
    rows = [(name, *np.mean(found, axis=0).tolist()) for name, found in counts.items()]
    report("Keypoints on what moves, a mean image", COLUMNS, rows, options.json,
           images=len(shares), masked=f"{np.mean(shares):.1%}")


def detected(image: Gray) -> FloatArray:
    """Keypoints (N, 3): u, v, diameter of the patch."""
    found = ORB.detect(image)
    return np.array([(*one.pt, one.size) for one in found], dtype=np.float64).reshape(-1, 3)


def filtered(share: float) -> Method:
    """As it is, but without the keypoints that have what moves within a share of their patch."""

    def found(image: Gray, mask: Gray) -> FloatArray:
        rows = detected(image)
        return rows[static_keypoints(rows[:, :2], mask, share * rows[:, 2] / 2)]

    return found


METHODS: dict[str, Method] = {
    "as they are": lambda image, mask: detected(image),
    "filled with 128": lambda image, mask: detected(without_dynamic(image, mask, 128)),
    "as they are, filter of points": filtered(0.0),
    "as they are, filter of patches": filtered(1.0),
}


def counted(rows: FloatArray, mask: Gray) -> NDArray[np.int64]:
    """How many keypoints there are, are dynamic, are at an edge, and are neither."""
    point = static_keypoints(rows[:, :2], mask)
    patch = static_keypoints(rows[:, :2], mask, rows[:, 2] / 2)
    return np.array([len(rows), (~point).sum(), (point & ~patch).sum(), patch.sum()])


if __name__ == "__main__":
    main()
