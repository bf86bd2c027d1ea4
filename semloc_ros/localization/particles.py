"""A cloud of weighted poses: its spread, its clusters, and how it is drawn anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from semloc_ros.config import ParticlesConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, perturb
from semloc_ros.types import FloatArray

_HALVINGS = 12
_LEAST_FOR_COVARIANCE = 50  # particles


@dataclass(frozen=True, slots=True)
class Particles:
    """N poses `map_from_base` (N, 4, 4) and the logarithms of their weights (N,), of sum 1."""

    poses: FloatArray
    log_weights: FloatArray

    def __len__(self) -> int:
        return len(self.poses)

    @property
    def weights(self) -> FloatArray:
        """(N,), their sum is 1."""
        return np.asarray(np.exp(self.log_weights))

    @property
    def effective(self) -> float:
        """Effective number, 1 / sum of squares (Kong, Liu and Wong, 1994): 1 to N."""
        return float(1.0 / np.exp(2.0 * self.log_weights).sum())


@dataclass(frozen=True, slots=True)
class Cluster:
    """Particles that hang together: their `share` of all weight, `mean` (4, 4), `covariance`
    (6, 6) in the convention of `types`, and `rows` among all particles."""

    share: float
    mean: FloatArray
    covariance: FloatArray
    rows: NDArray[np.int64]


def normalized(poses: FloatArray, log_weights: FloatArray) -> Particles:
    """Particles from weights of any sum; all-zero weights become equal."""
    highest = log_weights.max()
    if not np.isfinite(highest):
        return equal(poses)
    shifted = log_weights - highest
    return Particles(poses, shifted - np.log(np.exp(shifted).sum()))


def equal(poses: FloatArray) -> Particles:
    """Particles of the same weight."""
    return Particles(poses, np.full(len(poses), -np.log(len(poses))))


def evenly(particles: Particles, most: int) -> FloatArray:
    """Up to `most` of the poses (N, 4, 4), each as often as its weight says: for drawing."""
    count = min(most, len(particles))
    reached = np.cumsum(particles.weights)
    places = (np.arange(count) + 0.5) / count * reached[-1]
    return np.asarray(particles.poses[np.searchsorted(reached, places)])


def normal_errors(covariance: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Normal vectors (count, D) of a covariance (D, D), which may be singular."""
    values, axes = np.linalg.eigh(covariance)
    white = rng.standard_normal((count, len(values)))
    return np.asarray(white * np.sqrt(np.maximum(values, 0.0)) @ axes.T)


def bearable(
    particles: Particles, gained: FloatArray, most: float, effective_share: float
) -> float:
    """The largest part, up to `most`, of log likelihoods (N,) after which the effective number
    is half of what makes particles be drawn anew, or more."""
    least = 0.5 * effective_share * min(particles.effective, len(particles))

    def is_bearable(part: float) -> bool:
        after = normalized(particles.poses, particles.log_weights + part * gained)
        return after.effective >= least

    if is_bearable(most):
        return most
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if is_bearable(middle) else (low, middle)
    return low


def gaussian(
    mean: FloatArray, covariance: FloatArray, count: int, rng: np.random.Generator
) -> FloatArray:
    """Poses (count, 4, 4) around `mean` (4, 4) with errors of `covariance` (6, 6)."""
    return perturb(mean, normal_errors(covariance, count, rng))


