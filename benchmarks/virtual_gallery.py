"""Real-looking rendered museum (Virtual Gallery): map from 12 mapping images, 2 queries with people
allowed, each with its own focal length. The same matches are solved by PoseLib with our
refinement, by COLMAP and by OpenCV; the last rows leave out mapping images and localize them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pycolmap
from reporting import arguments, built, pose_error, report

from semloc_ros.config import LocalizerConfig, MapBuilderConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.localization.resection import refine_pose, reprojection_errors
from semloc_ros.maps.kapture import read_kapture
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Camera, Correspondences, FloatArray, Frame, PosedImage, PoseEstimate

CONFIG = LocalizerConfig()
ERROR_PX = CONFIG.pnp.max_error_px
COLUMNS = ("query", "method", "cm", "deg", "inliers", "ms")
Solver = Callable[[Camera, Correspondences], FloatArray | None]
Row = tuple[object, ...]


def main() -> None:
    """Localize the queries, then mapping images that are left out."""
    parser = arguments(__doc__ or "", "virtual_gallery")
    parser.add_argument("--leave-out", action="store_true", help="also leave out mapping images")
    options = parser.parse_args()
    mapping = read_kapture(options.data / "mapping")
    rows = compared(mapping, read_kapture(options.data / "query"), options.work)
    if options.leave_out:
        rows += left_out(mapping, options.work)
    report("Virtual Gallery, map from 12 images", COLUMNS, rows, options.json)


def compared(mapping: list[PosedImage], queries: list[PosedImage], work: Path) -> list[Row]:
    """Every method on every query, the solvers on the same matches with the whole map."""
    semantic_map = built(mapping, MapBuilderConfig(), work / "virtual_gallery")
    localizer = Localizer(semantic_map, CONFIG)
    matcher = PointMatcher(semantic_map, CONFIG.matching, CONFIG.seed)
    rows: list[Row] = []
    for query in queries:
        rows.append(row_of(localizer, query))
        matches = matcher.match_map(RootSift(CONFIG.features).extract(query.read()))
        for name, solve in SOLVERS.items():
            rows.append(solver_row(name, solve, query, matches))
    return rows


def left_out(mapping: Sequence[PosedImage], work: Path) -> list[Row]:
    """Each stop of the rig localized in the map of the other stops."""
    rows: list[Row] = []
    for stamp in sorted({image.stamp_ns for image in mapping}):
        others = [image for image in mapping if image.stamp_ns != stamp]
        semantic_map = built(others, MapBuilderConfig(), work / f"virtual_gallery_without_{stamp}")
        localizer = Localizer(semantic_map, CONFIG)
        rows += [row_of(localizer, image) for image in mapping if image.stamp_ns == stamp]
    return rows


def row_of(localizer: Localizer, image: PosedImage) -> Row:
    """The whole localizer on one image."""
    result = localizer.localize(Frame(image.stamp_ns, image.read(), image.camera))
    spent = sum(result.stage_ms.values())
    if not isinstance(result, PoseEstimate):
        return short(image), f"semloc_ros: {result.reason.value}", "", "", 0, spent
    position, rotation = pose_error(result.camera_from_map, image.camera_from_map)
    inliers = len(result.inliers)
    return short(image), "semloc_ros", 100 * position, float(np.degrees(rotation)), inliers, spent


def solver_row(name: str, solve: Solver, query: PosedImage, matches: Correspondences) -> Row:
    """One solver on the matches of one query."""
    start = cv2.getTickCount()
    pose = solve(query.camera, matches)
    spent = 1e3 * (cv2.getTickCount() - start) / cv2.getTickFrequency()
    if pose is None:
        return short(query), name, "", "", 0, spent
    inliers = int((reprojection_errors(query.camera, pose, matches) < ERROR_PX).sum())
    position, rotation = pose_error(pose, query.camera_from_map)
    return short(query), name, 100 * position, float(np.degrees(rotation)), inliers, spent


def short(image: PosedImage) -> str:
    """The last parts of an image's name."""
    return "/".join(Path(image.name).with_suffix("").parts[-2:])


def by_poselib(camera: Camera, matches: Correspondences) -> FloatArray | None:
    """PoseLib, then our refinement of its inliers."""
    pose = estimate_pose(camera, matches, CONFIG.pnp, CONFIG.seed)
    if pose is None:
        return None
    near = reprojection_errors(camera, pose, matches) < ERROR_PX
    return refine_pose(camera, pose, matches.select(near))


def by_colmap(camera: Camera, matches: Correspondences) -> FloatArray | None:
    """COLMAP's LO-RANSAC and refinement; its pixels have their origin at the corner."""
    focal, centre = (camera.fx, camera.fy), (camera.cx + 0.5, camera.cy + 0.5)
    theirs = pycolmap.Camera(
        model="PINHOLE", width=camera.width, height=camera.height, params=[*focal, *centre]
    )
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error = ERROR_PX
    found = pycolmap.estimate_and_refine_absolute_pose(
        matches.points_image + 0.5, matches.points_map, theirs, options
    )
    if found is None:
        return None
    return np.vstack([found["cam_from_world"].matrix(), [0, 0, 0, 1]])


def by_opencv_p3p(camera: Camera, matches: Correspondences) -> FloatArray | None:
    """OpenCV's plain RANSAC over P3P."""
    found, turn, shift, inliers = cv2.solvePnPRansac(
        matches.points_map, matches.points_image, cameras.intrinsic_matrix(camera), None,
        iterationsCount=CONFIG.pnp.max_iterations, reprojectionError=ERROR_PX, confidence=0.9999,
        flags=cv2.SOLVEPNP_P3P,
    )
    return refined_by_opencv(camera, matches, turn, shift, inliers) if found else None


def by_opencv_magsac(camera: Camera, matches: Correspondences) -> FloatArray | None:
    """OpenCV's USAC with the MAGSAC score."""
    options = cv2.UsacParams()
    options.confidence, options.maxIterations = 0.9999, CONFIG.pnp.max_iterations
    options.threshold, options.score = ERROR_PX, cv2.SCORE_METHOD_MAGSAC
    options.sampler, options.loMethod = cv2.SAMPLING_UNIFORM, cv2.LOCAL_OPTIM_INNER_LO
    found, _, turn, shift, inliers = cv2.solvePnPRansac(
        matches.points_map, matches.points_image, cameras.intrinsic_matrix(camera), None,
        params=options,
    )
    return refined_by_opencv(camera, matches, turn, shift, inliers) if found else None


def refined_by_opencv(
    camera: Camera, matches: Correspondences, turn: FloatArray, shift: FloatArray,
    inliers: FloatArray,
) -> FloatArray:
    """OpenCV's Levenberg-Marquardt over the inliers."""
    rows = np.asarray(inliers).ravel()
    turn, shift = cv2.solvePnPRefineLM(
        matches.points_map[rows], matches.points_image[rows], cameras.intrinsic_matrix(camera),
        None, turn, shift,
    )
    return se3.make_pose(cv2.Rodrigues(turn)[0], shift.ravel())


SOLVERS: dict[str, Solver] = {
    "same matches: PoseLib + refinement": by_poselib,
    "same matches: COLMAP": by_colmap,
    "same matches: OpenCV USAC-MAGSAC": by_opencv_magsac,
    "same matches: OpenCV P3P": by_opencv_p3p,
}

if __name__ == "__main__":
    main()
