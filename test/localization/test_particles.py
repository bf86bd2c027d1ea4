"""Clouds of weighted poses, odometry noise, and the update by a fix."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.config import FilterConfig, OdometryNoiseConfig, ParticlesConfig
from semloc_ros.geometry import se3
from semloc_ros.geometry.uncertainty import error_vector, perturb, rotate, transport
from semloc_ros.localization import odometry_noise, particles
from semloc_ros.localization.fix_update import Fix, fused
from semloc_ros.types import Odometry

CONFIG = ParticlesConfig()
SOMEWHERE = se3.exp([3.0, -2.0, 0.5, 0.1, -0.2, 2.0])


def spread(*sigmas: float) -> np.ndarray:
    return np.diag(np.square(sigmas))


def test_systematic_drawing_is_fair_to_one_copy() -> None:
    rng = np.random.default_rng(0)
    weights = rng.random(50) ** 4
    weights /= weights.sum()
    counts = np.bincount(particles.systematic(weights, 2000, rng), minlength=50)
    assert (np.abs(counts - 2000 * weights) < 1.0).all()


def test_particles_to_be_drawn_are_as_frequent_as_they_are_heavy() -> None:
    poses = se3.exp(np.arange(5)[:, None] * np.ones(6))
    cloud = particles.normalized(poses, np.log([0.1, 0.6, 0.2, 0.1, 1e-9]))
    np.testing.assert_array_equal(particles.evenly(cloud, 1), poses[[1]])
    few = particles.equal(np.repeat(poses, 4, axis=0))
    np.testing.assert_array_equal(particles.evenly(few, 100), few.poses)
    heavy = particles.evenly(particles.normalized(few.poses, np.repeat(cloud.log_weights, 4)), 10)
    assert [int(np.isclose(heavy, one).all((1, 2)).sum()) for one in poses] == [1, 6, 2, 1, 0]


def test_effective_number() -> None:
    poses = np.broadcast_to(np.eye(4), (10, 4, 4))
    assert particles.equal(poses).effective == pytest.approx(10)
    one = particles.normalized(poses, np.r_[0.0, np.full(9, -np.inf)])
    assert one.effective == pytest.approx(1)
    assert particles.normalized(poses, np.full(10, -np.inf)).effective == pytest.approx(10)
    assert particles.normalized(poses, np.full(10, -1e5)).weights.sum() == pytest.approx(1)


def test_mean_and_covariance_are_those_drawn_from() -> None:
    rng = np.random.default_rng(1)
    covariance = spread(0.3, 0.1, 0.02, 0.02, 0.03, 0.1)
    covariance[0, 5] = covariance[5, 0] = 0.02
    poses = particles.gaussian(SOMEWHERE, covariance, 20_000, rng)
    mean, found = particles.mean_and_covariance(poses, np.full(20_000, 1 / 20_000))
    assert np.abs(error_vector(mean, SOMEWHERE)).max() < 0.01
    assert np.allclose(found, covariance, atol=0.003)


def test_the_number_follows_the_spread() -> None:
    rng = np.random.default_rng(2)
    narrow = particles.gaussian(SOMEWHERE, spread(*[0.01] * 6), 500, rng)
    wide = particles.gaussian(SOMEWHERE, spread(0.8, 0.8, 0.1, 0.0, 0.0, 0.2), 500, rng)
    assert particles.needed(narrow, CONFIG) == CONFIG.least
    assert CONFIG.least < particles.needed(wide, CONFIG) <= CONFIG.most


def test_fox_number_of_the_paper() -> None:
    """Eq. 7 with 100 bins, error 0.05 and 1 - delta = 0.99: 1348 by its chi-square table."""
    line = np.broadcast_to(np.eye(4), (100, 4, 4)).copy()
    line[:, 0, 3] = np.arange(100) * CONFIG.bin_m + 0.1
    assert particles.needed(line, CONFIG) == pytest.approx(1346, abs=15)


def test_clusters_are_told_apart() -> None:
    rng = np.random.default_rng(3)
    sigmas = spread(0.2, 0.2, 0.02, 0.01, 0.01, 0.03)
    there = se3.make_pose(np.eye(3), [30.0, 0, 0]) @ SOMEWHERE
    turned = SOMEWHERE @ se3.exp([0, 0, 0, 0, 0, np.pi])
    poses = np.concatenate([
        particles.gaussian(one, sigmas, count, rng)
        for one, count in ((SOMEWHERE, 500), (there, 300), (turned, 200))
    ])
    found = particles.clusters(particles.equal(poses), CONFIG)
    big = [one for one in found if one.share > 0.05]
    assert [round(one.share, 1) for one in big] == [0.5, 0.3, 0.2]
    for one, truth in zip(big, (SOMEWHERE, there, turned), strict=True):
        assert np.abs(error_vector(one.mean, truth)).max() < 0.05


def test_drawing_anew_keeps_mean_and_covariance() -> None:
    rng = np.random.default_rng(4)
    covariance = spread(0.3, 0.2, 0.02, 0.01, 0.01, 0.05)
    poses = particles.gaussian(SOMEWHERE, covariance, 2000, rng)
    skew = particles.normalized(poses, 3.0 * error_vector(SOMEWHERE, poses)[:, 0])
    before = particles.mean_and_covariance(skew.poses, skew.weights)
    fresh = particles.drawn_anew(skew, ParticlesConfig(least=4000, most=4000), rng)
    after = particles.mean_and_covariance(fresh.poses, fresh.weights)
    assert len(fresh) == 4000
    assert len(np.unique(fresh.poses[:, 0, 3])) == 4000  # no two the same
    assert np.abs(error_vector(before[0], after[0])[:3]).max() < 0.02
    assert np.allclose(np.diag(after[1]), np.diag(before[1]), rtol=0.1)


def test_what_weights_say_nothing_about_stays_honest_over_many_draws() -> None:
    """Labels often weigh one direction only: the others wander by chance from draw to draw, and the
    cloud must say so, not shrink."""
    config, squares, shrunk = ParticlesConfig(least=200, most=200), [], []
    sigmas = np.array([0.3, 0.2, 0.1, 0.01, 0.01, 0.05])
    for seed in range(12):
        rng = np.random.default_rng(seed)
        cloud = particles.equal(particles.gaussian(np.eye(4), np.diag(sigmas**2), 200, rng))
        for _ in range(30):
            sharp = -0.5 * (error_vector(np.eye(4), cloud.poses)[:, 0] / 0.1) ** 2
            cloud = particles.drawn_anew(particles.normalized(cloud.poses, sharp), config, rng)
            cloud = particles.equal(odometry_noise.moved(
                cloud.poses, np.eye(4), np.diag([0.3**2, 0, 0, 0, 0, 0]), rng
            ))
        mean, covariance = particles.mean_and_covariance(cloud.poses, cloud.weights)
        others = np.sqrt(np.diag(covariance))[1:]
        squares.append((error_vector(mean, np.eye(4))[1:] / others) ** 2)
        shrunk.append(others / sigmas[1:])
    assert np.mean(squares) < 1.0  # the truth is within what is said
    assert np.median(shrunk) > 1.0


@pytest.mark.parametrize("steps", [1, 7])
def test_noise_does_not_depend_on_how_a_way_is_divided(steps: int) -> None:
    config = OdometryNoiseConfig()
    rng = np.random.default_rng(5)
    motion = se3.exp(np.array([2.0, 0, 0, 0, 0, 0.0]) / steps)
    poses = np.broadcast_to(np.eye(4), (20_000, 4, 4))
    for _ in range(steps):
        covariance = odometry_noise.motion_covariance(motion, config)
        poses = odometry_noise.moved(poses, motion, covariance, rng)
    errors = error_vector(poses, se3.exp([2.0, 0, 0, 0, 0, 0]))
    along = np.hypot(config.along, config.scale * np.sqrt(config.scale_m))
    assert errors[:, 0].std() == pytest.approx(along * np.sqrt(2), rel=0.03)
    assert errors[:, 5].std() == pytest.approx(config.turn * np.sqrt(2), rel=0.03)


def test_without_labels_the_scale_grows_with_the_way() -> None:
    config = OdometryNoiseConfig(along=0.0)
    motion = se3.exp([0.5, 0, 0, 0, 0, 0])
    steps = [odometry_noise.motion_covariance(motion, config, 0.5 * k)[0, 0] for k in range(80)]
    assert np.sqrt(np.sum(steps)) == pytest.approx(config.scale * 40.0, rel=0.02)
    assert min(steps) == pytest.approx(config.scale**2 * config.scale_m * 0.5)


def test_covariance_between_messages_is_what_the_motion_added() -> None:
    """Errors in fixed axes: those of the start swing the lever, those of the motion come after."""
    first = Odometry(0, SOMEWHERE, spread(0.5, 0.4, 0.1, 0.1, 0.1, 0.3))
    motion, noise = se3.exp([0.4, 0, 0, 0, 0, 0.1]), spread(0.03, 0.02, 0.001, 0.002, 0.003, 0.01)
    rng = np.random.default_rng(6)
    small = 0.02  # so that the errors add up as to first order
    start = small * particles.normal_errors(first.covariance, 100_000, rng)
    poses = odometry_noise.moved(perturb(SOMEWHERE, start), motion, noise * small**2, rng)
    errors = error_vector(SOMEWHERE @ motion, poses) / small
    lever = (SOMEWHERE @ motion)[:3, 3] - SOMEWHERE[:3, 3]
    carried = transport(first.covariance, lever)
    to_map = (SOMEWHERE @ motion)[:3, :3]
    second = Odometry(1, SOMEWHERE @ motion, carried + rotate(noise, to_map))
    assert np.allclose(np.cov(errors.T), second.covariance, atol=0.01)
    assert np.allclose(odometry_noise.covariance_between(first, second), noise, atol=1e-9)
    silent = Odometry(1, SOMEWHERE @ motion, None)
    assert odometry_noise.covariance_between(first, silent) is None


def test_constant_or_shrinking_covariances_say_nothing() -> None:
    same = spread(*[0.1] * 6)
    first = Odometry(0, np.eye(4), same)
    along = se3.exp([1.0, 0, 0, 0, 0, 0])
    assert odometry_noise.covariance_between(first, Odometry(1, along, same)) is None
    assert odometry_noise.covariance_between(first, Odometry(1, np.eye(4), same / 2)) is None
    standing = odometry_noise.covariance_between(first, Odometry(1, np.eye(4), same))
    assert standing is not None and not standing.any()
    grown = odometry_noise.covariance_between(first, Odometry(1, np.eye(4), 2 * same))
    assert grown == pytest.approx(same)


@pytest.mark.parametrize("fix_sigma", [1.0, 0.05, 0.002])
def test_a_fix_and_particles_become_the_product_of_both(fix_sigma: float) -> None:
    """As of a Kalman filter; also where the fix is sharper than the particles are dense."""
    rng = np.random.default_rng(7)
    prior = spread(0.5, 0.5, 0.3, 0.02, 0.02, 0.05)
    cloud = particles.equal(particles.gaussian(SOMEWHERE, prior, 3000, rng))
    at = perturb(SOMEWHERE, np.array([0.3, -0.2, 0.1, 0.0, 0.01, 0.03]))
    fix = Fix(at, spread(*[fix_sigma] * 3, *[fix_sigma / 5] * 3))
    found = fused(cloud, fix, FilterConfig(), rng)
    mean, covariance = particles.mean_and_covariance(found.poses, found.weights)
    information = np.linalg.inv(prior) + np.linalg.inv(fix.covariance)
    gain = np.linalg.solve(information, np.linalg.inv(fix.covariance))
    truth = gain @ error_vector(SOMEWHERE, at)
    sigmas = np.sqrt(np.diag(np.linalg.inv(information)))
    assert (np.abs(error_vector(SOMEWHERE, mean) - truth) < 0.35 * sigmas).all()
    assert np.allclose(np.sqrt(np.diag(covariance)), sigmas, rtol=0.3)
    assert found.effective > 100


def test_a_wrong_fix_changes_little() -> None:
    rng = np.random.default_rng(8)
    cloud = particles.equal(particles.gaussian(SOMEWHERE, spread(*[0.1] * 6), 2000, rng))
    far = Fix(perturb(SOMEWHERE, np.array([9.0, 0, 0, 0, 0, 0])), spread(*[0.05] * 6))
    found = fused(cloud, far, FilterConfig(), rng)
    mean, _ = particles.mean_and_covariance(found.poses, found.weights)
    assert np.abs(error_vector(SOMEWHERE, mean)).max() < 0.02
