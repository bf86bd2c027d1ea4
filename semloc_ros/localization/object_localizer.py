"""Where the camera was by objects of interest, alone or beside features.

Alone: of the poses that finds speak for the best one, unless another fits as well; then the prior
decides, and if it cannot, there is no pose. Beside features: where the pose of features expects
them, finds are further evidence for it; the others (an object that was moved, or taken for
another) are left out. What features leave is refined, in one least-squares problem, by weights.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from semloc_ros.config import LocalizerConfig
from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, nees, perturb, rotate
from semloc_ros.localization import gate
from semloc_ros.localization.checks import check_frame, check_prior
from semloc_ros.localization.object_poses import Candidate, ObjectPoses, information, limited
from semloc_ros.localization.objects import Find, joined, usable_finds
from semloc_ros.localization.resection import (
    normal_matrix,
    pose_jacobian,
    residuals,
    robust_scale,
    robust_weights,
)
from semloc_ros.localization.stages import Refused, Stopwatch
from semloc_ros.types import (
    Correspondences,
    FloatArray,
    Frame,
    NoPose,
    NoPoseReason,
    PoseEstimate,
    Prior,
)

METHOD = "objects"
_APART = float(chi2.ppf(0.99, 6))  # squared Mahalanobis distance of poses that are not the same
_EXPECTED = float(chi2.ppf(0.99, 2))  # of a pixel from where a pose expects it
_ROUNDS = 10
_CONVERGED = 1e-5  # metres and radians
_MOST_RIVALS = 20


class ObjectLocalizer:
    """Localizes images by their objects; `of_map` (6, 6) in camera axes is how well the map knows
    its own frame (`covariance.mapping_covariance`)."""

    def __init__(
        self, config: LocalizerConfig | None = None, of_map: FloatArray | None = None
    ) -> None:
        self._config = config or LocalizerConfig()
        self._of_map = np.zeros((6, 6)) if of_map is None else of_map

    def localize(self, frame: Frame, prior: Prior | None = None) -> PoseEstimate | NoPose:
        """Where the camera was by the objects of the frame alone. Whatever is wrong with the
        arguments is a `NoPose` with one line of detail."""
        watch = Stopwatch()
        try:
            check_frame(frame)
            if prior is not None:
                check_prior(prior)
            finds, flaw = self.finds(frame)
            if not finds:
                detail = flaw or "no object with enough matches"
                raise Refused(NoPoseReason.TOO_FEW_MATCHES, detail)
            return self.pose(frame, finds, prior, watch)
        except Refused as refusal:
            return refusal.as_value(frame.stamp_ns, watch.stage_ms)

    def finds(self, frame: Frame) -> tuple[list[Find], str]:
        """What objects were found in a frame, and one line if they cannot be used."""
        return usable_finds(frame, self._config.objects, self._config.seed)

    def pose(
        self, frame: Frame, finds: list[Find], prior: Prior | None, watch: Stopwatch
    ) -> PoseEstimate:
        """The pose by the finds; refused if none is clear."""
        with watch.stage(METHOD):
            config = self._config
            poses = ObjectPoses(frame.camera, finds, config.objects, config.seed, prior)
            candidates = [one for one in poses.candidates() if one.support][:_MOST_RIVALS]
            offered = sum(self._count(find.instances[0]) for find in finds)
            if not candidates:
                detail = f"no pose fits one of {len(finds)} finds of objects"
                raise Refused(NoPoseReason.TOO_FEW_INLIERS, detail, offered)
            scale = poses.scale_of(candidates[0])
            best, covariance = self._clear(frame, candidates, scale, prior)
            inliers = joined([self._witnesses(one) for one in best.support])
        gate.check_uncertainty(covariance, self._config.gate)
        if prior is not None:
            gate.check_prior(best.pose, covariance, prior, self._config.gate)
        return PoseEstimate(
            frame.stamp_ns, best.pose, covariance, inliers, offered, watch.stage_ms, METHOD
        )

    def _clear(
        self, frame: Frame, candidates: list[Candidate], scale: float, prior: Prior | None
    ) -> tuple[Candidate, FloatArray]:
        """The candidate that fits better than any other, the prior included, and its covariance;
        refused if another one, elsewhere, fits about as well."""
        covariances = [self._covariance(frame, one, scale) for one in candidates]
        known = [
            (one, covariance, one.cost + _distance(one.pose, covariance, prior))
            for one, covariance in zip(candidates, covariances, strict=True)
            if covariance is not None
        ]
        if not known:
            raise Refused(NoPoseReason.DEGENERATE, "objects leave a direction of the pose open")
        best, covariance, cost = min(known, key=lambda one: one[2])
        widened = covariance
        for other, spread, its_cost in known:
            if other is best or its_cost - cost >= self._config.objects.ambiguous_chi2:
                continue
            error = _between(best.pose, other.pose)
            if nees(error, covariance + spread) > _APART:
                detail = f"two poses {np.linalg.norm(error[:3]):.3g} m apart fit the objects alike"
                raise Refused(NoPoseReason.AMBIGUOUS, detail)
            odds = np.exp((cost - its_cost) / 2.0)
            widened = widened + np.outer(error, error) * odds / (1.0 + odds)
        return best, widened

    def _covariance(
        self, frame: Frame, candidate: Candidate, scale: float
    ) -> FloatArray | None:
        matrix = information(
            frame.camera, candidate.pose, candidate.support, scale, self._config.objects
        )
        own = _inverse(matrix)
        return None if own is None else own + self._least + self._map_at(candidate.pose)

    @property
    def _least(self) -> FloatArray:
        """What is added to every covariance."""
        least = self._config.covariance
        position, turn = least.least_position_sigma_m, np.radians(least.least_rotation_sigma_deg)
        return np.diag(np.repeat([position, turn], 3) ** 2)

    def _map_at(self, pose: FloatArray) -> FloatArray:
        return rotate(self._of_map, pose[:3, :3].T)

    def _count(self, matches: Correspondences) -> int:
        return min(len(matches), self._config.objects.independent)

    def _witnesses(self, matches: Correspondences) -> Correspondences:
        """As many inliers of a find as count, from all over it."""
        rows = np.linspace(0, len(matches) - 1, self._count(matches))
        return matches.select(np.rint(rows).astype(np.int64))

    def fused(
        self, frame: Frame, finds: list[Find], found: PoseEstimate, prior: Prior | None = None
    ) -> PoseEstimate | None:
        """The pose of features with the finds that it expects as further evidence; None if it
        expects none of them, or both together are against the prior."""
        support = [one for one in (self._expected(frame, find, found) for find in finds) if one]
        if not support:
            return None
        features = found.covariance - self._map_at(found.camera_from_map)
        own = _inverse(features)
        if own is None:
            return None
        pose, matrix = self._least_squares(frame, tuple(support), found.camera_from_map, own)
        shift = _between(pose, found.camera_from_map)
        # what is added to every covariance is no evidence: it is added once, behind the sum, unless
        # features say no more than it
        bare = _inverse(features - self._least)
        covariance = _inverse(matrix if bare is None else matrix - own + bare)
        if covariance is None or float(shift @ own @ shift) > _APART:
            return None
        added = self._map_at(pose) if bare is None else self._map_at(pose) + self._least
        covariance = covariance + added
        if prior is not None:
            try:  # as any other pose: it may have gone as far as the features leave open
                gate.check_prior(pose, covariance, prior, self._config.gate)
            except Refused:
                return None
        inliers = joined([found.inliers, *(self._witnesses(one) for one in support)])
        offered = found.num_matches + sum(self._count(find.instances[0]) for find in finds)
        return replace(
            found, camera_from_map=pose, covariance=covariance, inliers=inliers,
            num_matches=offered, method=f"{found.method}+{METHOD}",
        )  # fmt: skip

    def _expected(
        self, frame: Frame, find: Find, found: PoseEstimate
    ) -> Correspondences | None:
        """The matches of a find that lie where a pose expects them, of the instance of which most
        do; None if they are too few."""
        fitting = [self._fitting(frame, one, found) for one in find.instances]
        best = max(range(len(fitting)), key=lambda row: fitting[row].mean())
        if fitting[best].mean() < self._config.objects.min_share:
            return None
        return find.instances[best].select(fitting[best])

    def _fitting(
        self, frame: Frame, matches: Correspondences, found: PoseEstimate
    ) -> NDArray[np.bool_]:
        """(N,), by what the pose and the matches may err."""
        seen = residuals(frame.camera, found.camera_from_map, matches)
        rows = pose_jacobian(frame.camera, found.camera_from_map, matches.points_map)
        spread = rows @ found.covariance @ np.swapaxes(rows, 1, 2)
        spread = spread + np.square(matches.sigmas_px)[:, None, None] * np.eye(2)
        fitting = seen.seen.copy()
        errors = seen.errors_px[fitting][:, :, None]
        squared = (errors * np.linalg.solve(spread[fitting], errors)).sum((1, 2))
        fitting[fitting] = squared < _EXPECTED
        return np.asarray(fitting)

    def _least_squares(
        self, frame: Frame, support: tuple[Correspondences, ...], start: FloatArray,
        own: FloatArray,
    ) -> tuple[FloatArray, FloatArray]:
        """The pose nearest to all evidence, and its information (6, 6): what features say is a
        Gaussian about their pose, `own` (6, 6) its information."""
        matches = limited(support, self._config.objects)
        said = joined(support).sigmas_px
        pose, matrix = start, own
        for _ in range(_ROUNDS):
            now = residuals(frame.camera, pose, matches)
            squared = (now.errors_px**2).sum(1) / said**2
            scale = max(1.0, robust_scale(squared[now.seen]))
            weights = robust_weights(now, matches.sigmas_px) / scale**2
            matrix = own + normal_matrix(now, weights)
            rows, errors = now.jacobian[now.seen], now.errors_px[now.seen]
            weighted = errors * weights[now.seen][:, None]
            pull = own @ _between(pose, start)
            step = np.linalg.solve(matrix, pull - rows.reshape(-1, 6).T @ weighted.ravel())
            pose = se3.inverse(perturb(se3.inverse(pose), step))
            if np.abs(step).max() < _CONVERGED:
                break
        return pose, matrix


def _between(pose: FloatArray, other: FloatArray) -> FloatArray:
    """The error (6,) of a pose `camera_from_map` if the other is the truth."""
    return error_vector(se3.inverse(pose), se3.inverse(other))


def _distance(pose: FloatArray, covariance: FloatArray, prior: Prior | None) -> float:
    """Squared Mahalanobis distance of a pose from the prior; 0 without one."""
    if prior is None:
        return 0.0
    try:
        return nees(_between(pose, prior.camera_from_map), covariance + prior.covariance)
    except InputError as fault:
        raise Refused(NoPoseReason.BAD_PRIOR, f"prior and pose: {fault}") from None


def _inverse(matrix: FloatArray) -> FloatArray | None:
    """That of a positive definite matrix, else None."""
    try:
        np.linalg.cholesky(matrix)
        inverse = np.asarray(np.linalg.inv(matrix), np.float64)
    except np.linalg.LinAlgError:
        return None
    return (inverse + inverse.T) / 2.0 if np.isfinite(inverse).all() else None
