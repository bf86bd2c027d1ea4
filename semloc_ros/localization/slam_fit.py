"""One similarity from poses of a SLAM and fixes in the map: from pairs, then by least squares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from semloc_ros.config.slam import SlamAlignmentConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.similarity import Similarity, fit_similarity
from semloc_ros.types import FloatArray

_ROUNDS = 10
_SMALL_STEP = 1e-5  # metres, radians, share of the scale
_DIMENSIONS = 6


@dataclass(frozen=True, slots=True)
class AlignedFixes:
    """N fixes beside the SLAM: `track_from_body` and `map_from_body` (N, 4, 4), `information`
    (N, 6, 6) of the fixes with the drift since, `agrees` (N,) with the alignment."""

    track_from_body: FloatArray
    map_from_body: FloatArray
    information: FloatArray
    agrees: NDArray[np.bool_]

    @staticmethod
    def of(
        track_from_body: FloatArray, map_from_body: FloatArray, covariances: FloatArray,
        way: FloatArray, bridged: FloatArray, scale: float, config: SlamAlignmentConfig,
    ) -> AlignedFixes:
        """`way` (N,) gone since each fix and `bridged` (N,), by how much bridges since may err,
        in the SLAM's unit; `scale` metres per unit, roughly."""
        metres = config.drift * way * scale
        turns = np.radians(config.drift_deg) * way * scale
        position = config.floor_m**2 + metres**2 + (bridged * scale) ** 2
        turn = np.radians(config.floor_deg) ** 2 + turns**2
        added = np.repeat(np.stack([position, turn], axis=1), 3, axis=1)
        noise = covariances + added[:, :, None] * np.eye(6)
        information = np.asarray(np.linalg.inv(noise), np.float64)
        everything = np.ones(len(way), dtype=bool)
        return AlignedFixes(track_from_body, map_from_body, information, everything)

    def covariance(self, found: Similarity, here: FloatArray, known_scale: bool) -> FloatArray:
        """(7, 7) of position and turn of the body at `here` (3,) in the map, and log scale.

        Residuals larger than the fixes say make it larger: fixes of one place err alike.
        """
        chosen = self.agrees
        errors = residuals(found, self)[chosen]
        jacobians = _jacobians(found.poses(self.track_from_body[chosen])[:, :3, 3] - here)
        free = 6 if known_scale else 7
        jacobians = jacobians[..., :free]
        information = self.information[chosen]
        normal = _normal(jacobians, information)
        excess = _squared(errors, information).sum()
        dof = max(_DIMENSIONS * int(chosen.sum()) - free, 1)
        spread = np.zeros((7, 7))
        spread[:free, :free] = np.linalg.pinv(normal, 1e-15, hermitian=True)
        spread *= max(excess / dof, 1.0)
        return spread


def residuals(found: Similarity, fixes: AlignedFixes) -> FloatArray:
    """(..., N, 6): position (m) and turn (rad, about map axes) from the SLAM's pose to the fix."""
    poses = found.poses(fixes.track_from_body)
    turn = fixes.map_from_body[:, :3, :3] @ np.swapaxes(poses[..., :3, :3], -1, -2)
    moved = fixes.map_from_body[:, :3, 3] - poses[..., :3, 3]
    return np.concatenate([moved, se3.rotation_vector(turn)], axis=-1)


def best_of_pairs(
    fixes: AlignedFixes, config: SlamAlignmentConfig, generator: np.random.Generator
) -> Similarity | None:
    """The similarity of the pair of fixes that most others agree with (RANSAC; each fix costs
    its squared distance up to the gate). None if no two lie far enough apart."""
    first, second = np.triu_indices(len(fixes.agrees), 1)
    positions = fixes.map_from_body[:, :3, 3]
    if not config.known_scale:
        units = fixes.track_from_body[:, :3, 3]
        apart = np.linalg.norm(positions[first] - positions[second], axis=1) >= config.pair_m
        apart &= np.linalg.norm(units[first] - units[second], axis=1) > 0
        first, second = first[apart], second[apart]
    if not len(first):
        return None
    count = min(config.hypotheses, len(first))
    chosen = generator.choice(len(first), count, replace=False)
    rows = np.stack([first[chosen], second[chosen]], axis=1)
    there, here = fixes.map_from_body[rows], fixes.track_from_body[rows]
    tried = fit_similarity(
        here[..., :3, 3], there[..., :3, 3], not config.known_scale,
        there[..., :3, :3] @ np.swapaxes(here[..., :3, :3], -1, -2), _turn_weight(fixes),
    )
    errors = residuals(tried, fixes)
    squared = _squared(errors, fixes.information)
    squared[tried.scale <= 0] = np.inf
    best = int(np.minimum(squared, config.gate).sum(axis=1).argmin())
    return Similarity(tried.scale[best], tried.rigid[best])


