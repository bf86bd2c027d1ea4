"""One mark in one image of a map, and the object is known in all of them (Weinzaepfel et al.,
"Visual Localization by Learning Objects-of-Interest Dense Match Regression", CVPR 2019, section
3.3).

The mark's bounding box is the reference image. The points of the map that the marked image saw
inside the mask are on the object; their plane, fitted robustly, and the marked image's pose say
where in the map each of its pixels is. That takes three numbers from many points, where a fit of
points to pixels would take eleven. In another image that saw enough points of the object they
are matches, and give a homography. Beyond the paper: points on the plane within the outline count,
too, that the marked image did not see; and where plane and pose fit the points of an image, they
say more exactly than its homography where the object is in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.object_annotation import AnnotationConfig
from semloc_ros.errors import DatasetError, expected
from semloc_ros.geometry import cameras, homographies, planes
from semloc_ros.learning.object_points import ViewPoints
from semloc_ros.maps.objects import MapObjects, ObjectInstance, Sighting
from semloc_ros.maps.semantic_map import SemanticMap
from semloc_ros.types import Camera, FloatArray

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])  # (u, v)
_ROUNDS = 2  # of looking for more points on the plane
_AWAY_M = 0.05  # points farther from the plane than this are none of the object's


@dataclass(frozen=True, slots=True)
class Mark:
    """An object as it was marked in one view (a row) of a map.

    `entry` names the mark, `name` the object: several marks of one name are instances of it.
    `corner` (x, y) is the ideal pixel (see `maps.objects`) that the first of `mask` (h, w) uint8
    stands for, 255 = the object.
    """

    entry: str
    name: str
    view: int
    corner: tuple[int, int]
    mask: NDArray[np.uint8]
    title: str = ""
    text: str = ""
    url: str = ""

    @property
    def image_from_uv(self) -> FloatArray:
        """(3, 3): (u, v) of the reference image to ideal pixels of the view."""
        shift = np.array([[1.0, 0.0, self.corner[0]], [0.0, 1.0, self.corner[1]], [0.0, 0.0, 1.0]])
        height, width = self.mask.shape
        return np.asarray(shift @ homographies.pixels_from_uv((height, width)))


@dataclass(frozen=True, slots=True)
class Fit:
    """How a view's homography of an object and its plane agree.

    `sighting` is what is kept; `error_px` by how much it misses the points that agree with the
    homography (median); `outline_px` how far the corners that the homography gives are from those
    that plane and pose give, median of the four, infinite where the plane gives none.
    """

    sighting: Sighting
    error_px: float
    outline_px: float


@dataclass(frozen=True, slots=True)
class Propagated:
    """A mark, where its object is, and how well that is known.

    `reference` (h, w, 3); `points` of the map on the object; `planarity_m` their median distance
    from its plane; `fits` by sighting.
    """

    mark: Mark
    reference: NDArray[np.uint8]
    instance: ObjectInstance
    points: int
    planarity_m: float
    fits: tuple[Fit, ...]


class Propagator:
    """Finds objects in the views of one map."""

    def __init__(self, semantic_map: SemanticMap, config: AnnotationConfig) -> None:
        self._map, self._config = semantic_map, config
        self._seen = ViewPoints(semantic_map)

    def propagate(self, mark: Mark, image: NDArray[np.uint8]) -> Propagated:
        """The object of a mark; `image` is that of its view. DatasetError, in one line, if the map
        has too few points on it, or they are on no plane."""
        camera, pose = self._map.camera_of(mark.view), self._map.camera_from_map[mark.view]
        plane, points = self._plane(mark, camera, pose)
        map_from_uv = planes.map_from_image(plane, camera, pose) @ mark.image_from_uv
        map_from_uv /= np.linalg.norm(map_from_uv[3])
        away = float(np.median(np.abs(planes.distances(plane, self._map.points_map[points]))))
        fits = self.fits(map_from_uv, points)
        sightings = tuple(
            replace(one.sighting, image_from_uv=mark.image_from_uv)
            if one.sighting.view == mark.view else one.sighting
            for one in fits
        )  # fmt: skip
        reference = cropped(image, camera, mark)
        instance = ObjectInstance(map_from_uv, sightings)
        return Propagated(mark, reference, instance, len(points), away, fits)

    def sighted(self, objects: MapObjects) -> MapObjects:
        """Objects whose places are known, such as a world's, with the views that saw them."""

        def seen(mask: NDArray[np.uint8], instance: ObjectInstance) -> ObjectInstance:
            place = instance.map_from_uv
            found = self.fits(place, self.points_on(place, mask))
            return replace(instance, sightings=tuple(one.sighting for one in found))

        return MapObjects(tuple(
            replace(one, instances=tuple(seen(one.mask, place) for place in one.instances))
            for one in objects.objects
        ))  # fmt: skip

    def fits(self, map_from_uv: FloatArray, points: NDArray[np.int64]) -> tuple[Fit, ...]:
        """The views that saw enough of an object's points (rows, rising), by their rows."""
        covariances = self._seen.covariances(points)
        uv, _ = uv_of(map_from_uv, self._map.points_map[points], covariances)
        found = [self._fit(view, map_from_uv, points, uv) for view in range(self._map.num_views)]
        return tuple(one for one in found if one is not None)

    def points_on(self, map_from_uv: FloatArray, mask: NDArray[np.uint8]) -> NDArray[np.int64]:
        """The map's points (rows, rising) on a plane, within a mask of the reference image."""
        uv, away = uv_of(map_from_uv, self._map.points_map)
        near = np.flatnonzero((np.abs(away) < _AWAY_M) & in_mask(mask, uv))
        return near.astype(np.int64)

    def _plane(
        self, mark: Mark, camera: Camera, pose: FloatArray
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """The plane of the object, and the points on it."""
        seen, pixels = self._seen.of_view(mark.view)
        uv = homographies.apply(homographies.inverse(mark.image_from_uv), pixels)
        points = seen[in_mask(mark.mask, uv)]
        for _ in range(_ROUNDS):
            plane, points = self._fitted(mark, points)
            map_from_uv = planes.map_from_image(plane, camera, pose) @ mark.image_from_uv
            points = np.union1d(points, self.points_on(map_from_uv, mark.mask))
        return self._fitted(mark, points)

    def _fitted(
        self, mark: Mark, points: NDArray[np.int64]
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        least = self._config.min_matches
        wanted = f"{least} points of the map or more on object {mark.entry}"
        if len(points) < least:
            raise DatasetError(expected(self._map.view_names[mark.view], wanted, len(points)))
        covariances = self._seen.covariances(points)
        found = planes.fit_plane(self._map.points_map[points], covariances, self._config.seed)
        if found is None or found[1].sum() < least:
            got = f"{0 if found is None else found[1].sum()} of {len(points)} on a plane"
            raise DatasetError(expected(self._map.view_names[mark.view], wanted, got))
        return found[0], points[found[1]]

    def _fit(
        self, view: int, map_from_uv: FloatArray, points: NDArray[np.int64], places: FloatArray
    ) -> Fit | None:
        """What a view saw of an object, if enough of its points, which have (u, v) `places`, agree
        with a homography."""
        rows, pixels = self._seen.of_view_among(view, points)
        if len(rows) < self._config.min_matches:
            return None
        uv = places[rows]
        limit, sigmas = self._config.max_error_px, np.ones(len(rows))
        fitted = homographies.fit_robustly(uv, pixels, sigmas, limit, self._config.seed)
        if fitted is None or fitted[1].sum() < self._config.min_matches:
            return None
        camera, pose = self._map.camera_of(view), self._map.camera_from_map[view]
        by_plane = planes.image_from_plane(map_from_uv, camera, pose)
        inliers = fitted[1]
        errors = [
            _median_distance(homographies.apply(one, uv[inliers]), pixels[inliers])
            for one in (by_plane, fitted[0])
        ]
        kept = 0 if errors[0] <= self._config.plane_error_px else 1
        image_from_uv = (by_plane, fitted[0])[kept]
        corners = homographies.apply(image_from_uv, CORNERS)
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        if not (sides >= self._config.min_side_px).all():  # nor behind the camera
            return None
        there = [homographies.apply(one, CORNERS) for one in (by_plane, fitted[0])]
        sighting = Sighting(view, image_from_uv, len(rows), int(inliers.sum()))
        return Fit(sighting, errors[kept], _median_distance(there[0], there[1]))


def _median_distance(a: FloatArray, b: FloatArray) -> float:
    """Of points (N, 2), pixels; infinite where one is not known."""
    return float(np.median(np.nan_to_num(np.linalg.norm(a - b, axis=1), nan=np.inf)))


def uv_of(
    map_from_uv: FloatArray, points: FloatArray, covariances: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """(u, v) (N, 2) of the places of an object's plane where points (N, 3) most likely are, and how
    far they are from it (N,), metres.

    With `covariances` (N, 3, 3) a point goes to the plane along what is least sure about it, which
    is mostly its distance from the cameras; without, straight.
    """
    on_plane = ObjectInstance(map_from_uv).points_map(np.array([[0.0, 0], [1, 0], [0, 1]]))
    normal = np.cross(on_plane[1] - on_plane[0], on_plane[2] - on_plane[0])
    normal /= np.linalg.norm(normal)
    away = (points - on_plane[0]) @ normal
    along = np.tile(normal, (len(points), 1)) if covariances is None else covariances @ normal
    feet = points - (away / (along @ normal))[:, None] * along
    uv = np.c_[feet, np.ones(len(feet))] @ np.linalg.pinv(map_from_uv).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return uv[:, :2] / np.where(uv[:, 2:] > 0, uv[:, 2:], np.nan), away


def in_mask(mask: NDArray[np.uint8], uv: FloatArray) -> NDArray[np.bool_]:
    """Which (u, v) (N, 2) lie in a mask (h, w) of the reference image."""
    height, width = mask.shape
    known: NDArray[np.bool_] = np.asarray(np.all((uv >= 0) & (uv < 1), axis=1))  # NaN is not
    columns, rows = (np.where(known[..., None], uv, 0.0) * (width, height)).astype(np.int64).T
    return np.asarray(known & (mask[rows, columns] >= 128))


def cropped(image: NDArray[np.uint8], camera: Camera, mark: Mark) -> NDArray[np.uint8]:
    """The reference image (h, w, 3) of a mark: what the camera without distortion would see."""
    rows, columns = np.indices(mark.mask.shape).reshape(2, -1)
    ideal = np.stack([columns + mark.corner[0], rows + mark.corner[1], np.ones(rows.size)])
    rays = (np.linalg.inv(cameras.intrinsic_matrix(camera)) @ ideal).T
    at = cameras.project(camera, rays)[0].reshape(*mark.mask.shape, 2).astype(np.float32)
    colored = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.remap(colored, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=edge))
