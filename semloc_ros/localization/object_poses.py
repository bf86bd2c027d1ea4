"""Poses that explain what objects were found in an image, and how well each does.

A plane seen weakly in perspective has two poses (Collins and Bartoli, "Infinitesimal Plane-Based
Pose Estimation", IJCV 2014); an object that hangs at several places has one for each, and a find
may be wrong altogether. So every find speaks for its own poses, each pose chooses the instances of
the others by the distance of their centres in the image (Weinzaepfel et al., 2019, section 3.1),
and what was chosen is solved together.

Matches of one find err alike, so its cost is that of so many as are independent. Costs are
chi-squares then, and their differences say whether one pose fits better than another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import poselib
from numpy.typing import NDArray

from semloc_ros.config import ObjectsConfig, PnpConfig
from semloc_ros.geometry import cameras, se3
from semloc_ros.geometry.uncertainty import error_vector, nees
from semloc_ros.localization.objects import Find, joined
from semloc_ros.localization.pnp import estimate_pose
from semloc_ros.localization.resection import (
    normal_matrix,
    refine_pose,
    reprojection_errors,
    residuals,
    robust_scale,
    robust_weights,
)
from semloc_ros.types import Camera, Correspondences, FloatArray, Prior

_MOST_CHI2 = 9.21  # 99 % of squared errors of 2D matches are less; what is more, is wrong alike
_SIGMAS = 3.0
_POSE_FREEDOMS = 6
_ROUNDS = 2
_SETTLED = 8  # of the poses of single finds those that fit best, and as many choices
_SETTLING = 4  # steps towards least squares, before it is known which poses count
_SAME_M, _SAME_RAD = 0.01, 0.01  # poses nearer than this become one
_ROUGH = np.diag(np.repeat([0.1, 0.05], 3) ** 2)  # of poses of single finds: metres, radians
_OTHER_SIDE = np.diag([1.0, -1.0, -1.0])
_PLANE_SCALE = 100.0  # of the object's coordinates, so that homographies are well conditioned


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pose `camera_from_map` (4, 4); the instance that it chooses for each find; the inliers of
    each find that supports it; and how badly it fits all of them (chi-square)."""

    pose: FloatArray
    instances: tuple[int, ...]
    support: tuple[Correspondences, ...]
    cost: float


