"""One 1920x1080 query end to end and by stage, beside its library calls alone.

The library calls are SIFT (OpenCV), the nearest neighbours of all features among the candidate
points (faiss) and PoseLib, on the very arrays that the localizer gives them, on one thread. The
second part is 640x480 with a prior.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from reporting import arguments, built, report

from semloc_ros.config import LocalizerConfig, MapBuilderConfig
from semloc_ros.geometry import cameras
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import NEIGHBOURS, PointMatcher
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Frame, PosedImage, PoseEstimate, Prior

CONFIG = LocalizerConfig()
COLUMNS = ("what", "median ms")
PRIOR_SIGMAS = np.r_[np.full(3, 0.05), np.full(3, np.radians(1.0))]


def main() -> None:
    """Measure on the first query of the Virtual Gallery."""
    parser = arguments(__doc__ or "", "virtual_gallery")
    parser.add_argument("--repeat", type=int, default=15)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    query = read_kapture(options.data / "query")[0]
    rows, facts = measured(query, options.data, options.work, options.repeat)
    report("Time of one 1920x1080 query, one core", COLUMNS, rows, options.json, **facts)


def measured(
    query: PosedImage, data: Path, work: Path, repeat: int
) -> tuple[list[tuple[str, float]], dict[str, Any]]:
    """Rows of the table, and the ratio that is claimed."""
    mapping = read_kapture(data / "mapping")
    semantic_map = built(mapping, MapBuilderConfig(), work / "virtual_gallery")
    localizer = Localizer(semantic_map, CONFIG)
    frame = Frame(query.stamp_ns, query.read(), query.camera)
    small = at_640(frame)
    prior = Prior(query.camera_from_map, np.diag(PRIOR_SIGMAS**2))
    libraries = library_calls(frame, PointMatcher(semantic_map, CONFIG.matching, CONFIG.seed))
    spent: dict[str, list[float]] = {}
    for _ in range(repeat + 1):  # interleaved, so that a slow moment of the machine hits all
        note(spent, "end to end", lambda: stages(spent, localizer, frame))
        for name, call in libraries.items():
            note(spent, f"library call: {name}", call)
        note(spent, "640x480 with a prior", lambda: localizer.localize(small, prior))
    rows = [(name, float(np.median(times[1:]))) for name, times in spent.items()]
    total = sum(value for name, value in rows if name.startswith("library call"))
    ratio = dict(rows)["end to end"] / total
    return rows, {"library calls together, ms": round(total, 1), "ratio": round(ratio, 3)}


def note(spent: dict[str, list[float]], name: str, call: Callable[[], object]) -> None:
    """Append the wall time of a call."""
    start = time.perf_counter()
    call()
    spent.setdefault(name, []).append(1e3 * (time.perf_counter() - start))


def stages(spent: dict[str, list[float]], localizer: Localizer, frame: Frame) -> None:
    """One localization; its stages are noted too."""
    result = localizer.localize(frame)
    assert isinstance(result, PoseEstimate), result
    for name, value in result.stage_ms.items():
        spent.setdefault(f"stage: {name}", []).append(value)


def library_calls(frame: Frame, matcher: PointMatcher) -> dict[str, Callable[[], object]]:
    """The three calls on prepared arguments."""
    gray = cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)
    features = RootSift(CONFIG.features).extract(frame.image)
    points = matcher.candidates(features)
    own = features.descriptors.astype(np.float32)
    theirs = matcher.descriptors_of(points).astype(np.float32)
    matches = matcher.match_map(features)
    sift = cv2.SIFT.create(
        CONFIG.features.max_features, 3, CONFIG.features.contrast_threshold, 10, 1.6, cv2.CV_8U,
        True,
    )
    return {
        "SIFT": lambda: sift.detectAndCompute(gray, None),
        "nearest neighbours": lambda: faiss.knn(own, theirs, NEIGHBOURS),
        "PoseLib": lambda: estimate_pose(frame.camera, matches, CONFIG.pnp, CONFIG.seed),
    }


def at_640(frame: Frame) -> Frame:
    """The frame's middle 4:3 part, scaled to 640x480."""
    height, width = frame.image.shape[:2]
    margin = (width - height * 4 // 3) // 2
    middle = np.ascontiguousarray(frame.image[:, margin : width - margin])
    camera = frame.camera
    cut = type(camera)(
        camera.model, width - 2 * margin, height, camera.fx, camera.fy, camera.cx - margin,
        camera.cy, camera.distortion,
    )
    image = cv2.resize(middle, (640, 480), interpolation=cv2.INTER_AREA)
    return Frame(frame.stamp_ns, image, cameras.scaled(cut, 640 / cut.width))


if __name__ == "__main__":
    main()