def refined(
    start: Similarity, fixes: AlignedFixes, config: SlamAlignmentConfig
) -> tuple[Similarity, AlignedFixes] | None:
    """Least squares over the fixes that agree, anew in each round; None if too few do."""
    found = start
    for _ in range(_ROUNDS):
        errors = residuals(found, fixes)
        squared = _squared(errors, fixes.information)
        agrees = squared <= config.gate
        if agrees.sum() < 2:
            return None
        weights = agrees / (1 + squared / _DIMENSIONS)
        step = _step(found, fixes, errors, weights, config.known_scale)
        found = _moved(found, step)
        if np.abs(step).max() < _SMALL_STEP:
            break
    errors = residuals(found, fixes)
    squared = _squared(errors, fixes.information)
    return found, replace(fixes, agrees=squared <= config.gate)


def _step(
    found: Similarity, fixes: AlignedFixes, errors: FloatArray, weights: FloatArray,
    known_scale: bool,
) -> FloatArray:
    """Gauss-Newton step (7,): position of the track's start, turn about it, log scale."""
    centre = found.rigid[:3, 3]
    jacobians = _jacobians(found.poses(fixes.track_from_body)[:, :3, 3] - centre)
    if known_scale:
        jacobians = jacobians[..., :6]
    weighted = weights[:, None, None] * fixes.information
    pulls = weighted @ errors[..., None]
    gradient = (np.swapaxes(jacobians, 1, 2) @ pulls).sum(axis=0)[:, 0]
    step, *_ = np.linalg.lstsq(_normal(jacobians, weighted), gradient, rcond=1e-14)
    return np.append(step, 0.0) if known_scale else step


def _moved(found: Similarity, step: FloatArray) -> Similarity:
    """The similarity after a step (7,) as in `_step`."""
    turn = se3.exp(np.append(np.zeros(3), step[3:6]))[:3, :3]
    rigid = se3.make_pose(turn @ found.rigid[:3, :3], found.rigid[:3, 3] + step[:3])
    return Similarity(np.asarray(found.scale * np.exp(np.clip(step[6], -1.0, 1.0))), rigid)


def _turn_weight(fixes: AlignedFixes) -> float:
    """A fix's variance of position over that of turn, m²/rad²."""
    diagonal = np.median(np.diagonal(fixes.information, axis1=1, axis2=2), axis=0)
    return float(diagonal[3:].mean() / diagonal[:3].mean())


def _squared(errors: FloatArray, information: FloatArray) -> FloatArray:
    """Squared Mahalanobis distances (..., N) of errors (..., N, 6)."""
    squared: FloatArray = ((information @ errors[..., None])[..., 0] * errors).sum(axis=-1)
    return squared


def _normal(jacobians: FloatArray, information: FloatArray) -> FloatArray:
    """JᵀIJ (K, K), summed over the fixes; `jacobians` (N, 6, K)."""
    normal: FloatArray = (np.swapaxes(jacobians, 1, 2) @ information @ jacobians).sum(axis=0)
    return normal


def _jacobians(levers: FloatArray) -> FloatArray:
    """(N, 6, 7) of the poses at `levers` (N, 3, map axes) from the point that is moved, turned
    about and scaled from."""
    jacobians = np.zeros((len(levers), 6, 7))
    jacobians[:, :3, :3] = jacobians[:, 3:, 3:6] = np.eye(3)
    jacobians[:, :3, 3:6] = -se3.hat(levers)
    jacobians[:, :3, 6] = levers
    return jacobians