class ObjectPoses:
    """The poses that the finds of one image speak for; of more than can be looked at closely, those
    that fit best, and those that do near where the prior has it."""

    def __init__(
        self, camera: Camera, finds: list[Find], config: ObjectsConfig, seed: int,
        prior: Prior | None = None,
    ) -> None:  # fmt: skip
        self._camera, self._finds, self._config, self._seed = camera, finds, config, seed
        self._prior = prior

    def candidates(self) -> list[Candidate]:
        """All poses that some find supports, the best first; and the scale of the errors in the
        costs is that of the best."""
        first = self._best([self.judged(one) for one in self._poses_of_planes()])
        found = [self._settled(one) for one in first]
        if len(self._finds) > 1:
            choices = list(dict.fromkeys(one.instances for one in [*found, *first]))
            most = max(_SETTLED, len(first))
            together = [self._solved(choice) for choice in choices[:most]]
            found += [self._settled(self.judged(one)) for one in together if one is not None]
        found = [one for one in found if one.support]
        if not found:
            return []
        found = _different(sorted(found, key=lambda one: one.cost))
        scale = self.scale_of(found[0])
        judged = [self.judged(self._refined(one), scale) for one in self._best(found)]
        return _different(sorted(judged, key=lambda one: one.cost))

    def _best(self, candidates: list[Candidate]) -> list[Candidate]:
        """Those of the least cost; with a prior also those of the least together with it, without
        which the right one of many copies of a picture may not be among them."""
        best = sorted(candidates, key=lambda one: one.cost)[:_SETTLED]
        if self._prior is None:
            return best
        near = sorted(candidates, key=lambda one: one.cost + self._away(one.pose))[:_SETTLED]
        return best + [one for one in near if all(one is not other for other in best)]

    def _away(self, pose: FloatArray) -> float:
        """Squared Mahalanobis distance of a rough pose from the prior."""
        assert self._prior is not None
        error = error_vector(se3.inverse(pose), se3.inverse(self._prior.camera_from_map))
        return nees(error, self._prior.covariance + _ROUGH)

    def _refined(self, found: Candidate) -> FloatArray:
        """The pose of least squares over all inliers, by their sigmas."""
        return refine_pose(self._camera, found.pose, limited(found.support, self._config))

    def scale_of(self, candidate: Candidate) -> float:
        """By how much the matches err more than they say, at least 1.

        If they do, more than is seen: the pose takes up some of the errors, of few finds most, of
        as many freedoms as independent matches have six.
        """
        inliers = joined(candidate.support)
        squared = reprojection_errors(self._camera, candidate.pose, inliers) ** 2
        freedoms = 2 * sum(min(len(one), self._config.independent) for one in candidate.support)
        unseen = freedoms / max(freedoms - _POSE_FREEDOMS, 1)
        measured = robust_scale(squared / inliers.sigmas_px**2)
        return 1.0 if measured <= 1.0 else float(measured * np.sqrt(unseen))

    def judged(self, pose: FloatArray, scale: float = 1.0) -> Candidate:
        """What a pose makes of the finds, if the matches err `scale` times what they say."""
        chosen: list[int] = []
        support: list[Correspondences] = []
        cost = 0.0
        for find in self._finds:
            centres = [self._centre_error(pose, one) for one in find.instances]
            chosen.append(int(np.argmin(centres)))
            matches = find.instances[chosen[-1]]
            errors = reprojection_errors(self._camera, pose, matches)
            squared = np.minimum((errors / (scale * matches.sigmas_px)) ** 2, _MOST_CHI2)
            cost += float(squared.mean()) * min(len(matches), self._config.independent)
            fitting = np.asarray(errors < self._limits(matches))
            if fitting.mean() >= self._config.min_share:
                support.append(matches.select(fitting))
        return Candidate(pose, tuple(chosen), tuple(support), cost)

    def _centre_error(self, pose: FloatArray, matches: Correspondences) -> float:
        """How far in the image the pose puts the centre of an object from that of the find."""
        pixels, seen = cameras.project(self._camera, se3.transform(pose, matches.points_map))
        if not seen.all():
            return np.inf
        return float(np.linalg.norm((pixels - matches.points_image).mean(0)))

    def _limits(self, matches: Correspondences) -> FloatArray:
        """(N,) px, largest errors of the inliers of a find."""
        size = float(np.linalg.norm(np.ptp(matches.points_image, axis=0)))
        said = np.minimum(_SIGMAS * matches.sigmas_px, self._config.max_error_share * size)
        return np.maximum(self._config.max_error_px, said)

    def _settled(self, found: Candidate) -> Candidate:
        """The pose after least squares over all that support it."""
        for _ in range(_ROUNDS):
            if not found.support:
                break
            inliers = limited(found.support, self._config)
            before = found
            pose = refine_pose(self._camera, found.pose, inliers, _SETTLING)
            found = self.judged(pose)
            if [len(one) for one in found.support] == [len(one) for one in before.support]:
                break
        return found

    def _solved(self, instances: tuple[int, ...]) -> FloatArray | None:
        """The pose of most matches of all finds, if each is of the given instance."""
        both = zip(self._finds, instances, strict=True)
        chosen = [find.instances[instance] for find, instance in both]
        limit = float(np.median(np.concatenate([self._limits(one) for one in chosen])))
        options = PnpConfig(max_error_px=limit, max_iterations=self._iterations)
        return estimate_pose(self._camera, joined(chosen), options, self._seed)

    @property
    def _iterations(self) -> int:
        return self._config.max_iterations

    def _poses_of_planes(self) -> list[FloatArray]:
        """Those of single finds, of the largest first, and no more than are to be tried."""
        found: list[FloatArray] = []
        for find in self._finds:
            for matches in self._expected_first(find):
                if len(found) >= self._config.max_hypotheses:
                    return found
                found += self.poses_of_plane(matches)
        return found

    def _expected_first(self, find: Find) -> list[Correspondences]:
        """The places of a find; those first that the prior puts near to where it is."""
        if self._prior is None:
            return list(find.instances)
        there = self._prior.camera_from_map
        return sorted(find.instances, key=lambda one: self._centre_error(there, one))

    def poses_of_plane(self, matches: Correspondences) -> list[FloatArray]:
        """None, one or both poses of one plane: a homography by RANSAC, of which IPPE."""
        middle = matches.points_map.mean(0)
        _, sizes, axes = np.linalg.svd(matches.points_map - middle, full_matrices=False)
        ideal = cameras.undistort_points(self._camera, matches.points_image)
        usable = np.asarray(np.isfinite(ideal).all(axis=1))
        if usable.sum() < self._config.min_matches or sizes[1] < 1e-6 * sizes[0] or not sizes[0]:
            return []
        ideal, matches = ideal[usable], matches.select(usable)
        factor = _PLANE_SCALE * np.sqrt(len(usable)) / float(sizes[0])
        needed = max(self._config.min_matches, self._config.min_share * len(usable))
        for axes_turned in (axes * np.linalg.det(axes), _OTHER_SIDE @ axes * np.linalg.det(axes)):
            on_plane = (matches.points_map - middle) @ axes_turned[:2].T * factor
            fitting = self._on_homography(on_plane, ideal, matches)
            if fitting.sum() >= needed:
                found = self._ippe(on_plane[fitting], ideal[fitting])
                turns = [(one[:3, :3] @ axes_turned, one[:3, 3] / factor) for one in found]
                return [se3.make_pose(turn, way - turn @ middle) for turn, way in turns]
        return []

    def _on_homography(
        self, on_plane: FloatArray, ideal: FloatArray, matches: Correspondences
    ) -> NDArray[np.bool_]:
        """Which matches fit the best mapping from the plane, seen from its z < 0, to the
        image; samples are drawn from the best scores first."""
        limit = float(np.median(self._limits(matches)))
        best_first = np.argsort(-matches.scores, kind="stable")
        options: dict[str, Any] = {
            "max_reproj_error": limit, "max_iterations": self._iterations, "min_iterations": 50,
            "progressive_sampling": True, "seed": self._seed,
        }
        found, _ = poselib.estimate_homography(
            on_plane[best_first], ideal[best_first], options, {}
        )
        with np.errstate(all="ignore"):
            mapped = np.c_[on_plane, np.ones(len(on_plane))] @ np.asarray(found).T
            errors = np.linalg.norm(mapped[:, :2] / mapped[:, 2:] - ideal, axis=1)
        return np.asarray(errors < limit)

    def _ippe(self, on_plane: FloatArray, ideal: FloatArray) -> list[FloatArray]:
        """Poses `camera_from_plane` (4, 4), in units of the scaled plane."""
        points = np.c_[on_plane, np.zeros(len(on_plane))]
        matrix = cameras.intrinsic_matrix(self._camera)
        try:
            _, turns, ways, _ = cv2.solvePnPGeneric(
                points, ideal, matrix, None, flags=cv2.SOLVEPNP_IPPE
            )
        except cv2.error:
            return []
        poses = []
        for turn, way in zip(turns, ways, strict=True):
            pose = se3.make_pose(cv2.Rodrigues(turn)[0], way.ravel())
            if np.isfinite(pose).all() and (points @ pose[2, :3] + pose[2, 3] > 0).all():
                poses.append(pose)
        return poses


def _different(candidates: list[Candidate]) -> list[Candidate]:
    """Each pose once."""
    kept: list[Candidate] = []
    for one in candidates:
        apart = [se3.pose_error(se3.inverse(one.pose), se3.inverse(rival.pose)) for rival in kept]
        if all(way > _SAME_M or turn > _SAME_RAD for way, turn in apart):
            kept.append(one)
    return kept


def limited(support: tuple[Correspondences, ...], config: ObjectsConfig) -> Correspondences:
    """All inliers, with sigmas as if of each find no more than the independent ones were there."""
    return joined([
        replace(one, sigmas_px=one.sigmas_px * np.sqrt(max(1.0, len(one) / config.independent)))
        for one in support
    ])  # fmt: skip


def information(
    camera: Camera, pose: FloatArray, support: tuple[Correspondences, ...], scale: float,
    config: ObjectsConfig,
) -> FloatArray:
    """(6, 6) inverse covariance of the pose `map_from_camera` (see `types`), by its support."""
    matches = limited(support, config)
    found = residuals(camera, pose, matches)
    return normal_matrix(found, robust_weights(found, matches.sigmas_px)) / scale**2
