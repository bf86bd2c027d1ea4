"""Real hand-held sequence: map from frames 0-374, every frame of 375-749 localized by itself.

The given poses are those of the depth camera, tracked by fusion: they err by centimetres, and the
colour camera stands a few centimetres beside it. The map builder mends them (bundle adjustment
with the given poses as observations) and seeks, from the mapping frames alone, the colour
camera's mounting and focal length. Estimates are taken back to the given camera before they are
compared with the given poses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from reporting import (
    Result,
    arguments,
    built,
    errors,
    localize_all,
    pose_error,
    progress,
    report,
)
from scipy.stats import chi2

from semloc_ros.config import (
    FeaturesConfig,
    LocalizerConfig,
    MapBuilderConfig,
    PnpConfig,
    RefinementConfig,
)
from semloc_ros.datasets.seven_scenes import COLOR_CAMERA, read_seven_scenes
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.localizer import Localizer
from semloc_ros.localization.matching import PointMatcher
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.maps.matching import epipolar_error, relative_pose
from semloc_ros.perception.features import RootSift
from semloc_ros.types import FloatArray, Frame, PosedImage, PoseEstimate, Prior

MAPPING, LAST = 375, 750
FEATURES = FeaturesConfig(max_features=3000, contrast_threshold=0.003)
BUILDER = MapBuilderConfig(
    features=FEATURES,
    refine=RefinementConfig(
        poses=True, position_sigma_m=0.005, rotation_sigma_deg=0.5,
        mounting_position_sigma_m=0.006, mounting_rotation_sigma_deg=0.2,
        focal_length_sigma=0.01, radial_distortion_sigma=0.05,
    ),
)
LOCALIZER = LocalizerConfig(features=FEATURES, pnp=PnpConfig(max_error_px=6.0))
COLUMNS = (
    "method", "median cm", "median deg", "within 5 cm, 5 deg %", "90 % cm", "without pose",
)
PLAIN = MapBuilderConfig(features=FEATURES)  # the given poses believed exactly
# A hand's motion between two frames at 30 Hz, one sigma.
MOTION_SIGMA = np.r_[np.full(3, 0.03), np.full(3, np.radians(2.0))]


def main() -> None:
    """Build or load the map, localize, print."""
    parser = arguments(__doc__ or "", "redkitchen")
    options = parser.parse_args()
    mapping = read_seven_scenes(options.data, stop=MAPPING)
    given = read_seven_scenes(options.data, start=MAPPING, stop=LAST)
    facts = {f"median epipolar error, f = {f:g}": f"{epipolar_median(mapping, f):.2f} px"
             for f in (585.0, 525.0)}
    semantic_map = built(mapping, BUILDER, options.work / "redkitchen")
    refinement = semantic_map.manifest.build["refinement"]
    camera = semantic_map.cameras[0]
    camera_from_given = np.array(refinement["camera_from_given_camera"])
    truth = [camera_from_given @ image.camera_from_map for image in given]
    queries = [dataclasses.replace(image, camera=camera) for image in given]
    localizer = Localizer(semantic_map, LOCALIZER)
    alone = localize_all(localizer, queries, "localize")
    chained = localize_chained(localizer, queries)
    rows = [
        plain_row(mapping, given, options.work),
        row_of("semloc_ros, each frame by itself", alone, truth, camera_from_given),
        row_of("semloc_ros, prior from the frame before", chained, truth, camera_from_given),
    ]
    report(
        "redkitchen, 375 mapping frames, 375 queries", COLUMNS, rows, options.json,
        camera=dataclasses.asdict(camera), refinement=refinement, points=semantic_map.num_points,
        coverage95=coverage(alone, truth), median_ms=round(median_ms(alone), 1),
        median_ms_with_prior=round(median_ms(chained), 1), **facts,
    )


def epipolar_median(images: Sequence[PosedImage], focal: float) -> float:
    """Median distance (px) from the epipolar line of mutual matches ten frames apart, with
    the given poses: which focal length the images agree with."""
    camera = dataclasses.replace(COLOR_CAMERA, fx=focal, fy=focal)
    extractor, matcher = RootSift(FEATURES), cv2.BFMatcher(cv2.NORM_L2, crossCheck=True)
    found = []
    for first, second in zip(images[::20], images[10::20], strict=False):
        one, two = extractor.extract(first.read()), extractor.extract(second.read())
        matches = matcher.match(one.descriptors, two.descriptors)
        matches = [match for match in matches if match.distance < 150.0]
        rays_one = cameras.unproject(camera, one.keypoints[[m.queryIdx for m in matches]])
        rays_two = cameras.unproject(camera, two.keypoints[[m.trainIdx for m in matches]])
        pose = relative_pose(first.camera_from_map, second.camera_from_map)
        found.append(epipolar_error(rays_one, rays_two, pose) * focal)
    return float(np.median(np.concatenate(found)))


def plain_row(
    mapping: Sequence[PosedImage], queries: Sequence[PosedImage], work: Path
) -> tuple[object, ...]:
    """The plain recipe: given poses, f = 525, ratio test, PoseLib, and nothing after it."""
    semantic_map = built(mapping, PLAIN, work / "redkitchen_plain")
    matcher = PointMatcher(semantic_map, LOCALIZER.matching, LOCALIZER.seed)
    extractor = RootSift(FEATURES)
    pairs = np.full((len(queries), 2), np.inf)
    with progress() as bar:
        for row, image in enumerate(bar.track(queries, description="plain recipe")):
            matches = matcher.match_map(extractor.extract(image.read()))
            pose = estimate_pose(image.camera, matches, LOCALIZER.pnp, LOCALIZER.seed)
            if pose is not None:
                pairs[row] = pose_error(pose, image.camera_from_map)
    return statistics("plain recipe in the same run: given poses, f = 525, PoseLib", *pairs.T)


def localize_chained(localizer: Localizer, images: Sequence[PosedImage]) -> list[Result]:
    """Each image with the last pose, widened by a hand's motion, as its prior."""
    results: list[Result] = []
    prior = None
    with progress() as bar:
        for image in bar.track(images, description="with prior"):
            frame = Frame(image.stamp_ns, image.read(), image.camera)
            results.append(localizer.localize(frame, prior))
            last = results[-1]
            prior = None
            if isinstance(last, PoseEstimate):
                prior = Prior(last.camera_from_map, last.covariance + np.diag(MOTION_SIGMA**2))
    return results