def systematic(weights: FloatArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows (count,) drawn by one comb of equal steps (Kitagawa, 1996): a particle of weight w
    comes floor(w count) or ceil(w count) times."""
    steps = (np.arange(count) + rng.random()) / count
    ends = np.cumsum(weights)
    rows = np.searchsorted(ends, steps * ends[-1], side="right")
    return np.asarray(np.minimum(rows, len(weights) - 1), np.int64)


def drawn_anew(
    particles: Particles, config: ParticlesConfig, rng: np.random.Generator
) -> Particles:
    """As many particles as the spread needs, of the same weight.

    Within each cluster they are drawn from the smoothed cloud: pulled towards its mean and spread
    by `smoothing` of its covariance so that both stay as they were (Liu and West, 2001; the width
    is Silverman's for some hundred particles). Else copies would stay copies, and the few that
    survive a sharp image would be all that is believed.
    """
    rows = systematic(particles.weights, len(particles), rng)
    count = needed(particles.poses[rows], config)
    if count != len(particles):
        rows = systematic(particles.weights, count, rng)
    poses = particles.poses[rows]
    member = cluster_numbers(poses, config)
    for number in np.unique(member):
        mine = np.flatnonzero(member == number)
        mean, spread = _believed(particles, np.unique(rows[mine]), count)
        noise = normal_errors(config.smoothing**2 * spread, len(mine), rng)
        kept = np.sqrt(1.0 - config.smoothing**2) * error_vector(mean, poses[mine])
        poses[mine] = perturb(mean, _with_covariance(kept + noise, spread))
    return equal(poses)


def _believed(
    particles: Particles, survivors: NDArray[np.int64], count: int
) -> tuple[FloatArray, FloatArray]:
    """Mean (4, 4) and covariance (6, 6) of a cluster, of which `survivors` were drawn.

    A particle that was drawn by chance stands for those that were not (Horvitz and Thompson,
    1952). The covariance is as large as if the mean were known, and larger by what the mean of
    so few particles errs: else the errors of all draws add up unseen where labels say little.
    """
    weights = particles.weights[survivors]
    drawn = np.maximum(weights, 1.0 / count)
    mean, spread = mean_and_covariance(particles.poses[survivors], drawn / drawn.sum())
    chance = min(float((weights**2).sum() / weights.sum() ** 2), 0.5)
    return mean, spread * (1.0 + chance) / (1.0 - chance)


def _with_covariance(errors: FloatArray, wanted: FloatArray) -> FloatArray:
    """Errors (N, 6) moved and stretched to mean 0 and the wanted covariance (6, 6); as they are,
    if they are too few to have one."""
    if len(errors) < _LEAST_FOR_COVARIANCE:
        return errors
    centred = errors - errors.mean(0)
    tiny = 1e-12 * np.diag(np.diag(wanted)) + 1e-18 * np.eye(6)
    own = np.linalg.cholesky(centred.T @ centred / len(centred) + tiny)
    stretched: FloatArray = centred @ np.linalg.solve(own.T, np.linalg.cholesky(wanted + tiny).T)
    return stretched


def needed(poses: FloatArray, config: ParticlesConfig) -> int:
    """How many particles keep the sample's error below `kld_error` with the given chance, by the
    number of bins that the cloud fills (Fox, "KLD-Sampling", NIPS 2001, eq. 7)."""
    bins = len(np.unique(_bins(poses, config), axis=0))
    if bins < 2:
        return config.least
    part = 2.0 / (9.0 * (bins - 1))
    cube = (1.0 - part + np.sqrt(part) * config.kld_quantile) ** 3
    wanted = (bins - 1) / (2.0 * config.kld_error) * cube
    return int(np.clip(np.ceil(wanted), config.least, max(config.most, config.least)))


def cluster_numbers(poses: FloatArray, config: ParticlesConfig) -> NDArray[np.int64]:
    """The number (N,) of the cluster of each pose: filled bins that touch are one cluster."""
    bins, member = np.unique(_bins(poses, config), axis=0, return_inverse=True)
    pairs = cKDTree(bins).query_pairs(1.5, p=np.inf, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(bins), len(bins)))
    _, number = connected_components(links, directed=False)
    return np.asarray(number[member.ravel()], np.int64)


def clusters(particles: Particles, config: ParticlesConfig) -> list[Cluster]:
    """The clusters, heaviest first."""
    member, weights = cluster_numbers(particles.poses, config), particles.weights
    found = []
    for number in np.unique(member):
        rows = np.flatnonzero(member == number)
        share = float(weights[rows].sum())
        inside = weights[rows] / share if share > 0 else np.full(len(rows), 1.0 / len(rows))
        mean, covariance = mean_and_covariance(particles.poses[rows], inside)
        found.append(Cluster(share, mean, covariance, rows))
    return sorted(found, key=lambda one: -one.share)


def mean_and_covariance(poses: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean pose (4, 4) and covariance (6, 6) of poses (N, 4, 4), whose weights (N,) sum to 1.

    The mean rotation is that nearest to the mean matrix (Moakher, 2002).
    """
    left, _, right = np.linalg.svd(np.einsum("n,nij->ij", weights, poses[:, :3, :3]))
    flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    mean = se3.make_pose(left @ flip @ right, weights @ poses[:, :3, 3])
    errors = error_vector(mean, poses)
    return mean, np.asarray(errors.T * weights @ errors)


def _bins(poses: FloatArray, config: ParticlesConfig) -> FloatArray:
    """Bins (N, 6): position, and the direction of the base's x axis."""
    forward = poses[:, :3, 0] / np.radians(config.bin_deg)
    bins: FloatArray = np.floor(np.concatenate([poses[:, :3, 3] / config.bin_m, forward], axis=1))
    return bins
