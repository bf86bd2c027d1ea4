"""What the pixels add: known homographies of a real picture, before and after the refinement.

The poster's view 1 is drawn into images of 640 x 480, 100 to 300 pixels wide, turned and slanted at
random, in uneven light and with noise of 5 grey levels; something stands before a quarter of it, or
nothing. The start errs by so many pixels at the corners. Errors are the mean of the four corners.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray
from reporting import arguments, report

from semloc_ros.config import ObjectRefinementConfig
from semloc_ros.geometry import homographies
from semloc_ros.perception.photometric import align
from semloc_ros.types import FloatArray

COLUMNS = (
    "start (px)", "before it", "median (px)", "90 % (px)", "within 0.5 px", "believed astray",
    "sigma told (px)", "CPU ms",
)  # fmt: skip
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
STARTS = (1.0, 2.0, 5.0, 10.0, 15.0, 25.0, 40.0)
SIZE, FINER = (480, 640), 3  # each pixel is the mean of so many by so many
ASTRAY_PX, AGREED = 2.0, 0.5  # an error that is bad, and a correlation that is taken for right
Gray = NDArray[np.uint8]


def main() -> None:
    """One row for each start, with and without something before the picture."""
    parser = arguments(__doc__ or "", "poster")
    parser.add_argument("--trials", type=int, default=40)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    whole = cv2.imread(str(options.data / "1.png"), cv2.IMREAD_GRAYSCALE)
    reference = np.asarray(cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    rows = []
    for start in STARTS:
        for hidden in (False, True):
            rng = np.random.default_rng(0)
            tried = [trial(rng, reference, start, hidden) for _ in range(options.trials)]
            rows.append([start, "something" if hidden else "nothing", *summary(np.array(tried))])
    report("Corners after the refinement by pixels", COLUMNS, rows, options.json, 140)


def trial(rng: np.random.Generator, reference: Gray, start_px: float, hidden: bool) -> list[float]:
    """Error, correlation, sigma and time of one image."""
    side = rng.uniform(100, 300)
    high = side * reference.shape[0] / reference.shape[1]
    corners = rng.uniform([60, 40], [SIZE[1] - 60 - side, max(41, SIZE[0] - 40 - high)])
    corners = corners + CORNERS * [side, high] + rng.uniform(-0.15, 0.15, (4, 2)) * side
    astray = rng.normal(size=(4, 2))
    astray *= start_px / np.linalg.norm(astray, axis=1).mean()
    image = drawn(rng, reference, from_corners(corners))
    if hidden:
        left = int(corners[:, 0].min() + rng.uniform(0.1, 0.6) * side)
        stripes = rng.uniform(0, 255) + 10 * rng.normal(size=(SIZE[0], 1))
        image[:, left : left + int(0.25 * side)] = np.clip(stripes, 0, 255)
    config, everything = ObjectRefinementConfig(), np.full(SIZE, True)
    begun = time.process_time()
    found = align(
        image, everything, reference, np.full(reference.shape, 255, np.uint8),
        from_corners(corners + astray), config.max_side_px, config.max_move,
    )  # fmt: skip
    took = 1e3 * (time.process_time() - begun)
    if found is None:
        return [np.inf, 0.0, np.nan, took]
    error = np.linalg.norm(homographies.apply(found.image_from_uv, CORNERS) - corners, axis=1)
    return [float(error.mean()), found.after, found.sigma_px, took]


def summary(tried: FloatArray) -> list[object]:
    """The columns of a row."""
    errors, agreed, sigmas, took = tried.T
    wrong = int(((errors > ASTRAY_PX) & (agreed > AGREED)).sum())
    return [
        float(np.median(errors)), float(np.quantile(errors, 0.9)),
        f"{(errors < 0.5).mean():.0%}", wrong, float(np.nanmedian(sigmas)), float(np.median(took)),
    ]  # fmt: skip


def from_corners(corners: FloatArray) -> FloatArray:
    """The homography of (u, v) whose corners are these pixels (4, 2)."""
    ends = np.asarray(corners, np.float32)
    return np.asarray(cv2.getPerspectiveTransform(CORNERS.astype(np.float32), ends), np.float64)


def drawn(rng: np.random.Generator, reference: Gray, image_from_uv: FloatArray) -> Gray:
    """The image of a camera that sees the picture on a grey wall."""
    finer = np.array([[FINER, 0, (FINER - 1) / 2], [0, FINER, (FINER - 1) / 2], [0, 0, 1]])
    size = (reference.shape[0], reference.shape[1])
    warp = finer @ image_from_uv @ homographies.inverse(homographies.pixels_from_uv(size))
    large = cv2.warpPerspective(
        reference, warp, (SIZE[1] * FINER, SIZE[0] * FINER), flags=cv2.INTER_CUBIC, borderValue=90
    )
    seen = cv2.resize(large, SIZE[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)
    row, column = np.mgrid[: SIZE[0], : SIZE[1]]
    seen = seen * (0.6 + 0.5 * column / SIZE[1]) + 20 * np.sin(row / 150)
    return np.clip(seen + rng.normal(0, 5, seen.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
