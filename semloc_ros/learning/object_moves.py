"""Where an object hangs now: found in images of a later run, nothing is learned anew.

Only the mapping from the reference image to the map changes, by the rigid motion of the object:
six numbers from all images that show it. Its reference's features are matched to those of each
image, with a robust homography; each such image gives a motion, and the one that most images agree
with is refined over all their matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import cameras, homographies, planes, se3
from semloc_ros.learning.object_annotation import CORNERS
from semloc_ros.learning.object_instances import match_descriptors, reference_features
from semloc_ros.maps.objects import ObjectInstance, ObjectOfInterest
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.perception.features import RootSift
from semloc_ros.types import Camera, Features, FloatArray, PosedImage

_LEAST_INLIERS = 12  # of a picture in an image
_MAX_ERROR_PX = 3.0
_AGREES_PX = 4.0  # median error of an image's matches for a motion that it agrees with
_TWIN_SHARE = 0.2  # of the picture's size: nearer to another instance it is that one
_FLAT = 0.02  # of the corners' largest extent: less is flat
_ROUNDS = 20
_SETTLED = 1e-8  # metres and radians


@dataclass(frozen=True, slots=True)
class PosedFeatures:
    """An image of a later run: `camera_from_map` (4, 4) in the frame of the old map."""

    camera: Camera
    camera_from_map: FloatArray
    features: Features


@dataclass(frozen=True, slots=True)
class Move:
    """`new_from_old` (4, 4) rigid motion in the map; the images that agree with it, their matches,
    and the median error of these."""

    new_from_old: FloatArray
    images: int
    matches: int
    error_px: float


@dataclass(frozen=True, slots=True)
class _Find:
    """The object in one image: places (N, 2) in its reference, ideal pixels (N, 2)."""

    camera: Camera
    camera_from_map: FloatArray
    uv: FloatArray
    pixels: FloatArray


def features_of_map(semantic_map: SemanticMap) -> list[PosedFeatures]:
    """The views of a newer map of the place, in the same frame."""
    return [
        PosedFeatures(
            semantic_map.camera_of(view), np.asarray(semantic_map.camera_from_map[view]),
            semantic_map.features_of(view),
        )
        for view in range(semantic_map.num_views)
    ]  # fmt: skip


def features_of_images(images: Iterable[PosedImage]) -> Iterable[PosedFeatures]:
    """Images with poses, one after the other."""
    extractor = RootSift()
    for one in images:
        features = extractor.extract(one.read())
        yield PosedFeatures(one.camera, one.camera_from_map, features)


def place_from_corners(corners_map: FloatArray) -> FloatArray:
    """(4, 3) `map_from_uv` of the corners (4, 3) of a reference image in the map: top left, top
    right, bottom right, bottom left. DatasetError, in one line, if they are on no plane, or cross.
    """
    middle = corners_map.mean(axis=0)
    _, sizes, axes = np.linalg.svd(corners_map - middle, full_matrices=False)
    if sizes[2] > _FLAT * sizes[0] or sizes[1] < _FLAT * sizes[0]:
        got = f"{sizes[2]:.3f} m off their plane, {sizes[1]:.3f} m wide"
        raise DatasetError(expected("corners", "four corners of a plane picture", got))
    flat = ((corners_map - middle) @ axes[:2].T).astype(np.float32)
    if not cv2.isContourConvex(flat):
        wanted = "top left, top right, bottom right, bottom left"
        raise DatasetError(expected("corners", wanted, "edges that cross"))
    plane_from_uv = cv2.getPerspectiveTransform(CORNERS.astype(np.float32), flat)
    map_from_plane = np.zeros((4, 3))
    map_from_plane[:3, :2], map_from_plane[:3, 2], map_from_plane[3, 2] = axes[:2].T, middle, 1.0
    return np.asarray(map_from_plane @ plane_from_uv)


def find_move(
    one: ObjectOfInterest, number: int, images: Iterable[PosedFeatures], least_images: int = 2
) -> Move:
    """How the instance `number` of an object moved since its place was learned.

    DatasetError, in one line, if fewer than `least_images` show it at one place.
    """
    instance = one.instances[number]
    others = [other for row, other in enumerate(one.instances) if row != number]
    features, uv = reference_features(one.reference, one.mask, RootSift())
    found = [
        find for image in images
        if (find := _found(image, features, uv, others)) is not None
    ]  # fmt: skip
    motions = [motion for find in found for motion in _motions(find, instance)]
    best: list[_Find] = []
    start = np.eye(4)
    for motion in motions:
        agreeing = [find for find in found if _error(find, instance, motion) < _AGREES_PX]
        if len(agreeing) > len(best):
            best, start = agreeing, motion
    if len(best) < least_images:
        wanted = f"{least_images} images that show it at one place"
        raise DatasetError(expected(f"object {one.name}", wanted, len(best)))
    moved = _refined(best, instance, start)
    errors = np.concatenate([_residuals(find, instance, moved)[0] for find in best])
    median = float(np.median(np.linalg.norm(errors, axis=1)))
    return Move(moved, len(best), sum(len(find.uv) for find in best), median)


def _found(
    image: PosedFeatures, features: Features, uv: FloatArray, others: Sequence[ObjectInstance]
) -> _Find | None:
    """The object in an image, at none of the places of its other instances.

    Features of the image look for theirs in the reference, where copies of it are no rivals.
    """
    rows = match_descriptors(image.features.descriptors, features.descriptors)
    keypoints = image.features.keypoints[rows[:, 0]].astype(np.float64)
    pixels = cameras.undistort_points(image.camera, keypoints)
    known = np.isfinite(pixels).all(axis=1)
    places, pixels = uv[rows[known, 1]], pixels[known]
    for _ in range(len(others) + 1):
        fitted = homographies.fit_robustly(places, pixels, np.ones(len(places)), _MAX_ERROR_PX)
        if fitted is None or fitted[1].sum() < _LEAST_INLIERS:
            return None
        inliers = fitted[1]
        if not any(_is_at(other, image, fitted[0]) for other in others):
            return _Find(image.camera, image.camera_from_map, places[inliers], pixels[inliers])
        places, pixels = places[~inliers], pixels[~inliers]
    return None


def _is_at(other: ObjectInstance, image: PosedFeatures, image_from_uv: FloatArray) -> bool:
    """Whether a homography is that of an instance at its place."""
    place = planes.image_from_plane(other.map_from_uv, image.camera, image.camera_from_map)
    here, there = (homographies.apply(one, CORNERS) for one in (image_from_uv, place))
    size = float(np.linalg.norm(np.ptp(here, axis=0)))
    return bool(np.linalg.norm(here - there, axis=1).max() < _TWIN_SHARE * size)


def _motions(find: _Find, instance: ObjectInstance) -> list[FloatArray]:
    """The rigid motions, two at most, that explain one image: a plane seen once may be turned
    either of two ways. None of matches that say nothing of it."""
    points = instance.points_map(find.uv)
    middle = points.mean(axis=0)
    axes = np.linalg.svd(points - middle, full_matrices=False)[2]
    axes[2] = np.cross(axes[0], axes[1])
    flat = (points - middle) @ axes.T  # in its plane, as IPPE asks
    flat[:, 2] = 0.0
    matrix = cameras.intrinsic_matrix(find.camera)
    try:
        solved = cv2.solvePnPGeneric(flat, find.pixels, matrix, None, flags=cv2.SOLVEPNP_IPPE)
    except cv2.error:  # matches that are nearly on a line
        return []
    plane_from_map = se3.make_pose(axes, -axes @ middle)
    map_from_camera = se3.inverse(find.camera_from_map)
    poses = [
        se3.make_pose(cv2.Rodrigues(turn)[0], shift.ravel())
        for turn, shift in zip(solved[1], solved[2], strict=True)
    ]
    return [map_from_camera @ pose @ plane_from_map for pose in poses]


def _error(find: _Find, instance: ObjectInstance, motion: FloatArray) -> float:
    return float(np.median(np.linalg.norm(_residuals(find, instance, motion)[0], axis=1)))


def _residuals(
    find: _Find, instance: ObjectInstance, motion: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Errors (N, 2) in ideal pixels, large where the camera cannot see it, and their derivative
    (N, 2, 6) by a small shift and turn about the object's middle."""
    points = se3.transform(motion, instance.points_map(find.uv))
    in_camera = se3.transform(find.camera_from_map, points)
    depth = in_camera[:, 2:]
    ahead = depth > 1e-3
    plane = np.where(ahead, in_camera[:, :2] / np.where(ahead, depth, 1.0), 1e3)
    focal = np.array([find.camera.fx, find.camera.fy])
    errors = plane * focal + (find.camera.cx, find.camera.cy) - find.pixels
    by_point = np.zeros((len(points), 2, 3))
    by_point[:, 0, 0] = by_point[:, 1, 1] = 1.0
    by_point[:, :, 2] = -plane
    by_point *= focal[:, None] / np.where(ahead, depth, np.inf)[..., None]
    by_point = by_point @ find.camera_from_map[:3, :3]
    arms = points - _middle(instance, motion)
    return errors, np.concatenate([by_point, -by_point @ se3.hat(arms)], axis=2)


def _middle(instance: ObjectInstance, motion: FloatArray) -> FloatArray:
    return np.asarray(se3.transform(motion, instance.points_map(np.array([[0.5, 0.5]])))[0])


def _refined(finds: Sequence[_Find], instance: ObjectInstance, motion: FloatArray) -> FloatArray:
    """Least squares over all matches of all images, with little said by those that lie far out
    (Cauchy)."""
    for _ in range(_ROUNDS):
        both = [_residuals(find, instance, motion) for find in finds]
        errors, jacobians = (np.concatenate(part) for part in zip(*both, strict=True))
        weights = 1.0 / (1.0 + (errors**2).sum(axis=1))
        normal = np.einsum("nij,nik,n->jk", jacobians, jacobians, weights)
        right = np.einsum("nij,ni,n->j", jacobians, errors, weights)
        step = -np.linalg.lstsq(normal, right, rcond=None)[0]
        middle = _middle(instance, motion)
        turn = se3.exp([0.0, 0.0, 0.0, *step[3:]])[:3, :3]
        about = se3.make_pose(turn, middle + step[:3] - turn @ middle)
        motion = about @ motion
        if np.abs(step).max() < _SETTLED:
            break
    return motion
