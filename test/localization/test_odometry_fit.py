"""Errors of wheel odometry, found again from simulated drives and from recorded ones."""

from __future__ import annotations

import numpy as np
import pytest

from semloc_ros.errors import InputError
from semloc_ros.geometry import se3
from semloc_ros.localization.odometry_fit import fit_odometry_errors

RATE_NS = 100_000_000


def drive(rng: np.random.Generator, metres: float, along=0.0, turn=0.0):
    """Stamps, odometry and true positions; odometry has scale, turn scale, drift and noise."""
    steps = int(metres / 0.1)
    turns = 0.03 * np.sin(np.arange(steps) / 40.0) + 0.012 * np.sin(np.arange(steps) / 171.0)
    true, wheels = [np.eye(4)], [np.eye(4)]
    for one in turns:
        true.append(true[-1] @ se3.exp([0.1, 0, 0, 0, 0, one]))
        way = (0.1 + along * np.sqrt(0.1) * rng.normal()) / 1.04
        turned = (one - 0.01 * 0.1 + turn * np.sqrt(0.1) * rng.normal()) / 0.97
        wheels.append(wheels[-1] @ se3.exp([way, 0, 0, 0, 0, turned]))
    return np.arange(steps + 1) * RATE_NS, np.array(wheels), np.array(true)[:, :2, 3]


def test_systematic_errors_are_found() -> None:
    rng = np.random.default_rng(0)
    stamps, wheels, truth = drive(rng, 150.0)
    seen = np.arange(0, len(stamps), 7)
    turned = truth[seen] @ np.array([[0.0, 1], [-1, 0]]) + (500.0, -80.0)
    found = fit_odometry_errors(stamps, wheels, stamps[seen] + RATE_NS // 3, turned, 20.0)
    assert found.scale == pytest.approx(1.04, abs=0.002)
    assert found.turn_scale == pytest.approx(0.97, abs=0.002)
    assert found.drift == pytest.approx(0.01 * 1.04, abs=0.0003)  # by odometry's metres
    assert found.residual_m < 0.05
    assert found.along < 0.01 and found.turn < 0.006


def test_random_errors_are_found() -> None:
    rng = np.random.default_rng(1)
    along, turn = [], []
    for _ in range(3):
        stamps, wheels, truth = drive(rng, 400.0, along=0.05, turn=0.02)
        noisy = truth[::5] + rng.normal(0, 0.05, (len(truth[::5]), 2))
        found = fit_odometry_errors(stamps, wheels, stamps[::5], noisy, 20.0)
        along.append(found.along)
        turn.append(found.turn)
    assert np.mean(along) == pytest.approx(0.05, rel=0.4)
    assert np.mean(turn) == pytest.approx(0.02, rel=0.5)


def test_noise_of_the_positions_is_not_taken_for_that_of_odometry() -> None:
    rng = np.random.default_rng(2)
    stamps, wheels, truth = drive(rng, 300.0)
    noisy = truth[::5] + rng.normal(0, 0.3, (len(truth[::5]), 2))
    found = fit_odometry_errors(stamps, wheels, stamps[::5], noisy, 20.0)
    assert found.along < 0.05 and found.turn < 0.015
    assert found.residual_m == pytest.approx(0.3 * np.sqrt(2), rel=0.1)


def test_a_short_drive_is_refused() -> None:
    stamps, wheels, truth = drive(np.random.default_rng(3), 20.0)
    with pytest.raises(InputError, match="odometry: expected at least 30 m of way, got"):
        fit_odometry_errors(stamps, wheels, stamps, truth, 10.0)