def row_of(
    name: str, results: Sequence[Result], truth: Sequence[FloatArray], camera_from_given: FloatArray
) -> tuple[object, ...]:
    """The statistics of one method, of the camera whose poses were given."""
    given_from_camera = se3.inverse(camera_from_given)
    moved = [
        dataclasses.replace(one, camera_from_map=given_from_camera @ one.camera_from_map)
        if isinstance(one, PoseEstimate) else one
        for one in results
    ]
    return statistics(name, *errors(moved, [given_from_camera @ pose for pose in truth]))


def statistics(name: str, position: FloatArray, rotation: FloatArray) -> tuple[object, ...]:
    """The row of errors (N,) in metres and radians, infinite for a frame without a pose."""
    within = (position <= 0.05) & (rotation <= np.radians(5.0))
    return (
        name, 100.0 * float(np.median(position)), float(np.degrees(np.median(rotation))),
        100.0 * float(within.mean()), 100.0 * float(np.quantile(position, 0.9)),
        int(np.isinf(position).sum()),
    )


def coverage(results: Sequence[Result], truth: Sequence[FloatArray]) -> float:
    """Share of poses whose error lies within the 95 % ellipsoid of their covariance."""
    inside = [
        nees(error_vector(se3.inverse(one.camera_from_map), se3.inverse(pose)), one.covariance)
        < chi2.ppf(0.95, 6)
        for one, pose in zip(results, truth, strict=True)
        if isinstance(one, PoseEstimate)
    ]
    return round(float(np.mean(inside)), 3)


def median_ms(results: Sequence[Result]) -> float:
    """Median wall time of one localization."""
    return float(np.median([sum(result.stage_ms.values()) for result in results]))


if __name__ == "__main__":
    main()
