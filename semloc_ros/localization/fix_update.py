"""The weight update of particles by a pose, sharper as it may be than particles are dense.

The particles and poses drawn from the fix are one sample of the mixture of both; each is weighed
by what is believed of it times the fix's likelihood, over the density of the mixture (the balance
heuristic of Veach and Guibas, 1995). What is believed of a drawn pose is that of the particles'
clusters, taken as normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semloc_ros.config import FilterConfig
from semloc_ros.geometry.uncertainty import error_vector
from semloc_ros.localization.particles import Particles, clusters, gaussian, normalized
from semloc_ros.types import FloatArray

_LEAST_SIGMA = 1e-4  # metres and radians: what is added so that a covariance has an inverse


@dataclass(frozen=True, slots=True)
class Fix:
    """A pose of the base, `map_from_base` (4, 4), with its covariance (6, 6): see `types`."""

    map_from_base: FloatArray
    covariance: FloatArray


def fused(
    particles: Particles, fix: Fix, config: FilterConfig, rng: np.random.Generator
) -> Particles:
    """The particles after the fix, more by those drawn from it.

    The likelihood has a floor, that of a wrong fix, which lies anywhere: as high as that of a
    right one at `fix_outlier_chi2` from the heaviest cluster. Beyond, a fix changes little.
    """
    count = round(config.fix_share * len(particles))
    poses = np.concatenate(
        [particles.poses, gaussian(fix.map_from_base, fix.covariance, count, rng)]
    )
    share = count / len(poses)
    base = np.full(len(poses), -np.log(len(poses)))
    base[: len(particles)] = np.log1p(-share) + particles.log_weights
    of_fix = _log_density(fix.map_from_base, fix.covariance, poses)
    found = clusters(particles, config.particles)
    wrong = -0.5 * config.fix_outlier_chi2 - _log_volume(found[0].covariance + fix.covariance)
    likelihood = np.logaddexp(of_fix, wrong)
    if not count:
        return normalized(poses, base + likelihood)
    believed = np.full(len(poses), -np.inf)
    for cluster in found:
        inside = _log_density(cluster.mean, cluster.covariance, poses)
        believed = np.logaddexp(believed, np.log(max(cluster.share, 1e-12)) + inside)
    mixture = np.logaddexp(np.log(share) + of_fix - believed, np.log1p(-share))
    return normalized(poses, base + likelihood - mixture)


def _log_density(mean: FloatArray, covariance: FloatArray, poses: FloatArray) -> FloatArray:
    """Logarithm of the normal density (N,)."""
    root = np.linalg.cholesky(covariance + _LEAST_SIGMA**2 * np.eye(6))
    white = np.linalg.solve(root, error_vector(mean, poses).T)
    return np.asarray(-0.5 * (white**2).sum(0) - _log_volume(covariance))


def _log_volume(covariance: FloatArray) -> float:
    """Minus the logarithm of the normal density at its mean."""
    _, determinant = np.linalg.slogdet(covariance + _LEAST_SIGMA**2 * np.eye(6))
    return float(0.5 * determinant + 3.0 * np.log(2.0 * np.pi))
